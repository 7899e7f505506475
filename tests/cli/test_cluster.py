from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.cli import cluster
from pcapaudit.cli.cluster import audit_there
from pcapaudit.cli.main import run
from pcapaudit.engine.jobs import Limits
from pcapaudit.engine.many import Done
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.order import carry_out, make_order, read_answer
from pcapaudit.engine.progress import Phase, Step, ignore
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.report import DeviceReport
from pcapaudit.report.document import to_json

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SITE = str(SAMPLES / "site-sensorist-tek-broken.pcapng")
HEALTHY = str(SAMPLES / "tek-healthy.pcapng")


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Stands for a cluster: does the same orders, the last one first."""
    kept: list[bool] = []

    def stand_in(
        _address: str,
        captures: Sequence[tuple[tuple[str, ...], Path]],
        options: AuditOptions,
        *,
        tables: bool,
        beside: bool,
    ) -> Iterator[Done]:
        kept.append(beside)
        for files, folder in reversed(captures):
            folder.mkdir()
            order = make_order(files, options, Limits(), tables=tables, beside=False)
            yield read_answer(carry_out(order, folder, lambda: True), order, files, folder)

    monkeypatch.setattr(cluster, "audit_on_cluster", stand_in)
    return kept


def test_the_report_is_that_of_a_local_run_in_the_order_of_the_sources(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"no capture")
    sources = [SITE, str(broken), HEALTHY]
    options = AuditOptions(separate=True)
    there = audit_there("tcp://x:1", sources, options, ignore, beside=True)
    assert to_json(there) == to_json(audit(sources, options))


def test_progress_tells_captures_and_devices() -> None:
    told: list[Any] = []
    report = audit_there("tcp://x:1", [HEALTHY, SITE], AuditOptions(separate=True), told.append, beside=True)
    assert [step for step in told if isinstance(step, Step)] == [Step(Phase.AUDITING, at, 2) for at in (1, 2)]
    assert sum(isinstance(news, DeviceReport) for news in told) == len(report.devices) == 6


def test_ctrl_c_gives_the_report_of_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    done = vars(cluster)["audit_on_cluster"]

    def interrupted(*words: Any, **named: Any) -> Iterator[Done]:
        yield next(iter(done(*words, **named)))
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "audit_on_cluster", interrupted)
    report = audit_there("tcp://x:1", [SITE, HEALTHY], AuditOptions(separate=True), ignore, beside=True)
    assert report.partial
    assert [capture.source for capture in report.captures] == [HEALTHY]


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(b"")
    with pytest.raises(CaptureError, match=r"x\.pcap at byte 0: no capture: it is empty"):
        audit_there("tcp://x:1", [str(tmp_path / "x.pcap")], AuditOptions(), ignore, beside=True)


def test_the_command_takes_an_address(capsys: pytest.CaptureFixture[str], in_this_process: list[bool]) -> None:
    assert run(["audit", "--cluster", "tcp://x:1", "--no-beside", "--format", "fleet", SITE]) == 1
    assert in_this_process == [False]
    assert "By site" in capsys.readouterr().out
    assert run(["audit", "--cluster", "tcp://x:1", "-"]) == 2
    assert "not standard input" in capsys.readouterr().err


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(["audit", "--cluster", "tcp://x:1", HEALTHY]) == 2
    assert capsys.readouterr().err == "pcapaudit: a cluster needs Dask: pip install 'pcapaudit[cluster]'\n"
