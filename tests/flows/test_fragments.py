from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.flows.fragments import MAX_DATAGRAMS, MAX_PIECES, Fragment, Joiner
from pcapaudit.model.events import Packet

DATAGRAM = bytes(range(256)) * 8


def packet(frame: int = 1, *, src: bytes = b"\x0a\0\0\1", dup_of: int = 0) -> Packet:
    return Packet(frame, frame, src, 0, b"\x0a\0\0\2", 0, 17, dup_of=dup_of)


def cut(data: bytes, size: int, *, ident: int = 7, dup_of: int = 0, src: bytes = b"\x0a\0\0\1") -> list[Fragment]:
    """Fragments of ``size`` bytes, a multiple of 8 (RFC 791, section 3.2)."""
    return [
        Fragment(packet(src=src, dup_of=dup_of), ident, at, at + size < len(data), data[at : at + size])
        for at in range(0, len(data), size)
    ]


@given(
    data=st.binary(min_size=1, max_size=600),
    units=st.integers(2, 40),
    copies=st.lists(st.integers(0, 50), max_size=5),
    order=st.integers(0, 2**32),
)
def test_fragments_join_in_any_order_with_copies_among_them(
    data: bytes, units: int, copies: list[int], order: int
) -> None:
    parts = cut(data, units * 8)
    sent = parts + [parts[c % len(parts)] for c in copies]
    random.Random(order).shuffle(sent)
    joiner = Joiner()

    wholes = [whole for whole in map(joiner.add, sent) if whole is not None]

    assert wholes[0] == data
    assert set(wholes) == {data}


@pytest.mark.parametrize(
    "changed", [{"ident": 8}, {"src": b"\x0a\0\0\3"}], ids=["another identification", "another source"]
)
def test_pieces_of_different_datagrams_are_not_mixed(changed: dict[str, object]) -> None:
    joiner = Joiner()
    first, other = cut(DATAGRAM, 1024), cut(DATAGRAM, 1024, **changed)  # type: ignore[arg-type]

    assert joiner.add(first[0]) is None
    assert joiner.add(other[1]) is None
    assert joiner.unfinished() == 2


def test_marked_copies_make_a_copy_of_their_own() -> None:
    joiner = Joiner()
    parts, copies = cut(DATAGRAM, 1024), cut(DATAGRAM, 1024, dup_of=5)

    results = [joiner.add(f) for f in (parts[0], copies[0], parts[1], copies[1])]

    assert results == [None, None, DATAGRAM, DATAGRAM]
    assert joiner.unfinished() == 0


def test_a_missing_piece_leaves_the_datagram_unfinished() -> None:
    joiner = Joiner()
    parts = cut(DATAGRAM, 512)

    assert [joiner.add(f) for f in (parts[0], parts[2], parts[3])] == [None, None, None]
    assert joiner.unfinished() == 1


def test_a_lone_fragment_without_more_is_whole() -> None:
    assert Joiner().add(Fragment(packet(), 1, 0, False, b"abc")) == b"abc"


def test_what_lies_behind_the_last_fragment_is_left_out() -> None:
    joiner = Joiner()
    joiner.add(Fragment(packet(), 1, 8, True, b"B" * 64))
    joiner.add(Fragment(packet(), 1, 8 + 8, False, b"C" * 8))

    whole = joiner.add(Fragment(packet(), 1, 0, True, b"A" * 8))

    assert whole is not None
    assert len(whole) == 24


def test_a_datagram_longer_than_ip_allows_is_never_whole() -> None:
    joiner = Joiner()
    joiner.add(Fragment(packet(), 1, 0, True, b"A" * 65528))

    assert joiner.add(Fragment(packet(), 1, 65528, False, b"B" * 100)) is None


def test_the_table_of_open_datagrams_is_bounded() -> None:
    joiner = Joiner()
    for ident in range(MAX_DATAGRAMS + 50):
        joiner.add(Fragment(packet(), ident, 0, True, b"A" * 8))

    assert joiner.unfinished() == MAX_DATAGRAMS


def test_the_pieces_of_one_datagram_are_bounded() -> None:
    joiner = Joiner()
    for at in range(MAX_PIECES + 10):
        joiner.add(Fragment(packet(), 1, at * 8, True, b"A" * 8))

    assert joiner.add(Fragment(packet(), 1, (MAX_PIECES + 10) * 8, False, b"B")) is None


def test_first_fragments_whose_rest_is_missing_are_told() -> None:
    joiner = Joiner()
    first, *rest = cut(DATAGRAM, 1024)
    other = cut(DATAGRAM, 1024, ident=8)
    joiner.add(first)
    joiner.add(other[1])

    assert joiner.openings() == [first]
    joiner.add(rest[0])
    assert joiner.openings() == []
