"""Somebody nearer answers in the place of a far server: doubled DNS answers, proxies that nobody was told of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.lookups import attempts_for, lookup_finding, need_of, relevant_lookups, served_after
from pcapaudit.diagnose.makers import NEAR_HOPS, hops_behind, hops_of
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.exchanges import DnsQuery, Lookup
from pcapaudit.flows.flow import TCP, UDP, Endpoint, Flow
from pcapaudit.flows.outward import Outward
from pcapaudit.flows.rows import first_syn_acks, openings
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_inside, is_public
from pcapaudit.model.events import DnsMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

DOUBLE_S = 1.0
"""Two answers to one question within this time (catalogue, DNS-DOUBLE-ANSWER)."""
NEXT_DOOR = 1
"""Hops of a resolver that stands in the site's own router, or right behind it."""
MAX_ANSWERS = 8
"""Answers to one question that are compared."""
MAX_FLOWS = 2000
"""Flows whose far end is looked at for its distance."""
NOISE_S = 0.005
"""Times below this say nothing: a busy host alone takes as long."""


# --- DNS ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Answers that cannot all come from the resolver: why, which ones, and the addresses that are not its."""

    text: str
    answers: Sequence[DnsMessage]
    wrong: frozenset[bytes]
    is_sure: bool
    """Whether the data differs from what the real resolver, or another one, says."""


@rule("DNS-DOUBLE-ANSWER", stage=Stage.DNS, outcomes="Fn", evidence=Evidence.STATISTICAL)
def double_answer(facts: Facts) -> Iterator[Fired]:
    """Something between the device and the resolver answers DNS.

    **Seen**: one question, asked once, gets two different answers within a second; or the answers of a public
    resolver come from next door, while other far servers of the same capture are farther away. It is a fault
    only where the device goes by the wrong answer and its service stays dead; else a remark.

    **Means**: a filter injects answers, or a transparent proxy (a DNAT rule) takes the questions.

    **Not this rule**: a question sent twice and answered twice; copies made by the mirror (equal data); a
    public resolver with a server nearby, whose TTL is that of a far one.

    **Ask the network team**: which box answers DNS on the way; let the device's questions through.
    """
    for lookup in relevant_lookups(facts):
        doubts = [d for q in lookup.queries for d in (_doubled(q) or _from_next_door(facts, q),) if d is not None]
        if doubts:
            yield _doubtful(facts, lookup, doubts)


def _doubled(query: DnsQuery) -> _Doubt | None:
    """Two different answers to a question that was asked once."""
    whole = [m for m in query.answers if m.is_complete and not m.is_truncated][:MAX_ANSWERS]
    if not query.sent or len(whole) <= len(query.sent):
        return None
    for one, other in combinations(whole, 2):
        if other.at.time_ns - one.at.time_ns <= ns(DOUBLE_S) and _data(one) != _data(other):
            sender = ip_text(one.at.src)
            text = (
                f"{sender} answers one question for {query.name} twice, with different data{_unlike(one.at, other.at)}"
            )
            return _Doubt(text, (one, other), _data(one)[1] - _data(other)[1], True)
    return None


def _data(message: DnsMessage) -> tuple[int, frozenset[bytes]]:
    return message.rcode, frozenset(r.data for r in message.answers if isinstance(r.data, bytes))


def _unlike(one: Packet, other: Packet) -> str:
    return f" (TTL {one.ttl} and {other.ttl})" if one.ttl != other.ttl else ""


def _from_next_door(facts: Facts, query: DnsQuery) -> _Doubt | None:
    """Answers "from" a public resolver that come from the site's own router."""
    near = [m for m in query.answers if is_public(m.at.src) and hops_of(m.at) <= NEXT_DOOR]
    if not near or not query.sent or _farthest(facts.traffic).hops <= NEAR_HOPS:
        return None
    own = _data(near[0])[1]
    told = _told_by_sender(facts.traffic, query.name)
    others = frozenset().union(*(addresses for sender, addresses in told.items() if sender != near[0].at.src))
    # Addresses of one name rotate: only one that neither the paper lists nor a neighbour of the others is another's.
    differs = bool(own and others) and own.isdisjoint(others) and not any(_is_known(facts, a, others) for a in own)
    text = f"answers of {ip_text(near[0].at.src)} come from {hops_of(near[0].at)} hops away (TTL {near[0].at.ttl})"
    return _Doubt(text, near[:MAX_ANSWERS], own if differs else frozenset(), differs)


def _told_by_sender(traffic: Traffic, name: str) -> dict[bytes, set[bytes]]:
    """Who answered a name -> the addresses that he told; put together once for each name."""
    known: dict[str, dict[bytes, set[bytes]]] = traffic.memo.setdefault("told_by_sender", {})
    if name not in known:
        table = known[name] = {}
        for m in traffic.dns_answers_about(name).saying(lambda m: _data(m)[1]):
            table.setdefault(m.at.src, set()).update(_data(m)[1])
    return known[name]


def _is_known(facts: Facts, address: bytes, others: frozenset[bytes]) -> bool:
    """Whether an address is one of the vendor's paper, or stands in the network of those that others were told."""
    listed = any(is_inside(address, network) for need in facts.needs for network in need.addresses)
    return listed or any(address[: len(address) // 2] == o[: len(o) // 2] for o in others)


@dataclass(frozen=True, slots=True)
class _Far:
    """The farthest public server that any host of the capture heard: its hops (0: none was heard) and a frame of it."""

    hops: int = 0
    frame: int | None = None


def _farthest(traffic: Traffic) -> _Far:
    """By the first packet of public servers on the first flows of the capture; found once per capture."""
    known: _Far | None = traffic.memo.get("farthest")
    if known is None:
        known = traffic.memo["farthest"] = _find_farthest(traffic)
    return known


def _find_farthest(traffic: Traffic) -> _Far:
    rows, flows = traffic.result.rows, min(len(traffic.result.flows), MAX_FLOWS)
    ends = (traffic.ends(i) for i in range(flows))
    is_far = np.array([[bool(a) and is_public(a), bool(b) and is_public(b)] for a, _, b, _, _ in ends], bool)
    early = traffic.digests.order[: traffic.digests.bounds[flows]]
    heard = early[is_far.reshape(-1, 2)[rows["flow"][early], rows["side"][early]]]
    firsts = heard[np.unique(rows["flow"][heard], return_index=True)[1]]
    hops = [hops_behind(ttl) for ttl in rows["ttl"][firsts].tolist()]
    found = (_Far(n, frame) for n, frame in zip(hops, rows["frame"][firsts].tolist(), strict=True))
    return max(found, key=_hops, default=_Far())


def _hops(far: _Far) -> int:
    return far.hops


def _doubtful(facts: Facts, lookup: Lookup, doubts: Sequence[_Doubt]) -> Fired:
    answers = [m for d in doubts for m in d.answers]
    surest = max(doubts, key=lambda d: d.is_sure)
    return lookup_finding(
        facts,
        "DNS-DOUBLE-ANSWER",
        surest.text,
        [lookup],
        answers,
        outcome=Outcome.FAILED if _is_misled(facts, lookup, surest, answers[0].at.time_ns) else Outcome.NOTE,
        need=need_of(facts, lookup.name),
        independent=len(doubts),
        is_agreed=len({m.at.ttl for m in surest.answers}) > 1,
        causes=[Cause("a filter or transparent proxy answers DNS on the way", 30, surest.text, "dns")],
    )


def _is_misled(facts: Facts, lookup: Lookup, doubt: _Doubt, since_ns: int) -> bool:
    """Whether the device went by the wrong answer alone, and the service never answered since."""
    if not doubt.is_sure or served_after(facts, [lookup.name], since_ns):
        return False
    went = {a.address for a in attempts_for(facts, [lookup.name]) if a.began_ns >= since_ns}
    return went <= doubt.wrong and facts.has_waited(since_ns, facts.params.dns_wait)


# --- TCP ------------------------------------------------------------------------------------------


@rule("TCP-PROXY-NEAR", stage=Stage.CONNECT, outcomes="n", evidence=Evidence.HEURISTIC)
def proxy_near(facts: Facts) -> Iterator[Fired]:
    """Something near the device opens connections in the place of a far server.

    **Seen**: the SYN-ACK of a public server comes in less than half the time that the same address needs for
    pings, datagrams or other ports; or its TTL says two hops or fewer, while other far servers of the same
    capture are farther away.

    **Means**: a transparent proxy, or a firewall that opens the connection itself before it lets it out.

    **Not this rule**: a copy of the service nearby, of a content network: then every packet of the address is near.

    **Ask the network team**: nothing for itself; it explains errors of TLS or HTTP on these connections.
    """
    opened = _first_opened(facts)
    times = _round_trips(facts, {address for address, _ in opened})
    for (address, port), attempt in opened.items():
        why = _too_soon(facts, times.get(address, {}), port) or _too_near(facts, attempt.flow)
        if why is not None:
            text, frames = why
            yield facts.finding(
                "TCP-PROXY-NEAR",
                Stage.CONNECT,
                f"something near opens the connections to {ip_text(address)} TCP {port}: {text}",
                [attempt.flow.syns[0], attempt.flow.syn_acks[0]] if attempt.flow.syns else attempt.flow.syn_acks[:1],
                outcome=Outcome.NOTE,
                need=attempt.need,
                target=Target(attempt.host, address, "tcp", port),
                decisive=frames,
                causes=[Cause("a transparent proxy", 30, text, "middlebox")],
            )


def _first_opened(facts: Facts) -> dict[tuple[bytes, int], Attempt]:
    """Address and port of each far service -> the first attempt at it that it accepted."""
    found: dict[tuple[bytes, int], Attempt] = {}
    for attempt in facts.attempts:
        key = (attempt.address, attempt.port)
        if attempt.transport == "tcp" and key not in found and is_public(attempt.address) and attempt.flow.syn_acks:
            found[key] = attempt
    return found


def _too_near(facts: Facts, flow: Flow) -> tuple[str, list[int]] | None:
    far = _farthest(facts.traffic)
    if far.hops <= NEAR_HOPS + facts.params.ttl_delta or not _is_answered_nearby(facts.traffic)[flow.index]:
        return None
    answer = flow.syn_acks[0]
    frames = [answer.frame, *([far.frame] if far.frame is not None else [])]
    return f"the SYN-ACK's TTL {answer.ttl} says {hops_of(answer)} hops, the address is public", frames


def _is_answered_nearby(traffic: Traffic) -> npt.NDArray[np.bool_]:
    """For each flow whether its first SYN-ACK says that it comes from nearby; found once per capture."""
    known: npt.NDArray[np.bool_] | None = traffic.memo.get("answered_nearby")
    if known is None:
        is_near = np.array([hops_behind(ttl) <= NEAR_HOPS for ttl in range(256)])
        flows, answers = first_syn_acks(traffic)
        known = np.zeros(len(traffic.result.flows), np.bool_)
        known[flows] = is_near[traffic.result.rows["ttl"][answers]]
        traffic.memo["answered_nearby"] = known
    return known


def _too_soon(facts: Facts, times: _Times, port: int) -> tuple[str, list[int]] | None:
    """Whether the port answers in less than half the time that anything else at the address takes."""
    own = times.get(port)
    others = [t for key, t in times.items() if key != port]
    if own is None or not others:
        return None
    fastest = min(others)
    longest = own[0] + facts.traffic.grain_ns
    if longest >= facts.params.rtt_factor * fastest[0] or fastest[0] < ns(NOISE_S):
        return None
    text = (
        f"the SYN-ACK comes after {own[0] / 1e6:.1f} ms, other answers of that address take {fastest[0] / 1e6:.1f} ms"
    )
    return text, [own[1], fastest[1]]


_Times = dict[int, tuple[int, int]]
"""Port (0 for pings) -> shortest time from question to answer of an address, and the frame of the answer."""


def _round_trips(facts: Facts, addresses: Container[bytes]) -> dict[bytes, _Times]:
    """How soon each of the addresses answered the device, where it has two ports or more that did."""
    pings = [(p.request.at, p.reply.at) for p in facts.pings if p.reply is not None and p.request.at.dst in addresses]
    outward = facts.outward_flows
    pinged = {asked.dst for asked, _ in pings}
    has_several = outward.has_several_ports | outward.leads_to(pinged.__contains__)
    several = outward.where(has_several & outward.leads_to(addresses.__contains__))
    if not several and not pings:
        return {}
    talks = several.where((several.protocols == UDP) & several.has_sent & several.is_answered)
    times = [*_opened(facts.traffic, several), *(x for f in talks for x in _asked(f))]
    times += [((asked.dst, 0), (reply.time_ns - asked.time_ns, reply.frame)) for asked, reply in pings]
    found: dict[bytes, _Times] = defaultdict(dict)
    for (address, port), pair in times:
        found[address][port] = min(pair, found[address].get(port, pair))
    return found


def _opened(traffic: Traffic, flows: Outward) -> Iterator[tuple[Endpoint, tuple[int, int]]]:
    """Time from the one SYN to the SYN-ACK of each TCP flow that shows both in this order, and the answer's frame."""
    whose, rows = dict(zip(flows.places.tolist(), flows.targets, strict=True)), traffic.result.rows
    chosen, asked, answers = openings(traffic, flows.places[flows.protocols == TCP])
    took, frames = rows["time_ns"][answers] - rows["time_ns"][asked], rows["frame"][answers]
    is_after = frames > rows["frame"][asked]
    columns = (column[is_after].tolist() for column in (chosen, took, frames))
    return ((whose[index], (time_ns, frame)) for index, time_ns, frame in zip(*columns, strict=True))


def _asked(flow: Flow) -> Iterator[tuple[Endpoint, tuple[int, int]]]:
    """Time from the first datagram of an answered UDP flow to the first reply behind it, and the reply's frame."""
    asked, reply = flow.sent[0], flow.received[0]
    if reply.frame >= asked.frame:
        yield flow.resp, (reply.time_ns - asked.time_ns, reply.frame)
