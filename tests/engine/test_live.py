from __future__ import annotations

import itertools
import os
import select
from array import array
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.engine.live import LOOK_S, SHARE, Count, LiveAudit, Look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.frames import CaptureNotes, FrameBatch, Tick
from pcapaudit.model.words import Verdict
from pcapaudit.report.document import to_json

FORK = os.fork
Items = Generator[FrameBatch | Tick, None, None]
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BROKEN = SAMPLES / "sensorist-blinking-red.pcapng"
HEALTHY = SAMPLES / "sensorist-healthy.pcapng"


pytestmark = pytest.mark.usefixtures("without_copies")


def test_a_look_whose_copy_died_is_taken_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", FORK)
    notes, home, look, (waits, goes) = CaptureNotes(), os.getpid(), LiveAudit._look, os.pipe()

    def look_at_home(self: LiveAudit) -> Look:
        if os.getpid() != home:
            os.read(waits, 1)
            os._exit(1)
        return look(self)

    def items() -> Items:
        for batch in open_capture(HEALTHY, notes=notes):
            yield batch
            # The copy was not ready when it was asked; it is now.
            os.write(goes, b"x")
            select.select([made._aside._out], [], [])
            yield Tick(0)

    monkeypatch.setattr(LiveAudit, "_look", look_at_home)
    made = LiveAudit(items(), AuditOptions(), notes, clock=lambda: 0.0, look_s=0.0)
    looks = [news for news in made.news() if isinstance(news, Look)]
    os.close(waits)
    os.close(goes)
    assert [device.verdict for look in looks for device in look.devices] == ["healthy"]


def live(sample: Path, *, step_s: float, ticks: int = 0, look_s: float = LOOK_S) -> LiveAudit:
    """A capture that comes in small batches, so many seconds apart by the audit's clock, and then some silence."""
    notes = CaptureNotes()
    clock = itertools.count(0.0, step_s).__next__

    def items() -> Items:
        last_ns = 0
        for batch in open_capture(sample, notes=notes, batch_bytes=2000):
            last_ns = int(batch.time_ns[-1])
            yield batch
        for n in range(ticks):
            yield Tick(last_ns + n * 10**9)
        yield Tick(last_ns)

    return LiveAudit(items(), AuditOptions(), notes, clock=clock, look_s=look_s)


@pytest.mark.parametrize("sample", [BROKEN, HEALTHY], ids=lambda path: path.stem)
def test_the_report_at_the_end_is_that_of_the_file_whatever_was_looked_at_and_ticked(sample: Path) -> None:
    made = live(sample, step_s=2.0, ticks=60)
    looks = [news for news in made.news() if isinstance(news, Look)]

    assert looks
    _, report = made.conclude()
    assert to_json(report) == to_json(audit([str(sample)], AuditOptions()))


def test_a_look_tells_the_verdict_of_what_came_so_far_and_when_each_device_was_heard() -> None:
    made = live(BROKEN, step_s=0.0, look_s=0.0)
    last = [news for news in made.news() if isinstance(news, Look)][-1]
    (device,) = last.devices
    assert device.verdict is Verdict.FAILED
    # By tshark: the device's last IP packet is frame 326.
    assert last.heard[device.mac or ""] // 1000 == 1_795_262_693_974_491


def test_a_device_was_heard_at_its_last_frame_also_if_the_clock_was_set_back_since_an_earlier_one() -> None:
    notes = CaptureNotes()

    def items() -> Items:
        batch = next(open_capture(BROKEN, notes=notes))
        # The clock goes two hours ahead for the first 45 frames; by tshark the device's first address is 0.0.0.0
        # (frames 40 and 42), and its last frame is 326.
        times = [time_ns + (n < 45) * 7200 * 10**9 for n, time_ns in enumerate(batch.time_ns)]
        yield replace(batch, time_ns=memoryview(array("q", times)))

    made = LiveAudit(items(), AuditOptions(), notes, clock=lambda: 0.0, look_s=0.0)
    (look,) = (news for news in made.news() if isinstance(news, Look))
    assert look.heard["02:54:10:2b:30:01"] // 1000 == 1_795_262_693_974_491


@pytest.mark.parametrize(("silence_s", "verdict"), [(0, "undecided"), (2, "undecided"), (4, "failed")])
def test_a_tick_makes_silence_count(silence_s: int, verdict: str) -> None:
    """The iPad's third SYN is frame 80; the catalogue waits for three, and then 3 s for an answer (syn_wait)."""
    notes = CaptureNotes()

    def items() -> Items:
        batch = next(open_capture(SAMPLES / "skala-ipad-9001-dropped.pcapng", notes=notes))
        columns = {name: getattr(batch, name)[:80] for name in ("offset", "captured", "wire", "time_ns", "link")}
        yield replace(batch, **columns)
        yield Tick(batch.time_ns[79] + silence_s * 10**9)

    made = LiveAudit(items(), AuditOptions(), notes, clock=lambda: 0.0, look_s=0.0)
    *_, last = (news for news in made.news() if isinstance(news, Look))
    assert [device.verdict for device in last.devices] == [verdict]


def test_looking_takes_a_fifth_of_the_time_at_most() -> None:
    now = itertools.count(0.0, 1.0)
    made = live(HEALTHY, step_s=1.0)
    at = [n for n, news in zip(now, made.news(), strict=False) if isinstance(news, Look)]
    # A look takes one reading of this clock, that is a second; four must lie between two of them, and three at least.
    assert min(b - a for a, b in itertools.pairwise(at)) * 2 >= max(LOOK_S, SHARE)


def test_counts_say_how_much_came() -> None:
    made = live(HEALTHY, step_s=1.0)
    last = [news for news in made.news() if isinstance(news, Count)][-1]
    counters = audit([str(HEALTHY)], AuditOptions()).captures[0].counters
    assert (last.frames, last.octets, last.dropped) == (counters.frames, counters.wire_bytes, 0)


def test_a_capture_that_never_began_gives_an_empty_report() -> None:
    def items() -> Items:
        yield from ()

    made = LiveAudit(items(), AuditOptions(), CaptureNotes())
    assert list(made.news()) == []
    assert made.conclude()[1].captures == ()
