from __future__ import annotations

import re
from pathlib import Path

from pcapaudit.flows import layout


def test_the_c_constants_are_those_of_the_python_file() -> None:
    stated = re.findall(
        r"^    (\w+) = (\w+)$", Path(layout.__file__).with_suffix(".pxd").read_text("ascii"), re.MULTILINE
    )

    assert {name: int(value) for name, value in stated} == {n: v for n, v in vars(layout).items() if n.isupper()}


def test_the_words_of_both_sides_and_of_the_flow_lie_behind_each_other() -> None:
    assert layout.DATA_END + 1 == layout.SIDE
    assert 2 * layout.SIDE == layout.STATE
    assert layout.RESP_ISN + 1 == layout.WIDTH
