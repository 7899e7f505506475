from __future__ import annotations

import struct

import pytest

from pcapaudit.model.errors import CaptureError
from tests.capture.material import NANO_MAGIC, pcap_header, read, record

ORDERS = ["<", ">"]
FRAME = bytes(range(60))
S = 1_000_000_000


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("magic", "file_extra", "record_extra", "time_ns"),
    [
        (0xA1B2C3D4, b"", b"", 7 * S + 5000),
        (NANO_MAGIC, b"", b"", 7 * S + 5),
        (0xA1B2CD34, b"", b"\1\0\0\0\0\x08\0\0", 7 * S + 5000),
        (0x1C0001AB, b"\0\0\0\x4c", b"", 7 * S + 5000),
        (0x1C0001AC, b"\0\0\0\x4c", b"", 7 * S + 5),
    ],
    ids=["plain", "nanoseconds", "longer records", "Ixia software", "Ixia hardware"],
)
def test_every_variant_is_read_in_both_byte_orders(
    order: str, magic: int, file_extra: bytes, record_extra: bytes, time_ns: int
) -> None:
    content = pcap_header(order, magic=magic) + file_extra
    content += record(order, 7, 5, FRAME, 90, extra=record_extra) + record(order, 7, 5, b"second", extra=record_extra)
    got = read(content)
    assert got.payloads == [FRAME, b"second"]
    assert [(frame.number, frame.time_ns, frame.wire) for frame in got.frames] == [(1, time_ns, 90), (2, time_ns, 6)]
    assert (got.notes.files[0].format, got.notes.files[0].truncated_at) == ("pcap", None)


def test_the_length_of_a_frame_check_sequence_is_no_part_of_the_link_type() -> None:
    # FCS length present, 4 bytes: draft-ietf-opsawg-pcap, section 4.
    got = read(pcap_header(network=0x24000000 | 105) + record("<", 1, 0, FRAME))
    assert (got.frames[0].link, got.notes.link_types) == (105, [105])


def test_the_header_fills_the_notes() -> None:
    notes = read(pcap_header(snaplen=96, network=113)).notes
    assert (notes.snaplen, notes.link_types, notes.interfaces, notes.files[0].frames) == (96, [113], 1, 0)


@pytest.mark.parametrize(
    ("version", "lengths", "captured", "wire"),
    [
        ((2, 4), (6, 90), 6, 90),
        ((2, 4), (6, 5), 6, 5),
        ((2, 3), (6, 90), 6, 90),
        ((2, 3), (90, 6), 6, 90),
        ((2, 2), (90, 6), 6, 90),
        ((543, 0), (90, 6), 6, 90),
    ],
)
def test_the_two_lengths_stand_as_the_version_says(
    version: tuple[int, int], lengths: tuple[int, int], captured: int, wire: int
) -> None:
    content = pcap_header(version=version) + struct.pack("<4I", 1, 0, *lengths) + b"frame!"
    assert [(len(frame.data), frame.wire) for frame in read(content).frames] == [(captured, wire)]


@pytest.mark.parametrize("version", [(1, 4), (0, 0), (3, 0), (542, 0)])
def test_another_version_is_refused_with_its_number(version: tuple[int, int]) -> None:
    with pytest.raises(CaptureError, match=rf"pcap version {version[0]}\.{version[1]}") as caught:
        read(pcap_header(version=version) + record("<", 1, 0, FRAME))
    assert (caught.value.path, caught.value.offset) == ("memory", 0)


@pytest.mark.parametrize("length", [4, 23])
def test_a_header_that_is_cut_is_refused(length: int) -> None:
    with pytest.raises(CaptureError, match=f"cut short: {length} of at least 24 bytes"):
        read(pcap_header()[:length])


@pytest.mark.parametrize(("fraction", "time_ns"), [(1_000_000, 2 * S), (0xFFFFFFFF, S + 4_294_967_295_000)])
def test_microseconds_beyond_a_second_keep_their_value(fraction: int, time_ns: int) -> None:
    assert read(pcap_header() + record("<", 1, fraction, FRAME)).times == [time_ns]


@pytest.mark.parametrize(
    ("snaplen", "length", "is_believed"),
    [
        (0, 262_144, True),
        (0, 262_145, False),
        (262_144, 262_144, True),
        (0x7FFFFFFF, 262_145, False),
        (96, 65_535, True),
        (96, 66_000, False),
    ],
)
def test_a_length_beyond_what_programs_write_is_damage(snaplen: int, length: int, is_believed: bool) -> None:
    start = pcap_header(snaplen=snaplen) + record("<", 1, 0, FRAME)
    got = read(start + record("<", 2, 0, bytes(length)))
    assert len(got.frames) == (2 if is_believed else 1)
    assert got.notes.files[0].truncated_at == (None if is_believed else len(start))


def test_the_place_of_damage_and_its_reason_are_noted() -> None:
    start = pcap_header(snaplen=0) + record("<", 1, 0, FRAME)
    note = read(start + b"\xff" * 100, batch_bytes=7).notes.files[0]
    assert (note.frames, note.truncated_at) == (1, len(start))
    assert note.truncated_why == "a record claims more than 262144 bytes"


def test_a_frame_of_no_bytes_is_a_frame() -> None:
    assert read(pcap_header() + record("<", 1, 0, b"", 1500)).payloads == [b""]
