from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from pcapaudit.flows.groups import FlowsByAddress, FlowsByService, Rows
from pcapaudit.flows.numbering import Numbering
from pcapaudit.flows.packets import packed_address
from pcapaudit.scan.columns import FLOW_DTYPE, Table

COUNT = 400


def some_flows() -> Table:
    """Flows among a few addresses of both families, some of them to themselves, some IPv6 ones equal in a half."""
    rng = np.random.default_rng(5)
    flows = np.zeros(COUNT, FLOW_DTYPE)
    flows["family"] = rng.choice([4, 6], COUNT)
    flows["proto"] = rng.choice([6, 17], COUNT)
    for side in "ab":
        flows[f"{side}_lo"] = rng.integers(0, 5, COUNT)
        flows[f"{side}_hi"] = np.where(flows["family"] == 6, rng.integers(0, 3, COUNT), 0)
        flows[f"{side}_port"] = rng.choice([0, 53, 443, 65535], COUNT)
    return flows


def ends_of(flows: Table) -> list[tuple[bytes, bytes]]:
    return [
        (packed_address(f, ah, al), packed_address(f, bh, bl))
        for f, ah, al, bh, bl in flows[["family", "a_hi", "a_lo", "b_hi", "b_lo"]].tolist()
    ]


def test_an_address_has_the_flows_of_both_its_sides_in_order() -> None:
    flows = some_flows()
    expected: dict[bytes, list[int]] = defaultdict(list)
    for index, (a, b) in enumerate(ends_of(flows)):
        expected[a].append(index)
        if a != b:
            expected[b].append(index)

    found = FlowsByAddress(Numbering(flows))

    assert found == expected
    assert list(found) == list(expected)


def test_an_address_of_no_flow_is_not_there() -> None:
    found = FlowsByAddress(Numbering(some_flows()))

    assert b"\xff\xff\xff\xff" not in found
    assert found.get(b"\xff\xff\xff\xff", ()) == ()


def test_a_service_has_its_flows_and_stands_where_its_first_one_does() -> None:
    flows = some_flows()
    numbering = Numbering(flows)
    chosen = np.arange(0, COUNT, 3)
    expected: dict[tuple[int, bytes, int], list[int]] = defaultdict(list)
    for index in chosen.tolist():
        expected[int(flows["proto"][index]), ends_of(flows)[index][1], int(flows["b_port"][index])].append(index)

    table = flows[chosen]
    found = FlowsByService(numbering, chosen, table["proto"], numbering.b[chosen], table["b_port"])

    assert found == expected
    assert list(found) == list(expected)
    assert (6, b"\xff\xff\xff\xff", 443) not in found
    assert (6, ends_of(flows)[0][1], 80) not in found


def test_a_capture_without_flows_has_no_groups() -> None:
    numbering = Numbering(some_flows()[:0])
    nothing = np.zeros(0, np.uint32)

    assert FlowsByAddress(numbering) == {}
    assert FlowsByService(numbering, nothing, nothing, nothing, nothing) == {}


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 500])
def test_rows_are_plain_numbers(count: int) -> None:
    rows = Rows(np.arange(count, dtype=np.uint32))

    assert rows == list(range(count))
    assert rows[3:40] == list(range(count))[3:40]
    assert {type(row) for row in rows} <= {int}
    assert all(type(rows[place]) is int for place in range(len(rows)))
    assert np.array(rows, np.int64).tolist() == list(range(count))
