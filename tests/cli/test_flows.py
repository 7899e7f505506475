from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest

from pcapaudit.cli.main import run
from pcapaudit.engine import run as engine_run

RECORDS: list[dict[str, object]] = [
    {
        "ts": "2026-01-01T00:00:00.000000Z",
        "id.orig_h": "10.0.0.5",
        "id.orig_p": 50000,
        "service": None,
        "duration": 0.5,
    },
    {
        "ts": "2026-01-01T00:00:01.000000Z",
        "id.orig_h": "10.0.0.6",
        "id.orig_p": 1,
        "service": "=\x1b",
        "duration": -1.5,
    },
]


@pytest.fixture(autouse=True)
def records(monkeypatch: pytest.MonkeyPatch) -> None:
    def give(_sources: object, _progress: object) -> Iterator[dict[str, object]]:
        return iter(RECORDS)

    monkeypatch.setattr(engine_run, "flow_records", give)


def test_csv_has_zeeks_names_and_empty_cells_for_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flows", "a.pcap"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["ts", "id.orig_h", "id.orig_p", "service", "duration"]
    assert rows[0]["service"] == ""
    assert rows[1]["service"] == "'=\\x1b"
    assert rows[1]["duration"] == "-1.5"


def test_json_lines_hold_the_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flows", "--format", "jsonl", "a.pcap"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == RECORDS
