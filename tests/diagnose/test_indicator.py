from __future__ import annotations

from datetime import datetime

import pytest

from pcapaudit.catalog.schema import Condition, Indicator
from pcapaudit.diagnose.indicator import indicator_of
from pcapaudit.model.words import IndicatorKind
from tests.support.judging import SECOND, diagnosis_of, product
from tests.support.world import START_NS

LINES = (
    Indicator(IndicatorKind.LOG, "No network", Condition(failed=("connect",)), source=("ACM-20",)),
    Indicator(IndicatorKind.LED, "red", Condition(failed=("link", "dhcp")), source=("ACM-21",)),
    Indicator(IndicatorKind.LED, "green", Condition(ok=("connect", "return")), source=("ACM-22", "ACM-23")),
    Indicator(IndicatorKind.LED, "off"),
)
BOX = product(indicators=LINES)
SILENT = "".join(f"{t}.0 dev:50001 > cloud:4321 SYN\n" for t in (1, 2, 4, 8)) + "60.0 switch > * WATCH"
CASES = {
    "the first line that holds": (
        "1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9",
        "green",
        "ACM-22, ACM-23",
    ),
    "a log line for a device that is not well": (SILENT, "No network", "ACM-20"),
    "nothing when no line holds": ("1.0 dev:50001 > cloud:4321 SYN", None, None),
}


@pytest.mark.parametrize(("script", "shows", "source"), CASES.values(), ids=CASES)
def test_the_device_must_show(script: str, shows: str | None, source: str | None) -> None:
    found = indicator_of(diagnosis_of(script, BOX))

    assert (found.state if found else None, found.source if found else None) == (shows, source)


def test_a_log_sentence_is_not_stated_for_a_healthy_device() -> None:
    chatty = product(indicators=(Indicator(IndicatorKind.LOG, "Ready", Condition(ok=("connect",))),))

    assert (
        indicator_of(diagnosis_of("1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9", chatty)) is None
    )


def test_without_a_signature_nothing_is_known() -> None:
    assert indicator_of(diagnosis_of("1.0 dev:50001 > cloud:4321 SYN")) is None


OUTAGE = """
1.0   dev:50001 > cloud:4321 CONNECT
2.0   dev:50001 > cloud:4321 EXCHANGE 9 9
5.0   cloud:4321 > dev:50001 FIN
5.1   dev:50001 > cloud:4321 FIN
5.2   cloud:4321 > dev:50001 ACK
10.0 repeat 3 every 16.0:
  0.0   dev > cloud:4321 SYN new
  1.0   dev > cloud:4321 SYN
  3.0   dev > cloud:4321 SYN
"""
WATCHED = "90.0 switch > * WATCH"
REPAIRED = "70.0 dev:50009 > cloud:4321 CONNECT\n71.0 dev:50009 > cloud:4321 EXCHANGE 9 9\n" + WATCHED
LEDS = product(
    indicators=(
        Indicator(IndicatorKind.LED, "red", Condition(failed=("connect",)), source=("ACM-21",)),
        Indicator(IndicatorKind.LED, "green", Condition(ok=("connect", "return")), source=("ACM-22",)),
    )
)


def seconds_since_start(stamp: str) -> float:
    """Seconds of the script that an RFC 3339 time stands for."""
    return datetime.fromisoformat(stamp).timestamp() - START_NS / SECOND


def history(script: str) -> list[tuple[str, float]]:
    """What was shown, and from which second of the script on."""
    found = indicator_of(diagnosis_of(script, LEDS))
    assert found is not None
    return [(c.state, seconds_since_start(c.at)) for c in found.history]


def test_a_device_that_was_lost_showed_that_it_worked_before() -> None:
    (before, answered_s), (after, lost_s) = history(OUTAGE + WATCHED)
    assert (before, after) == ("green", "red")
    assert 1.0 < answered_s < lost_s == 10.0


def test_a_device_that_came_back_showed_that_it_failed_before() -> None:
    script = OUTAGE.split("10.0 repeat")[1]
    (before, failed_s), (after, back_s) = history("10.0 repeat" + script + REPAIRED)
    assert (before, after, failed_s) == ("red", "green", 10.0)
    assert 70.0 < back_s < 72.0


def test_what_never_changed_has_no_history() -> None:
    assert history("1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9\n" + WATCHED) == []
