from __future__ import annotations

import os
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pcapaudit import __version__
from pcapaudit.station.metrics import MOST_DEVICES, Telling, make_exposition
from pcapaudit.station.outlet import Counts

TELLING = Telling(1.5, {"webhook": Counts(5, 2, 3), "syslog": Counts(7, 0, 0)}, 4)
DEVICE: dict[str, Any] = {
    "device": "Sensorist / Oscar",
    "mac": "02:00:00:00:00:05",
    "address": "10.0.0.5",
    "signature": "sensorist/oscar",
    "verdict": "failed",
    "is_provisional": False,
    "is_flapping": False,
    "is_silent": False,
    "stage": "connect",
    "rule": "TCP-SYN-UNANSWERED",
    "summary": "No answer.",
    "indicator": None,
    "answered": "2026-01-01T00:00:10Z",
    "since": None,
    "heard": None,
}
STATUS: dict[str, Any] = {
    "event": "status",
    "at": "2026-01-01T00:01:00.500000Z",
    "source": "eth1",
    "since": "2026-01-01T00:00:00Z",
    "frames": 1000,
    "octets": 150_000,
    "dropped": 12,
    "frames_per_s": 20.5,
    "bits_per_s": 24_600.0,
    "lag_s": 0.25,
    "look_s": 0.75,
    "directions": "both",
    "health": [{"id": "CAP-DROPS", "summary": "…"}],
    "tables": {"flows": 40, "hosts": 6},
    "is_blind": False,
    "verdicts": {"healthy": 3, "undecided": 0, "degraded": 1, "failed": 2},
    "stages": {"connect": 2},
    "ring": {"folder": "ring", "files": 3, "octets": 2048, "from": "2026-01-01T00:00:05Z", "fault": None},
    "devices": [DEVICE],
}
NEW_YEAR = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""

Sample = tuple[str, frozenset[tuple[str, str]]]


def read(status: dict[str, Any] | None, telling: Telling = TELLING) -> dict[Sample, float]:
    """All samples, as Prometheus' own reader finds them."""
    text = make_exposition("eth1", status, telling).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def one(samples: dict[Sample, float], name: str, **labels: str) -> float:
    return samples["pcapaudit_live_" + name, frozenset(labels.items())]


def test_the_capture_is_told_in_base_units() -> None:
    samples = read(STATUS)
    assert one(samples, "info", source="eth1", version=__version__) == 1
    assert one(samples, "frames_total") == 1000
    assert one(samples, "bytes_total") == 150_000
    assert one(samples, "dropped_frames_total") == 12
    assert one(samples, "frames_per_second") == 20.5
    assert one(samples, "bytes_per_second") == 3_075
    assert one(samples, "lag_seconds") == 0.25
    assert one(samples, "look_seconds") == 0.75
    assert one(samples, "blind") == 0
    assert one(samples, "wire_clock_timestamp_seconds") == NEW_YEAR + 60.5
    assert one(samples, "judged_since_timestamp_seconds") == NEW_YEAR
    assert one(samples, "table_rows", table="flows") == 40
    assert one(samples, "capture_fault", id="CAP-DROPS") == 1
    assert one(samples, "ring_bytes") == 2048
    assert one(samples, "ring_files") == 3
    assert one(samples, "ring_broken") == 0
    assert one(samples, "ring_oldest_timestamp_seconds") == NEW_YEAR + 5


def test_devices_are_told_by_verdict_by_stage_and_one_by_one() -> None:
    healthy = {**DEVICE, "mac": "02:00:00:00:00:06", "verdict": "degraded", "is_flapping": True, "answered": None}
    unknown = {**DEVICE, "mac": None, "verdict": None, "is_silent": True}
    samples = read({**STATUS, "devices": [DEVICE, healthy, unknown]})
    first = {"device": "Sensorist / Oscar", "mac": "02:00:00:00:00:05", "address": "10.0.0.5"}
    assert one(samples, "devices", verdict="failed") == 2
    assert one(samples, "devices", verdict="undecided") == 0
    assert one(samples, "failed_devices", stage="connect") == 2
    assert one(samples, "device_up", **first) == 0
    assert one(samples, "device_last_answer_timestamp_seconds", **first) == NEW_YEAR + 10
    assert one(samples, "device_up", **first | {"mac": "02:00:00:00:00:06"}) == 1
    assert one(samples, "device_flapping", **first | {"mac": "02:00:00:00:00:06"}) == 1
    assert one(samples, "device_silent", **first | {"mac": ""}) == 1
    assert ("pcapaudit_live_device_up", frozenset((first | {"mac": ""}).items())) not in samples


def test_how_telling_does_is_told_by_outlet() -> None:
    samples = read(None)
    assert one(samples, "alerts_sent_total", outlet="webhook") == 5
    assert one(samples, "alerts_failed_total", outlet="webhook") == 2
    assert one(samples, "alerts_waiting", outlet="webhook") == 3
    assert one(samples, "alerts_sent_total", outlet="syslog") == 7
    assert one(samples, "teller_restarts_total") == 4
    assert one(samples, "status_age_seconds") == 1.5


def test_before_the_first_status_nothing_is_claimed() -> None:
    names = {name for name, _ in read(None, Telling(None, {}, 0))}
    assert names == {"pcapaudit_live_info", "pcapaudit_live_teller_restarts_total"}


def test_what_is_not_known_yet_is_left_out() -> None:
    samples = read({**STATUS, "at": None, "since": None, "ring": None, "devices": [], "health": [], "is_blind": True})
    assert one(samples, "blind") == 1
    assert not any("timestamp" in name or "ring" in name or "device_" in name for name, _ in samples)


@pytest.mark.parametrize("name", ['a"b\\c\nd{x="y"} 1', "\x00\x1b[2J\u202e", "\ud800", "ä" * 5000, "# HELP x"])
def test_a_name_that_a_stranger_chose_stays_one_value(name: str) -> None:
    samples = read({**STATUS, "devices": [{**DEVICE, "device": name}]})
    (labels,) = (dict(labels) for name, labels in samples if name == "pcapaudit_live_device_up")
    assert len(labels["device"]) <= 200
    assert labels["device"].isprintable()


def test_series_of_devices_are_bounded_and_none_comes_twice() -> None:
    many = [{**DEVICE, "address": f"10.0.{number // 250}.{number % 250}"} for number in range(MOST_DEVICES + 50)]
    names = [name for name, _ in read({**STATUS, "devices": [*many[:5], *many]})]
    assert names.count("pcapaudit_live_device_up") == MOST_DEVICES - 5


def test_the_process_that_watches_is_told_where_it_can_be_seen() -> None:
    assert b"process_resident_memory_bytes" in make_exposition("eth1", None, TELLING, process=os.getpid())
    assert b"process_" not in make_exposition("eth1", None, TELLING, process=2**22 + 1)
