from __future__ import annotations

import pytest

from pcapaudit.catalog.document import Path
from pcapaudit.catalog.form import SignatureForm
from pcapaudit.catalog.messages import keys_at, suggest


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("nedds", "did you mean needs?"),
        ("led", "did you mean led?"),
        ("xyz", "known are: needs, led, leds"),
    ],
)
def test_a_misspelt_word_gets_the_nearest_ones_or_all(word: str, hint: str) -> None:
    assert suggest(word, ["needs", "led", "leds"]).startswith(hint.removesuffix("?"))


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ((), "vendor"),
        (("paper",), "dated"),
        (("needs", 3), "any_of"),
        (("needs", 0, "any_of", 1), "encrypted"),
        (("identify", "strong", 0), "from"),
        (("identify", "strong", 0, "then"), "udp"),
        (("params", "app_port"), "range"),
        (("stages", "tls"), "is"),
        (("led", 0, "when"), "failed"),
    ],
)
def test_the_keys_of_every_place_are_known_by_their_names_in_the_file(path: Path, known: str) -> None:
    assert known in keys_at(SignatureForm, path)


def test_below_a_plain_value_no_key_is_known() -> None:
    assert keys_at(SignatureForm, ("vendor", "x")) == []
