from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.model.words import HealthState
from tests.support import wire
from tests.support.player import Frame
from tests.support.scene import health_of, play_script, scan_frames, traffic_of
from tests.support.transforms import leave_sums, tag_each

DEV, GW = bytes.fromhex("02000a000005"), bytes.fromhex("02000a000001")
TALK = """
0.0 dev > gw ARP
0.1 dev > cloud:4321 CONNECT
0.2 repeat 4 every 1.0:
  0.0 dev > cloud:4321 EXCHANGE 120 60
"""
LINK = {"CAP-VLAN", "CAP-ENCAP", "CAP-OFFLOAD-BIG", "CAP-MALFORMED"}


def test_plain_ethernet_is_worth_no_remark() -> None:
    assert not LINK & set(health_of(traffic_of(TALK)))


def test_a_tag_on_every_frame_is_worth_no_remark() -> None:
    assert "CAP-VLAN" not in health_of(traffic_of(TALK, lambda frames: tag_each(frames, 20)))


def tagged_from(frames: list[Frame], mac: bytes, vlan: int) -> list[Frame]:
    return [tag_each([f], vlan)[0] if f.src_mac == mac else f for f in frames]


def test_a_tag_in_one_direction_only_is_said() -> None:
    items = health_of(traffic_of(TALK, lambda frames: tagged_from(frames, DEV, 20)))["CAP-VLAN"]

    own = next(i for i in items if i.device == "02:00:0a:00:00:05")
    assert own.summary == "10.0.0.5 carries VLAN 20 in one direction only: what it sends"


def test_one_device_in_two_vlans_is_said() -> None:
    def moved(frames: list[Frame]) -> list[Frame]:
        half = len(frames) // 2
        return [*tag_each(frames[:half], 10), *tag_each(frames[half:], 20)]

    items = health_of(traffic_of(TALK, moved))["CAP-VLAN"]

    assert any(i.summary == "10.0.0.5 appears in the VLANs 10, 20" for i in items)


def test_a_tunnel_around_the_packets_is_said() -> None:
    def in_gre(frames: list[Frame]) -> list[Frame]:
        tunnelled = []
        for frame in frames:
            inner = frame.data[14 : 14 + int.from_bytes(frame.data[16:18], "big")]
            outer = wire.ip(bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]), 47, b"\0\0\x08\0" + inner)
            data = wire.ethernet(GW, DEV, 0x0800, outer)
            tunnelled.append(replace(frame, data=data, wire_len=len(data)))
        return tunnelled

    (item,) = health_of(traffic_of("0.0 dev:50001 > cloud:4321 EXCHANGE 120 60", in_gre))["CAP-ENCAP"]

    assert item.summary == "packets are carried inside others: GRE in 3 of 3 frames"


@pytest.mark.parametrize(
    ("link", "text"),
    [
        (101, "captured as RAW: there are no MAC addresses"),
        (147, "1 frame of a link type that cannot be read: USER0 (147)"),
    ],
)
def test_link_types_that_hide_something_are_said(link: int, text: str) -> None:
    frames = [replace(f, data=f.data[14:], wire_len=f.wire_len - 14) for f in play_script("0.0 dev:1 > cloud:2 SYN")]

    (item,) = health_of(scan_frames(frames, link=link))["CAP-ENCAP"]

    assert text in item.summary


def test_packets_beyond_any_frame_are_the_network_cards_doing() -> None:
    script = TALK + "10.0 dev > cloud:4321 DATA 20000"

    (item,) = health_of(traffic_of(script))["CAP-OFFLOAD-BIG"]

    assert item.state is HealthState.PROVEN
    assert "02:00:0a:00:00:05" in item.summary


def test_large_packets_of_one_host_only_are_suspected() -> None:
    (item,) = health_of(traffic_of(TALK + "10.0 dev > cloud:4321 DATA 2920"))["CAP-OFFLOAD-BIG"]

    assert item.state is HealthState.SUSPECTED


def test_a_network_of_jumbo_frames_is_no_offload() -> None:
    script = TALK + "10.0 dev > cloud:4321 DATA 8000\n10.1 cloud:4321 > dev DATA 8000"

    assert "CAP-OFFLOAD-BIG" not in health_of(traffic_of(script))


def test_packets_without_form_are_counted_by_reason() -> None:
    def broken(frames: list[Frame]) -> list[Frame]:
        first = bytearray(frames[0].data)
        first[14] = 0x41
        return [replace(frames[0], data=bytes(first)), *frames[1:]]

    (item,) = health_of(traffic_of("0.0 dev:1 > cloud:2 SYN\n1.0 dev:1 > cloud:2 SYN", broken))["CAP-MALFORMED"]

    assert item.summary == "1 malformed packet (50 %): IPv4 header length below 20 (1)"
    assert item.frames == (1,)


def with_sum(frame: Frame, total: bytes) -> Frame:
    """The frame of a TCP segment with another checksum."""
    return replace(frame, data=frame.data[:50] + total + frame.data[52:])


def is_tcp(frame: Frame) -> bool:
    return frame.data[12:14] == b"\x08\x00" and frame.data[23] == 6


@pytest.mark.parametrize("both", [False, True])
def test_checksums_left_for_the_card_are_known_by_their_value(*, both: bool) -> None:
    """Two virtual machines on one host leave them in both directions."""

    def offloaded(frames: list[Frame]) -> list[Frame]:
        return leave_sums(leave_sums(frames, DEV), GW) if both else leave_sums(frames, DEV)

    (item,) = health_of(traffic_of(TALK, offloaded))["CAP-OFFLOAD-CSUM"]

    assert item.state is HealthState.PROVEN
    assert ("02:00:0a:00:00:01" in item.summary) is both


def test_checksums_of_one_host_that_are_all_wrong_are_its_cards_business_when_all_others_are_right() -> None:
    def zeroed(frames: list[Frame]) -> list[Frame]:
        return [with_sum(f, b"\0\0") if is_tcp(f) and f.src_mac == DEV else f for f in frames]

    (item,) = health_of(traffic_of(TALK.replace("repeat 4", "repeat 12"), zeroed))["CAP-OFFLOAD-CSUM"]

    assert "of 02:00:0a:00:00:05 are wrong" in item.summary


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(3, id="some frames: damage on the way"),
        pytest.param(1, id="all frames of all hosts: the file was rewritten"),
    ],
)
def test_wrong_checksums_of_another_kind_are_not_the_cards(every: int) -> None:
    def damaged(frames: list[Frame]) -> list[Frame]:
        return [with_sum(f, b"\xde\xad") if is_tcp(f) and n % every == 0 else f for n, f in enumerate(frames)]

    assert "CAP-OFFLOAD-CSUM" not in health_of(traffic_of(TALK, damaged))
