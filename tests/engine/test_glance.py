from __future__ import annotations

import pytest

from pcapaudit.engine.glance import Ends, Glance, RawFrame, find_ends, glance
from tests.support.scene import play_script


def frame_of(script: str, place: int = 0, *, link: int = 1) -> RawFrame:
    found = play_script(script)[place]
    return RawFrame(place + 1, found.time_ns, found.data, found.wire_len, link)


def test_a_syn_is_told_with_its_ends_and_flags() -> None:
    frame = frame_of("0.0 10.0.0.5:50000 > 54.229.203.190:4321 SYN")
    assert find_ends(frame) == Ends(bytes([10, 0, 0, 5]), 50000, bytes([54, 229, 203, 190]), 4321, 6)
    seen = glance(frame)
    assert (seen.source, seen.target, seen.protocol) == ("10.0.0.5", "54.229.203.190", "TCP")
    assert seen.info == "port 50000 to port 4321, SYN, 0 bytes of payload"


def test_an_answer_is_told_from_its_sender() -> None:
    frame = frame_of("0.0 dev > gw LOOKUP www.example.org A 93.184.216.34", 1)
    ends = find_ends(frame)
    assert ends is not None
    assert ends.source_port == 53
    assert glance(frame).protocol == "UDP"


def test_arp_is_told_by_what_it_asks() -> None:
    # RFC 826: hardware 1, protocol 0x0800, lengths 6 and 4, operation 1, sender, target.
    data = bytes.fromhex(
        "ffffffffffff 02000a000005 0806 0001 0800 06 04 0001 02000a000005 0a000005 000000000000 0a000001"
    )
    assert glance(RawFrame(1, 0, data, len(data), 1)) == Glance(
        "02:00:0a:00:00:05", "ff:ff:ff:ff:ff:ff", "ARP", "who has 10.0.0.1? tell 10.0.0.5"
    )


@pytest.mark.parametrize("data", [b"", b"\x00", bytes(60), bytes(range(256)) * 4])
@pytest.mark.parametrize("link", [0, 1, 101, 113, 65535])
def test_what_makes_no_sense_is_told_by_its_size_or_what_it_pretends(data: bytes, link: int) -> None:
    assert glance(RawFrame(1, 0, data, len(data), link)).protocol
