from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from pcapaudit.engine.many import REPORT_FILE, TABLES_FILE, audit_all, find_captures, hash_files
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


def test_equal_content_has_one_name_and_other_options_another(tmp_path: Path) -> None:
    copy = tmp_path / "copy.pcapng"
    copy.write_bytes(Path(BLINKING).read_bytes())
    options = AuditOptions()
    assert hash_files([BLINKING], options) == hash_files([str(copy)], options)
    assert hash_files([BLINKING], options) != hash_files([BLINKING], AuditOptions(device="10.0.0.5"))
    assert hash_files([BLINKING], options) != hash_files([BLINKING, HEALTHY], options)
    assert hash_files([BLINKING, HEALTHY], options) != hash_files([HEALTHY, BLINKING], options)
