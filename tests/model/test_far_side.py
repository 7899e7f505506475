from __future__ import annotations

import pytest

from pcapaudit.model.far_side import SHOWN, end_sentence, is_beyond, join_and, say_far_sides, say_list, say_ports
from pcapaudit.model.report import FarSide

NAMED = FarSide("a.example", ("54.229.203.190",), "2026-01-05T08:00:01.000000Z", "tcp", (443, 4321), "ACM-01")
OTHER = FarSide("b.example", ("54.229.68.147",), "2026-01-05T08:00:02.000000Z", "tcp", (443, 4321), "ACM-01")
ADDRESS = FarSide(None, ("54.229.203.190",), None, "udp", (8844,), None)

BOTH = "a.example, b.example (resolved on 2026-01-05 to 54.229.203.190, 54.229.68.147"
WRITTEN = {
    "names of one service stand together": (
        (NAMED, OTHER),
        f"{BOTH}; they may change, so by name or by port, not by address: ACM-01), TCP 443 and 4321",
    ),
    "another service stands apart": (
        (ADDRESS, FarSide("a.example", (), None, "udp", (123,), None)),
        "54.229.203.190, UDP 8844; a.example, UDP 123",
    ),
    "an address of the site does not move": (
        (FarSide("nexus.example", ("10.0.0.20",), None, "tcp", (9001,), "ACM-02"),),
        "nexus.example (at 10.0.0.20), TCP 9001",
    ),
    "what is unknown is left out": ((FarSide("a.example", (), None, None, (), None),), "a.example"),
}


@pytest.mark.parametrize(("sides", "words"), WRITTEN.values(), ids=WRITTEN)
def test_traffic_is_written_with_all_that_a_rule_needs(sides: tuple[FarSide, ...], words: str) -> None:
    assert say_far_sides(sides, is_for_rule=True) == words


def test_who_makes_no_rule_is_not_told_how_to_make_one() -> None:
    told = say_far_sides([NAMED], is_for_rule=False)

    assert told == "a.example (resolved on 2026-01-05 to 54.229.203.190), TCP 443 and 4321"


def test_what_is_no_address_is_shown_all_the_same() -> None:
    odd = FarSide("a.example", ("not an address",), None, "tcp", (1,), None)

    assert say_far_sides([odd], is_for_rule=True) == "a.example (at not an address), TCP 1"


@pytest.mark.parametrize(
    ("addresses", "beyond"), [((), True), (("54.229.203.190",), True), (("10.0.0.20",), False), (("fd00::20",), False)]
)
def test_what_has_an_address_of_the_site_is_not_beyond_it(addresses: tuple[str, ...], *, beyond: bool) -> None:
    assert is_beyond(FarSide("a.example", addresses, None, "tcp", (1,), None)) is beyond


def test_many_names_are_counted() -> None:
    assert say_list([str(n) for n in range(SHOWN + 3)]).endswith(f", {SHOWN - 1} and 3 more")


@pytest.mark.parametrize(
    ("words", "text"), [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")]
)
def test_words_are_joined_as_people_do(words: tuple[str, ...], text: str) -> None:
    assert join_and(words) == text


def test_ports_of_all_far_sides_stand_once_and_in_order() -> None:
    assert say_ports([NAMED, ADDRESS, NAMED]) == ", port 443, 4321 or 8844,"
    assert say_ports([FarSide("a.example", (), None, None, (), None)]) == ""


@pytest.mark.parametrize(("text", "ended"), [("Do it", "Do it."), ("Do it.", "Do it."), ("Is it so?", "Is it so?")])
def test_a_sentence_ends_once(text: str, ended: str) -> None:
    assert end_sentence(text) == ended
