from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.deep import child
from pcapaudit.deep.child import Request, answer
from pcapaudit.engine.cut import take_frames, write_frames
from tests.web.support import BLINKING

WANTED = (46, 47)
"""A DNS question and its answer."""


@pytest.fixture
def request_of_two(tmp_path: Path) -> Request:
    frames = take_frames([str(BLINKING)], WANTED)
    capture = tmp_path / "cut.pcapng"
    write_frames(capture, frames)
    places = {str(place): frame for place, frame in enumerate(frames, start=1)}
    numbers = {place: frame.number for place, frame in places.items()}
    data = {place: frame.data.hex() for place, frame in places.items()}
    return Request(shutil.which("tshark") or "tshark", str(capture), numbers, numbers, data, 60, 2 << 30)


def a_program(folder: Path, script: str) -> str:
    """A program that stands in for tshark."""
    path = folder / "tshark"
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(0o755)
    return str(path)


@pytest.mark.needs_tshark
def test_pyshark_and_tshark_alone_give_the_same(request_of_two: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    by_pyshark = answer(request_of_two)
    monkeypatch.setattr(child, "_BROKEN_SINCE", (3, 0))
    assert answer(request_of_two) == by_pyshark
    assert [tree.number for tree in by_pyshark.trees] == [46, 47]
    assert by_pyshark.complaint is None


@pytest.mark.needs_tshark
def test_a_file_that_tshark_refuses_gives_no_tree_and_its_words(request_of_two: Request, tmp_path: Path) -> None:
    odd = tmp_path / "odd.pcapng"
    odd.write_bytes(b"no capture at all")
    found = answer(replace(request_of_two, capture=str(odd)))
    assert found.trees == []
    assert found.complaint is not None
    assert found.complaint.startswith("tshark ended with status")


def test_a_packet_nobody_asked_for_and_half_a_packet_are_passed_over(
    request_of_two: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_BROKEN_SINCE", (3, 0))
    script = """
print('<packet><proto name="geninfo"><field name="num" pos="0" show="77"/></proto></packet>')
print('<packet><proto name="geninfo"><field name="num" pos="0" show="2"/></proto><proto name="eth"/></packet>')
print('<packet><proto name="geninfo"><field name="num" pos="0" show="1"')
"""
    found = answer(replace(request_of_two, tshark=a_program(tmp_path, script)))
    assert [(tree.number, tree.row) for tree in found.trees] == [(47, None)]


def test_all_trees_together_are_bounded(
    request_of_two: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_BROKEN_SINCE", (3, 0))
    monkeypatch.setattr(child, "MOST_FIELDS", 100)
    script = """
for number in (1, 2):
    print(f'<packet><proto name="geninfo"><field name="num" pos="0" show="{number}"/></proto>')
    print('<proto name="p">' + '<field name="f"/>' * 90 + '</proto></packet>')
"""
    found = answer(replace(request_of_two, tshark=a_program(tmp_path, script)))
    assert [tree.left_out for tree in found.trees] == [0, 83]


def test_the_process_limits_itself_and_what_it_starts() -> None:
    script = (
        "import resource, signal; from pcapaudit.deep.child import Request, _limit;"
        "asked = []; signal.alarm = asked.append;"
        "_limit(Request('', '', {}, {}, {}, 7, 1 << 30));"
        "print([resource.getrlimit(k)[1] for k in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE)],"
        "*asked)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == f"[{1 << 30}, 7, 0] 12\n"
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert resource.getrlimit(resource.RLIMIT_CPU)[0] != 7
