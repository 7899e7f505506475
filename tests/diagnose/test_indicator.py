from __future__ import annotations

import pytest

from pcapaudit.catalog.schema import Condition, Indicator
from pcapaudit.diagnose.indicator import indicator_of
from pcapaudit.model.words import IndicatorKind
from tests.support.judging import diagnosis_of, product

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
