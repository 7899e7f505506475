"""Verbs below and beside TCP and UDP: ARP, ICMP, neighbour discovery, EAPOL, LLDP, spanning tree."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from tests.support import wire
from tests.support.line import Line
from tests.support.player import Player, verb
from tests.support.world import ANY_V4

_UNREACHABLE, _TIME_EXCEEDED, _REDIRECT, _TOO_BIG = 3, 11, 5, 2


@verb("ARP?")
def play_arp_request(player: Player, line: Line) -> None:
    """``dev > * ARP? 10.0.0.1``; ``probe`` asks from 0.0.0.0 (RFC 5227)."""
    wanted = _address(player, line, line.take_next("the address asked for"))
    sender = ANY_V4 if line.take("probe") else line.src.address
    is_broadcast = line.dst.name == "*"
    body = wire.arp(1, (line.src.mac, sender), (bytes(6), wanted))
    player.send_link(line, wire.ETHER_ARP, body, dst_mac=wire.BROADCAST_MAC if is_broadcast else None)


@verb("ARP!")
def play_arp_reply(player: Player, line: Line) -> None:
    """``gw > dev ARP!`` answers for the sender's own address; a word names another one."""
    claimed = _address(player, line, line.words.pop(0)) if line.words else line.src.address
    mac = line.options.get("from_mac")
    sender = bytes.fromhex(mac.replace(":", "")) if mac else line.src.mac
    body = wire.arp(2, (sender, claimed), (line.dst.mac, line.dst.ip or ANY_V4))
    player.send_link(line, wire.ETHER_ARP, body)


@verb("ANNOUNCE")
def play_arp_announcement(player: Player, line: Line) -> None:
    """``dev > * ANNOUNCE``: gratuitous ARP for the sender's own address, or for the one named."""
    claimed = _address(player, line, line.words.pop(0)) if line.words else line.src.address
    body = wire.arp(1, (line.src.mac, claimed), (bytes(6), claimed))
    player.send_link(line, wire.ETHER_ARP, body, dst_mac=wire.BROADCAST_MAC)


def _address(player: Player, line: Line, text: str) -> bytes:
    try:
        return player.world.find(text).address
    except ValueError as error:
        raise line.where.error(str(error)) from None


@verb("PING")
def play_echo_request(player: Player, line: Line) -> None:
    """``dev > 4.2.2.2 PING``: an echo request; the sequence number counts up."""
    key = (line.src.address, line.dst.address)
    ident, last = player.memory.echoes.get(key, (player.memory.count(), 0))
    player.memory.echoes[key] = (ident, last + 1)
    proto, body = wire.echo(*key, reply=False, ident=ident, sequence=last + 1)
    player.send_ip(line, proto, body)


@verb("PONG")
def play_echo_reply(player: Player, line: Line) -> None:
    """``4.2.2.2 > dev PONG``: the reply to the last echo request between the two."""
    key = (line.dst.address, line.src.address)
    if key not in player.memory.echoes:
        raise line.where.error(f"PONG: {line.dst.name} sent no PING to {line.src.name}")
    ident, sequence = player.memory.echoes[key]
    proto, body = wire.echo(line.src.address, line.dst.address, reply=True, ident=ident, sequence=sequence)
    player.send_ip(line, proto, body)


@verb("ICMP")
def play_icmp_error(player: Player, line: Line) -> None:
    """``gw > dev ICMP unreachable code=13 [quoting=LABEL|FRAME] [quoted_hops=0]``.

    Also ``time-exceeded``, ``redirect to=ADDRESS``, ``too-big mtu=1400``. Without ``quoting`` it is
    about the last IP packet of the line's receiver.
    """
    name = line.take_next("what happened: unreachable, time-exceeded, redirect, too-big")
    quoted = wire.routed(_quoted(player, line), hops=line.pop_int("quoted_hops", 0))
    is_v6 = len(line.src.address) == 16
    rest = struct.pack(">I", 0)
    code = line.pop_int("code", 0)
    if name == "unreachable":
        kind = 1 if is_v6 else _UNREACHABLE
    elif name == "time-exceeded":
        kind = 3 if is_v6 else _TIME_EXCEEDED
    elif name == "too-big":
        kind, code = (_TOO_BIG, 0) if is_v6 else (_UNREACHABLE, 4)
        rest = struct.pack(">I", line.pop_int("mtu", 1400))
    elif name == "redirect":
        kind, code, rest = _REDIRECT, code or 1, ip_address(line.pop("to")).packed
    else:
        raise line.where.error(f"ICMP {name} is unknown; known are unreachable, time-exceeded, redirect, too-big")
    player.send_ip(line, *wire.icmp_error(line.src.address, line.dst.address, kind, code, quoted=quoted, rest=rest))


def _quoted(player: Player, line: Line) -> bytes:
    wanted = line.pop("quoting")
    if not wanted:
        packet = player.memory.packets.get(line.dst.address, b"")
    elif wanted.isdigit():
        number = int(wanted)
        packet = player.packets[number - 1] if 0 < number <= len(player.packets) else b""
    else:
        packet = player.memory.labelled.get(wanted, b"")
    if not packet:
        raise line.where.error(f"ICMP: there is no IP packet {wanted or 'of ' + line.dst.name} to quote")
    return packet


@verb("EAPOL")
def play_eapol(player: Player, line: Line) -> None:
    """``switch > dev EAPOL request-identity``; also start, response-identity, success, failure, logoff."""
    name = line.take_next("its kind, such as request-identity")
    ident = line.pop_int("ident", 1)
    known = {
        "start": wire.eapol(1),
        "logoff": wire.eapol(2),
        "request-identity": wire.eapol(0, wire.eap(1, ident, b"\x01")),
        "response-identity": wire.eapol(0, wire.eap(2, ident, b"\x01device")),
        "success": wire.eapol(0, wire.eap(3, ident)),
        "failure": wire.eapol(0, wire.eap(4, ident)),
    }
    if name not in known:
        raise line.where.error(f"EAPOL {name} is unknown; known are {', '.join(known)}")
    to_group = wire.EAPOL_MAC if line.dst.name == "*" else None
    player.send_link(line, wire.ETHER_EAPOL, known[name], dst_mac=to_group)


@verb("LLDP")
def play_lldp(player: Player, line: Line) -> None:
    """``switch > * LLDP port=Gi1/0/7 [name=sw1] [port_vlan=20] [bridge|station]``."""
    vlan = line.pop("port_vlan")
    capabilities = 0x04 if line.take("bridge") else (0x80 if line.take("station") else None)
    body = wire.lldp(
        line.src.mac,
        line.pop("port", "Gi1/0/1"),
        name=line.pop("name", "sw1"),
        vlan=int(vlan) if vlan else None,
        capabilities=capabilities,
    )
    player.send_link(line, wire.ETHER_LLDP, body, dst_mac=wire.LLDP_MAC)


@verb("CDP")
def play_cdp(player: Player, line: Line) -> None:
    """``switch > * CDP port=GigabitEthernet1/0/7 [name=sw1] [port_vlan=20]``."""
    vlan = line.pop("port_vlan")
    port, name = line.pop("port", "GigabitEthernet1/0/1"), line.pop("name", "sw1")
    player.add(line, wire.cdp_frame(line.src.mac, wire.cdp(port, name=name, vlan=int(vlan) if vlan else None)))


@verb("STP")
def play_spanning_tree(player: Player, line: Line) -> None:
    """``switch > * STP [tc]``: a configuration BPDU, with ``tc`` saying that the topology changed."""
    player.add(line, wire.spanning_tree(wire.STP_MAC, line.src.mac, is_change=line.take("tc")))
