from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.engine import order as orders
from pcapaudit.engine.jobs import Limits
from pcapaudit.engine.many import REPORT_FILE, TABLES_FILE, Done
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.order import Order, carry_out, make_order, read_answer, read_order
from pcapaudit.engine.run import audit
from pcapaudit.report.document import from_json

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "tek-8844-dropped.pcapng"


def give(*files: str, options: AuditOptions | None = None, beside: bool = False, tables: bool = False) -> Order:
    return make_order(files, options or AuditOptions(), Limits(), tables=tables, beside=beside)


def carry_home(order: Order, files: tuple[str, ...], folder: Path) -> Done:
    (folder / "scratch").mkdir()
    return read_answer(carry_out(order, folder / "scratch", lambda: True), order, files, folder)


def test_an_order_crosses_the_wire_whole() -> None:
    options = AuditOptions(
        signature="tek/pool-ems",
        params={"app_port": "57123"},
        thresholds={"syn_wait": 2.5},
        signatures_dir=SAMPLE.parents[1] / "signatures",
        since_ns=1_700_000_000_000_000_001,
        why=True,
        separate=True,
    )
    order = make_order([str(SAMPLE)], options, Limits(1 << 30, 9.5), tables=True, beside=True)
    assert read_order(order.to_json()) == order
    assert order.options == options
    assert order.wanted == (REPORT_FILE, TABLES_FILE)
    assert not make_order(["a", "b"], options, Limits(), tables=False, beside=True).options.separate
    assert make_order(["a"], options, Limits(), tables=False, beside=True).files == (str(Path.cwd() / "a"),)


def test_what_is_carried_out_is_the_audit(tmp_path: Path) -> None:
    options = AuditOptions(since_ns=1_000_000_000 * 10**9 + 1, why=True)
    done = carry_home(give(str(SAMPLE), options=options), ("its name",), tmp_path)
    assert (done.error, len(done.name or "")) == (None, 64)
    report = from_json((tmp_path / REPORT_FILE).read_text(encoding="utf-8"))
    (capture,) = report.captures
    assert (capture.source, capture.files[0].source) == ("its name", "its name")
    file = replace(capture.files[0], source=str(SAMPLE))
    named = replace(report, captures=(replace(capture, source=str(SAMPLE), files=(file,)),))
    assert named == audit([str(SAMPLE)], options)


def test_what_cannot_be_read_comes_home_under_its_own_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"")
    done = carry_home(give(str(broken)), ("../broken.pcap",), tmp_path)
    assert done.error == "../broken.pcap at byte 0: no capture: it is empty"


def test_a_worker_of_another_edition_refuses(tmp_path: Path) -> None:
    done = carry_home(replace(give(str(SAMPLE)), edition="pcapaudit 9"), (str(SAMPLE),), tmp_path)
    assert done.error is not None
    assert done.error.startswith("the worker has pcapaudit 0.")
    assert done.error.endswith(", not pcapaudit 9")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    capture = tmp_path / "x.pcapng"
    capture.write_bytes(SAMPLE.read_bytes())
    (tmp_path / "x.pcapng.pcapaudit").write_text("a file where a folder is to be", encoding="utf-8")
    done = carry_home(give(str(capture), beside=True), (str(capture),), tmp_path)
    assert done.error is not None
    assert done.error.startswith(str(capture))


def test_results_that_are_too_large_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MAX_SENT", 100)
    done = carry_home(give(str(SAMPLE)), (str(SAMPLE),), tmp_path)
    assert done.error is not None
    assert done.error.endswith("too much to send: keep them beside the capture")


def test_work_that_nobody_wants_ends(tmp_path: Path) -> None:
    order = give(str(SAMPLE))
    done = read_answer(carry_out(order, tmp_path, lambda: False), order, order.files, tmp_path)
    assert done.error == "nobody wants it any more"
    assert not list(tmp_path.iterdir())


def test_nothing_of_an_order_is_pickled() -> None:
    assert json.loads(give(str(SAMPLE)).to_json())["files"] == [str(SAMPLE)]
