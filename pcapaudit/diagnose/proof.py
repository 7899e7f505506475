"""What a flow positively proves, stage by stage: the good news, with frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcapaudit.catalog.schema import Endpoint
from pcapaudit.diagnose.fired import choose_frames
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
from pcapaudit.model.words import Stage, State

TLS13 = 0x0304
TRANSFERS = frozenset({"STOR", "STOU", "APPE", "RETR", "LIST", "NLST", "MLSD"})
"""FTP commands that move data over a connection of its own."""
LASTING_NS = 20_000_000_000
"""An answer that comes this long after the opening shows that the connection persists."""


@dataclass(frozen=True, slots=True)
class Proof:
    """State of one stage with the frames that show it."""

    state: State
    summary: str
    frames: tuple[int, ...] = ()
    time_ns: int = 0
    reason: str | None = None


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
    answer = _answer(flow, events, endpoint)
    if answer is not None:
        proofs[Stage.RETURN] = _return(flow, answer)
    app = _app(events, answer)
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
    asked, reply = flow.sent[0], flow.received[0]
    proof = Proof(State.OK, "the server replied", (asked.frame, reply.frame), reply.time_ns)
    return {Stage.CONNECT: proof, Stage.RETURN: proof}


def _connect(flow: Flow) -> Proof:
    ack = flow.established_at
    if ack is None:
        first = flow.packets[0] if flow.packets else None
        frames: tuple[int, ...] = (first.frame,) if first else ()
        return Proof(
            State.IMPLIED, "connection is older than the capture", frames, flow.first_ns, "capture started later"
        )
    frames = tuple(p.frame for p in (flow.syns[-1], *flow.syn_acks[-1:], ack))
    return Proof(State.OK, "handshake completed", frames, ack.time_ns)


def _tls(flow: Flow, events: Sequence[Event], endpoint: Endpoint) -> Proof | None:
    hellos = [e for e in events if isinstance(e, TlsClientHello)]
    records = [e for e in events if isinstance(e, TlsRecords)]
    if not hellos and not records and not any(isinstance(e, TlsServerHello | TlsCertificates) for e in events):
        if endpoint.encrypted or endpoint.app == "tls":
            return None
        spoken = flow.is_established and (flow.sent_data or flow.received_data)
        return Proof(State.NOT_APPLICABLE, "", reason="not encrypted") if spoken else None
    if any(isinstance(e, TlsAlert) and e.level == 2 for e in events):
        return None
    both = _both_ways(events)
    if both is None and hellos and not flow.received and flow.answered_bytes and flow.sent_data[1:]:
        # One direction only: the device went on past its hello and acknowledged what it got.
        last = flow.sent_data[-1]
        return Proof(
            State.IMPLIED, "handshake went on", (hellos[0].at.frame, last.frame), last.time_ns, "one direction captured"
        )
    if both is None:
        return None
    state = State.OK if hellos else State.IMPLIED
    frames = tuple(sorted({*(e.at.frame for e in hellos[:1]), both.frame}))
    return Proof(state, "handshake completed", frames, both.time_ns, None if hellos else "handshake before the capture")


def _both_ways(events: Sequence[Event]) -> Packet | None:
    """The responder's last application record, when both sides sent data beyond the handshake.

    In TLS 1.3 the handshake itself uses type 23 (RFC 8446, section 5.1): the client's first such
    record is its Finished, so a second one must be there.
    """
    client = next((e for e in events if isinstance(e, TlsRecords) and e.from_client), None)
    server = next((e for e in events if isinstance(e, TlsRecords) and not e.from_client), None)
    hello = next((e for e in reversed(events) if isinstance(e, TlsServerHello)), None)
    if client is None or server is None or server.last_application is None or client.first_application is None:
        return None
    needed = 2 if hello is not None and hello.version >= TLS13 else 1
    if client.application < needed or server.application < 1:
        return None
    return server.last_application if server.last_application.frame >= client.first_application.frame else None


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


def _good_word(events: Sequence[Event]) -> tuple[str, Packet] | None:
    """The last message in the clear by which a service says that it served, in words and with its packet."""
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
        if isinstance(event, HttpResponse) and event.status != 100 and (event.status < 300 or event.status == 304):
            return f"HTTP {event.status}", event.at
        if isinstance(event, HttpResponse) and event.status < 400 and event.location is not None:
            return f"HTTP {event.status}", event.at
    return None


def is_worded(events: Sequence[Event]) -> bool:
    """Whether the service speaks a protocol whose messages tell success from failure."""
    return any(
        isinstance(e, HttpResponse | FtpReply) or (isinstance(e, PostgresMessage) and not e.from_client) for e in events
    )


def _answer(flow: Flow, events: Sequence[Event], endpoint: Endpoint) -> Packet | None:
    """The packet that shows the service answering with data of its own; None when none does.

    Words of refusal are no answer; FTP has answered only when a transfer was completed (X-12).
    """
    if any(isinstance(e, TlsClientHello | TlsServerHello | TlsRecords) for e in events):
        if not flow.received:
            return flow.last_answer if flow.answered_bytes and len(flow.sent_data) > 2 else None
        return _both_ways(events)
    if not flow.has_two_way_data:
        return None
    if is_worded(events) or endpoint.app == "ftp":
        good = _good_word(events)
        return good[1] if good is not None else None
    return flow.last_answer


def _return(flow: Flow, answer: Packet) -> Proof:
    frames = [p.frame for p in flow.sent_data[:1]] + [p.frame for p in (flow.first_answer,) if p] + [answer.frame]
    return Proof(State.OK, "data went out and an answer came back", tuple(choose_frames(frames)), answer.time_ns)


def _app(events: Sequence[Event], answer: Packet | None) -> Proof | None:
    good = _good_word(events)
    if good is not None and not any(isinstance(e, TlsClientHello) for e in events):
        return Proof(State.OK, good[0], (good[1].frame,), good[1].time_ns)
    if answer is None:
        return None
    is_hidden = any(isinstance(e, TlsRecords) for e in events)
    reason = "encrypted; its content is not visible" if is_hidden else "two-way data seen"
    return Proof(State.IMPLIED, reason, (answer.frame,), answer.time_ns, reason)


def _persist(flow: Flow) -> Proof | None:
    last = flow.last_answer
    if last is None or last.time_ns - flow.first_ns < LASTING_NS:
        return None
    seconds = (last.time_ns - flow.first_ns) / 1e9
    return Proof(
        State.OK, f"answered for {seconds:.0f} s on one connection", (flow.first_frame, last.frame), last.time_ns
    )
