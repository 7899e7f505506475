from __future__ import annotations

import pytest

from pcapaudit.model.words import STAGES, VERDICTS, WORST_FIRST, State, confidence_words, weight_words


def test_stages_stand_in_the_order_in_which_a_device_climbs_them() -> None:
    assert " ".join(STAGES) == "link dhcp gateway dns time connect tls app return persist"


def test_verdicts_stand_in_the_order_of_fail_on() -> None:
    assert " ".join(VERDICTS) == "healthy undecided degraded failed"


def test_every_state_has_its_place_in_the_combining_order() -> None:
    assert set(WORST_FIRST) == set(State)
    assert list(WORST_FIRST[:6]) == ["failed", "not_reached", "not_observed", "degraded", "implied", "ok"]


@pytest.mark.parametrize(
    ("confidence", "words"),
    [
        (100, "proven by the capture"),
        (85, "proven by the capture"),
        (84, "very likely"),
        (60, "very likely"),
        (59, "possible"),
        (35, "possible"),
        (34, "weak hint"),
    ],
)
def test_confidence_gets_the_words_of_the_catalogue(confidence: int, words: str) -> None:
    assert confidence_words(confidence) == words


@pytest.mark.parametrize(
    ("weight", "word"), [(30, "likely"), (29, "possible"), (15, "possible"), (14, "undecided"), (0, "undecided")]
)
def test_a_cause_gets_the_word_of_its_weight(weight: int, word: str) -> None:
    assert weight_words(weight) == word
