from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pcapaudit as pa
from pcapaudit.notebook.plots.traffic import MAX_NEEDS, draw_traffic, spread

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def _attempts(needs: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts": pd.to_datetime(range(needs), unit="s", utc=True),
            "need": [f"X-{n:02d}" for n in range(needs)],
            "orig_bytes": [1000] * needs,
            "resp_bytes": [500] * needs,
            "duration_s": [2.0] * needs,
        }
    )


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50), st.integers(0, 10**9)), min_size=1, max_size=20))
def test_no_byte_is_lost_or_made_up(spans: list[tuple[float, float, int]]) -> None:
    start, length, amount = (np.array(column, dtype=float) for column in zip(*spans, strict=True))
    sums = spread(np.linspace(-1, 151, 40), start, start + length, amount.astype(np.int64))
    assert sums.min() >= -1e-3
    assert np.isclose(sums.sum(), amount.sum(), rtol=1e-9)


def test_a_connection_is_laid_over_its_own_time() -> None:
    sums = spread(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0]), np.array([3.0]), np.array([10]))
    assert sums.tolist() == [0.0, 5.0, 5.0]


def test_small_needs_are_drawn_as_one() -> None:
    legend = draw_traffic(_attempts(20)).get_legend()
    assert legend is not None
    names = [t.get_text() for t in legend.get_texts()]
    assert len(names) == MAX_NEEDS
    assert names[0] == "all others"


@pytest.mark.parametrize("name", ["sensorist-blinking-red.pcapng"])
def test_without_payload_it_says_so(name: str) -> None:
    assert "No payload" in draw_traffic(pa.read(SAMPLES / name).attempts).texts[0].get_text()
