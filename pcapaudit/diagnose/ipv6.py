"""What IPv6 gives a device: its router, its address, its way out; and whether the network speaks anything else."""

from __future__ import annotations

from collections.abc import Sequence

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.proof import Proof
from pcapaudit.flows.discovery import (
    REPLY,
    Dhcp6Exchange,
    dhcp6_of,
    discovery_of,
    is_on_link,
    pair_neighbours,
)
from pcapaudit.flows.outline import Outline
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ANY_V4, ip_text, is_link_local, is_public, is_unicast
from pcapaudit.model.events import IcmpMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import State
from pcapaudit.scan.columns import NO_VLAN

MAX_TALKERS = 1000
"""Hosts of the capture that are held to show which IP version carries its traffic to the outside."""
QUIET_NS = 60_000_000_000
V4, V6 = 4, 16
"""Octets of an address, which tell its version."""


@dataclass(frozen=True, slots=True)
class Talker:
    """A host that exchanges packets with the outside: its address, VLAN and the first frame it got back."""

    address: bytes
    vlan: int | None
    frame: int


def has_ipv4(facts: Facts) -> bool:
    """Whether the device has an IPv4 address that works beyond its own wire: leased, or used."""
    own = (a for a in facts.host.addresses if len(a) == V4 and a != ANY_V4)
    return facts.lease is not None or any(not is_link_local(a) for a in own)


def wide_addresses(facts: Facts) -> list[bytes]:
    """IPv6 addresses of the device that are valid beyond its link (RFC 4291, 2.4; RFC 4193)."""
    return [a for a in facts.host.addresses if len(a) == V6 and is_unicast(a) and not is_link_local(a)]


def advertisements(facts: Facts) -> list[IcmpMessage]:
    """Router advertisements of the device's VLAN, in frame order; picked once for all devices of a VLAN."""
    known: dict[int | None, list[IcmpMessage]] = facts.traffic.memo.setdefault("advertisements", {})
    vlan = facts.host.vlan
    if vlan not in known:
        known[vlan] = [m for m in discovery_of(facts.traffic).advertisements if is_same_vlan(facts, m.at)]
    return known[vlan]


def is_same_vlan(facts: Facts, packet: Packet) -> bool:
    """Whether a packet may be on the device's VLAN; a mirror may show one side untagged."""
    return facts.host.vlan is None or packet.vlan is None or packet.vlan == facts.host.vlan


def routers(facts: Facts) -> list[bytes]:
    """Addresses of the routers that offer to be the default one: their lifetime is not zero (RFC 4861, 4.2)."""
    return list(dict.fromkeys(m.at.src for m in advertisements(facts) if m.router_lifetime_s))


def router_addresses(facts: Facts) -> set[bytes]:
    """Every address of the routers that offer the way out, those beside the one they advertise from included."""
    claims = discovery_of(facts.traffic).claims
    macs = {m.at.smac for m in advertisements(facts) if m.router_lifetime_s and m.at.smac is not None}
    return set(routers(facts)).union(*(claims.get(mac, ()) for mac in macs))


def neighbour_with_ipv6_alone(facts: Facts) -> Talker | None:
    """Another host of the VLAN that uses an IPv6 address, where for a minute nobody but the device shows IPv4.

    A mirror of one port shows of the others only what they send to all: solicitations, and ARP if there is IPv4.
    Hosts ask for their gateway again within a minute (RFC 1122, 2.3.2.1).
    """
    if facts.end_ns - facts.start_ns < QUIET_NS:
        return None
    if any(mac != facts.mac and _may_share(facts, vlan) for mac, vlan in facts.traffic.arp_senders):
        return None
    near = [h for h in facts.hosts if h is not facts.host and h.mac is not None and _may_share(facts, h.vlan)]
    if any(len(a) == V4 and a != ANY_V4 for h in near for a in h.addresses):
        return None
    wide = ((h, a) for h in near if not h.is_router for a in h.addresses if len(a) == V6 and not is_link_local(a))
    found = [(h, a) for h, a in wide if h.mac not in discovery_of(facts.traffic).routers]
    return Talker(found[0][1], found[0][0].vlan, found[0][0].first_frame) if found else None


def exchange(facts: Facts) -> Dhcp6Exchange:
    """What the device and DHCPv6 servers said."""
    return dhcp6_of(facts.traffic, facts.mac) if facts.mac is not None else Dhcp6Exchange()


def works(facts: Facts) -> bool:
    """Whether IPv6 carries what the device is there for.

    With a signature an answered attempt at a required need; without one an answer from beyond the link, or an
    address and a router that offers the way out: such a device lacks nothing.
    """
    if facts.signature is not None:
        own = (a for a in facts.attempts if a.need.required and len(a.address) == V6)
        return any(a.answered_ns is not None for a in own)
    wide, outward = wide_addresses(facts), facts.outward_flows
    beyond = outward.is_answered & outward.leads_to(lambda far: len(far) == V6 and facts.is_off_link(far))
    return bool(beyond.any()) or (bool(wide) and bool(routers(facts)))


def assignment(facts: Facts) -> Proof | None:
    """How the device came by its IPv6 address; None while it has none, or where IPv4 serves it."""
    wide = wide_addresses(facts)
    if not wide or has_ipv4(facts):
        return None
    given = next((m for m in exchange(facts).received if m.kind == REPLY and set(m.addresses) & set(wide)), None)
    if given is not None:
        return Proof(State.OK, f"DHCPv6 gives {ip_text(given.addresses[0])}", (given.at.frame,), given.at.time_ns)
    told = next((m for m in advertisements(facts) if any(p.is_autonomous for p in m.prefixes)), None)
    if told is None:
        return None
    return Proof(State.OK, f"{ip_text(wide[0])} by router advertisement", (told.at.frame,), told.at.time_ns)


def router_answer(facts: Facts) -> Proof | None:
    """The router's last answer to a solicitation of the device, else its advertisement, if frames leave for its MAC.

    None where IPv4 serves the device.
    """
    if facts.mac is None or has_ipv4(facts):
        return None
    known = set(routers(facts))
    for question in pair_neighbours(facts.traffic, facts.mac):
        if question.target in known and question.replies:
            first, reply = question.requests[0].at, question.replies[-1].at
            text = f"router {ip_text(question.target)} answers neighbour solicitations"
            return Proof(State.OK, text, (first.frame, reply.frame), reply.time_ns)
    told = next((m for m in reversed(advertisements(facts)) if m.router_lifetime_s and _is_way_out(facts, m)), None)
    if told is None:
        return None
    text = f"router {ip_text(told.at.src)} advertises itself, frames leave for it"
    return Proof(State.OK, text, (told.at.frame,), told.at.time_ns)


def _is_way_out(facts: Facts, advertisement: IcmpMessage) -> bool:
    return facts.gateway_mac is not None and advertisement.at.smac == facts.gateway_mac


def talker(facts: Facts, size: int) -> Talker | None:
    """Another host of the device's VLAN that the outside answers over IPv4 (``size`` 4) or IPv6 (16)."""
    return next(
        (
            t
            for t in _talkers(facts.traffic)
            if len(t.address) == size and t.address not in facts.addresses and _may_share(facts, t.vlan)
        ),
        None,
    )


def _may_share(facts: Facts, vlan: int | None) -> bool:
    return facts.host.vlan is None or vlan is None or vlan == facts.host.vlan


def _talkers(traffic: Traffic) -> Sequence[Talker]:
    """Hosts with an answered flow to a public address beyond the link, each once, at most 1,000."""
    known: list[Talker] | None = traffic.memo.get("talkers")
    if known is None:
        found: dict[bytes, Talker] = {}
        for indices in traffic.answered_flows.values():
            for index in indices:
                outline = traffic.outline(index)
                if outline.orig[0] not in found and len(found) < MAX_TALKERS and _goes_out(traffic, outline):
                    found[outline.orig[0]] = _talker(traffic, index, outline)
        known = traffic.memo["talkers"] = list(found.values())
    return known


def _goes_out(traffic: Traffic, outline: Outline) -> bool:
    own, far = outline.orig[0], outline.resp[0]
    if not is_public(far) or not is_unicast(own) or is_link_local(own):
        return False
    return len(far) == V4 or not is_on_link(traffic, [own], far)


def _talker(traffic: Traffic, index: int, outline: Outline) -> Talker:
    row = traffic.result.flows[index]
    vlan = int(row["vlan"])
    return Talker(outline.orig[0], None if vlan == NO_VLAN else vlan, int(row["first_frame"]))
