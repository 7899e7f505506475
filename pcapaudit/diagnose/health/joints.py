"""Joints: places where a whole capture hangs together, and a thinned one does not.

An answer needs its question, a TCP segment the bytes before it. A mirror that loses frames breaks about as many joints
as it loses frames; one that passes one frame in N breaks nearly all of them. A capture that holds one direction alone
breaks none: its questions have no answers, and each side hangs together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from pcapaudit.flows.flow import ACK, FIN, RST, SYN, TCP, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass

MAX_FLOWS = 300
"""TCP connections that are looked into, spread over the capture."""
MAX_MESSAGES = 5000


@dataclass(frozen=True, slots=True)
class Joints:
    """How many joints were looked at, how many are broken, and the first frames behind a break.

    ``answers`` and ``orphans`` are those among them that join an answer to its question (a SYN-ACK to its SYN): a
    router that passes established connections through its hardware shows these whole and hardly anything behind them.
    """

    total: int
    broken: int
    frames: tuple[int, ...]
    answers: int = 0
    orphans: int = 0


def find_joints(traffic: Traffic) -> Joints:
    """Every joint of some connections, of DNS, DHCP and ARP; found once per capture."""
    known: Joints | None = traffic.memo.get("joints")
    if known is None:
        flows = _connections(traffic)
        if flows is None:
            known = traffic.memo["joints"] = Joints(0, 0, ())
            return known
        answers = [*_openings(flows), *_messages(traffic)]
        found = [*answers, *(joint for flow in flows for joint in _inside(flow))]
        broken = sorted(frame for frame, holds in found if not holds)
        orphans = sum(not holds for _, holds in answers)
        known = Joints(len(found), len(broken), tuple(broken[:10]), len(answers), orphans)
        traffic.memo["joints"] = known
    return known


Joint = tuple[int, bool]
"""The frame behind the joint, and whether the joint holds."""


def _connections(traffic: Traffic) -> list[Flow] | None:
    """Some of the TCP connections of which both sides are in the capture; None when most look whole at first sight."""
    flows = traffic.result.flows
    is_both = (flows["proto"] == TCP) & (flows["a_pkts"] > 0) & (flows["b_pkts"] > 0)
    is_odd = (flows["midstream"] > 0) | (flows["a_unseen_acks"] > 0) | (flows["b_unseen_acks"] > 0)
    if int((is_both & is_odd).sum()) * 2 < int(is_both.sum()):
        return None
    both = np.flatnonzero(is_both).tolist()
    chosen = (traffic.flow(index) for index in both[:: len(both) // MAX_FLOWS + 1])
    return [flow for flow in chosen if not flow.left_out]


def _openings(flows: Iterable[Flow]) -> Iterator[Joint]:
    return ((flow.syn_acks[0].frame, bool(flow.syns)) for flow in flows if flow.syn_acks)


def _inside(flow: Flow) -> Iterator[Joint]:
    yield from stretches(flow.sent, flow.received)
    yield from stretches(flow.received, flow.sent)


def stretches(sent: Sequence[Packet], acks: Sequence[Packet]) -> Iterator[Joint]:
    """The joints between one side's segments, and the last one's with what the other side acknowledges.

    Args:
        sent: Packets of one side of a TCP flow, in any order: what stands elsewhere in the file is there.
        acks: Packets of the other side.
    """
    segments = [p for p in sent if not p.flags & RST and (_length(p) or p.flags & ACK)]
    if not segments:
        return
    base = segments[0].seq
    ordered = sorted((p for p in segments), key=lambda p: (distance(p.seq, base), p.frame))
    end = distance(ordered[0].seq, base) + _length(ordered[0])
    for p in ordered[1:]:
        start = distance(p.seq, base)
        if start > end or _length(p):
            yield p.frame, start <= end
        end = max(end, start + _length(p))
    reached = [p for p in acks if p.flags & ACK and not p.flags & RST and distance(p.ack, base) >= end]
    if reached:
        yield reached[0].frame, any(distance(p.ack, base) == end for p in reached)


def _length(p: Packet) -> int:
    """Sequence numbers that a segment takes."""
    return p.payload_len + (1 if p.flags & SYN else 0) + (1 if p.flags & FIN else 0)


def _messages(traffic: Traffic) -> Iterator[Joint]:
    """Answers of DNS, DHCP and ARP whose question is, or is not, there; only where the asker is heard at all."""
    questions, answers = (traffic.dns.saying(test) for test in (lambda m: not m.is_response, lambda m: m.is_response))
    asked = {(m.at.src, m.at.sport, m.at.dst, m.id) for m in questions}
    heard = {key[0] for key in asked}
    for m in islice((m for m in answers if m.at.dst in heard), MAX_MESSAGES):
        yield m.at.frame, (m.at.dst, m.at.dport, m.at.src, m.id) in asked
    clients = {(m.chaddr, m.xid) for m in traffic.dhcp if m.op == 1}
    known = {mac for mac, _ in clients}
    for d in [d for d in traffic.dhcp if d.op == 2 and d.chaddr in known][:MAX_MESSAGES]:
        yield d.at.frame, (d.chaddr, d.xid) in clients
    arps = traffic.arp
    wanted = {(m.sender_mac, m.target_ip) for m in arps if m.op == 1}
    seekers = {mac for mac, _ in wanted}
    replies = (m for m in arps if m.op == 2 and m.sender_ip != m.target_ip and m.target_mac in seekers)
    for r in [*replies][:MAX_MESSAGES]:
        yield r.at.frame, (r.target_mac, r.sender_ip) in wanted
