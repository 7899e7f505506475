from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.diagnose.health.joints import find_joints, stretches
from pcapaudit.model.events import Packet
from tests.support.player import Frame
from tests.support.scene import health_of, scan_frames, traffic_of

DEV = bytes.fromhex("02000a000005")
A, B = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 1])
DAY = """
0.0 dev > gw BOOT
1.0 repeat 40 every 30.0:
  0.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
  0.1 dev > cloud:4321 CONNECT new
  0.2 dev > cloud:4321 EXCHANGE 120 60
  0.3 dev > cloud:4321 EXCHANGE 80 40
  0.4 dev > cloud:4321 CLOSE
"""


def data(frame: int, seq: int, size: int, flags: int = 16) -> Packet:
    return Packet(frame, frame, A, 1, B, 2, 6, payload_len=size, seq=seq, flags=flags)


def ack(frame: int, number: int) -> Packet:
    return Packet(frame, frame, B, 2, A, 1, 6, ack=number, flags=16)


@pytest.mark.parametrize(
    ("sent", "acks", "expected"),
    [
        pytest.param([data(1, 99, 0, 2), data(2, 100, 50)], [ack(3, 150)], [(2, True), (3, True)], id="whole"),
        pytest.param([data(1, 100, 50), data(2, 200, 50)], [], [(2, False)], id="bytes are missing"),
        pytest.param([data(1, 100, 50), data(2, 200, 0)], [], [(2, False)], id="an empty segment shows it, too"),
        pytest.param([data(1, 100, 50), data(2, 150, 0)], [], [], id="an empty segment in its place says nothing"),
        pytest.param([data(1, 100, 50)], [ack(2, 150), ack(3, 900)], [(2, True)], id="the last one is confirmed"),
        pytest.param([data(1, 100, 50)], [ack(2, 900)], [(2, False)], id="more is confirmed than is there"),
        pytest.param([data(1, 100, 50), data(2, 100, 50)], [], [(2, True)], id="a retransmission"),
        pytest.param([data(1, 2**32 - 10, 20), data(2, 10, 5)], [], [(2, True)], id="numbers that wrap"),
        pytest.param([data(1, 100, 50), data(2, 7, 0, 4)], [], [], id="a reset's number means nothing"),
        pytest.param([], [ack(1, 5)], [], id="nothing of this side"),
    ],
)
def test_a_segment_joins_the_bytes_before_it(
    sent: list[Packet], acks: list[Packet], expected: list[tuple[int, bool]]
) -> None:
    assert list(stretches(sent, acks)) == expected


@given(st.permutations(range(9)))
def test_the_order_in_the_file_breaks_no_joint(order: list[int]) -> None:
    whole = [data(n + 1, 100 + 10 * n, 10) for n in range(9)]

    assert all(holds for _, holds in stretches([whole[n] for n in order], []))


def test_a_whole_capture_breaks_no_joint_nor_does_one_direction_alone() -> None:
    assert find_joints(traffic_of(DAY)).broken == 0
    assert find_joints(traffic_of(DAY, lambda frames: [f for f in frames if f.src_mac != DEV])).broken == 0
    assert find_joints(traffic_of(DAY, lambda frames: [f for f in frames if f.dst_mac != DEV])).broken == 0


@pytest.mark.parametrize("seed", [0, 1, 2, 4])
def test_one_frame_in_six_breaks_most_and_is_refused(seed: int) -> None:
    def thinned(frames: list[Frame]) -> list[Frame]:
        dice = random.Random(seed)
        return [f for f in frames if dice.random() < 1 / 6]

    (item,) = health_of(traffic_of(DAY, thinned))["CAP-SAMPLED"]

    assert item.frames


@pytest.mark.parametrize("keep", [4, 10])
def test_every_so_many_frames_alone_are_refused(keep: int) -> None:
    assert "CAP-SAMPLED" in health_of(traffic_of(DAY, lambda frames: frames[::keep]))


@pytest.mark.parametrize("lost", [3, 4, 10, 20])
def test_a_mirror_that_loses_a_third_or_less_is_not_refused(lost: int) -> None:
    def lossy(frames: list[Frame]) -> list[Frame]:
        return [f for n, f in enumerate(frames) if (n + 1) % lost]

    assert "CAP-SAMPLED" not in health_of(traffic_of(DAY, lossy))


def test_nothing_in_the_capture_has_no_joints() -> None:
    assert find_joints(scan_frames([])).total == 0
