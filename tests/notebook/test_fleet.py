from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import pcapaudit as pa
from pcapaudit.model.errors import UsageError

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PLACES = {
    "north/shop-12 <b>": "tek-healthy",
    "south/shop-3": "sensorist-blinking-red",
    "south/shop-4": "site-sensorist-tek-broken",
}
"""Folder -> sample. The last one has five devices, of which two are broken."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> pa.Captures:
    folder = tmp_path_factory.mktemp("fleet")
    for place, name in PLACES.items():
        (folder / place).mkdir(parents=True)
        shutil.copy(SAMPLES / f"{name}.pcapng", folder / place)
    return pa.read_many(folder, jobs=2)


def test_sites_are_folders_and_the_worst_stands_first(many: pa.Captures) -> None:
    fleet = many.fleet()
    assert fleet.sites.index.tolist() == ["shop-4", "shop-3", "shop-12 <b>"]
    assert fleet.sites["failed"].tolist() == [2, 1, 0]
    assert fleet.verdicts.to_dict() == {"failed": 3, "degraded": 0, "undecided": 0, "healthy": 4}
    assert fleet.stages.loc["connect", "failed"] == 3
    assert fleet.causes.index[0].startswith("TCP-ALL-PORTS-FAIL: ")
    assert fleet.products.index.tolist()[0].startswith("Sensorist")
    assert fleet.worst["site"].tolist() == ["shop-4", "shop-4", "shop-3"]


def test_a_site_may_be_said_by_an_expression_or_a_function(many: pa.Captures) -> None:
    assert many.fleet(r"/(north|south)/").sites["failed"].to_dict() == {"south": 3, "north": 0}
    assert many.fleet(r"shop-\d+").sites.index.tolist() == ["shop-4", "shop-3", "shop-12"]
    assert many.fleet("nowhere").sites.index.tolist() == ["(no site)"]
    assert many.fleet(lambda capture: Path(capture).suffix).sites.index.tolist() == [".pcapng"]
    with pytest.raises(UsageError, match="no regular expression"):
        many.fleet("(")


def test_it_shows_itself_as_text_and_as_a_card_with_every_name_escaped(many: pa.Captures) -> None:
    fleet = many.fleet()
    assert str(fleet).splitlines()[0] == "3 captures · 7 devices"
    card = fleet._repr_html_()
    assert "shop-12 &lt;b&gt;" in card
    assert "shop-12 <b>" not in card
    assert "7 devices" in card


def test_a_fleet_without_a_device_has_empty_tables(tmp_path: Path) -> None:
    (tmp_path / "broken.pcap").write_bytes(b"no capture")
    fleet = pa.read_many(tmp_path / "broken.pcap").fleet()
    assert fleet.sites.empty
    assert fleet.worst.empty
    assert str(fleet).startswith("0 captures · 0 devices · 1 capture not read")
    pd.testing.assert_index_equal(fleet.sites.columns, pd.Index(["failed", "degraded", "undecided", "healthy"]))
