from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.engine import run
from pcapaudit.engine.evidence import write_evidence
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Phase, Step
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes
from tests.support.pcap import write_pcap
from tests.support.scene import play_script

SCRIPT = """
0.0   dev > gw BOOT
1.0   dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
2.0 repeat 3 every 20.0:
  0.0   dev > cloud:4321 SYN new
  1.0   dev > cloud:4321 SYN
  8.0   dev > cloud:443 SYN new
  9.0   dev > cloud:443 SYN
5.0   pc > gw LOOKUP www.example.org A 93.184.216.34
5.1   pc > 93.184.216.34:443 CONNECT
80.0  switch > * WATCH
"""
FRAMES = play_script(SCRIPT)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    file = tmp_path / "one.pcap"
    write_pcap(file, [(f.time_ns, f.data, f.wire_len) for f in FRAMES])
    return file


def frames_of(source: Path | io.BytesIO) -> list[bytes]:
    """The bytes of each frame of a capture."""
    found = []
    for batch in open_capture(source if isinstance(source, io.BytesIO) else str(source), notes=CaptureNotes()):
        spans = zip(batch.offset, batch.captured, strict=True)
        found += [bytes(batch.data[start : start + length]) for start, length in spans]
    return found


def test_what_a_finding_cites_is_there_with_its_flow_and_nothing_of_other_hosts(capture: Path) -> None:
    out = io.BytesIO()
    extract = write_evidence([str(capture)], AuditOptions(), out)
    report = run.audit([str(capture)], AuditOptions())
    cited = {n for d in report.devices for f in d.findings for n in f.evidence.frames}
    syns = [f.data for f in FRAMES if f.data[23:24] == b"\x06" and f.data[26:30] == b"\x0a\x00\x00\x05"]

    out.seek(0)
    written = frames_of(out)
    assert extract.cited == len(cited)
    assert extract.frames == len(written) < len(FRAMES)
    assert set(syns) <= set(written)
    assert {FRAMES[n - 1].data for n in cited} <= set(written)
    assert not [data for data in written if b"\x5d\xb8\xd8\x22" in data]


def test_progress_is_told_over_all_readings(capture: Path) -> None:
    told: list[Step] = []
    write_evidence([str(capture)], AuditOptions(), io.BytesIO(), told.append)
    total = 3 * capture.stat().st_size
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert told[-1] == Step(Phase.READING, total, total)


def test_each_cited_frame_says_what_it_proves(capture: Path) -> None:
    out = io.BytesIO()
    write_evidence([str(capture)], AuditOptions(), out)

    assert out.getvalue().count(b"TCP-ALL-PORTS-FAIL (cause, 02:00:0a:00:00:05)") >= 2


def test_a_compressed_capture_gives_the_same_evidence(capture: Path, tmp_path: Path) -> None:
    squeezed = tmp_path / "one.pcap.gz"
    squeezed.write_bytes(gzip.compress(capture.read_bytes()))
    plain, other = io.BytesIO(), io.BytesIO()
    write_evidence([str(capture)], AuditOptions(), plain)
    write_evidence([str(squeezed)], AuditOptions(), other)

    assert plain.getvalue() == other.getvalue()


def test_the_capture_itself_is_never_overwritten(capture: Path) -> None:
    before = capture.read_bytes()
    with pytest.raises(UsageError, match="is the capture itself"):
        write_evidence([str(capture)], AuditOptions(), capture)
    assert capture.read_bytes() == before


def test_standard_input_and_several_captures_are_refused(capture: Path, tmp_path: Path) -> None:
    other = tmp_path / "two.pcap"
    other.write_bytes(capture.read_bytes())
    with pytest.raises(UsageError, match="not standard input"):
        write_evidence(["-"], AuditOptions(), io.BytesIO())
    with pytest.raises(UsageError, match="2 captures"):
        write_evidence([str(capture), str(other)], AuditOptions(separate=True), io.BytesIO())


def test_a_capture_without_findings_gives_no_evidence(tmp_path: Path) -> None:
    file = tmp_path / "quiet.pcap"
    write_pcap(file, [(f.time_ns, f.data, f.wire_len) for f in play_script("0.0 dev > gw BOOT\n60.0 switch > * WATCH")])
    with pytest.raises(UsageError, match="nothing to prove"):
        write_evidence([str(file)], AuditOptions(), io.BytesIO())
