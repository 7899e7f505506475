from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pcapaudit.cli.main import run
from pcapaudit.engine.tables.catalogue import TABLES


@pytest.fixture
def sample(checkout: Path) -> str:
    return str(checkout / "samples" / "wennsoft-healthy.pcapng")


def test_all_tables_go_into_one_sqlite_file(sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "x.sqlite"
    assert run(["tables", sample, "-o", str(target)]) == 0

    with closing(sqlite3.connect(target)) as base:
        rows = base.execute("SELECT count(*) FROM dns").fetchone()[0]
    assert f"{rows} dns" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.sqlite"]


def test_a_folder_gets_a_file_for_each_table(sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    assert run(["tables", sample, "-o", str(folder)]) == 0
    alone = run(["tables", "--table", "dns", sample])

    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.csv" for name in TABLES)
    assert alone == 0
    assert (folder / "dns.csv").read_text() == capsys.readouterr().out


def test_one_table_goes_to_standard_output_in_either_form(sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tables", "--table", "dns", sample]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run(["tables", "--table", "dns", "--format", "jsonl", sample]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [row["query"] for row in rows] == [line["query"] for line in lines] != []
    assert {row["is_answered"] for row in rows} <= {"true", "false"}
    assert all(isinstance(line["query_frames"], list | None) for line in lines)


def test_a_window_leaves_out_what_lies_outside(sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    window = ["--since", "2026-11-21T12:08:38.6146Z", "--until", "2026-11-21T12:08:38.7Z"]
    assert run(["tables", "--table", "dns", sample]) == 0
    whole = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run(["tables", "--table", "dns", *window, sample]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    assert [row["ts"] for row in rows] == [row["ts"] for row in whole if window[1] <= row["ts"] <= window[3]] != []
    assert len(rows) < len(whole)


def test_zeeks_names_are_given_on_demand(sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tables", "--table", "dns", "--names", "zeek", sample]) == 0
    header = capsys.readouterr().out.splitlines()[0].split(",")
    assert {"ts", "id.orig_h", "qtype_name", "rtt", "TTLs"} <= set(header)


def test_several_tables_need_a_place_and_a_name_must_be_known(
    sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tables", sample]) == 2
    assert "-o FILE.sqlite or -o FOLDER" in capsys.readouterr().err
    assert run(["tables", sample, "-o", str(tmp_path / "x.parquet")]) == 2
    assert "x.parquet: several tables are no one file" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
    assert run(["tables", "--table", "smtp", sample]) == 2
    assert "there is no table 'smtp'" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(
    sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in (tmp_path / "missing" / "x.sqlite", Path(sample) / "folder"):
        assert run(["tables", sample, "-o", str(target)]) == 2
        assert str(target) in capsys.readouterr().err


def test_what_is_no_capture_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"no")
    assert run(["tables", str(broken), "-o", str(tmp_path / "x.sqlite")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["broken.pcap"]
    assert "broken.pcap" in capsys.readouterr().err
