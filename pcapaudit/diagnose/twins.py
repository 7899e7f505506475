"""Connections seen on both sides of an address translation: which outer flow is which inner one.

Source: catalogue, CAP-DUP-NAT and section 13.2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pcapaudit.diagnose.params import ns
from pcapaudit.flows import layout
from pcapaudit.flows.flow import RST, SYN, TCP, UDP, Flow
from pcapaudit.flows.hosts import Host
from pcapaudit.flows.numbering import roles_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass

MAX_GROUPS = 1000
"""Groups of like flows that are compared."""
FORWARD_S = 0.1
"""A router needs less than this to pass a packet on."""
MAX_REPEATS = 50
"""Equal packets of one connection among which the one that was forwarded is looked for."""
SHORT_TALKS = frozenset({53, 67, 123, 137, 5353})
"""Services with a conversation per question: they have an identifier of their own, and there are too many."""
MIXER = np.uint64(0x9E3779B97F4A7C15)
"""An odd number without pattern: products with it differ where their factors do."""
MIN_DATAGRAMS, MIN_AGREEING = 2, 3
"""Datagrams that must agree: unlike TCP they have no number that only one connection bears."""

_Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Twin:
    """One connection on two sides of a translation; ``frames`` are pairs of equal packets, inner and outer."""

    inner: int
    outer: int
    frames: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Twins:
    """All connections of a capture that are seen on both sides."""

    by_inner: Mapping[int, Twin]
    outer: frozenset[int]


def twins_of(traffic: Traffic) -> Twins:
    """Connections on both sides of a translation; found once per capture."""
    known: Twins | None = traffic.memo.get("twins")
    if known is None:
        found = [*tcp_twins(traffic), *_udp_twins(traffic)]
        known = Twins({t.inner: t for t in reversed(found)}, frozenset(t.outer for t in found))
        traffic.memo["twins"] = known
    return known


def is_outer_face(traffic: Traffic, host: Host) -> bool:
    """Whether a host is an address translator's outer face: all that it does at services is seen inside, too.

    Such a host is a device in appearance only. Questions of one packet (DNS, NTP) have no twin and say nothing.
    """
    if not host.behind_router:
        return False
    outer = twins_of(traffic).outer
    own = {index for address in host.addresses for index in traffic.flows_by_address.get(address, ())}
    if own.isdisjoint(outer):
        return False
    talks = [traffic.outline(i) for i in own - outer if traffic.ends(i)[4] in (TCP, UDP)]
    return all(t.proto == UDP and t.resp[1] in SHORT_TALKS for t in talks)


def tcp_twins(traffic: Traffic) -> list[Twin]:
    """Pairs of TCP flows that are one connection: server, port and initial sequence number are the same."""
    known: list[Twin] | None = traffic.memo.get("tcp_twins")
    if known is None:
        known = traffic.memo["tcp_twins"] = list(_read_tcp_twins(traffic))
    return known


def _read_tcp_twins(traffic: Traffic) -> Iterator[Twin]:
    flows = traffic.result.flows
    opened = np.flatnonzero((flows["proto"] == TCP) & ((flows["a_flags"] & SYN) > 0))
    # Two connections that share server and initial sequence number by chance are one in four thousand million.
    for group in _alike(opened, *(flows[name][opened] for name in ("b_hi", "b_lo", "b_port", "a_isn"))):
        for inner, outer in pairwise(group):
            frames = _equal_packets(traffic.flow(inner), traffic.flow(outer))
            if frames:
                yield Twin(inner, outer, tuple(frames))


def _alike(flows: _Numbers, *columns: _Numbers) -> list[list[int]]:
    """Flows that agree in all of these columns (one entry a flow), group by group."""
    mixed = np.zeros(len(flows), np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.uint64)) * MIXER
    # Most flows are like no other: only those whose numbers come again are compared one by one.
    _, numbers, counts = np.unique(mixed, return_inverse=True, return_counts=True)
    again = counts[numbers] > 1
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, *key in zip(flows[again].tolist(), *(c[again].tolist() for c in columns), strict=True):
        groups[tuple(key)].append(index)
    return [g for g in groups.values() if len(g) > 1][:MAX_GROUPS]


def _udp_twins(traffic: Traffic) -> Iterator[Twin]:
    """Pairs of UDP flows to one server and port whose datagrams have the same sizes at the same times.

    A device that walks along servers sends one datagram to each: then it is the pairs of two addresses that must agree.
    """
    by_hosts: dict[tuple[bytes, bytes], list[Twin]] = defaultdict(list)
    for inner, outer in _like_udp_flows(traffic):
        one, other = traffic.flow(inner), traffic.flow(outer)
        frames = _equal_packets(one, other)
        if frames and len(frames) == len(other.sent):
            by_hosts[one.orig[0], other.orig[0]].append(Twin(inner, outer, tuple(frames)))
    for twins in by_hosts.values():
        agree = sum(len(t.frames) for t in twins) >= MIN_AGREEING
        yield from (t for t in twins if agree or len(t.frames) >= MIN_DATAGRAMS)


def _like_udp_flows(traffic: Traffic) -> Iterator[tuple[int, int]]:
    """Pairs of UDP flows, one after the other, to one server and port and with one largest size.

    What comes out of a translation has passed a router more: its TTL must be smaller somewhere.
    """
    flows, digests = traffic.result.flows, traffic.digests.table
    is_from_b = (digests[:, layout.STATE] & layout.FROM_B) > 0
    port = roles_of(traffic).ports
    talks = np.flatnonzero((flows["proto"] == UDP) & ~np.isin(port, list(SHORT_TALKS)))
    high, low = (np.where(is_from_b, flows[f"a_{n}"], flows[f"b_{n}"])[talks] for n in ("hi", "lo"))
    least = np.where(is_from_b, flows["b_ttl_min"], flows["a_ttl_min"])
    most = np.where(is_from_b, flows["b_ttl_max"], flows["a_ttl_max"])
    for group in _alike(talks, high, low, port[talks], digests[talks, layout.HIGH]):
        yield from ((inner, outer) for inner, outer in pairwise(group) if least[outer] < most[inner])


def _equal_packets(one: Flow, other: Flow) -> list[tuple[int, int]]:
    """Frames of the originators' packets that differ in nothing but source address, port and TTL."""
    if one.orig == other.orig or one.resp != other.resp:
        return []
    known: dict[tuple[int, int, int], list[Packet]] = defaultdict(list)
    for p in one.sent:
        known[p.seq, p.payload_len, p.flags].append(p)
    found = []
    for p in other.sent:
        before = known.get((p.seq, p.payload_len, p.flags), [])
        twin = next((q for q in before[:MAX_REPEATS] if _is_forwarded(q, p)), None)
        if twin is not None:
            before.remove(twin)
            found.append((twin.frame, p.frame))
    return found


def _is_forwarded(before: Packet, after: Packet) -> bool:
    return after.ttl < before.ttl and abs(after.time_ns - before.time_ns) <= ns(FORWARD_S)


def answer_outside(traffic: Traffic, flow: Flow) -> Packet | None:
    """The first answer to a connection that came back to the outside of a translation and never to its inside.

    None where nothing is seen outside, or the inside got something as well.
    """
    twin = twins_of(traffic).by_inner.get(flow.index)
    if twin is None:
        return None
    outer = traffic.flow(twin.outer)
    if not flow.received:
        return next((p for p in outer.received if not p.flags & RST), None)
    if flow.proto == TCP and not flow.received_data and not flow.answered_bytes:
        return next(iter(outer.received_data), None)
    return None
