"""What this capture could have seen of one host: which directions, and how that is proven."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from pcapaudit.flows.flow import ACK, RST, SYN, TCP, Flow
from pcapaudit.flows.hosts import Host
from pcapaudit.flows.packets import packed_mac
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_group_mac
from pcapaudit.model.records import dataclass

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


def hears_unseen(flows: Iterable[Flow]) -> bool:
    """Whether the originator acknowledges data in some of these flows, of none of which the way back is in the capture.

    Half a trunk shows the neighbours both ways and the way from the router not at all.
    """
    known = list(flows)
    if any(f.received for f in known):
        return False
    return any(p.flags & ACK and not p.flags & (SYN | RST) for f in known for p in f.sent if f.proto == TCP and f.syns)


def _unicast_counts(traffic: Traffic, host: Host, flows: Sequence[int]) -> tuple[int, int]:
    """Unicast frames from and to a host; by its flows where the link layer shows no destination (cooked captures)."""
    table = traffic.memo.get("unicast")
    if table is None:
        table = traffic.memo["unicast"] = _count_unicast(traffic)
    sent, received, blind = table.get(host.mac, (0, 0, 0)) if host.mac is not None else (0, 0, 1)
    return _flow_counts(traffic, host, flows) if blind else (sent, received)


def _count_unicast(traffic: Traffic) -> dict[bytes, tuple[int, int, int]]:
    """MAC -> unicast frames sent and received, and frames it sent that show no destination."""
    table: dict[bytes, list[int]] = defaultdict(lambda: [0, 0, 0])
    for r in traffic.result.pairs:
        smac, dmac, frames = packed_mac(int(r["smac"])), packed_mac(int(r["dmac"])), int(r["frames"])
        if smac is not None and dmac is None:
            table[smac][2] += frames
        elif dmac is not None and not is_group_mac(dmac):
            table[dmac][1] += frames
            if smac is not None:
                table[smac][0] += frames
    return {mac: (sent, received, blind) for mac, (sent, received, blind) in table.items()}


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


def _one_sided_tcp(traffic: Traffic, flows: Sequence[int]) -> Iterable[Flow]:
    """TCP flows of which only one side was seen; no others are opened."""
    table = traffic.result.flows
    lone = (i for i in flows if traffic.ends(i)[4] == TCP and not (table[i]["a_pkts"] and table[i]["b_pkts"]))
    return (traffic.flow(i) for i in lone)


def _acks_of_unseen(traffic: Traffic, host: Host, flows: Sequence[int]) -> Iterable[int]:
    """Frames in which the host acknowledges a responder of whom nothing was seen."""
    own = set(host.addresses)
    for flow in _one_sided_tcp(traffic, flows):
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
