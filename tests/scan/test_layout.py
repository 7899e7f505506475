from __future__ import annotations

import re
from pathlib import Path

import pytest

from pcapaudit.scan import columns, layout

FOLDER = Path(layout.__file__).parent


def test_the_c_constants_are_those_of_the_python_file() -> None:
    stated = dict(re.findall(r"^    (\w+) = (\w+)$", (FOLDER / "layout.pxd").read_text("ascii"), re.MULTILINE))
    assert {name: int(value.replace("_", ""), 0) for name, value in stated.items()} == {
        name: value
        for name, value in vars(layout).items()
        if name.isupper() or (name.upper() == name and name[0] != "_")
    }


@pytest.mark.parametrize("kind", list(columns.Kind))
def test_every_kind_of_handed_bytes_has_its_number(kind: columns.Kind) -> None:
    assert getattr(layout, kind.name) == kind


@pytest.mark.parametrize("oddity", list(columns.Oddity))
def test_every_oddity_has_its_number(oddity: columns.Oddity) -> None:
    assert getattr(layout, oddity.name) == oddity


def test_every_tunnel_has_its_bit() -> None:
    names = ("T_PPPOE", "T_MPLS", "T_GRE", "T_ERSPAN", "T_VXLAN", "T_GENEVE", "T_IP", "T_WIRE")
    assert [getattr(layout, name) for name in names] == [int(tunnel) for tunnel in columns.Tunnel]


def test_a_row_fills_its_words() -> None:
    assert columns.ROW_DTYPE.itemsize == layout.ROW8 * 8
    assert columns.HANDED_DTYPE.itemsize == layout.HANDED8 * 8


def test_the_words_of_both_sides_fit_behind_each_other() -> None:
    assert layout.SIDES8 + 2 * layout.SIDE8 == layout.FLOW8
    assert layout.SIDES4 + 2 * layout.SIDE4 == layout.TAIL4 == layout.FLOW4 - 1
    assert layout.LIVE4 == layout.SIDE4 - 1


def test_the_parts_of_a_tail_fit_behind_each_other() -> None:
    assert layout.TAIL_SAID == 1 + layout.TAIL_ROWS * layout.ROW8
    assert layout.TAIL_HEARD == layout.TAIL_SAID + layout.ROW8
    assert layout.TAIL_SIDE8 == layout.TAIL_HEARD + layout.ROW8
    assert layout.TAIL8 == 2 * layout.TAIL_SIDE8
