"""Who is on the wire: hosts by MAC, or by address where a router stands between.

A host is what may turn out to be a device. Routers are recognised by the many addresses
behind their MAC; the addresses behind them become hosts of their own, without a MAC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pcapaudit.flows.discovery import discovery_of
from pcapaudit.flows.numbering import ends_of
from pcapaudit.flows.packets import packed_address, packed_mac
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ANY_V4, is_group_mac, is_link_local, is_public, is_unicast
from pcapaudit.model.records import dataclass
from pcapaudit.scan.columns import NO_VLAN

INITIAL_TTLS = frozenset({30, 32, 60, 64, 128, 255})
"""TTLs that stacks start with; any other was decremented by a router on the way."""
MAC_SIZE = 6
DHCP_ACK = 5
MAX_CLAIMS = 8
"""Addresses that are believed of a box that shows itself by ARP alone."""
TRACED_TTLS = range(1, 33)
"""TTLs that a host counts through to find its routers, or sends for the link alone."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One source address seen behind one source MAC (``None`` on link types without MACs)."""

    mac: bytes | None
    address: bytes
    frames: int
    first_ns: int
    last_ns: int
    first_frame: int
    last_frame: int
    ttl_max: int
    ttl_min: int = 0


_BINDING = (
    "family", "hi", "lo", "smac", "frames", "first_ns", "last_ns", "first_frame", "last_frame", "ttl_max", "ttl_min",
)  # fmt: skip
"""Columns of the scan that make a binding: its address, its MAC, and the rest in the order of the fields."""


@dataclass(frozen=True, slots=True)
class Host:
    """One box as the capture shows it.

    ``mac`` is None when a router or the link type hides it. ``addresses`` are those it used,
    in order of first use; link-local ones last. ``frames`` counts what it sent.
    """

    mac: bytes | None
    addresses: tuple[bytes, ...]
    frames: int
    first_ns: int
    last_ns: int
    first_frame: int
    last_frame: int
    vlan: int | None = None
    behind_router: bool = False
    is_router: bool = False
    only_destination: bool = False

    @property
    def key(self) -> str:
        """Stable name of the host inside one capture."""
        if self.mac is not None:
            return self.mac.hex(":")
        return self.addresses[0].hex() if self.addresses else "?"


def find_bindings(traffic: Traffic) -> list[Binding]:
    """Source addresses behind source MACs, unspecified and group addresses left out."""
    table = traffic.result.bindings
    found = []
    for family, high, low, mac, *seen in zip(*(table[name].tolist() for name in _BINDING), strict=True):
        address = packed_address(family, high, low)
        if address and is_unicast(address):
            found.append(Binding(packed_mac(mac), address, *seen))
    return sorted(found, key=lambda b: b.first_frame)


def find_hosts(traffic: Traffic) -> list[Host]:
    """All hosts that sent or should have received a unicast frame, in order of first appearance.

    An address that a box on the link uses is not listed once more behind a router: a mirror of both
    sides of a router shows its packets twice.
    """
    by_mac: dict[bytes | None, list[Binding]] = defaultdict(list)
    for binding in find_bindings(traffic):
        by_mac[binding.mac].append(binding)
    hosts: list[Host] = []
    forwarded: list[Binding] = []
    for mac, bindings in by_mac.items():
        own, beyond = _split(mac, bindings, traffic)
        forwarded.extend(beyond)
        claimed = claims_of(traffic, mac) - {b.address for b in beyond} if mac is not None and beyond else frozenset()
        if mac is not None and (own or claimed):
            hosts.append(_merged(mac, own, claimed, traffic, is_router=bool(beyond)))
    hosts.extend(_behind_routers(forwarded, {a for h in hosts for a in h.addresses}))
    hosts.extend(_silent_macs(traffic, set(by_mac)))
    hosts.extend(_unserved_clients(traffic, {h.mac for h in hosts}))
    routers = {b.mac for b in forwarded} | {h.mac for h in hosts if h.is_router}
    unseen = _destinations_only(traffic, {a for h in hosts for a in h.addresses}, routers)
    return sorted(_with_destinations(hosts, unseen), key=lambda h: (h.first_frame, h.key))


def _with_destinations(hosts: Sequence[Host], unseen: Iterable[Host]) -> list[Host]:
    """Addresses that only receive, given to the host whose MAC they were sent to, else hosts of their own."""
    by_mac = {h.mac: h for h in hosts if h.mac is not None and not h.is_router}
    alone: list[Host] = []
    for host in unseen:
        if host.mac is None or host.mac not in by_mac:
            alone.append(host)
        else:
            owner = by_mac[host.mac]
            by_mac[host.mac] = replace(owner, addresses=(*owner.addresses, *host.addresses))
    kept = [by_mac[h.mac] if h.mac in by_mac and not h.is_router else h for h in hosts]
    return [*kept, *alone]


def claims_of(traffic: Traffic, mac: bytes) -> frozenset[bytes]:
    """Addresses that a MAC says by ARP or by neighbour discovery are its own (RFC 826, RFC 4861)."""
    table: dict[bytes, set[bytes]] | None = traffic.memo.get("claims")
    if table is None:
        table = defaultdict(set, {owner: set(addresses) for owner, addresses in traffic.arp_claims.items()})
        for owner, addresses in discovery_of(traffic).claims.items():
            table[owner] |= addresses
        traffic.memo["claims"] = table
    return frozenset(table.get(mac, ()))


def _split(mac: bytes | None, bindings: list[Binding], traffic: Traffic) -> tuple[list[Binding], list[Binding]]:
    """What a MAC sent in its own name, and what it forwarded for hosts beyond it."""
    if mac is None:
        return [], bindings
    claimed = claims_of(traffic, mac)
    usual = [b for b in bindings if not is_link_local(b.address)]
    forwards = bool(claimed) and any(_is_from_beyond(b) for b in usual if b.address not in claimed)
    if not (forwards or _is_router(usual)):
        return ([], bindings) if _is_hidden(mac, usual, claimed, traffic) else (bindings, [])
    own = [b for b in bindings if b.address in claimed or is_link_local(b.address)]
    if not own:
        own = [b for b in bindings if not (is_public(b.address) or _is_decremented(b))]
    kept = {b.address for b in own}
    return own, [b for b in bindings if b.address not in kept]


def _is_from_beyond(binding: Binding) -> bool:
    """Whether an address that its MAC does not claim must lie behind it."""
    return _is_decremented(binding) or (len(binding.address) == 4 and is_public(binding.address))


def _is_hidden(mac: bytes, usual: Sequence[Binding], claimed: frozenset[bytes], traffic: Traffic) -> bool:
    """Whether the MAC is that of a router, which shows nothing of its own.

    A public source with a lowered TTL is an address translator's, even where that box answers ARP for it.
    """
    if not usual:
        return False
    if all(is_public(b.address) and (_is_decremented(b) or _has_decremented(b)) for b in usual):
        return True
    is_client = any(m.at.smac == mac for m in traffic.dhcp_by_client.get(mac, ()))
    return all(_is_decremented(b) for b in usual) and not claimed and not is_client


def _is_router(own: Sequence[Binding]) -> bool:
    """Several addresses at the same time of which one lies outside the site, or more than a multi-homed box has."""
    v4 = [b for b in own if len(b.address) == 4]
    if len(v4) < 2:
        return len([b for b in own if is_public(b.address) and _is_decremented(b)]) > 1
    public = [b for b in v4 if is_public(b.address)]
    if public and len(v4) > len(public):
        return True
    if len(public) > 1:
        return True
    return not _are_sequential(v4) and (len(v4) > 3 or all(_is_decremented(b) for b in v4))


def _are_sequential(bindings: Sequence[Binding]) -> bool:
    ordered = sorted(bindings, key=lambda b: b.first_ns)
    return all(a.last_ns <= b.first_ns for a, b in pairwise(ordered))


def _is_decremented(binding: Binding) -> bool:
    return binding.ttl_max not in INITIAL_TTLS and binding.ttl_max > 0


def _has_decremented(binding: Binding) -> bool:
    """Whether some packets came over a router; the low TTLs of traceroute and of link protocols do not count."""
    return binding.ttl_min > max(TRACED_TTLS) and binding.ttl_min not in INITIAL_TTLS


def _behind_routers(bindings: Iterable[Binding], known: set[bytes]) -> Iterable[Host]:
    """One host an address, whatever routers it was seen behind."""
    table: dict[bytes, list[Binding]] = defaultdict(list)
    for b in bindings:
        if b.address not in known:
            table[b.address].append(b)
    for address, group in table.items():
        first, last = min(group, key=lambda b: b.first_frame), max(group, key=lambda b: b.last_frame)
        frames = sum(b.frames for b in group)
        moments = (first.first_ns, last.last_ns, first.first_frame, last.last_frame)
        yield Host(None, (address,), frames, *moments, behind_router=True)


def _merged(
    mac: bytes, own: Sequence[Binding], claimed: frozenset[bytes], traffic: Traffic, *, is_router: bool
) -> Host:
    """The box behind a MAC. A router owns what it claims; it may have sent nothing but others' packets."""
    ordered = sorted(own, key=lambda b: (is_link_local(b.address), len(b.address), b.first_frame))
    frames, first, last, vlan = _sent_by(traffic)[mac]
    return Host(
        mac=mac,
        addresses=tuple(dict.fromkeys([*sorted(claimed), *(b.address for b in ordered)])),
        frames=frames,
        first_ns=first[1],
        last_ns=last[1],
        first_frame=first[0],
        last_frame=last[0],
        vlan=vlan,
        is_router=is_router,
    )


_Sent = dict[bytes, tuple[int, tuple[int, int], tuple[int, int], int | None]]


def _sent_by(traffic: Traffic) -> _Sent:
    """Per source MAC: frames, (frame, time) of the first and of the last, VLAN of the first."""
    cached: _Sent | None = traffic.memo.get("sent_by")
    if cached is not None:
        return cached
    pairs = traffic.result.pairs[traffic.result.pairs["smac"] != 0]
    by_first = pairs[np.lexsort((pairs["first_frame"], pairs["smac"]))]
    by_last = pairs[np.lexsort((pairs["last_frame"], pairs["smac"]))]
    macs, starts = np.unique(by_first["smac"], return_index=True)
    first, last = by_first[starts], by_last[np.append(starts[1:], len(pairs))[: len(macs)] - 1]
    frames = np.add.reduceat(by_first["frames"], starts) if len(macs) else macs
    table: _Sent = {
        mac.to_bytes(6, "big"): (count, opening, closing, None if tag == NO_VLAN else tag)
        for mac, count, opening, closing, tag in zip(
            macs.tolist(),
            frames.tolist(),
            first[["first_frame", "first_ns"]].tolist(),
            last[["last_frame", "last_ns"]].tolist(),
            first["vlan"].tolist(),
            strict=True,
        )
    }
    traffic.memo["sent_by"] = table
    return table


def _silent_macs(traffic: Traffic, known: set[bytes | None]) -> Iterable[Host]:
    """MACs that sent frames but never from an address: devices without a lease, or that only ask for a gateway."""
    for mac, (frames, first, last, vlan) in _sent_by(traffic).items():
        if mac not in known and not is_group_mac(mac):
            claimed = sorted(claims_of(traffic, mac))[:MAX_CLAIMS]
            yield Host(mac, tuple(claimed), frames, first[1], last[1], first[0], last[0], vlan)


def _unserved_clients(traffic: Traffic, known: set[bytes | None]) -> Iterable[Host]:
    """DHCP clients behind a relay that get no address: the relay's messages name them, no frame here is their own."""
    for mac, messages in traffic.dhcp_by_client.items():
        relayed = [m.at for m in messages if m.op == 1 and m.giaddr != ANY_V4]
        if relayed and mac not in known and len(mac) == MAC_SIZE and all(m.kind != DHCP_ACK for m in messages):
            first, last = relayed[0], relayed[-1]
            yield Host(mac, (), 0, first.time_ns, last.time_ns, first.frame, last.frame, only_destination=True)


def _destinations_only(traffic: Traffic, known: set[bytes], routers: set[bytes | None]) -> Iterable[Host]:
    """Addresses that others send to and that never send: one-sided mirrors show a device so."""
    found: dict[bytes, list[int]] = defaultdict(list)
    flows = traffic.result.flows
    one_way = np.flatnonzero((flows["b_pkts"] == 0) & (flows["a_pkts"] > 0))
    for index, (_, _, destination, _, _) in zip(one_way.tolist(), ends_of(traffic, one_way), strict=True):
        if destination and destination not in known and is_unicast(destination) and not is_public(destination):
            found[destination].append(index)
    for address, indices in found.items():
        first, last = indices[0], indices[-1]
        packets = traffic.packets(first)
        mac = packets[0].dmac if packets else None
        is_own = mac is not None and not is_group_mac(mac) and mac not in routers
        row, end = flows[first], flows[last]
        yield Host(
            mac if is_own else None,
            (address,),
            0,
            int(row["first_ns"]),
            int(end["last_ns"]),
            int(row["first_frame"]),
            int(end["last_frame"]),
            behind_router=mac is not None and mac in routers,
            only_destination=True,
        )
