from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.diagnose.fired import MAX_FRAMES, Target, choose_frames, display_filter
from pcapaudit.model.events import Packet


def packet(frame: int) -> Packet:
    return Packet(frame, 0, b"", 0, b"", 0, 6)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=60), st.data())
def test_at_most_ten_frames_are_cited_with_first_last_and_the_decisive_ones(
    frames: list[int], data: st.DataObject
) -> None:
    decisive = data.draw(st.lists(st.sampled_from(frames), max_size=6, unique=True))

    chosen = choose_frames(frames, decisive=decisive)

    assert len(chosen) == min(MAX_FRAMES, len(set(frames)))
    assert chosen == sorted(set(chosen))
    assert {min(frames), max(frames), *decisive} <= set(chosen) <= set(frames)


@pytest.mark.parametrize(
    ("given_frames", "decisive", "expected"),
    [([], [], []), ([5], [], [5]), ([3, 1, 3], [], [1, 3]), ([1, 2], [9], [1, 2, 9])],
)
def test_few_frames_are_all_cited_in_order(given_frames: list[int], decisive: list[int], expected: list[int]) -> None:
    assert choose_frames(given_frames, decisive=decisive) == expected


def test_packets_count_by_their_frame() -> None:
    assert choose_frames([packet(7), packet(2), 7]) == [2, 7]


def test_more_decisive_frames_than_fit_leave_room_for_both_ends() -> None:
    chosen = choose_frames(range(1, 101), decisive=range(20, 60))

    assert (chosen[0], chosen[-1], len(chosen)) == (1, 100, MAX_FRAMES)


DEV, CLOUD, V6 = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 9]), bytes.fromhex("20010db8") + bytes(11) + b"\x01"
MAC = bytes.fromhex("02000a000005")
FILTERS = {
    "both addresses and the port": (
        DEV,
        Target(None, CLOUD, "tcp", 443),
        [443],
        "ip.addr == 10.0.0.5 && ip.addr == 192.0.2.9 && tcp.port == 443",
    ),
    "the ports of all attempts": (
        DEV,
        Target(None, None, "udp", None),
        [8845, 8844],
        "ip.addr == 10.0.0.5 && udp.port in {8844, 8845}",
    ),
    "the port of the target alone": (DEV, Target(None, None, "udp", 53), [], "ip.addr == 10.0.0.5 && udp.port == 53"),
    "IPv6": (V6, Target(), [], "ipv6.addr == 2001:db8::1"),
    "the MAC, where no address is known": (None, Target(), [], "eth.addr == 02:00:0a:00:00:05"),
    "no ports of a ping": (DEV, Target(None, CLOUD, "icmp", None), [7], "ip.addr == 10.0.0.5 && ip.addr == 192.0.2.9"),
}


@pytest.mark.parametrize(("address", "target", "ports", "expected"), FILTERS.values(), ids=FILTERS)
def test_the_display_filter_names(address: bytes | None, target: Target, ports: list[int], expected: str) -> None:
    assert display_filter(address, MAC, target, ports) == expected
