"""When a device, or its link, started: the packets that only a start sends, put together start by start."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.params import ns
from pcapaudit.flows.exchanges import DhcpCycle
from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.model.addresses import ANY_V4, BROADCAST_MAC, is_link_local
from pcapaudit.model.events import DhcpMessage, Packet
from pcapaudit.model.records import dataclass

DISCOVER, REQUEST = 1, 3
EAPOL_START = 1
ASKING = frozenset({"discover", "reboot"})
GROUP_S = 10.0
"""Signs this near to each other belong to one start: RFC 5227 spreads probes and announcements over 7 s."""
LLDP_SILENCE_S = 60.0
"""Two usual intervals (IEEE 802.1AB, 9.2.5.7) without an announcement, then one: the link came up."""
ACROSS_S = 2.0
"""A connection that goes on this long after a start was not lost in it."""
GATEWAY_S, WORK_S = 5.0, 60.0
"""After its start a box with a fixed address looks for its gateway at once, and for its work within a minute."""
MIN_PAIR = 2
MAX_CROSSING = 50
"""Connections of one device that are held against its starts; one that goes on is enough."""
SLEEPER_OPTIONS = frozenset({108, 114, 249, 252})
"""Options that phones and computers ask for (IPv6-only preferred, captive portal, Microsoft's routes, WPAD).

Small boxes do not; dhclient and dhcpcd ask for 119 and 121 on them, too. Such hosts sleep and wake without starting.
"""


@dataclass(frozen=True, slots=True)
class Sign:
    """One packet that a start sends. ``kind``: discover, reboot, announcement, eapol, lldp."""

    at: Packet
    kind: str


@dataclass(frozen=True, slots=True)
class Start:
    """The signs of one start, in frame order (at least one)."""

    signs: tuple[Sign, ...]

    @property
    def at(self) -> Packet:
        """Its first packet."""
        return self.signs[0].at

    @property
    def kinds(self) -> frozenset[str]:
        """What its signs are."""
        return frozenset(s.kind for s in self.signs)


def starts_of(facts: Facts, kinds: frozenset[str]) -> list[Start]:
    """The starts of a device, by signs of these kinds; a sign within 10 s of the one before belongs to its start.

    But who asks for an address after it has announced one has started anew: the announcement comes last.
    """
    groups: list[list[Sign]] = []
    for sign in (s for s in _signs(facts) if s.kind in kinds):
        before = groups[-1][-1] if groups else None
        is_next = before is not None and before.kind == "announcement" and sign.kind in ASKING
        if before is not None and sign.at.time_ns - before.at.time_ns <= ns(GROUP_S) and not is_next:
            groups[-1].append(sign)
        else:
            groups.append([sign])
    return [Start(tuple(group)) for group in groups]


@once
def _signs(facts: Facts) -> list[Sign]:
    """All signs, in frame order."""
    return sorted(_read_signs(facts), key=lambda s: s.at.frame)


def _read_signs(facts: Facts) -> Iterator[Sign]:
    for message in (m for c in facts.dhcp for m in c.messages):
        if message.kind == DISCOVER:
            yield Sign(message.at, "discover")
        elif is_init_reboot(message):
            yield Sign(message.at, "reboot")
    if facts.mac is None:
        return
    for m in facts.traffic.arp_announcements(facts.mac):
        if not is_link_local(m.sender_ip):
            yield Sign(m.at, "announcement")
    yield from (Sign(e.at, "eapol") for e in facts.traffic.eapol if _is_own_start(facts, e.at, e.packet_type))
    own = [n.at for n in facts.traffic.neighbours if n.at.smac == facts.mac]
    yield from (Sign(b, "lldp") for a, b in pairwise(own) if b.time_ns - a.time_ns > ns(LLDP_SILENCE_S))


def _is_own_start(facts: Facts, at: Packet, packet_type: int) -> bool:
    return at.smac == facts.mac and packet_type == EAPOL_START


def is_init_reboot(message: DhcpMessage) -> bool:
    """Whether a client asks for its old address at a start (INIT-REBOOT; RFC 2131, 4.3.2)."""
    is_plain = message.kind == REQUEST and message.server_id is None and message.ciaddr == ANY_V4
    return is_plain and message.requested is not None


def reboots_of(facts: Facts) -> list[Start]:
    """Starts of the whole device, each of which got past its lease: by DHCP, else by its announcements.

    Empty where there are no two of them.
    """
    starts = _starts_by_dhcp(facts) if facts.dhcp else _announced_boots(facts)
    if len(starts) < MIN_PAIR:
        return []
    used = _address_uses(facts)
    if facts.dhcp:
        cycles = {m.at.frame: c for c in facts.dhcp for m in c.messages}
        starts = [s for s in starts if _got_past_lease(cycles[s.at.frame], s, used)]
    return [a for a, b in pairwise(starts) if _is_any_between(used, a, b)] + starts[-1:]


def _starts_by_dhcp(facts: Facts) -> list[Start]:
    return starts_of(facts, frozenset({"discover"}) if is_sleeper(facts) else frozenset({"discover", "reboot"}))


def _is_any_between(used: Sequence[int], start: Start, following: Start) -> bool:
    """Whether the device worked between this start and the next one."""
    return bisect_right(used, start.at.time_ns) < bisect_left(used, following.at.time_ns)


def is_sleeper(facts: Facts) -> bool:
    """Whether the host asks for what phones and computers ask for: it sleeps and wakes without starting."""
    return any(not SLEEPER_OPTIONS.isdisjoint(m.asked_options) for c in facts.dhcp for m in c.messages)


def _got_past_lease(cycle: DhcpCycle, start: Start, used: Sequence[int]) -> bool:
    """Whether the DHCP exchange of a start gave an address: an ACK, or a REQUEST whose address was then used."""
    if cycle.ack is not None:
        return True
    asked = [m.at.time_ns for m in cycle.requests if m.at.frame >= start.at.frame]
    return bool(asked) and not cycle.naks and bisect_right(used, asked[0]) < len(used)


def _address_uses(facts: Facts) -> list[int]:
    """Times at which the device sent something from an address of its own; a self-assigned one does not count."""
    times = [q.began_ns for k in facts.lookups for q in k.queries]
    times += [f.first_ns for f in facts.outward_flows if not is_link_local(f.orig[0])]
    own = facts.traffic.arp_uses(facts.mac) if facts.mac is not None else ()
    times += [time_ns for address, time_ns in own if not is_link_local(address)]
    return sorted(times)


def _announced_boots(facts: Facts) -> list[Start]:
    """Starts of a box with a fixed address: it looks for its neighbours at once, then for its work."""
    starts = starts_of(facts, frozenset({"announcement"}))
    if len(starts) < MIN_PAIR:
        return []
    own = facts.traffic.arps_of(facts.mac) if facts.mac is not None else ()
    asks = sorted(m.at.time_ns for m in own if m.op == 1 and m.target_ip != m.sender_ip and m.at.dmac == BROADCAST_MAC)
    work = sorted([q.began_ns for k in facts.lookups for q in k.queries] + [f.first_ns for f in facts.outward_flows])
    return [
        s
        for s in starts
        if _has_within(asks, s.signs[-1].at.time_ns, GATEWAY_S) and _has_within(work, s.at.time_ns, WORK_S)
    ]


def _has_within(times: Sequence[int], since_ns: int, seconds: float) -> bool:
    return bisect_left(times, since_ns) < bisect_right(times, since_ns + ns(seconds))


def crossing(facts: Facts, starts: Iterable[Start]) -> list[tuple[Start, list[Flow]]]:
    """For each start the TCP connections of the device that live on across it."""
    flows = [f for f in facts.outward_flows if f.proto == TCP and f.sent]
    flows = sorted(flows, key=lambda f: f.first_ns - f.last_ns)[:MAX_CROSSING]
    return [
        (s, [f for f in flows if f.first_ns < s.at.time_ns and f.sent[-1].time_ns > s.at.time_ns + ns(ACROSS_S)])
        for s in starts
    ]
