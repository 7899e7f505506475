from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.cli.main import run


def test_the_evidence_is_written_and_counted(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "evidence.pcapng"
    source = checkout / "samples" / "tek-8844-dropped.pcapng"

    assert run(["evidence", "-o", str(target), str(source)]) == 0
    assert f"{target}: " in capsys.readouterr().err
    assert 0 < target.stat().st_size < source.stat().st_size


def test_the_output_has_to_be_named(checkout: Path) -> None:
    assert run(["evidence", str(checkout / "samples" / "tek-healthy.pcapng")]) == 2
