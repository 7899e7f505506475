"""What one device did in a capture, counted: the ground on which a signature is proposed. Nothing here is judged."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise

from pcapaudit.diagnose.attempts import proxied_to
from pcapaudit.diagnose.domains import is_public_name
from pcapaudit.diagnose.facts import Facts
from pcapaudit.flows.exchanges import NtpPoll, Ping, names_by_address
from pcapaudit.flows.flow import UDP, Flow
from pcapaudit.model.addresses import is_public
from pcapaudit.model.events import Event, FtpCommand, FtpReply, HttpRequest, PostgresMessage, TlsClientHello
from pcapaudit.model.records import dataclass
from pcapaudit.model.traits import Traits

MAX_FLOWS = 5000
"""Conversations of a device that are looked at, the earliest first."""
MAX_NAMES = 2000
"""Names that are looked at, the earliest first."""
SHOWN = 3
"""Frames that are named where many could be."""
LASTING_S = 20.0
"""An answer so long after the opening, on a connection that nobody closes, shows that it is meant to stay."""
LOCAL_PORTS = frozenset({53, 67, 68, 123, 137, 138, 546, 547, 1900, 3702, 5350, 5351, 5353, 5355})
"""Ports of DNS, DHCP and NTP, which have parts of a signature of their own, and of the chatter inside a site."""
EPHEMERAL = 32768
"""From here on systems take ports for themselves, so that one seen once is no service (Linux; RFC 6335: 49152)."""
FTP_CONTROL = 21
MAX_PORT = 65535
"""A proxy may be asked for more, and a hostile packet may name port 0."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_APPS: Mapping[type, str] = {
    TlsClientHello: "tls", HttpRequest: "http", FtpCommand: "ftp", FtpReply: "ftp", PostgresMessage: "postgres",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Use:
    """All conversations that a device opened to one far side on one port.

    Attributes:
        transport: ``tcp`` or ``udp``.
        port: Of the service; where a proxy stands between, the one that it was asked for.
        name: By which the device went there: said in TLS or HTTP, else the one it asked for last; None without one.
        addresses: Of the far side, in order of first use; of one behind a proxy none are known.
        proxy: Address of the proxy that stands between; None without one.
        apps: Protocols that were read, in the words of a signature; ``opaque`` for none.
        is_encrypted: TLS was seen.
        conversations, answered: How many there were, and in how many something came back.
        lasted_s: How long the longest was answered, of those that nobody closed; None when that is short.
        intervals_s: Shortest and longest time from one beginning to the next; None for fewer than three.
        payload: Smallest and largest payload that the device sent in one packet, bytes; None without any.
        frames: First frames of the first conversations.
    """

    transport: str
    port: int
    name: str | None
    addresses: tuple[bytes, ...]
    proxy: bytes | None
    apps: tuple[str, ...]
    is_encrypted: bool
    conversations: int
    answered: int
    lasted_s: float | None
    intervals_s: tuple[float, float] | None
    payload: tuple[int, int] | None
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions of one kind to one far side: a resolver, a time server, what was pinged, who called.

    ``name`` is the one that led there, if any; ``port`` that of the device where others came to it.
    """

    address: bytes
    questions: int
    answered: int
    frame: int
    name: str | None = None
    transport: str = "udp"
    port: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a proposal rests on.

    Attributes:
        leases: Frames of the DHCP acknowledgments.
        uses: Far sides, in order of their first frame.
        resolvers: Whom it asked for names.
        given_resolvers: Name servers that DHCP gave.
        times, pings, callers: Time servers, echo requests, and who opened connections to it.
        queried: Names that it asked for -> frame of the first question.
        odd_names: Names on the wire that are no host names.
        seconds: From its first packet to the end of the capture.
    """

    leases: tuple[int, ...]
    uses: tuple[Use, ...]
    resolvers: tuple[Asked, ...]
    given_resolvers: frozenset[bytes]
    times: tuple[Asked, ...]
    pings: tuple[Asked, ...]
    callers: tuple[Asked, ...]
    queried: Mapping[str, int]
    odd_names: tuple[str, ...]
    seconds: float


def is_host_name(name: str) -> bool:
    """Whether a signature can hold the name: labels of letters, digits, hyphens, at most 253 characters, no address."""
    return len(name) <= 253 and not _ADDRESS.fullmatch(name) and all(map(_LABEL.fullmatch, name.split(".")))


def is_own_name(name: str | None) -> bool:
    """Whether it is a name that somebody registered; not one of this site (``wpad``, ``printer.local``)."""
    return name is not None and is_host_name(name) and is_public_name(name)


def look_at(facts: Facts, traits: Traits) -> Seen:
    """Count what a device did.

    Args:
        facts: The device, without a signature.
        traits: Of the same.
    """
    names = sorted({n for n in (*traits.queried, *traits.sni, *traits.http_hosts) if not is_host_name(n)})
    acks = [c.ack for c in facts.dhcp if c.ack is not None]
    return Seen(
        leases=tuple(a.at.frame for a in acks),
        uses=tuple(_uses(facts)),
        resolvers=tuple(_resolvers(facts)),
        given_resolvers=frozenset(server for a in acks for server in a.dns_servers),
        times=tuple(_times(facts)),
        pings=tuple(_pings(facts)),
        callers=tuple(_callers(traits)),
        queried=dict(islice(((n, frame) for n, frame in traits.queried.items() if is_host_name(n)), MAX_NAMES)),
        odd_names=tuple(names[:MAX_NAMES]),
        seconds=max(0, facts.traffic.end_ns - facts.host.first_ns) / 1e9,
    )


# --- far sides -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Talk:
    """One conversation and what it is for."""

    flow: Flow
    events: Sequence[Event]
    name: str | None
    port: int
    proxy: bytes | None


def _uses(facts: Facts) -> Iterator[Use]:
    """Far sides in order of their first frame; the data connections of FTP belong to its control connection."""
    talks = list(_talks(facts))
    files = {t.flow.resp[0] for t in talks if t.port == FTP_CONTROL}
    groups: dict[tuple[int, int, str | bytes], list[_Talk]] = defaultdict(list)
    for talk in talks:
        is_data = talk.flow.resp[0] in files and talk.port >= 1024
        if not is_data and 1 <= talk.port <= MAX_PORT:
            groups[talk.flow.proto, talk.port, talk.name or talk.flow.resp[0]].append(talk)
    yield from (_use(group) for group in groups.values())


def _talks(facts: Facts) -> Iterator[_Talk]:
    told = {a: [(p.frame, name) for name, p in found] for a, found in names_by_address(facts.lookups).items()}
    for flow in islice(facts.outward_flows, MAX_FLOWS):
        if flow.resp[1] in LOCAL_PORTS:
            continue
        events = facts.traffic.conversation(flow.index)
        own = [e for e in events if e.at.src in facts.addresses]
        target = proxied_to(own)
        if target is not None:
            yield _Talk(flow, events, _host_name(target[0]), target[1], flow.resp[0])
        else:
            name = _said(own) or _host_name(_asked_last(told.get(flow.resp[0], ()), flow.first_frame))
            yield _Talk(flow, events, name, flow.resp[1], None)


def _said(own: Iterable[Event]) -> str | None:
    """The name that the device says for the far side, in TLS before HTTP."""
    hello = next((e.sni for e in own if isinstance(e, TlsClientHello) and e.sni), None)
    host = next((e.host.split(":")[0] for e in own if isinstance(e, HttpRequest) and e.host), None)
    return _host_name(hello) or _host_name(host)


def _host_name(text: str | None) -> str | None:
    """The text in lower case where it is a host name."""
    return text.lower() if text and is_host_name(text.lower()) else None


def _asked_last(told: Sequence[tuple[int, str]], frame: int) -> str | None:
    """Of the names that led to an address the one that was told last before a frame."""
    at = bisect_right(told, frame, key=lambda pair: pair[0])
    return told[at - 1][1] if at else None


def _use(group: Sequence[_Talk]) -> Use:
    first = group[0]
    flows = [t.flow for t in group]
    apps = tuple(sorted({_app(t) for t in group if t.flow.received} or {"opaque"}))
    return Use(
        transport="udp" if first.flow.proto == UDP else "tcp",
        port=first.port,
        name=first.name,
        addresses=tuple(dict.fromkeys(t.flow.resp[0] for t in group if t.proxy is None)),
        proxy=next((t.proxy for t in group if t.proxy is not None), None),
        apps=apps,
        is_encrypted=any(isinstance(e, TlsClientHello) for t in group for e in t.events),
        conversations=len(group),
        answered=sum(1 for f in flows if f.received),
        lasted_s=_lasted(flows),
        intervals_s=_intervals([f.first_ns for f in flows]),
        payload=_payload(flows),
        frames=tuple(f.first_frame for f in flows[:SHOWN]),
    )


def _app(talk: _Talk) -> str:
    """The protocol that begins the conversation, in the words of a signature."""
    if any(isinstance(e, HttpRequest) and (e.upgrade or "").lower() == "websocket" for e in talk.events):
        return "websocket"
    spoken = (e for e in talk.events if not (isinstance(e, HttpRequest) and e.method == "CONNECT"))
    return next((_APPS[type(e)] for e in spoken if type(e) in _APPS), "opaque")


def _lasted(flows: Iterable[Flow]) -> float | None:
    lasting = [
        (f.last_answer.time_ns - f.first_ns) / 1e9 for f in flows if f.closed_at is None and f.last_answer is not None
    ]
    longest = max(lasting, default=0.0)
    return longest if longest >= LASTING_S else None


def _intervals(begun: Sequence[int]) -> tuple[float, float] | None:
    gaps = [(after - before) / 1e9 for before, after in pairwise(sorted(begun))]
    return (min(gaps), max(gaps)) if len(gaps) > 1 else None


def _payload(flows: Iterable[Flow]) -> tuple[int, int] | None:
    sizes = [p.payload_len for f in flows for p in f.sent if p.payload_len]
    return (min(sizes), max(sizes)) if sizes else None


# --- the site's own services, and who comes ----------------------------------------------------------------


def _resolvers(facts: Facts) -> Iterator[Asked]:
    table: dict[bytes, list[tuple[int, bool]]] = defaultdict(list)
    for query in (q for lookup in facts.lookups for q in lookup.queries if q.sent):
        table[query.resolver].append((query.sent[0].at.frame, bool(query.answers)))
    return _counted(table)


def _times(facts: Facts) -> Iterator[Asked]:
    polls: Sequence[NtpPoll] = facts.polls
    told = {a: [(p.frame, name) for name, p in found] for a, found in names_by_address(facts.lookups).items()}
    table: dict[bytes, list[tuple[int, bool]]] = defaultdict(list)
    for poll in polls:
        table[poll.server].append((poll.query.at.frame, poll.is_valid))
    for asked in _counted(table):
        name = _asked_last(told.get(asked.address, ()), asked.frame)
        yield Asked(asked.address, asked.questions, asked.answered, asked.frame, name)


def _pings(facts: Facts) -> Iterator[Asked]:
    pings: Sequence[Ping] = facts.pings
    table: dict[bytes, list[tuple[int, bool]]] = defaultdict(list)
    for ping in pings:
        table[ping.request.at.dst].append((ping.request.at.frame, ping.reply is not None))
    return _counted(table)


def _counted(table: Mapping[bytes, Sequence[tuple[int, bool]]]) -> Iterator[Asked]:
    """Far side -> frame of each question and whether it was answered, added up in order of the first frame."""
    for address, questions in sorted(table.items(), key=lambda item: min(item[1])):
        yield Asked(address, len(questions), sum(1 for _, ok in questions if ok), min(questions)[0])


def _callers(traits: Traits) -> Iterator[Asked]:
    """Who opened conversations to the device on a port that is a service, and got an answer."""
    servers = {c.address for c in traits.contacts if c.port == FTP_CONTROL}
    for c in traits.inbound:
        is_service = c.port not in LOCAL_PORTS and 1 <= c.port < EPHEMERAL
        if c.answered and is_service and c.address not in servers:
            yield Asked(c.address, c.tries, c.tries, c.first_frame, None, c.transport, c.port)


def is_inside_site(use: Use) -> bool:
    """Whether its addresses are known, and all of them such as any site may use for itself."""
    return bool(use.addresses) and not any(map(is_public, use.addresses))
