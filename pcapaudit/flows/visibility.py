"""What this capture could have seen of one host: which directions, and how that is proven."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.flow import ACK, RST, SYN, TCP, Flow
from pcapaudit.flows.hosts import Host
from pcapaudit.flows.outward import Outward
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_public
from pcapaudit.model.records import dataclass

GROUP_BIT = np.uint64(1 << 40)
"""The bit that makes a MAC, as a number, one of a group (IEEE 802)."""
ENOUGH = 20
"""Unicast frames in one direction that make the other direction's absence worth a remark."""

Missing = Literal["inbound", "outbound"]
_Numbers = npt.NDArray[np.uint64]


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


def hears_unseen(outward: Outward) -> bool:
    """Whether a host acknowledges data of public addresses, and of none of them the way back is in the capture.

    Half a trunk shows the neighbours both ways and the way from the router not at all.
    """
    is_far = outward.leads_to(is_public)
    if (is_far & outward.is_answered).any():
        return False
    opened = outward.where(is_far & outward.has_opening & (outward.protocols == TCP))
    return any(p.flags & ACK and not p.flags & (SYN | RST) for f in opened for p in f.sent)


def _unicast_counts(traffic: Traffic, host: Host, flows: Sequence[int]) -> tuple[int, int]:
    """Unicast frames from and to a host; by its flows where the link layer shows no destination (cooked captures)."""
    table: _Unicast | None = traffic.memo.get("unicast")
    if table is None:
        table = traffic.memo["unicast"] = _count_unicast(traffic)
    mac = None if host.mac is None else int.from_bytes(host.mac, "big")
    if mac is None or mac in table.blind:
        return _flow_counts(traffic, host, flows)
    return table.sent.get(mac, 0), table.received.get(mac, 0)


class _Unicast(NamedTuple):
    """Unicast frames by MAC, and the MACs of which some frames show no destination."""

    sent: dict[int, int]
    received: dict[int, int]
    blind: frozenset[int]


def _count_unicast(traffic: Traffic) -> _Unicast:
    pairs = traffic.result.pairs
    source, target, frames = pairs["smac"], pairs["dmac"], pairs["frames"]
    is_unicast = (target > 0) & (target & GROUP_BIT == 0)
    is_sent = is_unicast & (source > 0)
    return _Unicast(
        _sums(source[is_sent], frames[is_sent]),
        _sums(target[is_unicast], frames[is_unicast]),
        frozenset(source[target == 0].tolist()),
    )


def _sums(macs: _Numbers, frames: _Numbers) -> dict[int, int]:
    known, places = np.unique(macs, return_inverse=True)
    total = np.zeros(len(known), np.int64)
    np.add.at(total, places, frames.astype(np.int64))
    return dict(zip(known.tolist(), total.tolist(), strict=True))


def _flow_counts(traffic: Traffic, host: Host, flows: Sequence[int]) -> tuple[int, int]:
    own = set(host.addresses)
    table = traffic.result.flows[np.fromiter(flows, np.intp)]
    is_a = np.fromiter((traffic.ends(index)[0] in own for index in flows), np.bool_)
    from_a, from_b = table["a_pkts"], table["b_pkts"]
    return int(np.where(is_a, from_a, from_b).sum()), int(np.where(is_a, from_b, from_a).sum())


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
