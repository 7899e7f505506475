from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import pandas as pd
import pytest
from distributed import KilledWorker

import pcapaudit as pa
from pcapaudit.engine import cluster
from pcapaudit.engine.cluster import audit_on_cluster
from pcapaudit.engine.many import REPORT_FILE, TABLES_FILE, Done
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import UsageError
from pcapaudit.report.document import from_json, to_json
from tests.support.cluster import BUCKET, Cluster, run_cluster

pytestmark = pytest.mark.slow
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BLINKING = SAMPLES / "sensorist-blinking-red.pcapng"
HEALTHY = SAMPLES / "tek-healthy.pcapng"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with run_cluster(tmp_path_factory.mktemp("cluster"), [BLINKING, HEALTHY]) as found, dask.config.set(found.tls):
        yield found


def copy(folder: Path, *names: str) -> list[tuple[tuple[str, ...], Path]]:
    """Captures of these names with different content, and a folder for the results of each."""
    samples = sorted(SAMPLES.glob("*.pcapng"))
    for name, sample in zip(names, samples, strict=False):
        shutil.copy(sample, folder / name)
    return [((str(folder / name),), folder / "results" / name) for name in names]


def written(path: Path) -> tuple[int, int]:
    """Which file it is, and when it was written; when it was read is another matter."""
    state = path.stat()
    return state.st_ino, state.st_mtime_ns


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(running: Cluster, tmp_path: Path) -> None:
    captures = copy(tmp_path, "a.pcapng", "b.pcapng", "held.pcapng", "d.pcapng")
    results = audit_on_cluster(running.address, captures, AuditOptions(), tables=False)
    first = next(results)
    running.kill_holder()
    done = {result.files: result for result in (first, *results)}
    assert [done[files].error for files, _ in captures] == [None] * 4
    for (file,), folder in captures:
        report = from_json((folder / REPORT_FILE).read_text(encoding="utf-8"))
        assert report == audit([file], AuditOptions())


def test_a_capture_that_kills_its_workers_is_named_and_costs_only_itself(running: Cluster, tmp_path: Path) -> None:
    captures = copy(tmp_path, "a.pcapng", "deadly.pcapng", "c.pcapng", "d.pcapng")
    done = {
        Path(result.files[0]).name: result for result in audit_on_cluster(running.address, captures, AuditOptions())
    }
    error = done.pop("deadly.pcapng").error
    assert error == f"{tmp_path / 'deadly.pcapng'}: 2 workers died of it, one by one"
    assert {name: result.error for name, result in done.items()} == dict.fromkeys(("a.pcapng", "c.pcapng", "d.pcapng"))


def test_a_capture_that_only_waited_beside_the_deadly_one_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed = SimpleNamespace(status="error", exception=lambda: KilledWorker("key", None, 3))
    answer = tmp_path.joinpath("answer")
    with zipfile.ZipFile(answer, "w") as packed:
        packed.writestr("answer.json", '{"error": "tried again"}')
    read = SimpleNamespace(status="finished", result=answer.read_bytes)
    rounds: list[int] = []

    def run(_client: object, works: list[Any]) -> Iterator[tuple[Any, SimpleNamespace]]:
        rounds.append(len(works))
        yield from ((work, killed if "deadly" in work.files[0] or len(works) > 1 else read) for work in works)

    monkeypatch.setattr(cluster, "_connect", lambda _address: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(cluster, "_run", run)
    captures = copy(tmp_path, "deadly.pcapng", "b.pcapng")
    errors = [done.error for done in audit_on_cluster("tcp://x:1", captures, AuditOptions())]
    assert rounds == [2, 1, 1]
    assert errors == [f"{tmp_path / 'deadly.pcapng'}: 4 workers died of it, one by one", "tried again"]


def test_a_second_run_does_only_what_is_new(running: Cluster, tmp_path: Path) -> None:
    captures = copy(tmp_path, "a.pcapng", "b.pcapng", "c.pcapng")
    first = list(audit_on_cluster(running.address, captures[:2], AuditOptions(), tables=False))
    kept = {path: written(path) for path in tmp_path.glob("*.pcapaudit/*/*")}
    assert {path.parent.name for path in kept} == {done.name for done in first}
    assert {path.name for path in kept} == {REPORT_FILE}

    shutil.copytree(tmp_path, tmp_path / "moved", ignore=shutil.ignore_patterns("results"))
    moved = [((str(tmp_path / "moved" / Path(file).name),), folder) for (file,), folder in captures]
    again = list(audit_on_cluster(running.address, moved, AuditOptions()))
    assert {done.error for done in again} == {None}
    assert {path: written(path) for path in kept} == kept
    for (file,), folder in moved:
        assert (folder / TABLES_FILE).exists()
        assert from_json((folder / REPORT_FILE).read_text(encoding="utf-8")).captures[0].source == file
    made = {path.name for path in tmp_path.glob("moved/*.pcapaudit/*/*")}
    assert made == {REPORT_FILE, TABLES_FILE}


def test_results_are_sent_where_none_shall_be_kept(running: Cluster, tmp_path: Path) -> None:
    captures = copy(tmp_path, "a.pcapng")
    captures.append(((str(tmp_path / "gone.pcapng"),), tmp_path / "results" / "gone"))
    done = {
        result.files: result for result in audit_on_cluster(running.address, captures, AuditOptions(), beside=False)
    }
    assert done[captures[0][0]].error is None
    assert done[captures[1][0]].error == f"{tmp_path / 'gone.pcapng'}: No such file or directory"
    assert {path.name for path in captures[0][1].iterdir()} == {REPORT_FILE, TABLES_FILE}
    assert not list(tmp_path.glob("*.pcapaudit"))


def test_who_stops_asking_ends_what_is_running(running: Cluster, tmp_path: Path) -> None:
    captures = copy(tmp_path, "endless.pcapng", "b.pcapng")
    results = audit_on_cluster(running.address, captures, AuditOptions())
    assert next(results).error is None
    running.hear("started")
    results.close()
    running.hear("ended")


def test_who_speaks_no_tls_is_not_let_in(running: Cluster, tmp_path: Path) -> None:
    address = running.address.replace("tls://", "tcp://")
    with dask.config.set({"distributed.comm.require-encryption": False}), pytest.raises(UsageError, match=address):
        next(audit_on_cluster(address, copy(tmp_path, "a.pcapng"), AuditOptions()))


def test_captures_of_another_host_give_the_report_of_a_local_run(running: Cluster) -> None:
    words = ["audit", "--cluster", running.address, "--format", "json", f"s3://{BUCKET}/"]
    command = [sys.executable, "-m", "pcapaudit", *words]
    done = subprocess.run(command, env=running.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    local = to_json(audit([str(BLINKING), str(HEALTHY)], AuditOptions(separate=True)))
    assert done.stdout == local.replace(str(SAMPLES), f"s3://{BUCKET}/samples")

    kept = running.list_bucket()
    results = [name.rpartition("/")[2] for name, _ in kept if ".pcapaudit/" in name]
    assert sorted(Path(name).suffix for name in results) == [".json"] * 2 + [".name"] * 2
    fetched = running.count_fetched(BLINKING.name)
    again = subprocess.run(command, env=running.environment, capture_output=True, text=True, check=False)
    assert again.stdout == done.stdout
    assert running.list_bucket() == kept
    assert (fetched, running.count_fetched(BLINKING.name)) == (1, 1)


def test_an_analyst_gets_the_tables_of_a_local_run(running: Cluster, tmp_path: Path) -> None:
    copy(tmp_path, "a.pcapng")
    (tmp_path / "broken.pcap").write_bytes(b"no capture")
    sources = [tmp_path, tmp_path / "broken.pcap"]
    there = pa.read_many(sources, cluster=running.address, store=tmp_path / "store")
    here = pa.read_many(sources)
    assert repr(there) == repr(here) == "<Captures: 1 read, 1 not read>"
    for name in ("devices", "flows", "dns", "findings", "health"):
        pd.testing.assert_frame_equal(there.table(name), here.table(name))
    pd.testing.assert_frame_equal(there.errors, here.errors)
    assert not (tmp_path / "store" / "work").exists()


def test_without_a_scheduler_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.2)
    captures: list[tuple[tuple[str, ...], Path]] = [((str(HEALTHY),), tmp_path)]
    for address in ("tcp://127.0.0.1:1", "nothing://at all"):
        with pytest.raises(UsageError, match=f"no scheduler of Dask answers at {address}"):
            list[Done](audit_on_cluster(address, captures, AuditOptions()))
