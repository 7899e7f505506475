"""The score is fair: what it calls right, wrong and an accusation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pcapaudit.model.report import Report
from tests.lab.judge import Mark, accusations, marks, ways
from tests.lab.scoring import audit
from tests.lab.truth import DeviceTruth, Truth, read_truth


@pytest.fixture(scope="module")
def truth(checkout: Path) -> Truth:
    return read_truth(checkout / "samples" / "sensorist-blinking-red.yaml")


@pytest.fixture(scope="module")
def report(truth: Truth) -> Report:
    """The audit of a gateway whose both ports are dropped."""
    return audit([str(truth.capture)], next(ways(truth))[0])


def _mark(report: Report, truth: Truth, **wanted: object) -> Mark:
    device: DeviceTruth = replace(truth.devices[0], **wanted)  # type: ignore[arg-type]
    return marks(report, (device,))[0]


def test_the_truth_itself_is_right_in_every_aspect(report: Report, truth: Truth) -> None:
    assert set(_mark(report, truth).right.values()) == {True}
    assert accusations(report, truth) == []


@pytest.mark.parametrize(
    ("aspect", "wanted"),
    [
        ("verdict", {"verdict": "healthy"}),
        ("stage", {"stage": "dns"}),
        ("rule", {"rule": "TCP-SYN-RST"}),
        ("led", {"led": "green"}),
        ("endpoint", {"endpoints": ("gk.sensorist.com:80",)}),
        ("endpoint", {"endpoints": ("192.0.2.1",)}),
    ],
)
def test_another_truth_makes_the_report_wrong_in_that_aspect(
    report: Report, truth: Truth, aspect: str, wanted: dict[str, object]
) -> None:
    right = _mark(report, truth, **wanted).right

    assert [name for name, is_right in right.items() if not is_right] == [aspect]


@pytest.mark.parametrize("text", [":443", "gk.sensorist.com", "GK.Sensorist.com:4321", "54.229.203.190:443"])
def test_an_endpoint_is_named_by_any_of_its_parts(report: Report, truth: Truth, text: str) -> None:
    assert _mark(report, truth, endpoints=(text,)).right["endpoint"] is True


def test_without_an_endpoint_to_blame_there_is_nothing_to_compare(report: Report, truth: Truth) -> None:
    assert _mark(report, truth, endpoints=()).right["endpoint"] is None


def test_whoever_is_healthy_or_unknown_counts_as_accused(report: Report, truth: Truth) -> None:
    healthy = replace(truth, devices=(replace(truth.devices[0], verdict="healthy"),))
    stranger = replace(truth, devices=())

    assert (
        accusations(report, healthy)
        == accusations(report, stranger)
        == ["02:54:10:2b:30:01: failed connect TCP-ALL-PORTS-FAIL"]
    )


def test_who_is_degraded_is_not_accused_without_reason_by_saying_too_much(report: Report, truth: Truth) -> None:
    hurt = replace(truth, devices=(replace(truth.devices[0], verdict="degraded"),))

    assert accusations(report, hurt) == []
    assert _mark(report, truth, verdict="degraded").outcome == "elsewhere"


@pytest.mark.parametrize(
    ("wanted", "outcome"),
    [({}, "kept"), ({"verdict": "healthy", "stage": None}, "turned"), ({"stage": "app"}, "elsewhere")],
)
def test_a_worse_capture_keeps_the_truth_or_turns_it(
    report: Report, truth: Truth, wanted: dict[str, object], outcome: str
) -> None:
    assert _mark(report, truth, **wanted).outcome == outcome


def test_a_device_that_is_not_listed_is_undecided(report: Report, truth: Truth) -> None:
    mark = _mark(report, truth, mac="02:00:00:00:00:99")

    assert mark.outcome == "undecided"
    assert mark.right["verdict"] is False


def test_a_device_that_nothing_names_is_judged_by_its_mac_and_signature(truth: Truth) -> None:
    nameless = replace(truth, devices=(replace(truth.devices[0], is_recognisable=False),))

    blind, told = ways(nameless)

    assert (blind[0].device, blind[1]) == (None, ())
    assert (told[0].device, told[0].signature) == ("02:54:10:2b:30:01", "sensorist/gateway")
