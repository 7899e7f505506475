from __future__ import annotations

from pcapaudit.engine.run import batch_of
from pcapaudit.model.frames import CaptureNotes


def test_a_batch_is_as_long_as_its_columns() -> None:
    batch = batch_of([(1, b"ab", 2), (2, b"c", 60)])

    assert len(batch) == 2
    assert bytes(batch.data[batch.offset[1] : batch.offset[1] + batch.captured[1]]) == b"c"
    assert batch.wire[1] == 60


def test_notes_of_two_captures_share_nothing() -> None:
    first, second = CaptureNotes(), CaptureNotes()
    first.link_types.append(1)

    assert second.link_types == []
