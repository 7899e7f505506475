"""When the far side of a flow was last heard: by the flow table, and by the packet log where copies are marked."""

from __future__ import annotations

import numpy as np

from pcapaudit.flows import layout
from pcapaudit.flows.traffic import Traffic


def last_received_ns(traffic: Traffic, flow: int) -> int:
    """When the last packet of a flow's responder came, logged or not, marked copies left out; 0 where there is none.

    Args:
        traffic: The capture.
        flow: Row of the flow table; the flow is seen from the side that opened it.
    """
    known: list[int] | None = traffic.memo.get("last_received")
    if known is None:
        known = traffic.memo["last_received"] = _read(traffic)
    if known[flow] >= 0:
        return known[flow]
    received = traffic.flow(flow).received
    return received[-1].time_ns if received else 0


def _read(traffic: Traffic) -> list[int]:
    """Per flow the time, or -1 where the table counts copies as well, which the log marks."""
    flows, words = traffic.result.flows, traffic.digests.table.astype(np.int64)
    is_from_b = (words[:, layout.STATE] & layout.FROM_B) > 0
    logged = words[:, layout.PACKETS] + words[:, layout.SIDE + layout.PACKETS]
    counted = flows["a_pkts"].astype(np.int64) + flows["b_pkts"]
    times = np.where(is_from_b, flows["a_last_ns"], flows["b_last_ns"])
    times[counted != logged + flows["rows_left_out"]] = -1
    found: list[int] = times.tolist()
    return found
