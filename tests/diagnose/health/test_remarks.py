from __future__ import annotations

import numpy as np
import pytest

from pcapaudit.diagnose.health import remarks
from pcapaudit.model.words import HealthState
from tests.support.scene import devices_of, scan_frames, traffic_of, view_of

PING = "0.0 pc > gw PING\n1.0 gw > pc PONG\n40.0 switch > * WATCH"


def test_a_remark_keeps_ten_frames_with_the_first_and_the_last() -> None:
    item = remarks.remark("CAP-DUP", "many", range(1, 100), effect="none")

    assert len(item.frames) == 10
    assert (item.frames[0], item.frames[-1]) == (1, 99)
    assert item.state is HealthState.PROVEN
    assert item.device is None


def test_a_remark_on_a_device_names_its_mac() -> None:
    pc = next(f for f in devices_of(traffic_of(PING)) if f.address == bytes([10, 0, 0, 9]))

    assert remarks.remark("CAP-DUP", "x", [1], effect="none", facts=pc).device == "02:00:0a:00:00:09"


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 2, "50 %"), (1, 200, "0.5 %"), (1, 100_000, "0.1 %"), (0, 0, "0.1 %")]
)
def test_a_share_is_a_readable_percentage(part: int, whole: int, text: str) -> None:
    assert remarks.share(part, whole) == text


@pytest.mark.parametrize(("number", "text"), [(1, "1 frame"), (0, "0 frames"), (3, "3 frames")])
def test_nouns_are_counted(number: int, text: str) -> None:
    assert remarks.count(number, "frame") == text


def test_the_span_is_the_first_and_the_last_frame() -> None:
    assert remarks.frame_span(traffic_of(PING)) == [1, 3]


def test_an_empty_capture_has_no_span_and_no_length() -> None:
    empty = scan_frames([])

    assert remarks.frame_span(empty) == []
    assert remarks.watched_s(empty) == 0.0


def test_the_window_lasts_from_the_first_frame_to_the_end() -> None:
    assert remarks.watched_s(traffic_of(PING)) == 40.0


def test_frames_of_a_mask_end_with_the_last_one() -> None:
    traffic = traffic_of("0.0 repeat 20 every 1.0:\n  0.0 pc > gw PING")
    everything = np.ones(len(traffic.result.rows), dtype=bool)

    assert remarks.frames_where(traffic, everything) == [*range(1, 10), 20]


def test_hosts_that_only_a_router_shows_are_not_judged_without_a_signature() -> None:
    traffic = traffic_of("0.0 dev > cloud:4321 CONNECT")

    assert [remarks.name_of(f) for f in remarks.judged(view_of(traffic).devices)] == ["10.0.0.5"]
