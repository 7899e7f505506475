"""A watch that ends or is killed, and the one after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.engine.live import LiveAudit, Look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.frames import CaptureNotes, FileNote, Item
from pcapaudit.station.memory import Memory
from pcapaudit.watch.events import Kind
from pcapaudit.watch.state import Watch
from tests.support.endless import NS, Endless

CHECKOUT = Path(__file__).resolve().parents[2]
BROKEN = CHECKOUT / "samples" / "sensorist-blinking-red.pcapng"
SITE = CHECKOUT / "samples" / "site-sensorist-tek-broken.pcapng"


@pytest.mark.slow
def test_a_watch_that_is_killed_has_told_its_loss_once_and_the_next_one_knows_it(tmp_path: Path) -> None:
    state = tmp_path / "watch.db"
    command = [sys.executable, "-m", "pcapaudit", "live", "-r", "-", "--format", "jsonl", "--state", str(state)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(BROKEN.read_bytes())
        first.stdin.flush()
        # The pipe stays open: the watch goes on, and silence counts.
        lost = json.loads(first.stdout.readline())
        first.kill()
    with closing(Memory(state, tell=print)) as memory:
        assert memory.events() == [lost]
        record = memory.read()
        assert record is not None
        assert [device.is_down for device in record.devices] == [True]
    with BROKEN.open("rb") as source:
        again = subprocess.run(command, cwd=CHECKOUT, stdin=source, capture_output=True, text=True, check=False)
    told: list[dict[str, Any]] = [json.loads(line) for line in again.stdout.splitlines()]
    assert lost["event"] == "lost"
    assert [event["event"] for event in told] == ["sighted", "end"]


def test_a_site_that_is_watched_with_restarts_is_told_as_if_there_were_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five devices, two of which are cut off, for three times half an hour or so, with as much in between."""
    # Looks are taken at once, not by a copy of the process some time later.
    monkeypatch.setattr(os, "fork", refuse)
    site, told = Endless(SITE, pause_s=20.0), []
    for run in range(3):
        with closing(Memory(tmp_path / "watch.db", tell=print)) as memory:
            watch = Watch(record=memory.read())
            for look in watch_turns(site, range(run * 24, run * 24 + 12)):
                events = watch.note(look.now_ns, look.devices, heard=look.heard, dropped=look.dropped)
                memory.save(watch.record(), events)
                told += events
    assert Counter(event.kind.value for event in told) == {"seen": 3, "lost": 2, "sighted": 2}
    turn_s = site.turn_ns / NS
    for event in told:
        if event.kind is Kind.SIGHTED:
            # Twelve turns nobody watched, and at most a few more until the first look.
            assert 12 * turn_s - site.pause_s <= (event.lasted_s or 0) <= 20 * turn_s
    down = [row for row in watch.rows() if row.since is not None]
    assert [row.since for row in down] == [event.since for event in told if event.kind is Kind.LOST]


def refuse() -> int:
    raise OSError


def watch_turns(site: Endless, turns: range) -> Iterator[Look]:
    """The looks of a watch that sees these turns: one in four of them."""
    notes, passed_s = CaptureNotes(files=[FileNote("eth1", "pcapng", 1)], link_types=[1]), [0.0]

    def items() -> Generator[Item, None, None]:
        for turn in turns:
            passed_s[0] = turn * site.turn_ns / NS
            batch = site.turn(turn, notes.files[-1].next_frame)
            notes.files[-1].frames += len(batch)
            yield batch

    audit = LiveAudit(items(), AuditOptions(), notes, clock=lambda: passed_s[0], look_s=4 * site.turn_ns / NS)
    yield from (news for news in audit.news() if isinstance(news, Look))
