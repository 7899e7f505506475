from __future__ import annotations

import gzip
import io
import subprocess
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.engine import cut
from pcapaudit.engine.cut import add_context, find_ring, take_frames, write_frames
from pcapaudit.engine.glance import RawFrame
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes
from tests.support.pcap import write_pcap
from tests.support.scene import play_script

SCRIPT = """
0.0   pc > gw LOOKUP www.example.org A 93.184.216.34
0.5   dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
1.0   pc > 93.184.216.34:443 CONNECT
2.0   dev > cloud:4321 SYN new
3.0   dev > cloud:4321 SYN
5.0   pc > gw LOOKUP www.example.net A 93.184.216.35
7.0   dev > cloud:4321 SYN
9.0   dev > cloud:443 SYN new
80.0  switch > * WATCH
"""
FRAMES = play_script(SCRIPT)
CLOUD_SYNS = [
    number
    for number, frame in enumerate(FRAMES, start=1)
    if frame.data[23:24] == b"\x06" and frame.data[26:30] == bytes([10, 0, 0, 5]) and frame.data[36:38] == b"\x10\xe1"
]
"""Frames of the device to port 4321: IPv4 source at 26, TCP destination port at 36."""

_NUMBERS = ("-T", "fields", "-e", "frame.number")


@pytest.fixture
def capture(tmp_path: Path) -> str:
    file = tmp_path / "one.pcap"
    write_pcap(file, [(f.time_ns, f.data, f.wire_len) for f in FRAMES])
    return str(file)


def test_frames_are_given_with_their_numbers_and_bytes(capture: str) -> None:
    found = take_frames([capture], [5, 2])
    assert [(f.number, f.data, f.time_ns) for f in found] == [
        (n, FRAMES[n - 1].data, FRAMES[n - 1].time_ns) for n in (2, 5)
    ]


def test_reading_ends_behind_the_last_wanted_frame(capture: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(Path(capture).read_bytes()[:200] + b"\xff" * 200)
    assert [f.number for f in take_frames([str(broken)], [1])] == [1]


def test_a_compressed_capture_and_a_ring_give_the_same_frames(capture: str, tmp_path: Path) -> None:
    squeezed = tmp_path / "one.pcap.gz"
    squeezed.write_bytes(gzip.compress(Path(capture).read_bytes()))
    ring = [tmp_path / "r1.pcap", tmp_path / "r2.pcap"]
    rows = [(f.time_ns, f.data, f.wire_len) for f in FRAMES]
    write_pcap(ring[0], rows[:4])
    write_pcap(ring[1], rows[4:])

    plain = take_frames([capture], [3, 6])
    assert take_frames([str(squeezed)], [3, 6]) == plain
    assert take_frames([str(file) for file in ring], [3, 6]) == plain


@pytest.mark.parametrize("number", [0, -1, len(FRAMES) + 1, 10**12])
def test_a_frame_that_is_not_there_is_named(capture: str, number: int) -> None:
    with pytest.raises(UsageError, match=f"there is no frame {number} in "):
        take_frames([capture], [1, number])


def test_too_many_frames_several_captures_and_standard_input_are_refused(capture: str, tmp_path: Path) -> None:
    other = tmp_path / "two.pcap"
    other.write_bytes(Path(capture).read_bytes())
    with pytest.raises(UsageError, match="too many"):
        take_frames([capture], range(1, cut.MAX_WANTED + 2))
    with pytest.raises(UsageError, match="2 captures"):
        find_ring([capture, str(other)], separate=True)
    with pytest.raises(UsageError, match="not standard input"):
        find_ring(["-"])


def test_the_context_is_the_flow_before_the_frame_its_neighbour_and_the_first_frame(capture: str) -> None:
    last = CLOUD_SYNS[-1]
    found = add_context([capture], take_frames([capture], [last]))
    assert found.is_whole
    assert found.wanted == {last}
    assert [f.number for f in found.frames] == sorted({1, last - 1, *CLOUD_SYNS})


def test_another_flow_of_the_same_hosts_is_read_along(capture: str) -> None:
    # An FTP data connection, say, is known by what its control connection said.
    other_port = CLOUD_SYNS[-1] + 1
    found = add_context([capture], take_frames([capture], [other_port]))
    assert set(CLOUD_SYNS) <= {f.number for f in found.frames}


def test_of_a_long_flow_its_begin_and_its_end_are_kept_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "FIRST_FRAMES", 3)
    monkeypatch.setattr(cut, "LAST_FRAMES", 4)
    one = FRAMES[CLOUD_SYNS[0] - 1]
    file = tmp_path / "long.pcap"
    write_pcap(file, [(one.time_ns + n, one.data, one.wire_len) for n in range(30)])
    found = add_context([str(file)], take_frames([str(file)], [30]))
    assert [f.number for f in found.frames] == [1, 2, 3, 26, 27, 28, 29, 30]
    assert not found.is_whole


def test_the_bytes_of_the_context_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "FIRST_FRAMES", 1)
    one = FRAMES[CLOUD_SYNS[0] - 1]
    monkeypatch.setattr(cut, "MAX_BYTES", 2 * len(one.data))
    file = tmp_path / "long.pcap"
    write_pcap(file, [(one.time_ns + n, one.data, one.wire_len) for n in range(9)])
    found = add_context([str(file)], take_frames([str(file)], [9]))
    assert [f.number for f in found.frames] == [1, 7, 8, 9]


def test_later_fragments_without_ports_belong_to_the_flow(tmp_path: Path) -> None:
    whole = bytearray(FRAMES[1].data)
    fragment = bytearray(whole)
    fragment[20:22] = b"\x00\x10"  # IPv4 fragment offset 128 bytes
    file = tmp_path / "fragments.pcap"
    write_pcap(file, [(n, bytes(data), len(data)) for n, data in enumerate((whole, fragment, whole, whole))])
    found = add_context([str(file)], take_frames([str(file)], [4]))
    assert [f.number for f in found.frames] == [1, 2, 3, 4]


@pytest.mark.parametrize("data", [b"", b"\xff" * 14, bytes(300)])
def test_a_frame_without_an_ip_packet_needs_no_flow(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "odd.pcap"
    write_pcap(file, [(n, data, len(data)) for n in range(5)])
    found = add_context([str(file)], take_frames([str(file)], [4]))
    assert found.frames[0].number == 1
    assert found.is_whole


def test_written_frames_keep_their_number_as_a_comment_and_each_its_link_type() -> None:
    out = io.BytesIO()
    frames = [RawFrame(7, 1, b"\x01" * 20, 20, 1), RawFrame(90, 2, b"\x45" * 20, 40, 101)]
    assert write_frames(out, frames) == 2
    assert out.getvalue().count(b"frame 7 of the capture") == 1
    out.seek(0)
    (batch,) = open_capture(out, notes=CaptureNotes())
    assert (list(batch.link), list(batch.wire)) == ([1, 101], [20, 40])


@pytest.mark.needs_tshark
def test_tshark_reads_the_comments(tmp_path: Path, capture: str) -> None:
    target = tmp_path / "cut.pcapng"
    write_frames(target, take_frames([capture], [3, 6]))
    told = subprocess.run(
        ["tshark", "-r", str(target), "-T", "fields", "-e", "frame.comment"], capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[:2] == ["frame 3 of the capture", "frame 6 of the capture"]


@pytest.mark.needs_tshark
@pytest.mark.needs_captures
def test_the_pieces_of_a_tunnel_s_packets_are_read_along(shared_captures: Path) -> None:
    path = str(shared_captures / "encapsulation" / "zeek__erspan.pcap")
    told = subprocess.run(
        ["tshark", "-n", "-r", path, "-Y", "tcp.port == 49165 && frame.number <= 286", *_NUMBERS],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = add_context([path], take_frames([path], [286]))
    assert {int(number) for number in told.stdout.split()} <= {f.number for f in found.frames}
