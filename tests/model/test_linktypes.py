from __future__ import annotations

import pytest

from pcapaudit.model.linktypes import NAMES, name_of


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "ETHERNET"), (101, "RAW"), (113, "LINUX_SLL"), (276, "LINUX_SLL2"), (65535, "LINKTYPE_65535")],
)
def test_a_link_type_has_the_name_of_the_registry(number: int, name: str) -> None:
    assert name_of(number) == name


def test_names_are_upper_case_words() -> None:
    assert all(name == name.upper() and " " not in name for name in NAMES.values())
