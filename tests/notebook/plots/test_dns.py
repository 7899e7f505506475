from __future__ import annotations

from pathlib import Path

import pcapaudit as pa
from pcapaudit.notebook.plots.dns import draw_dns
from tests.notebook.plots.support import drawn_points

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def test_every_question_is_a_point_by_its_code() -> None:
    dns = pa.read(SAMPLES / "sensorist-blinking-red.pcapng").dns
    ax = draw_dns(dns)
    assert sum(map(len, drawn_points(ax))) == len(dns)
    legend = ax.get_legend()
    assert legend is not None
    # tshark counts 29 answers without an error and one NXDOMAIN.
    assert [t.get_text() for t in legend.get_texts()] == ["NOERROR (29)", "NXDOMAIN (1)"]


def test_questions_without_an_answer_stand_above_all() -> None:
    dns = pa.read(SAMPLES / "sensorist-blinking-red.pcapng").dns.copy()
    dns.loc[dns.index[:3], "is_answered"] = False
    ax = draw_dns(dns)
    tops = [points[:, 1].max() for points in drawn_points(ax)]
    assert tops[-1] == max(tops)
    assert "No DNS" in draw_dns(dns.iloc[:0]).texts[0].get_text()
