"""When the far side of a flow was last heard: in the flow table where that is exact, else in the packet log."""

from __future__ import annotations

import numpy as np

from pcapaudit.flows import layout
from pcapaudit.flows.traffic import Traffic


def last_received_ns(traffic: Traffic, flow: int) -> int:
    """When the last packet of a flow's responder came, marked copies left out; 0 where there is none.

    Args:
        traffic: The capture.
        flow: Row of the flow table; the flow is seen from the side that opened it.
    """
    known: list[int] | None = traffic.memo.get("last_received")
    if known is None:
        known = traffic.memo["last_received"] = _read(traffic)
    time_ns = known[flow]
    return time_ns if time_ns >= 0 else traffic.flow(flow).received[-1].time_ns


def _read(traffic: Traffic) -> list[int]:
    """Per flow the time, or -1 where the table counts other packets than the log: copies, and what is not logged."""
    flows, words = traffic.result.flows, traffic.digests.table
    is_from_b = (words[:, layout.STATE] & layout.FROM_B) > 0
    logged = words[:, layout.SIDE + layout.PACKETS]
    times = np.where(is_from_b, flows["a_last_ns"], flows["b_last_ns"])
    times[logged != np.where(is_from_b, flows["a_pkts"], flows["b_pkts"])] = -1
    times[logged == 0] = 0
    found: list[int] = times.tolist()
    return found
