"""The tables of a capture grow with it and no faster, also where somebody floods the wire with one thing."""

from __future__ import annotations

import pytest

from pcapaudit.engine.tables.catalogue import TABLES, read_rows
from pcapaudit.engine.tables.cells import MAX_LISTED
from pcapaudit.engine.tables.store import stored_rows
from tests.support.floods import FLOODS, timed
from tests.support.player import Frame
from tests.support.scene import scan_frames
from tests.support.work import Work, measure

UNITS = 25
GROWTH = 5.0

pytestmark = pytest.mark.slow


def make_tables(frames: list[bytes]) -> None:
    """Everything that a file of tables needs of a capture."""
    traffic = scan_frames([Frame(time_ns, data, wire, "", 0) for time_ns, data, wire in timed(frames)])
    for table, rows in read_rows(traffic, list(TABLES.values())):
        for row in stored_rows(table, rows):
            assert all(len(str(cell)) < 60 * MAX_LISTED for cell in row)


def work_of(frames: list[bytes]) -> Work:
    return measure(lambda _data: make_tables(frames), b"")


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_costs_no_more_than_its_length(name: str) -> None:
    make_tables(FLOODS[name](2))
    small, large = (work_of(FLOODS[name](count)) for count in (UNITS, 4 * UNITS))

    assert large.lines <= GROWTH * small.lines + 5_000
