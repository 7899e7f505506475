from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from pcapaudit.engine import many
from pcapaudit.engine.many import REPORT_FILE, TABLES_FILE, audit_all, find_captures, hash_files, say_edition
from pcapaudit.engine.options import AuditOptions

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BLINKING = str(SAMPLES / "sensorist-blinking-red.pcapng")
HEALTHY = str(SAMPLES / "tek-healthy.pcapng")


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "broken.pcap"
    path.write_bytes(b"no capture")
    return str(path)


def test_each_capture_leaves_its_results_and_a_broken_one_its_reason(tmp_path: Path, broken: str) -> None:
    captures = find_captures([BLINKING, broken, HEALTHY], separate=True)
    wanted = [(files, tmp_path / str(at)) for at, files in enumerate(captures)]
    done = {result.files: result for result in audit_all(wanted, AuditOptions(), jobs=2)}
    assert set(done) == {(BLINKING,), (broken,), (HEALTHY,)}
    assert "no capture" in str(done[(broken,)].error)
    report = json.loads((done[(BLINKING,)].folder / REPORT_FILE).read_text(encoding="utf-8"))
    assert report["devices"][0]["verdict"] == "failed"
    assert (done[(HEALTHY,)].folder / TABLES_FILE).exists()


def test_it_works_while_an_event_loop_runs_as_in_a_notebook(tmp_path: Path) -> None:
    async def cell() -> list[str | None]:
        return [done.error for done in audit_all([((HEALTHY,), tmp_path / "x")], AuditOptions(), jobs=1)]

    assert asyncio.run(cell()) == [None]


def test_who_stops_asking_ends_what_is_running(tmp_path: Path) -> None:
    wanted = [((BLINKING,), tmp_path / str(at)) for at in range(50)]
    for _ in audit_all(wanted, AuditOptions(), jobs=2):
        break
    assert sum((folder / TABLES_FILE).exists() for _, folder in wanted) < len(wanted)


@pytest.mark.needs_tshark
def test_files_that_continue_one_another_are_one_capture(tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    subprocess.run(["editcap", "-c", "150", BLINKING, tmp_path / "ring" / "x.pcapng"], check=True)
    (files,) = find_captures([str(tmp_path / "ring")], separate=False)
    assert len(files) == 3
    wanted = [(files, tmp_path / "of ring"), ((BLINKING,), tmp_path / "of whole")]
    assert [done.error for done in audit_all(wanted, AuditOptions(separate=True), jobs=2)] == [None, None]
    report = json.loads((tmp_path / "of ring" / REPORT_FILE).read_text(encoding="utf-8"))
    assert [len(capture["files"]) for capture in report["captures"]] == [3]
    ring, whole = (count_flows(folder / TABLES_FILE) for _, folder in wanted)
    assert ring == whole > 0


def count_flows(tables: Path) -> int:
    with closing(sqlite3.connect(tables)) as base:
        return int(base.execute("SELECT count(*) FROM flows").fetchone()[0])


def test_equal_content_has_one_name_and_other_options_another(tmp_path: Path) -> None:
    copy = tmp_path / "copy.pcapng"
    copy.write_bytes(Path(BLINKING).read_bytes())
    options = AuditOptions()
    assert hash_files([BLINKING], options) == hash_files([str(copy)], options)
    assert hash_files([BLINKING], options) != hash_files([BLINKING], AuditOptions(device="10.0.0.5"))
    assert hash_files([BLINKING], options) != hash_files([BLINKING, HEALTHY], options)
    assert hash_files([BLINKING, HEALTHY], options) != hash_files([HEALTHY, BLINKING], options)


def test_another_version_or_other_signatures_give_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signatures = tmp_path / "signatures"
    shutil.copytree(SAMPLES.parent / "signatures", signatures)
    options = AuditOptions(signatures_dir=signatures)
    before, edition = hash_files([HEALTHY], options), say_edition(options)
    assert say_edition(AuditOptions()) == edition
    with (signatures / "tek" / "pool-ems.yaml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    changed = hash_files([HEALTHY], options)
    monkeypatch.setattr(many, "__version__", "99.0")
    assert len({before, changed, hash_files([HEALTHY], options)}) == 3
