"""The packet log by flow, as rows: many packets looked at in their columns, without an object for each.

For questions that rules ask about all packets of an address or a flow, of which they need a number or two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.flow import ACK, RST, SYN, Flow
from pcapaudit.flows.numbering import ends_of
from pcapaudit.flows.packets import packed_address
from pcapaudit.flows.traffic import Traffic
from pcapaudit.scan.columns import Table

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


def rows_from(traffic: Traffic, address: bytes, flows: Sequence[int]) -> _Numbers:
    """Rows of what an address sent on some flows, flow by flow, in each in frame order; marked duplicates left out."""
    places, lengths = _places_of(traffic, flows)
    of_whom, side = np.repeat(np.arange(len(lengths)), lengths), traffic.result.rows["side"][places]
    # An address may talk to itself: then what either side sent is its own.
    is_own = np.stack([_is_end(traffic, address, flows, name) for name in "ab"], axis=1)
    own: _Numbers = places[is_own[of_whom, side]]
    return own


def _is_end(traffic: Traffic, address: bytes, flows: Sequence[int], side: str) -> _Flags:
    """Whether an address stands on side a or b of each flow."""
    whole, table = int.from_bytes(address, "big"), traffic.result.flows
    is_high = table[f"{side}_hi"][flows] == np.uint64(whole >> 64)
    found: _Flags = is_high & (table[f"{side}_lo"][flows] == np.uint64(whole & (1 << 64) - 1))
    return found


def rows_received(traffic: Traffic, flow: Flow) -> _Numbers:
    """Rows of what the responder of a flow sent, in frame order; marked duplicates left out."""
    a, a_port, _, _, _ = traffic.ends(flow.index)
    places, _ = _places_of(traffic, [flow.index])
    received: _Numbers = places[traffic.result.rows["side"][places] == int((a, a_port) == flow.orig)]
    return received


def last_rows_sent(traffic: Traffic, flows: Sequence[int] | _Numbers, count: int) -> _Numbers:
    """Rows of the last packets, at most so many of each flow, that those who opened some flows sent."""
    places, lengths = _places_of(traffic, flows)
    is_b = traffic.digests.table[flows, layout.STATE] & layout.FROM_B
    of_whom = np.repeat(np.arange(len(lengths)), lengths)
    is_sent = traffic.result.rows["side"][places] == is_b[of_whom]
    sent, of_whom = places[is_sent], of_whom[is_sent]
    ends = np.cumsum(np.bincount(of_whom, minlength=len(lengths)))
    last: _Numbers = sent[ends[of_whom] - np.arange(len(sent)) <= count]
    return last


def rows_of_data(traffic: Traffic, flows: Sequence[Flow]) -> _Numbers:
    """Where in the log the data stand that the originators of some flows sent, by time; keep-alive probes left out."""
    chosen = np.array([f.index for f in flows], np.int64)
    places, lengths = _places_of(traffic, chosen)
    own = [ends[:2] != f.orig for f, ends in zip(flows, ends_of(traffic, chosen), strict=True)]
    rows = traffic.result.rows
    is_sent = rows["side"][places] == np.repeat(np.array(own, np.uint8), lengths)
    found = places[is_sent & (traffic.digests.is_data[places] > 0)]
    ordered: _Numbers = found[np.argsort(rows["time_ns"][found], kind="stable")]
    return ordered


def opening_times(traffic: Traffic, address: bytes, flows: Sequence[int]) -> _Numbers:
    """Time from the one SYN of each flow to the SYN-ACK of the address, where both are there (ns)."""
    is_from_b = (traffic.digests.table[flows, layout.STATE] & layout.FROM_B) > 0
    is_asked = np.where(is_from_b, *(_is_end(traffic, address, flows, name) for name in "ab"))
    times, (_, asked, answers) = traffic.result.rows["time_ns"], openings(traffic, np.array(flows, np.int64)[is_asked])
    found: _Numbers = times[answers] - times[asked]
    return found


def openings(traffic: Traffic, flows: Sequence[int] | _Numbers) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Those of the flows that show one SYN and a SYN-ACK, and for each the rows of both."""
    digests, chosen = traffic.digests, np.asarray(flows, np.int64)
    words = digests.table[chosen].astype(np.int64)
    is_whole = (words[:, layout.SYNS] == 1) & (words[:, layout.SIDE + layout.SYN_ACK_AT] > 0)
    chosen, words = chosen[is_whole], words[is_whole]
    begins = digests.bounds[chosen] - 1
    asked = digests.order[begins + words[:, layout.SYN_AT]]
    return chosen, asked, digests.order[begins + words[:, layout.SIDE + layout.SYN_ACK_AT]]


def first_syn_acks(traffic: Traffic) -> tuple[_Numbers, _Numbers]:
    """The flows whose responder accepted with a SYN-ACK, and the row of the first one of each."""
    digests = traffic.digests
    places = digests.table[:, layout.SIDE + layout.SYN_ACK_AT].astype(np.int64)
    found = np.flatnonzero(places)
    return found, digests.order[digests.bounds[found] + places[found] - 1]


def sides_of(traffic: Traffic, flow: int) -> tuple[Table, Table]:
    """The logged packets of side a and of side b of a flow, in frame order; marked duplicates left out."""
    own = traffic.result.rows[_places_of(traffic, [flow])[0]]
    return own[own["side"] == 0], own[own["side"] == 1]


def first_acks(traffic: Traffic) -> tuple[_Numbers, _Numbers]:
    """For each flow the row of the first acknowledgment (no SYN, no RST) of side a, and of side b; -1 for none."""
    rows, found = traffic.result.rows, np.full((2, len(traffic.result.flows)), -1, np.int64)
    order = traffic.digests.order
    acks = order[(rows["flags"][order] & (ACK | SYN | RST)) == ACK][::-1]
    # The first one is written last.
    found[rows["side"][acks], rows["flow"][acks]] = acks
    return found[0], found[1]


def _places_of(traffic: Traffic, flows: Sequence[int] | _Numbers) -> tuple[_Numbers, _Numbers]:
    """Rows of some flows, flow by flow, and how many there are of each."""
    digests, chosen = traffic.digests, np.array(flows, np.int64)
    begins = digests.bounds[chosen]
    lengths = digests.bounds[chosen + 1] - begins
    starts = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)
    return digests.order[starts + np.arange(len(starts))], lengths


def ttl_spans(traffic: Traffic) -> dict[bytes, int] | None:
    """Address -> how far the TTLs of its packets lie apart; None when the scan's table of addresses was full."""
    bindings = traffic.result.bindings
    if traffic.result.tables_full.get("bindings"):
        return None
    seen: dict[bytes, tuple[int, int]] = {}
    columns = (bindings[n].tolist() for n in ("family", "hi", "lo", "ttl_min", "ttl_max"))
    for family, high, low, least, most in zip(*columns, strict=True):
        address = packed_address(family, high, low)
        before = seen.get(address, (least, most))
        seen[address] = min(least, before[0]), max(most, before[1])
    return {address: most - least for address, (least, most) in seen.items()}
