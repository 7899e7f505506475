from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from pcapaudit.engine import jobs
from pcapaudit.engine.jobs import Limits, run_audit, run_dissect, run_evidence, run_tables
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Judged, Phase, Step
from pcapaudit.engine.run import audit
from pcapaudit.model.errors import JobError
from pcapaudit.report.document import to_json
from tests.support.receivers import PATIENCE_S


@pytest.fixture
def sample(checkout: Path) -> str:
    return str(checkout / "samples" / "tek-8844-dropped.pcapng")


def test_the_report_of_another_process_is_that_of_this_one(sample: str, tmp_path: Path) -> None:
    target, told = tmp_path / "report.json", list[Step | Judged]()
    asyncio.run(run_audit([sample], AuditOptions(why=True), target, progress=told.append))
    report = audit([sample], AuditOptions(why=True))

    assert json.loads(target.read_text()) == json.loads(to_json(report))
    read = [step for step in told if isinstance(step, Step) and step.phase is Phase.READING]
    assert read[-1].done == read[-1].total == Path(sample).stat().st_size
    judged = [device for device in told if isinstance(device, Judged)]
    assert [(d.mac, d.verdict, d.summary) for d in judged] == [(d.mac, d.verdict, d.summary) for d in report.devices]


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


def test_tables_are_written_in_a_process_of_its_own(sample: str, tmp_path: Path) -> None:
    target, told = tmp_path / "tables.sqlite", list[Step | Judged]()
    asyncio.run(run_tables([sample], target, progress=told.append))
    assert target.read_bytes().startswith(b"SQLite format 3\0")
    assert isinstance(told[-1], Step)
    assert told[-1].done == told[-1].total == Path(sample).stat().st_size

    with pytest.raises(JobError, match="there is no such file"):
        asyncio.run(run_tables([str(tmp_path / "missing.pcap")], tmp_path / "none.sqlite"))
    assert [path.name for path in tmp_path.iterdir()] == ["tables.sqlite"]


def test_a_frame_is_dissected_in_a_process_of_its_own(sample: str, tmp_path: Path) -> None:
    target = tmp_path / "frame.json"
    asyncio.run(run_dissect([sample], [1], target))
    assert [frame["number"] for frame in json.loads(target.read_text())["frames"]] == [1]
    with pytest.raises(JobError, match="there is no frame 99999"):
        asyncio.run(run_dissect([sample], [99999], target))


def test_options_reach_the_process(sample: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no signature 'acme/box'"):
        asyncio.run(run_audit([sample], AuditOptions(signature="acme/box"), tmp_path / "report.json"))


def test_bounds_in_time_reach_the_process_to_the_nanosecond(sample: str, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    first = audit([sample], AuditOptions()).captures[0].first
    assert first is not None
    at_ns = int(datetime.fromisoformat(first).replace(microsecond=0).timestamp()) * 10**9 + 1_500_000_001
    options = AuditOptions(since_ns=at_ns, until_ns=at_ns + 20_000_000_001)
    asyncio.run(run_audit([sample], options, target))
    told = json.loads(target.read_text())
    assert told == json.loads(to_json(audit([sample], options)))
    assert told["captures"][0]["counters"]["frames"] < audit([sample], AuditOptions()).captures[0].counters.frames


def test_where_the_capture_was_taken_reaches_the_report(sample: str, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    asyncio.run(run_audit([sample], AuditOptions(mirror_point="sw1 port 24"), target))

    assert json.loads(target.read_text())["said"]["mirror_point"] == "sw1 port 24"


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
    assert jobs._reason(-signal.SIGSEGV, [], Limits()) == "the analysis was killed (SIGSEGV)"
    assert "runs out of memory" in jobs._reason(-signal.SIGKILL, [], Limits())
    assert jobs._reason(-99, [], Limits()) == "the analysis was killed (99)"


def test_the_end_of_one_that_ran_out_of_memory_names_its_limit() -> None:
    said = ["pcapaudit: unexpected MemoryError: . This is a fault"]
    assert "than the 64 MiB that it may use" in jobs._reason(2, said, Limits(memory_bytes=64 << 20))


def test_a_cancelled_task_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fifo = tmp_path / "never.pcap"
    os.mkfifo(fifo)

    async def cancel() -> int:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def listen(process: asyncio.subprocess.Process, _progress: object) -> list[str]:
            started.set_result(process.pid)
            await process.wait()
            return []

        monkeypatch.setattr(jobs, "_listen", listen)
        task = asyncio.create_task(run_audit([str(fifo)], AuditOptions(), tmp_path / "r.json"))
        pid = await started
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    with pytest.raises(ProcessLookupError):
        os.kill(asyncio.run(cancel()), 0)


def test_a_process_ends_with_the_one_that_started_it_however_that_ends(tmp_path: Path) -> None:
    fifo = tmp_path / "never.pcap"
    os.mkfifo(fifo)
    program = f"""
import asyncio, os
from pathlib import Path
from pcapaudit.engine import jobs
from pcapaudit.engine.options import AuditOptions
async def tell(process, progress):
    print(process.pid, flush=True)
    await process.wait()
jobs._listen = tell
asyncio.run(jobs.run_audit([{str(fifo)!r}], AuditOptions(), Path({str(tmp_path / "r.json")!r})))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    # The system kills the child a moment after the parent, or the child finds itself alone when it begins.
    assert select.select([child], [], [], PATIENCE_S)[0]
    os.close(child)


@pytest.mark.parametrize(
    ("line", "news"),
    [
        ('{"phase": "reading", "done": 1, "total": null}', Step(Phase.READING, 1, None)),
        ('{"phase": "judging", "done": 1, "total": 4, "rate": 2, "left_s": 2}', Step(Phase.JUDGING, 1, 4, 2, 2)),
        ('{"phase": "dreaming", "done": 1, "total": 4}', None),
        ('{"phase": "judged", "device": {"title": "Box"}}', None),
        ('{"phase": "judged", "device": 7}', None),
        ("{no JSON", None),
        ("a sentence", None),
        ("[1]", None),
    ],
)
def test_a_line_is_progress_or_a_line(line: str, news: Step | None) -> None:
    assert jobs._read_news(line) == news


def test_a_line_without_an_end_is_left_out_and_the_next_is_heard() -> None:
    async def hear() -> list[bytes]:
        stream = asyncio.StreamReader(limit=100)
        stream.feed_data(b"x" * 500 + b"\nheard\n")
        stream.feed_eof()
        return [line async for line in jobs.read_lines(stream)]

    assert asyncio.run(hear())[-1] == b"heard\n"
