from __future__ import annotations

import sys

import pytest

from bench.measure import measure_all


def test_each_command_is_measured_and_one_that_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    grab = "x = bytearray(80_000_000)"
    found = measure_all(
        {"large": [sys.executable, "-c", grab], "small": [sys.executable, "-c", ""], "broken": ["false"]},
        2,
    )
    assert set(found) == {"large", "small"}
    assert found["large"].peak_bytes - found["small"].peak_bytes > 60_000_000
    assert "broken" in capsys.readouterr().out
