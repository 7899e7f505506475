from __future__ import annotations

from pathlib import Path

import pcapaudit as pa
from pcapaudit.notebook.plots.hops import draw_hops
from tests.notebook.plots.support import drawn_points

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def test_answers_and_resets_are_told_apart() -> None:
    cap = pa.read(SAMPLES / "wennsoft-healthy.pcapng")
    tcp = [row for row, proto in enumerate(cap.flows["proto"]) if proto == "tcp"]
    ax = draw_hops(cap.opened.flow(row)[1] for row in tcp)
    drawn = sum(map(len, drawn_points(ax)))
    sent = int(cap.flows.loc[cap.flows["proto"] == "tcp", "resp_pkts"].sum())
    # Packets that come before anything was asked have no delay.
    assert 0 < drawn <= sent


def test_a_silent_far_side_is_said() -> None:
    assert "sent nothing" in draw_hops([]).texts[0].get_text()
