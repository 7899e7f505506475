from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.catalog.schema import Condition, HostPattern, Need, Range
from tests.catalog.material import shipped

LABELS = st.lists(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("gk.sensorist.com", "gk.sensorist.com", True),
        ("www.alsoenergy.com", "www.AlsoEnergy.com", True),
        ("WWW.alsoenergy.com", "www.alsoenergy.com.", True),
        ("gk.sensorist.com", "a.gk.sensorist.com", False),
        ("gk.sensorist.com", "gk.sensorist.com.evil.example", False),
        ("*.metergroup.com", "www.metergroup.com", True),
        ("*.metergroup.com", "a.b.metergroup.com", True),
        ("*.metergroup.com", "metergroup.com", False),  # Z-07
        ("*.metergroup.com", ".metergroup.com", False),
        ("*.metergroup.com", "evilmetergroup.com", False),
        ("pypi.*", "pypi.example", True),  # Z-08
        ("pypi.*", "pypi.co.example", False),
        ("pypi.*", "www.pypi.example", False),
        ("pypi.*", "pypi", False),
        ("pypi.*", "pypi.", False),
        ("*.eu.*", "a.eu.example", True),
        ("*.eu.*", "eu.example", False),
        ("gk.sensorist.com", "", False),
    ],
)
def test_a_pattern_matches_whole_labels_only(pattern: str, name: str, *, matches: bool) -> None:
    assert HostPattern(pattern).matches(name) is matches


@given(LABELS, LABELS)
def test_a_star_in_front_takes_any_labels_but_never_none(front: list[str], domain: list[str]) -> None:
    pattern = HostPattern("*." + ".".join(domain))
    assert pattern.matches(".".join([*front, *domain]))
    assert not pattern.matches(".".join(domain))


@given(LABELS, LABELS)
def test_a_star_at_the_end_takes_exactly_one_label(name: list[str], tail: list[str]) -> None:
    assert HostPattern(".".join(name) + ".*").matches(".".join([*name, *tail])) is (len(tail) == 1)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_name_from_the_wire_makes_a_pattern_fail(pattern: str, name: str) -> None:
    assert HostPattern(pattern).matches(name) in (True, False)


@pytest.mark.parametrize(
    ("condition", "states", "holds"),
    [
        (Condition(failed=("link", "dhcp")), {"dhcp": "failed"}, True),
        (Condition(failed=("link", "dhcp")), {"dhcp": "ok", "dns": "failed"}, False),
        (Condition(failed=("dns",)), {}, False),
        (Condition(failed=("dns",)), {"dns": "not_reached"}, False),
        (Condition(ok=("connect", "return")), {"connect": "ok", "return": "implied"}, True),
        (Condition(ok=("connect", "return")), {"connect": "ok", "return": "degraded"}, True),
        (Condition(ok=("connect", "return")), {"connect": "ok", "return": "not_observed"}, False),
        (Condition(ok=("connect", "return")), {"connect": "ok"}, False),
        (Condition(ok=("connect", "tls")), {"connect": "ok", "tls": "not_applicable"}, True),
        (Condition(failed=("connect",), ok=("dhcp",)), {"dhcp": "ok", "connect": "failed"}, True),
        (Condition(failed=("connect",), ok=("dhcp",)), {"dhcp": "not_observed", "connect": "failed"}, False),
    ],
)
def test_a_condition_wants_one_of_the_failed_and_all_of_the_working(
    condition: Condition, states: dict[str, str], *, holds: bool
) -> None:
    assert condition.holds(states) is holds


@pytest.mark.parametrize(
    ("low", "high", "covered"), [(24, 1024, True), (24, 24, True), (23, 100, False), (24, 1025, False)]
)
def test_a_range_covers_what_lies_wholly_inside(low: int, high: int, *, covered: bool) -> None:
    assert Range(24, 1024).covers(low, high) is covered


@pytest.mark.parametrize(("given_range", "text"), [(Range(443, 443), "443"), (Range(1, 9), "1–9")])
def test_a_range_of_one_is_written_as_that_one(given_range: Range, text: str) -> None:
    assert str(given_range) == text


def test_a_need_cannot_be_changed() -> None:
    need: Any = Need("SEN-05", "cloud")
    with pytest.raises(FrozenInstanceError):
        need.required = False


def test_used_facts_are_those_of_every_part() -> None:
    used = {signature.id: signature.used_facts() for signature in shipped()}
    parts = {
        "strong sign": "SEN-04",
        "never": "SEN-14",
        "address": "SEN-02",
        "need id": "SEN-05",
        "need source": "SEN-08",
        "stage": "SEN-13",
        "led": "SEN-22",
        "remedy": "SEN-11",
        "assumed": "X-15",
    }
    assert [name for name, fact in parts.items() if fact not in used["sensorist/gateway"]] == []
    assert {"WSC-13", "X-07", "WSC-17"} <= used["wennsoft/miniagent"], "resolvers, params and facts"
    assert "TEK-10" in used["tek/pool-ems"], "forbids"
