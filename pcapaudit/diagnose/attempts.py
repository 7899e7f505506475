"""Attempts: each time the device tried one of its vendor's services, and how far that got.

Flows are bound to the needs of the signature by port and by the names that the device
was given for the address. What a packet proves in favour of the device is noted here, stage
by stage; what speaks against it is the business of the rules.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pcapaudit.catalog.schema import Endpoint, Need, Range, Signature
from pcapaudit.diagnose.proof import Proof, prove
from pcapaudit.flows import layout
from pcapaudit.flows.flow import RST, TCP, UDP, Flow
from pcapaudit.flows.flow import Endpoint as FarEnd
from pcapaudit.flows.numbering import ends_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_inside, translated
from pcapaudit.model.events import Event, HttpRequest, HttpResponse, Packet, TlsClientHello
from pcapaudit.model.words import Stage, State

TRANSPORTS = {TCP: "tcp", UDP: "udp"}
COMMON_PORTS = frozenset({21, 22, 23, 25, 53, 67, 80, 110, 123, 143, 443, 445, 853, 993, 3128, 3389, 5353, 8080, 8443})
"""Ports that say nothing of a vendor: a flow there needs a name or an address to belong to a need."""
WORDED_APPS = frozenset({"tls", "http", "ftp", "postgres", "websocket"})
WORDED_PORTS = frozenset({21, 80, 443, 5432})
LATE_NS = 1_000_000_000
LATE_SHARE = 0.8
"""Replies over one slow line take about the same time."""
MAX_BESIDE = 500
"""Flows of the device behind the beginning of a control connection that are looked at for a transfer beside it."""
SPECIAL_APPS = frozenset({"dns", "ntp"})
"""Needs judged by the exchanges of their own stage, not by attempts."""


@dataclass(eq=False)
class Attempt:
    """One try to use a service: a TCP connection, or one UDP source port. Each is equal to itself alone.

    Attributes:
        member: Which endpoint entry of the need it belongs to (any-of and all-of groups).
        host: Name that led to the address, None when the capture does not show it.
        began_ns: When it began (ns UTC).
        tries: The packets that asked for an answer: SYNs, or datagrams.
        proofs: What was positively seen, by stage.
        failed_at: Stage at which a rule found it broken, set by the verdict model.
        is_late: The first reply came when the device had given up on it; it proves nothing.
        lost_ns: When it broke, if the service had answered on it before; set with ``failed_at``.
    """

    need: Need
    member: int
    host: str | None
    address: bytes
    transport: str
    port: int
    flow: Flow
    began_ns: int
    events: Sequence[Event]
    tries: list[Packet]
    proofs: dict[Stage, Proof] = field(default_factory=dict)
    failed_at: Stage | None = None
    lost_ns: int | None = None
    is_late: bool = False

    @property
    def endpoint(self) -> Endpoint:
        """The entry of the signature that it matches."""
        return self.need.endpoints[self.member]

    @property
    def failing_ns(self) -> int:
        """Since when it does not work, if it has failed: from its beginning, or from when it was lost."""
        return self.began_ns if self.lost_ns is None else self.lost_ns

    @property
    def last_try_ns(self) -> int:
        """When the device last asked."""
        return self.tries[-1].time_ns if self.tries else self.flow.last_ns

    @property
    def key(self) -> tuple[str | None, bytes, str, int]:
        """Host, address, transport and port: attempts with one key form a series."""
        return (self.host, self.address, self.transport, self.port)

    @property
    def frames(self) -> list[int]:
        """Frames of the tries."""
        return [p.frame for p in self.tries]

    def has(self, stage: Stage) -> bool:
        """Whether the stage was positively seen, or is implied by what was seen."""
        proof = self.proofs.get(stage)
        return proof is not None and (proof.state is State.OK or proof.state is State.IMPLIED)

    @property
    def answered_ns(self) -> int | None:
        """When the service last answered with data of its own; None when it never did."""
        if not self.has(Stage.RETURN) or (self.failed_at not in (None, Stage.PERSIST) and self.lost_ns is None):
            return None
        return self._last_answer_ns

    @cached_property
    def _last_answer_ns(self) -> int:
        last = self.flow.last_answer
        return last.time_ns if last is not None else self.flow.last_ns

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing at all came back in time: no handshake, no reset, no datagram."""
        return not self.has(Stage.CONNECT) and (self.is_late or not self.flow.received)

    def of(self, *kinds: type) -> list[Event]:
        """Its messages of the given classes."""
        return [e for e in self.events if isinstance(e, kinds)]


@dataclass(frozen=True)
class Series:
    """All attempts at one endpoint, whatever the source port."""

    attempts: tuple[Attempt, ...]

    @property
    def first(self) -> Attempt:
        """The earliest attempt."""
        return self.attempts[0]

    @property
    def tries(self) -> list[Packet]:
        """Every asking packet in frame order."""
        return sorted((p for a in self.attempts for p in a.tries), key=lambda p: p.frame)


def series_of(attempts: Iterable[Attempt]) -> list[Series]:
    """Group attempts by endpoint, in order of the first attempt."""
    table: dict[tuple[str | None, bytes, str, int], list[Attempt]] = {}
    for attempt in attempts:
        table.setdefault(attempt.key, []).append(attempt)
    return [Series(tuple(group)) for group in table.values()]


_Bound = tuple[Need, int, str | None]
"""The need that a call belongs to, which of its endpoints, and the name that led there."""


class _Call(NamedTuple):
    """A flow from the side that called: its row of the flow table, to where it went, and when it began.

    ``flow`` is None where it is not turned to another side than the one that its digest tells.
    """

    row: int
    proto: int
    resp: FarEnd
    first_ns: int
    is_outward: bool
    flow: Flow | None = None


class Binder:
    """Decides which flows of one device belong to which need of its signature.

    Args:
        traffic: The capture.
        signature: What the device is taken for.
        names: Address -> names known for it (the device's own lookups first).
        told: Address -> each name that an answer to the device gave it, with the answer's packet.
        params: Values of the signature's parameters (``app_port`` -> 57123).
        is_certain: The engineer named the signature: flows on common ports to addresses
            without any known name are accepted as well.
    """

    def __init__(
        self,
        traffic: Traffic,
        signature: Signature,
        names: Mapping[bytes, Sequence[str]],
        params: Mapping[str, int],
        *,
        is_certain: bool,
        told: Mapping[bytes, Sequence[tuple[str, Packet]]] | None = None,
    ) -> None:
        self._traffic = traffic
        self._signature = signature
        self._names = names
        self._params = params
        self._is_certain = is_certain
        self._endpoints = [
            (need, member, endpoint)
            for need in signature.needs
            for member, endpoint in enumerate(need.endpoints)
            if endpoint.app not in SPECIAL_APPS
        ]
        self._known: dict[bytes, tuple[str, ...]] = {}
        self._by_port: dict[tuple[str, int, str], list[tuple[Need, int]]] = {}
        self._by_name: dict[tuple[int, tuple[str, ...]], tuple[int, str] | None] = {}
        self._told = {a: sorted((p.time_ns, name) for name, p in found) for a, found in (told or {}).items()}

    def attempts(self, flows: Sequence[int], addresses: frozenset[bytes]) -> list[Attempt]:
        """The attempts among these flows, in order of their beginning."""
        found = (self._attempt(call) for call in self._calls(self._likely(flows), addresses))
        ordered = sorted((a for a in found if a is not None), key=lambda a: (a.began_ns, a.flow.index))
        if self._signature.walks_servers:
            _mark_late([a for a in ordered if a.transport == "udp"], self._closed_ports(addresses))
        return ordered

    def _closed_ports(self, addresses: frozenset[bytes]) -> Counter[tuple[bytes, int]]:
        """Far address and own port of the datagrams that the device refuses, because nothing listens there any more."""
        refused = (m.quoted for m in self._traffic.icmp_of(addresses) if m.at.src in addresses and m.quoted is not None)
        return Counter((q.src, q.dport) for q in refused if q.proto == UDP and q.dport is not None)

    def _likely(self, flows: Sequence[int]) -> npt.NDArray[np.int64]:
        """Flows on a port of a need, and those in which somebody may be asked to go there."""
        places = np.asarray(flows, np.int64)
        table = self._traffic.result.flows
        protocols, fits = table["proto"][places], self._traffic.spoken.http[places]
        for protocol, transport in TRANSPORTS.items():
            on_port = self._ports_of(transport)
            is_there = on_port[table["a_port"][places]] | on_port[table["b_port"][places]]
            fits = fits | ((protocols == protocol) & is_there)
        likely: npt.NDArray[np.int64] = places[fits]
        return likely

    def _ports_of(self, transport: str) -> npt.NDArray[np.bool_]:
        """Which of all ports are those of some need."""
        found = np.zeros(1 << 16, np.bool_)
        for _, _, endpoint in self._endpoints:
            if endpoint.transport == transport:
                for ports in self._ranges_of(endpoint):
                    found[ports.low : ports.high + 1] = True
        return found

    def _ranges_of(self, endpoint: Endpoint) -> Sequence[Range]:
        """Ports of an endpoint; the engineer's value goes before the signature's."""
        value = self._params.get(endpoint.param) if endpoint.param is not None else None
        return endpoint.ports if value is None else (Range(value, value),)

    def _calls(self, flows: npt.NDArray[np.int64], addresses: frozenset[bytes]) -> Iterator[_Call]:
        """Flows from the side that called. Of a TCP connection seen from its opening the digest tells that side."""
        words = self._traffic.digests.table[flows]
        is_from_b = words[:, layout.STATE] & layout.FROM_B
        is_opened = (words[:, layout.SYNS] > 0) | (words[:, layout.SIDE + layout.SYN_ACK_AT] > 0)
        first_ns = self._traffic.result.flows["first_ns"][flows]
        columns = (column.tolist() for column in (flows, is_from_b, is_opened, first_ns))
        ends = ends_of(self._traffic, flows)
        for (a, a_port, b, b_port, proto), index, turned, opened, time_ns in zip(ends, *columns, strict=True):
            if proto == TCP and opened:
                own, far = (b, (a, a_port)) if turned else (a, (b, b_port))
                yield _Call(index, proto, far, time_ns, own in addresses)
            else:
                flow = self._turned(index, addresses)
                yield _Call(index, proto, flow.resp, time_ns, flow.orig[0] in addresses, flow)

    def _turned(self, index: int, addresses: frozenset[bytes]) -> Flow:
        """A flow that the capture may show from its middle, or from its answer, as the device's own."""
        flow = self._traffic.flow(index)
        own = flow.orig[0] if flow.orig[0] in addresses else flow.resp[0]
        is_sure = flow.proto == UDP and bool(flow.sent) and not self._is_reply(flow, own)
        return flow if is_sure else flow.seen_from(own)

    def _attempt(self, call: _Call) -> Attempt | None:
        index, traffic = call.row, self._traffic
        events = traffic.conversation(index) if call.proto == TCP else []
        bound = self._bind(call, events)
        if bound is None:
            return None
        need, member, host = bound
        flow = call.flow or traffic.flow(index)
        tries = (flow.syns or flow.sent_data[:1]) if call.proto == TCP else flow.sent
        far = flow.resp if call.is_outward else flow.orig
        transport, port = TRANSPORTS[call.proto], flow.resp[1]
        attempt = Attempt(need, member, host, far[0], transport, port, flow, call.first_ns, events, list(tries))
        attempt.is_late = call.proto == TCP and _resets_late_answer(flow)
        attempt.proofs = prove(flow, events, need.endpoints[member], is_persistent=need.persistent)
        if index in traffic.cut_flows and _is_worded(attempt) and _is_unread(events):
            # What was said lies behind the snap length: that something was said proves no answer.
            attempt.proofs = {s: p for s, p in attempt.proofs.items() if s is Stage.CONNECT}
        if attempt.endpoint.app == "ftp" and attempt.has(Stage.TLS) and not self._moves_data(attempt):
            # An unreadable dialogue is no transfer: without a data connection beside it nothing was served.
            attempt.proofs = {s: p for s, p in attempt.proofs.items() if s in (Stage.CONNECT, Stage.TLS)}
        return attempt

    def _is_reply(self, flow: Flow, own: bytes) -> bool:
        """Whether the capture begins a flow of datagrams with the server's: it missed the one that asked."""
        if flow.orig[0] == own:
            return False
        is_asked = bool(self._endpoints_on("udp", flow.orig[1], "out"))
        return is_asked and not self._endpoints_on("udp", flow.resp[1], "in")

    def _moves_data(self, control: Attempt) -> bool:
        """Whether another connection of the two moved payload while the control connection lasted."""
        own = control.flow.orig[0] if control.flow.orig[0] != control.address else control.flow.resp[0]
        flows = self._traffic.flows_by_address.get(own, [])
        for index in flows[bisect(flows, control.flow.index) :][:MAX_BESIDE]:
            a_ip, _, b_ip, _, proto = self._traffic.ends(index)
            if proto == TCP and control.address in (a_ip, b_ip):
                flow = self._traffic.flow(index)
                is_beside = flow.first_ns <= control.flow.last_ns
                if is_beside and (flow.received_data or len(flow.unacked_data) < len(flow.sent_data)):
                    return True
        return False

    def _bind(self, call: _Call, events: Sequence[Event]) -> _Bound | None:
        """The need that a call belongs to best."""
        tunnel = proxied_to(events)
        port = call.resp[1] if tunnel is None else tunnel[1]
        possible = self._endpoints_on(TRANSPORTS[call.proto], port, "out" if call.is_outward else "in")
        names = self._names_of(call, events) if possible else ()
        best: _Bound | None = None
        highest = 0
        for need, member in possible:
            score, host = self._fit(need, call.resp, names)
            score += 1 if need.required else 0
            if host is not False and score > highest:
                best, highest = (need, member, host if isinstance(host, str) else None), score
        return best

    def _endpoints_on(self, transport: str, port: int, direction: str) -> list[tuple[Need, int]]:
        """Needs of a direction with a port among theirs, and which of their endpoints has it."""
        case = transport, port, direction
        known = self._by_port.get(case)
        if known is None:
            known = self._by_port[case] = [
                (need, member)
                for need, member, endpoint in self._endpoints
                if need.direction == direction
                and endpoint.transport == transport
                and any(r.covers(port, port) for r in self._ranges_of(endpoint))
            ]
        return known

    def _fit(self, need: Need, resp: FarEnd, names: tuple[str, ...]) -> tuple[int, str | bool | None]:
        """How well a call on a fitting port belongs to a need; False as host when it does not."""
        if need.direction == "in":
            return 2, None
        known = self._named(need, names)
        if known is not None:
            return known
        if need.hosts and names:
            return 0, False
        far = translated(resp[0]) or resp[0]
        hinted = any(is_inside(far, net) for net in need.addresses)
        if not need.hosts:
            return (5 if hinted or not need.addresses else 3), (names[0] if names else None)
        if hinted:
            return 6, None
        is_open = resp[1] not in COMMON_PORTS or self._is_certain
        return (3, None) if is_open else (0, False)

    def _named(self, need: Need, names: tuple[str, ...]) -> tuple[int, str] | None:
        """How well the first name that is one of a need's fits it; None when none does."""
        case = id(need), names
        if case not in self._by_name:
            self._by_name[case] = _match(need, names)
        return self._by_name[case]

    def _names_of(self, call: _Call, events: Sequence[Event]) -> tuple[str, ...]:
        """Names that lead to the far side; what the connection itself says goes before what was looked up.

        Several services may share an address (ALS-13): then only the connection's own words tell them apart, or
        else the name that led there last.
        """
        said = [e.sni for e in events if isinstance(e, TlsClientHello) and e.sni]
        said += [host for e in events if isinstance(e, HttpRequest) for host in (_host_of(e),) if host]
        if said:
            return tuple(dict.fromkeys(said))
        far = call.resp[0]
        if far not in self._known:
            self._known[far] = tuple(dict.fromkeys(self._names.get(far, ())))
        last = self._asked_last(call) if far in self._told else None
        return self._known[far] if last is None else tuple(dict.fromkeys([last, *self._known[far]]))

    def _asked_last(self, call: _Call) -> str | None:
        """The name whose answer gave the far address last before the call; None where no answer was seen."""
        told = self._told[call.resp[0]]
        place = bisect(told, call.first_ns, key=lambda t: t[0])
        return told[place - 1][1] if place else None


def _match(need: Need, names: Sequence[str]) -> tuple[int, str] | None:
    """The first name that a need mentions, exact mentions before families of names."""
    for name in names:
        patterns = [p for p in need.hosts if p.matches(name)]
        if patterns:
            return (9 if any("*" not in p.text for p in patterns) else 7), name
    return None


def _mark_late(datagrams: Sequence[Attempt], closed: Mapping[tuple[bytes, int], int]) -> None:
    """Note the attempts whose replies came when the device had given up: they prove nothing.

    Where the capture misses what the device did next, a reply that took as long as others that came too late,
    and after which nothing more was asked on that port, came too late as well.
    """
    late = {
        a
        for a, following in zip_longest(datagrams, datagrams[1:])
        if _has_left_before_reply(a, following) or _refuses_every_reply(a, closed)
    }
    shortest = min((_waited_ns(a) for a in late), default=None)
    for attempt in datagrams:
        received = attempt.flow.received
        is_left = bool(received) and attempt.last_try_ns < received[0].time_ns
        if attempt in late or (is_left and shortest is not None and _waited_ns(attempt) >= LATE_SHARE * shortest):
            attempt.proofs, attempt.is_late = {}, True


def _waited_ns(attempt: Attempt) -> int:
    return attempt.flow.received[0].time_ns - attempt.last_try_ns


def _has_left_before_reply(attempt: Attempt, following: Attempt | None) -> bool:
    """Whether the first reply came when the device had already turned to its next try, and it never came back.

    Such a reply is no success: the device that asked has given up on it.
    """
    received = attempt.flow.received
    return bool(received) and following is not None and attempt.last_try_ns < following.began_ns <= received[0].time_ns


def _refuses_every_reply(attempt: Attempt, closed: Mapping[tuple[bytes, int], int]) -> bool:
    """Whether the device had closed its port before the first reply: it answers each with port unreachable."""
    received = attempt.flow.received
    return bool(received) and closed.get((attempt.address, attempt.flow.orig[1]), 0) >= len(received)


def _resets_late_answer(flow: Flow) -> bool:
    """Whether the device had closed its socket when the SYN-ACK came: it resets an answer that fits its SYN.

    An answer within the first retransmission time-out (RFC 6298, section 2) is late for no stack: a client that
    resets it had another reason, such as a faster connection to another address (RFC 8305).
    """
    if flow.is_established or not flow.syns or not flow.syn_acks or flow.sent_data or flow.orig_isn is None:
        return False
    answer = flow.syn_acks[0]
    is_own = answer.ack == (flow.orig_isn + 1) % (1 << 32)
    has_reset = any(p.flags & RST and p.frame > answer.frame for p in flow.sent)
    return is_own and has_reset and answer.time_ns - flow.syns[0].time_ns >= LATE_NS


def _is_worded(attempt: Attempt) -> bool:
    """Whether the service speaks a protocol in which refusals are payload, too."""
    return attempt.transport == "tcp" and (attempt.endpoint.app in WORDED_APPS or attempt.port in WORDED_PORTS)


def _is_unread(events: Sequence[Event]) -> bool:
    """Whether nothing was read, or of an HTTP response no more than its first line: a portal says 200, too."""
    heads = [e for e in events if isinstance(e, HttpResponse)]
    has_more = any(e.content_type or e.upgrade or e.content_length is not None for e in heads)
    return not events or (bool(heads) and not has_more)


def _host_of(request: HttpRequest) -> str | None:
    """Host that a request names, without port; None for a bare address (RFC 9110, section 7.2)."""
    text = request.target if request.method == "CONNECT" else (request.host or "")
    name = text.rsplit(":", 1)[0] if text.count(":") == 1 else text
    return name.lower().rstrip(".") if any(c.isalpha() for c in name) and ":" not in name else None


def asks_proxy(events: Sequence[Event]) -> int:
    """Frame in which a connection asks a proxy for another server, 0 when it does not (RFC 9112, section 3.2).

    The snap length may have cut the name of that server away.
    """
    first = next((e for e in events if isinstance(e, HttpRequest)), None)
    is_meant = first is not None and (
        first.method == "CONNECT" or first.target.lower().startswith(("http://", "https://", "ftp://"))
    )
    return first.at.frame if first is not None and is_meant else 0


def proxied_to(events: Sequence[Event]) -> tuple[str, int] | None:
    """Host and port that a connection asks a proxy for; None when it asks no proxy.

    Source: RFC 9112, sections 3.2.2 (a whole URL as target) and 3.2.3 (CONNECT).
    """
    first = next((e for e in events if isinstance(e, HttpRequest)), None)
    if first is None:
        return None
    scheme, separator, rest = first.target.partition("://")
    if first.method == "CONNECT":
        authority = first.target
    elif separator and scheme.lower() == "http":
        authority = rest.partition("/")[0]
        authority += "" if ":" in authority.rpartition("]")[2] else ":80"
    else:
        return None
    host, _, port = authority.rpartition(":")
    return (host, int(port)) if port.isdecimal() and len(port) <= 5 else None
