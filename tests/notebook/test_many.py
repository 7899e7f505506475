from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import pcapaudit as pa
from pcapaudit.model.errors import UsageError

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = ("sensorist-blinking-red", "tek-healthy", "skala-ipad-healthy")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders with three captures, and a file that is none."""
    folder = tmp_path_factory.mktemp("captures")
    for name, place in zip(NAMES, ("north", "north", "south"), strict=True):
        (folder / place).mkdir(exist_ok=True)
        shutil.copy(SAMPLES / f"{name}.pcapng", folder / place)
    (folder / "broken.pcap").write_bytes(b"no capture")
    return folder


@pytest.fixture(scope="module")
def many(site: Path) -> pa.Captures:
    return pa.read_many([site, site / "broken.pcap"], jobs=2)


def test_the_tables_are_those_of_each_capture_with_its_name_in_front(many: pa.Captures, site: Path) -> None:
    one = pa.read(site / "north" / f"{NAMES[0]}.pcapng")
    for name in ("flows", "dns", "dhcp", "arp", "findings", "needs", "health"):
        whole = many.table(name)
        assert whole.columns[0] == "capture"
        own = whole[whole["capture"].astype(str).str.contains(NAMES[0])].drop(columns="capture").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, one.table(name), check_categorical=False)


def test_a_broken_capture_is_a_row_of_errors_and_nothing_else(many: pa.Captures, site: Path) -> None:
    assert many.errors["capture"].tolist() == [str(site / "broken.pcap")]
    assert "no capture" in many.errors["reason"].iloc[0]
    assert repr(many) == "<Captures: 3 read, 1 not read>"
    assert not many.devices["capture"].astype(str).str.contains("broken").any()


def test_sql_asks_all_tables_at_once(many: pa.Captures) -> None:
    found = many.sql(
        "SELECT d.verdict, count(*) AS flows FROM devices d JOIN flows f ON f.capture = d.capture"
        " AND list_contains(d.addresses, f.orig_h) GROUP BY 1 ORDER BY 1"
    )
    assert set(found["verdict"]) == {"failed", "healthy"}
    assert many.sql("SELECT count(*) AS n FROM captures").iloc[0, 0] == 4
    with pytest.raises(UsageError, match="cannot be answered"):
        many.sql("SELECT nothing FROM nowhere")


def test_the_summary_has_the_worst_site_first(many: pa.Captures) -> None:
    summary = many.summary()
    assert summary.index.tolist() == ["north", "south"]
    assert (summary["failed"].iloc[0], summary["healthy"].iloc[0]) == (1, 1)
    assert many.summary("stage").loc["connect", "failed"] == 1
    assert len(many.plot().patches) == 4 * 3


def test_a_second_run_does_only_what_is_new(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store"
    first = pa.read_many(site / "north", jobs=2, store=store)
    asked: list[object] = []

    def spy(captures: list[object], *_: object, **__: object) -> list[object]:
        asked.extend(captures)
        return []

    monkeypatch.setattr("pcapaudit.notebook.many.audit_all", spy)
    again = pa.read_many(site / "north", store=store)
    assert asked == []
    pd.testing.assert_frame_equal(again.flows, first.flows)
    pa.read_many(site, store=store)
    assert len(asked) == 1
    assert not (store / "work").exists()


def test_what_was_kept_is_read_again(many: pa.Captures, tmp_path: Path) -> None:
    many.to_parquet(tmp_path / "kept")
    kept = pa.read_parquet(tmp_path / "kept")
    pd.testing.assert_frame_equal(kept.devices, many.devices)
    with pytest.raises(UsageError, match="not empty"):
        many.to_parquet(tmp_path / "kept")
    with pytest.raises(UsageError, match="no captures are kept"):
        pa.read_parquet(tmp_path / "nowhere")


def test_an_unknown_table_is_told(many: pa.Captures) -> None:
    with pytest.raises(UsageError, match="known are: flows"):
        many.table("flowz")
    with pytest.raises(AttributeError):
        _ = many.flowz
    assert {"flows", "devices", "errors"} <= set(dir(many))
