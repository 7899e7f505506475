"""Which flows are a host's, and which of these it opened: asked of the columns of the flow table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.flow import TCP, UDP
from pcapaudit.flows.numbering import numbering_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_unicast

DHCP_PORTS = (67, 68)


def owned_flows(traffic: Traffic, addresses: Collection[bytes], mac: bytes | None) -> list[int]:
    """Flows of a host, by address and (where both are known) by MAC, in order.

    Args:
        traffic: The capture.
        addresses: The host's. From another MAC the same address is another host's: an address conflict, a reused lease.
        mac: The host's; None behind a router.
    """
    numbering, table = numbering_of(traffic), traffic.result.flows
    own = int.from_bytes(mac or b"", "big")
    found: set[int] = set()
    for address in addresses:
        flows = np.array(traffic.flows_by_address.get(address, ()), np.int64)
        is_a = numbering.a[flows] == numbering.number(address)
        used = np.where(is_a, table["a_mac"][flows], table["b_mac"][flows])
        found.update((flows if mac is None else flows[(used == own) | (used == 0)]).tolist())
    return sorted(found)


def opened_flows(traffic: Traffic, addresses: Collection[bytes], flows: Sequence[int]) -> list[int]:
    """Those of some flows that the addresses opened over TCP or UDP to a single host; DHCP left out."""
    numbering, table = numbering_of(traffic), traffic.result.flows
    chosen = np.array(flows, np.int64)
    is_from_b = (traffic.digests.table[chosen, layout.STATE] & layout.FROM_B) > 0
    own = np.zeros(len(numbering.addresses), np.bool_)
    own[list(numbering.numbers(addresses))] = True
    orig = np.where(is_from_b, numbering.b[chosen], numbering.a[chosen])
    far = np.where(is_from_b, numbering.a[chosen], numbering.b[chosen])
    proto, port = table["proto"][chosen], np.where(is_from_b, table["a_port"][chosen], table["b_port"][chosen])
    is_meant = ((proto == TCP) | (proto == UDP)) & (port != DHCP_PORTS[0]) & (port != DHCP_PORTS[1])
    opened: list[int] = chosen[is_meant & own[orig] & _unicast(traffic)[far]].tolist()
    return opened


def _unicast(traffic: Traffic) -> npt.NDArray[np.bool_]:
    """Per number of an address: whether it is one host's."""
    known: npt.NDArray[np.bool_] | None = traffic.memo.get("unicast_numbers")
    if known is None:
        known = traffic.memo["unicast_numbers"] = numbering_of(traffic).which(is_unicast)
    return known
