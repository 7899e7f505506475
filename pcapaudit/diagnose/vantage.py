"""On which side of the address translation the frames of a device were taken."""

from __future__ import annotations

from pcapaudit.diagnose.facts import Facts
from pcapaudit.model.addresses import is_private, is_public
from pcapaudit.model.words import Vantage


def vantage_of(facts: Facts) -> Vantage | None:
    """LAN for a private source, WAN for a public one behind a router, None when nothing tells."""
    address = facts.address
    if address is None:
        return Vantage.LAN if facts.mac is not None else None
    if is_public(address):
        return Vantage.WAN if facts.mac is None or facts.host.behind_router else Vantage.LAN
    return Vantage.LAN if is_private(address) or facts.mac is not None else None
