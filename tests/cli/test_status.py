from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.cli.status import choose_status
from pcapaudit.model.report import UnreadSource
from pcapaudit.model.words import Verdict
from tests.support.reports import load_report

FAILED = load_report("e1_blinking_red")


@pytest.mark.parametrize(
    ("verdict", "fail_on", "status"),
    [
        ("healthy", "undecided", 0),
        ("undecided", "undecided", 1),
        ("undecided", "degraded", 0),
        ("degraded", "degraded", 1),
        ("degraded", "failed", 0),
        ("failed", "failed", 1),
        ("failed", "never", 0),
    ],
)
def test_the_mildest_verdict_that_counts_gives_one(verdict: str, fail_on: str, status: int) -> None:
    device = replace(FAILED.devices[0], verdict=Verdict(verdict))
    assert choose_status(replace(FAILED, devices=(device,)), fail_on) == status


def test_no_device_gives_three_even_if_nothing_counts_as_a_fault() -> None:
    assert choose_status(replace(FAILED, devices=()), "never") == 3


def test_an_unread_source_gives_two_although_a_fault_was_found() -> None:
    assert choose_status(replace(FAILED, unread=(UnreadSource("a", "no capture"),)), "failed") == 2


def test_an_interrupted_run_gives_130() -> None:
    assert choose_status(replace(FAILED, partial=True), "failed") == 130
