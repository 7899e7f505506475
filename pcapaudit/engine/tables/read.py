"""From captures to the rows of their tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.capture import STDIN, expand, group, read_ring
from pcapaudit.engine.cut import find_ring
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import ByteCount, Progress, ignore
from pcapaudit.engine.run import make_auditor, make_request
from pcapaudit.engine.tables.catalogue import read_rows
from pcapaudit.engine.tables.declare import Row, Table
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.frames import CaptureNotes

Batch = tuple[Table, list[Row]]


def rows_of_all(
    sources: Sequence[str], options: AuditOptions, tables: Sequence[Table], progress: Progress = ignore
) -> Iterator[Batch]:
    """The rows of one capture after the other, in batches.

    Args:
        sources: Files, folders, ``-`` for standard input.
        options: ``separate``, ``since_ns``, ``until_ns`` and ``max_flows`` count.
        tables: Which tables.
        progress: Told the bytes that are read.

    Raises:
        CaptureError: A source cannot be read; the rows of all others were given before.
    """
    rings = group(expand(sources), separate=options.separate)
    count = ByteCount(progress, [path for ring in rings for path in ring])
    unread: list[CaptureError] = []
    for ring in rings:
        try:
            traffic = read_traffic(ring, options, count)
        except CaptureError as error:
            unread.append(error)
            continue
        yield from read_rows(traffic, tables)
    if unread:
        raise unread[0]


def check_single(sources: Sequence[str], options: AuditOptions) -> None:
    """Raise UsageError unless the sources are one capture: frame numbers of several would stand for one another."""
    if STDIN not in sources:
        find_ring(sources, separate=options.separate)


def read_traffic(ring: Sequence[str], options: AuditOptions, count: ByteCount) -> Traffic:
    """What was on the wire of one capture. Raises CaptureError when it cannot be read."""
    notes = CaptureNotes()
    auditor = make_auditor(make_request(options), notes, options)
    for batch in read_ring(ring, notes, progress=count.note):
        auditor.feed(batch)
        count.tell()
    count.end_capture()
    return auditor.last_traffic()
