from __future__ import annotations

from dataclasses import replace

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


def test_a_part_of_a_batch_keeps_the_numbers_of_its_frames() -> None:
    batch = replace(batch_of([(1, b"ab", 2), (2, b"c", 60), (3, b"def", 3)]), first_frame=11)

    part = batch.part(1, 3)

    assert (part.first_frame, part.time_ns.tolist(), part.wire.tolist()) == (12, [2, 3], [60, 3])
    assert bytes(part.data[part.offset[1] : part.offset[1] + part.captured[1]]) == b"def"
