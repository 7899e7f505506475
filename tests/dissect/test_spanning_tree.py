from __future__ import annotations

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import spanning_tree
from pcapaudit.model.events import Malformed, SpanningTree
from tests.dissect.material import hostile, packet

CONFIGURATION = bytes.fromhex("0000 00 00 00".replace(" ", "")) + bytes(30)
CHANGE_NOTE = bytes.fromhex("00000080")


@pytest.mark.parametrize(
    ("payload", "is_change"),
    [
        (CONFIGURATION, False),
        (bytes.fromhex("0000000001") + bytes(30), True),
        (bytes.fromhex("000002023d") + bytes(31), True),
        (bytes.fromhex("000002023c") + bytes(31), False),
        (bytes.fromhex("0000000080") + bytes(30), False),
        (CHANGE_NOTE, True),
    ],
    ids=["quiet", "change flag", "rapid, change", "rapid, quiet", "acknowledged", "change note"],
)
def test_a_topology_change_is_seen_in_each_kind(payload: bytes, *, is_change: bool) -> None:
    assert spanning_tree.dissect(payload, packet()) == SpanningTree(packet(), is_change)


@pytest.mark.parametrize(
    "payload", [b"", CHANGE_NOTE[:3], b"\x01" + CONFIGURATION[1:], b"\0\0\0\x05\0", CONFIGURATION[:4]]
)
def test_other_bytes_are_malformed(payload: bytes) -> None:
    assert isinstance(spanning_tree.dissect(payload, packet()), Malformed)


@settings(deadline=None)
@given(hostile(CONFIGURATION, CHANGE_NOTE))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(spanning_tree.dissect(payload, packet()), SpanningTree | Malformed)
