"""What this capture could have seen of one host: which directions, and how that is proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pcapaudit.flows.flow import ACK, RST, SYN, TCP, Flow
from pcapaudit.flows.hosts import Host
from pcapaudit.flows.traffic import Traffic, packed_mac
from pcapaudit.model.addresses import is_group_mac

ENOUGH = 20
"""Unicast frames in one direction that make the other direction's absence worth a remark."""

Missing = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True)
class Visibility:
    """Directions of one host in this capture.

    Attributes:
        sent: Unicast frames it sent.
        received: Unicast frames addressed to it.
        missing: The direction that is not mirrored, None when both are there or nothing tells.
        is_proven: Whether packets prove it (else it is suspected).
        frames: Frames that prove it, or the first and last of the visible direction.
        why: The proof in a few words.
    """

    sent: int
    received: int
    missing: Missing | None = None
    is_proven: bool = False
    frames: tuple[int, ...] = ()
    why: str = ""

    @property
    def sees_inbound(self) -> bool:
        """Whether frames to the host would have been seen."""
        return self.missing != "inbound"


def judge_visibility(
    traffic: Traffic, host: Host, flows: Sequence[int], resolved_unseen: Iterable[int], vis_min: int
) -> Visibility:
    """Decide which directions of a host the capture holds (CAP-ONEWAY).

    Args:
        traffic: The capture.
        host: The host.
        flows: Its flows.
        resolved_unseen: Frames in which it used an address that only an unseen DNS answer can have told it.
        vis_min: Unicast frames needed to believe in a direction.
    """
    sent, received = _unicast_counts(traffic, host, flows)
    if received >= vis_min and sent >= vis_min:
        return Visibility(sent, received)
    if received < vis_min:
        proof = list(_acks_of_unseen(traffic, host, flows)) + sorted(resolved_unseen)
        if proof:
            why = "it acknowledges data, or uses answers, that are not in the capture"
            return Visibility(sent, received, "inbound", True, tuple(proof[:10]), why)
        if sent >= ENOUGH:
            why = f"{sent} unicast frames from the device, {received} to it"
            return Visibility(sent, received, "inbound", False, (host.first_frame, host.last_frame), why)
        return Visibility(sent, received)
    answers = list(_answers_of_unseen(traffic, host, flows))
    if answers or received >= ENOUGH:
        why = f"{received} unicast frames to the device, {sent} from it"
        return Visibility(
            sent, received, "outbound", bool(answers), tuple(answers[:10]) or (host.first_frame, host.last_frame), why
        )
    return Visibility(sent, received)


def _unicast_counts(traffic: Traffic, host: Host, flows: Sequence[int]) -> tuple[int, int]:
    if host.mac is None:
        return _flow_counts(traffic, host, flows)
    sent, received = _unicast_frames(traffic)
    return sent[host.mac], received[host.mac]


def _unicast_frames(traffic: Traffic) -> tuple[Counter[bytes], Counter[bytes]]:
    """Unicast frames by source MAC and by destination MAC, counted once a capture."""
    known: tuple[Counter[bytes], Counter[bytes]] | None = traffic.memo.get("unicast_frames")
    if known is not None:
        return known
    sent: Counter[bytes] = Counter()
    received: Counter[bytes] = Counter()
    for r in traffic.result.pairs:
        smac, dmac = packed_mac(int(r["smac"])), packed_mac(int(r["dmac"]))
        if dmac is None or is_group_mac(dmac):
            continue
        received[dmac] += int(r["frames"])
        if smac is not None:
            sent[smac] += int(r["frames"])
    traffic.memo["unicast_frames"] = (sent, received)
    return sent, received


def _flow_counts(traffic: Traffic, host: Host, flows: Sequence[int]) -> tuple[int, int]:
    sent = received = 0
    own = set(host.addresses)
    for index in flows:
        row = traffic.result.flows[index]
        a_pkts, b_pkts = int(row["a_pkts"]), int(row["b_pkts"])
        from_a = traffic.ends(index)[0] in own
        sent += a_pkts if from_a else b_pkts
        received += b_pkts if from_a else a_pkts
    return sent, received


def _tcp(traffic: Traffic, flows: Sequence[int]) -> Iterable[Flow]:
    return (traffic.flow(i) for i in flows if traffic.ends(i)[4] == TCP)


def _acks_of_unseen(traffic: Traffic, host: Host, flows: Sequence[int]) -> Iterable[int]:
    """Frames in which the host acknowledges a responder of whom nothing was seen."""
    own = set(host.addresses)
    for flow in _tcp(traffic, flows):
        if flow.orig[0] in own and not flow.received and flow.syns:
            yield from [p.frame for p in flow.sent if p.flags & ACK and not p.flags & (SYN | RST)][:3]


def _answers_of_unseen(traffic: Traffic, host: Host, flows: Sequence[int]) -> Iterable[int]:
    """Frames in which others answer or acknowledge a host of whom nothing was seen."""
    own = set(host.addresses)
    for index in flows:
        a, _, b, _, proto = traffic.ends(index)
        row = traffic.result.flows[index]
        if proto == TCP and ((b in own and not row["b_pkts"]) or (a in own and not row["a_pkts"])):
            yield from [p.frame for p in traffic.packets(index) if p.flags & ACK and not p.flags & RST][:3]
