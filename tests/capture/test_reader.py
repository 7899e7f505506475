from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture import open_capture, read_ring
from pcapaudit.capture.writer import write_pcap, write_pcapng
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.frames import CaptureNotes, FrameBatch
from pcapaudit.model.linktypes import capinfos_name
from tests.capture.material import (
    interface,
    old_packet,
    option,
    packet,
    pcap_header,
    read,
    record,
    section,
    simple_packet,
    statistics,
)

FRAME = bytes(range(61))

PCAP = pcap_header() + record("<", 1, 2, FRAME) + record("<", 3, 4, b"") + record("<", 5, 6, b"third", 70)

PCAPNG = (
    section(options=option("<", 1, b"remark"))
    + interface(options=option("<", 9, b"\x09"))
    + packet("<", 1000, FRAME)
    + packet("<", 2000, b"odd", options=option("<", 1, b"comment"))
    + simple_packet("<", b"simple")
    + statistics("<", options=option("<", 5, b"\x01" + bytes(7)))
    + section(">")
    + interface(">", link=113)
    + old_packet(">", 3000, b"old")
    + packet(">", 4000, b"last", wire=1500)
)

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}


def count_frames(batches: Iterator[FrameBatch]) -> int:
    return sum(len(batch) for batch in batches)


@pytest.mark.parametrize("content", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
@given(batch_bytes=st.integers(1, 300))
def test_the_size_of_a_batch_changes_no_frame_and_no_note(content: bytes, batch_bytes: int) -> None:
    whole, pieces = read(content), read(content, batch_bytes=batch_bytes)
    assert pieces.frames == whole.frames
    assert pieces.notes == whole.notes


@pytest.mark.parametrize("content", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_a_file_cut_anywhere_is_read_to_its_last_whole_frame(content: bytes) -> None:
    whole = read(content).frames
    header = 24 if content is PCAP else len(section(options=option("<", 1, b"remark")))
    clean_ends = set()
    for cut in range(header, len(content)):
        got = read(content[:cut])
        note = got.notes.files[0]
        assert got.frames == whole[: len(got.frames)]
        assert note.frames == len(got.frames)
        if note.truncated_at is None:
            clean_ends.add(cut)
        else:
            assert note.truncated_at < cut
            assert "cut short" in str(note.truncated_why)
    # The only cuts that nobody can see are those between two records or blocks.
    assert len(clean_ends) == (3 if content is PCAP else 9)


@pytest.mark.parametrize("content", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_a_file_without_its_whole_header_is_no_capture(content: bytes) -> None:
    header = 24 if content is PCAP else len(section(options=option("<", 1, b"remark")))
    for cut in range(header):
        with pytest.raises(CaptureError):
            read(content[:cut])


@given(content=st.binary(max_size=200), start=st.sampled_from([b"", PCAP[:4], PCAP[:24], PCAPNG[:12], PCAPNG[:100]]))
def test_no_bytes_raise_anything_but_a_capture_error(content: bytes, start: bytes) -> None:
    try:
        got = read(start + content, batch_bytes=50)
    except CaptureError:
        return
    assert got.notes.files[0].frames == len(got.frames)


@given(at=st.integers(24, len(PCAPNG) - 1), value=st.integers(0, 255), content=st.sampled_from([PCAP, PCAPNG]))
def test_a_changed_byte_never_breaks_the_reader(at: int, value: int, content: bytes) -> None:
    at %= len(content)
    try:
        got = read(content[:at] + bytes([value]) + content[at + 1 :])
    except CaptureError:
        return
    assert all(len(frame.data) <= len(content) for frame in got.frames)


@pytest.mark.parametrize("codec", PACK)
@pytest.mark.parametrize(("content", "form"), [(PCAP, "pcap"), (PCAPNG, "pcapng")])
def test_a_compressed_capture_gives_the_same_frames(codec: str, content: bytes, form: str) -> None:
    got = read(PACK[codec](content))
    assert got.frames == read(content).frames
    assert got.notes.files[0].format == f"{form}+{codec}"


@pytest.mark.parametrize("codec", PACK)
def test_a_compressed_capture_that_is_cut_is_read_as_far_as_it_goes(codec: str) -> None:
    content = pcap_header() + b"".join(record("<", second, 0, bytes(50)) for second in range(5000))
    got = read(PACK[codec](content)[:-5])
    note = got.notes.files[0]
    assert got.frames == read(content).frames[: len(got.frames)]
    assert note.truncated_why == f"its {codec} stream is cut short"
    assert note.truncated_at == 24 + 66 * len(got.frames)


@given(frames=st.lists(st.tuples(st.integers(0, 2**62), st.binary(max_size=40), st.integers(0, 2000)), max_size=6))
def test_pcap_and_pcapng_of_the_same_frames_give_the_same(frames: list[tuple[int, bytes, int]]) -> None:
    frames = [(time_ns % (2**32 * 10**9), data, wire) for time_ns, data, wire in frames]
    old, new = io.BytesIO(), io.BytesIO()
    write_pcap(old, frames, nanoseconds=True)
    write_pcapng(new, frames)
    assert read(old.getvalue()).frames == read(new.getvalue()).frames


def test_frame_numbers_run_on_through_a_ring(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(PCAP)
    (tmp_path / "2").write_bytes(gzip.compress(PCAP[:-1]))
    (tmp_path / "3").write_bytes(PCAPNG)
    notes, told = CaptureNotes(), list[int]()
    paths = [tmp_path / name for name in "123"]
    batches = read_ring(paths, notes, batch_bytes=40, progress=told.append)
    numbers = [batch.first_frame + place for batch in batches for place in range(len(batch))]
    assert numbers == list(range(1, 11))
    assert [(note.first_frame, note.frames) for note in notes.files] == [(1, 3), (4, 2), (6, 5)]
    assert [note.source for note in notes.files] == [str(path) for path in paths]
    assert (told == sorted(told), told[-1]) == (True, sum(path.stat().st_size for path in paths))


def test_notes_are_right_after_every_batch() -> None:
    notes = CaptureNotes()
    seen = 0
    for batch in open_capture(io.BytesIO(PCAPNG), notes=notes, batch_bytes=1):
        seen += len(batch)
        assert (notes.files[0].frames, notes.files[0].source) == (seen, "stream")


def test_a_stream_stays_open_and_a_file_is_closed(tmp_path: Path) -> None:
    stream = io.BytesIO(PCAP)
    assert count_frames(open_capture(stream, notes=CaptureNotes())) == 3
    assert not stream.closed
    (tmp_path / "x").write_bytes(PCAP)
    batches = open_capture(tmp_path / "x", notes=CaptureNotes(), batch_bytes=1)
    next(batches)
    del batches  # an unclosed file would be a ResourceWarning, and that an error


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no capture: it is empty"),
        (b"PK\x03\x04 and more", "a zip archive; unpack it first"),
        (gzip.compress(b"<html>login", mtime=0), "is compressed by gzip, and inside it starts with"),
        (gzip.compress(PCAP, mtime=0)[:12], "its gzip stream is cut short"),
    ],
)
def test_what_is_no_capture_is_named_with_its_path(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.pcap"
    path.write_bytes(content)
    notes = CaptureNotes()
    with pytest.raises(CaptureError) as caught:
        count_frames(open_capture(path, notes=notes))
    assert said in str(caught.value)
    assert (caught.value.path, caught.value.offset, notes.files) == (str(path), 0, [])


@pytest.mark.parametrize(("name", "said"), [("gone", "No such file"), (".", "Is a directory"), ("a\0b", "null")])
def test_what_cannot_be_opened_is_a_capture_error(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=rf"cannot be opened \(.*{said}"):
        count_frames(open_capture(str(tmp_path / name) if name != "." else tmp_path, notes=CaptureNotes()))


@pytest.mark.parametrize("content", [PCAP, gzip.compress(PCAPNG)], ids=["pcap", "pcapng+gzip"])
def test_standard_input_is_read_without_seeking(content: bytes, checkout: Path) -> None:
    program = (
        "from pcapaudit.capture import open_capture; from pcapaudit.model.frames import CaptureNotes\n"
        "notes = CaptureNotes(); print(sum(map(len, open_capture('-', notes=notes))), notes.files[0].source)"
    )
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, input=content, capture_output=True, check=True, cwd=checkout)
    assert told.stdout.split() == [b"3" if content is PCAP else b"5", b"-"]


# The shared captures, against what other tools say of them.

REFUSED = {
    "damaged/libpcap__pcap-invalid-version-1.pcap": "pcap version 1.4",
    "damaged/libpcap__pcapng-invalid-vers-1.pcapng": "pcapng version 0.1",
    "damaged/libpcap__shb-option-too-long.pcapng": "a block's two lengths differ (52 and 808464432)",
}
"""File -> why it is no capture, as tshark and tcpdump find, too."""

ENDS_EARLY = {
    "damaged/dpkt__truncated_dns_2.pcap": (240, "7 of at least 16 bytes"),
    "file-variant/gopacket__pcapgo__tests__be__test901.pcapng": (480, "a section of pcapng version 2.0"),
    "file-variant/gopacket__pcapgo__tests__le__test901.pcapng": (480, "a section of pcapng version 2.0"),
}
"""File -> where and why reading ends, as in tshark."""

ON_PURPOSE: dict[str, dict[str, object]] = {
    # The third frame has 2147483648 microseconds: tcpdump prints them so, tshark's 32-bit product is 0.
    "damaged/tcpdump__timestamp_invalid_micro.pcap": {"last_ts": 1_418_145_370_000_000_000 + 2_147_483_648_000},
    # capinfos gives up at the section it cannot read and forgets the interface before it.
    "file-variant/gopacket__pcapgo__tests__be__test901.pcapng": {"interfaces": 1, "linktypes": ["ether"]},
    "file-variant/gopacket__pcapgo__tests__le__test901.pcapng": {"interfaces": 1, "linktypes": ["ether"]},
    # The count of microseconds is negative; tshark shows it without its sign, in the year 586524.
    "general/pcapplusplus__pcapng-example.pcapng": {"last_ts": (18_446_744_073_204_277_451 - 2**64) * 1000},
}
"""File -> keys where the other tools are not followed."""


def to_ns(text: str | None) -> int:
    """Read a time of truth.json; a frame without one has, with us, the time of the frame before it, first 0."""
    seconds, _, rest = (text or "0.0").partition(".")
    return int(seconds) * 1_000_000_000 + int(rest)


def measure(path: Path, notes: CaptureNotes) -> dict[str, Any]:
    times: list[int] = []
    lengths: list[tuple[int, int]] = []
    for batch in open_capture(path, notes=notes):
        times += batch.time_ns
        lengths += zip(batch.captured, batch.wire, strict=True)
    return {
        "packets": len(times),
        "bytes": sum(wire for _, wire in lengths),
        "captured_bytes": sum(captured for captured, _ in lengths),
        "cut_packets": sum(captured < wire for captured, wire in lengths),
        "first_ts": times[0] if times else 0,
        "last_ts": times[-1] if times else 0,
        "interfaces": notes.interfaces,
        "linktypes": sorted({capinfos_name(link) for link in notes.link_types}),
    }


def test_every_shared_capture_holds_what_other_tools_count(shared_captures: Path) -> None:
    truth = json.loads((shared_captures / "truth.json").read_text(encoding="utf-8"))
    wrong = {}
    for name in truth.keys() - REFUSED:
        notes = CaptureNotes()
        got = measure(shared_captures / name, notes)
        want = {key: truth[name][key] for key in got} | {"linktypes": sorted(truth[name]["linktypes"])}
        want |= {key: to_ns(want[key]) for key in ("first_ts", "last_ts")} | ON_PURPOSE.get(name, {})
        if got != want or (notes.files[0].truncated_at is not None) != (name in ENDS_EARLY):
            wrong[name] = {key: (got[key], want[key]) for key in got if got[key] != want[key]}
    assert len(truth) > 200
    assert wrong == {}


@pytest.mark.parametrize("name", REFUSED)
def test_a_shared_file_that_is_no_capture_is_refused_with_its_reason(name: str, shared_captures: Path) -> None:
    with pytest.raises(CaptureError) as caught:
        count_frames(open_capture(shared_captures / name, notes=CaptureNotes()))
    assert REFUSED[name] in str(caught.value)


@pytest.mark.parametrize("name", ENDS_EARLY)
def test_a_shared_file_that_ends_early_says_where(name: str, shared_captures: Path) -> None:
    notes = CaptureNotes()
    assert count_frames(open_capture(shared_captures / name, notes=notes)) == 1
    place, why = ENDS_EARLY[name]
    assert (notes.files[0].truncated_at, why in str(notes.files[0].truncated_why)) == (place, True)


@pytest.mark.needs_tshark
@pytest.mark.parametrize("cut", [120, 180, 240, 300, 360, len(PCAPNG)])
def test_tshark_reads_a_cut_file_as_far(cut: int, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    path = tmp_path / "cut.pcapng"
    path.write_bytes(PCAPNG[:cut])
    command = [require_tool("tshark"), "-n", "-r", str(path), "-T", "fields", "-e", "frame.number"]
    told = subprocess.run(command, capture_output=True, check=False, encoding="utf-8")
    assert len(told.stdout.split()) == len(read(PCAPNG[:cut]).frames)


@pytest.mark.needs_tshark
@pytest.mark.parametrize("form", ["pcap", "nsecpcap", "pcapng"])
def test_a_capture_that_editcap_rewrote_gives_the_same_frames(
    form: str, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    source, target = tmp_path / "in.pcapng", tmp_path / "out"
    frames = [(1_700_000_000_000_001_000 + step * 1000, bytes(step), step + 9) for step in range(1, 40)]
    write_pcapng(source, frames)
    subprocess.run([require_tool("editcap"), "-F", form, str(source), str(target)], check=True, capture_output=True)
    assert read(target.read_bytes()).frames == read(source.read_bytes()).frames


def test_a_keyboard_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, keyboard = os.openpty()
    with os.fdopen(ours, "rb"), os.fdopen(keyboard, "rb") as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        with pytest.raises(CaptureError, match="the keyboard; put a program in front"):
            next(open_capture("-", notes=CaptureNotes()))
