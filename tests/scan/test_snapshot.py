from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pcapaudit.scan.blob import Blob, Spill
from pcapaudit.scan.columns import BINDING_DTYPE, FLOW_DTYPE, HANDED_DTYPE, PAIR_DTYPE, ROW_DTYPE, Table
from pcapaudit.scan.memory import Clock, make_arrays
from pcapaudit.scan.result import Bounds, Copies, Seen
from pcapaudit.scan.snapshot import take_snapshot
from tests.scan.material import ACK, MS, batch, differences, eth, ip4, received, scan, scanners, sent, tcp, udp

EMPTY = Blob(Spill(), 0, b"")
NONE = dict.fromkeys(("rows", "handed", "flows", "arps", "pairs", "bindings", "links", "outer", "tails"), 0)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("flows", FLOW_DTYPE),
        ("rows", ROW_DTYPE),
        ("handed", HANDED_DTYPE),
        ("pairs", PAIR_DTYPE),
        ("bindings", BINDING_DTYPE),
    ],
)
def test_a_table_of_the_result_has_its_declared_type(name: str, dtype: object) -> None:
    table: Table = getattr(scan([eth(ip4(udp(dport=53)))]), name)
    assert table.dtype == dtype
    assert len(table) == 1


def test_untouched_arrays_make_an_empty_result() -> None:
    result = take_snapshot(make_arrays(Bounds()), NONE, {"frames": 0}, {"rows": 0}, Clock(), EMPTY)
    assert (len(result.flows), len(result.rows), result.blob[:]) == (0, 0, b"")
    assert (result.tunnels, result.outer_pairs, result.undecoded_links, result.malformed) == ({}, (), {}, {})
    assert result.oddities.same == Copies()
    assert result.oddities.total_length_zero == Seen()


def test_what_was_left_out_marks_its_table_as_full() -> None:
    left_out = {"rows": 3, "flows": 0}
    result = take_snapshot(make_arrays(Bounds()), NONE, {"frames": 0}, left_out, Clock(), EMPTY)
    assert result.tables_full == {"rows": True, "flows": False}


@pytest.mark.parametrize("make", scanners())
@pytest.mark.parametrize("is_shown", [False, True])
def test_the_last_result_is_like_any_other_and_ends_the_scan(make: Callable[..., Any], is_shown: bool) -> None:
    # Logged, left out, ended by a repetition that brings back what came before it: rows in all orders.
    flows = [
        [sent(tcp(ACK, b"x", seq=1000 + n, sport=port, dport=9), n % 65535 + 1) for n in (*range(320), 310)]
        for port in range(50000, 50040)
    ]
    going, ending = make(), make()
    for number, frames in enumerate([*flows, *flows[:3]]):
        part = batch(frames, first_frame=1 + number * 321)
        going.feed(part)
        ending.feed(part)
    before = ending.result() if is_shown else None
    last = ending.conclude()

    assert not differences(going.result(), last)
    assert before is None or not differences(before, last)
    assert not np.any(np.diff(last.rows["frame"].astype(np.int64)) < 0)
    with pytest.raises(KeyError):
        ending.feed(part)


def test_rows_that_came_back_stand_in_order_when_nothing_else_is_left_in_the_tails() -> None:
    answers = [received(tcp(ACK, sport=443, dport=50000), n) for n in (1, 2)]
    frames = [*(sent(tcp(ACK, b"x", seq=1000 + n), n + 1) for n in range(299)), *answers]
    frames += [sent(tcp(ACK, seq=1299), n) for n in (301, 302)]
    times = [n * MS for n in range(302)]
    # Behind a pause comes what says something: first its own side's last packet comes back, then the other's.
    result = scan(frames, times=[*times, times[-1] + 6000 * MS])
    assert (result.rows["frame"].tolist(), result.flows["rows_left_out"].tolist()) == ([*range(1, 304)], [0])


def test_words_map_to_the_columns_of_a_pair() -> None:
    arrays = make_arrays(Bounds())
    arrays["pairs"][:] = [0xAABBCCDDEEFF, 1, 7, 3, -5, 6, 1, 9, 2, 0]
    pair = take_snapshot(arrays, {**NONE, "pairs": 1}, {"frames": 3}, {}, Clock(), EMPTY).pairs[0]
    assert pair.item() == (0xAABBCCDDEEFF, 1, 7, 3, -5, 6, 1, 9, 0)


def test_oversized_frames_are_summed_over_the_pairs_of_a_sender() -> None:
    frames = [eth(ip4(udp(bytes(2000)), ident=n), dst=bytes(5) + bytes([n])) for n in range(1, 4)]
    assert scan(frames).oddities.oversize == {0x020000000005: 3}
