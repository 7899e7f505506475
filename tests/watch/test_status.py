from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.engine.live import Count, LiveAudit, Look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.watch.state import Watch
from pcapaudit.watch.status import MOST_ROWS, RingStatus, Status

SITE = Path(__file__).resolve().parents[2] / "samples" / "site-sensorist-tek-broken.pcapng"
NOON_NS = 1_767_268_800 * 10**9
COUNT = Count(2000, 250_000, 3, 0.25, NOON_NS, 1000.0, 1_000_000.0)


@pytest.fixture(scope="module")
def look() -> Look:
    """All that the site's capture tells: five devices, two of them cut off."""

    def fork() -> int:
        raise OSError

    notes = CaptureNotes()
    made = LiveAudit((batch for batch in open_capture(SITE, notes=notes)), AuditOptions(), notes, look_s=0.0)
    with pytest.MonkeyPatch.context() as patch:
        # Without copies of the process a look is there when it is due.
        patch.setattr(os, "fork", fork)
        return [news for news in made.news() if isinstance(news, Look)][-1]


@pytest.fixture
def status(look: Look) -> Status:
    watch = Watch()
    watch.conclude(look.now_ns, look.devices, heard=look.heard)
    ring = RingStatus("/ring", 2, 4096, "2026-01-01T00:00:00Z", None)
    return Status("eth1", COUNT, look, watch.rows(), lag_s=0.5, is_blind=False, ring=ring)


def test_a_status_counts_devices_by_verdict_and_those_offline_by_stage(status: Status) -> None:
    told = json.loads(json.dumps(status.as_dict()))
    assert told["verdicts"] == {"healthy": 3, "undecided": 0, "degraded": 0, "failed": 2}
    assert told["stages"] == {"connect": 2}
    assert [row["verdict"] for row in told["devices"]] == ["failed", "failed", "healthy", "healthy", "healthy"]


def test_a_row_tells_where_a_device_broke_and_since_when(status: Status, look: Look) -> None:
    told = status.as_dict()["devices"][0]
    report = next(device for device in look.devices if device.mac == told["mac"])
    assert (told["device"], told["address"]) == (report.title, report.addresses[0])
    assert (told["stage"], told["since"]) == ("connect", report.since)
    assert told["heard"].startswith("2026-")
    assert told["answered"] is not None


def test_what_came_is_told_as_it_was_counted(status: Status) -> None:
    told = status.as_dict()
    numbers = ("frames", "octets", "dropped", "frames_per_s", "bits_per_s", "lag_s", "look_s")
    assert [told[name] for name in numbers] == [2000, 250_000, 3, 1000.0, 1_000_000, 0.5, 0.25]
    assert (told["event"], told["at"], told["source"]) == ("status", "2026-01-01T12:00:00.000000Z", "eth1")
    assert told["tables"]["flows"] > 0
    ring = {"folder": "/ring", "files": 2, "octets": 4096, "from": "2026-01-01T00:00:00Z", "fault": None}
    assert told["ring"] == ring


@pytest.mark.parametrize("newest", [None, Look(0, 0, (), None, {}, 0, {}, 0.0)])
def test_before_anything_came_nothing_is_claimed(newest: Look | None) -> None:
    nothing = replace(COUNT, frames=0, now_ns=0)
    told = Status("eth1", nothing, newest, [], lag_s=0.0, is_blind=True, ring=None).as_dict()
    assert (told["at"], told["since"], told["directions"], told["ring"], told["is_blind"]) == (None,) * 4 + (True,)
    assert (told["health"], told["devices"], told["tables"]) == ([], [], {})


def test_the_list_of_devices_is_bounded_and_the_count_is_not(status: Status) -> None:
    many = replace(status, rows=list(status.rows) * 300)
    told = many.as_dict()
    assert len(told["devices"]) == MOST_ROWS
    assert told["verdicts"]["failed"] == 600
