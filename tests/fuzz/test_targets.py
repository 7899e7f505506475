"""What every search begins with breaks nothing, and neither does a little damage; the long searches are commands."""

from __future__ import annotations

import importlib
import random
from array import array
from dataclasses import replace
from itertools import islice
from types import ModuleType

import pytest

from tests.fuzz.damage import damage
from tests.fuzz.frames import make_case
from tests.fuzz.seeds import CHECKOUT
from tests.scan.material import batch, scan_batches

SEEDS = {"messages": 400, "conversations": 60, "captures": 60, "signatures": 12, "audits": 6}
"""Target -> how many of its seeds are tried, each whole and once damaged."""
CASES = 40
FOUND = CHECKOUT / "tests" / "fuzz" / "found"


def target(name: str) -> ModuleType:
    return importlib.import_module(f"tests.fuzz.targets.{name}")


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_whole_and_damaged_break_nothing(name: str) -> None:
    tried = target(name)
    for number, seed in enumerate(islice(tried.seeds(), SEEDS[name])):
        tried.try_one(seed)
        tried.try_one(damage(seed, random.Random(number)))


@pytest.mark.parametrize("number", range(CASES))
def test_hostile_frames_are_scanned_alike_by_the_compiled_and_the_interpreted_scan(number: int) -> None:
    case = make_case(1, number)
    frames = batch(case.frames, times=case.times, wire=case.wire)
    frames = replace(frames, link=memoryview(array("H", case.links)))

    assert scan_batches([frames]).counters["frames"] == len(case.frames)


def test_what_a_search_once_found_breaks_nothing_any_more() -> None:
    for path in sorted(FOUND.glob("*")):
        target(path.name.partition("-")[0]).try_one(path.read_bytes())
