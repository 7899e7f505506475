"""The lab's capture files: readable by others, silent about this machine."""

from __future__ import annotations

import platform
import struct
import subprocess
from pathlib import Path

import pytest

from tests.lab.pcapng import Frame, write_pcapng

FRAMES: list[Frame] = [(1_700_000_000_123_456_789, bytes(range(60))), (1_700_000_001_000_000_001, b"\xff" * 61)]


def test_blocks_are_section_interface_and_one_for_each_frame(tmp_path: Path) -> None:
    write_pcapng(tmp_path / "x.pcapng", FRAMES)
    data, kinds, at = (tmp_path / "x.pcapng").read_bytes(), [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        kinds.append(kind)
        at += length

    assert kinds == [0x0A0D0D0A, 1, 6, 6]


def test_nothing_names_the_machine(tmp_path: Path) -> None:
    write_pcapng(tmp_path / "x.pcapng", [])
    data = (tmp_path / "x.pcapng").read_bytes()

    assert not any(word.encode() in data for word in (platform.node(), platform.system(), platform.release()))
    assert len(data) == 28 + 32


@pytest.mark.needs_tshark
def test_tshark_reads_times_and_lengths(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    write_pcapng(path, FRAMES)
    words = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()

    assert lines == ["1700000000.123456789", "60", "1700000001.000000001", "61"]
