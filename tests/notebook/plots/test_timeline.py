from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pcapaudit as pa
from pcapaudit.notebook.plots.timeline import draw_timeline
from tests.notebook.plots.support import drawn_points

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def test_every_lane_has_its_row_and_every_mark_its_point() -> None:
    report = pa.read(SAMPLES / "sensorist-blinking-red.pcapng").judged
    device = report.devices[0]
    ax = draw_timeline(device, report.captures[0])
    assert len(ax.get_yticklabels()) == len(device.timeline)
    drawn = sum(map(len, drawn_points(ax)))
    assert drawn == sum(len(lane.marks) for lane in device.timeline)
    said = [text.get_text() for text in ax.texts]
    assert "✗ connect" in said
    assert len(said) == len(device.stages)
    assert ax.get_title(loc="left").startswith("FAILED: ")


def test_a_device_without_a_timeline_says_so() -> None:
    report = pa.read(SAMPLES / "sensorist-blinking-red.pcapng").judged
    ax = draw_timeline(replace(report.devices[0], timeline=()), report.captures[0])
    assert "no timeline" in ax.texts[0].get_text()
