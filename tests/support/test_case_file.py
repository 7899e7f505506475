"""Case files: what is inherited, what is refused, and where a script's lines lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.case_file import read_cases
from tests.support.cases import load_file
from tests.support.faults import ScriptError

BASE = """\
defaults:
  hosts: {cloud: 54.229.203.190}
first:
  why: a base
  led: blinking red
  packets: |
    0.0 dev > cloud:443 SYN as=a
    1.0 dev > cloud:443 SYN as=b
  expect: [TCP-SYN-TIMEOUT]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_twin_inherits_the_packets_but_not_what_is_expected(tmp_path: Path) -> None:
    path = write(tmp_path, BASE + "twin:\n  why: cut\n  like: first\n  until: 0.5\n  expect: []\n")

    first, twin = load_file(path)

    assert [frame.label for frame in first.frames] == ["a", "b"]
    assert [frame.label for frame in twin.frames] == ["a"]
    assert (first.said.led, twin.said.led) == ("blinking red", None)
    assert first.expectation.findings is not None
    assert twin.expectation.findings == ()


def test_added_lines_know_what_came_before(tmp_path: Path) -> None:
    path = write(tmp_path, BASE + "twin:\n  why: more\n  like: first\n  add: |\n    2.0 cloud:443 > dev SYN-ACK\n")

    assert len(load_file(path)[1].frames) == 3


def test_numbers_stay_text_until_somebody_needs_them(tmp_path: Path) -> None:
    path = write(tmp_path, BASE + "twin:\n  why: no\n  like: first\n  hosts: {x: 02:00:00:00:00:01}\n")

    assert read_cases(path)[1].fields["why"] == "no"
    assert read_cases(path)[1].fields["hosts"] == {"cloud": "54.229.203.190", "x": "02:00:00:00:00:01"}


def test_a_frame_may_be_named_by_its_label(tmp_path: Path) -> None:
    text = BASE.replace("[TCP-SYN-TIMEOUT]", "[{rule: TCP-SYN-TIMEOUT, frames: [a, b]}]")

    findings = load_file(write(tmp_path, text))[0].expectation.findings

    assert findings is not None
    assert findings[0].frames == (1, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BASE + "first:\n  why: twice\n", ":10: case -: first stands here twice"),
        (BASE + "other:\n  why: x\n  packet: y\n", "unknown packet; known are"),
        (BASE + "other:\n  why: x\n  like: nobody\n", "like: 'nobody' names no case that stands above"),
        (BASE + "other:\n  why: x\n", "a case needs why, and packets or like"),
        (BASE.replace("1.0 dev > cloud:443 SYN", "1.0 dev > cloud:443 SIN"), ":8: case first: 'SIN' is unknown"),
        (BASE.replace("[TCP-SYN-TIMEOUT]", "yes"), "expect is a list of findings"),
        (BASE.replace("[TCP-SYN-TIMEOUT]", "[{rule: X, frames: [c]}]"), "no frame is labelled 'c'; labels are a, b"),
        (BASE.replace("cloud: 54.229.203.190", "cloud: {addr: 1}"), "host cloud: unknown addr"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ScriptError) as error:
        load_file(write(tmp_path, text))

    assert reason in str(error.value)
