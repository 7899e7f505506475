"""Plays the lines of a packet script: turns each into frames as a mirror port on the device's LAN would see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support import wire
from tests.support.conversation import Connection, Endpoint, Identifications, Ports, Side
from tests.support.line import Line
from tests.support.wire_services import Dhcp
from tests.support.world import ALL_V4, START_NS, Host, World, parse_mac

MORE_FRAGMENTS = 0x2000
"""RFC 791, section 3.1."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a script's capture; ``text`` is the line that made it, ``label`` its name in ``frames:``."""

    time_ns: int
    data: bytes
    wire_len: int
    text: str
    line: int
    label: str | None = None
    src_mac: bytes = b""
    dst_mac: bytes = b""


@dataclass(slots=True)
class Lease:
    """What a DHCP client and its server know of each other."""

    xid: int
    ip: bytes
    server: bytes
    last: Dhcp | None = None


@dataclass(slots=True)
class Query:
    """One DNS query as it was sent."""

    id: int
    ports: tuple[int, int]
    has_edns: bool
    is_tcp: bool = False


@dataclass(slots=True)
class Memory:
    """What later lines refer to."""

    connections: dict[tuple[Endpoint, Endpoint], Connection] = field(default_factory=dict)
    leases: dict[bytes, Lease] = field(default_factory=dict)
    transactions6: dict[bytes, int] = field(default_factory=dict)
    """Client's MAC -> transaction id of its DHCPv6 exchange."""
    queries: dict[tuple[bytes, bytes, str, str], Query] = field(default_factory=dict)
    clocks: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """(client, server) -> transmit time stamp of the last NTP request."""
    echoes: dict[tuple[bytes, bytes], tuple[int, int]] = field(default_factory=dict)
    packets: dict[bytes, bytes] = field(default_factory=dict)
    """Sender -> its last IP packet, for ICMP errors that quote it."""
    labelled: dict[str, bytes] = field(default_factory=dict)
    counter: int = 0

    def count(self) -> int:
        """Give 1, 2, 3, …: the seed of what must differ from line to line."""
        self.counter += 1
        return self.counter


class Player:
    """State of one script while it is played. Scripts with another ``seed`` get other initial sequence numbers."""

    def __init__(self, world: World, *, start_ns: int = START_NS, seed: str = "") -> None:
        self.world = world
        self._seed = seed
        self.start_ns = start_ns
        self.frames: list[Frame] = []
        self.packets: list[bytes] = []
        """IP packet of each frame in the order of the script; empty for other frames."""
        self.memory = Memory()
        self.ports = Ports()
        self._ids = Identifications()

    def add(self, line: Line, data: bytes, *, packet: bytes = b"") -> None:
        """Append a frame to the capture, unless the line is ``unseen``."""
        if line.is_unseen:
            return
        moment = self.start_ns + line.time_ns
        ends = (b"", b"") if len(data) < 14 else (data[6:12], data[:6])
        self.frames.append(Frame(moment, data, len(data), line.text, line.where.line, line.label, *ends))
        self.packets.append(packet)

    def repeat_last(self, line: Line) -> None:
        """Append the last frame once more, byte for byte, as a mirror that copies twice does."""
        if not self.frames:
            raise line.where.error("there is no frame to duplicate")
        self.add(line, self.frames[-1].data, packet=self.packets[-1])

    def send_link(self, line: Line, kind: int, body: bytes, *, dst_mac: bytes | None = None) -> None:
        """Send a frame that carries no IP packet."""
        src, dst = self._macs(line, dst_mac)
        self.add(line, wire.ethernet(dst, src, kind, body, vlan=self._vlan(line)))

    def send_ip(
        self,
        line: Line,
        proto: int,
        body: bytes,
        *,
        src: bytes | None = None,
        dst: bytes | None = None,
        dst_mac: bytes | None = None,
        ip_id: int | None = None,
    ) -> None:
        """Send an IP packet between the hosts of the line; ``src`` and ``dst`` replace their addresses."""
        source, target = src or line.src.address, dst or line.dst.address
        ttl = line.pop_int("ttl", line.src.ttl - line.src.hops)
        ident = line.pop_int("id", self._ids.allocate(source) if ip_id is None else ip_id)
        fragment = 0 if line.take("no-df") else wire.DF
        first = line.pop_int("first", 0)
        if first:
            # The first fragment alone (RFC 791, 3.1): the rest is not in the capture.
            body, fragment = body[:first], MORE_FRAGMENTS
        packet = wire.ip(source, target, proto, body, ttl=ttl, ip_id=ident, fragment=fragment)
        from_mac, to_mac = self._macs(line, dst_mac)
        self.memory.packets[source] = packet
        if line.label:
            self.memory.labelled[line.label] = packet
        self.add(
            line, wire.ethernet(to_mac, from_mac, wire.ether_type(packet), packet, vlan=self._vlan(line)), packet=packet
        )

    def _macs(self, line: Line, dst_mac: bytes | None) -> tuple[bytes, bytes]:
        src, dst = line.pop("from_mac"), line.pop("to_mac")
        from_mac = parse_mac(src) if src else line.src.mac
        to_mac = dst_mac or (group_mac(line.dst) or line.dst.mac)
        return from_mac, parse_mac(dst) if dst else to_mac

    @staticmethod
    def _vlan(line: Line) -> int | None:
        text = line.pop("vlan")
        if text:
            return int(text)
        return line.src.vlan if line.src.vlan is not None else line.dst.vlan

    def send_udp(self, line: Line, body: bytes, *, ports: tuple[int, int] | None = None) -> None:
        """Send a datagram; without ``ports`` those of the line, of the latest conversation, or a fresh near port."""
        src, dst = line.src.address, line.dst.address
        chosen = ports or self.choose_ports(line, wire.UDP)
        self.ports.remember(wire.UDP, (src, chosen[0]), (dst, chosen[1]))
        self.send_ip(line, wire.UDP, wire.udp(src, dst, chosen, body))

    def choose_ports(self, line: Line, proto: int) -> tuple[int, int]:
        """Give the ports of a line, filling in what it leaves out. ``new`` starts another conversation.

        Raises:
            ScriptError: The far port is missing and no conversation tells it.
        """
        near, far = (line.src.address, line.sport), (line.dst.address, line.dport)
        is_new = line.take("new")
        if near[1] is not None and far[1] is not None:
            return near[1], far[1]
        known = None if is_new else self.ports.find(proto, near, far)
        if known is not None:
            return known
        if far[1] is None:
            raise line.where.error(
                f"{line.verb}: no conversation from {line.src.name} to {line.dst.name} yet; name the port"
            )
        return near[1] or self.ports.allocate(proto, near[0]), far[1]

    def connection(self, line: Line, *, opens: bool) -> tuple[Connection, Endpoint]:
        """Give the TCP connection of a line and the end that speaks. ``opens``: the line is a SYN."""
        is_new = "new" in line.words
        ports = self.choose_ports(line, wire.TCP)
        src, dst = (line.src.address, ports[0]), (line.dst.address, ports[1])
        self.ports.remember(wire.TCP, src, dst)
        key = (min(src, dst), max(src, dst))
        found = self.memory.connections.get(key)
        if found is None or (is_new and opens):
            found = Connection(src, dst, seed=f"{self._seed} {self.memory.count()}", has_handshake=opens)
            self.memory.connections[key] = found
        return found, src

    def send_stream(self, line: Line, body: bytes, *, flags: int = wire.PSH | wire.ACK) -> None:
        """Send ``body`` as the next bytes of the line's TCP connection."""
        connection, end = self.connection(line, opens=False)
        self.send_segment(line, connection, end, flags=flags, body=body)

    def send_segment(
        self,
        line: Line,
        connection: Connection,
        end: Endpoint,
        *,
        flags: int,
        body: bytes = b"",
        seq: int | None = None,
        options: bytes = b"",
    ) -> None:
        """Send one segment; ``seq`` defaults to the side's next byte. ``lost`` keeps it from the far side."""
        side, other = connection.sides[end], connection.other(end)
        number = _relative(line, "seq", side.next if seq is None else seq)
        ack = _relative(line, "ack", side.seen) if flags & wire.ACK else 0
        window = line.pop_int("win", 0 if flags & wire.RST else 64240)
        ports = (end[1], other[1])
        segment = wire.tcp(
            end[0], other[0], ports, body, seq=number, ack=ack, flags=flags, window=window, options=options
        )
        self._account(line, side, connection.sides[other], number=number, flags=flags, body=body)
        self.send_ip(line, wire.TCP, segment, src=end[0], dst=other[0], ip_id=0 if flags & wire.RST else None)

    @staticmethod
    def _account(line: Line, side: Side, far: Side, *, number: int, flags: int, body: bytes) -> None:
        size = len(body) + bool(flags & wire.SYN) + bool(flags & wire.FIN)
        side.has_spoken = True
        if not size:
            return
        side.last = (number, flags, body)
        side.next = max(side.next, number + size)
        if line.is_lost:
            return
        if flags & wire.SYN:
            far.seen = number + size
        else:
            far.receive(number, size)


def _relative(line: Line, option: str, default: int) -> int:
    """``seq=+10`` and ``ack=-1`` count from what bookkeeping says; a plain number stands for itself."""
    text = line.pop(option)
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise line.where.error(f"{option}={text} is no number") from None
    return default + value if text[0] in "+-" else value


def group_mac(host: Host) -> bytes | None:
    """Give the group MAC of a broadcast or multicast address; None for one host's address."""
    if host.ip is None:
        return None
    if host.ip == ALL_V4:
        return wire.BROADCAST_MAC
    if len(host.ip) == 16 and host.ip[0] == 0xFF:
        return b"\x33\x33" + host.ip[-4:]
    if len(host.ip) == 4 and 224 <= host.ip[0] < 240:
        return bytes([0x01, 0x00, 0x5E, host.ip[1] & 0x7F, host.ip[2], host.ip[3]])
    return None


Verb = Callable[[Player, Line], None]
VERBS: dict[str, Verb] = {}
"""Every word that may follow ``src > dst``; filled by the modules ``verbs_*``."""


def verb(*names: str) -> Callable[[Verb], Verb]:
    """Register what plays the lines with one of these verbs."""

    def register(play: Verb) -> Verb:
        for name in names:
            VERBS[name] = play
        return play

    return register
