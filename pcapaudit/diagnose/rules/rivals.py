"""GATEWAY: two boxes with one address: who claims the device's, and what that costs it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

import numpy as np

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.gateway import router_macs
from pcapaudit.flows.flow import RST, Flow
from pcapaudit.flows.hosts import claims_of
from pcapaudit.model.addresses import ANY_V4, ip_text, is_link_local, is_virtual_router_mac, mac_text
from pcapaudit.model.events import ArpMessage, DhcpMessage, Packet
from pcapaudit.model.words import Outcome, Stage

ALTERNATIONS = 3
MIN_RIVALS = 2
MAX_RIVALS = 10
"""MACs that are named in a sentence."""
DECLINE = 4
MAX_PROBES = 20
"""Probes of one device that are looked at; RFC 5227 sends three an address."""
MAX_HOMES = 2
"""Addresses of an ordinary box; one that claims more answers for others."""
MAX_SHOWN = 3
"""Packets gone astray that are always among the frames of a finding."""
MAX_ASTRAY = 100
"""Flows with a rival in them that are looked at closely; more say nothing new."""


@rule("ARP-DUP-IP", stage=Stage.GATEWAY, outcomes="Fd", evidence=Evidence.BEHAVIOUR)
def duplicate_address(facts: Facts) -> Iterator[Fired]:
    """Two boxes use the device's address.

    **Seen**: two MACs claim the address in turn, three times or more; or the device declines its lease; or its
    question whether the address is free (RFC 5227) is answered, and it then uses that address or none. The device
    fails by it when its answers go to the other box, or that one resets its connections, and nothing is answered since.

    **Means**: an address conflict; answers reach now one, now the other.

    **Not this rule**: a virtual router's MAC, one change after a replacement, a proxy-ARP router that
    answers every probe; the device takes another address and goes on; the same address in another VLAN.

    **Ask the network team**: find the second box; give the device a reservation.
    """
    declines = _standing_declines(facts)
    routers = router_macs(facts)
    probed = _answered_probes(facts, routers)
    owners = facts.traffic.arp_owners
    if not declines and not probed and all(len(owners.get(a, ())) < MIN_RIVALS for a in facts.addresses):
        return
    said = sorted((m for a in facts.addresses for m in facts.traffic.arp_rivalry(a)), key=lambda m: m.at.frame)
    claims = [m for m in said if not is_virtual_router_mac(m.sender_mac) and is_on_link(facts, m)]
    claims = [m for m in claims if m.sender_mac not in routers or m.sender_mac == facts.mac]
    turns = [(a, b) for a, b in pairwise(claims) if a.sender_mac != b.sender_mac]
    if len(turns) < ALTERNATIONS and not declines and not probed:
        return
    claims = claims or [reply for _, reply in probed]
    rivals = {m.sender_mac for m in claims} - {facts.mac}
    named = sorted(map(mac_text, rivals))
    address = ip_text(claims[0].sender_ip if claims else _declined(facts))
    text = (
        f"{address} is claimed by {_listed(named)} too"
        if named
        else f"the device declines {address}: somebody else uses it"
    )
    packets = [m.at for pair in (*turns, *probed) for m in pair] + [m.at for m in declines]
    astray = _astray(facts, rivals)
    fails = bool(declines) or _is_cut_off(facts, astray) or (bool(probed) and not facts.addresses)
    yield facts.finding(
        "ARP-DUP-IP",
        Stage.GATEWAY,
        text,
        [*packets, *astray],
        outcome=Outcome.FAILED if fails else Outcome.DEGRADED,
        decisive=[p.frame for p in astray[:MAX_SHOWN]],
        independent=max(len(turns), len(declines), len(probed)),
    )


def is_on_link(facts: Facts, message: ArpMessage) -> bool:
    """Whether an ARP packet can belong to the device's network: another VLAN may use the same addresses.

    Args:
        facts: The device.
        message: The packet; one without a tag may come from anywhere, since a mirror may take tags off.
    """
    return facts.host.vlan is None or message.at.vlan is None or message.at.vlan == facts.host.vlan


def _listed(rivals: Sequence[str]) -> str:
    more = f" and {len(rivals) - MAX_RIVALS} others" if len(rivals) > MAX_RIVALS else ""
    return ", ".join(rivals[:MAX_RIVALS]) + more


def _standing_declines(facts: Facts) -> list[DhcpMessage]:
    """DECLINEs with time left to start over (RFC 2131, 3.1: 10 s) that no other address in the last lease heals."""
    refused = [m for c in facts.dhcp for m in c.of_kind(DECLINE)]
    counted = {p.frame for p in facts.counted([m.at for m in refused], facts.params.dhcp_wait)}
    last = facts.lease
    return [
        m
        for m in refused
        if m.at.frame in counted and not (last and last.at.frame > m.at.frame and last.yiaddr != m.requested)
    ]


def _answered_probes(facts: Facts, routers: Collection[bytes | None]) -> list[tuple[ArpMessage, ArpMessage]]:
    """The device's probes of an address that it then uses, or that leave it without any, each with the answer."""
    own = facts.traffic.arp_probes(facts.mac) if facts.mac is not None else ()
    probes = [m for m in own if not is_link_local(m.target_ip)]
    wanted = [m for m in probes if m.target_ip in facts.addresses or not facts.addresses]
    found = ((m, _refusal(facts, m, routers)) for m in wanted[:MAX_PROBES])
    return [(m, reply) for m, reply in found if reply is not None]


def _refusal(facts: Facts, probe: ArpMessage, routers: Collection[bytes | None]) -> ArpMessage | None:
    """The answer to a probe by a box that owns the address; a router may answer for every address (RFC 1027)."""
    for m in facts.traffic.arps_from(probe.target_ip):
        is_answer = m.op == 2 and m.target_mac == facts.mac and m.at.frame > probe.at.frame
        if is_answer and m.sender_mac not in routers and m.sender_mac != facts.mac:
            homes = sum(len(a) == len(ANY_V4) for a in claims_of(facts.traffic, m.sender_mac))
            if homes <= MAX_HOMES:
                return m
    return None


def _declined(facts: Facts) -> bytes:
    """The address that a DECLINE refuses: option 50, else what the lease before it gave."""
    asked = [m.requested for c in facts.dhcp for m in c.of_kind(DECLINE) if m.requested is not None]
    leased = [c.ack.yiaddr for c in facts.dhcp if c.ack is not None]
    return (asked or leased or [bytes(4)])[-1]


def _astray(facts: Facts, rivals: Collection[bytes]) -> list[Packet]:
    """Packets of the device's flows that a rival reset in its name, and answers to it that went to a rival alone."""
    rows = facts.traffic.result.rows
    macs = np.array([int.from_bytes(mac, "big") for mac in rivals], np.uint64)
    met = set(rows["flow"][np.isin(rows["smac"], macs) | np.isin(rows["dmac"], macs)].tolist())
    flows = [facts.traffic.flow(i) for i in sorted(met.intersection(facts.flows))[:MAX_ASTRAY]]
    return sorted((p for f in flows for p in _lost_to(facts, f, rivals)), key=lambda p: p.frame)


def _lost_to(facts: Facts, flow: Flow, rivals: Collection[bytes]) -> list[Packet]:
    resets = [p for p in flow.packets if p.flags & RST and p.src in facts.addresses and p.smac in rivals]
    answers = [p for p in flow.packets if p.dst in facts.addresses]
    is_lost = not flow.is_established and all(p.dmac in rivals for p in answers)
    return [*resets, *(answers if is_lost else ())]


def _is_cut_off(facts: Facts, astray: Sequence[Packet]) -> bool:
    """Whether nothing from beyond the gateway has reached the device since the last of these packets."""
    return bool(astray) and all(heard <= astray[-1].time_ns for heard in facts.heard_beyond_ns)
