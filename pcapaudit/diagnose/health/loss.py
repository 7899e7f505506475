"""Frames that were on the wire and are not in the capture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pcapaudit.diagnose.health.joints import Joints, find_joints
from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import frame_span, remark, share
from pcapaudit.flows.flow import ACK, FIN, RST, SYN, TCP, Flow
from pcapaudit.flows.rows import first_acks, sides_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import HealthItem
from pcapaudit.scan.columns import Table

_Numbers = npt.NDArray[np.int64]

MIN_HOLES = 3
MAX_FLOWS = 2000
"""Flows with acknowledgments of unseen data that are looked into; of more one in two, or in three, and so on."""
SAMPLED_SHARE = 0.02
SAMPLED_BYTES = 1_000_000
SAMPLED_FLOWS = 5
HARDLY = 10_000
"""Bytes: whose acknowledgments advance by less carries no bulk data."""
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
    shown a hole. ``segments``: packets with payload in the same connections. Where only one connection in ``one_in``
    was looked into, all of these are such a part of the capture's.
    """

    sure: int
    counted: int
    acks: int
    segments: int
    frames: tuple[int, ...]
    one_in: int = 1

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
        f"{_about(total, holes.one_in)} pieces of data are acknowledged but not in the capture"
        f" ({share(total, holes.acks)} of the packets)",
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


def _about(count: int, one_in: int) -> str:
    """A number of things of which one in so many was counted."""
    return str(count) if one_in == 1 else f"about {count * one_in}"


def _find_holes(traffic: Traffic) -> Holes:
    flows = traffic.result.flows
    both = (flows["proto"] == TCP) & (flows["a_pkts"] > 0) & (flows["b_pkts"] > 0)
    unseen = both & ((flows["a_unseen_acks"] > 0) | (flows["b_unseen_acks"] > 0))
    acks = int(flows["a_pkts"][both].sum()) + int(flows["b_pkts"][both].sum())
    places = np.flatnonzero(unseen)
    one_in = max(1, -(-len(places) // MAX_FLOWS))
    sure = counted = 0
    frames: list[int] = []
    for index in places[::one_in].tolist():
        row = flows[index]
        if row["rows_left_out"]:
            counted += int(row["a_unseen_acks"]) + int(row["b_unseen_acks"])
            frames.append(int(row["first_frame"]))
            continue
        from_a, from_b = sides_of(traffic, index)
        proof = [*holes_of(from_a, from_b), *holes_of(from_b, from_a)]
        sure += len(proof)
        frames += proof
    segments = int(flows["a_data"][both].sum()) + int(flows["b_data"][both].sum())
    return Holes(sure, counted, acks // one_in, segments // one_in, tuple(frames), one_in)


def has_holes(traffic: Traffic, flow: Flow) -> bool:
    """Whether data was acknowledged on a connection that is nowhere in the capture; disorder makes no hole."""
    if not flow.orig_side.unseen_acks + flow.resp_side.unseen_acks:
        return False
    from_a, from_b = sides_of(traffic, flow.index)
    return bool(flow.left_out or holes_of(from_a, from_b) or holes_of(from_b, from_a))


def holes_of(sent: Table, acks: Table) -> list[int]:
    """Frames of the acknowledgments that first confirm each stretch of data missing from a sender's packets.

    Args:
        sent: Logged packets of one side of a TCP flow, in any order; what lies before the first one is not looked for.
        acks: Those of the other side.

    Data counts as there wherever in the file it stands, so that frames in the wrong order make no hole.
    """
    segments = sent[(sent["flags"] & RST) == 0]
    if not len(segments):
        return []
    base = segments["seq"][0]
    low = (segments["seq"] - base).view(np.int32).astype(np.int64)
    high = low + segments["payload_len"] + ((segments["flags"] & SYN) > 0) + ((segments["flags"] & FIN) > 0)
    order = np.lexsort((high, low))
    ends = np.maximum.accumulate(high[order])
    starts = np.append(ends[:-1][low[order][1:] > ends[:-1]], ends[-1])
    told = acks[(acks["flags"] & (ACK | RST)) == ACK]
    # The starts rise, so the first packet that acknowledges more than all before it may be the first beyond several.
    first = np.searchsorted(np.maximum.accumulate((told["ack"] - base).view(np.int32)), starts, side="right")
    found: list[int] = told["frame"][first[first < len(told)]].tolist()
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
    chosen = np.flatnonzero(often)[:MAX_FLOWS]
    if not len(chosen):
        return 0, 0, []
    firsts = first_acks(traffic)
    by_a, by_b = (_advances(traffic, firsts[n][chosen], flows[f"{'ab'[n]}_ack"][chosen]) for n in (0, 1))
    sent_by_b, sent_by_a = flows["b_payload"][chosen], flows["a_payload"][chosen]
    present = int(sent_by_b[by_a > 0].sum()) + int(sent_by_a[by_b > 0].sum())
    frames: list[int] = flows["first_frame"][chosen][by_a + by_b > 0].tolist()
    return int(by_a.sum()) + int(by_b.sum()), present, frames


def _advances(traffic: Traffic, firsts: _Numbers, highest: npt.NDArray[np.uint32]) -> _Numbers:
    """Bytes from the first acknowledgment of each side (its row) to its highest; 0 where that is hardly any."""
    advance = (highest - traffic.result.rows["ack"][firsts]).view(np.int32).astype(np.int64)
    return np.where((firsts >= 0) & (advance > HARDLY), advance, 0)


def _whole_handshakes(traffic: Traffic) -> float:
    """Share of the TCP flows with packets of both sides that show SYN and SYN-ACK."""
    flows = traffic.result.flows
    both = (flows["proto"] == TCP) & (flows["a_pkts"] > 0) & (flows["b_pkts"] > 0)
    whole = both & ((flows["a_flags"] & SYN) > 0) & ((flows["b_flags"] & SYN) > 0)
    return float(whole.sum()) / max(1, int(both.sum()))
