from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from pcapaudit.engine import jobs
from pcapaudit.engine.jobs import Limits, run_audit, run_evidence
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import JobError
from pcapaudit.report.document import to_json


@pytest.fixture
def sample(checkout: Path) -> str:
    return str(checkout / "samples" / "tek-8844-dropped.pcapng")


def test_the_report_of_another_process_is_that_of_this_one(sample: str, tmp_path: Path) -> None:
    target, told = tmp_path / "report.json", []
    asyncio.run(run_audit([sample], AuditOptions(why=True), target, progress=lambda *seen: told.append(seen)))

    assert json.loads(target.read_text()) == json.loads(to_json(audit([sample], AuditOptions(why=True))))
    assert told
    assert all(done <= (total or 0) for done, total in told)


def test_what_is_no_capture_is_said_in_the_words_of_the_reader(tmp_path: Path) -> None:
    source = tmp_path / "odd.pcap"
    source.write_bytes(b"")
    with pytest.raises(JobError, match=r"odd\.pcap at byte 0: no capture: it is empty"):
        asyncio.run(run_audit([str(source)], AuditOptions(), tmp_path / "report.json"))
    assert not (tmp_path / "report.json").exists()


def test_evidence_is_cut_out_in_a_process_of_its_own(sample: str, tmp_path: Path) -> None:
    target = tmp_path / "evidence.pcapng"
    asyncio.run(run_evidence([sample], AuditOptions(), target))
    assert target.read_bytes().startswith(bytes.fromhex("0a0d0d0a"))


def test_options_reach_the_process(sample: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no signature 'acme/box'"):
        asyncio.run(run_audit([sample], AuditOptions(signature="acme/box"), tmp_path / "report.json"))


def test_a_process_that_wants_too_much_memory_fails_alone(sample: str, tmp_path: Path) -> None:
    with pytest.raises(JobError):
        asyncio.run(run_audit([sample], AuditOptions(), tmp_path / "r.json", limits=Limits(memory_bytes=64 << 20)))
    assert not (tmp_path / "r.json").exists()


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    fifo = tmp_path / "never.pcap"
    os.mkfifo(fifo)
    with pytest.raises(JobError, match=r"not done after 0\.5 s: stopped"):
        asyncio.run(run_audit([str(fifo)], AuditOptions(), tmp_path / "r.json", limits=Limits(seconds=0.5)))


def test_the_end_of_a_killed_process_is_named() -> None:
    assert jobs._reason(-signal.SIGKILL, []) == "the analysis was killed (SIGKILL)"


def test_a_cancelled_task_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fifo = tmp_path / "never.pcap"
    os.mkfifo(fifo)

    async def cancel() -> int:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(jobs, "_limit_memory", lambda pid, _limits: started.set_result(pid))
        task = asyncio.create_task(run_audit([str(fifo)], AuditOptions(), tmp_path / "r.json"))
        pid = await started
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    with pytest.raises(ProcessLookupError):
        os.kill(asyncio.run(cancel()), 0)
