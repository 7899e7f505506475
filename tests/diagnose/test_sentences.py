from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.catalog.schema import Indicator
from pcapaudit.diagnose.confidence import HealthCaps
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.sentences import headline, limits_of, next_step, said_note, unheard_note
from pcapaudit.diagnose.verdict import diagnose_device
from pcapaudit.model.report import Said
from pcapaudit.model.words import Identification, IndicatorKind, Verdict
from tests.support.judging import diagnosis_of, facts_of, need, outward, product, tcp

NAME = "0.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
WORKS = "1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9\n"
SILENT = "".join(f"{t}.0 dev:50002 > cloud:4321 SYN\n" for t in (11, 12, 14, 18)) + "60.0 switch > * WATCH\n"
BOX = product(need(tcp(443), tcp(4321), hosts=["gk.acme.example"], what="cloud"))
ONE = product(need(tcp(4321), hosts=["gk.acme.example"], what="cloud"))


def test_a_healthy_device_names_the_service_that_answered() -> None:
    late = "9.0 dev:50009 > cloud:443 SYN\n"

    assert headline(diagnosis_of(NAME + WORKS + late, BOX)) == "Its service answers: gk.acme.example, TCP 4321."


def test_an_undecided_device_names_what_was_not_seen() -> None:
    d = diagnosis_of(NAME, BOX)

    assert d.verdict is Verdict.UNDECIDED
    assert headline(d) == "No fault seen; not observed: cloud."


def test_a_failed_device_is_told_by_its_cause() -> None:
    d = diagnosis_of(NAME + SILENT, ONE)

    assert d.verdict is Verdict.FAILED
    assert d.root is not None
    assert headline(d).lower() == f"{d.root.fired.summary.lower()}."


@pytest.mark.parametrize("script", [NAME + WORKS, NAME + SILENT])
def test_a_decided_device_needs_no_next_step(script: str) -> None:
    assert next_step(diagnosis_of(script, ONE)) is None


def test_an_undecided_device_always_has_a_next_step() -> None:
    one_way = "".join(f"{t}.0 dev:{51000 + t} > cloud:80 SYN\n" for t in range(1, 25))

    assert "power-cycle" in (next_step(diagnosis_of(NAME, ONE)) or "")
    assert "--signature" in (next_step(diagnosis_of(NAME, ONE, kind=Identification.ADDRESS)) or "")
    assert "both directions" in (next_step(diagnosis_of(one_way, ONE, outward)) or "")
    assert "sees too little" in (next_step(diagnosis_of(NAME + "1.0 dev:50001 > cloud:4321 SYN", ONE)) or "")


def test_a_device_of_which_something_was_left_out_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Facts, "is_kept_in_part", True)

    d = diagnose_device(facts_of(NAME + SILENT, ONE), HealthCaps(is_refused=True))

    assert headline(d).startswith("No diagnosis: the capture is too large")
    assert "--since" in (next_step(d) or "")


BESIDE = "30.0 pc > cloud:4321 CONNECT\n30.5 pc > cloud:4321 EXCHANGE 9 9\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(NAME + SILENT, ["A capture outside the firewall decides."], id="nothing tells filter from server"),
        pytest.param(NAME + SILENT + BESIDE, [], id="another host is served"),
        pytest.param(
            SILENT,
            ["A capture outside the firewall decides.", "what started it is not in it."],
            id="in vain from the first frame on",
        ),
    ],
)
def test_what_the_capture_cannot_tell_of_a_cause_is_said(script: str, words: list[str]) -> None:
    d = diagnosis_of(script, ONE, kind=Identification.ENGINEER)
    assert d.root is not None

    said = limits_of(d.root, d)

    assert len(said) == len(words)
    assert all(text.endswith(end) for text, end in zip(said, words, strict=True))


LEDS = {
    "nothing was said": (Said(None, None), SILENT, None),
    "the LED agrees": (Said("blinking red", None), SILENT, None),
    "the log agrees with nothing that failed": (Said(None, "Could not resolve host 'x'"), SILENT, "another picture"),
    "solid red, but the connection fails": (Said("Solid Red", None), SILENT, "another picture"),
    "red, but all is well": (Said("blinking red", None), WORKS, "no such fault"),
    "green, but it fails": (Said("green", None), SILENT, "read at another time"),
    "green and well": (Said("green", None), WORKS, None),
    "words that no paper knows": (Said("purple", None), SILENT, None),
}


@pytest.mark.parametrize(("said", "script", "words"), LEDS.values(), ids=LEDS)
def test_what_the_engineer_saw_is_held_against_the_capture(said: Said, script: str, words: str | None) -> None:
    note = said_note(diagnosis_of(NAME + script, ONE), None, said)

    assert (note is None) if words is None else words in (note or "")


@pytest.mark.parametrize(
    ("led", "is_known"),
    [
        ("purple", False),
        ("red", False),
        ("very fast", True),
        ("LEDs blinking very fast", True),
        ("Solid Red", True),
    ],
)
def test_an_led_that_the_paper_does_not_know_is_not_passed_over_in_silence(led: str, is_known: bool) -> None:
    shows = ("solid red", "blinking red", "blinking very fast")
    lit = replace(ONE, indicators=tuple(Indicator(IndicatorKind.LED, state) for state in shows))
    note = unheard_note(diagnosis_of(NAME + SILENT, lit), led) or ""

    assert ("Nothing was made of" in note) is not is_known
    assert is_known or f'"{led}"' in note
    assert is_known or all(state in note for state in shows)
