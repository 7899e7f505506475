"""Literal frames from the link up to TCP, UDP and ICMP: right lengths, right checksums, nothing else.

Written from the standards with ``struct`` alone and used by tests only. It shares no code with the
program under test, so that an error in one cannot hide in the other. Addresses and MACs are packed
bytes, IPv4 or IPv6 follows from their length.
"""

from __future__ import annotations

import struct

BROADCAST_MAC = b"\xff" * 6
EAPOL_MAC = bytes.fromhex("0180c2000003")
LLDP_MAC = bytes.fromhex("0180c200000e")
STP_MAC = bytes.fromhex("0180c2000000")
CDP_MAC = bytes.fromhex("01000ccccccc")

ETHER_IPV4, ETHER_ARP, ETHER_VLAN, ETHER_IPV6 = 0x0800, 0x0806, 0x8100, 0x86DD
ETHER_EAPOL, ETHER_LLDP = 0x888E, 0x88CC

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
DF = 0x4000
SMALLEST_FRAME = 60
"""Bytes of the shortest Ethernet frame without its check sequence (IEEE 802.3, 4A.2.3.2.4)."""


def checksum(data: bytes) -> int:
    """Give the internet checksum of ``data``, padded to an even length. Source: RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(dst: bytes, src: bytes, kind: int, body: bytes, *, vlan: int | None = None) -> bytes:
    """Give an Ethernet II frame, padded to 60 bytes; ``vlan`` adds an 802.1Q tag (priority 0)."""
    tag = b"" if vlan is None else struct.pack(">HH", ETHER_VLAN, vlan)
    frame = dst + src + tag + struct.pack(">H", kind) + body
    return frame.ljust(SMALLEST_FRAME, b"\0")


def ether_type(packet: bytes) -> int:
    """Give the EtherType that fits an IP packet's version."""
    return ETHER_IPV6 if packet[0] >> 4 == 6 else ETHER_IPV4


def cooked(src: bytes, kind: int, body: bytes, *, direction: int = 0) -> bytes:
    """Give a Linux cooked frame (LINKTYPE_LINUX_SLL); direction 0 to us, 1 broadcast, 3 to others, 4 sent."""
    return struct.pack(">HHH8sH", direction, 1, 6, src, kind) + body


def arp(op: int, sender: tuple[bytes, bytes], target: tuple[bytes, bytes]) -> bytes:
    """Give an ARP packet; sender and target are (MAC, IPv4 address). Source: RFC 826."""
    return struct.pack(">HHBBH", 1, ETHER_IPV4, 6, 4, op) + b"".join(sender) + b"".join(target)


def ip(src: bytes, dst: bytes, proto: int, body: bytes, *, ttl: int = 64, ip_id: int = 0, fragment: int = DF) -> bytes:
    """Give an IPv4 or IPv6 packet. ``fragment`` are IPv4's flags and offset (RFC 791, 3.1); IPv6 has none."""
    if len(src) == 16:
        return struct.pack(">IHBB", 6 << 28, len(body), proto, ttl) + src + dst + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), ip_id, fragment, ttl, proto, 0) + src + dst
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def routed(packet: bytes, *, hops: int = 1) -> bytes:
    """Give the packet as it is ``hops`` routers further on: a lower TTL, a fitting checksum."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes([packet[7] - hops]) + packet[8:]
    head = bytearray(packet[:20])
    head[8] -= hops
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack(">H", checksum(bytes(head)))
    return bytes(head) + packet[20:]


def resummed(packet: bytes, *, partial: bool = False) -> bytes:
    """Give an IPv4 packet without options with fitting header, TCP and UDP checksums.

    ``partial`` leaves the sum of the pseudo-header where TCP's or UDP's belongs, as a driver does whose network card
    is to complete it.
    """
    head, body = packet[:10] + b"\0\0" + packet[12:20], packet[20:]
    at = {TCP: 16, UDP: 6}.get(packet[9])
    if at is not None and len(body) > at + 1:
        bare = body[:at] + b"\0\0" + body[at + 2 :]
        pseudo = _pseudo(head[12:16], head[16:20], packet[9], len(body))
        total = checksum(pseudo) ^ 0xFFFF if partial else checksum(pseudo + bare)
        body = body[:at] + struct.pack(">H", total) + body[at + 2 :]
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def _pseudo(src: bytes, dst: bytes, proto: int, length: int) -> bytes:
    form = ">IHBB" if len(src) == 16 else ">BBH"
    values = (length, 0, 0, proto) if len(src) == 16 else (0, proto, length)
    return src + dst + struct.pack(form, *values)


def udp(src: bytes, dst: bytes, ports: tuple[int, int], body: bytes) -> bytes:
    """Give a UDP datagram from ``ports[0]`` to ``ports[1]``. Source: RFC 768."""
    length = 8 + len(body)
    head = struct.pack(">HHHH", *ports, length, 0)
    total = checksum(_pseudo(src, dst, UDP, length) + head + body) or 0xFFFF
    return struct.pack(">HHHH", *ports, length, total) + body


def tcp(
    src: bytes,
    dst: bytes,
    ports: tuple[int, int],
    body: bytes = b"",
    *,
    seq: int,
    ack: int = 0,
    flags: int = ACK,
    window: int = 64240,
    options: bytes = b"",
) -> bytes:
    """Give a TCP segment; ``options`` are padded with end-of-list. Source: RFC 9293, 3.1."""
    options += bytes(-len(options) % 4)
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack(">HHIIBBHHH", *ports, seq % 2**32, ack % 2**32, offset, flags, window, 0, 0) + options
    total = checksum(_pseudo(src, dst, TCP, len(head) + len(body)) + head + body)
    return head[:16] + struct.pack(">H", total) + head[18:] + body


def syn_options(mss: int = 1460) -> bytes:
    """Give the options of a SYN: segment size, selective acknowledgement, window scale 7 (RFC 9293, 2018, 7323)."""
    return struct.pack(">BBH", 2, 4, mss) + b"\x04\x02" + b"\x01\x01" + b"\x01\x03\x03\x07"


def sack_option(left: int, right: int) -> bytes:
    """Give a SACK option with one block. Source: RFC 2018, section 3."""
    return struct.pack(">BBBBII", 1, 1, 5, 10, left % 2**32, right % 2**32)


def timestamp_option(value: int, echo: int) -> bytes:
    """Give a time stamp option. Source: RFC 7323, section 3.2."""
    return struct.pack(">BBBBII", 1, 1, 8, 10, value, echo)


def icmp(kind: int, code: int, rest: bytes, body: bytes = b"") -> bytes:
    """Give an ICMPv4 message; ``rest`` are the four bytes after the checksum. Source: RFC 792."""
    head = struct.pack(">BBH", kind, code, 0) + rest
    return struct.pack(">BBH", kind, code, checksum(head + body)) + rest + body


def icmpv6(src: bytes, dst: bytes, kind: int, code: int, *, body: bytes) -> bytes:
    """Give an ICMPv6 message; ``body`` is all that follows the checksum. Source: RFC 4443, section 2."""
    head = struct.pack(">BBH", kind, code, 0)
    total = checksum(_pseudo(src, dst, ICMPV6, len(head) + len(body)) + head + body)
    return struct.pack(">BBH", kind, code, total) + body


def echo(src: bytes, dst: bytes, *, reply: bool, ident: int, sequence: int) -> tuple[int, bytes]:
    """Give protocol number and message of an echo request or reply of 56 bytes, v4 or v6."""
    rest, body = struct.pack(">HH", ident, sequence), bytes(range(56))
    if len(src) == 16:
        return ICMPV6, icmpv6(src, dst, 129 if reply else 128, 0, body=rest + body)
    return ICMP, icmp(0 if reply else 8, 0, rest, body)


def icmp_error(src: bytes, dst: bytes, kind: int, code: int, *, quoted: bytes, rest: bytes) -> tuple[int, bytes]:
    """Give protocol number and message of an error about the packet ``quoted``.

    IPv4 quotes the header and 8 bytes, IPv6 as much as fits (RFC 792; RFC 4443, 2.4).
    """
    if len(src) == 16:
        return ICMPV6, icmpv6(src, dst, kind, code, body=rest + quoted[:1232])
    return ICMP, icmp(kind, code, rest, quoted[: (quoted[0] & 15) * 4 + 8])


def router_advertisement(
    src: bytes, dst: bytes, *, lifetime: int = 1800, flags: int = 0, options: bytes = b""
) -> bytes:
    """Give a router advertisement; ``flags`` 0x80 managed, 0x40 other. Source: RFC 4861, 4.2."""
    return icmpv6(src, dst, 134, 0, body=struct.pack(">BBHII", 64, flags, lifetime, 0, 0) + options)


def rdnss_option(server: bytes, *, lifetime: int = 1800) -> bytes:
    """Give the option that names a DNS server. Source: RFC 8106, 5.1."""
    return struct.pack(">BBHI", 25, 3, 0, lifetime) + server


def prefix_option(prefix: bytes, length: int, *, flags: int = 0xC0) -> bytes:
    """Give the option that announces a prefix; ``flags`` 0x80 on-link, 0x40 autonomous. Source: RFC 4861, 4.6.2."""
    return struct.pack(">BBBBIII", 3, 4, length, flags, 86400, 14400, 0) + prefix


def pref64_option(prefix: bytes) -> bytes:
    """Give the option that announces a NAT64 prefix of 96 bits. Source: RFC 8781, section 4."""
    return struct.pack(">BBH", 38, 2, 1800 & 0xFFF8) + prefix[:12]


def router_solicitation(src: bytes, dst: bytes, mac: bytes) -> bytes:
    """Give a router solicitation; from the unspecified address without the link-layer option. Source: RFC 4861, 4.1."""
    option = struct.pack(">BB", 1, 1) + mac if any(src) else b""
    return icmpv6(src, dst, 133, 0, body=bytes(4) + option)


def neighbour(src: bytes, dst: bytes, *, target: bytes, mac: bytes, is_reply: bool) -> bytes:
    """Give a neighbour solicitation or advertisement with its link-layer address. Source: RFC 4861, 4.3 and 4.4."""
    option = struct.pack(">BB", 2 if is_reply else 1, 1) + mac
    flags = 0x60000000 if is_reply else 0
    return icmpv6(src, dst, 136 if is_reply else 135, 0, body=struct.pack(">I", flags) + target + option)


def eapol(kind: int, body: bytes = b"") -> bytes:
    """Give an EAPOL packet; kind 0 EAP, 1 start, 2 logoff. Source: IEEE 802.1X-2004, 7.5."""
    return struct.pack(">BBH", 2, kind, len(body)) + body


def eap(code: int, ident: int, method: bytes = b"") -> bytes:
    """Give an EAP packet; code 1 request, 2 response, 3 success, 4 failure. Source: RFC 3748, section 4."""
    return struct.pack(">BBH", code, ident, 4 + len(method)) + method


def lldp(chassis: bytes, port: str, *, name: str, vlan: int | None = None, capabilities: int | None = None) -> bytes:
    """Give an LLDP data unit; ``vlan`` adds the 802.1 port VLAN TLV. Source: IEEE 802.1AB, clause 8."""
    units = [(1, b"\x04" + chassis), (2, b"\x05" + port.encode()), (3, struct.pack(">H", 120)), (5, name.encode())]
    if capabilities is not None:
        units.append((7, struct.pack(">HH", capabilities, capabilities)))
    if vlan is not None:
        units.append((127, b"\x00\x80\xc2\x01" + struct.pack(">H", vlan)))
    return b"".join(struct.pack(">H", kind << 9 | len(value)) + value for kind, value in [*units, (0, b"")])


def cdp(port: str, *, name: str, vlan: int | None = None, capabilities: int = 0x28) -> bytes:
    """Give a CDP announcement of version 2; ``vlan`` is the native one. Source: Cisco's description of the fields."""
    units = [(1, name.encode()), (3, port.encode()), (4, struct.pack(">I", capabilities))]
    if vlan is not None:
        units.append((10, struct.pack(">H", vlan)))
    body = b"\x02\xb4\0\0" + b"".join(struct.pack(">HH", kind, len(value) + 4) + value for kind, value in units)
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def cdp_frame(src: bytes, body: bytes) -> bytes:
    """Give a whole 802.3 frame with a CDP announcement behind its SNAP header (RFC 1042)."""
    snap = b"\xaa\xaa\x03\x00\x00\x0c\x20\x00" + body
    return (CDP_MAC + src + struct.pack(">H", len(snap)) + snap).ljust(SMALLEST_FRAME, b"\0")


def spanning_tree(dst: bytes, src: bytes, *, is_change: bool = False) -> bytes:
    """Give a whole 802.3 frame with a configuration BPDU. Source: IEEE 802.1D-1998, 9.3.1."""
    bridge = struct.pack(">H", 0x8000) + src
    body = struct.pack(">HBBB", 0, 0, 0, int(is_change)) + bridge + struct.pack(">I", 0) + bridge
    body += struct.pack(">HHHHH", 0x8001, 0, 20 << 8, 2 << 8, 15 << 8)
    llc = b"\x42\x42\x03" + body
    return (dst + src + struct.pack(">H", len(llc)) + llc).ljust(SMALLEST_FRAME, b"\0")
