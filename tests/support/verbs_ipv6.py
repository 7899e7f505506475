"""Verbs of IPv6's neighbour discovery and address assignment: RA, RS, NS, NA, DHCP6."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from tests.support import wire
from tests.support.line import Line
from tests.support.player import Player, verb
from tests.support.wire_services import DHCP6_KINDS, Dhcp6, dhcp6, packed_list

_ALL_NODES, _ALL_ROUTERS = ip_address("ff02::1").packed, ip_address("ff02::2").packed
_ALL_SERVERS = ip_address("ff02::1:2").packed
_SOLICITED_NODE = ip_address("ff02::1:ff00:0").packed[:13]
_UNSPECIFIED = bytes(16)
_CLIENT_PORT, _SERVER_PORT = 546, 547
_OF_SERVER = frozenset({"ADVERTISE", "REPLY"})


@verb("RA")
def play_router_advertisement(player: Player, line: Line) -> None:
    """``router6 > * RA [lifetime=1800] [prefix=2001:db8:1::/64] [rdnss=2001:db8::53] [pref64=64:ff9b::] [managed]``.

    Also ``other`` (the O flag); ``no-auto`` says that hosts may make no addresses from the prefix.
    """
    flags = (0x80 if line.take("managed") else 0) | (0x40 if line.take("other") else 0)
    options = b""
    prefix_flags = 0x80 if line.take("no-auto") else 0xC0
    if "prefix" in line.options:
        net = ip_network(line.pop("prefix"))
        options += wire.prefix_option(net.network_address.packed, net.prefixlen, flags=prefix_flags)
    if "rdnss" in line.options:
        options += wire.rdnss_option(ip_address(line.pop("rdnss")).packed)
    if "pref64" in line.options:
        options += wire.pref64_option(ip_address(line.pop("pref64")).packed)
    dst = _target(line, _ALL_NODES)
    lifetime = line.pop_int("lifetime", 1800)
    body = wire.router_advertisement(line.src.address, dst, lifetime=lifetime, flags=flags, options=options)
    _send(player, line, body, dst=dst)


@verb("RS")
def play_router_solicitation(player: Player, line: Line) -> None:
    """``dev6 > * RS [nameless]``: who is router here; ``nameless`` asks from the unspecified address."""
    src, dst = (_UNSPECIFIED if line.take("nameless") else line.src.address), _target(line, _ALL_ROUTERS)
    _send(player, line, wire.router_solicitation(src, dst, line.src.mac), src=src, dst=dst)


@verb("NS", "NA")
def play_neighbour(player: Player, line: Line) -> None:
    """``dev6 > * NS 2001:db8::1 [dad]``, ``dev6 > router6 NS 2001:db8::1`` (to one alone), ``router6 > dev6 NA``.

    ``dad`` asks from the unspecified address whether somebody uses the target already.
    """
    is_reply, is_probe = line.verb == "NA", line.take("dad")
    target = _address(player, line, line.words.pop(0)) if line.words else line.src.address
    src = _UNSPECIFIED if is_probe else line.src.address
    dst = _target(line, _ALL_NODES if is_reply else _SOLICITED_NODE + target[13:])
    _send(player, line, wire.neighbour(src, dst, target=target, mac=line.src.mac, is_reply=is_reply), src=src, dst=dst)


@verb("DHCP6")
def play_dhcp6(player: Player, line: Line) -> None:
    """``dev6 > * DHCP6 SOLICIT [new]``, ``router6 > dev6 DHCP6 ADVERTISE [ip=] [dns=] [status=2]``."""
    name = line.take_next("a kind such as SOLICIT")
    if name not in DHCP6_KINDS:
        raise line.where.error(f"DHCP6 {name} is unknown; known are {', '.join(DHCP6_KINDS)}")
    client, server = (line.dst, line.src) if name in _OF_SERVER else (line.src, line.dst)
    known = player.memory.transactions6
    if client.mac not in known or line.take("new"):
        known[client.mac] = 0x600000 + player.memory.count()
    message = Dhcp6(
        kind=DHCP6_KINDS[name],
        xid=known[client.mac],
        client_mac=client.mac,
        server_mac=server.mac if name in _OF_SERVER else None,
        addresses=packed_list(line.pop("ip")),
        dns_servers=packed_list(line.pop("dns")),
        status=line.pop_int("status", 0) if "status" in line.options else None,
    )
    dst = _target(line, _ALL_SERVERS)
    ports = (_SERVER_PORT, _CLIENT_PORT) if name in _OF_SERVER else (_CLIENT_PORT, _SERVER_PORT)
    body = wire.udp(line.src.address, dst, ports, dhcp6(message))
    player.send_ip(line, wire.UDP, body, dst=dst, dst_mac=_group_mac(dst))


def _target(line: Line, everybody: bytes) -> bytes:
    return everybody if line.dst.name == "*" else line.dst.address


def _address(player: Player, line: Line, text: str) -> bytes:
    try:
        return player.world.find(text).address
    except ValueError as error:
        raise line.where.error(str(error)) from None


def _send(player: Player, line: Line, body: bytes, *, dst: bytes, src: bytes | None = None) -> None:
    """Neighbour discovery is believed with hop limit 255 only (RFC 4861, 7.1)."""
    line.options.setdefault("ttl", "255")
    player.send_ip(line, wire.ICMPV6, body, src=src, dst=dst, dst_mac=_group_mac(dst))


def _group_mac(address: bytes) -> bytes | None:
    return b"\x33\x33" + address[-4:] if address[0] == 0xFF else None
