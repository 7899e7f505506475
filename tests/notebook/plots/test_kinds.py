from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

import pcapaudit as pa
from pcapaudit.model.errors import UsageError
from pcapaudit.notebook.plots.kinds import KINDS
from pcapaudit.notebook.plots.style import picture

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
GATEWAY = "02:54:10:2b:30:01"


@pytest.fixture(scope="module")
def cap() -> pa.Capture:
    return pa.read(SAMPLES / "sensorist-blinking-red.pcapng")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_on_the_axes_it_is_given(cap: pa.Capture, kind: str) -> None:
    ax = Figure().add_subplot()
    assert cap.plot(kind, ax) is ax
    assert b"</svg>" in picture(cap.device(GATEWAY).plot(kind), "svg")


@pytest.mark.parametrize("kind", KINDS)
def test_a_capture_without_a_device_gives_a_picture_or_a_sentence(kind: str) -> None:
    empty = pa.read(SAMPLES / "sensorist-healthy.pcapng", device="203.0.113.77")
    try:
        assert b"</svg>" in picture(empty.plot(kind), "svg")
    except UsageError as error:
        assert "no device was recognised" in str(error)


def test_a_flow_is_drawn_by_its_uid(cap: pa.Capture) -> None:
    uid = cap.flows["uid"].iloc[3]
    said = [t.get_text() for t in cap.plot("sequence", flow=uid).texts]
    assert str(cap.flows["first_frame"].iloc[3]) in said


@pytest.mark.parametrize(
    ("kind", "device", "flow", "said"),
    [
        ("pie", None, None, "known are: timeline"),
        ("timeline", "10.9.9.9", None, "no judged device"),
        ("sequence", None, "C0", "no flow C0"),
    ],
)
def test_what_does_not_exist_is_told(
    cap: pa.Capture, kind: str, device: str | None, flow: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        cap.plot(kind, device=device, flow=flow)
