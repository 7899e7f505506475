from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.model.report import Report, UnreadSource
from pcapaudit.model.words import Vantage
from pcapaudit.report.compare.caveats import list_caveats, list_device_caveats, list_facts
from pcapaudit.report.compare.pairs import MatchedBy, Pair
from tests.report.compare.scenes import HOUR, RED, green, report_of


@pytest.fixture(scope="module")
def red() -> Report:
    return report_of(RED)


@pytest.fixture(scope="module")
def later() -> Report:
    return report_of(green(), HOUR)


def told(before: Report, after: Report) -> str:
    return " ".join(list_caveats(before, after))


def of_device(before: Report, after: Report, by: MatchedBy = MatchedBy.MAC) -> str:
    return " ".join(list_device_caveats(Pair(before.devices[0], after.devices[0], by), before, after))


def test_two_good_captures_need_no_word(red: Report, later: Report) -> None:
    assert told(red, later) == ""


def test_the_same_capture_and_captures_that_overlap_are_told(red: Report) -> None:
    assert told(red, red) == "Both reports are of the same capture."
    # RED ends 60 s after its begin.
    assert "overlap in time" in told(red, report_of(green(), 30.0))
    assert "overlap" not in told(red, report_of(green(), 61.0))


def test_other_settings_are_named(red: Report, later: Report) -> None:
    settings = replace(
        later.settings, thresholds={**later.settings.thresholds, "syn_wait": 9.0}, params={"app_port": 5}
    )
    said = told(red, replace(later, settings=settings))
    assert f"syn_wait {red.settings.thresholds['syn_wait']} and 9.0" in said
    assert "app_port unset and 5" in said


def test_another_version_an_interruption_and_an_unread_file_are_told(red: Report, later: Report) -> None:
    changed = replace(
        later,
        generator=replace(later.generator, version="9.9"),
        partial=True,
        unread=(UnreadSource("b.pcap", "cut short"),),
    )
    said = told(red, changed)
    for part in ("9.9", "was interrupted", "b.pcap could not be read: cut short"):
        assert part in said


def test_another_signature_and_a_changed_one_are_told(red: Report, later: Report) -> None:
    other = replace(later, devices=(replace(later.devices[0], signature=None),))
    assert "a device without a signature in the second" in of_device(red, other)
    used = tuple(replace(use, sha256="0" * 64) for use in later.settings.signatures)
    changed = replace(later, settings=replace(later.settings, signatures=used))
    assert "was changed between the two reports" in of_device(red, changed)


def test_how_a_device_was_known_again_is_told(red: Report, later: Report) -> None:
    assert "by its address and product alone" in of_device(red, later, MatchedBy.ADDRESS)
    assert "because you said so" in of_device(red, later, MatchedBy.ENGINEER)


def test_a_device_in_several_captures_of_one_report_is_told(red: Report, later: Report) -> None:
    twice = replace(
        later,
        captures=(later.captures[0], later.captures[0]),
        devices=(later.devices[0], replace(later.devices[0], capture=1)),
    )
    assert "The second report holds this device in 2 captures: the latest" in of_device(red, twice)
    assert "2 captures" not in of_device(red, later)


def test_captures_from_two_places_are_told(red: Report, later: Report) -> None:
    outside = replace(later, devices=(replace(later.devices[0], vantage=Vantage.WAN),))
    inside = replace(red, devices=(replace(red.devices[0], vantage=Vantage.LAN),))
    assert "different places: lan, then wan" in of_device(inside, outside)


def test_what_blinds_the_second_capture_is_told_and_what_blinds_the_first_is_not(red: Report, later: Report) -> None:
    item = replace(later.captures[0].health[0], rule="CAP-LOSS", device=None, summary="frames are lost", effect="no")
    blind = replace(later, captures=(replace(later.captures[0], health=(item,)),))
    assert "In the second capture frames are lost: no (CAP-LOSS)." in of_device(red, blind)
    assert "CAP-LOSS" not in of_device(blind, red)


def test_a_short_second_capture_is_told_with_its_length(red: Report, later: Report) -> None:
    # The script of ``green`` ends with second 91.1.
    assert "lasts 1 min 31 s: a fault that comes and goes may not show in it" in of_device(red, later)


def test_facts_are_those_that_both_know_and_that_differ(red: Report) -> None:
    device = red.devices[0]
    assert list(list_facts(device, replace(device, mac=None))) == []
    (fact,) = list_facts(replace(device, vlan=10), replace(device, vlan=20))
    assert (fact.what, fact.before, fact.after) == ("VLAN", "10", "20")
