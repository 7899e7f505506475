from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.capture import open_capture
from pcapaudit.capture.writer import SNAPLEN, Frame, statistics_section, write_pcap, write_pcapng
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes
from tests.capture.material import Read, pcap_header, read, record

FRAMES: list[Frame] = [(1_700_000_000_123_456_789, bytes(range(61)), None), (1_700_000_001_000_000_000, b"cut", 1500)]

frames = st.lists(
    st.tuples(st.integers(0, (1 << 32) * 10**9 - 1), st.binary(max_size=50), st.none() | st.integers(0, (1 << 32) - 1)),
    max_size=5,
)


def written(write: Callable[..., int], content: Sequence[Frame], **settings: object) -> Read:
    out = io.BytesIO()
    assert write(out, content, **settings) == len(content)
    return read(out.getvalue())


def plain(got: Read) -> list[Frame]:
    return [(frame.time_ns, frame.data, frame.wire) for frame in got.frames]


def whole(content: Sequence[Frame]) -> list[Frame]:
    return [(time_ns, data, len(data) if wire is None else wire) for time_ns, data, wire in content]


def test_a_pcap_file_is_what_the_draft_says() -> None:
    out = io.BytesIO()
    write_pcap(out, [(1_500_000_000, b"frame", 60)], link=113)
    assert out.getvalue() == pcap_header(snaplen=262_144, network=113) + record("<", 1, 500_000, b"frame", 60)


@given(content=frames, link=st.integers(0, 0xFFFF))
def test_what_is_written_as_nanosecond_pcap_is_read_again(content: list[Frame], link: int) -> None:
    got = written(write_pcap, content, link=link, nanoseconds=True)
    assert (plain(got), got.notes.link_types) == (whole(content), [link])


@given(content=frames, link=st.integers(0, 0xFFFF))
def test_what_is_written_as_pcapng_is_read_again(content: list[Frame], link: int) -> None:
    got = written(write_pcapng, content, link=link)
    assert (plain(got), got.notes.link_types) == (whole(content), [link])


@given(content=frames)
def test_plain_pcap_cuts_the_time_to_microseconds(content: list[Frame]) -> None:
    expected = [(time_ns // 1000 * 1000, data, wire) for time_ns, data, wire in whole(content)]
    assert plain(written(write_pcap, content)) == expected


def test_comments_stand_at_their_frames() -> None:
    got = written(write_pcapng, FRAMES, comments={2: "letzter Versuch – SYN", 9: "no such frame"})
    assert (got.notes.comments, plain(got)) == (["letzter Versuch – SYN"], whole(FRAMES))


def test_each_link_type_has_its_interface() -> None:
    got = written(write_pcapng, FRAMES, link=1, links={2: 276})
    assert ([frame.link for frame in got.frames], got.notes.interfaces) == ([1, 276], 2)


@pytest.mark.parametrize("write", [write_pcap, write_pcapng])
def test_what_a_format_cannot_say_becomes_the_nearest_it_can(write: Callable[..., int]) -> None:
    got = written(write, [(-5, bytes(SNAPLEN + 1), 1 << 40)])
    assert plain(got) == [(0, bytes(SNAPLEN), (1 << 32) - 1)]


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing.x\.pcap: cannot be written"):
        write_pcap(tmp_path / "missing" / "x.pcap", FRAMES)


@pytest.mark.needs_tshark
@pytest.mark.parametrize(
    ("name", "write", "settings"),
    [
        ("x.pcap", write_pcap, {"nanoseconds": True}),
        ("x.pcapng", write_pcapng, {"links": {2: 113}, "comments": {1: "first – try"}}),
    ],
)
def test_tshark_reads_the_same(
    name: str,
    write: Callable[..., int],
    settings: dict[str, object],
    tmp_path: Path,
    require_tool: Callable[[str], str],
) -> None:
    write(tmp_path / name, FRAMES, **settings)
    fields = ["frame.time_epoch", "frame.cap_len", "frame.len", "frame.comment"]
    command = [require_tool("tshark"), "-n", "-r", str(tmp_path / name), "-T", "fields", "-E", "separator=|"]
    for field in fields:
        command += ["-e", field]
    told = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    comment = "first – try" if "comments" in settings else ""
    assert told.stdout.splitlines() == [f"1700000000.123456789|61|61|{comment}", "1700000001.000000000|3|1500|"]


@pytest.mark.parametrize(("end_ns", "lost"), [(1_700_000_100_000_000_001, 7), (None, 0), (5, 0)])
def test_what_is_known_besides_the_frames_is_read_again(tmp_path: Path, end_ns: int | None, lost: int) -> None:
    path = tmp_path / "x.pcapng"
    write_pcapng(path, [(1, b"x" * 60, None)])
    with path.open("ab") as out:
        out.write(statistics_section(1, end_ns, lost))
    notes = CaptureNotes()
    assert sum(len(batch) for batch in open_capture(path, notes=notes)) == 1
    assert (notes.watched_until_ns, notes.dropped, notes.link_types) == (end_ns, lost, [1])
    assert notes.files[0].truncated_at is None
