"""The packet log by flow, as rows: many packets looked at in their columns, without an object for each.

For questions that rules ask about all packets of an address or a flow, of which they need a number or two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.flow import ACK, RST, SYN, TCP, Flow
from pcapaudit.flows.packets import packed_address
from pcapaudit.flows.traffic import Traffic
from pcapaudit.scan.columns import Table

LARGE = 1000
"""Bytes: less is no full segment of any usual path."""

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


def rows_from(traffic: Traffic, address: bytes, flows: Sequence[int]) -> Table:
    """What an address sent on some flows, flow by flow, in each in frame order; marked duplicates left out."""
    places, lengths = _places_of(traffic, flows)
    found: Table = traffic.result.rows[places]
    # An address may talk to itself: then what either side sent is its own.
    is_own = np.array([[traffic.ends(i)[0] == address, traffic.ends(i)[2] == address] for i in flows], np.bool_)
    own: Table = found[is_own.reshape(-1, 2)[np.repeat(np.arange(len(lengths)), lengths), found["side"]]]
    return own


def rows_received(traffic: Traffic, flow: Flow) -> Table:
    """What the responder of a flow sent, in frame order; marked duplicates left out."""
    a, a_port, _, _, _ = traffic.ends(flow.index)
    found: Table = traffic.result.rows[_places_of(traffic, [flow.index])[0]]
    received: Table = found[found["side"] == int((a, a_port) == flow.orig)]
    return received


def opening_times(traffic: Traffic, address: bytes, flows: Sequence[int]) -> _Numbers:
    """Time from the one SYN of each flow to the SYN-ACK of the address, where both are there (ns)."""
    digests, times = traffic.digests, traffic.result.rows["time_ns"]
    is_from_b = (digests.table[flows, layout.STATE] & layout.FROM_B).tolist()
    answered = [i for i, turned in zip(flows, is_from_b, strict=True) if traffic.ends(i)[0 if turned else 2] == address]
    words, begins = digests.table[answered].astype(np.int64), digests.bounds[answered] - 1
    asked, told = words[:, layout.SYN_AT], words[:, layout.SIDE + layout.SYN_ACK_AT]
    is_whole = (words[:, layout.SYNS] == 1) & (told > 0)
    sent, came = (digests.order[(begins + places)[is_whole]] for places in (asked, told))
    found: _Numbers = times[came] - times[sent]
    return found


def _places_of(traffic: Traffic, flows: Sequence[int]) -> tuple[_Numbers, _Numbers]:
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


# --- which flows are worth reading: True or False for each, found once per capture ----------------


def moving_flows(traffic: Traffic) -> _Flags:
    """Flows in which the MAC behind a side changes."""
    flows = traffic.result.flows
    return _once(traffic, "moving_flows", lambda: (flows["a_mac_changes"] > 0) | (flows["b_mac_changes"] > 0))


def closed_windows(traffic: Traffic) -> _Flags:
    """Flows in which a side says that it takes no data (RFC 9293, section 3.8.6)."""
    return _once(traffic, "closed_windows", lambda: _find_closed(traffic))


def _find_closed(traffic: Traffic) -> _Flags:
    rows = traffic.result.rows
    found = np.zeros(len(traffic.result.flows), np.bool_)
    found[rows["flow"][(rows["window"] == 0) & (rows["flags"] & (ACK | RST | SYN) == ACK)]] = True
    return found


def lagging_flows(traffic: Traffic) -> _Flags:
    """TCP flows in which one side is a large segment or more ahead of what the other acknowledged, by the flow table.

    A reset may bear any acknowledgment, and of a long flow not every packet is logged: such ones are among them, too.
    """
    return _once(traffic, "lagging_flows", lambda: _find_lagging(traffic.result.flows))


def _find_lagging(flows: Table) -> _Flags:
    found: _Flags = flows["rows_left_out"] > 0
    for own, other in ("ab", "ba"):
        is_ahead = (flows[f"{own}_next"] - flows[f"{other}_ack"]).view(np.int32) > LARGE
        found |= is_ahead | (flows[f"{other}_flags"] & (ACK | RST) != ACK)
    found &= flows["proto"] == TCP
    return found


def _once(traffic: Traffic, name: str, find: Callable[[], _Flags]) -> _Flags:
    known: _Flags | None = traffic.memo.get(name)
    if known is None:
        known = traffic.memo[name] = find()
    return known
