from __future__ import annotations

import numpy as np
import pytest

from pcapaudit.flows import digest, layout
from pcapaudit.flows.logged import Logged
from tests.flows.test_digest import result_with

CONNECTION = [
    (0, 2, 9, 0, 0, 0),
    (1, 18, 20, 10, 0, 0),
    (0, 16, 10, 21, 0, 0),
    (0, 24, 10, 21, 5, 0),
    (1, 24, 21, 15, 7, 0),
]
"""Side, flags, sequence and acknowledgment number, payload, nanoseconds since the packet before."""
PICKS = {
    "of both sides": (layout.BOTH_SIDES, layout.ALL, 0, [0, 1, 2, 3, 4]),
    "of the second side": (1, layout.ALL, 0, [1, 4]),
    "SYN without ACK": (layout.BOTH_SIDES, layout.ONLY_SYN, 0, [0]),
    "SYN with ACK": (layout.BOTH_SIDES, layout.ONLY_SYN_ACK, 0, [1]),
    "with data": (layout.BOTH_SIDES, layout.ONLY_DATA, 0, [3, 4]),
    "with data beyond what was acknowledged": (0, layout.ONLY_UNACKED, 14, [3]),
    "with data that were all acknowledged": (0, layout.ONLY_UNACKED, 15, []),
}


@pytest.mark.parametrize(("side", "kind", "acked", "expected"), PICKS.values(), ids=PICKS)
def test_packets_are_picked(side: int, kind: int, acked: int, expected: list[int]) -> None:
    result = result_with(CONNECTION)

    assert digest.Digests(result.rows, result.flows).places(0, side, kind, acked) == expected


def test_marked_copies_and_link_frames_belong_to_no_flow() -> None:
    result = result_with(CONNECTION[:3])
    rows = result.rows.copy()
    rows["dup_of"][1] = 1
    rows["flow"][2] = 0xFFFFFFFF

    found = Logged(rows, 1)

    assert (found.order.tolist(), found.bounds.tolist()) == ([0], [0, 1])


def test_rows_of_several_flows_are_put_in_order_by_flow_and_then_by_frame() -> None:
    result = result_with(CONNECTION)
    rows = result.rows.copy()
    rows["flow"] = [2, 0, 2, 1, 0]

    found = Logged(rows, 3)

    assert (found.order.tolist(), found.bounds.tolist()) == ([1, 4, 3, 0, 2], [0, 2, 3, 5])


def test_an_empty_log_has_no_packets() -> None:
    assert Logged(result_with(CONNECTION).rows[:0], 1).places(0, layout.BOTH_SIDES, layout.ALL) == []
    assert np.array_equal(Logged(result_with(CONNECTION).rows[:0], 0).bounds, [0])
