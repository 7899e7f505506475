from __future__ import annotations

from pathlib import Path

import pcapaudit as pa
from pcapaudit.notebook.plots.sequence import MAX_PACKETS, draw_sequence

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def _texts(name: str, row: int) -> list[str]:
    cap = pa.read(SAMPLES / name)
    at, flow = cap.opened.flow(row)
    return [t.get_text() for t in draw_sequence(flow, cap.opened.rings[at].traffic.end_ns).texts]


def _row(name: str, state: str) -> int:
    flows = pa.read(SAMPLES / name).flows
    return int(flows.index[(flows["proto"] == "tcp") & (flows["conn_state"] == state)][0])


def test_silence_between_and_after_the_tries_is_drawn() -> None:
    name = "sensorist-blinking-red.pcapng"
    texts = _texts(name, _row(name, "S0"))
    # Frames 48, 49, 52 and 55 are the SYN and its repeats after about 1, 3 and 7 seconds.
    assert texts.count("SYN") == 4
    assert {"48", "49", "52", "55", "0.000"} <= set(texts)
    assert [t for t in texts if t.endswith("nothing")][:3] == ["1 s nothing", "2 s nothing", "4.1 s nothing"]
    assert sum(t.endswith("nothing") for t in texts) == 4


def test_after_the_end_of_a_connection_there_is_no_silence() -> None:
    name = "wennsoft-healthy.pcapng"
    assert not any(t.endswith("nothing") for t in _texts(name, _row(name, "SF"))[-8:])


def test_a_long_flow_is_cut_and_claims_no_silence_there() -> None:
    name = "alsoenergy-kiosk-healthy.pcapng"
    flows = pa.read(SAMPLES / name).flows
    row = int((flows["orig_pkts"] + flows["resp_pkts"]).to_numpy().argmax())
    assert sum(t.isdecimal() for t in _texts(name, row)) <= MAX_PACKETS
