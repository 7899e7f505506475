"""The capturing machine's clock: where it was set while it captured, and the clock that runs on through it.

Time stamps are all that tells how long something took, and rules put things in order by them. A clock that is set back
by two hours makes answers come before their questions; one that is set ahead makes every wait a long one. Hence the
steps are found once, and what is judged is judged on a clock on which they are closed: the frames behind a step follow
at once upon the one before it. What really passed between these two frames nobody knows; a wait across a step is so
never longer than it was. What is written for people carries the times of the file (``written``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.flow import ACK, FIN, SYN, TCP
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import NS, readable, rfc3339
from pcapaudit.scan.columns import Table
from pcapaudit.scan.result import Hop, ScanResult

MAX_STEPS = 8
"""A clock is set once or a few times; frames that fall back more often are in disorder, and stay as they are."""
NEAR_ROWS = 50
"""Logged packets on either side of a hop in which its proof is looked for."""
NEAR_NS = 5 * NS
"""So near to the hop both must lie."""
SOON_ROWS = 20
"""Logged packets behind a hop back among which none may lie ahead of it again: those were merely late."""
CLOSED_NS = 1_000_000
"""What is taken to have passed between the last frame before a step and the first one behind it."""
_RANGE_NS = 1 << 61
"""Seventy years; what hops further is no clock that was set."""
_FRAMES_OF = {
    "rows": {"time_ns": "frame"},
    "arps": {"time_ns": "frame"},
    "pairs": {"first_ns": "first_frame", "last_ns": "last_frame"},
    "bindings": {"first_ns": "first_frame", "last_ns": "last_frame"},
    "flows": {
        "first_ns": "first_frame",
        "last_ns": "last_frame",
        "a_last_ns": "a_last_frame",
        "b_last_ns": "b_last_frame",
    },
}
"""Columns of the scan's tables that hold a time -> the column with the frame that bears it."""

_Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Step:
    """The clock was set between two frames.

    Attributes:
        hop: The first frame behind it, and the times on both sides.
        proof: A segment before the step and its first acknowledgment behind it; empty where no conversation spans it.
    """

    hop: Hop
    proof: tuple[int, ...]


class Clock:
    """The time stamps of a capture and the steady clock of its diagnosis, in nanoseconds.

    Args:
        steps: Where the clock was set, in frame order.
    """

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        self.steps = tuple(steps)
        self._frames = np.array([s.hop.frame for s in steps], np.int64)
        added = [s.hop.before_ns + CLOSED_NS - s.hop.after_ns for s in steps]
        self._added = np.cumsum([0, *added], dtype=np.int64)
        self._begins = [s.hop.after_ns + int(by) for s, by in zip(steps, self._added[1:], strict=True)]

    @property
    def last_added_ns(self) -> int:
        """What the time stamps at the end of the capture are behind the steady clock."""
        return int(self._added[-1])

    def written(self, time_ns: int) -> int:
        """The time stamp that the file gives to a moment of the steady clock."""
        if not self._begins:
            return time_ns
        passed = sum(begin <= time_ns for begin in self._begins)
        return time_ns - int(self._added[passed])

    def rfc3339(self, time_ns: int) -> str:
        """A moment as the file dates it, for the document."""
        return rfc3339(self.written(time_ns))

    def readable(self, time_ns: int) -> str:
        """The same for sentences."""
        return readable(self.written(time_ns))

    def carry(self, result: ScanResult) -> ScanResult:
        """The scan's tables with all times on the steady clock but ``first_ns`` and ``last_ns``."""
        tables = {name: self._carried(getattr(result, name), columns) for name, columns in _FRAMES_OF.items()}
        self._mend_pauses(tables["rows"], result.rows)
        for table in tables.values():
            table.flags.writeable = False
        return replace(
            result,
            rows=tables["rows"],
            arps=tables["arps"],
            pairs=tables["pairs"],
            bindings=tables["bindings"],
            flows=tables["flows"],
        )

    def span(self, result: ScanResult) -> tuple[int, int]:
        """The first and the last moment of tables that were carried to the steady clock; 0 where there is no frame.

        Of frames that none of the tables holds, those of the file.
        """
        if not self.steps:
            return result.first_ns or 0, result.last_ns or 0
        named = ((getattr(result, name), columns) for name, columns in _FRAMES_OF.items())
        # A side that sent nothing has neither time nor frame.
        times = [table[time][table[frame] > 0] for table, columns in named for time, frame in columns.items()]
        whole: _Times = np.concatenate(times)
        if not len(whole):
            return result.first_ns or 0, result.last_ns or 0
        return int(whole.min()), int(whole.max())

    def _carried(self, table: Table, columns: dict[str, str]) -> Table:
        moved: Table = table.copy()
        for time, frame in columns.items():
            moved[time] += self._added[np.searchsorted(self._frames, table[frame].astype(np.int64), side="right")]
        return moved

    def _mend_pauses(self, rows: Table, as_read: Table) -> None:
        """Take a step out of the pause before the first packet of each flow behind it."""
        edges = np.searchsorted(as_read["frame"], self._frames)
        ends = [*edges[1:].tolist(), len(as_read)]
        for number, (start, end) in enumerate(zip(edges.tolist(), ends, strict=True)):
            added = int(self._added[number + 1] - self._added[number])
            # Later rows of the flow follow a packet behind the step.
            places = start + np.unique(as_read["flow"][start:end], return_index=True)[1]
            pauses = as_read["pause_ns"][places]
            spans = places[pauses < 0 if added > 0 else pauses >= -added]
            rows["pause_ns"][spans] += added


THE_FILES = Clock()
"""The clock of the files as it is."""


def find_steps(result: ScanResult, notes: CaptureNotes) -> tuple[Step, ...]:
    """Where the clock was set: back, or ahead in the middle of a conversation; not between two files.

    A hop ahead is a step only if a conversation shows it, because a pause looks the same.
    """
    borders = {f.first_frame for f in notes.files}
    inside = [h for h in result.oddities.hops if h.frame not in borders and abs(h.after_ns - h.before_ns) < _RANGE_NS]
    # All at once, because each search reads the whole log.
    places = np.searchsorted(result.rows["frame"], [h.frame for h in inside]).tolist()
    steps: list[Step] = []
    for hop, at in zip(inside, places, strict=True):
        is_back = hop.after_ns < hop.before_ns
        if is_back and _is_merely_late(result.rows[at : at + SOON_ROWS], hop):
            continue
        proof = _proof_of(_near(result, hop, at), hop)
        if is_back or proof:
            steps.append(Step(hop, proof))
        if len(steps) > MAX_STEPS:
            return ()
    return tuple(steps)


def _is_merely_late(soon: Table, hop: Hop) -> bool:
    """Whether frames soon after the hop lie ahead of it again, by a hop as large."""
    times = soon["time_ns"].astype(np.float64)
    ahead = np.diff(times, prepend=float(hop.after_ns))
    return bool(((times >= hop.before_ns) & (ahead >= (hop.before_ns - hop.after_ns) / 2)).any())


def _proof_of(near: Table, hop: Hop) -> tuple[int, ...]:
    """Two frames of one conversation that show that no such time passed, empty where there are none."""
    acknowledged = _acknowledged(near, hop)
    return acknowledged if acknowledged or hop.after_ns > hop.before_ns else _continued(near, hop)


def _near(result: ScanResult, hop: Hop, at: int) -> Table:
    """The logged TCP packets on both sides of the hop, copies left out; the first one behind it is in row ``at``."""
    near = result.rows[max(0, at - NEAR_ROWS) : at + NEAR_ROWS]
    away = np.where(near["frame"] < hop.frame, hop.before_ns - near["time_ns"], near["time_ns"] - hop.after_ns)
    near = near[(np.abs(away) <= NEAR_NS) & (near["flow"] < len(result.flows))]
    found: Table = near[(result.flows["proto"][near["flow"]] == TCP) & (near["dup_of"] == 0)]
    return found


def _continued(near: Table, hop: Hop) -> tuple[int, ...]:
    """The last packet of a side before the hop and its first one behind it that goes on where that ended."""
    ended: dict[tuple[int, int], tuple[int, int]] = {}
    for row in near:
        side, frame = (int(row["flow"]), int(row["side"])), int(row["frame"])
        if frame < hop.frame:
            ended[side] = _end_of(row), frame
        elif side in ended:
            end, before = ended.pop(side)
            if int(row["seq"]) == end and not row["flags"] & SYN:
                return before, frame
    return ()


def _end_of(row: np.void) -> int:
    """The sequence number behind a segment (RFC 9293, section 3.4)."""
    return (int(row["seq"]) + _length_of(row)) % (1 << 32)


def _length_of(row: np.void) -> int:
    """What a segment takes of the sequence numbers."""
    flags = int(row["flags"])
    return int(row["payload_len"]) + bool(flags & SYN) + bool(flags & FIN)


def _acknowledged(near: Table, hop: Hop) -> tuple[int, ...]:
    """A segment before the hop whose first acknowledgment comes behind it.

    For minutes nobody waits without sending the segment again (RFC 6298).
    """
    waiting: dict[tuple[int, int, int], int] = {}
    acked: set[tuple[int, int, int]] = set()
    for row in near:
        flow, side, flags = int(row["flow"]), int(row["side"]), int(row["flags"])
        heard = (flow, side, int(row["ack"]))
        if row["frame"] < hop.frame:
            acked |= {heard} if flags & ACK else set()
            if _length_of(row):
                waiting[flow, 1 - side, _end_of(row)] = int(row["frame"])
        elif flags & ACK and heard in waiting and heard not in acked:
            return waiting[heard], int(row["frame"])
    return ()
