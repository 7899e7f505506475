from __future__ import annotations

import numpy as np
import pytest

from pcapaudit.flows.hosts import find_hosts
from pcapaudit.flows.outward import Outward
from pcapaudit.flows.visibility import ENOUGH, Visibility, hears_unseen, judge_visibility
from tests.support.player import Frame
from tests.support.scene import traffic_of
from tests.support.transforms import keep_direction

MAC, DEV = bytes.fromhex("02000a000005"), bytes([10, 0, 0, 5])
TALK = "0.0 dev:50000 > cloud:4321 CONNECT\n1.0 dev > cloud EXCHANGE 10 10\n2.0 dev > cloud EXCHANGE 10 10\n"
SILENCE = "0.0 repeat 25 every 1.0:\n  0.0 dev:50000 > cloud:4321 SYN\n"


def judge(script: str, direction: str = "none", *, unseen: tuple[int, ...] = ()) -> Visibility:
    def mirrored(frames: list[Frame]) -> list[Frame]:
        return keep_direction(frames, MAC, direction)

    traffic = traffic_of(script, mirrored)
    host = next(h for h in find_hosts(traffic) if DEV in h.addresses)
    return judge_visibility(traffic, host, traffic.flows_by_address[DEV], unseen, 3)


CASES = {
    "both directions": (TALK, "none", None, False),
    "acknowledgments of what was not mirrored": (TALK, "out", "inbound", True),
    "answers to what was not mirrored": (TALK, "in", "outbound", True),
    "much sent and nothing received is only suspected": (SILENCE, "none", "inbound", False),
    "little sent and nothing received tells nothing": ("0.0 dev:50000 > cloud:4321 SYN", "none", None, False),
    "much received and nothing sent is only suspected": (
        "0.0 repeat 25 every 1.0:\n  0.0 cloud:50000 > dev:8844 UDP 30\n",
        "none",
        "outbound",
        False,
    ),
}


@pytest.mark.parametrize(("script", "direction", "missing", "is_proven"), CASES.values(), ids=CASES)
def test_a_direction_is_missing(script: str, direction: str, missing: str | None, *, is_proven: bool) -> None:
    seen = judge(script, direction)

    assert (seen.missing, seen.is_proven) == (missing, is_proven)
    assert bool(seen.frames) is (missing is not None)


def test_the_use_of_an_answer_that_is_not_there_proves_the_missing_direction() -> None:
    seen = judge("0.0 dev:50000 > cloud:8844 UDP 30", unseen=(1,))

    assert (seen.missing, seen.is_proven, seen.frames) == ("inbound", True, (1,))
    assert not seen.sees_inbound


def test_frames_are_counted_as_unicast_and_per_direction() -> None:
    seen = judge("0.0 dev > * ANNOUNCE\n" + TALK)

    # SYN, ACK, and twice data and ACK out; SYN-ACK and two data segments in; the broadcast does not count.
    assert (seen.sent, seen.received) == (6, 3)
    assert seen.sees_inbound


def test_a_host_behind_a_router_is_counted_by_its_flows() -> None:
    traffic = traffic_of(TALK)
    cloud = next(h for h in find_hosts(traffic) if h.mac is None)

    seen = judge_visibility(traffic, cloud, traffic.flows_by_address[cloud.addresses[0]], (), 3)

    assert (seen.sent, seen.received, seen.missing) == (3, 6, None)


def test_twenty_frames_are_worth_a_remark_and_not_one_fewer() -> None:
    assert judge(SILENCE.replace("25", str(ENOUGH - 1))).missing is None
    assert judge(SILENCE.replace("25", str(ENOUGH))).missing == "inbound"


@pytest.mark.parametrize(
    ("direction", "is_hearing"),
    [("none", False), ("out", True), ("in", False)],
)
def test_acknowledgments_alone_show_that_the_way_back_is_not_mirrored(direction: str, *, is_hearing: bool) -> None:
    traffic = traffic_of(TALK, lambda frames: keep_direction(frames, MAC, direction))

    assert hears_unseen(Outward(traffic, np.array(traffic.flows_by_address[DEV]))) is is_hearing


def test_a_way_back_that_is_silent_is_not_unseen() -> None:
    traffic = traffic_of(SILENCE)

    assert not hears_unseen(Outward(traffic, np.array(traffic.flows_by_address[DEV])))
