"""Clients that ask for an IPv4 address and are offered none."""

from __future__ import annotations

from pcapaudit.diagnose.facts import Facts
from pcapaudit.flows.exchanges import DhcpCycle
from pcapaudit.model.events import Packet


def unoffered(facts: Facts) -> list[tuple[DhcpCycle, list[Packet]]]:
    """Cycles in which no offer came, with the DISCOVERs that count as unanswered (ground rule G3).

    A REQUEST behind a DISCOVER names an offer: the device got one, also where the mirror did not show it (G1). One
    before it asks for an address of old, to keep it or after a restart (RFC 2131, 4.4.2 and 4.4.5).
    """
    if not facts.dhcp:
        return []
    newest = facts.dhcp[-1].messages[-1].at.time_ns
    lone = [c for c in facts.dhcp if c.discovers and not (c.offers or _names_an_offer(c) or c.ack is not None)]
    return [
        (c, facts.counted([m.at for m in c.discovers], facts.params.dhcp_wait, last_activity_ns=newest)) for c in lone
    ]


def _names_an_offer(cycle: DhcpCycle) -> bool:
    began = cycle.discovers[0].at.frame
    return any(m.at.frame > began for m in cycle.requests)
