from __future__ import annotations

import sys

import pytest

from bench.measure import Command, Patience, measure_all

GRAB = "x = bytearray(80_000_000)"


def test_each_command_is_measured_and_one_that_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    commands = {"small": Command([sys.executable, "-c", ""]), "broken": Command(["false"])}
    found = measure_all({"large": Command([sys.executable, "-c", GRAB]), **commands}, Patience(2))
    assert set(found) == {"large", "small"}
    assert found["large"].peak_bytes - found["small"].peak_bytes > 60_000_000
    assert "broken" in capsys.readouterr().out


def test_an_exit_status_that_means_work_was_done_is_no_failure() -> None:
    assert set(measure_all({"odd": Command(["false"], fine=(1,))}, Patience(1))) == {"odd"}


def test_a_command_that_took_long_enough_is_not_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    measure_all({"once": Command(["true"])}, Patience(rounds=5, total_s=0.0))
    assert capsys.readouterr().out.count("once") == 1


@pytest.mark.parametrize("patience", [Patience(3, limit_s=0.2), Patience(3, limit_bytes=1_000_000)], ids=["s", "bytes"])
def test_a_command_past_a_limit_is_ended_and_not_run_again(
    patience: Patience, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measure_all({"endless": Command(["sleep", "60"])}, patience)
    assert found["endless"].was_ended
    assert capsys.readouterr().out.count("endless") == 1
