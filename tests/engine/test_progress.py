from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.engine.progress import ByteCount, Phase, Step, ignore


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    for name, size in (("a", 30), ("b", 12)):
        (tmp_path / name).write_bytes(bytes(size))
    return [str(tmp_path / "a"), str(tmp_path / "b")]


def test_bytes_run_on_from_capture_to_capture(paths: list[str]) -> None:
    told: list[Step] = []
    count = ByteCount(told.append, paths)
    count.note(10)
    count.tell()
    count.note(30)
    count.end_capture()
    count.note(12)
    count.end_capture()
    assert told == [Step(Phase.READING, done, 42) for done in (10, 30, 42)]


def test_what_is_read_but_not_worked_off_is_not_told_yet(paths: list[str]) -> None:
    told: list[Step] = []
    ByteCount(told.append, paths).note(10)
    assert told == []


@pytest.mark.parametrize("other", ["-", "/dev/null", "/no/such/file"])
def test_nobody_knows_the_size_of_a_pipe(other: str, paths: list[str]) -> None:
    told: list[Step] = []
    ByteCount(told.append, [*paths, other]).end_capture()
    assert told == [Step(Phase.READING, 0, None)]


def test_progress_may_be_ignored() -> None:
    ignore(Step(Phase.JUDGING, 1, 2))
