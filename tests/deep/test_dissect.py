from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pcapaudit.deep import dissect as deep
from pcapaudit.deep.dissect import MISSING, PARTIAL_CONTEXT, DissectionLimits, dissect, show_frames
from pcapaudit.deep.tree import DissectionError, Field, Frame, Layer
from pcapaudit.engine import cut
from pcapaudit.model.errors import UsageError
from tests.support.pcap import write_pcap
from tests.web.support import BLINKING, SAMPLES

OF_THE_WINDOW = {
    "frame.section_number", "frame.interface_id", "frame.time_delta_displayed", "frame.marked", "frame.ignored",
    "frame.offset_shift",
}  # fmt: skip
"""What tshark says of the file or of a window rather than of the packet."""


def tshark_lines(path: Path, frame: int) -> list[tuple[str, str]]:
    """Name and label of every line that tshark shows of a frame when it reads the whole capture, top to bottom."""
    told = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "pdml", "-Y", f"frame.number == {frame}"],
        capture_output=True, check=True, env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    (packet,) = ElementTree.fromstring(told.stdout).findall("packet")
    return [line for element in packet for line in shown(element)]


def shown(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    name, label = element.get("name", ""), element.get("showname") or element.get("show") or ""
    is_stream = name.endswith(".stream") and element.get("size") == "0"
    if element.get("hide") == "yes" or name in OF_THE_WINDOW or name == "geninfo" or is_stream:
        return
    if name != "fake-field-wrapper":
        yield name, (label or name).partition(" on interface ")[0]
    for below in element:
        yield from shown(below)


def wireshark_version() -> str:
    told = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
    return told.split(" (Wireshark) ")[1].split()[0].rstrip(".")


def our_lines(frame: Frame) -> list[tuple[str, str]]:
    return [line for layer in frame.layers for line in ((layer.name, layer.title), *below(layer))]


def below(line: Layer | Field) -> Iterator[tuple[str, str]]:
    for one in line.fields:
        yield one.name, one.label
        yield from below(one)


@pytest.mark.needs_tshark
@pytest.mark.parametrize(
    ("sample", "frame"),
    [
        ("sensorist-healthy", 60),  # an acknowledgement on a connection that began long before
        ("sensorist-blinking-red", 47),  # a DNS answer: in which frame was it asked?
        ("sensorist-blinking-red", 49),  # a repeated SYN
        ("alsoenergy-smaftp-healthy", 0),  # the last frame: FTP, known by what was said before
    ],
)
def test_a_frame_looks_as_in_the_whole_capture(sample: str, frame: int) -> None:
    path = SAMPLES / f"{sample}.pcapng"
    if not frame:
        told = subprocess.run(["tshark", "-r", str(path), "-Y", "ftp-data"], capture_output=True, text=True, check=True)
        frame = int(told.stdout.splitlines()[-1].split()[0])
    found = dissect([str(path)], [frame])
    assert our_lines(found.frames[0]) == tshark_lines(path, frame)
    assert found.note is None
    assert found.dissector == f"tshark of Wireshark {wireshark_version()}"


@pytest.mark.needs_tshark
def test_the_line_of_the_list_is_that_of_tshark() -> None:
    told = subprocess.run(
        ["tshark", "-n", "-r", str(BLINKING), "-Y", "frame.number in {47, 48}", "-T", "fields"]
        + [word for column in ("Source", "Destination", "Protocol", "Info") for word in ("-e", f"_ws.col.{column}")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    frames = dissect([str(BLINKING)], [48, 47]).frames
    assert [f.number for f in frames] == [47, 48]
    assert [f"{f.source}\t{f.target}\t{f.protocol}\t{f.info}" for f in frames] == told.stdout.splitlines()


@pytest.mark.needs_tshark
def test_it_works_inside_a_running_event_loop_and_again_after_it() -> None:
    async def within() -> int:
        return dissect([str(BLINKING)], [5]).frames[0].number

    assert asyncio.run(within()) == 5
    assert dissect([str(BLINKING)], [5]).frames[0].layers


@pytest.mark.needs_tshark
@pytest.mark.needs_captures
def test_a_message_over_several_segments_has_its_own_bytes(shared_captures: Path) -> None:
    (frame,) = dissect([str(shared_captures / "encapsulation" / "zeek__http-vlan-0.pcap")], [9]).frames
    (part,) = frame.parts
    assert (part.name, len(part.data)) == ("Reassembled TCP Data", 5007)
    assert part.data.startswith(b"HTTP/1.1 200 OK\r\n")
    (http,) = [layer for layer in frame.layers if layer.name == "http"]
    (date,) = [field for field in http.fields if field.name == "http.date"]
    assert date.position is not None
    assert part.data[date.position : date.position + date.size] == b"Date: Thu, 07 Mar 2013 21:43:07 GMT\r\n"


@pytest.mark.needs_tshark
def test_a_part_of_the_context_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "FIRST_FRAMES", 1)
    monkeypatch.setattr(cut, "LAST_FRAMES", 1)
    assert dissect([str(SAMPLES / "sensorist-healthy.pcapng")], [60]).note == PARTIAL_CONTEXT


@pytest.mark.needs_tshark
def test_hostile_frames_are_dissected_or_shown_as_bytes_and_never_raise(tmp_path: Path) -> None:
    dice = random.Random(3)
    whole = [f.data for f in cut.take_frames([str(BLINKING)], [5, 8, 46, 47, 48])]
    frames = []
    for number in range(40):
        data = bytearray(dice.choice(whole) if number % 2 else dice.randbytes(dice.randrange(120)))
        for _ in range(min(len(data), 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        frames.append((number, bytes(data), len(data)))
    path = tmp_path / "hostile.pcap"
    write_pcap(path, frames)
    found = dissect([str(path)], range(1, 41))
    assert [f.data for f in found.frames] == [data for _, data, _ in frames]
    assert all(f.layers for f in found.frames)


def test_without_tshark_it_is_said_what_to_install_and_the_bytes_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DissectionError, match="apt install tshark"):
        dissect([str(BLINKING)], [47])
    found = show_frames([str(BLINKING)], [47], why=MISSING)
    (frame,) = found.frames
    assert (found.dissector, found.note, frame.layers) == (None, MISSING, ())
    assert (frame.source, frame.target, frame.protocol) == ("10.20.36.1", "10.20.36.101", "UDP")
    assert frame.data[42:44] == b"\x7b\xac"


@pytest.mark.needs_tshark
def test_a_frame_beyond_the_capture_is_named() -> None:
    with pytest.raises(UsageError, match="there is no frame 99999"):
        dissect([str(BLINKING)], [99999])


def a_tshark(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program in tshark's place."""
    program = folder / "tshark"
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_tshark_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_tshark(tmp_path, monkeypatch, "while True: pass")
    with pytest.raises(DissectionError, match="tshark was not done after 1 s: stopped"):
        dissect([str(BLINKING)], [5], limits=DissectionLimits(seconds=1))


def test_a_tshark_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_tshark(tmp_path, monkeypatch, "import sys; sys.exit('out of order')")
    with pytest.raises(DissectionError, match=r"no dissection \(tshark ended with status 1: out of order\)"):
        dissect([str(BLINKING)], [5])


def test_nothing_of_the_user_s_wireshark_reaches_tshark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIRESHARK_DATA_DIR", "/home/somebody")
    told = deep._environment(tmp_path)
    assert {told["HOME"], told["WIRESHARK_CONFIG_DIR"], told["XDG_CONFIG_HOME"]} == {str(tmp_path)}
    assert told["TZ"] == "UTC"
    assert "WIRESHARK_DATA_DIR" not in told
