from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import pcapaudit as pa
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.report.document import to_json

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BLINKING = SAMPLES / "sensorist-blinking-red.pcapng"
HEALTHY = SAMPLES / "tek-healthy.pcapng"
GATEWAY = "02:54:10:2b:30:01"


@pytest.fixture(scope="module")
def cap() -> pa.Capture:
    return pa.read(BLINKING)


def test_the_verdict_stands_in_a_row_as_the_lab_made_it(cap: pa.Capture) -> None:
    row = cap.devices.iloc[0]
    shown = row[["device", "verdict", "stage", "rule", "indicator"]].tolist()
    assert shown == [GATEWAY, "failed", "connect", "TCP-ALL-PORTS-FAIL", "blinking red"]


def test_the_document_is_the_one_of_the_command(cap: pa.Capture) -> None:
    document = json.loads(to_json(audit([str(BLINKING)], AuditOptions(why=True))))
    assert cap.report() == document


def test_the_capture_is_read_once_and_a_table_made_once(cap: pa.Capture) -> None:
    assert cap.flows is cap.flows
    assert cap.findings is cap.table("findings")


def test_a_device_has_its_own_rows_of_every_table(cap: pa.Capture) -> None:
    device = cap.device(GATEWAY.upper().replace(":", "-"))
    assert (device.verdict, device.name) == ("failed", GATEWAY)
    assert 0 < len(device.flows) < len(cap.flows)
    assert set(device.flows["orig_mac"]) | set(device.flows["resp_mac"]) >= {GATEWAY}
    assert len(cap.device("10.20.36.101").findings) == len(cap.findings)
    with pytest.raises(UsageError, match=GATEWAY):
        cap.device("10.9.9.9")
    with pytest.raises(AttributeError):
        _ = device.nothing


def test_an_unknown_table_names_those_there_are(cap: pa.Capture) -> None:
    with pytest.raises(UsageError, match="flows, dns"):
        cap.table("flowz")


def test_several_captures_stand_side_by_side_with_their_names() -> None:
    both = pa.read([BLINKING, HEALTHY], separate=True)
    for frame in (both.devices, both.flows, both.attempts):
        assert frame.columns[0] == "capture"
        assert set(frame["capture"]) == {str(BLINKING), str(HEALTHY)}
    one = pa.read(HEALTHY)
    own = both.flows[both.flows["capture"] == str(HEALTHY)].drop(columns="capture").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, one.flows, check_categorical=False, check_dtype=False)


def test_a_file_object_is_a_source() -> None:
    with BLINKING.open("rb") as stream:
        assert len(pa.read(stream).devices) == 1


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(b"nothing of the kind")
    with pytest.raises(CaptureError, match=r"x\.pcap"):
        pa.read(tmp_path / "x.pcap")
    with pytest.raises(UsageError, match="no signature"):
        pa.read(BLINKING, signature="no/such")


def test_it_shows_itself_without_judging_and_as_a_card_in_a_notebook(cap: pa.Capture) -> None:
    assert repr(cap) == f"<Capture {BLINKING}>"
    assert "TCP 443 or 4321" in cap._repr_html_()
    assert "TCP 443 or 4321" in cap.device(GATEWAY)._repr_html_()
    assert repr(cap.device(GATEWAY)) == f"<Device {GATEWAY}: failed>"
    assert "What to change" in cap.render("html")


def test_the_package_offers_an_analyst_what_is_meant_for_him_alone() -> None:
    offered = {name for name in dir(pa) if not name.startswith("_")}
    assert offered == {"read", "read_many", "read_parquet", "learn", "Capture", "Captures", "Device", "Proposal"}


def test_importing_the_package_brings_no_pandas_and_prints_nothing() -> None:
    script = "import pcapaudit, sys; assert 'pandas' not in sys.modules; assert 'read' in dir(pcapaudit)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    with pytest.raises(AttributeError):
        _ = pa.nothing


def test_the_examples_in_the_docstrings_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLES.parent)
    ran = doctest.testmod(importlib.import_module("pcapaudit.notebook.capture"))
    assert ran.attempted >= 2
    assert ran.failed == 0
