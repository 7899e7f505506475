"""Which flows are a host's, and which of these it opened: asked of the columns of the flow table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from pcapaudit.flows.flow import TCP, UDP
from pcapaudit.flows.groups import Rows
from pcapaudit.flows.numbering import numbering_of, roles_of
from pcapaudit.flows.outward import Outward
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_unicast

DHCP_PORTS = (67, 68)
_NONE = np.zeros(0, np.int64)


def owned_flows(traffic: Traffic, addresses: Collection[bytes], mac: bytes | None) -> Rows:
    """Flows of a host, by address and (where both are known) by MAC, in order.

    Args:
        traffic: The capture.
        addresses: The host's. From another MAC the same address is another host's: an address conflict, a reused lease.
        mac: The host's; None behind a router.
    """
    numbering, table = numbering_of(traffic), traffic.result.flows
    own = int.from_bytes(mac or b"", "big")
    found: list[npt.NDArray[np.int64]] = []
    for address in addresses:
        flows = np.array(traffic.flows_by_address.get(address, ()), np.int64)
        if mac is not None:
            is_a = numbering.a[flows] == numbering.number(address)
            used = np.where(is_a, table["a_mac"][flows], table["b_mac"][flows])
            flows = flows[(used == own) | (used == 0)]
        found.append(flows)
    # Those of one address stand in order.
    owned = found[0] if len(found) == 1 else np.unique(np.concatenate([_NONE, *found]))
    return Rows(owned.astype(np.uint32))


def opened_flows(traffic: Traffic, addresses: Collection[bytes], flows: Sequence[int]) -> Outward:
    """Those of some flows that the addresses opened over TCP or UDP to a single host; DHCP left out."""
    numbering, chosen = numbering_of(traffic), np.array(flows, np.int64)
    own = np.zeros(len(numbering.addresses) + 1, np.bool_)
    own[list(numbering.numbers(addresses))] = True
    return Outward(traffic, chosen[own[_openers(traffic)[chosen]]])


def _openers(traffic: Traffic) -> npt.NDArray[np.uint32]:
    """Per flow over TCP or UDP to a single host the number of who opened it; for others, and DHCP, one beyond all."""
    known: npt.NDArray[np.uint32] | None = traffic.memo.get("openers")
    if known is None:
        numbering, table = numbering_of(traffic), traffic.result.flows
        roles = roles_of(traffic)
        is_meant = np.isin(table["proto"], (TCP, UDP)) & ~np.isin(roles.ports, DHCP_PORTS)
        is_meant &= numbering.which(is_unicast)[roles.responders]
        nobody = np.uint32(len(numbering.addresses))
        known = traffic.memo["openers"] = np.where(is_meant, roles.originators, nobody)
    return known
