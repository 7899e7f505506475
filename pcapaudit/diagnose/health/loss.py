"""Frames that were on the wire and are not in the capture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pcapaudit.diagnose.health.joints import Joints, find_joints
from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import frame_span, remark, share
from pcapaudit.flows.flow import ACK, FIN, RST, SYN, TCP, Side
from pcapaudit.flows.streams import distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import HealthItem

MIN_HOLES = 3
MAX_FLOWS = 2000
"""Flows with acknowledgments of unseen data that are looked into, the earliest first."""
SAMPLED_SHARE = 0.02
SAMPLED_BYTES = 1_000_000
SAMPLED_FLOWS = 5
HOPELESS_SHARE = 0.43
"""Of holes among all segments (``Holes.share``) where more than half of the frames is missing."""
MIN_ANSWERS = 3
ORPHAN_SHARE, BROKEN_SHARE = 0.6, 0.4
"""Of answers without their question, and of all joints. Measured over 53 captures of many stacks: whole, none breaks;
with up to 40 % of the frames lost at random (742 trials) none comes that far; with one frame in four kept most do."""


@dataclass(frozen=True, slots=True)
class Holes:
    """Acknowledged data that the capture does not hold.

    ``sure`` were looked for packet by packet, ``counted`` come from the scan's counters of flows too long for that
    (there a frame that stands behind its acknowledgment in the file counts, too). ``acks``: packets that could have
    shown a hole. ``segments``: packets with payload in the same connections.
    """

    sure: int
    counted: int
    acks: int
    segments: int
    frames: tuple[int, ...]

    @property
    def share(self) -> float:
        """Holes among all segments, holes and seen ones: the share of frames that is missing, or less.

        Measured on nine captures from which frames were left out at random: 0.05 to 0.09 where a twentieth is missing,
        0.12 to 0.19 for a fifth, 0.28 to 0.42 for half, 0.43 and more where three quarters or nine tenths are missing
        (a hole may be several segments).
        """
        found = self.sure + self.counted
        return found / (found + self.segments) if found else 0.0


@health_check("CAP-LOSS")
def lost_frames(view: View) -> Iterator[HealthItem]:
    """The capture lost frames.

    **Seen**: hosts acknowledge data that is nowhere in the capture, three times or more and in more than 0.5 % of
    the acknowledgments (``gap_ratio``). The receiver got it, so the network did not lose it.

    **Effect**: silence counts only where the device itself repeats; loss on the path is not judged.

    **Ask for**: a filter on the device's address, a fast disk, a mirror port that is not oversubscribed.
    """
    holes = find_holes(view.traffic)
    total = holes.sure + holes.counted
    if total < MIN_HOLES or total <= view.params.gap_ratio * holes.acks:
        return
    _mark_lossy(view)
    yield remark(
        "CAP-LOSS",
        f"{total} pieces of data are acknowledged but not in the capture ({share(total, holes.acks)} of the packets)",
        holes.frames,
        effect="a missing answer may have been lost by the mirror; loss on the path is not judged",
        advice="Filter on the device's address, write to a fast disk, avoid an oversubscribed mirror port.",
        is_proven=holes.sure >= MIN_HOLES,
    )


@health_check("CAP-IFACE-DROPS")
def interface_drops(view: View) -> Iterator[HealthItem]:
    """The capturing host says that it dropped frames.

    **Seen**: a pcapng interface statistics block with ``isb_ifdrop`` or ``isb_osdrop`` above zero.

    **Effect**: as CAP-LOSS. Some tools count frames there that a capture filter left out; without a hole in any
    connection it is suspected only.

    **Ask for**: a filter on the device's address, a fast disk, a larger capture buffer (``dumpcap -B 64``).
    """
    notes = view.traffic.notes
    if not notes.dropped:
        return
    holes = find_holes(view.traffic)
    is_proven = holes.sure >= MIN_HOLES
    if is_proven:
        _mark_lossy(view)
    frames = view.traffic.result.counters["frames"]
    yield remark(
        "CAP-IFACE-DROPS",
        f"the capturing host reports {notes.dropped} dropped frames beside {frames} in the capture",
        notes.drop_frames or frame_span(view.traffic)[-1:],
        effect="a missing answer may be among the dropped frames",
        advice="Filter on the device's address, write to a fast disk, enlarge the buffer (dumpcap -B 64).",
        is_proven=is_proven,
    )


def _mark_lossy(view: View) -> None:
    """Tell the rules on loss and packet size, which may not speak then."""
    for facts in view.devices:
        facts.is_lossy = True


def find_holes(traffic: Traffic) -> Holes:
    """Holes in connections of which both sides are in the capture; found once per capture."""
    known: Holes | None = traffic.memo.get("holes")
    if known is None:
        known = traffic.memo["holes"] = _find_holes(traffic)
    return known


def _find_holes(traffic: Traffic) -> Holes:
    flows = traffic.result.flows
    both = (flows["proto"] == TCP) & (flows["a_pkts"] > 0) & (flows["b_pkts"] > 0)
    unseen = both & ((flows["a_unseen_acks"] > 0) | (flows["b_unseen_acks"] > 0))
    acks = int(flows["a_pkts"][both].sum()) + int(flows["b_pkts"][both].sum())
    sure = counted = 0
    frames: list[int] = []
    for index in np.flatnonzero(unseen)[:MAX_FLOWS].tolist():
        flow = traffic.flow(index)
        if flow.left_out:
            counted += flow.orig_side.unseen_acks + flow.resp_side.unseen_acks
            frames.append(flow.first_frame)
            continue
        proof = holes_of(flow.sent, flow.received) + holes_of(flow.received, flow.sent)
        sure += len(proof)
        frames.extend(p.frame for p in proof)
    segments = int(flows["a_data"][both].sum()) + int(flows["b_data"][both].sum())
    return Holes(sure, counted, acks, segments, tuple(frames))


def holes_of(sent: Sequence[Packet], acks: Sequence[Packet]) -> list[Packet]:
    """The acknowledgments that first confirm each stretch of data missing from a sender's packets.

    Args:
        sent: Packets of one side of a TCP flow, in any order; what lies before the first one is not looked for.
        acks: Packets of the other side.

    Data counts as there wherever in the file it stands, so that frames in the wrong order make no hole.
    """
    segments = [p for p in sent if not p.flags & RST]
    if not segments:
        return []
    base = segments[0].seq
    spans = sorted((distance(p.seq, base), distance(p.seq, base) + _length(p)) for p in segments)
    starts, end = [], spans[0][1]
    for low, high in spans:
        if low > end:
            starts.append(end)
        end = max(end, high)
    starts.append(end)
    return _first_beyond(starts, acks, base)


def _length(p: Packet) -> int:
    """Sequence numbers that a segment takes."""
    return p.payload_len + (1 if p.flags & SYN else 0) + (1 if p.flags & FIN else 0)


def _first_beyond(starts: Sequence[int], acks: Sequence[Packet], base: int) -> list[Packet]:
    """For each hole, in rising order, the first packet that acknowledges something of it."""
    found: list[Packet] = []
    reached = 0
    for p in acks:
        if not p.flags & ACK or p.flags & RST:
            continue
        while reached < len(starts) and distance(p.ack, base) > starts[reached]:
            found.append(p)
            reached += 1
    return found


@health_check("CAP-SAMPLED")
def sampled(view: View) -> Iterator[HealthItem]:
    """The capture is a sample of the traffic.

    **Seen**: in five connections or more, both sides of which are there, less than 2 % of a megabyte or more of
    acknowledged data is in the capture, and hardly any connection has both its SYN and its SYN-ACK; or holes make up
    43 % of all segments or more, in connections of which few have both: more than half of all frames is missing, be it
    by sampling or by a hopelessly overrun mirror. Or three answers in five lack their question (a SYN-ACK its SYN), and
    many segments the bytes in front of them.

    **Effect**: no diagnosis is given: what is missing says nothing.

    **Ask for**: a full capture (mirror or tap) instead of sampled export such as sFlow.
    """
    whole = _whole_handshakes(view.traffic)
    acked, present, frames = _bulk(view.traffic)
    holes, joints = find_holes(view.traffic), find_joints(view.traffic)
    if len(frames) >= SAMPLED_FLOWS and acked >= SAMPLED_BYTES and present < SAMPLED_SHARE * acked and whole <= 0.05:
        text = f"{share(present, acked)} of {acked} acknowledged bytes of {len(frames)} connections are in the capture"
    elif holes.sure >= MIN_HOLES and holes.share >= HOPELESS_SHARE and whole <= 0.25:
        # With half of all frames gone, a quarter of the handshakes still has both its opening frames.
        frames = list(holes.frames)
        text = f"{holes.sure} holes beside {holes.segments} segments: most of the traffic is not in the capture"
    elif _is_in_pieces(joints):
        frames = list(joints.frames)
        text = f"{joints.broken} of {joints.total} answers and segments lack what must have come before them"
    else:
        return
    yield remark(
        "CAP-SAMPLED",
        text,
        frames,
        effect="no diagnosis: in a sampled capture a missing packet says nothing",
        advice="Capture every frame of the device's port (mirror or tap) instead of a sampled export.",
    )


def _is_in_pieces(joints: Joints) -> bool:
    """Whether most answers lack their question, and much of what must hang together does not."""
    orphaned = joints.answers >= MIN_ANSWERS and joints.orphans > ORPHAN_SHARE * joints.answers
    return orphaned and joints.broken > BROKEN_SHARE * joints.total


def _bulk(traffic: Traffic) -> tuple[int, int, list[int]]:
    """Bytes acknowledged and bytes present, over directions that carry bulk data, and a frame of each flow."""
    flows = traffic.result.flows
    both = (flows["proto"] == TCP) & (flows["a_pkts"] > 1) & (flows["b_pkts"] > 1)
    often = both & ((flows["a_unseen_acks"] > 1) | (flows["b_unseen_acks"] > 1))
    acked = present = 0
    frames = []
    for index in np.flatnonzero(often)[:MAX_FLOWS].tolist():
        flow = traffic.flow(index)
        one = _advance(flow.sent, flow.orig_side)
        other = _advance(flow.received, flow.resp_side)
        acked += one + other
        present += (flow.resp_side.payload if one else 0) + (flow.orig_side.payload if other else 0)
        if one + other:
            frames.append(flow.first_frame)
    return acked, present, frames


def _advance(packets: Sequence[Packet], side: Side) -> int:
    """Bytes by which a side's acknowledgments advance; 0 when they hardly do."""
    first = next((p.ack for p in packets if p.flags & ACK and not p.flags & (SYN | RST)), None)
    advance = 0 if first is None else distance(side.highest_ack, first)
    return advance if advance > 10_000 else 0


def _whole_handshakes(traffic: Traffic) -> float:
    """Share of the TCP flows with packets of both sides that show SYN and SYN-ACK."""
    flows = traffic.result.flows
    both = (flows["proto"] == TCP) & (flows["a_pkts"] > 0) & (flows["b_pkts"] > 0)
    whole = both & ((flows["a_flags"] & SYN) > 0) & ((flows["b_flags"] & SYN) > 0)
    return float(whole.sum()) / max(1, int(both.sum()))
