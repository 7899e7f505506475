"""When a side of a flow was last heard: by the flow table, and by the packet log where copies are marked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.groups import by_parts
from pcapaudit.flows.rows import last_rows_sent
from pcapaudit.flows.traffic import Traffic

UNSURE = -1
"""Stands for a time that the table does not tell: it counts copies as well, which the log marks."""

_Numbers = npt.NDArray[np.int64]
_FEW = 64
"""So many flows are looked at first; who reads on gets twice as many each time."""


def last_received_ns(traffic: Traffic, flow: int) -> int:
    """When the last packet of a flow's responder came, logged or not, marked copies left out; 0 where there is none.

    Args:
        traffic: The capture.
        flow: Row of the flow table; the flow is seen from the side that opened it.
    """
    known = int(_by_table(traffic, "responder")[flow])
    if known != UNSURE:
        return known
    received = traffic.flow(flow).received
    return received[-1].time_ns if received else 0


def answered_ns(traffic: Traffic, flows: _Numbers) -> Iterator[int]:
    """When each of some flows was last answered, 0 where it was not; of an unseen responder the opener's word counts.

    Args:
        traffic: The capture.
        flows: Rows of the flow table.
    """
    received = _by_table(traffic, "responder")[flows]
    is_told = traffic.digests.table[flows, layout.ANSWER_END] > 0
    for flow, time_ns, told in zip(flows.tolist(), received.tolist(), is_told.tolist(), strict=True):
        known = time_ns if time_ns != UNSURE else last_received_ns(traffic, flow)
        answer = traffic.flow(flow).last_answer if told and not known else None
        yield known if answer is None else answer.time_ns


def received_since(traffic: Traffic, flows: _Numbers, since_ns: int) -> Iterator[int]:
    """Those of some flows whose responder was last heard then or later, in order; no more are looked at than are read.

    Args:
        traffic: The capture.
        flows: Rows of the flow table.
        since_ns: As ``last_received_ns`` tells; 0 for all flows.
    """
    times = _by_table(traffic, "responder")
    for part in by_parts(flows, _FEW):
        known = times[part]
        for flow in part[(known >= since_ns) | (known == UNSURE)].tolist():
            if last_received_ns(traffic, flow) >= since_ns:
                yield flow


def last_sent_ns(traffic: Traffic, flows: _Numbers) -> _Numbers:
    """For each of some flows the same of the side that opened it.

    Args:
        traffic: The capture.
        flows: Rows of the flow table.
    """
    times = _by_table(traffic, "originator")[flows]
    unsure = np.flatnonzero(times == UNSURE)
    if len(unsure):
        spoke = unsure[traffic.digests.table[flows[unsure], layout.PACKETS] > 0]
        times[unsure] = 0
        times[spoke] = traffic.result.rows["time_ns"][last_rows_sent(traffic, flows[spoke], 1)]
    return times


def _by_table(traffic: Traffic, side: str) -> _Numbers:
    """When the originator or the responder of each flow last sent something, or UNSURE; found once per capture."""
    known: _Numbers | None = traffic.memo.get(f"last of {side}")
    if known is None:
        flows, words = traffic.result.flows, traffic.digests.table
        is_b = (words[:, layout.STATE] & layout.FROM_B > 0) != (side == "responder")
        logged = words[:, layout.PACKETS].astype(np.int64) + words[:, layout.SIDE + layout.PACKETS]
        counted = flows["a_pkts"].astype(np.int64) + flows["b_pkts"]
        known = np.where(is_b, flows["b_last_ns"], flows["a_last_ns"])
        known[counted != logged + flows["rows_left_out"]] = UNSURE
        traffic.memo[f"last of {side}"] = known
    return known
