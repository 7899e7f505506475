from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.where import ELSEWHERE, START, find_room, measure_rooms


def test_a_stack_without_pcapaudit_is_elsewhere() -> None:
    assert find_room(sys._getframe()) == ELSEWHERE


@pytest.mark.slow
def test_the_rooms_of_an_audit_are_found(checkout: Path) -> None:
    found = measure_rooms(checkout / "samples" / "sensorist-blinking-red.pcapng")
    assert found[START] > 0
    assert set(found) - {START, ELSEWHERE} <= {path.parent.name for path in checkout.glob("pcapaudit/*/__init__.py")}
