from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.model.words import HealthState
from tests.support import wire
from tests.support.player import Frame
from tests.support.scene import health_of, play_script, scan_frames, traffic_of
from tests.support.transforms import copy_each, sort_by_time

TALK = """
0.0 dev > cloud:4321 CONNECT
0.2 repeat 8 every 1.0:
  0.0 dev > cloud:4321 EXCHANGE 120 60
"""
RETRIES = """
0.0 repeat 5 every 1.0:
  0.0 dev:50001 > cloud:4321 SYN
"""


def test_frames_that_the_mirror_copies_are_proven_copies() -> None:
    (item,) = health_of(traffic_of(TALK, lambda frames: copy_each(frames, 40_000)))["CAP-DUP"]

    assert item.state is HealthState.PROVEN
    assert item.frames[:2] == (1, 2)
    assert item.summary.startswith("27 frames (50 %)")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(TALK, id="a clean connection"),
        pytest.param(RETRIES, id="a SYN sent again a second later"),
    ],
)
def test_what_a_host_sends_again_is_no_copy(script: str) -> None:
    assert not {"CAP-DUP", "CAP-DUP-ID0", "CAP-DUP-ROUTED", "CAP-DUP-NAT"} & set(health_of(traffic_of(script)))


def test_one_copy_in_a_long_capture_is_no_habit() -> None:
    assert "CAP-DUP" not in health_of(traffic_of(TALK + "20.0 dev > cloud:4321 EXCHANGE 9 9\n+40us dup"))


def test_packets_without_identification_are_copies_only_where_others_prove_it() -> None:
    few = "5.0 pc:40000 > gw:9999 UDP 30 id=0\n+40us dup"
    many = "0.0 repeat 30 every 0.1:\n  0.0 pc:40000 > gw:9999 UDP 20\n  +40us dup\n" + few

    assert health_of(traffic_of(many))["CAP-DUP-ID0"][0].frames == (62,)
    assert "CAP-DUP-ID0" not in health_of(traffic_of(few))


def translated(frames: list[Frame], *, hops: int) -> list[Frame]:
    """Frames of the device and, 1 ms later, what a translating router makes of them on its outside."""
    outside = []
    for frame in frames:
        packet = bytearray(frame.data[14 : 14 + int.from_bytes(frame.data[16:18], "big")])
        if packet[12:16] == bytes([10, 0, 0, 5]):
            packet[12:16] = bytes([203, 0, 113, 7])
            packet[20:22] = (61001).to_bytes(2, "big")
            packet[8] -= hops
            data = wire.ethernet(bytes.fromhex("025e00000002"), bytes.fromhex("025e00000001"), 0x0800, bytes(packet))
            outside.append(replace(frame, time_ns=frame.time_ns + 1_000_000, data=data))
    return sort_by_time([*frames, *outside])


def test_a_connection_seen_inside_and_outside_of_the_translation_is_one() -> None:
    (item,) = health_of(scan_frames(translated(play_script(TALK), hops=1)))["CAP-DUP-NAT"]

    assert item.frames[:2] == (1, 2)


def test_an_equal_sequence_number_without_a_router_between_is_no_translation() -> None:
    assert "CAP-DUP-NAT" not in health_of(scan_frames(translated(play_script(TALK), hops=0)))


def test_packets_on_both_sides_of_a_router_are_worth_a_remark() -> None:
    def routed(frames: list[Frame]) -> list[Frame]:
        copies = []
        for frame in frames:
            packet = frame.data[14 : 14 + int.from_bytes(frame.data[16:18], "big")]
            data = wire.ethernet(b"\x02" * 6, b"\x04" * 6, 0x0800, wire.routed(packet))
            copies.append(replace(frame, time_ns=frame.time_ns + 50_000, data=data))
        return sort_by_time([*frames, *copies])

    found = health_of(traffic_of(TALK, routed))

    assert found["CAP-DUP-ROUTED"][0].frames[:2] == (1, 2)
    assert "CAP-DUP" not in found
