from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapaudit.model.linktypes import CAPINFOS_NAMES, NAMES, capinfos_name, name_of, numbers_of


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (0, "NULL"),
        (1, "ETHERNET"),
        (9, "PPP"),
        (12, "RAW"),
        (14, "RAW"),
        (101, "RAW"),
        (105, "IEEE802_11"),
        (108, "LOOP"),
        (113, "LINUX_SLL"),
        (127, "IEEE802_11_RADIOTAP"),
        (276, "LINUX_SLL2"),
        (1240, "LINKTYPE_1240"),
    ],
)
def test_a_number_has_its_registered_name(link: int, name: str) -> None:
    assert name_of(link) == name


@pytest.mark.parametrize(
    ("name", "links"),
    [
        ("RAW", (12, 14, 101)),
        ("rawip", (12, 14, 101)),
        ("ether", (1,)),
        ("LINKTYPE_1240", (1240,)),
        ("LINKTYPE_65536", ()),
        ("LINKTYPE_", ()),
        ("LINKTYPE_²", ()),
        ("no such name", ()),
    ],
)
def test_a_name_gives_its_numbers_back(name: str, links: tuple[int, ...]) -> None:
    assert numbers_of(name) == links


def test_every_name_leads_back_to_its_number() -> None:
    assert [link for link in NAMES if link not in numbers_of(name_of(link))] == []
    assert [link for link in CAPINFOS_NAMES if link not in numbers_of(capinfos_name(link))] == []


def test_every_encapsulation_of_the_shared_captures_is_known(shared_captures: Path) -> None:
    truth = json.loads((shared_captures / "truth.json").read_text(encoding="utf-8"))
    names = {name for entry in truth.values() for name in entry["linktypes"]} - {"unknown"}
    assert {name for name in names if not numbers_of(name)} == set()
