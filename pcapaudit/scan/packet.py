# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: FURB136 - min() and max() are calls when interpreted, and this runs for every packet
"""IP, the tunnels in it, and the transport headers of the innermost packet."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pcapaudit.scan.link import LinkReader

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.scan.layout import (
        DEEPEST,
        ETHERNET,
        IP6_EXTENSIONS,
        IP_BEYOND_FRAME,
        IP_HEADER_LENGTH,
        IP_PACKET,
        IP_SHORT,
        IP_TOTAL_LENGTH,
        IP_VERSION,
        IPV4,
        IPV6,
        MAX_EXTENSIONS,
        MAX_SHIMS,
        NIBBLE,
        NO_VLAN,
        NOTHING,
        PPP,
        T_ERSPAN,
        T_GENEVE,
        T_GRE,
        T_IP,
        T_VXLAN,
        TCP_HEADER_LENGTH,
        TOO_DEEP,
        TRANSPORT_SHORT,
        UDP_LENGTH,
    )
    from pcapaudit.scan.octets import i64, u16, u32

_IP4 = struct.Struct(">BBHHHBBHII").unpack_from
_IP6 = struct.Struct(">BBHHBBqqqq").unpack_from
_TCP = struct.Struct(">HHIIHH").unpack_from


class PacketReader(LinkReader):
    """Read the innermost IP packet of a frame, and the TCP or UDP header in it."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = self.limit = self.is_part = 0
        self.outer_kind = self.outer_family = 0
        self.outer_src_hi = self.outer_src_lo = self.outer_dst_hi = self.outer_dst_lo = 0
        self.family = self.proto = self.ttl = 0
        self.src_hi = self.src_lo = self.dst_hi = self.dst_lo = 0
        self.ip_at = self.ip_end = self.ip_len = self.ip_id = self.l4 = 0
        self.dont_fragment = self.fragment = self.fragment_offset = self.more = self.is_tso = 0
        self.sport = self.dport = self.portless = 0
        self.seq = self.ack = self.flags = self.window = self.has_seq = 0
        self.payload_at = self.payload_len = 0
        self.c_syn = 0

    def _decode(self, link: cython.longlong, at: cython.longlong, end: cython.longlong) -> cython.longlong:
        """Go down to the innermost packet; tunnels below ``limit`` stay closed."""
        self.at = at
        self.end = end
        self.smac = 0
        self.dmac = 0
        self.vlan = NO_VLAN
        self.tunnel = 0
        self.depth = 0
        self.link_kind = 0
        self.is_part = 0
        self.is_ethernet = 0
        proto: cython.longlong = self._ethernet(at) if link == 1 else self._link(link, at)
        for _ in range(MAX_SHIMS):
            if proto == IPV4:
                proto = self._ipv4(self.at)
            elif proto == IPV6:
                proto = self._ipv6(self.at)
            elif proto == NOTHING or proto >= IP_PACKET:
                break
            else:
                proto = self._shim(proto, self.at)
        return proto if proto >= IP_PACKET else NOTHING

    def _ipv4(self, at: cython.longlong) -> cython.longlong:
        """RFC 791, section 3.1. Bytes behind the total length are padding."""
        left: cython.longlong = self.end - at
        first: cython.longlong
        total: cython.longlong
        part: cython.longlong
        proto: cython.longlong
        if left < 20:
            return self._spoil(IP_SHORT)
        if cython.compiled:
            p = self.data
            first = p[at]
            total = u16(p, at + 2)
            self.ip_id = u16(p, at + 4)
            part = u16(p, at + 6)
            self.ttl = p[at + 8]
            proto = p[at + 9]
            self.src_lo = u32(p, at + 12)
            self.dst_lo = u32(p, at + 16)
        else:
            first, _, total, self.ip_id, part, self.ttl, proto, _, self.src_lo, self.dst_lo = _IP4(self.data, at)
        header: cython.longlong = (first & 15) * 4
        if first >> 4 != 4:
            return self._spoil(IP_VERSION)
        if header < 20:
            return self._spoil(IP_HEADER_LENGTH)
        self.is_tso = total == 0
        if total == 0:
            total = left
        if total < header:
            return self._spoil(IP_TOTAL_LENGTH)
        if total > left and not self.is_part:
            self._spoil(IP_BEYOND_FRAME)
        self.family = 4
        self.proto = proto
        self.src_hi = 0
        self.dst_hi = 0
        self.ip_at = at
        self.ip_len = total
        self.ip_end = at + (total if total < left else left)
        self.l4 = at + header
        self.dont_fragment = (part >> 14) & 1
        self.fragment = 0
        if part & 0x3FFF:
            self._part((part & 0x1FFF) * 8, (part >> 13) & 1)
        return IP_PACKET if proto == 6 else self._inner(proto)

    def _ipv6(self, at: cython.longlong) -> cython.longlong:
        """RFC 8200, section 3. Payload length 0 is a jumbogram or a packet not yet segmented."""
        left: cython.longlong = self.end - at
        total: cython.longlong
        proto: cython.longlong
        first: cython.longlong
        if left < 40:
            return self._spoil(IP_SHORT)
        if cython.compiled:
            p = self.data
            first = p[at]
            total = u16(p, at + 4)
            proto = p[at + 6]
            self.ttl = p[at + 7]
            self.src_hi = i64(p, at + 8)
            self.src_lo = i64(p, at + 16)
            self.dst_hi = i64(p, at + 24)
            self.dst_lo = i64(p, at + 32)
        else:
            first, _, _, total, proto, self.ttl, self.src_hi, self.src_lo, self.dst_hi, self.dst_lo = _IP6(
                self.data, at
            )
        if first >> 4 != 6:
            return self._spoil(IP_VERSION)
        self.is_tso = total == 0 and proto != 59
        total = left if self.is_tso else total + 40
        if total > left and not self.is_part:
            self._spoil(IP_BEYOND_FRAME)
        self.family = 6
        self.ip_at = at
        self.ip_len = total
        self.ip_end = at + (total if total < left else left)
        self.ip_id = 0
        self.dont_fragment = 0
        self.fragment = 0
        self.l4 = at + 40
        if proto not in {6, 17}:
            proto = self._extensions(proto, at + 40)
        self.proto = proto
        return IP_PACKET if proto == 6 else self._inner(proto)

    def _extensions(self, proto: cython.longlong, at: cython.longlong) -> cython.longlong:
        """RFC 8200, section 4: walk to the transport header; AH counts in 4 bytes (RFC 4302)."""
        p = self.data
        for _ in range(MAX_EXTENSIONS):
            if proto not in {0, 43, 44, 51, 60, 135}:
                break
            if self.ip_end - at < 8:
                self._spoil(IP6_EXTENSIONS)
                break
            follows: cython.longlong = p[at]
            if proto == 44:
                self._fragment_header(at)
                at += 8
            elif proto == 51:
                at += (p[at + 1] + 2) * 4
            else:
                at += (p[at + 1] + 1) * 8
            proto = follows
            if self.fragment == 2:
                break
        if at > self.ip_end:
            self._spoil(IP6_EXTENSIONS)
        self.l4 = at
        return proto

    def _fragment_header(self, at: cython.longlong) -> cython.void:
        """RFC 8200, section 4.5; a lone part with offset 0 is the whole datagram (RFC 6946)."""
        part: cython.longlong = u16(self.data, at + 2)
        self.ip_id = u32(self.data, at + 4)
        if part & 0xFFF9:
            self._part(part & 0xFFF8, part & 1)

    def _part(self, offset: cython.longlong, more: cython.longlong) -> cython.void:
        self.fragment_offset = offset
        self.more = more
        self.fragment = 2 if offset else 1

    def _inner(self, proto: cython.longlong) -> cython.longlong:
        """Go into a tunnel that this IP packet carries; else the packet is the innermost one."""
        p = self.data
        at: cython.longlong = self.l4
        left: cython.longlong = self.ip_end - at
        if self.fragment == 2:
            return IP_PACKET
        if proto == 17:
            if left < 16:
                return IP_PACKET
            port: cython.longlong = u16(p, at + 2)
            if port == 4789 and p[at + 8] & 8:
                return self._enter(T_VXLAN, at + 16, ETHERNET)
            if port == 6081 and p[at + 8] >> 6 == 0:
                return self._geneve(at + 8)
            return IP_PACKET
        if proto == 47 and left >= 4:
            return self._gre(at)
        if proto == 4 and left > 0:
            return self._enter(T_IP, at, IPV4)
        if proto == 41 and left > 0:
            return self._enter(T_IP, at, IPV6)
        return IP_PACKET

    def _enter(self, kind: cython.int, at: cython.longlong, proto: cython.longlong) -> cython.longlong:
        """Step into a tunnel unless it is empty or lies too deep; the outermost ends are remembered."""
        if at >= self.ip_end:
            return IP_PACKET
        if self.depth >= self.limit:
            if self.limit == DEEPEST:
                self._spoil(TOO_DEEP)
            return IP_PACKET
        if self.depth == 0:
            self.outer_kind = kind
            self.outer_family = self.family
            self.outer_src_hi = self.src_hi
            self.outer_src_lo = self.src_lo
            self.outer_dst_hi = self.dst_hi
            self.outer_dst_lo = self.dst_lo
        self.depth += 1
        self.tunnel |= kind
        self.is_part |= self.fragment == 1
        self.at = at
        self.end = self.ip_end
        return proto

    def _geneve(self, at: cython.longlong) -> cython.longlong:
        """RFC 8926, section 3.4: options of 4-byte steps, then what the type says."""
        p = self.data
        proto: cython.longlong = u16(p, at + 2)
        at += 8 + (p[at] & 0x3F) * 4
        return self._enter(T_GENEVE, at, ETHERNET if proto == 0x6558 else proto)

    def _gre(self, at: cython.longlong) -> cython.longlong:
        """RFC 2784, RFC 2890 (key, sequence), RFC 2637 (version 1, PPTP)."""
        p = self.data
        marks: cython.longlong = u16(p, at)
        proto: cython.longlong = u16(p, at + 2)
        if marks & 0x4000 or marks & 7 > 1:
            return IP_PACKET
        # Checksum, key, sequence number and, in version 1 alone, an acknowledgement: 4 bytes each.
        fields: cython.longlong = (marks >> 15) + ((marks >> 13) & 1) + ((marks >> 12) & 1)
        at += 4 + 4 * (fields + ((marks >> 7) & marks & 1))
        if proto == 0x88BE:
            # ERSPAN: type I has no sequence number and no header of its own, type II has 8 bytes.
            return self._enter(T_ERSPAN, at + 8 if marks & 0x1000 else at, ETHERNET)
        if proto == 0x22EB:
            return self._erspan3(at)
        if proto == 0x880B:
            return self._enter(T_GRE, at, PPP)
        if proto == 0x6558:
            return self._enter(T_GRE, at, ETHERNET)
        if proto in {0x0800, 0x0806, 0x86DD, 0x8847, 0x8848}:
            return self._enter(T_GRE, at, proto)
        return IP_PACKET

    def _erspan3(self, at: cython.longlong) -> cython.longlong:
        """ERSPAN type III: 12 bytes, 8 more if the last bit says so; frame type 2 is a bare IP packet."""
        p = self.data
        if self.ip_end - at < 12:
            return IP_PACKET
        carries = (p[at + 10] >> 2) & 0x1F
        size: cython.longlong = 20 if p[at + 11] & 1 else 12
        return self._enter(T_ERSPAN, at + size, NIBBLE if carries == 2 else ETHERNET)

    def _tcp(self) -> cython.void:
        """RFC 9293, section 3.1."""
        p = self.data
        at: cython.longlong = self.l4
        word: cython.longlong
        if self.fragment == 2 or self.ip_end - at < 20:
            self._clear_transport()
            self._short_tcp(at)
            return
        if cython.compiled:
            self.sport = u16(p, at)
            self.dport = u16(p, at + 2)
            self.seq = u32(p, at + 4)
            self.ack = u32(p, at + 8)
            word = u16(p, at + 12)
            self.window = u16(p, at + 14)
        else:
            self.sport, self.dport, self.seq, self.ack, word, self.window = _TCP(p, at)
        header: cython.longlong = (word >> 12) * 4
        self.flags = word & 0x1FF
        self.has_seq = 1
        self.portless = 0
        if header < 20 or header > self.payload_len:
            self._spoil(TCP_HEADER_LENGTH)
            header = self.payload_len
        self.payload_at = at + header
        self.payload_len -= header
        if word & 0x12 == 2:
            self.c_syn += 1

    def _clear_transport(self) -> cython.void:
        self.sport = 0
        self.dport = 0
        self.seq = 0
        self.ack = 0
        self.flags = 0
        self.window = 0
        self.has_seq = 0
        self.portless = 0

    def _short_tcp(self, at: cython.longlong) -> cython.void:
        """Read what is left of a TCP header that the snap length cut, or that was never whole."""
        p = self.data
        left: cython.longlong = self.ip_end - at
        header: cython.longlong = 20
        if self.fragment == 2:
            self.portless = 1
            return
        if self.payload_len < 20:
            self._spoil(TRANSPORT_SHORT)
        self.payload_at = self.ip_end
        self.portless = left < 4
        if left >= 4:
            self.sport = u16(p, at)
            self.dport = u16(p, at + 2)
        if left >= 14:
            self.seq = u32(p, at + 4)
            self.ack = u32(p, at + 8)
            self.flags = u16(p, at + 12) & 0x1FF
            self.has_seq = 1
            header = (u16(p, at + 12) >> 12) * 4
            if self.flags & 0x12 == 2:
                self.c_syn += 1
        if left >= 16:
            self.window = u16(p, at + 14)
        self.payload_len = self.payload_len - header if self.payload_len > header else 0

    def _udp(self) -> cython.void:
        """RFC 768. Length 0 is a datagram that the network card was to cut up."""
        p = self.data
        at: cython.longlong = self.l4
        left: cython.longlong = self.ip_end - at
        size: cython.longlong = 0
        if self.fragment == 2:
            self.portless = 1
            return
        if self.payload_len < 8:
            self._spoil(TRANSPORT_SHORT)
        if left < 4:
            self.portless = 1
            return
        if cython.compiled:
            self.sport = u16(p, at)
            self.dport = u16(p, at + 2)
        else:
            self.sport, self.dport = (p[at] << 8) | p[at + 1], (p[at + 2] << 8) | p[at + 3]
        if left >= 6:
            size = u16(p, at + 4)
        if size and (size < 8 or (size > self.payload_len and not self.fragment)):
            self._spoil(UDP_LENGTH)
        elif size and size < self.payload_len:
            self.payload_len = size
        self.payload_at = at + 8
        self.payload_len = self.payload_len - 8 if self.payload_len > 8 else 0
