"""LINK: devices that sit in another VLAN than they should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pcapaudit.diagnose import ipv6
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.switchport import port_of
from pcapaudit.diagnose.unserved import unoffered
from pcapaudit.flows.hosts import Host
from pcapaudit.model.addresses import ip_text, is_link_local, is_private
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

MIN_OTHERS = 2
"""Hosts of one other prefix that make a device's own one the odd one out; one may be the odd one itself."""
ARP_WAIT_S = 1.5


@dataclass(frozen=True, slots=True)
class _Sign:
    """Why the device seems to sit in the wrong VLAN; ``frames`` are not its own."""

    text: str
    because: str
    outcome: Outcome
    frames: tuple[int, ...]


@rule("LINK-WRONG-VLAN", stage=Stage.LINK, outcomes="Fd", evidence=Evidence.HEURISTIC)
def wrong_vlan(facts: Facts) -> Iterator[Fired]:
    """The device sits in another VLAN than the hosts that are served.

    **Seen**: the device gets no lease, or its gateway does not answer, and one of: its frames carry another VLAN
    than its switch port announces, in which other hosts live; they carry another one than the vendor's
    other devices, which work; its fixed address lies in a prefix that no other host here uses.

    **Means**: the access VLAN of the port, or the device's fixed address, belongs to another network.

    **Not this rule**: the device works: a second subnet or a guest VLAN by design; a voice VLAN beside the access
    VLAN; an announced VLAN of 0.

    **Ask the network team**: access VLAN of this port; the reservation or the fixed address of the device.
    """
    stuck = _stuck_packets(facts)
    sign = (_by_port(facts) or _by_siblings(facts) or _by_prefix(facts)) if stuck else None
    if sign is None:
        return
    yield facts.finding(
        "LINK-WRONG-VLAN",
        Stage.LINK,
        sign.text,
        stuck,
        outcome=sign.outcome,
        decisive=sign.frames,
        began_ns=stuck[-1].time_ns,
        independent=len(stuck),
        has_contrast=True,
        causes=[Cause("the port or the address belongs to another VLAN", 30, sign.because, "device_filter")],
    )


def _stuck_packets(facts: Facts) -> list[Packet]:
    """What the device asked in vain for an address or for its neighbours; empty when anything reaches it."""
    if facts.mac is None or facts.outward_flows.is_answered.any() or ipv6.works(facts):
        return []
    asked = [p for _, counted in unoffered(facts) for p in counted]
    if len(asked) >= facts.params.dhcp_min_tries:
        return asked
    silent = [q for q in facts.arps if not q.is_answered]
    tries = [p for q in silent for p in facts.counted([m.at for m in q.requests], ARP_WAIT_S)]
    return tries if len(tries) >= facts.params.arp_min_tries and not any(q.is_answered for q in facts.arps) else []


def _by_port(facts: Facts) -> _Sign | None:
    """The switch port announces another VLAN than the device's frames carry, and other hosts live there."""
    own, port = facts.host.vlan, port_of(facts)
    if own is None or port is None or port.vlan is None or port.vlan in (own, port.voice_vlan):
        return None
    other = next((h for h in facts.others if h.vlan == port.vlan), None)
    if other is None:
        return None
    text = f"the device sends in VLAN {own}, its switch port announces VLAN {port.vlan}"
    return _Sign(text, f"frame {port.frames[0]} names VLAN {port.vlan}", Outcome.FAILED, (port.frames[0],))


def _by_siblings(facts: Facts) -> _Sign | None:
    """Recognised devices of the same maker (by their MACs) work in one VLAN, and this one is in another."""
    own = facts.host.vlan
    if own is None:
        return None
    known: frozenset[bytes] = facts.traffic.memo.get("service_hosts", frozenset())
    alike = [h for h in facts.others if h.mac is not None and facts.mac is not None and h.mac[:3] == facts.mac[:3]]
    siblings = [h for h in alike if h.vlan is not None and known & set(h.addresses)]
    if not siblings or any(h.vlan == own for h in siblings):
        return None
    vlan = siblings[0].vlan
    text = f"the device sends in VLAN {own}, its like works in VLAN {vlan}"
    return _Sign(text, f"{_name(siblings[0])} works there", Outcome.DEGRADED, (siblings[0].first_frame,))


def _by_prefix(facts: Facts) -> _Sign | None:
    """A fixed address in a prefix of its own, while the others share another one."""
    own = next((a for a in facts.host.addresses if _is_site_address(a)), None)
    if own is None or facts.dhcp:
        return None
    homes = _homes(facts)
    is_alone = homes[own[:3]] == (_home_of(facts.host) is not None)
    common, count = next((found for found in homes.most_common(2) if found[0] != own[:3]), (b"", 0))
    if not is_alone or count < MIN_OTHERS:
        return None
    text = f"the device uses {ip_text(own)}, the other hosts here use {ip_text(common + bytes(1))}/24"
    elsewhere = homes.keys() - {own[:3]}
    near = (h for h in _near(facts) if h is not facts.host)
    seen = next(h.first_frame for h in near if any(a[:3] in elsewhere for a in h.addresses))
    others = homes.total() - homes[own[:3]]
    return _Sign(text, f"{others} hosts use other prefixes", Outcome.DEGRADED, (seen,))


def _near(facts: Facts) -> Iterator[Host]:
    """Hosts of the device's VLAN, itself among them."""
    return (h for h in facts.hosts if h.mac is not None and _is_same_vlan(facts, h))


def _homes(facts: Facts) -> Counter[bytes]:
    """How many hosts of the device's VLAN live in each prefix; counted once for all devices of a VLAN."""
    known: dict[int | None, Counter[bytes]] = facts.traffic.memo.setdefault("homes", {})
    vlan = facts.host.vlan
    if vlan not in known:
        known[vlan] = Counter(home for home in map(_home_of, _near(facts)) if home is not None)
    return known[vlan]


def _home_of(host: Host) -> bytes | None:
    """The prefix of a host's addresses in the site, if it is one alone."""
    homes = {a[:3] for a in host.addresses if _is_site_address(a)}
    return homes.pop() if len(homes) == 1 else None


def _is_site_address(address: bytes) -> bool:
    return len(address) == ipv6.V4 and is_private(address) and not is_link_local(address)


def _is_same_vlan(facts: Facts, host: Host) -> bool:
    return facts.host.vlan is None or host.vlan is None or host.vlan == facts.host.vlan


def _name(host: Host) -> str:
    return ip_text(host.addresses[0]) if host.addresses else "another one"
