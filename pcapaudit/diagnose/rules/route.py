"""PERSIST: the site's way out changes while connections stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import numpy as np

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.domains import registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.persist import lasting_attempts
from pcapaudit.flows.flow import RST, Flow
from pcapaudit.flows.numbering import is_one_of, numbering_of, roles_of
from pcapaudit.flows.rows import ttl_spans
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_public, mac_text
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

MAX_FLOWS, MAX_PACKETS = 500, 2000
"""The latest flows of the device, or of others, that are read for their way, and packets of each."""
MAX_MOVES = 20
RTT_FACTOR = 2
"""Change of the round-trip time that goes with another way (catalogue, PATH-SWITCH)."""
MIN_SERVERS = 2
MIN_SEEN = 2
"""Packets that must agree on a distance; one may have strayed."""
RENEWED_S = 120.0
"""How soon after the change a new connection replaces a lost one."""


@dataclass(frozen=True, slots=True)
class Move:
    """One change of the way: the last packet of the old one, the first of the new one, and how it shows."""

    before: Packet
    after: Packet
    how: str
    frames: tuple[int, ...]


@rule("PATH-SWITCH", stage=Stage.PERSIST, outcomes="dn", evidence=Evidence.STATISTICAL)
def path_switch(facts: Facts) -> Iterator[Fired]:
    """The site switches its way out, and connections that stood are lost.

    **Seen**: the gateway keeps its address and changes its MAC, or distance (TTL) and round-trip time of two
    unrelated servers, of whichever host of the site, change at the same moment by three hops and a factor of two;
    the device's connections are not answered from then on and are opened anew.

    **Means**: failover to another router or uplink (cellular: longer times); connections do not survive that.

    **Not this rule**: a change that no connection notices is a remark; routers that share one virtual MAC
    (VRRP, HSRP); the device itself moves to a cellular network: then it falls silent.

    **Ask the network team**: synchronise the connection tables of both routers, and check that the spare line has
    the same firewall rules.
    """
    if facts.signature is None:
        return
    for move in _moves(facts)[:MAX_MOVES]:
        lost = _lost_at(facts, move)
        attempts = [a for a, _ in lost]
        yield facts.finding(
            "PATH-SWITCH",
            Stage.PERSIST,
            f"{move.how} at {facts.clock.readable(move.after.time_ns)}{_losses(attempts)}",
            [move.before, move.after, *(p for a, new in lost for p in (*a.flow.sent[-1:], new.flow.packets[0]))],
            outcome=Outcome.DEGRADED if lost else Outcome.NOTE,
            attempts=attempts,
            began_ns=move.after.time_ns,
            decisive=[*move.frames, *(new.flow.first_frame for _, new in lost[:3])],
            independent=max(1, len(lost)),
            tries=max(1, len(move.frames)),
            causes=[Cause("the site switched to another router or uplink", 30, move.how, "uplink")],
        )


def _losses(attempts: Sequence[Attempt]) -> str:
    if not attempts:
        return ", no connection is lost"
    return f", {len(attempts)} connection{'s are' if len(attempts) > 1 else ' is'} lost and opened anew"


def _moves(facts: Facts) -> list[Move]:
    """Changes of the way, in order; those that show in both forms once."""
    by_router = _router_moves(facts)
    return by_router or _distance_moves(facts)


# --- another router -------------------------------------------------------------------------------


def _router_moves(facts: Facts) -> list[Move]:
    """Times when the device's far packets begin to go to another MAC that owns the gateway's address, too."""
    if facts.gateway is None:
        return []
    owners = facts.traffic.arp_owners.get(facts.gateway, frozenset())
    if len(owners) < MIN_SEEN:
        return []
    far = sorted((p for f in _far_flows(facts) for p in f.sent[:MAX_PACKETS]), key=lambda p: p.frame)
    own = [p for p in far if p.dmac in owners]
    moves = []
    for before, after in pairwise(own):
        if before.dmac != after.dmac and before.dmac is not None and after.dmac is not None:
            how = f"the gateway {ip_text(facts.gateway)} moves from {mac_text(before.dmac)} to {mac_text(after.dmac)}"
            moves.append(Move(before, after, how, (before.frame, after.frame)))
    # Two boxes that fight for the address go to and fro (ARP-DUP-IP); a failover goes once, and perhaps back.
    return moves if len(moves) <= MIN_SEEN else []


def _far_flows(facts: Facts) -> list[Flow]:
    outward = facts.outward_flows
    return list(outward.where(outward.leads_to(is_public))[-MAX_FLOWS:])


# --- another distance -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shift:
    """A server whose packets come from another distance from some moment on, in another time."""

    address: bytes
    before: Packet
    after: Packet
    is_slower: bool


def _distance_moves(facts: Facts) -> list[Move]:
    """The moment at which two unrelated servers come from another distance, both slower or both faster."""
    unsteady = _unsteady(facts.traffic, facts.params.ttl_delta)
    if len(unsteady) < MIN_SERVERS:
        return []
    by_address: dict[bytes, list[Flow]] = defaultdict(list)
    for flow in (*_far_flows(facts), *_flows_of_others(facts)):
        if flow.resp[0] in unsteady:
            by_address[flow.resp[0]].append(flow)
    moved = [(a, flows) for a, flows in by_address.items() if _has_moved(facts, a, flows)]
    shifts = [s for address, flows in moved for s in (_shift(facts, address, flows),) if s is not None]
    for one, other in combinations(shifts[:MAX_MOVES], 2):
        is_together = one.before.time_ns < other.after.time_ns and other.before.time_ns < one.after.time_ns
        if is_together and one.is_slower is other.is_slower and _are_unrelated(facts, one.address, other.address):
            before = max(one.before, other.before, key=lambda p: p.frame)
            after = min(one.after, other.after, key=lambda p: p.frame)
            how = (
                f"the way to {ip_text(one.address)} and {ip_text(other.address)} changes: TTL {one.before.ttl} to "
                f"{one.after.ttl}, and answers come {'slower' if one.is_slower else 'faster'}"
            )
            frames = (one.before.frame, one.after.frame, other.before.frame, other.after.frame)
            return [Move(before, after, how, frames)]
    return []


def _unsteady(traffic: Traffic, least: float) -> frozenset[bytes]:
    """Public addresses whose packets came from different distances at all; found once per capture."""
    known: dict[float, frozenset[bytes]] = traffic.memo.setdefault("unsteady", {})
    if least not in known:
        spans = ttl_spans(traffic)
        # Where the table was full it does not tell of every address.
        far = (a for a in traffic.flows_by_address if is_public(a) and (spans is None or spans.get(a, 0) >= least))
        known[least] = frozenset(far)
    return known[least]


def _flows_of_others(facts: Facts) -> list[Flow]:
    """Far flows of the site's other hosts, read only where a lasting connection of the device was replaced."""
    lasting = [a for need in facts.needs for a in lasting_attempts(facts, need)]
    if len(lasting) < 2 or not any(_ends_unanswered(a.flow) for a in lasting):
        return []
    originators, responders, _ = roles_of(facts.traffic)
    numbering = numbering_of(facts.traffic)
    is_own = is_one_of(originators, numbering.numbers(facts.addresses))
    others = np.flatnonzero(numbering.is_far[responders] & ~is_own)
    return [facts.traffic.flow(index) for index in others[-MAX_FLOWS:].tolist()]


def _has_moved(facts: Facts, address: bytes, flows: Sequence[Flow]) -> bool:
    """Whether packets of an address came from different distances at all, by the flow table alone."""
    own = facts.traffic.result.flows[[f.index for f in flows]]
    is_from_a = np.array([facts.traffic.ends(f.index)[0] == address for f in flows])
    spoke = np.where(is_from_a, own["a_pkts"], own["b_pkts"]) > 0
    least = np.where(is_from_a, own["a_ttl_min"], own["b_ttl_min"])[spoke]
    most = np.where(is_from_a, own["a_ttl_max"], own["b_ttl_max"])[spoke]
    return bool(len(most)) and int(most.max()) - int(least.min()) >= facts.params.ttl_delta


def _shift(facts: Facts, address: bytes, flows: Sequence[Flow]) -> _Shift | None:
    """The first lasting change of an address' distance that comes with a change of its round-trip time."""
    packets = [p for f in flows for p in f.received[:MAX_PACKETS] if not p.flags & RST]
    packets.sort(key=lambda p: p.frame)
    for i, (before, after) in enumerate(pairwise(packets)):
        if abs(after.ttl - before.ttl) < facts.params.ttl_delta:
            continue
        old, new = packets[max(0, i + 1 - MIN_SEEN) : i + 1], packets[i + 1 : i + 1 + MIN_SEEN]
        if len(old) < MIN_SEEN or len(new) < MIN_SEEN or len({p.ttl for p in old}) > 1 or len({p.ttl for p in new}) > 1:
            continue
        then, now = _fastest(flows, 0, before.time_ns), _fastest(flows, after.time_ns - ns(1.0), facts.end_ns)
        if then is None or now is None:
            return None
        if now >= RTT_FACTOR * then or then >= RTT_FACTOR * now:
            return _Shift(address, before, after, now > then)
    return None


def _fastest(flows: Sequence[Flow], since_ns: int, until_ns: int) -> int | None:
    """The shortest time from a packet of the device to the next one of the server, asked within a span of time."""
    times = []
    for flow in flows:
        asked: Packet | None = None
        for p in flow.packets[:MAX_PACKETS]:
            if flow.is_from_orig(p):
                asked = p
            elif asked is not None and since_ns <= asked.time_ns <= until_ns:
                times.append(p.time_ns - asked.time_ns)
                asked = None
    return min((t for t in times if t > 0), default=None)


def _are_unrelated(facts: Facts, one: bytes, other: bytes) -> bool:
    """Whether two servers share neither network nor registered domain: one owner may move its servers."""
    if one[: len(one) // 2] == other[: len(other) // 2]:
        return False
    domains = [{registered_domain(n) for n in facts.names.get(a, ())} for a in (one, other)]
    return domains[0].isdisjoint(domains[1])


# --- what is lost ---------------------------------------------------------------------------------


def _lost_at(facts: Facts, move: Move) -> list[tuple[Attempt, Attempt]]:
    """Connections that stood before the change and were not answered after it, each with the one that replaced it."""
    found = []
    for need in facts.needs:
        attempts = lasting_attempts(facts, need)
        for attempt in attempts:
            stood = attempt.began_ns < move.after.time_ns and attempt.flow.last_ns >= move.before.time_ns
            renewed = next((a for a in attempts if a.flow.syns and _replaces(a, attempt, move)), None)
            if stood and renewed is not None and _falls_silent(attempt.flow, move):
                found.append((attempt, renewed))
    return found


def _replaces(new: Attempt, old: Attempt, move: Move) -> bool:
    return new is not old and move.before.time_ns < new.began_ns <= move.after.time_ns + ns(RENEWED_S)


def _falls_silent(flow: Flow, move: Move) -> bool:
    """Whether the device still spoke on a connection around the change or after, and got a reset or nothing."""
    last_in = max((p.time_ns for p in flow.received if not p.flags & RST), default=0)
    last_out = max((p.time_ns for p in flow.sent), default=0)
    return last_in <= move.after.time_ns and last_out > last_in and _ends_unanswered(flow)


def _ends_unanswered(flow: Flow) -> bool:
    return bool(flow.unacked_data or flow.first_rst)
