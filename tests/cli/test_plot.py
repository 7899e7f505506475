from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.cli.main import run
from pcapaudit.cli.plot import KINDS
from pcapaudit.notebook.plots import kinds

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BLINKING = str(SAMPLES / "sensorist-blinking-red.pcapng")


def test_the_kinds_are_those_that_can_be_drawn() -> None:
    assert tuple(kinds.KINDS) == KINDS


def test_a_picture_is_written_and_comes_out_the_same_again(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        assert run(["plot", BLINKING, "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "✗ connect" in (tmp_path / "a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.gif"], "must end in .svg, .png or .pdf"),
        (["-o", "x.svg", "--device", "10.9.9.9"], "no judged device 10.9.9.9; the busiest hosts are: 10.20.36.155, "),
        (["-o", "x.svg", "--device", "kitchen"], "neither a MAC nor an IP address"),
        (["-o", "x.svg", "--kind", "pie"], "'pie' is not one of"),
    ],
)
def test_what_cannot_be_drawn_is_told(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plot", BLINKING, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "gone" / "x.svg"
    assert run(["plot", BLINKING, "-o", str(place)]) == 2
    assert f"cannot write {place}: No such file or directory" in capsys.readouterr().err


def test_a_device_that_is_named_is_drawn_though_no_signature_knows_it(tmp_path: Path) -> None:
    assert run(["plot", BLINKING, "--device", "10.20.36.155", "-o", str(tmp_path / "x.svg")]) == 0
    assert "Device without a signature" in (tmp_path / "x.svg").read_text(encoding="utf-8")
