"""What a flow positively proves, stage by stage: the good news, with frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

from pcapaudit.catalog.schema import Endpoint
from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.model.events import (
    Event,
    FtpCommand,
    FtpReply,
    HttpRequest,
    HttpResponse,
    Packet,
    PostgresMessage,
    TlsAlert,
    TlsCertificates,
    TlsClientHello,
    TlsRecords,
    TlsServerHello,
)
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Stage, State

TLS13 = 0x0304
TLS13_SUITES = 0x13
"""First octet of the cipher suites of TLS 1.3 (RFC 8446, appendix B.4)."""
TRANSFERS = frozenset({"STOR", "STOU", "APPE", "RETR", "LIST", "NLST", "MLSD"})
"""FTP commands that move data over a connection of its own."""
CONTINUE, SWITCHING, NOT_MODIFIED = 100, 101, 304
TLS_FLIGHT = frozenset({TlsClientHello, TlsServerHello, TlsRecords})
TLS_TALK = TLS_FLIGHT | {TlsCertificates}
WORDS = frozenset({HttpRequest, HttpResponse, FtpCommand, FtpReply, PostgresMessage})
"""Messages of protocols that tell success from failure in the clear."""
LASTING_NS = 20_000_000_000
"""An answer that comes this long after the opening shows that the connection persists."""


class Shown(Sequence[int]):
    """Frame numbers that are looked up when they are to be shown; of most proofs they never are.

    Args:
        find: Gives the packets, in the order in which they are shown.
    """

    def __init__(self, find: Callable[[], Iterable[Packet]]) -> None:
        self._find = find

    @cached_property
    def _frames(self) -> tuple[int, ...]:
        return tuple(p.frame for p in self._find())

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._frames[index]

    def __len__(self) -> int:
        return len(self._frames)


@dataclass(frozen=True, slots=True)
class Proof:
    """State of one stage with the frames that show it.

    ``time_ns`` says when it was so, for the stages before CONNECT; of a service its attempts tell that.
    """

    state: State
    summary: str
    frames: Sequence[int] = ()
    time_ns: int = 0
    reason: str | None = None


_IN_THE_CLEAR = Proof(State.NOT_APPLICABLE, "", reason="not encrypted")


def prove(flow: Flow, events: Sequence[Event], endpoint: Endpoint, *, is_persistent: bool) -> dict[Stage, Proof]:
    """Proofs of CONNECT, TLS, APP, RETURN and PERSIST for one flow; a missing stage is unknown.

    Args:
        flow: Oriented from the device to the service.
        events: What the two sides said.
        endpoint: The entry of the signature (transport, application, encryption).
        is_persistent: Whether the signature calls the connection persistent.
    """
    if flow.proto != TCP:
        return _prove_datagrams(flow)
    proofs: dict[Stage, Proof] = {}
    if flow.is_established:
        proofs[Stage.CONNECT] = _connect(flow)
    tls = _tls(flow, events, endpoint)
    if tls is not None:
        proofs[Stage.TLS] = tls
    is_late = flow.gave_up is not None
    answer = None if is_late else _answer(flow, events, endpoint)
    if answer is not None:
        proofs[Stage.RETURN] = _return(flow, answer)
    app = None if is_late else _app(events, answer, endpoint)
    if app is not None:
        proofs[Stage.APP] = app
    lasting = _persist(flow) if is_persistent else None
    if lasting is not None:
        proofs[Stage.PERSIST] = lasting
    return proofs


def _prove_datagrams(flow: Flow) -> dict[Stage, Proof]:
    if not (flow.sent and flow.received):
        return {}
    # UDP has no handshake: the first reply proves connection and way back at once (catalogue 14.3.1).
    proof = Proof(State.OK, "the server replied", Shown(lambda: (flow.sent[0], flow.received[0])))
    return {Stage.CONNECT: proof, Stage.RETURN: proof}


def _connect(flow: Flow) -> Proof:
    if not flow.has_opening:
        first = Shown(lambda: flow.packets[:1])
        return Proof(State.IMPLIED, "connection is older than the capture", first, reason="capture started later")
    return Proof(State.OK, "handshake completed", Shown(lambda: _handshake(flow)))


def _handshake(flow: Flow) -> Iterator[Packet]:
    yield flow.syns[-1]
    yield from flow.syn_acks[-1:]
    if flow.established_at is not None:
        yield flow.established_at


def _tls(flow: Flow, events: Sequence[Event], endpoint: Endpoint) -> Proof | None:
    if TLS_TALK.isdisjoint(map(type, events)):
        if endpoint.encrypted or endpoint.app == "tls":
            return None
        spoken = flow.is_established and (flow.sent_data or flow.received_data)
        return _IN_THE_CLEAR if spoken else None
    if any(isinstance(e, TlsAlert) and e.level == 2 for e in events):
        return None
    both, hellos = _both_ways(events), [e for e in events if isinstance(e, TlsClientHello)]
    if both is None and hellos and not flow.received and _went_on(flow, events) is not None:
        # One direction only: the device went on past its handshake and acknowledged what it got.
        last = flow.sent_data[-1]
        ends = (hellos[0].at.frame, last.frame)
        return Proof(State.IMPLIED, "handshake went on", ends, reason="one direction captured")
    if both is None:
        return None
    state = State.OK if hellos else State.IMPLIED
    frames = tuple(sorted({*(e.at.frame for e in hellos[:1]), both.frame}))
    return Proof(state, "handshake completed", frames, reason=None if hellos else "handshake before the capture")


def _both_ways(events: Sequence[Event]) -> Packet | None:
    """The responder's last application record, when both sides sent data beyond the handshake.

    In TLS 1.3 the handshake itself uses type 23 (RFC 8446, section 5.1): the client's first such
    record is its Finished, so a second one must be there; also where the version is not in the capture.
    """
    client = next((e for e in events if isinstance(e, TlsRecords) and e.from_client), None)
    server = next((e for e in events if isinstance(e, TlsRecords) and not e.from_client), None)
    hello = next((e for e in reversed(events) if isinstance(e, TlsServerHello)), None)
    if client is None or server is None or server.last_application is None or client.first_application_frame is None:
        return None
    needed = 2 if _may_be_13(hello, client, events) else 1
    if client.application < needed or server.application < 1:
        return None
    return server.last_application if server.last_application.frame >= client.first_application_frame else None


def _went_on(flow: Flow, events: Sequence[Event]) -> Packet | None:
    """The originator's last acknowledgment, when it sent application data beyond its handshake and got an answer.

    For captures of its direction alone: an alert, clear or as the one hidden record of TLS 1.3, is no going on.
    """
    client = next((e for e in events if isinstance(e, TlsRecords) and e.from_client), None)
    if client is None or client.first_application_frame is None or flow.last_answer is None:
        return None
    if any(isinstance(e, TlsAlert) and e.level == 2 for e in events):
        return None
    needed = 1 if client.has_key_exchange else 2
    is_answered = flow.last_answer.frame > client.first_application_frame
    return flow.last_answer if client.application >= needed and is_answered else None


def _may_be_13(hello: TlsServerHello | None, client: TlsRecords, events: Sequence[Event]) -> bool:
    """Whether the connection speaks TLS 1.3, or began in the capture without telling that it does not."""
    if hello is not None:
        return hello.version >= TLS13 or hello.cipher >> 8 == TLS13_SUITES
    return any(isinstance(e, TlsClientHello) for e in events) and not client.has_key_exchange


def transfer_done(events: Sequence[Event]) -> Packet | None:
    """The last reply by which an FTP server says that a transfer was completed; None when there is none.

    226 says so but after ABOR, 250 only behind a command that moves data (RFC 959, section 5.4).
    """
    verb, done = "", None
    for event in events:
        if isinstance(event, FtpCommand):
            verb = event.verb
        elif isinstance(event, FtpReply) and (
            (event.code == 226 and verb != "ABOR") or (event.code == 250 and verb in TRANSFERS)
        ):
            done = event.at
    return done


def _good_word(events: Sequence[Event], endpoint: Endpoint) -> tuple[str, Packet] | None:
    """The last message in the clear by which a service says that it served, in words and with its packet."""
    if not is_worded(events):
        return None
    transfer = transfer_done(events)
    if transfer is not None:
        return "FTP transfer done", transfer
    said = [e for e in events if isinstance(e, PostgresMessage) and not e.from_client]
    session = [e.at for e in said if e.kind in ("auth_ok", "ready")]
    if session and (said[-1].kind != "error" or any(e.kind == "ready" for e in said)):
        return "database session started", session[-1]
    # What a proxy says to CONNECT is not the service's word.
    is_tunnel = any(isinstance(e, HttpRequest) and e.method == "CONNECT" for e in events)
    for event in () if is_tunnel else reversed(events):
        if isinstance(event, HttpResponse) and _is_success(event, endpoint):
            return f"HTTP {event.status}", event.at
    return None


def _is_success(response: HttpResponse, endpoint: Endpoint) -> bool:
    """Whether a status says that the service served; a websocket is served by 101 alone (RFC 6455, section 4.1)."""
    status = response.status
    if endpoint.app == "websocket":
        return status == SWITCHING
    if status == CONTINUE:
        return False
    return status < 300 or status == NOT_MODIFIED or (status < 400 and response.location is not None)


def is_worded(events: Sequence[Event]) -> bool:
    """Whether a protocol is spoken whose messages tell success from failure, be the answers in the capture or not."""
    return not WORDS.isdisjoint(map(type, events))


def _answer(flow: Flow, events: Sequence[Event], endpoint: Endpoint) -> Packet | None:
    """The packet that shows the service answering with data of its own; None when none does.

    Words of refusal are no answer; FTP has answered only when a transfer was completed (X-12).
    """
    if not TLS_FLIGHT.isdisjoint(map(type, events)):
        return _both_ways(events) if flow.received else _went_on(flow, events)
    if not flow.has_two_way_data:
        # Where the server's side alone was captured: that a transfer is done is its word, and needs no other.
        return transfer_done(events)
    if is_worded(events) or endpoint.app == "ftp":
        good = _good_word(events, endpoint)
        return good[1] if good is not None else None
    return flow.last_answer


def _return(flow: Flow, answer: Packet) -> Proof:
    return Proof(State.OK, "data went out and an answer came back", Shown(lambda: _exchange(flow, answer)))


def _exchange(flow: Flow, answer: Packet) -> list[Packet]:
    """The first data, the first answer and the one that counts, each once, by frame."""
    packets = (*flow.sent_data[:1], flow.first_answer, answer)
    return [p for _, p in sorted({p.frame: p for p in packets if p is not None}.items())]


def _app(events: Sequence[Event], answer: Packet | None, endpoint: Endpoint) -> Proof | None:
    good = _good_word(events, endpoint)
    if good is not None and not any(isinstance(e, TlsClientHello) for e in events):
        return Proof(State.OK, good[0], (good[1].frame,))
    if answer is None:
        return None
    is_hidden = any(isinstance(e, TlsRecords) for e in events)
    reason = "encrypted; its content is not visible" if is_hidden else "two-way data seen"
    return Proof(State.IMPLIED, reason, (answer.frame,), reason=reason)


def _persist(flow: Flow) -> Proof | None:
    last = flow.last_answer
    lasted_ns = last.time_ns - flow.first_ns if last is not None else 0
    if last is None or lasted_ns < LASTING_NS:
        return None
    seconds = lasted_ns / 1e9
    return Proof(State.OK, f"answered for {seconds:.0f} s on one connection", (flow.first_frame, last.frame))
