from __future__ import annotations

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.report import Report
from pcapaudit.web.frames.citations import cited_frames, find_citations, neighbours
from tests.web.support import BLINKING


def report() -> Report:
    return audit([str(BLINKING)], AuditOptions())


def test_the_frame_of_a_root_cause_names_it_first() -> None:
    found = report()
    (device,) = found.devices
    assert device.root_cause is not None
    root = next(f for f in device.findings if f.rule == device.root_cause.rule)
    first = find_citations(found, root.evidence.frames[0])[0]
    assert (first.what, first.rule, first.text, first.device) == ("root cause", root.rule, root.summary, 0)


def test_a_rung_and_the_timeline_cite_frames_too() -> None:
    # Frame 43 is the DHCP ACK, 47 the DNS answer.
    assert [(c.what, c.text) for c in find_citations(report(), 47)][-1] == (
        "timeline",
        "gk.sensorist.com by DNS: the answer",
    )
    assert "stage dhcp" in [c.what for c in find_citations(report(), 43)]


def test_nothing_rests_on_a_frame_of_another_host() -> None:
    assert find_citations(report(), 13) == []


def test_cited_frames_ascend_and_have_neighbours() -> None:
    frames = cited_frames(report())
    assert frames == sorted(set(frames))
    assert neighbours([3, 7, 9], 7) == (3, 9)
    assert neighbours([3, 7, 9], 8) == (7, 9)
    assert neighbours([3], 3) == (None, None)
    assert neighbours([], 3) == (None, None)
