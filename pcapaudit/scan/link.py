# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, infer_types=True
# ruff: noqa: PLR1730 - min() and max() are calls when interpreted, and this runs for every packet
"""Link layers and what may stand between them and IP: tags, LLC, PPP, MPLS.

Numbers of link types are those of the LINKTYPE_ registry.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapaudit.model import cython_stub as cython
else:
    try:
        import cython
    except ImportError:
        from pcapaudit.model import cython_stub as cython

if not cython.compiled:
    from pcapaudit.scan.layout import (
        ARP,
        ARP_FORM,
        ARP_PACKET,
        CDP,
        EAPOL,
        ETHERNET,
        IP_VERSION,
        IPV4,
        IPV6,
        LINK_SHORT,
        LLC,
        LLDP,
        MAX_LABELS,
        MAX_SMALL,
        NIBBLE,
        NO_VLAN,
        NOTHING,
        PPP,
        SEEN8,
        STP,
        T_MPLS,
        T_PPPOE,
        T_WIRE,
    )
    from pcapaudit.scan.octets import little16, u16, u32, u48

_ETHERNET = struct.Struct(">HIHIH").unpack_from


class LinkReader:
    """Read one frame from its link header on, down to what its type says comes next.

    A step takes an offset, moves ``at`` behind what it read, may pull ``end`` in, and gives the
    protocol that follows. Every read is checked against ``end``, the first byte that is not the
    frame's; nothing is copied, nothing can fail.
    """

    def __init__(self) -> None:
        if not cython.compiled:
            self.data = b""
            self.seen = memoryview(b"")
            self.links = memoryview(b"")
        self.frame = self.start = self.end = self.at = 0
        self.smac = self.dmac = 0
        self.vlan = NO_VLAN
        self.tunnel = 0
        self.link_kind = 0
        self.is_cut = self.is_bad = self.is_ethernet = 0
        self.n_links = self.c_undecoded = self.c_malformed = 0

    def _spoil(self, reason: cython.int) -> cython.longlong:
        """Count the frame as malformed, once; a frame cut by the snap length is no packet's fault."""
        if not self.is_bad and not self.is_cut:
            self.is_bad = 1
            self.c_malformed += 1
            self._note_seen(reason)
        return NOTHING

    def _note_seen(self, which: cython.int) -> cython.void:
        at: cython.longlong = which * SEEN8
        count: cython.longlong = self.seen[at] + 1
        self.seen[at] = count
        if count < SEEN8:
            self.seen[at + count] = self.frame

    def _ethernet(self, at: cython.longlong) -> cython.longlong:
        """IEEE 802.3: addresses, then a type, or up to 1,500 a length."""
        proto: cython.longlong
        if self.end - at < 14:
            return self._spoil(LINK_SHORT)
        if cython.compiled:
            p = self.data
            self.dmac = u48(p, at)
            self.smac = u48(p, at + 6)
            proto = u16(p, at + 12)
        else:
            d_hi, d_lo, s_hi, s_lo, proto = _ETHERNET(self.data, at)
            self.dmac = (d_hi << 32) | d_lo
            self.smac = (s_hi << 32) | s_lo
        self.is_ethernet = 1
        self.at = at + 14
        if proto <= 1500:
            if at + 14 + proto < self.end:
                self.end = at + 14 + proto
            return LLC
        return proto

    def _link(self, link: cython.longlong, at: cython.longlong) -> cython.longlong:
        """Read the header of any link type but Ethernet (numbers of the LINKTYPE_ registry)."""
        if link == 113:
            return self._cooked(at)
        if link == 276:
            return self._cooked2(at)
        if link in {12, 14, 101}:
            return NIBBLE
        if link == 228:
            return IPV4
        if link == 229:
            return IPV6
        if link in {0, 108}:
            return self._loopback(at)
        if link in {105, 119, 127, 163}:
            return self._radio(link, at)
        return self._serial(link, at)

    def _serial(self, link: cython.longlong, at: cython.longlong) -> cython.longlong:
        """PPP in its three wrappings, Cisco HDLC, and what is met more rarely."""
        p = self.data
        if link == 9:
            return PPP
        if link in {50, 104}:
            if self.end - at < 4:
                return self._spoil(LINK_SHORT)
            if p[at] == 0x0F or p[at] == 0x8F:
                self.at = at + 4
                return u16(p, at + 2)
            return PPP if link == 50 else NOTHING
        if link == 51:
            return self._pppoe(at)
        if link == 239:
            return self._netfilter_log(at)
        if link == 10:
            return self._fddi(at)
        return self._undecoded(link)

    def _undecoded(self, link: cython.longlong) -> cython.longlong:
        i: cython.longlong
        self.c_undecoded += 1
        for i in range(self.n_links):
            if self.links[i * 3] == link:
                self.links[i * 3 + 1] += 1
                return NOTHING
        if self.n_links < MAX_SMALL:
            i = self.n_links * 3
            self.links[i] = link
            self.links[i + 1] = 1
            self.links[i + 2] = self.frame
            self.n_links += 1
        return NOTHING

    def _cooked(self, at: cython.longlong) -> cython.longlong:
        """LINUX_SLL: kind of packet, kind of device, address length, address, protocol."""
        p = self.data
        if self.end - at < 16:
            return self._spoil(LINK_SHORT)
        self._cooked_macs(u16(p, at), u16(p, at + 4), at + 6)
        self.at = at + 16
        return self._cooked_proto(u16(p, at + 14))

    def _cooked2(self, at: cython.longlong) -> cython.longlong:
        """LINUX_SLL2: protocol, interface, kind of device, kind of packet, address."""
        p = self.data
        if self.end - at < 20:
            return self._spoil(LINK_SHORT)
        self._cooked_macs(p[at + 10], p[at + 11], at + 12)
        self.at = at + 20
        return self._cooked_proto(u16(p, at))

    def _cooked_macs(self, kind: cython.longlong, size: cython.longlong, at: cython.longlong) -> cython.void:
        if size == 6:
            self.smac = u48(self.data, at)
        if kind == 1:
            self.dmac = 0xFFFFFFFFFFFF

    def _cooked_proto(self, proto: cython.longlong) -> cython.longlong:
        return LLC if proto == 4 else proto

    def _loopback(self, at: cython.longlong) -> cython.longlong:
        """NULL and LOOP: the address family in either byte order; IPv6 has another number on each BSD."""
        p = self.data
        if self.end - at < 4:
            return self._spoil(LINK_SHORT)
        family: cython.longlong = u32(p, at)
        if family > 0xFFFF:
            family = little16(p, at)
        self.at = at + 4
        if family == 2:
            return IPV4
        if family in {10, 23, 24, 28, 30}:
            return IPV6
        # Some writers put a Cisco HDLC header here: address, control, Ethernet type.
        return u16(p, at + 2) if p[at] == 0x0F or p[at] == 0x8F else NOTHING

    def _fddi(self, at: cython.longlong) -> cython.longlong:
        """FDDI: frame control, two addresses; control 0x50 to 0x5F carries LLC (ISO 9314-2)."""
        p = self.data
        if self.end - at < 13:
            return self._spoil(LINK_SHORT)
        self.dmac = u48(p, at + 1)
        self.smac = u48(p, at + 7)
        self.at = at + 13
        return LLC if p[at] & 0xF0 == 0x50 else NOTHING

    def _netfilter_log(self, at: cython.longlong) -> cython.longlong:
        """NFLOG: attributes of 4-byte steps in the writer's byte order; number 9 is the packet."""
        p = self.data
        if self.end - at < 4:
            return self._spoil(LINK_SHORT)
        family = p[at]
        at += 4
        while at + 4 <= self.end:
            size: cython.longlong = little16(p, at)
            kind: cython.longlong = little16(p, at + 2)
            if kind & 0xFF00:
                size = u16(p, at)
                kind = u16(p, at + 2)
            if size < 4:
                break
            if kind == 9:
                self.at = at + 4
                if at + size < self.end:
                    self.end = at + size
                return IPV4 if family == 2 else (IPV6 if family == 10 else NOTHING)
            at += (size + 3) & ~3
        return self._spoil(LINK_SHORT)

    def _radio(self, link: cython.longlong, at: cython.longlong) -> cython.longlong:
        """IEEE 802.11, bare or behind radiotap, Prism or AVS."""
        p = self.data
        padded: cython.int = 0
        size: cython.longlong = 0
        if link != 105:
            if self.end - at < 8:
                return self._spoil(LINK_SHORT)
            if link == 127:
                size = little16(p, at + 2)
                padded = self._radiotap_pads(at, at + size)
            elif u32(p, at) >> 12 == 0x80211:
                size = u32(p, at + 4)
            else:
                size = 144
            if size < 8:
                return self._spoil(LINK_SHORT)
        return self._wlan(at + size, padded)

    def _radiotap_pads(self, at: cython.longlong, stop: cython.longlong) -> cython.int:
        """Say whether radiotap's flags field announces padding behind the 802.11 header."""
        p = self.data
        if stop > self.end or stop - at < 8:
            return 0
        present = p[at + 4]
        field: cython.longlong = at + 8
        while field + 4 <= stop and p[field - 1] & 0x80:
            field += 4
        if present & 1:
            field = at + ((field - at + 7) & ~7) + 8
        if not present & 2 or field >= stop:
            return 0
        return (p[field] >> 5) & 1

    def _wlan(self, at: cython.longlong, padded: cython.int) -> cython.longlong:
        """Data frames in clear; what is encrypted, aggregated or in pieces holds no packet for us."""
        p = self.data
        size: cython.longlong = 24
        if self.end - at < 24:
            return self._spoil(LINK_SHORT)
        control = p[at]
        ways = p[at + 1]
        if control & 0x0F != 8 or control & 0x40 or ways & 0x44 or p[at + 22] & 0x0F:
            return NOTHING
        if ways & 3 == 3:
            size = 30
        if control & 0x80:
            size += 6 if ways & 0x80 else 2
        if self.end - at < size:
            return self._spoil(LINK_SHORT)
        if control & 0x80 and p[at + (30 if ways & 3 == 3 else 24)] & 0x80:
            return NOTHING
        self.dmac = u48(p, at + (16 if ways & 1 else 4))
        self.smac = u48(p, at + (10 if not ways & 2 else (24 if ways & 1 else 16)))
        if padded:
            size = (size + 3) & ~3
        self.at = at + size
        return LLC

    def _shim(self, proto: cython.longlong, at: cython.longlong) -> cython.longlong:
        """Take off one tag or wrapping; gives what comes next."""
        if proto in {0x8100, 0x88A8, 0x9100, 0x9200}:
            return self._vlan_tag(at)
        if proto == ARP:
            return self._arp_form(at)
        if proto == LLC:
            return self._llc(at)
        if proto == 0x8864:
            return self._pppoe(at)
        if proto in {0x8847, 0x8848}:
            return self._mpls(at)
        if proto == ETHERNET:
            self.vlan = NO_VLAN
            return self._ethernet(at)
        if proto == PPP:
            return self._ppp(at)
        if proto == NIBBLE:
            return self._nibble(at)
        return self._link_protocol(proto)

    def _link_protocol(self, proto: cython.longlong) -> cython.longlong:
        """Remember a frame that speaks of the link itself; none of them is a packet."""
        if proto == 0x888E:
            self.link_kind = EAPOL
        elif proto == 0x88CC:
            self.link_kind = LLDP
        return NOTHING

    def _vlan_tag(self, at: cython.longlong) -> cython.longlong:
        """IEEE 802.1Q: the innermost tag is the device's; VLAN 0 only carries a priority."""
        if self.end - at < 4:
            return self._spoil(LINK_SHORT)
        vlan: cython.longlong = u16(self.data, at) & 0xFFF
        if vlan:
            self.vlan = vlan
        self.at = at + 4
        proto: cython.longlong = u16(self.data, at + 2)
        return LLC if proto <= 1500 else proto

    def _llc(self, at: cython.longlong) -> cython.longlong:
        """IEEE 802.2, with SNAP inside: an Ethernet type, or Cisco's own numbers."""
        p = self.data
        if self.end - at < 3:
            return self._spoil(LINK_SHORT)
        self.at = at + 3
        if p[at] == 0x42 and p[at + 1] == 0x42 and p[at + 2] == 3:
            self.link_kind = STP
            return NOTHING
        if p[at] != 0xAA or p[at + 1] != 0xAA or p[at + 2] != 3:
            return NOTHING
        if self.end - at < 8:
            return self._spoil(LINK_SHORT)
        self.at = at + 8
        owner: cython.longlong = u32(p, at + 2) & 0xFFFFFF
        proto: cython.longlong = u16(p, at + 6)
        if owner in {0, 0xF8}:
            return proto if proto > 1500 else NOTHING
        if owner == 0x00000C and proto == 0x2000:
            self.link_kind = CDP
        elif owner == 0x00000C and proto == 0x010B:
            self.link_kind = STP
        return NOTHING

    def _pppoe(self, at: cython.longlong) -> cython.longlong:
        """RFC 2516, section 4: version and type, code 0 for a session, id, length."""
        p = self.data
        if self.end - at < 6:
            return self._spoil(LINK_SHORT)
        if p[at] != 0x11 or p[at + 1] != 0:
            return NOTHING
        self.tunnel |= T_PPPOE
        self.at = at + 6
        return PPP

    def _ppp(self, at: cython.longlong) -> cython.longlong:
        """RFC 1661, section 2: address and control may be left out, the protocol may be one byte."""
        p = self.data
        proto: cython.longlong
        if self.end - at >= 2 and p[at] == 0xFF and p[at + 1] == 3:
            at += 2
        if self.end - at < 2:
            return self._spoil(LINK_SHORT)
        if p[at] & 1:
            proto = p[at]
            self.at = at + 1
        else:
            proto = u16(p, at)
            self.at = at + 2
        if proto == 0x21:
            return IPV4
        if proto == 0x57:
            return IPV6
        return 0x8847 if proto == 0x281 else NOTHING

    def _nibble(self, at: cython.longlong) -> cython.longlong:
        if at >= self.end:
            return self._spoil(LINK_SHORT)
        version = self.data[at] >> 4
        if version == 4:
            return IPV4
        return IPV6 if version == 6 else self._spoil(IP_VERSION)

    def _mpls(self, at: cython.longlong) -> cython.longlong:
        """RFC 3032, section 2.1. No label says what it carries, so the first bytes are judged."""
        p = self.data
        bottom: cython.int = 0
        for _ in range(MAX_LABELS):
            if self.end - at < 4:
                return self._spoil(LINK_SHORT)
            bottom = p[at + 2] & 1
            at += 4
            if bottom:
                break
        if not bottom:
            return NOTHING
        self.at = at
        self.tunnel |= T_MPLS
        if self.end - at < 20:
            return self._spoil(LINK_SHORT)
        first = p[at]
        if first >= 0x45 and first <= 0x4F and u16(p, at + 2) >= 20:
            return IPV4
        if first >> 4 == 6 and self.end - at >= 40:
            return IPV6
        # RFC 4448: a control word starts with four zero bits; else the inner frame stands bare.
        if u32(p, at) >> 16 == 0 and self._is_ethernet(at + 4):
            self.at = at + 4
        elif not self._is_ethernet(at):
            return NOTHING
        self.tunnel |= T_WIRE
        return ETHERNET

    def _is_ethernet(self, at: cython.longlong) -> cython.int:
        """Say whether a frame of a type that this scan reads seems to begin here."""
        if self.end - at < 14:
            return 0
        proto: cython.longlong = u16(self.data, at + 12)
        return proto in {0x0800, 0x0806, 0x86DD, 0x8100, 0x8864, 0x88A8}

    def _arp_form(self, at: cython.longlong) -> cython.longlong:
        if self.end - at < 8:
            return self._spoil(ARP_FORM)
        return ARP_PACKET
