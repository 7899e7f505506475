from __future__ import annotations

import pytest

from pcapaudit.capture.columns import TIME_MAX, TIME_MIN, Columns


def test_a_batch_shows_the_frames_that_were_added() -> None:
    columns = Columns(first_frame=5, room=2)
    columns.add(3, 4, 60, 1000, 113)
    batch = columns.give_batch(b"0123456789")
    row = (batch.offset[0], batch.captured[0], batch.wire[0], batch.time_ns[0], batch.link[0])
    assert (len(batch), batch.first_frame, row) == (1, 5, (3, 4, 60, 1000, 113))


def test_numbers_run_on_from_batch_to_batch() -> None:
    columns = Columns(first_frame=5, room=2)
    columns.add(0, 0, 0, 0, 1)
    columns.add(0, 0, 0, 0, 1)
    assert columns.last_frame == 6
    columns.give_batch(b"")
    assert (columns.next_frame, columns.last_frame, columns.count) == (7, 6, 0)


def test_columns_have_the_formats_that_the_model_names() -> None:
    batch = Columns().give_batch(b"")
    columns = (batch.offset, batch.captured, batch.wire, batch.time_ns, batch.link)
    assert [column.format for column in columns] == ["q", "I", "I", "q", "H"]


@pytest.mark.parametrize(("time_ns", "kept"), [(1 << 80, TIME_MAX), (-(1 << 80), TIME_MIN), (-5, -5)])
def test_a_time_beyond_64_bits_becomes_the_nearest_within(time_ns: int, kept: int) -> None:
    columns = Columns(room=1)
    columns.add(0, 0, 0, time_ns, 1)
    assert columns.give_batch(b"").time_ns[0] == kept
