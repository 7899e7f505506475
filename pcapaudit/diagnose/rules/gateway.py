"""GATEWAY: who answers ARP, and whether anything comes back from beyond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.odds import may_be_lost
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.arps import ArpQuestion
from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.flows.hosts import Host
from pcapaudit.flows.outward import Outward
from pcapaudit.flows.rows import last_rows_sent
from pcapaudit.model.addresses import (
    ip_text,
    is_inside,
    is_link_local,
    is_private,
    mac_text,
)
from pcapaudit.model.events import ArpMessage, Packet
from pcapaudit.model.words import Outcome, Stage

ARP_WAIT_S = 1.5
"""Linux repeats after about 1 s and gives up after 3 (catalogue M7)."""
LAST_PACKETS = 3
DNS_PORT = 53
MAX_NAMED = 3
MAX_PEER_FLOWS = 50


def _pending(facts: Facts) -> list[ArpQuestion]:
    """Questions asked often enough, and again after the last reply, as far as the table of them tells."""
    return [q for q in facts.arps if q.tries >= facts.params.arp_min_tries and q.newest_ns > q.answered_ns]


def _unanswered(facts: Facts, question: ArpQuestion) -> list[ArpMessage]:
    """Requests for an address that count as unanswered: those after its last reply."""
    later = [m for m in question.requests if m.at.time_ns > question.answered_ns]
    counted = {p.frame for p in facts.counted([m.at for m in later], ARP_WAIT_S)}
    return [m for m in later if m.at.frame in counted]


def _sends_to(facts: Facts, address: bytes, since_ns: int) -> bool:
    """Whether the device sends IP frames to the owner of an address: then it knows the MAC (G1)."""
    owners, used = facts.traffic.arp_owners.get(address, frozenset()), _last_uses(facts)
    if address in used.outward.far and used.addresses[address] > since_ns:
        return True
    return any(used.macs.get(int.from_bytes(mac, "big"), 0) > since_ns for mac in owners)


class _Uses:
    """To whom a device sends; worked out when a question needs it.

    Args:
        host: The device.
        outward: The flows that it opened.
    """

    def __init__(self, host: Host, outward: Outward) -> None:
        self.host = host
        self.outward = outward

    @cached_property
    def addresses(self) -> Mapping[bytes, int]:
        """Address -> when a flow there last sent something (ns)."""
        return self.outward.last_sent_to_address()

    @cached_property
    def macs(self) -> Mapping[int, int]:
        """MAC as a number -> when one of the last packets of a flow went there (ns)."""
        return self.outward.last_sent_to_mac(LAST_PACKETS)


def _last_uses(facts: Facts) -> _Uses:
    known: _Uses | None = facts.traffic.memo.get("last_uses")
    if known is None or known.host is not facts.host:
        # One device is judged at a time; the others' are not kept.
        known = facts.traffic.memo["last_uses"] = _Uses(facts.host, facts.outward_flows)
    return known


def _goes_out(facts: Facts, since_ns: int) -> bool:
    """Whether any frame of the device leaves for an off-link address after the time."""
    outward = facts.outward_flows
    return bool((facts.leads_beyond & (outward.last_sent_ns > since_ns)).any())


def _is_gateway_question(facts: Facts, question: ArpQuestion) -> bool:
    routers = [r for c in facts.dhcp if c.ack is not None for r in c.ack.routers]
    if routers:
        return question.target in routers
    return facts.gateway == question.target if facts.gateway is not None else _looks_like_gateway(facts, question)


def _looks_like_gateway(facts: Facts, question: ArpQuestion) -> bool:
    """Without a lease in the file: the on-link address others use as their gateway."""
    owners = facts.traffic.arp_owners.get(question.target, frozenset())
    return not owners.isdisjoint(router_macs(facts)) or _is_all_it_asks(facts, question)


def _is_all_it_asks(facts: Facts, question: ArpQuestion) -> bool:
    """Whether a device that lives by its cloud gets no further than this question: it needs its gateway first."""
    is_stuck = not any(map(facts.is_off_link, facts.outward_flows.far))
    if facts.signature is None or facts.lease is not None or not is_stuck or facts.names.get(question.target):
        return False
    # Announcements of its own address are no questions; who answered is not what it lacks.
    return all(q.target == question.target or q.target in facts.addresses or q.is_answered for q in facts.arps)


@rule("ARP-GW-NO-REPLY", stage=Stage.GATEWAY, outcomes="F", evidence=Evidence.BEHAVIOUR)
def gateway_silent(facts: Facts) -> Iterator[Fired]:
    """The default gateway does not answer ARP.

    **Seen**: three or more requests for the gateway's address, no reply, and no IP frame of the device
    leaves for the gateway or beyond.

    **Means**: the gateway address is wrong or its owner is down, or the device sits in another VLAN.

    **Not this rule**: IP frames to the gateway follow: then the reply was only not mirrored.

    **Ask the network team**: gateway address and net mask in the scope, VLAN of this port.
    """
    for question in _pending(facts):
        if not _is_gateway_question(facts, question):
            continue
        requests = _standing(facts, question)
        if len(requests) < facts.params.arp_min_tries:
            continue
        since = requests[0].at.time_ns
        if _goes_out(facts, since) or _sends_to(facts, question.target, since):
            continue
        # A gateway that this device has lost in the middle of the capture was there for the others before, too.
        has_worked = _has_worked(facts, question)
        other = _reply_to_others(facts, question.target, since if has_worked else 0)
        yield facts.finding(
            "ARP-GW-NO-REPLY",
            Stage.GATEWAY,
            f"{len(requests)} ARP requests for the gateway {ip_text(question.target)}, no reply",
            [m.at for m in requests],
            began_ns=requests[-1].at.time_ns,
            independent=len(requests),
            has_contrast=other is not None,
            decisive=[other.at.frame] if other is not None else [],
            target=Target(None, question.target, None, None),
            causes=_gateway_causes(other, has_worked=has_worked),
        )


def _standing(facts: Facts, question: ArpQuestion) -> list[ArpMessage]:
    """Unanswered requests after the device's last frame to the outside.

    A stack still sends to the MAC that it knows while it asks whether the owner is there (RFC 4861, 7.3.3,
    as Linux does for ARP). Where replies may be unseen, every frame that leaves speaks against the finding.
    """
    requests = _unanswered(facts, question)
    if len(requests) < facts.params.arp_min_tries or not facts.sees_inbound:
        return requests
    owners = facts.traffic.arp_owners.get(question.target, frozenset())
    rows, last = facts.traffic.result.rows, last_rows_sent(facts.traffic, facts.outward_flows.places, 1)
    latest = (facts.traffic.packet(row) for row in last[np.argsort(-rows["time_ns"][last], kind="stable")])
    out = next((p.time_ns for p in latest if facts.is_off_link(p.dst) or p.dmac in owners), 0)
    return [m for m in requests if m.at.time_ns > out]


def _has_worked(facts: Facts, question: ArpQuestion) -> bool:
    outward = facts.outward_flows
    return question.is_answered or bool((outward.is_answered & facts.leads_beyond).any())


def _gateway_causes(other: ArpMessage | None, *, has_worked: bool) -> list[Cause]:
    if other is None and has_worked:
        return [
            Cause("the gateway went down or lost its link", 30, "it worked before and answers nobody since", "uplink")
        ]
    if other is None:
        why = "nobody gets an answer from it in this capture"
        return [Cause("gateway address wrong, or the gateway is down", 15, why, "uplink")]
    text = f"the gateway answers {mac_text(other.target_mac)} (frame {other.at.frame})"
    return [Cause("this port or VLAN does not reach the gateway", 35, text, "device_filter")]


def _reply_to_others(facts: Facts, target: bytes, since_ns: int = 0) -> ArpMessage | None:
    replies = (m for m in facts.traffic.arps_from(target) if m.op == 2 and m.target_mac != facts.mac)
    return next((m for m in replies if m.at.time_ns >= since_ns), None)


@rule("ARP-PEER-NO-REPLY", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.BEHAVIOUR)
def peer_silent(facts: Facts) -> Iterator[Fired]:
    """A service in the same network does not answer ARP.

    **Seen**: three or more requests for an address that one of the device's names resolved to, no
    reply, no IP frame to it.

    **Means**: the peer is off or has moved, or the two are kept apart (client isolation, private VLAN).

    **Not this rule**: the gateway (ARP-GW-NO-REPLY); the peer now has another address
    (DNS-STALE-ANSWER is the root, this its consequence).

    **Ask the network team**: allow the two stations to talk to each other; else find the peer.
    """
    for question in _pending(facts):
        names = [n for n in facts.names.get(question.target, ()) if facts.needs_name(n)]
        if not names or _is_gateway_question(facts, question):
            continue
        requests = _unanswered(facts, question)
        if len(requests) < facts.params.arp_min_tries:
            continue
        if _sends_to(facts, question.target, requests[0].at.time_ns):
            continue
        alive = _sign_of_life(facts, question.target, requests[0].at.time_ns)
        need = next((n for n in facts.needs if any(p.matches(names[0]) for p in n.hosts)), None)
        yield facts.finding(
            "ARP-PEER-NO-REPLY",
            Stage.CONNECT,
            f"{len(requests)} ARP requests for {names[0]} ({ip_text(question.target)}), no reply",
            [m.at for m in requests],
            began_ns=requests[-1].at.time_ns,
            independent=len(requests),
            need=need,
            has_contrast=alive is not None,
            decisive=[alive.frame] if alive is not None else [],
            target=Target(names[0], question.target, None, None),
            causes=_peer_causes(alive),
        )


def _sign_of_life(facts: Facts, target: bytes, since_ns: int) -> Packet | None:
    """A packet that the peer sent to somebody else: an ARP reply, or since then anything in its own name."""
    reply = _reply_to_others(facts, target)
    if reply is not None:
        return reply.at
    flows = (facts.traffic.flow(i) for i in facts.traffic.flows_by_address.get(target, ())[:MAX_PEER_FLOWS])
    return next((p for f in flows for p in f.packets if p.src == target and p.time_ns >= since_ns), None)


def _peer_causes(alive: Packet | None) -> list[Cause]:
    if alive is None:
        return [Cause("the peer is off or has another address", 20, "it is not seen in this capture", "device")]
    text = f"it talks to others (frame {alive.frame})"
    return [Cause("client isolation or a private VLAN keeps the two apart", 35, text, "device_filter")]


@rule("ARP-OFFLINK", stage=Stage.GATEWAY, outcomes="F", evidence=Evidence.BEHAVIOUR)
def arp_offlink(facts: Facts) -> Iterator[Fired]:
    """The device looks for far addresses on its own wire.

    **Seen**: ARP requests for addresses outside the device's subnet, unanswered.

    **Means**: net mask too wide or gateway missing.

    **Not this rule**: a proxy-ARP network, where replies arrive.

    **Ask the network team**: correct mask and gateway, in the scope or on the device.
    """
    # A device that still sends there after its last question did so after the first one as well.
    silent = (q for q in _pending(facts) if _is_far(facts, q) and not _sends_to(facts, q.target, q.newest_ns))
    far = [(q, r) for q in silent for r in (_unanswered(facts, q),) if len(r) >= facts.params.arp_min_tries]
    far = [(q, r) for q, r in far if not _sends_to(facts, q.target, r[0].at.time_ns)]
    if not far:
        return
    requests = [m for _, r in far for m in r]
    targets = ", ".join(ip_text(q.target) for q, _ in far[:MAX_NAMED])
    yield facts.finding(
        "ARP-OFFLINK",
        Stage.GATEWAY,
        f"{len(requests)} ARP requests for {targets}, not on this network, no reply",
        [m.at for m in requests],
        began_ns=requests[-1].at.time_ns,
        independent=len(requests),
        target=Target(None, far[0][0].target, None, None),
    )


def _is_far(facts: Facts, question: ArpQuestion) -> bool:
    """Whether an unanswered target lies outside the device's subnet, as far as that is known.

    Without a lease only a private address of the device tells that a public target is far.
    """
    if question.is_answered or is_link_local(question.target) or not is_private(question.asker):
        return False
    return facts.is_off_link(question.target) or (
        _is_gateway_question(facts, question) and _is_alone_in_prefix(facts, question.target)
    )


def _is_alone_in_prefix(facts: Facts, gateway: bytes) -> bool:
    """Whether a device with a fixed address looks for its gateway in a prefix that no other host here uses."""
    others = [a for h in facts.others for a in h.addresses if len(a) == 4 and is_private(a)]
    return facts.lease is None and bool(others) and all(a[:3] != gateway[:3] for a in others)


def router_macs(facts: Facts) -> frozenset[bytes | None]:
    """MACs of the capture's routers; found once per capture."""
    known: frozenset[bytes | None] | None = facts.traffic.memo.get("router_macs")
    if known is None:
        known = facts.traffic.memo["router_macs"] = frozenset(h.mac for h in facts.hosts if h.is_router)
    return known


@rule("GW-BLACKHOLE", stage=Stage.GATEWAY, outcomes="F", evidence=Evidence.ABSENCE)
def gateway_blackhole(facts: Facts) -> Iterator[Fired]:
    """Nothing at all comes back from beyond the gateway.

    **Seen**: the gateway answers ARP; every attempt beyond it (three destinations or more, two protocols
    or more, DNS or ping among them) stays without any packet in return, while frames to the device are visible.

    **Means**: the uplink is down, or this device is blocked from everything.

    **Not this rule**: only one service's servers were tried (TCP-SYN-TIMEOUT, UDP-SERVER-WALK); a
    one-sided mirror (CAP-ONEWAY); a captive portal that answers port 80.

    **Ask the network team**: allow this device out, or repair the uplink.
    """
    outward = facts.outward_flows
    is_meant = facts.leads_beyond & outward.has_opening
    if (is_meant & outward.is_answered).any():
        return
    outward = outward.where(is_meant)
    pings = [p for p in facts.pings if facts.is_off_link(p.request.at.dst)]
    if not outward or not facts.sees_inbound:
        return
    if any(p.reply is not None for p in pings):
        return
    if any(e.message.type == 3 for e in facts.icmp_errors):
        return
    destinations = {f.resp[0] for f in outward} | {p.request.at.dst for p in pings}
    kinds = _silent_kinds(facts, outward)
    waited = facts.has_waited(outward[0].first_ns, facts.params.udp_wait)
    # Services of several ports may be filtered; that names and pings die as well is the uplink's sign.
    if len(destinations) < 3 or len(kinds) < 2 or kinds.isdisjoint({"dns", "ping"}) or not waited:
        return
    yield facts.finding(
        "GW-BLACKHOLE",
        Stage.GATEWAY,
        f"nothing came back from beyond the gateway: {len(destinations)} destinations tried, none answered",
        [*(f.sent[0] for f in outward if f.sent), *(p.request.at for p in pings)],
        began_ns=max(f.first_ns for f in outward),
        independent=len(destinations),
    )


def _silent_kinds(facts: Facts, outward: Sequence[Flow]) -> set[str]:
    """Protocols in which the device asked often enough: more often than a lossy mirror could hide the answers."""
    tries: Counter[str] = Counter()
    for flow in outward:
        kind = "dns" if flow.resp[1] == DNS_PORT else "tcp" if flow.proto == TCP else "udp"
        tries[kind] += len(flow.sent)
    tries["ping"] = sum(1 for p in facts.pings if p.reply is None)
    return {kind for kind, count in tries.items() if count and (kind == "tcp" or not may_be_lost(facts, count))}


@rule("ICMP-PING-BLOCKED", stage=Stage.GATEWAY, outcomes="n", evidence=Evidence.ABSENCE)
def ping_blocked(facts: Facts) -> Iterator[Fired]:
    """The connectivity check by ping gets no reply.

    **Seen**: echo requests to the address that the vendor's paper names stay unanswered.

    **Means**: ICMP is filtered; it costs a minute at boot and nothing more (WSC-14, WSC-15).

    **Not this rule**: all other traffic is dead as well: other rules say so.

    **Ask the network team**: optional: allow ICMP echo to that address.
    """
    wanted = {
        net for need in facts.needs if any(e.transport == "icmp" for e in need.endpoints) for net in need.addresses
    }
    silent = [p for p in facts.pings if p.reply is None and any(is_inside(p.request.at.dst, net) for net in wanted)]
    if not silent or any(
        p.reply is not None for p in facts.pings if any(is_inside(p.request.at.dst, net) for net in wanted)
    ):
        return
    first = silent[0].request.at
    yield facts.finding(
        "ICMP-PING-BLOCKED",
        Stage.GATEWAY,
        f"{len(silent)} pings to {ip_text(first.dst)} unanswered; optional, costs a minute at boot",
        [p.request.at for p in silent],
        outcome=Outcome.NOTE,
        target=Target(None, first.dst, "icmp", None),
    )
