"""Networks that speak IPv6: no IPv4 at all, routers that are silent or offer no way out, DHCPv6 without addresses.

All but DHCP-IPV6-ONLY speak of devices without an IPv4 address: where IPv4 serves a device, what fails of IPv6
beside it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from pcapaudit.diagnose import ipv6
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.lookups import lookup_finding
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.unserved import unoffered
from pcapaudit.flows.discovery import (
    NEIGHBOUR_SOLICITATION,
    REQUEST,
    ROUTER_SOLICITATION,
    SOLICIT,
    UNSPECIFIED,
    NeighbourQuestion,
    discovery_of,
    pair_neighbours,
)
from pcapaudit.flows.exchanges import AAAA, NOERROR, A, Lookup
from pcapaudit.model.addresses import ip_text, is_link_local
from pcapaudit.model.events import DnsMessage, IcmpMessage, Packet
from pcapaudit.model.words import Outcome, Stage

OFFER, ACK = 2, 5
NO_ADDRESSES = 2
"""Status NoAddrsAvail (RFC 8415, 21.13)."""
MIN_SOLICITATIONS = 3
"""MAX_RTR_SOLICITATIONS of RFC 4861, section 10: a host that asked three times asks no more."""
SOLICIT_WAIT_S = 4.0
"""RTR_SOLICITATION_INTERVAL of RFC 4861, section 10."""
IPV4_WAIT_S = 60.0
"""A host that has IPv4 at all asks for its address, or for a neighbour, within a minute of its first solicitation."""
NEIGHBOUR_WAIT_S = 1.5
"""RETRANS_TIMER of RFC 4861, section 10, is 1 s."""
SHORT_REST_S = 10.0
"""Less than this left costs confidence, as with DHCP-NO-ROUTER and DHCP-NO-DNS."""


# --- IPv4 that is not there -----------------------------------------------------------------------------------


@rule("DHCP-IPV6-ONLY", stage=Stage.DHCP, outcomes="F", evidence=Evidence.EXPLICIT)
def ipv6_only(facts: Facts) -> Iterator[Fired]:
    """The network speaks IPv6 only, the device wants IPv4.

    **Seen**: DISCOVERs without an offer, or an offer that prefers IPv6 (option 108, RFC 8925); routers advertise
    IPv6 in this VLAN; other hosts go out over IPv6 and none over IPv4, or a NAT64 prefix is announced, or (weaker,
    where the mirror shows one port alone) others use IPv6 addresses and nobody sends ARP.

    **Means**: there is no IPv4 on this VLAN by design.

    **Not this rule**: others have IPv4, so its DHCP server is broken (DHCP-NO-OFFER); a router advertisement
    alone, which most networks have; the device reaches its service over IPv6.

    **Ask the network team**: a VLAN with IPv4 for this device.
    """
    if facts.lease is not None or ipv6.works(facts):
        return
    preferred = [m for c in facts.dhcp for m in c.offers if m.ipv6_only_s is not None]
    asked = [p for _, counted in unoffered(facts) for p in counted]
    routers = [m for m in ipv6.advertisements(facts) if m.router_lifetime_s]
    if not routers or (len(asked) < facts.params.dhcp_min_tries and not preferred) or _has_ipv4_around(facts):
        return
    seen_out = ipv6.talker(facts, ipv6.V6)
    other = seen_out or ipv6.neighbour_with_ipv6_alone(facts)
    nat64 = next((m for m in routers if m.has_pref64), None)
    if other is None and nat64 is None and not preferred:
        return
    shown = nat64 or routers[0]
    wanted = [m.at for m in preferred] or asked
    does = "goes out over IPv6" if seen_out is not None else "uses it"
    who = f", {ip_text(other.address)} {does} (frame {other.frame})" if other is not None else ""
    yield facts.finding(
        "DHCP-IPV6-ONLY",
        Stage.DHCP,
        f"the device asks for an IPv4 address in vain; router {ip_text(shown.at.src)} offers IPv6 here{who}, "
        "nobody uses IPv4",
        [*wanted, shown.at],
        decisive=[shown.at.frame, *([other.frame] if other is not None else [])],
        began_ns=wanted[-1].time_ns,
        tries=len(wanted),
        independent=len(wanted),
        has_contrast=seen_out is not None,
        is_agreed=any(m.dns_servers or m.has_pref64 for m in routers),
        adjust=0 if seen_out is not None or nat64 is not None or preferred else -25,
        causes=[Cause("this VLAN has no IPv4", 40, f"frame {shown.at.frame} announces IPv6, none IPv4", "dhcp")],
    )


def _has_ipv4_around(facts: Facts) -> bool:
    """Whether IPv4 lives on the device's VLAN: another host goes out with it, or a DHCP server gives addresses."""
    served = (m for m in facts.traffic.dhcp_given if m.ipv6_only_s is None)
    return ipv6.talker(facts, ipv6.V4) is not None or any(ipv6.is_same_vlan(facts, m.at) for m in served)


# --- an address -----------------------------------------------------------------------------------------------


@rule("DHCP6-NO-ADVERTISE", stage=Stage.DHCP, outcomes="F", evidence=Evidence.BEHAVIOUR)
def no_advertise(facts: Facts) -> Iterator[Fired]:
    """The device asks for an IPv6 address and no DHCPv6 server answers.

    **Seen**: a router says that addresses come by DHCPv6 (flag M); two or more SOLICITs of the device, and no
    ADVERTISE or REPLY for them; the device repeats, or the capture went on long enough.

    **Means**: the DHCPv6 server is down, or the relay on the router is missing.

    **Not this rule**: the device has IPv4, or made its address from an advertised prefix; a REQUEST follows, so
    an answer came that the mirror did not show; IPv4 lives on this VLAN, so the device may have it.

    **Ask the network team**: DHCPv6 server and relay of this VLAN, or advertise the prefix for use without it.
    """
    said = ipv6.exchange(facts)
    managed = next((m for m in ipv6.advertisements(facts) if m.is_managed), None)
    if managed is None or said.received or said.asked(REQUEST) or not _lacks_address(facts):
        return
    newest = max((m.at.time_ns for m in said.sent), default=0)
    solicits = [m.at for m in said.asked(SOLICIT)]
    counted = facts.counted(solicits, facts.params.dhcp_wait, last_activity_ns=newest)
    if len(counted) < facts.params.dhcp_min_tries or _has_ipv4_around(facts):
        return
    yield facts.finding(
        "DHCP6-NO-ADVERTISE",
        Stage.DHCP,
        f"{len(counted)} DHCPv6 SOLICITs, no ADVERTISE came, though router {ip_text(managed.at.src)} says to ask",
        [*counted, managed.at],
        decisive=[managed.at.frame],
        began_ns=counted[-1].time_ns,
        tries=len(counted),
        independent=len(counted),
        causes=[Cause("the DHCPv6 server is down or not reached (relay)", 20, "no server speaks to it", "dhcp")],
    )


@rule("DHCP6-NO-ADDRS", stage=Stage.DHCP, outcomes="F", evidence=Evidence.EXPLICIT)
def no_addresses(facts: Facts) -> Iterator[Fired]:
    """The DHCPv6 server has no address for the device.

    **Seen**: an ADVERTISE or REPLY to the device says "no addresses available" (status 2), and none follows.

    **Means**: the pool is empty, or the server has no prefix for this link or no entry for this client.

    **Not this rule**: another server gives an address; the device has an address by advertisement, or IPv4 lives
    on this VLAN.

    **Ask the network team**: pool and prefix of the DHCPv6 server for this VLAN.
    """
    refused = [m for m in ipv6.exchange(facts).received if m.status == NO_ADDRESSES and not m.addresses]
    if not refused or not _lacks_address(facts) or _has_ipv4_around(facts):
        return
    sent = [m.at for m in ipv6.exchange(facts).sent]
    yield facts.finding(
        "DHCP6-NO-ADDRS",
        Stage.DHCP,
        f"DHCPv6 server {ip_text(refused[-1].at.src)} has no address for the device ({len(refused)} answers)",
        [*sent, *(m.at for m in refused)],
        decisive=[m.at.frame for m in refused],
        began_ns=refused[-1].at.time_ns,
        independent=len(refused),
        target=Target(None, refused[-1].at.src, "udp", 547),
    )


def _lacks_address(facts: Facts) -> bool:
    return not ipv6.has_ipv4(facts) and not ipv6.wide_addresses(facts)


@rule("RA-NO-REPLY", stage=Stage.DHCP, outcomes="F", evidence=Evidence.BEHAVIOUR)
def no_router_advertisement(facts: Facts) -> Iterator[Fired]:
    """The device looks for an IPv6 router, and none answers.

    **Seen**: a known device that does without IPv4, as far as a minute tells (no DHCP, no ARP), sends three
    router solicitations, and no router advertises in its VLAN.

    **Means**: the VLAN has no IPv6 router, or the switch drops the advertisements (RA guard on the wrong port).

    **Not this rule**: the device asks for IPv4, too (DHCP-NO-OFFER) or has it, or its product needs DHCP: most
    networks have no IPv6, and their hosts ask in vain; other hosts get advertisements at once (LINK-NOT-HEARD).

    **Ask the network team**: router advertisements on this VLAN, RA guard of the switch, or IPv4 for the device.
    """
    if facts.signature is None or facts.mac is None or not _lacks_address(facts):
        return
    needs_ipv4 = facts.signature.address.dhcp == "required" or facts.dhcp or facts.traffic.arps_of(facts.mac)
    own = discovery_of(facts.traffic).solicitations.get(facts.mac, ())
    asked = [m.at for m in own if m.type == ROUTER_SOLICITATION]
    counted = facts.counted(asked, SOLICIT_WAIT_S)
    if len(counted) < MIN_SOLICITATIONS or ipv6.advertisements(facts) or needs_ipv4:
        return
    if not facts.has_waited(asked[0].time_ns, IPV4_WAIT_S):
        return
    yield facts.finding(
        "RA-NO-REPLY",
        Stage.DHCP,
        f"{len(counted)} router solicitations, no router advertises in this VLAN",
        counted,
        independent=len(counted),
        causes=[Cause("no IPv6 router on this VLAN", 20, "no advertisement is in this capture", "uplink")],
    )


@rule("RA-NO-ROUTER", stage=Stage.DHCP, outcomes="F", evidence=Evidence.EXPLICIT)
def no_default_router(facts: Facts) -> Iterator[Fired]:
    """The router gives IPv6 addresses and no way out.

    **Seen**: every router advertisement of the VLAN has a lifetime of zero; the device has an address by them, no
    IPv4, and nothing from beyond the link answers it.

    **Means**: the router has lost its uplink, or is set not to be a default router.

    **Not this rule**: IPv4 lives on this VLAN; another router offers the way out; a device that matches no
    signature and may need none (border routers of sensor networks advertise themselves so).

    **Ask the network team**: the router's uplink and its default lifetime.
    """
    told = ipv6.advertisements(facts)
    if facts.signature is None or not told or ipv6.routers(facts) or _gets_out(facts) or not _lives_by_ipv6(facts):
        return
    yield facts.finding(
        "RA-NO-ROUTER",
        Stage.DHCP,
        f"router {ip_text(told[-1].at.src)} advertises itself with lifetime 0: it is no default router",
        [m.at for m in told],
        began_ns=told[-1].at.time_ns,
        independent=len(told),
        adjust=0 if facts.has_waited(told[0].at.time_ns, SHORT_REST_S) else -20,
        target=Target(None, told[-1].at.src, None, None),
    )


@rule("RA-NO-DNS", stage=Stage.DHCP, outcomes="F", evidence=Evidence.EXPLICIT)
def no_resolver(facts: Facts) -> Iterator[Fired]:
    """The IPv6 network names no DNS server, and the device asks none.

    **Seen**: neither an advertisement (RDNSS) nor a DHCPv6 answer names a resolver; the device, which needs names,
    has an IPv6 address and no IPv4, asks for no name and reaches nothing.

    **Means**: the router's configuration lacks it; the device cannot resolve its vendor's names.

    **Not this rule**: the device has a resolver of its own and asks it; DHCPv6 is announced and not in the capture.

    **Ask the network team**: RDNSS in the router advertisements, or DNS servers by DHCPv6.
    """
    told = [m for m in ipv6.advertisements(facts) if m.router_lifetime_s]
    named = any(m.dns_servers for m in told) or any(m.dns_servers for m in ipv6.exchange(facts).received)
    if not told or named or not _needs_names(facts) or not _lives_by_ipv6(facts):
        return
    has_unseen = any(m.has_other or m.is_managed for m in told) and not ipv6.exchange(facts).received
    if has_unseen or facts.lookups or _gets_out(facts):
        return
    yield facts.finding(
        "RA-NO-DNS",
        Stage.DHCP,
        f"router {ip_text(told[-1].at.src)} advertises a prefix and no DNS server",
        [m.at for m in told],
        began_ns=told[-1].at.time_ns,
        independent=len(told),
        adjust=0 if facts.has_waited(told[0].at.time_ns, SHORT_REST_S) else -20,
    )


def _lives_by_ipv6(facts: Facts) -> bool:
    """Whether IPv6 is all that the device has: it has an address by it, and nobody here shows IPv4."""
    return bool(ipv6.wide_addresses(facts)) and not ipv6.has_ipv4(facts) and not _has_ipv4_around(facts)


def _needs_names(facts: Facts) -> bool:
    return any(need.hosts for need in facts.needs if need.required)


def _gets_out(facts: Facts) -> bool:
    outward = facts.outward_flows
    return bool((outward.is_answered & facts.leads_beyond).any())


# --- neighbours -----------------------------------------------------------------------------------------------


@rule("ND-GW-NO-REPLY", stage=Stage.GATEWAY, outcomes="F", evidence=Evidence.BEHAVIOUR)
def router_silent(facts: Facts) -> Iterator[Fired]:
    """The IPv6 router does not answer neighbour solicitations.

    **Seen**: three or more solicitations for the router's address, no advertisement, and no frame of the device
    leaves for the outside any more; the device has no IPv4.

    **Means**: the router is down, or it does not hear this port.

    **Not this rule**: packets to the outside follow: the answer was only not mirrored; IPv4 serves the device.

    **Ask the network team**: the router's interface in this VLAN; multicast filters of the switch (MLD snooping).
    """
    if facts.mac is None or ipv6.has_ipv4(facts):
        return
    known = ipv6.router_addresses(facts)
    for question in pair_neighbours(facts.traffic, facts.mac):
        requests = _standing(facts, question)
        if not _is_router(facts, question.target, known) or len(requests) < facts.params.arp_min_tries:
            continue
        other = _answer_to_others(facts, question)
        yield facts.finding(
            "ND-GW-NO-REPLY",
            Stage.GATEWAY,
            f"{len(requests)} neighbour solicitations for router {ip_text(question.target)}, no advertisement",
            requests,
            began_ns=requests[-1].time_ns,
            independent=len(requests),
            has_contrast=other is not None,
            decisive=[other.frame] if other is not None else [],
            target=Target(None, question.target, None, None),
            causes=[_router_cause(question, other)],
        )


def _is_router(facts: Facts, target: bytes, known: set[bytes]) -> bool:
    """Whether an address is the device's way out: a router advertises from it, or nothing else is asked for."""
    if known:
        return target in known
    return facts.signature is not None and is_link_local(target) and not _gets_out(facts)


def _standing(facts: Facts, question: NeighbourQuestion) -> list[Packet]:
    """Unanswered solicitations after the device's last packet to the outside.

    A host goes on sending to the address that it knows while it asks (RFC 4861, 7.3.3); where answers may be
    unseen, every packet that leaves speaks against the finding.
    """
    since = question.replies[-1].at.time_ns if question.replies else 0
    outward = facts.outward_flows
    last = max(outward.last_sent_ns[facts.leads_beyond].tolist(), default=0)
    later = [m.at for m in question.requests if m.at.time_ns > since]
    if not facts.sees_inbound:
        return [] if later and last > later[0].time_ns else facts.counted(later, NEIGHBOUR_WAIT_S)
    return facts.counted([p for p in later if p.time_ns > last], NEIGHBOUR_WAIT_S)


def _answer_to_others(facts: Facts, question: NeighbourQuestion) -> Packet | None:
    """An advertisement of the target for another host."""
    since = question.requests[0].at.time_ns
    said = discovery_of(facts.traffic).answers.get(question.target, ())
    return next((m.at for m in said if m.at.time_ns >= since and m.at.dst not in facts.addresses), None)


def _router_cause(question: NeighbourQuestion, other: Packet | None) -> Cause:
    if other is not None:
        why = f"it answers {ip_text(other.dst)} (frame {other.frame})"
        return Cause("this port or VLAN does not reach the router", 35, why, "device_filter")
    if question.replies:
        return Cause("the router went down or lost its link", 30, "it answered before and is silent since", "uplink")
    return Cause("the router is down", 15, "nobody gets an answer from it in this capture", "uplink")


@rule("ND-DUP-IP", stage=Stage.GATEWAY, outcomes="F", evidence=Evidence.BEHAVIOUR)
def duplicate_ipv6(facts: Facts) -> Iterator[Fired]:
    """Another box already has the IPv6 address that the device wants.

    **Seen**: the device asks whether its address is free (duplicate address detection), another MAC says that
    it is not, and the device then uses no IPv6 address at all; it has no IPv4.

    **Means**: two boxes made the same address, often copies of one image; RFC 4862 switches IPv6 off then.

    **Not this rule**: the device takes another address and goes on; IPv4 serves it.

    **Ask the network team**: find the second box by its MAC.
    """
    if facts.mac is None or not _lacks_address(facts):
        return
    found = discovery_of(facts.traffic)
    own = found.solicitations.get(facts.mac, ())
    probes = [m for m in own if m.type == NEIGHBOUR_SOLICITATION and m.at.src == UNSPECIFIED and m.target is not None]
    clashes = [(p, a) for p in probes if (a := _refusal(found.answers.get(p.target or b"", ()), p, facts.mac))]
    if not clashes or any(len(a) == ipv6.V6 for a in facts.host.addresses):
        return
    probe, answer = clashes[-1]
    rival = answer.at.smac.hex(":") if answer.at.smac is not None else "another box"
    yield facts.finding(
        "ND-DUP-IP",
        Stage.GATEWAY,
        f"{ip_text(probe.target or UNSPECIFIED)} is in use by {rival}; the device gives up",
        [p for pair in clashes for p in (pair[0].at, pair[1].at)],
        began_ns=probe.at.time_ns,
        independent=len(clashes),
        target=Target(None, probe.target, None, None),
    )


def _refusal(answers: Sequence[IcmpMessage], probe: IcmpMessage, mac: bytes) -> IcmpMessage | None:
    later = (m for m in answers if m.at.time_ns >= probe.at.time_ns and m.at.smac != mac)
    return next(later, None)


# --- names ----------------------------------------------------------------------------------------------------


@rule("DNS-NO-AAAA", stage=Stage.DNS, outcomes="F", evidence=Evidence.EXPLICIT)
def no_ipv6_address(facts: Facts) -> Iterator[Fired]:
    """The service has no IPv6 address, and the device has nothing else.

    **Seen**: the name that the device needs resolves without an AAAA record; the device has an IPv6 address and
    no IPv4, and goes to none of the name's IPv4 addresses.

    **Means**: an IPv6-only network without DNS64 and NAT64, and a service that is reached over IPv4 only.

    **Not this rule**: an empty AAAA beside a working A record, on every network with IPv4.

    **Ask the network team**: DNS64 and NAT64 for this VLAN, or a VLAN with IPv4 for this device.
    """
    if ipv6.has_ipv4(facts) or not ipv6.wide_addresses(facts):
        return
    for name in dict.fromkeys(q.name for q in facts.needed_lookups if facts.needs_name(q.name)):
        lookups = [q for q in facts.needed_lookups if q.name == name]
        empty = [m for q in lookups if q.kind == AAAA for m in _empty(q)]
        if not empty or any(q.kind == AAAA and q.resolved for q in lookups) or _is_reached(facts, name):
            continue
        yield lookup_finding(
            facts,
            "DNS-NO-AAAA",
            f"{name} has no IPv6 address (frame {empty[-1].at.frame}), and the device has no IPv4",
            lookups,
            [*empty, *chain.from_iterable(q.answers for q in lookups if q.kind == A)],
            independent=len(empty),
            causes=[Cause("no DNS64 and NAT64 on this network", 35, "only the A record has data", "dns")],
            outcome=Outcome.FAILED,
        )


def _empty(lookup: Lookup) -> list[DnsMessage]:
    whole = (m for m in lookup.answers if m.rcode == NOERROR and m.is_complete and not m.is_truncated)
    return [m for m in whole if not any(isinstance(r.data, bytes) for r in m.answers)]


def _is_reached(facts: Facts, name: str) -> bool:
    """Whether the device goes to the name all the same, by whatever address (464XLAT, a cached one)."""
    return any(a.host == name and (a.answered_ns is not None or not a.is_unanswered) for a in facts.attempts)
