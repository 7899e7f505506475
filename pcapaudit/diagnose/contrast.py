"""What works for others: the flows in which a service did what it is there for, whoever asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pcapaudit.diagnose.twins import twins_of
from pcapaudit.flows import layout
from pcapaudit.flows.flow import UDP
from pcapaudit.flows.groups import Service, by_service
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.records import dataclass


@dataclass(frozen=True, slots=True)
class Contrast:
    """Another host, port or service that works where the device's does not."""

    address: bytes
    target: bytes
    port: int
    frame: int


def served_flows(traffic: Traffic) -> Mapping[Service, Sequence[int]]:
    """Protocol, address and port of a responder -> flows that it answered and did not refuse; found once per capture.

    Those of TCP were established. The outer half of a translated connection is left out: it is no host's own.
    """
    known: Mapping[Service, Sequence[int]] | None = traffic.memo.get("served")
    if known is None:
        words = traffic.digests.table
        is_served = (words[:, layout.SIDE + layout.PACKETS] > 0) & (words[:, layout.REFUSAL] == 0)
        is_served &= (words[:, layout.STATE] & layout.ESTABLISHED > 0) | (traffic.result.flows["proto"] == UDP)
        is_served[list(twins_of(traffic).outer)] = False
        known = traffic.memo["served"] = by_service(traffic, np.flatnonzero(is_served))
    return known
