from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pcapaudit.station.memory import Memory
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.state import Watch
from pcapaudit.web.live.desk import MOST_EVENTS, Desk, read_ns
from pcapaudit.web.settings import Live
from tests.web.live.support import blind, device, lost, status, telling

S = 10**9
NOON = "2026-01-01T12:00:00Z"
NOON_NS = 1_767_268_800 * S


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One whose watch tells nothing by itself."""
    return Desk(Live("eth1", tmp_path / "live", ("true",)))


def at(second: int) -> str:
    return f"2026-01-01T12:{second // 60:02d}:{second % 60:02d}Z"


def test_before_anything_is_told_nothing_is_known(desk: Desk) -> None:
    assert (desk.status, desk.age_s, desk.is_fresh, desk.newest(10)) == (None, None, False, [])
    assert desk.watched_until(NOON_NS) is None


def test_the_newest_status_is_kept(desk: Desk) -> None:
    desk.note(status(frames=1))
    desk.note(status(frames=2))
    assert desk.status is not None
    assert desk.status["frames"] == 2
    assert desk.is_fresh
    assert desk.revision == 2


def test_events_are_numbered_and_the_oldest_go(desk: Desk) -> None:
    for number in range(MOST_EVENTS + 3):
        desk.note(lost(text=f"event {number}"))
    newest = desk.newest(2)
    assert [happened.event["text"] for happened in newest] == ["event 502", "event 501"]
    assert newest[0].number > newest[1].number
    assert desk.after(newest[1].number) == [newest[0]]
    assert len(desk.newest(10_000)) == MOST_EVENTS


def test_events_that_are_remembered_have_the_numbers_they_had(desk: Desk, tmp_path: Path) -> None:
    """A browser that comes back asks for what came behind the last number that it knows."""
    events = [lost(), lost(at="2026-01-01T14:05:00Z"), lost(at="2026-01-01T14:05:00Z"), lost()]
    later = Desk(Live("eth1", tmp_path, ("true",)))
    for event in events:
        desk.note(event)
        later.note(event)
    assert later.newest(10) == desk.newest(10)
    assert len({happened.number for happened in later.newest(10)}) == len(events)


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"event": "status"},
        {**status(), "devices": "many"},
        {**status(), "frames": "1,204"},
        {**status(), "at": 1_767_268_800},
        {**status(), "verdicts": None},
        {**status(), "health": ["CAP-ONEWAY"]},
        {**status(), "ring": {"files": 3}},
        status(devices=[device(summary=["many", "words"])]),
        status(devices=[device(since=5)]),
        {**status(), "devices": [{"device": "a gateway"}]},
        {key: value for key, value in status().items() if key != "health"},
        {"event": "end", "frames": 3},
        {"event": ["lost"], "at": NOON, "text": "x"},
        {"event": "lost", "at": None, "text": "x"},
    ],
)
def test_what_another_version_may_tell_is_passed_over(desk: Desk, line: dict[str, object]) -> None:
    desk.note(line)
    assert (desk.status, desk.newest(1)) == (None, [])


def test_frames_that_were_lost_are_known_with_their_time(desk: Desk) -> None:
    # The third one is of a watch that was begun anew: it counts from nothing.
    for second, dropped in ((0, 0), (10, 7), (20, 7), (100, 3)):
        desk.note(status(at=at(second), dropped=dropped))
    assert desk.lost_between(NOON_NS, NOON_NS + 60 * S) == 7
    assert desk.lost_between(NOON_NS + 60 * S, NOON_NS + 200 * S) == 3
    assert desk.lost_between(NOON_NS - 60 * S, NOON_NS - 30 * S) == 0
    assert desk.lost_between(NOON_NS - 60 * S, NOON_NS) == 7, "they are told late"


def test_what_was_not_watched_is_known(desk: Desk) -> None:
    desk.note(status(at=at(0)))
    desk.note(blind(since=at(1), at=at(3)))
    desk.note(status(at=at(20), is_blind=True))
    assert desk.watched_until(NOON_NS + 20 * S) == NOON_NS + S
    assert desk.gaps_between(NOON_NS, NOON_NS + 20 * S) == [(NOON_NS + S, NOON_NS + 20 * S)]
    desk.note(blind(event="sighted", since=at(1), at=at(31)))
    desk.note(status(at=at(40)))
    assert desk.gaps_between(NOON_NS, NOON_NS + 60 * S) == [(NOON_NS + S, NOON_NS + 31 * S)]
    assert desk.gaps_between(NOON_NS + 10 * S, NOON_NS + 20 * S) == [(NOON_NS + 10 * S, NOON_NS + 20 * S)]
    assert desk.gaps_between(NOON_NS + 31 * S, NOON_NS + 40 * S) == []
    assert desk.watched_until(NOON_NS + 35 * S) == NOON_NS + 35 * S
    assert desk.watched_until(NOON_NS + 99 * S) == NOON_NS + 40 * S


def test_the_clock_is_that_of_the_wire(desk: Desk) -> None:
    desk.note(status(at=NOON))
    assert desk.now_ns == NOON_NS
    desk.note(status(at=None))
    assert desk.now_ns > NOON_NS


@pytest.mark.parametrize("text", [None, 5, "", "soon", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_none(text: object) -> None:
    assert read_ns(text) is None


def test_who_waits_is_told_and_let_go_at_the_end(desk: Desk) -> None:
    async def listen() -> list[int]:
        told = []
        async for revision in desk.watch():
            told.append(revision)
            if len(told) == 1:
                desk.note(status(devices=[device()]))
            else:
                desk.dismiss()
        return told

    assert asyncio.run(listen()) == [0, 1]


def test_the_watch_runs_and_ends_with_the_server(tmp_path: Path) -> None:
    live = telling(tmp_path, [{"event": "x", "at": NOON, "text": "first"}])

    async def run() -> Desk:
        desk = Desk(live)
        await desk.open()
        async for _ in desk.watch():
            if desk.newest(1):
                break
        await desk.close()
        return desk

    desk = asyncio.run(run())
    assert desk.newest(1)[0].event["text"] == "first"


def test_what_happened_before_a_restart_is_known_again(tmp_path: Path) -> None:
    live = telling(tmp_path, [])
    live.folder.mkdir()
    memory = Memory(live.state, print)
    memory.save(Watch().record(), [Event(Kind.DROPPED, NOON_NS, count=12), Event(Kind.DROPPED, NOON_NS + S, count=13)])
    memory.close()

    async def run() -> list[str]:
        desk = Desk(live)
        await desk.open()
        await desk.close()
        return [happened.event["text"][:9] for happened in desk.newest(5)]

    assert asyncio.run(run()) == ["13 frames", "12 frames"]


def test_a_memory_that_cannot_be_read_keeps_no_server_from_starting(tmp_path: Path) -> None:
    live = telling(tmp_path, [])
    live.folder.mkdir()
    live.state.write_bytes(b"no memory")

    async def run() -> None:
        desk = Desk(live)
        await desk.open()
        await desk.close()

    asyncio.run(run())
    assert live.state.read_bytes() == b"no memory"
