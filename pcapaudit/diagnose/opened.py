"""The TCP connections that a device opened, by where they lead: rules ask for a few of them, again and again."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import TypeAlias

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.once import once
from pcapaudit.flows.flow import TCP, Endpoint, Flow

MOST = 200
"""Connections that are looked at behind some frame."""

_Place: TypeAlias = Endpoint | bytes


def opened_to(facts: Facts, place: _Place, after_frame: int) -> Iterator[Flow]:
    """The first connections, ``MOST`` at most, that the device opened to a place behind a frame.

    Args:
        facts: The device.
        place: An address, or an address and a port.
        after_frame: The frame.
    """
    first_frames = facts.traffic.result.flows["first_frame"]
    opened = _by_place(facts).get(place, [])
    begin = bisect_right(opened, after_frame, key=first_frames.item)
    return map(facts.traffic.flow, opened[begin : begin + MOST])


@once
def _by_place(facts: Facts) -> dict[_Place, list[int]]:
    """Rows of the flow table in order, under the address and under address and port."""
    outward = facts.outward_flows
    connections = outward.where(outward.protocols == TCP)
    found: dict[_Place, list[int]] = defaultdict(list)
    for target, row in zip(connections.targets, connections.places.tolist(), strict=True):
        found[target].append(row)
        found[target[0]].append(row)
    return found
