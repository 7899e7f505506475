from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapaudit.cli.dissect import read_numbers, show
from pcapaudit.cli.main import run
from pcapaudit.deep.tree import Dissection, Field, Frame, Layer
from pcapaudit.model.errors import UsageError
from tests.web.support import BLINKING

EVIL = "\x1b[2J\u202egnp.exe"


@pytest.mark.needs_tshark
def test_a_frame_is_printed_as_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dissect", str(BLINKING), "47"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("DNS  Standard query response 0x7bac A gk.sensorist.com A 54.229.68.147")
    assert "  Domain Name System (response)" in lines
    assert "    Request In: 46" in lines


@pytest.mark.needs_tshark
def test_json_holds_the_frames_and_who_dissected_them(tmp_path: Path) -> None:
    target = tmp_path / "frames.json"
    assert run(["dissect", "--format", "json", "-o", str(target), str(BLINKING), "46-47", "5"]) == 0
    document = json.loads(target.read_text())
    assert [frame["number"] for frame in document["frames"]] == [5, 46, 47]
    assert "Wireshark" in document["dissector"]


def test_without_tshark_the_bytes_are_printed_and_what_to_install_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert run(["dissect", str(BLINKING), "47"]) == 0
    told = capsys.readouterr()
    assert "apt install tshark" in told.err
    assert "10.20.36.1 > 10.20.36.101  UDP  port 53" in told.out
    assert "  0020  24 65 00 35" in told.out


def test_strings_of_the_wire_are_spelled_out() -> None:
    layer = Layer("p", EVIL, None, 0, (Field("f", EVIL, EVIL, None, 0, (Field("g", EVIL, "", None, 0),)),))
    frame = Frame(1, 0, 4, "ETHERNET", EVIL, EVIL, EVIL, EVIL, b"\x1b[2J", (layer,), 7)
    text = "".join(show(Dissection((frame,), None), has_bytes=True))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "      \\x1b[2J\\u202egnp.exe\n" in text
    assert "(7 more lines are left out)" in text


def test_numbers_and_spans_are_read() -> None:
    assert read_numbers(("31", "44-47")) == [31, 44, 45, 46, 47]


@pytest.mark.parametrize("word", ["0", "x", "5-4", "-3", "1-", "1e3", "٣", "9" * 40])
def test_what_is_no_frame_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="is no frame"):
        read_numbers((word,))


def test_a_span_that_is_too_long_is_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dissect", "nowhere.pcap", "1-999999999"]) == 2
    assert "too many frames" in capsys.readouterr().err


def test_a_frame_beyond_the_capture_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dissect", str(BLINKING), "327"]) == 2
    assert "there is no frame 327" in capsys.readouterr().err
