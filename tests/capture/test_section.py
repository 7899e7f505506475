from __future__ import annotations

import pytest

from pcapaudit.capture.section import SECOND_NS, Interface, Section, read_resolution

NS = SECOND_NS


@pytest.mark.parametrize(
    ("value", "per_second"), [(0, 1), (6, 10**6), (9, 10**9), (0x80, 1), (0x8A, 1024), (0x7F, 10**127), (0xFF, 2**127)]
)
def test_a_resolution_is_a_power_of_ten_or_with_the_top_bit_of_two(value: int, per_second: int) -> None:
    assert read_resolution(value) == per_second


@pytest.mark.parametrize(
    ("per_second", "offset_s", "count", "time_ns"),
    [
        (10**6, 0, 1_500_000, 1_500_000_000),
        (10**9, 0, 7, 7),
        (10**12, 0, 1_999, 1),
        (2**10, 0, 1536, 1_500_000_000),
        (2**32, 0, 1 << 33, 2 * NS),
        (1, 0, 5, 5 * NS),
        (10**6, 100, 1, 100 * NS + 1000),
        (10**6, -100, 1, -100 * NS + 1000),
        (10**127, 0, (1 << 64) - 1, 0),
        (10**6, 0, (1 << 64) - 1_000_000, -NS),
    ],
)
def test_a_count_becomes_nanoseconds(per_second: int, offset_s: int, count: int, time_ns: int) -> None:
    assert Interface(1, per_second=per_second, offset_s=offset_s).time_ns(count) == time_ns


@pytest.mark.parametrize(
    ("per_second", "offset_s", "unit_ns"),
    [(10**6, 0, 1000), (1, -5, NS), (2**9, 0, NS // 512), (10**10, 0, 0), (2**10, 0, 0), (10**6, 1 << 62, 0)],
)
def test_the_walk_reckons_only_in_whole_nanoseconds_within_64_bits(
    per_second: int, offset_s: int, unit_ns: int
) -> None:
    section = Section("<")
    section.add(Interface(1, per_second=per_second, offset_s=offset_s))
    assert section.table.unit_ns.tolist() == [unit_ns]


def test_the_walk_is_told_the_largest_count_that_fits() -> None:
    section = Section(">")
    section.add(Interface(1, per_second=1, offset_s=100))
    most = section.table.most[0]
    assert section.interfaces[0].time_ns(most) < 1 << 63 <= section.interfaces[0].time_ns(most + 1)


def test_an_interface_that_was_not_declared_is_not_found() -> None:
    section = Section("<")
    section.add(Interface(113))
    assert (section.find(0), section.find(1)) == (section.interfaces[0], None)
