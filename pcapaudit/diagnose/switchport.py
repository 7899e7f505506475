"""Which switch port the capture shows: what LLDP and CDP tell, and whether it is the device's own port."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pcapaudit.diagnose.facts import Facts
from pcapaudit.flows.hosts import find_bindings
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_group_mac, mac_text
from pcapaudit.model.events import Neighbour
from pcapaudit.model.report import SwitchPort

MAX_PORTS = 20
"""Ports that are listed; announcements may be forged without end."""
MAX_FRAMES = 4
FOREIGN_SHARE = 0.05
"""Unicast frames between other boxes than the device that a switch floods to its port now and then."""


def switch_ports(traffic: Traffic) -> tuple[SwitchPort, ...]:
    """The switch ports that announce themselves, in order of their first frame, at most 20.

    LLDP and CDP of one port are one entry. A box that says that it does not forward is none, nor is one that
    says nothing of it and uses an IP address on this wire: devices announce themselves, too.
    """
    known: tuple[SwitchPort, ...] | None = traffic.memo.get("switch_ports")
    if known is None:
        known = traffic.memo["switch_ports"] = _gather(traffic)
    return known


def _gather(traffic: Traffic) -> tuple[SwitchPort, ...]:
    if not traffic.neighbours:
        return ()
    talkers = {b.mac for b in find_bindings(traffic)}
    said = (n for n in traffic.neighbours if n.is_switch or (n.is_switch is None and n.at.smac not in talkers))
    ports: dict[tuple[bytes | None, str | None], SwitchPort] = {}
    for n in said:
        key = _key_of(n, ports)
        if key in ports:
            ports[key] = _join(ports[key], n)
        elif len(ports) < MAX_PORTS:
            ports[key] = _port(n)
    return tuple(ports.values())


def _key_of(n: Neighbour, ports: Iterable[tuple[bytes | None, str | None]]) -> tuple[bytes | None, str | None]:
    """By the port's MAC and name; the other protocol may write the name of a port's MAC in another way."""
    exact = (n.at.smac, n.port)
    same_mac = [key for key in ports if key[0] == n.at.smac]
    return exact if exact in same_mac or len(same_mac) != 1 else _merge_key(n, same_mac[0])


def _merge_key(n: Neighbour, known: tuple[bytes | None, str | None]) -> tuple[bytes | None, str | None]:
    return known if _is_same_name(n.port, known[1]) else (n.at.smac, n.port)


def _is_same_name(one: str | None, other: str | None) -> bool:
    """Whether two names mean one port: equal, or alike in all but the word before the number (Gi1/0/7)."""
    if one is None or other is None or one == other:
        return True
    return bool(_number(one)) and _number(one) == _number(other) and one[:1].lower() == other[:1].lower()


def _number(name: str) -> str:
    return name.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ- ")


def _port(n: Neighbour) -> SwitchPort:
    return SwitchPort(
        protocol=n.protocol,
        name=n.system or None,
        port=n.port or None,
        port_text=n.port_text,
        vlan=n.vlan,
        voice_vlan=n.voice_vlan,
        description=n.description,
        management=ip_text(n.management) if n.management is not None else None,
        mac=mac_text(n.at.smac) if n.at.smac is not None else None,
        frames=(n.at.frame,),
    )


def _join(known: SwitchPort, n: Neighbour) -> SwitchPort:
    """What a later announcement adds; what was told first stands."""
    new = _port(n)
    return replace(
        known,
        name=known.name or new.name,
        port=known.port or new.port,
        port_text=known.port_text or new.port_text,
        vlan=known.vlan if known.vlan is not None else new.vlan,
        voice_vlan=known.voice_vlan if known.voice_vlan is not None else new.voice_vlan,
        description=known.description or new.description,
        management=known.management or new.management,
        frames=(known.frames + new.frames)[:MAX_FRAMES],
    )


def port_of(facts: Facts) -> SwitchPort | None:
    """The device's own switch port; None where several announce themselves, or the mirror shows more than one port.

    A mirror of one port shows no unicast frame between other boxes, but for those that a switch floods.
    """
    ports = [p for p in switch_ports(facts.traffic) if facts.mac is None or p.mac != mac_text(facts.mac)]
    if len(ports) != 1 or facts.mac is None or facts.host.behind_router:
        return None
    return ports[0] if _is_alone(facts.traffic, facts.mac) else None


def _is_alone(traffic: Traffic, mac: bytes) -> bool:
    """Whether nearly all unicast frames come from the device or go to it."""
    own, pairs = int.from_bytes(mac, "big"), traffic.result.pairs
    columns = (pairs[name].tolist() for name in ("smac", "dmac", "frames"))
    unicast = [(s, d, n) for s, d, n in zip(*columns, strict=True) if d and not is_group_mac(d.to_bytes(6, "big"))]
    mine = sum(n for s, d, n in unicast if own in (s, d))
    return bool(sum(n for _, _, n in unicast) - mine <= FOREIGN_SHARE * mine)
