from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from pcapaudit.cli.main import run

ZEEKS = [
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes",
    "resp_bytes", "conn_state", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "community_id",
    "first_frame", "last_frame",
]  # fmt: skip


@pytest.fixture
def sample(checkout: Path) -> str:
    return str(checkout / "samples" / "tek-8844-dropped.pcapng")


def test_csv_has_zeeks_names_and_empty_cells_for_unknown(sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flows", sample]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    dropped = [row for row in rows if row["id.resp_p"] == "8844"]

    assert list(rows[0])[: len(ZEEKS)] == ZEEKS
    assert {(row["conn_state"], row["service"]) for row in dropped} == {("S0", "")}
    assert [float(row["ts"]) for row in rows] == sorted(float(row["ts"]) for row in rows)


def test_json_lines_hold_the_same_with_numbers_and_null(sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flows", sample]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run(["flows", "--format", "jsonl", sample]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [["" if v is None else str(v) for v in line.values()] for line in lines] == [list(r.values()) for r in table]
    assert all(isinstance(line["ts"], float) and isinstance(line["orig_pkts"], int) for line in lines)


def test_several_captures_follow_each_other_and_a_broken_one_ends_with_its_error(
    sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"no")

    assert run(["flows", sample, str(broken)]) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) > 1
    assert "broken.pcap" in said.err
