"""What cases do to the frames of a script, as dpkt sees the result."""

from __future__ import annotations

import struct

import dpkt
import pytest

from tests.support import transforms
from tests.support.faults import Where
from tests.support.player import Frame, Player
from tests.support.script import play
from tests.support.world import START_NS, World

SCRIPT = "0 dev > cloud:443 SYN as=syn\n1 cloud:443 > dev SYN-ACK\n2 dev > cloud:443 ACK\n3 pc > * ARP? gw"
DEV = bytes.fromhex("02000a000005")


@pytest.fixture
def frames() -> list[Frame]:
    player = Player(World({"cloud": "54.229.203.190"}))
    play(player, SCRIPT, Where("x", "y", 1))
    return player.frames


@pytest.mark.parametrize(("direction", "kept"), [("out", [0, 2, 3]), ("in", [1, 3]), ("none", [0, 1, 2, 3])])
def test_one_direction_loses_the_other_but_no_broadcast(frames: list[Frame], direction: str, kept: list[int]) -> None:
    assert transforms.keep_direction(frames, DEV, direction) == [frames[at] for at in kept]


def test_a_window_keeps_both_of_its_ends(frames: list[Frame]) -> None:
    second = 10**9

    assert transforms.keep_window(frames, START_NS + second, START_NS + 2 * second) == frames[1:3]


def test_copies_follow_their_frames_and_carry_no_label(frames: list[Frame]) -> None:
    twice = transforms.copy_each(frames, 40_000)

    assert [frame.data for frame in twice] == [frame.data for frame in frames for _ in range(2)]
    assert [frame.label for frame in twice[:2]] == ["syn", None]


def test_a_routed_copy_has_other_macs_and_a_ttl_one_further_on(frames: list[Frame]) -> None:
    both_sides = transforms.copy_routed(frames, 50_000, World({"cloud": "54.229.203.190"}))
    out, out_again, before, back = (dpkt.ethernet.Ethernet(frame.data) for frame in both_sides[:4])

    assert (out.data.ttl, out_again.data.ttl) == (64, 63)
    assert (before.data.ttl, back.data.ttl) == (55, 54)
    assert not {out_again.src, out_again.dst} & {out.src, out.dst}
    assert bytes(out_again.data.data) == bytes(out.data.data)
    assert len(both_sides) == 7


def test_a_cut_frame_remembers_its_length(frames: list[Frame]) -> None:
    cut = transforms.cut_each(frames, 40)

    assert [(len(frame.data), frame.wire_len) for frame in cut] == [(40, frame.wire_len) for frame in frames]


def test_a_tag_stands_behind_the_addresses(frames: list[Frame]) -> None:
    tagged = dpkt.ethernet.Ethernet(transforms.tag_each(frames, 20)[0].data)

    assert tagged.vlan_tags[0].id == 20
    assert bytes(tagged.data) == bytes(dpkt.ethernet.Ethernet(frames[0].data).data)


def test_frames_are_left_out_by_number_or_label(frames: list[Frame]) -> None:
    assert transforms.leave_out(frames, ["syn", "4"]) == frames[1:3]


def test_an_unknown_label_names_those_that_exist(frames: list[Frame]) -> None:
    with pytest.raises(ValueError, match="no frame is labelled 'sin'; labels are syn"):
        transforms.resolve(frames, "sin")


def test_a_text_that_hits_no_line_is_an_error(frames: list[Frame]) -> None:
    with pytest.raises(ValueError, match="no line contains 'FIN'"):
        transforms.drop_matching(frames, ["FIN"])


def test_a_translated_copy_bears_the_outer_address_and_right_checksums(frames: list[Frame]) -> None:
    world = World({"cloud": "54.229.203.190", "wan": {"ip": "198.51.100.9", "mac": "02:00:00:00:00:fe"}})
    cloud, wan = bytes([54, 229, 203, 190]), bytes([198, 51, 100, 9])

    added = [f for f in transforms.copy_translated(frames, world, world.find("wan")) if f not in frames]

    packets = [dpkt.ethernet.Ethernet(f.data).data for f in added]
    assert [(p.src, p.dst, p.ttl) for p in packets] == [(wan, cloud, 63), (cloud, wan, 55), (wan, cloud, 63)]
    for packet in packets:
        stated = packet.data.sum
        packet.data.sum = packet.sum = 0
        assert dpkt.ip.IP(bytes(packet)).data.sum == stated


def test_a_checksum_left_for_the_card_is_the_sum_of_the_pseudo_header(frames: list[Frame]) -> None:
    left = transforms.leave_sums(frames, DEV)

    assert [f.data == g.data for f, g in zip(frames, left, strict=True)] == [False, True, False, True]
    packet = dpkt.ethernet.Ethernet(left[0].data).data
    pseudo = packet.src + packet.dst + struct.pack(">HH", packet.p, len(packet.data))
    assert packet.data.sum == sum(struct.unpack(">6H", pseudo)) % 0xFFFF


def test_a_clock_that_is_set_dates_all_later_frames_anew(frames: list[Frame]) -> None:
    stepped = transforms.step_clock(frames, ["2", "-3600"], START_NS)

    assert [(g.time_ns - f.time_ns) // 10**9 for f, g in zip(frames, stepped, strict=True)] == [0, 0, -3600, -3600]
