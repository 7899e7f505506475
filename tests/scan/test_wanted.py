from __future__ import annotations

import pytest

from pcapaudit.scan.columns import NOT_KEPT
from pcapaudit.scan.wanted import ALL, EVERYTHING, Wanted, beginning_with
from tests.scan.material import ACK, SYN, differences, received, scanners, sent, tcp
from tests.scan.material import batch as batch_of

GREETINGS = beginning_with([(b"H", b"iI"), (b"\xff",), (b"H", b"i", b"!")], ports=[25])


def fitting(wanted: Wanted, octets: bytes) -> int:
    """The beginnings, a bit each, that a payload may have."""
    left = ALL
    for known, octet in zip(wanted.octets, octets, strict=False):
        left &= int(known[octet])
    return left


@pytest.mark.parametrize(
    ("octets", "fits"), [(b"Hi!", 5), (b"HI!", 1), (b"Hi", 5), (b"H", 5), (b"\xffx", 2), (b"x", 0), (b"", ALL)]
)
def test_a_payload_fits_the_beginnings_whose_octets_it_has_as_far_as_it_goes(octets: bytes, fits: int) -> None:
    assert fitting(GREETINGS, octets) == fits


def test_everything_fits_where_everything_is_read() -> None:
    assert fitting(EVERYTHING, b"whatever") == ALL
    assert fitting(beginning_with([()]), b"whatever") & 1


def kept(wanted: Wanted, first: bytes, answer: bytes, *, port: int = 443, syn: int = SYN) -> list[bool]:
    """Which of four payloads are kept; every form of the scanner must say the same."""
    frames = [
        sent(tcp(syn, seq=2**32 - 1, dport=port), 1),
        received(tcp(syn | ACK, seq=99, sport=port, dport=50000), 2),
        sent(tcp(ACK, first, seq=0, dport=port), 3),
        received(tcp(ACK, answer, seq=100, sport=port, dport=50000), 4),
        sent(tcp(ACK, b"Hi", seq=len(first), dport=port), 5),
        received(tcp(ACK, b"Hi", seq=100 + len(answer), sport=port, dport=50000), 6),
    ]
    forms = [make(wanted=wanted) for make in scanners()]
    for scanner in forms:
        scanner.feed(batch_of(frames))
    results = [scanner.result() for scanner in forms]
    assert not [d for other in results[1:] for d in differences(results[0], other)]
    assert results[0].handed["head"].tolist() == [int.from_bytes(b, "little") for b in (first, answer, b"Hi", b"Hi")]
    is_kept: list[bool] = (results[0].handed["start"] != NOT_KEPT).tolist()
    return is_kept


def test_nothing_more_is_kept_once_both_sides_began_otherwise() -> None:
    assert kept(GREETINGS, b"xy", b"Ho") == [True, True, False, False]


@pytest.mark.parametrize(("first", "answer"), [(b"xy", b"Hi"), (b"\xff.", b"xy"), (b"x", b"yz"), (b"xy", b"H")])
def test_all_is_kept_where_a_side_may_have_begun_so_or_has_said_too_little(first: bytes, answer: bytes) -> None:
    assert all(kept(GREETINGS, first, answer))


def test_all_is_kept_on_a_port_that_is_read_or_where_no_opening_was_seen_or_everything_is_read() -> None:
    assert all(kept(GREETINGS, b"xy", b"Ho", port=25))
    assert all(kept(GREETINGS, b"xy", b"Ho", syn=0))
    assert all(kept(EVERYTHING, b"xy", b"Ho"))
