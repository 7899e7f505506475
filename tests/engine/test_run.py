from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from pcapaudit.engine import reading, run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Phase, Step
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.frames import CaptureNotes, FileNote
from pcapaudit.model.report import DeviceReport, Report
from tests.support.pcap import write_pcap
from tests.support.player import Frame
from tests.support.scene import play_script, shifted

SCRIPT = """
0.0   dev > gw BOOT
1.0   dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
2.0   dev:50001 > cloud:4321 CONNECT
3.0   dev > cloud EXCHANGE 100 60
40.0  dev > cloud EXCHANGE 100 60
41.0  switch > * WATCH
"""
FRAMES = play_script(SCRIPT)


def raw(frames: Iterable[Frame]) -> list[tuple[int, bytes, int]]:
    return [(f.time_ns, f.data, f.wire_len) for f in frames]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    file = tmp_path / "one.pcap"
    write_pcap(file, raw(FRAMES))
    return file


def verdicts(report: Report) -> list[tuple[str | None, str]]:
    return [(d.signature, str(d.verdict)) for d in report.devices]


def test_a_file_and_its_frames_give_the_same_devices(capture: Path) -> None:
    from_file = run.audit([str(capture)], AuditOptions())
    from_frames = run.audit_frames(raw(FRAMES), AuditOptions())

    assert verdicts(from_file) == [("sensorist/gateway", "healthy")]
    assert from_file.devices == from_frames.devices


def test_a_batch_holds_the_frames_as_they_were_given() -> None:
    batch = run.batch_of([(5, b"abc", 60), (7, b"", 0), (9, b"defg", 4)], link=113)

    assert [bytes(batch.data[o : o + n]) for o, n in zip(batch.offset, batch.captured, strict=True)] == [
        b"abc",
        b"",
        b"defg",
    ]
    assert (batch.time_ns.tolist(), batch.wire.tolist(), batch.link.tolist()) == ([5, 7, 9], [60, 0, 4], [113] * 3)
    assert (batch.first_frame, len(batch)) == (1, 3)


def test_what_cannot_be_read_is_named_beside_what_can(capture: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"this is no capture")

    report = run.audit([str(broken), str(capture)], AuditOptions())

    assert [u.source for u in report.unread] == [str(broken)]
    assert verdicts(report) == [("sensorist/gateway", "healthy")]


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"this is no capture")

    with pytest.raises(CaptureError) as caught:
        run.audit([str(broken)], AuditOptions())
    assert caught.value.path == str(broken)


def test_files_that_overlap_in_time_are_captures_of_their_own(tmp_path: Path) -> None:
    files = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    for file, late in zip(files, (0, 5_000_000_000), strict=True):
        write_pcap(file, raw(shifted(FRAMES, late)))

    report = run.audit([str(f) for f in files], AuditOptions())

    assert [d.capture for d in report.devices] == [0, 1]
    assert len(report.captures) == 2


def test_files_whose_first_frames_alone_look_like_a_ring_are_captures_of_their_own(tmp_path: Path) -> None:
    early, late, other = tmp_path / "early.pcap", tmp_path / "late.pcap", tmp_path / "other.pcap"
    write_pcap(early, raw(FRAMES))
    write_pcap(late, raw(shifted(FRAMES, 5_000_000_000)))
    write_pcap(other, raw(FRAMES), link=113)

    report = run.audit([str(late), str(other), str(early)], AuditOptions())

    assert [c.source for c in report.captures] == [str(late), str(other), str(early)]


def test_the_files_of_a_ring_are_read_once_in_order_of_time(tmp_path: Path) -> None:
    half = len(FRAMES) // 2
    files = [tmp_path / "b.pcap", tmp_path / "a.pcap"]
    for file, frames in zip(files, (FRAMES[half:], FRAMES[:half]), strict=True):
        write_pcap(file, raw(frames))
    told: list[Step | DeviceReport] = []

    report = run.audit([str(f) for f in files], AuditOptions(), told.append)

    assert [f.source for f in report.captures[0].files] == [str(files[1]), str(files[0])]
    assert verdicts(report) == [("sensorist/gateway", "healthy")]
    read = [news.done for news in told if isinstance(news, Step) and news.phase is Phase.READING]
    assert read == sorted(read)
    assert read[-1] == sum(f.stat().st_size for f in files)


def test_progress_tells_the_bytes_and_then_the_devices(capture: Path) -> None:
    told: list[Step | DeviceReport] = []

    report = run.audit([str(capture)], AuditOptions(), told.append)

    size = capture.stat().st_size
    steps = [news for news in told if isinstance(news, Step)]
    assert [step.phase for step in steps] == sorted((step.phase for step in steps), reverse=True)
    assert [step for step in steps if step.phase is Phase.READING][-1] == Step(Phase.READING, size, size)
    assert next(step.done for step in steps if step.phase is Phase.JUDGING) == 0
    assert tuple(news for news in told if isinstance(news, DeviceReport)) == report.devices


def test_ctrl_c_while_reading_gives_the_report_so_far(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> Iterable[object]:
        yield run.batch_of(raw(FRAMES))
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(reading, "read_ring", interrupted)
    monkeypatch.setattr(run, "CaptureNotes", lambda: CaptureNotes(files=[FileNote("-", "pcap", 1)], link_types=[1]))

    report = run.audit([str(capture)], AuditOptions())

    assert report.partial
    assert verdicts(report) == [("sensorist/gateway", "healthy")]


def test_ctrl_c_while_judging_gives_the_devices_that_are_judged(tmp_path: Path) -> None:
    files = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    for file, late in zip(files, (0, 5_000_000_000), strict=True):
        write_pcap(file, raw(shifted(FRAMES, late)))

    def press(news: Step | DeviceReport) -> None:
        if isinstance(news, Step) and news.phase is Phase.JUDGING:
            signal.raise_signal(signal.SIGINT)

    report = run.audit([str(f) for f in files], AuditOptions(), press)

    assert report.partial
    assert [c.source for c in report.captures] == [str(files[0])]
    assert report.devices == ()


def test_a_second_ctrl_c_ends_at_once(capture: Path) -> None:
    def press(_news: Step | DeviceReport) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run.audit([str(capture)], AuditOptions(), press)


def test_more_conversations_than_are_kept_are_said_aloud(capture: Path) -> None:
    (info,) = run.audit([str(capture)], AuditOptions(max_flows=1)).captures

    assert "CAP-TABLE-FULL" in {item.rule for item in info.health}
    assert "tcp_conversations" in info.lower_limits
    assert run.audit([str(capture)], AuditOptions()).captures[0].lower_limits == ()


WRONG = {
    "an unknown signature": (AuditOptions(signature="acme/none"), "sensorist/gateway"),
    "a misspelt signature": (AuditOptions(signature="Sensorist/Gatway"), "did you mean sensorist/gateway"),
    "an unknown threshold": (AuditOptions(thresholds={"syn_weight": 3}), "syn_wait"),
    "a negative threshold": (AuditOptions(thresholds={"syn_wait": -1}), "negative"),
    "an unknown parameter": (AuditOptions(params={"nothing": "1"}), "app_port"),
    "a parameter out of its range": (AuditOptions(params={"app_port": "443"}), "57"),
    "a parameter that is no number": (AuditOptions(params={"app_port": "57²"}), "number"),
    "a device that is neither MAC nor address": (AuditOptions(device="kitchen"), "kitchen"),
}


@pytest.mark.parametrize(("options", "hint"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_told_with_a_hint(options: AuditOptions, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        run.audit_frames(raw(FRAMES), options)


def test_a_time_outside_the_capture_gives_no_remark_on_frames_that_nobody_looked_at(checkout: Path) -> None:
    report = run.audit([str(checkout / "samples" / "sensorist-healthy.pcapng")], AuditOptions(since_ns=2 * 10**18))
    (capture,) = report.captures
    assert (capture.counters.frames, capture.health) == (0, ())
    assert sum(file.frames for file in capture.files) == 242


def test_parameters_and_thresholds_stand_in_the_report() -> None:
    report = run.audit_frames(raw(FRAMES), AuditOptions(params={"app_port": "57123"}, thresholds={"syn_wait": 7}))

    assert report.settings.params == {"app_port": 57123}
    assert report.settings.thresholds["syn_wait"] == 7
    assert "sensorist/gateway" in {s.id for s in report.settings.signatures}


def test_hosts_are_listed_when_no_device_is() -> None:
    report = run.audit_frames(raw(play_script("0.0 pc > gw LOOKUP www.example A 192.0.2.1")), AuditOptions())

    assert report.devices == ()
    assert "10.0.0.9" in {a for h in report.hosts for a in h.addresses}
