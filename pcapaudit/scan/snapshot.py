"""The picture of a scan: from the loop's raw words to the tables of ``columns``.

The packet log and the list of what was handed over are shown where they lie, without a copy: they
grow at their end, and the scanner that is to thin them makes a copy first. Where flows have tails, whose rows change
with every packet, both are copied and the tails put in place, in order of the frames. Tables whose rows still change
are copied. The last picture of a scan puts the tails into the loop's own log, and takes its words of the flows apart
while it copies them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapaudit.scan import layout
from pcapaudit.scan.blob import Blob
from pcapaudit.scan.columns import (
    ARP_DTYPE,
    BINDING_DTYPE,
    FLOW_DTYPE,
    HANDED_DTYPE,
    PAIR_DTYPE,
    REASONS,
    ROW_DTYPE,
    Copy,
    Table,
)
from pcapaudit.scan.memory import Clock
from pcapaudit.scan.result import Copies, Oddities, OuterPair, ScanResult, Seen

Words = npt.NDArray[Any]

_MAX_OVERSIZE: Final = 1024
_SIDE_FIELDS4: Final = (
    "pkts", "data", "retrans", "unseen_acks", "isn", "next", "ack", "last_frame",
    "flags", "ttl_min", "ttl_max", "mac_changes",
)  # fmt: skip
"""What the first words of a side are, in the order of core's 4-byte layout."""
_STRETCH: Final = 1 << 13
"""So many rows of the log are moved at a time, which stay in the processor's cache, too."""
_PART: Final = 4096
"""So many flows are brought into their form at a time: their words and their rows stay in the processor's cache."""


def take_snapshot(
    arrays: dict[str, Words],
    sizes: dict[str, int],
    counters: dict[str, int],
    left_out: dict[str, int],
    clock: Clock,
    blob: Blob,
    *,
    is_last: bool = False,
) -> ScanResult:
    """Make a result of the loop's arrays.

    Args:
        arrays: Raw words by table name, longer than what is used.
        sizes: Entries used of each.
        counters: The loop's own counters.
        left_out: Entries that a bound kept out, by table name.
        clock: What the time stamps showed.
        blob: The bytes handed over.
        is_last: Nothing is scanned after it, and nobody else looks at the log: it is put in order where it lies, and
            of the flows' words what is done with is given back at once, so that words and table never lie in the
            memory as a whole beside each other.
    """
    tails = _tail_rows(arrays, sizes["tails"])
    if is_last:
        del arrays["tails"]
    rows, handed = _log(arrays["rows"], arrays["handed"], sizes, tails, is_last=is_last)
    flows = _flows(arrays, sizes["flows"], is_last=is_last)
    added = np.bincount(tails["flow"], minlength=len(flows)).astype(np.uint32)
    flows["rows"] += added
    flows["rows_left_out"] -= added
    return ScanResult(
        counters=_all_counters(counters, clock),
        flows=_sealed(flows),
        rows=rows,
        handed=handed,
        blob=blob,
        arps=_arps(_records(arrays["arps"], sizes["arps"], layout.ARP8)),
        pairs=_pairs(_records(arrays["pairs"], sizes["pairs"], layout.PAIR8)),
        bindings=_bindings(_records(arrays["bindings"], sizes["bindings"], layout.BINDING8)),
        first_ns=clock.first_ns,
        last_ns=clock.last_ns,
        tunnels={1 << bit: int(count) for bit, count in enumerate(arrays["tunnels"]) if count},
        outer_pairs=_outer_pairs(_records(arrays["outer"], sizes["outer"], layout.OUTER8)),
        undecoded_links={
            int(n): (int(c), int(f)) for n, c, f in _records(arrays["links"], sizes["links"], layout.LINK8)
        },
        malformed=_malformed(arrays["seen"]),
        oddities=_oddities(arrays, sizes, clock),
        tables_full={name: count > 0 for name, count in left_out.items()},
        left_out=left_out,
    )


def _all_counters(counters: dict[str, int], clock: Clock) -> dict[str, int]:
    return {
        "frames": counters["frames"],
        "captured_bytes": clock.captured,
        "wire_bytes": clock.wire,
        "truncated_frames": clock.cut,
        **counters,
    }


def _records(words: Words, count: int, width: int) -> Words:
    return words[: count * width].reshape(count, width)


def _sealed(table: Table) -> Table:
    table.flags.writeable = False
    return table


def _flows(arrays: dict[str, Words], count: int, *, is_last: bool) -> Table:
    """The flow table, made from its end on, so that the arrays can be shortened meanwhile."""
    table: Table = np.zeros(count, FLOW_DTYPE)
    for begin in reversed(range(0, count, _PART)):
        end = min(begin + _PART, count)
        eight, four = (
            arrays[name][begin * width : end * width].reshape(-1, width)
            for name, width in (("flow8", layout.FLOW8), ("flow4", layout.FLOW4))
        )
        _fill_flows(table[begin:end], eight, four)
        if is_last:
            del eight, four
            # Nobody looks at them: the loop is over. A large array that is shortened gives its pages back.
            arrays["flow8"].resize(begin * layout.FLOW8, refcheck=False)
            arrays["flow4"].resize(begin * layout.FLOW4, refcheck=False)
    return table


def _fill_flows(table: Table, eight: Words, four: Words) -> None:
    """Fill some rows of the flow table from their words."""
    for index, name in enumerate(("a_hi", "a_lo", "b_hi", "b_lo")):
        table[name] = eight[:, index].view(np.uint64)
    key = eight[:, 4]
    table["b_port"], table["a_port"] = key & 0xFFFF, (key >> 16) & 0xFFFF
    table["proto"], table["family"], table["portless"] = (key >> 32) & 0xFF, (key >> 40) & 0xFF, (key >> 48) & 1
    table["first_ns"], table["last_ns"] = eight[:, 5], eight[:, 6]
    for index, name in enumerate(("first_frame", "last_frame", "key_flow", "rows", "rows_left_out")):
        table[name] = four[:, index]
    state = four[:, 5]
    table["vlan"], table["tunnel"], table["midstream"] = state & 0xFFFF, (state >> 16) & 0xFF, (state >> 24) & 1
    table["lost"] = state & layout.IS_LOST > 0
    for side, number in (("a", 0), ("b", 1)):
        at8, at4 = layout.SIDES8 + number * layout.SIDE8, layout.SIDES4 + number * layout.SIDE4
        for index, name in enumerate(_SIDE_FIELDS4):
            table[f"{side}_{name}"] = four[:, at4 + index] & 0xFF if name == "flags" else four[:, at4 + index]
        table[f"{side}_bytes"], table[f"{side}_payload"] = eight[:, at8], eight[:, at8 + 1]
        table[f"{side}_mac"], table[f"{side}_last_ns"] = eight[:, at8 + 2], eight[:, at8 + 4]


def _tail_rows(arrays: dict[str, Words], count: int) -> Table:
    """The last packets of those flows whose log ended before them: of each side the latest, and its last words."""
    sides = _records(arrays["tails"], count, layout.TAIL8).reshape(-1, layout.TAIL_SIDE8)
    latest = sides[:, 1 : layout.TAIL_SAID].reshape(-1).view(ROW_DTYPE)
    found = [latest[latest["frame"] > 0]]
    for place, word in ((layout.TAIL_SAID, layout.SAID4), (layout.TAIL_HEARD, layout.HEARD4)):
        words = np.ascontiguousarray(sides[:, place : place + layout.ROW8]).reshape(-1).view(ROW_DTYPE)
        words = words[words["frame"] > 0]
        at = words["flow"].astype(np.int64) * layout.FLOW4 + layout.SIDES4 + layout.SIDE4 * words["side"] + word
        # What the side said or heard since then is in the log, or among the latest.
        found.append(words[arrays["flow4"][at] == words["frame"]])
    together = np.concatenate(found)
    rows: Table = together[np.unique(together["frame"], return_index=True)[1]]
    return rows


def _log(rows: Words, handed: Words, sizes: dict[str, int], tails: Table, *, is_last: bool) -> tuple[Table, Table]:
    """The log with the rows of tails in their places, and what was handed over."""
    count = sizes["rows"]
    used, used_handed = count * layout.ROW8, sizes["handed"] * layout.HANDED8
    whole = used + len(tails) * layout.ROW8
    if is_last:
        # In place, so that memory which was used before the log was thinned is given back.
        rows.resize(whole, refcheck=False)
        handed.resize(used_handed, refcheck=False)
    elif sizes["tails"]:
        rows, handed = np.concatenate([rows[:used], np.empty(whole - used, np.uint64)]), handed[:used_handed].copy()
    table: Table = handed[:used_handed].view(HANDED_DTYPE)
    # A row that came back out of a tail stands too late, though none may be left there.
    if sizes["tails"]:
        table["row"] = _put_in_order(rows.reshape(-1, layout.ROW8), count, tails)[table["row"]]
    return _sealed(rows[:whole].view(ROW_DTYPE)), _sealed(table)


def _put_in_order(log: Words, count: int, tails: Table) -> npt.NDArray[np.uint32]:
    """Put tails among the first ``count`` rows of the log, which has room for them behind; where each of these is then.

    That is done from the end, a stretch after the other, so that no row is overwritten before it was moved. Those few
    that move to the front, because they came back into the log late, are set aside before.
    """
    frames = np.concatenate([log[:count].reshape(-1).view(ROW_DTYPE)["frame"], tails["frame"]])
    order = np.argsort(frames, kind="stable")
    places = np.empty(len(order), np.uint32)
    places[order] = np.arange(len(order), dtype=np.uint32)
    late = np.flatnonzero(places[:count] < np.arange(count, dtype=np.uint32))
    # As plain words: numpy copies records field by field.
    aside = np.concatenate([log[late], tails.view(np.uint64).reshape(-1, layout.ROW8)])
    order[np.concatenate([places[late], places[count:]])] = count + np.arange(len(aside))
    for end in range(len(order), 0, -_STRETCH):
        begin = max(0, end - _STRETCH)
        wanted = order[begin:end]
        is_aside = wanted >= count
        stretch = log[np.where(is_aside, 0, wanted)]
        stretch[is_aside] = aside[wanted[is_aside] - count]
        log[begin:end] = stretch
    return places[:count]


def _arps(records: Words) -> Table:
    table: Table = np.zeros(len(records), ARP_DTYPE)
    table["time_ns"], table["frame"] = records[:, 0], records[:, 1]
    table["op"], table["vlan"] = records[:, 2] & 0xFFFF, records[:, 2] >> 16
    for index, name in enumerate(("smac", "dmac", "sender_mac", "target_mac", "sender_ip", "target_ip", "dup_of")):
        table[name] = records[:, 3 + index]
    return _sealed(table)


def _pairs(records: Words) -> Table:
    names = ("smac", "dmac", "vlan", "frames", "first_ns", "last_ns", "first_frame", "last_frame")
    table = _filled(records, PAIR_DTYPE, names)
    table.flags.writeable = True
    table["lost"] = records[:, 9]
    return _sealed(table)


def _bindings(records: Words) -> Table:
    names = ("smac", "family", "hi", "lo", "frames", "first_ns", "last_ns", "first_frame", "last_frame")
    table = _filled(records, BINDING_DTYPE, (*names, "ttl_min", "ttl_max"))
    table.flags.writeable = True
    for index, name in enumerate(("sums", "wrong_sums", "partial_sums")):
        table[name] = (records[:, 11] >> (16 * index)) & 0xFFFF
    return _sealed(table)


def _filled(records: Words, dtype: np.dtype[np.void], names: tuple[str, ...]) -> Table:
    table: Table = np.zeros(len(records), dtype)
    for index, name in enumerate(names):
        table[name] = records[:, index].view(np.uint64) if dtype[name] == np.uint64 else records[:, index]
    return _sealed(table)


def _seen(words: Words, which: int) -> Seen:
    count, *frames = (int(word) for word in words[which * layout.SEEN8 : (which + 1) * layout.SEEN8])
    return Seen(count, tuple(frames[: min(count, 5)]))


def _links(records: Words) -> dict[int, tuple[int, int]]:
    return {number: (count, first_frame) for number, count, first_frame in records.tolist()}


def _malformed(words: Words) -> dict[str, Seen]:
    found = {reason: _seen(words, index) for index, reason in enumerate(REASONS)}
    return {reason: seen for reason, seen in found.items() if seen.count}


def _outer_pairs(records: Words) -> tuple[OuterPair, ...]:
    pairs = []
    for head, *halves, frames, first_frame in records.tolist():
        family = head >> 16
        source, target = _packed(family, halves[0], halves[1]), _packed(family, halves[2], halves[3])
        pairs.append(OuterPair(head & 0xFFFF, source, target, frames, first_frame))
    return tuple(pairs)


def _packed(family: int, hi: int, lo: int) -> bytes:
    """Join the two halves of an address, which the loop keeps as signed numbers."""
    whole = hi.to_bytes(8, "big", signed=True) + lo.to_bytes(8, "big", signed=True)
    return whole[12:] if family == 4 else whole


def _copies(words: Words, kind: Copy) -> Copies:
    count, *frames = (int(word) for word in words[kind * layout.COPY8 : (kind + 1) * layout.COPY8])
    pairs = zip(frames[0::2], frames[1::2], strict=True)
    return Copies(count, tuple(pair for pair in pairs if pair[1]))


def _oversize(records: Words) -> dict[int, int]:
    """Sum the oversized frames of each sender over its pairs."""
    found: dict[int, int] = {}
    for smac, count in records[records[:, 8] > 0][:, (0, 8)].tolist():
        if smac in found or len(found) < _MAX_OVERSIZE:
            found[smac] = found.get(smac, 0) + count
    return found


def _oddities(arrays: dict[str, Words], sizes: dict[str, int], clock: Clock) -> Oddities:
    return Oddities(
        backward=clock.backward,
        largest_back_ns=clock.largest_back_ns,
        backward_over_1ms=clock.backward_over_1ms,
        hops=clock.hops,
        same=_copies(arrays["copies"], Copy.SAME),
        routed=_copies(arrays["copies"], Copy.ROUTED),
        total_length_zero=_seen(arrays["seen"], layout.SEEN_TSO),
        oversize=_oversize(_records(arrays["pairs"], sizes["pairs"], layout.PAIR8)),
        oversize_frames=_seen(arrays["seen"], layout.SEEN_OVERSIZE),
    )
