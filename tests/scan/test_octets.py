from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.scan import octets

BYTES = st.binary(min_size=12, max_size=12)
PLACES = st.integers(0, 4)
NUMBERS = st.integers(0, 2**32 - 1)


@given(BYTES, PLACES)
def test_numbers_are_read_as_the_struct_module_reads_them(data: bytes, at: int) -> None:
    assert octets.u16(data, at) == struct.unpack_from(">H", data, at)[0]
    assert octets.u32(data, at) == struct.unpack_from(">I", data, at)[0]
    assert octets.i64(data, at) == struct.unpack_from(">q", data, at)[0]
    assert octets.little16(data, at) == struct.unpack_from("<H", data, at)[0]
    assert octets.raw64(data, at) == struct.unpack_from("<Q", data, at)[0]


@given(st.binary(max_size=9))
def test_words_of_two_bytes_add_up_as_the_internet_checksum_adds_them(data: bytes) -> None:
    padded = data + bytes(len(data) % 2)

    assert octets.sum16(data, 0, len(data)) == sum(struct.unpack(f">{len(padded) // 2}H", padded)) % 0xFFFF


@given(BYTES, PLACES)
def test_a_mac_address_is_six_bytes_in_order(data: bytes, at: int) -> None:
    assert octets.u48(data, at).to_bytes(6, "big") == data[at : at + 6]


def test_a_copy_changes_the_bytes_it_goes_to_alone() -> None:
    target = bytearray(b"........")
    octets.copy(memoryview(target), 2, b"0123456789", 4, 3)
    assert target == b"..456..."


@given(NUMBERS, st.integers(1, 2**31 - 1))
def test_a_sequence_number_is_after_those_up_to_half_the_circle_behind_it(start: int, step: int) -> None:
    later = (start + step) % 2**32
    assert octets.is_after(later, start)
    assert not octets.is_after(start, later)


@given(NUMBERS)
def test_no_sequence_number_is_after_itself(number: int) -> None:
    assert not octets.is_after(number, number)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_mixing_keeps_different_numbers_apart(one: int, other: int) -> None:
    assert (octets.mix(one) == octets.mix(other)) == (one == other)
    assert 0 <= octets.mix(one) < 2**64


@given(st.integers(-(2**63), 2**63 - 1))
def test_the_low_half_is_the_number_modulo_two_to_the_32(number: int) -> None:
    assert octets.low32(number) == number % 2**32


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_the_gap_of_two_times_is_their_difference_as_far_as_63_bits_hold(later: int, earlier: int) -> None:
    assert octets.gap(later, earlier) == min(max(later - earlier, 1 - 2**63), 2**63 - 1)


def test_to_ask_memory_for_a_word_changes_nothing() -> None:
    table = memoryview(bytearray(b"1234"))
    octets.fetch4(table, 99)
    octets.fetch8(table, 99)
    assert bytes(table) == b"1234"
