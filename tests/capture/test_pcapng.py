from __future__ import annotations

import struct

import pytest

from pcapaudit.model.errors import CaptureError
from tests.capture.material import (
    block,
    interface,
    old_packet,
    option,
    packet,
    pad,
    read,
    section,
    simple_packet,
    statistics,
)

ORDERS = ["<", ">"]
FRAME = bytes(range(61))
S = 1_000_000_000


@pytest.mark.parametrize("order", ORDERS)
def test_every_kind_of_packet_block_gives_its_frame(order: str) -> None:
    content = section(order) + interface(order) + packet(order, 1_000_000, FRAME, wire=90)
    content += simple_packet(order, b"simple") + old_packet(order, 2_000_000, b"old")
    got = read(content)
    assert got.payloads == [FRAME, b"simple", b"old"]
    assert [(frame.number, frame.time_ns, frame.wire) for frame in got.frames] == [(1, S, 90), (2, S, 6), (3, 2 * S, 3)]
    assert (got.notes.untimed_frames, got.notes.files[0].format) == (1, "pcapng")


def test_a_simple_packet_is_cut_at_the_snap_length_of_the_first_interface() -> None:
    content = section() + interface(snaplen=5) + interface() + simple_packet("<", FRAME[:5], wire=61)
    content += simple_packet("<", b"abc")
    got = read(content)
    assert [(frame.data, frame.wire, frame.time_ns) for frame in got.frames] == [(FRAME[:5], 61, 0), (b"abc", 3, 0)]


@pytest.mark.parametrize("order", ORDERS)
def test_every_interface_has_its_own_link_type_and_clock(order: str) -> None:
    content = section(order)
    clocks = [(6, 0), (9, 0), (3, 100), (0x8A, 0), (12, 0), (0, -5)]
    for number, (resolution, offset) in enumerate(clocks):
        options = option(order, 9, bytes([resolution])) + option(order, 14, struct.pack(f"{order}q", offset))
        content += interface(order, link=100 + number, options=options)
    content += b"".join(packet(order, 10**6, FRAME, number=number) for number in range(len(clocks)))
    got = read(content)
    assert [frame.link for frame in got.frames] == [100, 101, 102, 103, 104, 105]
    assert got.times == [S, 10**6, 1100 * S, 10**6 * S // 1024, 1000, 999_995 * S]


@pytest.mark.parametrize("resolution", [6, 9, 0x8A])
def test_a_time_beyond_every_calendar_is_read_with_its_sign(resolution: int) -> None:
    content = section() + interface(options=option("<", 9, bytes([resolution])))
    per_second = {6: 10**6, 9: 10**9, 0x8A: 1024}[resolution]
    content += packet("<", (1 << 64) - per_second, FRAME) + packet("<", 0, FRAME)
    assert read(content).times == [-S, 0]


def test_sections_of_both_byte_orders_may_follow_each_other() -> None:
    first = section("<") + interface("<", link=1) + interface("<", link=113) + packet("<", 1, b"a", number=1)
    second = section(">") + interface(">", link=276) + packet(">", 2, b"b")
    got = read(first + second)
    assert [(frame.link, frame.data) for frame in got.frames] == [(113, b"a"), (276, b"b")]
    assert (got.notes.interfaces, got.notes.link_types) == (3, [1, 113, 276])


def test_interfaces_of_one_section_are_not_those_of_the_next() -> None:
    content = section() + interface() + packet("<", 1, b"a")
    got = read(content + section() + packet("<", 2, b"b"))
    note = got.notes.files[0]
    assert (got.payloads, note.truncated_at) == ([b"a"], len(content) + len(section()))
    assert note.truncated_why == "a frame of interface 0, which was not declared"


@pytest.mark.parametrize("length", [-1, 0, 8, 1 << 62])
def test_the_stated_length_of_a_section_is_not_needed(length: int) -> None:
    assert read(section(length=length) + interface() + packet("<", 1, b"a")).payloads == [b"a"]


def test_comments_of_every_block_are_kept_in_file_order() -> None:
    def remark(text: bytes) -> bytes:
        return option("<", 1, text) + option("<", 0, b"")

    content = section(options=remark(b"of the section")) + interface(options=remark(b"of the interface"))
    content += packet("<", 1, FRAME, options=option("<", 2, b"flag") + remark("für das Paket".encode()))
    content += statistics("<", options=remark(b"of the statistics"))
    comments = read(content).notes.comments
    assert comments == ["of the section", "of the interface", "für das Paket", "of the statistics"]


def test_options_without_a_comment_change_nothing() -> None:
    plain = section() + interface() + packet("<", 1, FRAME) + packet("<", 2, FRAME)
    flags = option("<", 2, b"\1\0\0\0") + option("<", 0, b"")
    with_options = section() + interface() + packet("<", 1, FRAME, options=flags) + packet("<", 2, FRAME, options=flags)
    assert read(plain).frames == read(with_options).frames


def test_capture_filters_are_kept_as_text_and_programs_are_named() -> None:
    content = section() + interface(options=option("<", 11, b"\0tcp port 80"))
    content += interface(options=option("<", 11, b"\1" + bytes(8)))
    assert read(content).notes.filters == ["tcp port 80", "a compiled filter program"]


@pytest.mark.parametrize("order", ORDERS)
def test_names_are_taken_from_name_resolution_blocks(order: str) -> None:
    six = bytes.fromhex("20010db8000000000000000000000001")
    records = option(order, 1, b"\x0a\0\0\x05gateway\0also known as\0") + option(order, 2, six + b"six\0")
    records += option(order, 1, b"\x0a\0\0\x05second\0") + option(order, 9, b"???") + option(order, 1, b"\x0a")
    content = section(order) + block(order, 4, records + option(order, 0, b"") + option(order, 1, b"a remark"))
    notes = read(content).notes
    assert notes.names == {b"\x0a\0\0\x05": "gateway", six: "six"}
    assert notes.comments == ["a remark"]


@pytest.mark.parametrize("order", ORDERS)
def test_losses_are_counted_once_though_the_counters_run_on(order: str) -> None:
    def lost(dropped: int, missed: int, number: int = 0) -> bytes:
        values = option(order, 5, struct.pack(f"{order}Q", dropped)) + option(
            order, 7, struct.pack(f"{order}Q", missed)
        )
        return statistics(order, number=number, options=values)

    content = section(order) + interface(order) * 2 + packet(order, 1, FRAME) + lost(2, 3)
    content += packet(order, 2, FRAME) + lost(2, 3) + packet(order, 3, FRAME) + lost(4, 3) + lost(1, 0, number=1)
    notes = read(content, first_frame=101).notes
    assert (notes.dropped, notes.drop_frames) == (8, [101, 103, 103])


def test_a_loss_that_is_unknown_is_none() -> None:
    content = section() + interface() + statistics("<", options=option("<", 5, b"\xff" * 8))
    assert read(content).notes.dropped == 0


def test_statistics_say_until_when_the_wire_was_watched() -> None:
    def until(count: int) -> bytes:
        return statistics("<", options=option("<", 3, struct.pack("<II", count >> 32, count & 0xFFFFFFFF)))

    content = section() + interface(options=option("<", 9, b"\x03")) + until(1 << 33) + until(5000)
    assert read(content).notes.watched_until_ns == (1 << 33) * 1_000_000
    assert read(section() + interface()).notes.watched_until_ns is None


@pytest.mark.parametrize(
    ("end_us", "until_s"),
    [(1_000_060_000_000, 1_000_060), (999_999_000_000, 999.999), (1_000_000_000_000 + 90_000_000_000, 1_090)],
    ids=["a minute later", "before the frame", "more than a day later"],
)
def test_an_end_that_dumpcap_counts_in_microseconds_is_read_so(end_us: int, until_s: float) -> None:
    nanoseconds = option("<", 9, b"\x09")
    end = statistics("<", options=option("<", 3, struct.pack("<II", end_us >> 32, end_us & 0xFFFFFFFF)))
    frame = packet("<", 1_000_000 * 10**9, FRAME)
    assert read(section() + interface(options=nanoseconds) + frame + end).notes.watched_until_ns == until_s * 10**9


def test_blocks_of_unknown_type_are_skipped_and_counted() -> None:
    content = section() + block("<", 0x0BAD, b"custom") + interface() + block("<", 10, bytes(5)) + packet("<", 1, b"a")
    got = read(content)
    assert (got.payloads, got.notes.skipped_blocks) == ([b"a"], 2)


@pytest.mark.parametrize("short", [0, 3, 7])
def test_a_packet_whose_options_run_past_its_block_is_kept(short: int) -> None:
    options = struct.pack("<HH", 2, 500) + bytes(short)
    got = read(section() + interface() + packet("<", 1, FRAME, options=options) + packet("<", 2, b"next"))
    assert (got.payloads, got.notes.damaged_options) == ([FRAME, b"next"], 1)


OVERRUN = struct.pack("<HH", 2, 500)
GOOD = section() + interface() + packet("<", 1, b"good")


def lie(whole: bytes, at: int, value: int) -> bytes:
    """Put another 32-bit number into a block."""
    return whole[:at] + struct.pack("<I", value) + whole[at + 4 :]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (lie(packet("<", 1, FRAME), 4, 8), "a block claims to be 8 bytes long"),
        (lie(packet("<", 1, FRAME), 4, 1 << 31), f"a block claims to be {1 << 31} bytes long"),
        (lie(packet("<", 1, FRAME), 92, 90), "a block's two lengths differ (96 and 90)"),
        (lie(packet("<", 1, FRAME), 20, 65), "a frame of 65 bytes is longer than its block"),
        (lie(packet("<", 1, FRAME), 8, 7), "a frame of interface 7, which was not declared"),
        (old_packet("<", 1, FRAME, number=9), "a frame of interface 9, which was not declared"),
        (block("<", 6, bytes(16)), "a packet block that is too short"),
        (block("<", 2, bytes(16)), "a packet block that is too short"),
        (block("<", 3, b""), "a packet block that is too short"),
        (block("<", 1, bytes(4)), "an interface description that is too short"),
        (block("<", 5, bytes(8)), "an interface statistics block that is too short"),
        (interface(options=OVERRUN), "an option runs past its interface description"),
        (section(options=OVERRUN), "an option runs past its section header"),
        (section(version=(2, 0)), "a section of pcapng version 2.0; only version 1 can be read"),
        (block("<", 0x0A0D0D0A, b"\x4d\x3c\x2b\x1a"), "a section header that is too short"),
        (lie(section(), 8, 0x12345678), "a section header without its byte-order magic"),
    ],
)
@pytest.mark.parametrize("batch_bytes", [1 << 20, 5])
def test_damage_ends_the_file_where_it_stands(bad: bytes, why: str, batch_bytes: int) -> None:
    got = read(GOOD + bad + packet("<", 2, b"behind"), batch_bytes=batch_bytes)
    note = got.notes.files[0]
    assert (got.payloads, note.truncated_at, note.truncated_why) == ([b"good"], len(GOOD), why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (section(version=(0, 1)), "pcapng version 0.1"),
        (lie(section(), 24, 99), "two lengths differ"),
        (section()[:20], "cut short: 20 of at least 28 bytes"),
        (lie(section(), 8, 0), "byte-order magic"),
    ],
)
def test_a_first_section_header_that_is_broken_makes_no_capture(content: bytes, why: str) -> None:
    with pytest.raises(CaptureError, match=why) as caught:
        read(content)
    assert caught.value.offset == 0


def test_a_simple_packet_needs_an_interface() -> None:
    got = read(section() + simple_packet("<", b"a"))
    assert got.notes.files[0].truncated_why == "a frame of interface 0, which was not declared"


def test_a_block_with_a_length_that_is_no_multiple_of_four_is_read() -> None:
    body = struct.pack("<5I", 0, 0, 5, 3, 3) + b"abc"
    got = read(section() + interface() + block("<", 6, body) + packet("<", 6, b"next"))
    assert (got.payloads, got.times) == ([b"abc", b"next"], [5000, 6000])


def test_tables_of_texts_are_bounded() -> None:
    remarks = option("<", 1, b"x") * 1500
    content = section() + interface(options=remarks)
    content += b"".join(block("<", 4, option("<", 1, pad(struct.pack(">I", n) + b"n"))) for n in range(70_000))
    notes = read(content).notes
    assert (len(notes.comments), len(notes.names)) == (1000, 65_536)
