from __future__ import annotations

from pathlib import Path

import pytest

from bench.run import main


@pytest.mark.slow
def test_parts_that_are_run_one_by_one_stand_on_one_page(tmp_path: Path) -> None:
    words = ["--frames", "3000", "--total", "0", "--folder", str(tmp_path / "kept"), "--docs", str(tmp_path)]
    for part in ("frames", "flows"):
        assert main([*words, "--only", part]) == 0
    page = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert "| 100 |" in page
    assert "| 10,000 |" in page or "| 9,9" in page
    assert (tmp_path / "scaling.svg").read_text(encoding="utf-8").startswith("<?xml")
