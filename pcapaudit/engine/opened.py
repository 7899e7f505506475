"""Captures that are read and kept open: asked for their report, for one table, then for another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from pcapaudit.capture import expand, group
from pcapaudit.diagnose.analysis import analyse
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import ByteCount, Phase, Progress, Step, ignore
from pcapaudit.engine.run import assemble, collector_paused, make_request
from pcapaudit.engine.tables.catalogue import read_rows
from pcapaudit.engine.tables.declare import Row, Table
from pcapaudit.engine.tables.read import read_traffic
from pcapaudit.flows.flow import Flow
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Report, UnreadSource


@dataclass(frozen=True, slots=True)
class Ring:
    """One capture: its files, and what was on the wire."""

    files: tuple[str, ...]
    traffic: Traffic


class Opened:
    """Captures, read once.

    Args:
        rings: Each capture.
        options: Of the audit.
        unread: Sources that could not be read.
        progress: Told how far the judging is.
    """

    def __init__(
        self, rings: Sequence[Ring], options: AuditOptions, unread: Sequence[UnreadSource], progress: Progress
    ) -> None:
        self.rings = tuple(rings)
        self.options = options
        self._unread = tuple(unread)
        self._progress = progress

    @cached_property
    def report(self) -> Report:
        """The report over all captures; worked out when it is first asked for."""
        request = make_request(self.options)
        with collector_paused():
            analyses = [analyse(ring.traffic, request, at, self._go_on) for at, ring in enumerate(self.rings)]
        return assemble(analyses, request, self._unread, is_partial=False)

    def rows(self, table: Table) -> Iterator[tuple[int, list[Row]]]:
        """The rows of one table in batches, each with the index of its capture."""
        for at, ring in enumerate(self.rings):
            yield from ((at, rows) for _, rows in read_rows(ring.traffic, [table]))

    def flow(self, row: int) -> tuple[int, Flow]:
        """The flow of a row of the table ``flows``, and the index of its capture. Raises IndexError for none."""
        rest = row
        for at, ring in enumerate(self.rings):
            count = len(ring.traffic.result.flows)
            if 0 <= rest < count:
                return at, ring.traffic.flow(rest)
            rest -= count
        raise IndexError(f"there is no flow in row {row}")

    def _go_on(self, judged: int, devices: int) -> bool:
        self._progress(Step(Phase.JUDGING, judged, devices))
        return True


def open_captures(sources: Sequence[str], options: AuditOptions, progress: Progress = ignore) -> Opened:
    """Read captures and keep them open.

    Args:
        sources: Files and folders.
        options: As for an audit.
        progress: Told how far the reading is, later the judging.

    Raises:
        CaptureError: No source can be read at all.
        SignatureError: A signature file is broken.
        UsageError: An option names something that does not exist.
    """
    make_request(options)  # Tells of a wrong option before anything is read.
    files = group(expand(sources), separate=options.separate)
    count = ByteCount(progress, [path for ring in files for path in ring])
    rings: list[Ring] = []
    unread: list[CaptureError] = []
    for ring in files:
        try:
            rings.append(Ring(tuple(ring), read_traffic(ring, options, count)))
        except CaptureError as error:
            unread.append(error)
    if not rings and unread:
        raise unread[0]
    return Opened(rings, options, [UnreadSource(e.path, e.reason, e.offset) for e in unread], progress)
