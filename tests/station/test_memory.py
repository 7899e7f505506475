from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.model.errors import UsageError
from pcapaudit.model.report import DeviceReport
from pcapaudit.station.memory import MOST_EVENTS, REST_S, Memory
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.record import Device
from pcapaudit.watch.state import Watch
from tests.support.disk import small_disk
from tests.support.watches import OTHER, PATIENCE, TURNS, UP, Play, Turn, at_ns, down, kinds, store_and_read

ROOT = Path(__file__).resolve().parents[2]


class Told(list[str]):
    """Notes what it is told."""

    def __call__(self, line: str) -> None:
        self.append(line)


def fail(line: str) -> None:
    raise AssertionError(line)


def look(play: Play, memory: Memory, *devices: DeviceReport, for_s: float = 2.0) -> list[Event]:
    events = play.show(devices, for_s)
    memory.save(play.watch.record(), events)
    return events


def written(path: Path) -> int:
    """Bytes in the write-ahead log."""
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0


def test_what_a_watch_knew_is_there_again_after_it_ended(tmp_path: Path) -> None:
    play, path = Play(), tmp_path / "watch.db"
    with closing(Memory(path, fail)) as memory:
        assert memory.read() is None
        told = look(play, memory, down(), OTHER, for_s=60)
    with closing(Memory(path, fail)) as memory:
        assert memory.read() == store_and_read(play.watch)
        assert memory.events() == [event.as_dict() for event in reversed(told)]
    assert kinds(told) == ["seen", "lost"]


def test_a_file_whose_name_means_something_to_sqlite_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(Memory(Path(":memory:"), fail)) as memory:
        look(Play(), memory, UP)
    with closing(Memory(Path(":memory:"), fail)) as memory:
        assert memory.read() is not None


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "watch.db"
    with closing(Memory(path, fail)) as memory:
        look(Play(), memory, UP)
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_look_that_says_nothing_new_costs_next_to_nothing(tmp_path: Path) -> None:
    path, play = tmp_path / "watch.db", Play()
    devices = [replace(UP, mac=f"02:00:00:00:01:{number:02x}") for number in range(200)]
    with closing(Memory(path, fail)) as memory:
        look(play, memory, *devices)
        first = written(path)
        memory.save(play.watch.record(), [])
        assert written(path) == first
        for _ in range(10):
            look(play, memory, *devices)
        # The clock alone goes on: a page of 4096 bytes each, with its header of 24.
        assert written(path) - first <= 10 * 4120


def test_what_moves_with_each_look_is_written_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    path, play = tmp_path / "watch.db", Play()

    def heard_on_disk() -> int | None:
        record = memory.read()
        return record.devices[0].heard_ns if record else None

    memory = Memory(path, fail)
    for second in range(0, REST_S + 10, 10):
        play.hear()
        look(play, memory, UP, for_s=10)
        assert heard_on_disk() == at_ns(REST_S if second >= REST_S else 0)
    play.hear()
    look(play, memory, UP, for_s=2)
    memory.close()
    memory = Memory(path, fail)
    assert heard_on_disk() == at_ns(play.now_s - 2)
    memory.close()


def test_a_loss_is_on_the_disk_at_once(tmp_path: Path) -> None:
    path, play = tmp_path / "watch.db", Play()
    with closing(Memory(path, fail)) as memory:
        look(play, memory, UP)
        assert kinds(look(play, memory, down(), for_s=10)) == ["lost"]
        record = memory.read()
        assert record is not None
        assert record.devices[0].is_down


def test_what_a_watch_forgot_is_forgotten_on_the_disk_also_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    path, play = tmp_path / "watch.db", Play()
    with closing(Memory(path, fail)) as memory:
        look(play, memory, UP, OTHER)
        look(play, memory, UP, for_s=20)
        record = memory.read()
        assert record is not None
        assert [device.report.mac for device in record.devices] == [UP.mac]
    with closing(Memory(path, fail)) as memory:
        memory.save(Watch(PATIENCE).record(), [])
        record = memory.read()
        assert record is not None
        assert record.devices == ()


@settings(deadline=None, max_examples=30)
@given(TURNS, st.sets(st.integers(0, 49), max_size=5))
def test_after_any_looks_the_file_holds_what_the_watch_knows(turns: list[Turn], restarts: set[int]) -> None:
    with TemporaryDirectory() as folder:
        path, watch, now_s = Path(folder, "watch.db"), Watch(PATIENCE, most=3), 0
        memory = Memory(path, fail)
        for number, turn in enumerate(turns):
            now_s = turn.second(now_s)
            events = watch.note(at_ns(now_s), turn.devices, heard=turn.hear(now_s))
            memory.save(watch.record(), events)
            if number in restarts:
                memory.close()
                memory = Memory(path, fail)
                assert memory.read() == store_and_read(watch)
        memory.close()
        with closing(Memory(path, fail)) as memory:
            assert memory.read() == (store_and_read(watch) if turns else None)


def test_the_newest_events_are_kept(tmp_path: Path) -> None:
    watch = Watch(PATIENCE)
    with closing(Memory(tmp_path / "watch.db", fail)) as memory:
        for start in range(0, MOST_EVENTS + 2000, 3000):
            memory.save(watch.record(), [Event(Kind.DROPPED, 0, count=start + step + 1) for step in range(3000)])
        assert [event["count"] for event in memory.events(2)] == [12_000, 11_999]
        assert memory.events(99_999)[-1]["count"] == 12_000 - MOST_EVENTS + 1


def test_names_that_no_encoding_knows_are_kept(tmp_path: Path) -> None:
    play, strange = Play(), replace(UP, mac=None, addresses=(), title="\ud800\x00'; --")
    with closing(Memory(tmp_path / "watch.db", fail)) as memory:
        look(play, memory, strange)
        assert memory.read() == store_and_read(play.watch)


def make_foreign_database(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE captures (id TEXT)")
    base.close()


def change(statement: str) -> Callable[[Path], None]:
    """Make a memory and have it say something else."""

    def spoil(path: Path) -> None:
        with closing(Memory(path, fail)) as memory:
            look(Play(), memory, UP)
        base = sqlite3.connect(path)
        base.execute(statement)
        base.commit()
        base.close()

    return spoil


def overwrite(path: Path) -> None:
    with closing(Memory(path, fail)) as memory:
        look(Play(), memory, UP)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"x"), "is no memory of a watch"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(5000)), "is no memory of a watch"),
        (lambda path: path.mkdir(), "cannot be opened"),
        (os.mkfifo, "is no memory of a watch"),
        (make_foreign_database, "is no memory of a watch"),
        (overwrite, "is damaged"),
        (change("PRAGMA user_version = 2"), "newer version"),
        (change("DROP TABLE devices"), "cannot be read"),
        (change("UPDATE watch SET said = '[1]'"), "cannot be read"),
        (change("UPDATE watch SET said = '{'"), "cannot be read"),
        (change("UPDATE watch SET said = replace(said, '\"version\": 1', '\"version\": 2')"), "found 2"),
        (change("UPDATE devices SET said = '{}'"), "the key 'report' is missing"),
        (change("UPDATE devices SET said = '" + "[" * 100_000 + "'"), "cannot be read"),
    ],
    ids=[
        "text", "header", "folder", "pipe", "foreign", "overwritten", "newer", "no table", "list", "cut", "version",
        "empty device", "deep",
    ],
)  # fmt: skip
def test_a_file_that_is_no_memory_of_ours_is_named_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "some.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UsageError) as caught, closing(Memory(path, fail)) as memory:
        memory.read()
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert before is None or path.read_bytes() == before


def test_events_that_cannot_be_read_are_a_clear_error(tmp_path: Path) -> None:
    change("INSERT INTO events (said) VALUES ('[1]')")(tmp_path / "some.db")
    with closing(Memory(tmp_path / "some.db", fail)) as memory, pytest.raises(UsageError, match="its events cannot"):
        memory.events()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere/watch\.db: .* cannot be opened .*No such file"):
        Memory(tmp_path / "nowhere" / "watch.db", fail)


WRITER = """
import sys
from pathlib import Path
from pcapaudit.station.memory import Memory
from tests.support.watches import OTHER, UP, Play, down
play, memory = Play(), Memory(Path(sys.argv[1]), print)
while True:
    for shown in (UP, down(play.now_s)):
        events = play.show([shown, OTHER])
        memory.save(play.watch.record(), events)
        print(play.now_s, flush=True)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that saves look upon look, and says after each how late it is in its watch."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "watch.db")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_second_watch_on_the_same_file_is_refused_until_the_first_is_gone_however_it_went(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    assert writer.stdout is not None
    writer.stdout.readline()
    with pytest.raises(UsageError, match=r"watch\.db is in use by another watch"):
        Memory(tmp_path / "watch.db", fail)
    writer.kill()
    writer.wait()
    Memory(tmp_path / "watch.db", fail).close()


@pytest.mark.parametrize("looks", [1, 2, 30, 301])
def test_a_watch_that_is_killed_while_it_saves_leaves_its_last_complete_state(
    tmp_path: Path, writer: subprocess.Popen[str], looks: int
) -> None:
    assert writer.stdout is not None
    for _ in range(looks):
        said = writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    said = [said, *writer.stdout.read().splitlines()][-1]
    writer.wait()
    with closing(Memory(tmp_path / "watch.db", fail)) as memory:
        record = memory.read()
    assert record is not None
    # What was said to be saved is there; what was being saved may be.
    assert record.now_ns in {at_ns(float(said)), at_ns(float(said) + 20)}
    play = Play()
    while at_ns(play.now_s) < record.now_ns:
        play.show([UP if play.now_s % 40 == 0 else down(play.now_s - 20), OTHER])
    expected = store_and_read(play.watch)
    assert [stand(device) for device in record.devices] == [stand(device) for device in expected.devices]


def stand(device: Device) -> tuple[object, ...]:
    return device.key, device.shown, device.losses, device.flapping_ns, device.flaps, device.down_ns


@pytest.mark.needs_root
def test_a_full_disk_is_told_once_and_what_waited_is_written_when_there_is_room(tmp_path: Path) -> None:
    told, play = Told(), Play()
    with small_disk(tmp_path / "disk", 1) as disk:
        path, filler = disk / "watch.db", disk / "filler"
        with closing(Memory(path, told)) as memory:
            look(play, memory, UP)
            fill(filler)
            devices = [replace(UP, mac=f"02:00:00:00:01:{number:02x}") for number in range(40)]
            for _ in range(3):
                look(play, memory, UP, *devices, for_s=20)
            assert len(told) == 1
            assert told[0].startswith(f"{path}: the watch's memory cannot be written (")
            filler.unlink()
            look(play, memory, UP, *devices)
            assert told[1:] == [f"{path}: the watch's memory is written again"]
            assert len(memory.events()) == 41
        with closing(Memory(path, told)) as memory:
            assert memory.read() == store_and_read(play.watch)


@pytest.mark.needs_root
def test_a_watch_begins_anew_on_a_full_disk_where_its_memory_lies_and_is_refused_where_none_is(tmp_path: Path) -> None:
    told, play = Told(), Play()
    with small_disk(tmp_path / "disk", 1) as disk:
        with closing(Memory(disk / "watch.db", fail)) as memory:
            look(play, memory, UP)
        fill(disk / "filler")
        with closing(Memory(disk / "watch.db", told)) as memory:
            assert memory.read() == store_and_read(play.watch)
            look(play, memory, down(), for_s=20)
            assert len(told) == 1
        with pytest.raises(UsageError, match=r"other\.db: the watch's memory cannot be opened \(.*full"):
            Memory(disk / "other.db", fail)


def fill(path: Path) -> None:
    """Take all the room that is left."""
    with path.open("wb", buffering=0) as out:
        while _fits(out.write, 4096) or _fits(out.write, 1):
            pass


def _fits(write: Callable[[bytes], int | None], size: int) -> bool:
    try:
        return bool(write(bytes(size)))
    except OSError:
        return False
