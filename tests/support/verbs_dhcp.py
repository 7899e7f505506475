"""The verb DHCP: both sides of the lease, with the options that diagnosis cares about."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from tests.support import wire
from tests.support.line import Line
from tests.support.player import Lease, Player, verb
from tests.support.wire_services import DHCP_KINDS, Dhcp, dhcp, packed_list
from tests.support.world import ALL_V4, ANY_V4, Host

_SERVER_KINDS = frozenset({"OFFER", "ACK", "NAK"})
_ENDS_TRANSACTION = frozenset({DHCP_KINDS["ACK"], DHCP_KINDS["NAK"]})
_CLIENT_PORT, _SERVER_PORT = 68, 67

Options = tuple[tuple[int, bytes], ...]


@verb("DHCP")
def play_dhcp(player: Player, line: Line) -> None:
    """``dev > * DHCP DISCOVER``, ``gw > dev DHCP OFFER [ip= router= dns= …]``, REQUEST, ACK, NAK, DECLINE, RELEASE.

    ``router=none`` and ``dns=none`` leave the option out. A REQUEST may be ``renew`` or ``rebind``
    (own address in ciaddr), or ``init-reboot`` (no server named). ``new`` takes a new transaction
    id, ``for=HOST`` relays another host's message.
    """
    name = line.take_next("a kind such as DISCOVER")
    if name not in DHCP_KINDS:
        raise line.where.error(f"DHCP {name} is unknown; known are {', '.join(DHCP_KINDS)}")
    client = _client(player, line, name)
    lease = _lease(player, line, client, name)
    if name in _SERVER_KINDS:
        message = _server_message(player, line, client, lease, name)
    else:
        message = _client_message(line, client, lease, name)
    lease.last = message
    _send(player, line, client, message)


def _client(player: Player, line: Line, name: str) -> Host:
    named = line.pop("for")
    if named:
        return player.world.find(named)
    return line.dst if name in _SERVER_KINDS else line.src


def _lease(player: Player, line: Line, client: Host, name: str) -> Lease:
    lease = player.memory.leases.get(client.mac)
    is_over = lease is not None and lease.last is not None and lease.last.kind in _ENDS_TRANSACTION
    is_new = line.take("new") or (name == "DISCOVER" and is_over)
    if lease is None or is_new:
        ip = lease.ip if lease is not None else client.ip or ANY_V4
        lease = Lease(0x3D1D0000 + player.memory.count(), ip, player.world.gateway.address)
        player.memory.leases[client.mac] = lease
    return lease


def _server_message(player: Player, line: Line, client: Host, lease: Lease, name: str) -> Dhcp:
    lease.server = ip_address(line.pop("server")).packed if "server" in line.options else line.src.address
    lease.ip = ip_address(line.pop("ip")).packed if "ip" in line.options else lease.ip
    is_nak = name == "NAK"
    options: Options = ((54, lease.server),) if is_nak else _server_options(player, line, lease)
    return _message(line, client, lease, name, yiaddr=ANY_V4 if is_nak else lease.ip, options=options)


def _client_message(line: Line, client: Host, lease: Lease, name: str) -> Dhcp:
    is_renewal = line.take("renew") or line.take("rebind")
    is_reboot = line.take("init-reboot")
    options: list[tuple[int, bytes]] = []
    if name in ("REQUEST", "DECLINE") and not is_renewal:
        options = [(50, lease.ip)] if is_reboot else [(50, lease.ip), (54, lease.server)]
    for code, key in ((12, "hostname"), (60, "class")):
        if key in line.options:
            options.append((code, line.pop(key).encode()))
    asks = line.pop("asks", "1,3,6,15,42")
    if name in ("DISCOVER", "REQUEST", "INFORM"):
        options.append((55, bytes(int(code) for code in asks.split(",") if code)))
    has_address = is_renewal or name in ("RELEASE", "INFORM")
    return _message(line, client, lease, name, ciaddr=lease.ip if has_address else ANY_V4, options=tuple(options))


def _message(
    line: Line,
    client: Host,
    lease: Lease,
    name: str,
    *,
    options: Options,
    ciaddr: bytes = ANY_V4,
    yiaddr: bytes = ANY_V4,
) -> Dhcp:
    giaddr = line.pop("giaddr")
    return Dhcp(
        kind=DHCP_KINDS[name],
        xid=line.pop_int("xid", lease.xid),
        chaddr=client.mac,
        secs=line.pop_int("secs", 0),
        hops=line.pop_int("hops", 1 if giaddr else 0),
        is_broadcast=line.take("broadcast"),
        ciaddr=ciaddr,
        yiaddr=yiaddr,
        giaddr=ip_address(giaddr).packed if giaddr else ANY_V4,
        options=options,
    )


def _server_options(player: Player, line: Line, lease: Lease) -> Options:
    gateway = str(ip_address(player.world.gateway.address))
    options = [(54, lease.server), (51, struct.pack(">I", line.pop_int("lease", 86400)))]
    defaults = ((1, "mask", "255.255.255.0"), (3, "router", gateway), (6, "dns", gateway), (42, "ntp", "none"))
    for code, key, default in defaults:
        text = line.pop(key, default)
        if text != "none":
            options.append((code, packed_list(text)))
    for code, key in ((15, "domain"), (114, "portal"), (252, "wpad")):
        if key in line.options:
            options.append((code, line.pop(key).encode()))
    if "default_route" in line.options:
        options.append((121, b"\0" + packed_list(line.pop("default_route"))))
    if "v6only" in line.options:
        options.append((108, struct.pack(">I", line.pop_int("v6only", 1800))))
    return tuple(options)


def _send(player: Player, line: Line, client: Host, message: Dhcp) -> None:
    """Relayed messages travel from server port to server port (RFC 2131, 4.1)."""
    src, dst, dst_mac = line.src.address, line.dst.address, None
    ports = (_SERVER_PORT, _SERVER_PORT)
    if line.src is client:
        src, ports = message.ciaddr, (_CLIENT_PORT, _SERVER_PORT)
    elif line.dst is client:
        ports = (_SERVER_PORT, _CLIENT_PORT)
        is_wide = message.is_broadcast or message.kind == DHCP_KINDS["NAK"]
        dst, dst_mac = (ALL_V4, wire.BROADCAST_MAC) if is_wide else (message.yiaddr, client.mac)
    player.send_ip(line, wire.UDP, wire.udp(src, dst, ports, dhcp(message)), src=src, dst=dst, dst_mac=dst_mac)
