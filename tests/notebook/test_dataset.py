from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pcapaudit.engine.many import Done
from pcapaudit.engine.tables.declare import Column, Kind
from pcapaudit.model.errors import UsageError
from pcapaudit.notebook.dataset import ALL_TABLES, Dataset
from pcapaudit.notebook.frames import DTYPES

CAPTURE = Column("capture", Kind.CATEGORY, "which")


def test_an_empty_set_has_every_table_with_its_columns(tmp_path: Path) -> None:
    data = Dataset(tmp_path / "set")
    for table in ALL_TABLES.values():
        frame = data.read(table, (CAPTURE, *table.columns))
        assert len(frame) == 0
        assert list(frame.columns) == ["capture", *(column.name for column in table.columns)]
        assert frame.dtypes.iloc[1] == DTYPES[table.columns[0].kind]
    assert data.members() == []


def test_a_capture_that_failed_is_a_member_that_is_tried_again(tmp_path: Path) -> None:
    data = Dataset(tmp_path / "set")
    data.add("abc", Done(("x.pcap",), tmp_path, "no capture"))
    assert [(m.files, m.error) for m in data.members()] == [(("x.pcap",), "no capture")]
    assert not data.holds("abc")


def test_a_folder_with_a_quote_in_its_name_is_a_folder(tmp_path: Path) -> None:
    data = Dataset(tmp_path / "it's; DROP TABLE captures")
    assert data.ask("SELECT count(*) AS n FROM flows")["n"].tolist() == [0]


def test_without_duckdb_one_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UsageError, match=r"pcapaudit\[notebook\]"):
        Dataset(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be used"):
        Dataset(tmp_path / "file")
