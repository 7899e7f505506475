"""One capture from its files into an auditor: watched for Ctrl-C, and for files that are no ring after all."""

from __future__ import annotations

from collections.abc import Sequence

from pcapaudit.capture import RingWatch, read_ring
from pcapaudit.engine.auditor import Auditor
from pcapaudit.engine.interrupt import Interrupt
from pcapaudit.engine.progress import ByteCount
from pcapaudit.model.frames import CaptureNotes


class NoRingError(Exception):
    """Files were taken for one capture by their first frames, and their later frames say otherwise."""


def feed(auditor: Auditor, ring: Sequence[str], notes: CaptureNotes, interrupt: Interrupt, count: ByteCount) -> None:
    """Feed the frames of a capture until they end or Ctrl-C comes.

    Args:
        auditor: Takes the frames.
        ring: Files of the capture.
        notes: Filled while reading.
        interrupt: Ends the reading.
        count: Told the bytes.

    Raises:
        CaptureError: A file cannot be opened, or is no capture.
        NoRingError: The files are no ring.
    """
    watch, fed = RingWatch(), 0
    for batch in interrupt.until_noted(read_ring(ring, notes, progress=count.note)):
        if len(ring) > 1 and not watch.holds(notes.files[-1], batch):
            raise NoRingError
        auditor.feed(batch)
        count.tell()
        fed = batch.first_frame + len(batch) - 1
    if interrupt.is_noted and notes.files:
        # What was read when Ctrl-C came, but not fed any more, is no part of the report.
        notes.files[-1].frames = max(0, fed - notes.files[-1].first_frame + 1)
    count.end_capture()
