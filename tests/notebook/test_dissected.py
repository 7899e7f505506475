from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import pcapaudit as pa
from pcapaudit.deep.tree import Dissection, DissectionError, Field, Frame, Layer
from pcapaudit.notebook.dissected import Dissected

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
_EVIL = "<img src=x onerror=alert(1)>\x1b[2J"


def _made(label: str) -> Dissected:
    field = Field("dns.qry.name", label, label, 0, 1, (Field("", "below", "", None, 0),))
    frame = Frame(
        7, 0, 1, "Ethernet", "a", "b", "DNS", label, b"x", (Layer("dns", "Domain Name System", 0, 1, (field,)),)
    )
    return Dissected(Dissection((frame,), "tshark 4"))


def test_what_a_stranger_sent_is_text() -> None:
    shown = _made(_EVIL)
    assert "<img" not in shown._repr_html_()
    assert "&lt;img" in shown._repr_html_()
    assert "\x1b" not in str(shown)
    assert "\\x1b" in str(shown)


def test_the_tree_is_indented_and_its_fields_are_found() -> None:
    shown = _made("example.com")
    assert str(shown).splitlines()[1:] == ["  Domain Name System", "    example.com", "      below"]
    assert shown.find("dns.qry.name") == ["example.com"]
    assert repr(shown) == "<Dissected: frames 7 by tshark 4>"


@pytest.mark.needs_tshark
def test_frames_are_dissected_while_an_event_loop_runs_as_in_a_notebook() -> None:
    cap = pa.read(SAMPLES / "sensorist-blinking-red.pcapng")

    async def cell() -> list[str]:
        return cap.dissect([48, 49]).find("tcp.dstport")

    assert asyncio.run(cell()) == ["4321", "4321"]
    assert [frame.number for frame in cap.dissect(48).frames] == [48]


def test_without_tshark_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DissectionError, match="apt install tshark"):
        pa.read(SAMPLES / "sensorist-blinking-red.pcapng").dissect(48)
