"""Every sample as it came, looked at again and again on the way: each device is told once, and rightly."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.engine.live import LiveAudit, Look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.frames import CaptureNotes, Item, Tick
from pcapaudit.model.words import Verdict
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.state import Watch

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "samples").glob("*.pcapng"))
NS = 10**9
SILENCE_S = 40
"""How long nothing comes after the last frame: long enough for every rule that waits."""
_WAYS = ([Kind.SEEN], [Kind.LOST], [Kind.SEEN, Kind.LOST], [Kind.SEEN, Kind.CHANGED])


pytestmark = pytest.mark.usefixtures("without_copies")


def _come(sample: Path, notes: CaptureNotes) -> Iterator[Item]:
    """The frames in small batches, and a tick for each second in which there is none."""
    last_ns: int | None = None
    for batch in open_capture(sample, notes=notes, batch_bytes=12_000):
        for second_ns in range((last_ns or batch.time_ns[0]) + NS, batch.time_ns[0], NS):
            yield Tick(second_ns)
        last_ns = batch.time_ns[len(batch) - 1]
        yield batch
    assert last_ns is not None
    yield from (Tick(last_ns + second * NS) for second in range(1, SILENCE_S))
    yield Tick(last_ns)


def _watch(sample: Path) -> tuple[list[Event], Look]:
    notes = CaptureNotes()
    made = LiveAudit((item for item in _come(sample, notes)), AuditOptions(), notes, clock=lambda: 0.0, look_s=0.0)
    watch, events = Watch(), []
    for news in made.news():
        if isinstance(news, Look):
            events += watch.note(news.now_ns, news.devices, heard=news.heard)
    last, _ = made.conclude()
    return events + watch.conclude(last.now_ns, last.devices), last


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_what_is_told_on_the_way_is_what_the_file_tells_in_the_end(sample: Path) -> None:
    events, last = _watch(sample)
    expected = {device.mac: device.verdict for device in audit([str(sample)], AuditOptions()).devices}

    # Nobody is lost who works, and none comes back who does not; of one of whom nothing was clear it may become clear.
    for mac, verdict in expected.items():
        told = [event for event in events if event.mac == mac]
        assert [event.kind for event in told] in _WAYS
        assert told[-1].verdict is verdict
        assert all(event.verdict is Verdict.UNDECIDED for event in told[:-1])
    assert {event.mac for event in events} == set(expected)
    assert {device.mac: device.verdict for device in last.devices} == expected
    assert all(a.at_ns <= b.at_ns for a, b in pairwise(events))
