"""LINK: devices that say nothing, are held back by 802.1X, or are heard by nobody."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.discovery import discovery_of, pair_neighbours
from pcapaudit.flows.latest import last_received_ns
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_group_mac, is_public
from pcapaudit.model.events import DhcpMessage, EapolFrame, IcmpMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import duration
from pcapaudit.model.words import Identification, Outcome, Stage

IDENTITY_TRIES = 3
IDENTITY_WAIT_S = 30.0
"""Usual pause between two identity requests; after the last one the switch may try the MAC instead."""
EAP_REQUEST, EAP_FAILURE, EAP_IDENTITY = 1, 4, 1
DHCP_DISCOVER, DHCP_ACK = 1, 5
MIN_BROADCASTS, MIN_KINDS = 3, 2
ARP_REPLY = 2
ARP_WAIT_S = 1.5
ROUTER_WAIT_S = 4.0
"""Hosts repeat a router solicitation after this time (RFC 4861, section 10)."""
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134
PROMPT_NS = ns(1.0)


@rule("LINK-SILENT", stage=Stage.LINK, outcomes="?", evidence=Evidence.ABSENCE)
def silent(facts: Facts) -> Iterator[Fired]:
    """The device is spoken to and says nothing.

    **Seen**: frames to the device's address, and not one frame from it in the whole capture.

    **Means**: it is off, its cable is loose, or the mirror shows another port; the capture cannot tell.

    **Not this rule**: others acknowledge what it sends: then only its own direction is not mirrored
    (CAP-ONEWAY).

    **Ask the network team**: power, cable and link light of the port; which port is mirrored.
    """
    is_expected = facts.signature is not None or facts.identification is Identification.ENGINEER
    if not is_expected or facts.host.frames or facts.visibility.is_proven:
        return
    asked = [m.at for m in facts.traffic.arp_requests_for(facts.addresses)]
    packets = [*asked, *(p for i in facts.flows for p in facts.traffic.flow(i).packets[:5] if p.dst in facts.addresses)]
    if not packets:
        return
    watched = (facts.end_ns - facts.start_ns) / 1e9
    yield facts.finding(
        "LINK-SILENT",
        Stage.LINK,
        f"{len(packets)} packets to the device, none from it in {duration(watched)}",
        packets,
        outcome=Outcome.UNDECIDABLE,
        independent=2,
    )


# --- 802.1X -------------------------------------------------------------------------------------------------


@rule("LINK-8021X", stage=Stage.LINK, outcomes="Fn", evidence=Evidence.EXPLICIT)
def port_authentication(facts: Facts) -> Iterator[Fired]:
    """The switch port demands 802.1X, which the device does not speak or does not pass.

    **Seen**: the switch asks for an identity three times or more, the device never answers and gets no
    lease; or the switch says EAP failure.

    **Means**: the port stays closed until the device is known to the authentication server.

    **Not this rule**: the lease comes later: the switch has let the device in by its MAC, a note; the
    requests are meant for a supplicant behind the same port, or are sent to everybody behind another mirrored
    port: the device is answered meanwhile, or another client waits for a lease in vain, too (a note). EAPOL
    frames are often not mirrored: their absence proves nothing.

    **Ask the network team**: enter the device's MAC for authentication bypass, or exempt the port.
    """
    if facts.mac is None:
        return
    said = [e for e in facts.traffic.eapol if e.at.smac != facts.mac and _concerns(facts, e)]
    own = [e for e in facts.traffic.eapol if e.at.smac == facts.mac]
    failures = [e for e in said if e.eap_code == EAP_FAILURE]
    asked = [e for e in said if e.eap_code == EAP_REQUEST and e.eap_type == EAP_IDENTITY]
    is_ignored = len(asked) >= IDENTITY_TRIES and not own
    if not failures and not is_ignored:
        return
    evidence = failures or asked
    # Who asks for what a server offered was heard: the port is open, whether the ACK is in the capture or not.
    waiting = [m.at for c in facts.dhcp if c.ack is None and not c.requests for m in c.discovers]
    is_in = _got_in(facts, evidence[-1].at)
    if not is_in and not failures and not _is_final(facts, asked, waiting):
        return
    is_for_all = not own and all(is_group_mac(e.at.dmac or b"\x01") for e in evidence)
    if is_for_all and (_is_served_meanwhile(facts, evidence) if is_in else not waiting):
        return
    is_open = is_for_all and not is_in and bool(_waiting_clients(facts.traffic) - {facts.mac})
    text = f"EAP failure {_times(failures)}" if failures else f"{len(asked)} identity requests unanswered"
    yield facts.finding(
        "LINK-8021X",
        Stage.LINK,
        f"{'a' if is_open else 'the'} switch port demands 802.1X ({text})"
        + (", the device got in later" if is_in else " and the device gets no address"),
        [*(e.at for e in (*asked, *failures)), *waiting],
        outcome=Outcome.NOTE if is_in or is_open else Outcome.FAILED,
        decisive=[e.at.frame for e in evidence],
        began_ns=evidence[-1].at.time_ns,
        independent=len(evidence),
        is_agreed=any(_served(m, facts) for m in facts.traffic.dhcp),
        causes=[Cause("802.1X on the switch port", 35, text, "device_filter")],
    )


def _concerns(facts: Facts, frame: EapolFrame) -> bool:
    """Whether a frame is for this device: to its MAC, or to the group that every port hears.

    A cooked capture leaves the destination out; what a switch port asks goes to the group, mostly.
    """
    return frame.at.dmac is None or frame.at.dmac == facts.mac or is_group_mac(frame.at.dmac)


def _is_served_meanwhile(facts: Facts, evidence: Sequence[EapolFrame]) -> bool:
    """Whether the device got a lease or an answer while the group was asked: then the port is not its own."""
    begin, end = evidence[0].at.time_ns, evidence[-1].at.time_ns
    if any(c.ack is not None and begin <= c.ack.at.time_ns <= end for c in facts.dhcp):
        return True
    earlier = facts.outward_flows.where(facts.outward_flows.first_ns <= end).places.tolist()
    return any(last_received_ns(facts.traffic, index) >= begin for index in earlier)


def _waiting_clients(traffic: Traffic) -> frozenset[bytes]:
    """Who asks for a lease and gets none; found once per capture."""
    known: frozenset[bytes] | None = traffic.memo.get("waiting_clients")
    if known is None:
        clients = ((mac, {m.kind for m in messages}) for mac, messages in traffic.dhcp_by_client.items())
        waiting = frozenset(mac for mac, kinds in clients if DHCP_DISCOVER in kinds and DHCP_ACK not in kinds)
        known = traffic.memo["waiting_clients"] = waiting
    return known


def _got_in(facts: Facts, last: Packet) -> bool:
    """Whether the device got a lease or an answer after the switch's last word, or was in all the time."""
    if any(c.ack is not None and c.ack.at.time_ns > last.time_ns for c in facts.dhcp):
        return True
    return any(last_received_ns(facts.traffic, i) > last.time_ns for i in facts.outward_flows.places.tolist())


def _is_final(facts: Facts, asked: Sequence[EapolFrame], waiting: Sequence[Packet]) -> bool:
    """Whether the switch had the time to fall back to the MAC and the device still gets no address.

    The fall-back comes when the third request has run out; a fourth one says that there is none.
    """
    if not waiting:
        return False
    third = asked[IDENTITY_TRIES - 1].at.time_ns
    decided = asked[IDENTITY_TRIES].at.time_ns if len(asked) > IDENTITY_TRIES else third + ns(IDENTITY_WAIT_S)
    late = [p for p in waiting if p.time_ns > decided]
    return bool(facts.counted(late, facts.params.dhcp_wait)) or facts.has_waited(decided, IDENTITY_WAIT_S)


def _times(frames: Sequence[EapolFrame]) -> str:
    return "once" if len(frames) == 1 else f"{len(frames)} times"


def _served(message: DhcpMessage, facts: Facts) -> bool:
    """Whether another client gets a lease in this capture."""
    return message.kind == DHCP_ACK and message.chaddr != facts.mac


# --- heard by nobody ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Unheard:
    """Broadcasts of one kind that nobody answered, and the frame in which another host is answered."""

    what: str
    packets: tuple[Packet, ...]
    served: Packet


@rule("LINK-NOT-HEARD", stage=Stage.LINK, outcomes="F", evidence=Evidence.BEHAVIOUR)
def not_heard(facts: Facts) -> Iterator[Fired]:
    """The device speaks and nobody hears it.

    **Seen**: three or more broadcasts of the device, of two or more kinds (DHCP, ARP, router and neighbour
    solicitation), stay unanswered while the same responders answer other hosts of the same VLAN.

    **Means**: the switch takes the device's frames and does not pass them on: port security, pending
    authentication, private VLAN, wrong access VLAN.

    **Not this rule**: only one kind stays unanswered (DHCP-NO-OFFER, ARP-GW-NO-REPLY); the device's IP
    packets go on, then the answers are only not mirrored; no other host is in the capture.

    **Ask the network team**: port security (err-disable, sticky MAC), 802.1X and access VLAN of this port.
    """
    if facts.mac is None or _is_answered(facts):
        return
    kinds = (_discovers(facts), _questions(facts), _solicitations(facts), _neighbours(facts))
    unheard = [u for u in kinds if u is not None]
    packets = [p for u in unheard for p in u.packets]
    if len(unheard) < MIN_KINDS or len(packets) < MIN_BROADCASTS:
        return
    yield facts.finding(
        "LINK-NOT-HEARD",
        Stage.LINK,
        f"{len(packets)} broadcasts of the device unanswered "
        f"({', '.join(u.what for u in unheard)}), other hosts are served",
        [*packets, *(u.served for u in unheard)],
        decisive=[u.served.frame for u in unheard],
        began_ns=max(p.time_ns for p in packets),
        independent=len(packets),
        has_contrast=True,
        causes=[
            Cause(
                "the switch port does not pass the device's frames on",
                35,
                f"frame {unheard[0].served.frame} serves another host",
                "device_filter",
            )
        ],
    )


def _is_answered(facts: Facts) -> bool:
    """Whether anything shows that the device is heard: a frame to its MAC, or its own IP packets that go on."""
    if facts.visibility.received > 0 or any(c.offers or c.ack is not None for c in facts.dhcp):
        return True
    return bool((facts.outward_flows.has_sent & facts.outward_flows.leads_to(is_public)).any())


def _is_same_wire(facts: Facts, packet: Packet) -> bool:
    return facts.host.vlan is None or packet.vlan is None or packet.vlan == facts.host.vlan


def _discovers(facts: Facts) -> _Unheard | None:
    sent = [m.at for c in facts.dhcp for m in c.discovers]
    counted = facts.counted(sent, facts.params.dhcp_wait)
    served = next(
        (m.at for m in facts.traffic.dhcp_given if m.chaddr != facts.mac and _is_same_wire(facts, m.at)),
        None,
    )
    return _Unheard(f"{len(counted)} DHCP", tuple(counted), served) if counted and served is not None else None


def _questions(facts: Facts) -> _Unheard | None:
    for question in facts.arps:
        if question.is_answered:
            continue
        counted = facts.counted([m.at for m in question.requests], ARP_WAIT_S)
        said = (m for m in facts.traffic.arps_from(question.target) if m.op == ARP_REPLY and m.target_mac != facts.mac)
        served = next((m.at for m in said if _is_same_wire(facts, m.at)), None)
        if counted and served is not None:
            return _Unheard(f"{len(counted)} ARP for {ip_text(question.target)}", tuple(counted), served)
    return None


def _solicitations(facts: Facts) -> _Unheard | None:
    asked = discovery_of(facts.traffic).solicitations.get(facts.mac, ()) if facts.mac is not None else ()
    own = [m.at for m in asked if m.type == ROUTER_SOLICITATION]
    if not own:
        return None
    said = [m for m in facts.traffic.icmp if m.family == 6]
    told = [m.at.time_ns for m in said if m.type == ROUTER_ADVERTISEMENT]
    prompt = [p for p in own if bisect_left(told, p.time_ns) < bisect_right(told, p.time_ns + PROMPT_NS)]
    counted = facts.counted([p for p in own if p not in prompt], ROUTER_WAIT_S)
    served = _served_router(facts, said)
    # Routers advertise at times of their own, too: one advertisement soon after a solicitation may be such a one.
    is_answered = 2 * len(prompt) >= len(own)
    if not counted or served is None or is_answered:
        return None
    return _Unheard(f"{len(counted)} router solicitations", tuple(counted), served)


def _neighbours(facts: Facts) -> _Unheard | None:
    """Solicitations of an IPv6 neighbour that answers others."""
    for question in pair_neighbours(facts.traffic, facts.mac) if facts.mac is not None else ():
        counted = facts.counted([m.at for m in question.requests], ARP_WAIT_S)
        answers = discovery_of(facts.traffic).answers.get(question.target, ())
        served = next((m.at for m in answers if _is_for_others(facts, m.at) and _is_same_wire(facts, m.at)), None)
        if counted and served is not None and all(_is_for_others(facts, m.at) for m in question.replies):
            what = f"{len(counted)} neighbour solicitations for {ip_text(question.target)}"
            return _Unheard(what, tuple(counted), served)
    return None


def _is_for_others(facts: Facts, answer: Packet) -> bool:
    """Whether an advertisement goes to one other host: one to all nodes would answer this device as well."""
    return answer.dst not in facts.addresses and answer.dmac is not None and not is_group_mac(answer.dmac)


def _served_router(facts: Facts, said: Sequence[IcmpMessage]) -> Packet | None:
    """A router advertisement that answers another host's solicitation at once."""
    asked: int | None = None
    for m in said:
        if m.type == ROUTER_SOLICITATION and m.at.smac != facts.mac:
            asked = m.at.time_ns
        elif (
            m.type == ROUTER_ADVERTISEMENT
            and asked is not None
            and m.at.time_ns - asked <= PROMPT_NS
            and _is_same_wire(facts, m.at)
        ):
            return m.at
    return None
