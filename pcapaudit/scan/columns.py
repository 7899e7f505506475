"""The tables that a scan fills, declared once: every column with its type, unit and meaning.

The numpy types are made from these declarations, so the words here are the data dictionary.
All numbers are in the byte order of the machine. Unknown is stated in the meaning; an address
is two halves of 64 bits in network order (``hi``, ``lo``), an IPv4 address stands in ``lo``; a MAC
address is the low 48 bits of an unsigned number, 0 means that the link layer shows none.
"""

from __future__ import annotations

import sys
from enum import IntEnum, IntFlag
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapaudit.model.records import dataclass

NO_FLOW: Final = 0xFFFFFFFF
"""``rows.flow`` of a link-layer frame."""

NOT_KEPT: Final = 0xFFFFFFFF
"""``handed.start`` of bytes that nobody will read, see ``wanted``."""

NO_VLAN: Final = 0xFFFF
"""``vlan`` of an untagged frame; a priority tag (VLAN 0) counts as untagged."""


class Kind(IntEnum):
    """What was handed over, that is: which dissector gets the bytes."""

    DNS = 1
    """UDP payload, port 53 on either side."""
    DHCP4 = 2
    """UDP payload over IPv4, port 67 or 68."""
    DHCP6 = 3
    """UDP payload over IPv6, port 546 or 547."""
    NTP = 4
    """UDP payload, port 123."""
    ICMP = 5
    """Whole ICMP message, from its type byte."""
    ICMP6 = 6
    """Whole ICMPv6 message, from its type byte."""
    FRAGMENT = 7
    """IP payload of a fragment, the first one included."""
    TCP = 8
    """TCP payload of one segment."""
    EAPOL = 9
    """After the Ethernet type 0x888E (IEEE 802.1X)."""
    LLDP = 10
    """After the Ethernet type 0x88CC (IEEE 802.1AB)."""
    CDP = 11
    """After the SNAP header 00000C 2000."""
    STP = 12
    """A BPDU after LLC 42 42 03, or after the SNAP header 00000C 010B (PVST+)."""


class Tunnel(IntFlag):
    """What was taken off around the innermost packet; several may hold."""

    PPPOE = 1
    MPLS = 2
    GRE = 4
    ERSPAN = 8
    VXLAN = 16
    GENEVE = 32
    IP_IN_IP = 64
    PSEUDOWIRE = 128
    """Ethernet inside MPLS."""


class Copy(IntEnum):
    """Why a packet counts as a copy of an earlier one (CAP-DUP, CAP-DUP-ROUTED)."""

    NONE = 0
    SAME = 1
    """The same frame once more, by the mirror's doing."""
    ROUTED = 2
    """The same datagram on the other side of a router: other hop limit, other link."""


class Fragment(IntEnum):
    """Which part of an IP datagram a packet is."""

    WHOLE = 0
    FIRST = 1
    LATER = 2


class Oddity(IntEnum):
    """Why a packet counts as malformed. The number is an index of ``REASONS``."""

    LINK_SHORT = 0
    IP_SHORT = 1
    IP_VERSION = 2
    IP_HEADER_LENGTH = 3
    IP_TOTAL_LENGTH = 4
    IP_BEYOND_FRAME = 5
    IP6_EXTENSIONS = 6
    TCP_HEADER_LENGTH = 7
    UDP_LENGTH = 8
    TRANSPORT_SHORT = 9
    ARP_FORM = 10
    TOO_DEEP = 11


REASONS: Final = (
    "link header ends early",
    "IP header ends early",
    "IP version does not match",
    "IPv4 header length below 20",
    "IP total length below header length",
    "IP length beyond the frame",
    "IPv6 extension headers broken",
    "TCP header length impossible",
    "UDP length impossible",
    "TCP or UDP header ends early",
    "ARP packet ends early",
    "tunnels more than 8 deep",
)
"""One sentence part for each ``Oddity``, in its order; the keys of ``ScanResult.malformed``."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``type`` is numpy's name without byte order (``u4``); ``unit`` is empty for a pure number.
    """

    name: str
    type: str
    unit: str
    meaning: str


def _sides(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Write a side's columns out for both ends of a flow, ``a_`` before ``b_``."""
    return tuple(
        Column(f"{side}_{column.name}", column.type, column.unit, column.meaning) for side in "ab" for column in columns
    )


_SIDE: Final = (
    Column("pkts", "u4", "packets", "sent by this side, copies included"),
    Column("bytes", "u8", "bytes", "sum of IP lengths (header included)"),
    Column("payload", "u8", "bytes", "sum of payload lengths, taken from the IP length"),
    Column("flags", "u1", "", "all TCP flags that this side ever set: FIN 1, SYN 2, RST 4, PSH 8, ACK 16"),
    Column("mac", "u8", "", "source MAC address first seen"),
    Column("mac_changes", "u2", "", "times the source MAC changed from one packet to the next, marked copies left out"),
    Column("data", "u4", "packets", "that carry payload"),
    Column("retrans", "u4", "packets", "payload or SYN below the highest sequence number, marked copies left out"),
    Column("unseen_acks", "u4", "packets", "that acknowledge for the first time bytes of the other side never seen"),
    Column("isn", "u4", "", "sequence number of the latest SYN; valid if flags holds SYN"),
    Column("next", "u4", "", "highest sequence number sent, plus 1; resets do not count"),
    Column("ack", "u4", "", "highest acknowledgement number sent; valid if flags holds ACK"),
    Column("last_ns", "i8", "ns since epoch", "time of this side's last packet in file order; 0 without a packet"),
    Column("last_frame", "u4", "frame number", "of this side's last packet; 0 without a packet"),
    Column("ttl_min", "u1", "hops", "smallest TTL or hop limit"),
    Column("ttl_max", "u1", "hops", "largest TTL or hop limit"),
)

FLOW_COLUMNS: Final = (
    Column("family", "u1", "", "4 or 6"),
    Column("proto", "u1", "", "IP protocol number of the innermost packet"),
    Column("portless", "u1", "", "1: ports unknown (later fragments, cut headers); opens no conversation"),
    Column("midstream", "u1", "", "1: TCP, and the first packet seen has no SYN"),
    Column("a_hi", "u8", "", "address of a, the sender of the first packet seen; high half"),
    Column("a_lo", "u8", "", "low half"),
    Column("b_hi", "u8", "", "address of b, high half"),
    Column("b_lo", "u8", "", "low half"),
    Column("a_port", "u2", "", "0 unless TCP or UDP"),
    Column("b_port", "u2", "", "0 unless TCP or UDP"),
    Column("key_flow", "u4", "row of flows", "first row with the same 5-tuple; itself for the first"),
    Column("first_ns", "i8", "ns since epoch", "time of the first packet in file order"),
    Column("last_ns", "i8", "ns since epoch", "time of the last packet in file order"),
    Column("first_frame", "u4", "frame number", ""),
    Column("last_frame", "u4", "frame number", ""),
    *_sides(_SIDE),
    Column("vlan", "u2", "", "innermost 802.1Q tag of the first packet, 65535 none"),
    Column("tunnel", "u1", "Tunnel", "what was taken off around the first packet"),
    Column("rows", "u4", "rows", "entries in the packet log"),
    Column("rows_left_out", "u4", "packets", "not in the packet log"),
    Column("lost", "u1", "", "1: a bound kept out what was to be logged, or handed over"),
)

ROW_COLUMNS: Final = (
    Column("time_ns", "i8", "ns since epoch", ""),
    Column("frame", "u4", "frame number", ""),
    Column("flow", "u4", "row of flows", "4294967295 for a link-layer frame"),
    Column("smac", "u8", "", "source MAC address"),
    Column("dmac", "u8", "", "destination MAC address"),
    Column("seq", "u4", "", "TCP sequence number, else 0"),
    Column("ack", "u4", "", "TCP acknowledgement number, else 0"),
    Column("ip_len", "u4", "bytes", "IP header and payload as the header states them; captured rest if it states 0"),
    Column("payload_len", "u4", "bytes", "above TCP, UDP or IP, from the IP length"),
    Column("ip_id", "u4", "", "IPv4 identification, or that of an IPv6 fragment header, else 0"),
    Column("dup_of", "u4", "frame number", "of the first copy; 0: this is no copy"),
    Column("flags", "u2", "", "TCP flags, 9 bits (NS to FIN), else 0"),
    Column("window", "u2", "", "TCP window as sent, not scaled, else 0"),
    Column("vlan", "u2", "", "innermost 802.1Q tag, 65535 none"),
    Column("ttl", "u1", "hops", "TTL or hop limit, 0 for a link-layer frame"),
    Column("side", "u1", "", "0 sent by a, 1 by b"),
    Column("dup_kind", "u1", "Copy", ""),
    Column("dont_fragment", "u1", "", "1: DF set (IPv4)"),
    Column("fragment", "u1", "Fragment", ""),
    Column("tunnel", "u1", "Tunnel", ""),
    Column("fragment_offset", "u2", "bytes", "where a fragment's payload lies in the datagram's"),
    Column("more_fragments", "u1", "", "1: not the datagram's last part"),
    Column("cut", "u1", "", "1: the frame was captured shorter than it was"),
    Column("pause_ns", "i8", "ns", "since the packet of the flow before this one, logged or not, copies included"),
)

HANDED_COLUMNS: Final = (
    Column("start", "u4", "bytes", "where in ``blob`` the bytes begin; 4294967295: they are not there, see ``wanted``"),
    Column("row", "u4", "row of rows", "the packet that carried them"),
    Column("length", "u4", "bytes", "captured, hence possibly fewer than were sent"),
    Column("kind", "u4", "Kind", ""),
    Column("head", "u8", "", "the first eight bytes as one number, the first of them lowest; 0 for missing ones"),
)

ARP_COLUMNS: Final = (
    Column("frame", "u4", "frame number", ""),
    Column("time_ns", "i8", "ns since epoch", ""),
    Column("op", "u2", "", "1 request, 2 reply (RFC 826)"),
    Column("smac", "u8", "", "source in the link header"),
    Column("dmac", "u8", "", "destination in the link header"),
    Column("sender_mac", "u8", "", ""),
    Column("target_mac", "u8", "", ""),
    Column("sender_ip", "u4", "", "IPv4 address as a number"),
    Column("target_ip", "u4", "", "IPv4 address as a number"),
    Column("vlan", "u2", "", "innermost 802.1Q tag, 65535 none"),
    Column("dup_of", "u4", "frame number", "of the first copy; 0: this is no copy"),
)

_SEEN: Final = (
    Column("frames", "u8", "frames", ""),
    Column("first_ns", "i8", "ns since epoch", "in file order"),
    Column("last_ns", "i8", "ns since epoch", "in file order"),
    Column("first_frame", "u4", "frame number", ""),
    Column("last_frame", "u4", "frame number", ""),
)

PAIR_COLUMNS: Final = (
    Column("smac", "u8", "", "source MAC address"),
    Column("dmac", "u8", "", "destination MAC address, group addresses too; 0: link header has none"),
    Column("vlan", "u2", "", "innermost 802.1Q tag, 65535 none"),
    *_SEEN,
    Column("lost", "u1", "", "1: a bound kept out ARP, or what speaks of the link itself"),
)

BINDING_COLUMNS: Final = (
    Column("smac", "u8", "", "source MAC address, 0 where the link layer shows none"),
    Column("family", "u1", "", "4 or 6"),
    Column("hi", "u8", "", "source address, high half"),
    Column("lo", "u8", "", "source address, low half"),
    *_SEEN,
    Column("ttl_min", "u1", "hops", ""),
    Column("ttl_max", "u1", "hops", ""),
    Column("sums", "u2", "packets", "whose TCP or UDP checksum was verified: the first 64 that are whole"),
    Column("wrong_sums", "u2", "packets", "of these: it is wrong"),
    Column(
        "partial_sums", "u2", "packets", "of the wrong: it covers the pseudo-header alone, left for the card to finish"
    ),
)


def make_dtype(columns: tuple[Column, ...]) -> np.dtype[np.void]:
    """Make the numpy type of a table, packed, fields in declared order."""
    return np.dtype([(column.name, column.type) for column in columns])


def make_word_dtype(columns: tuple[Column, ...]) -> np.dtype[np.void]:
    """Make the numpy type of a table that is written in whole 64-bit words.

    The fields fill each word from its low end. On a machine with the high byte first they
    therefore lie in it from its far end; no field may cross a word.
    """
    offsets = []
    at = 0
    for column in columns:
        size = int(column.type[1:])
        word, inside = divmod(at, 8)
        offsets.append(word * 8 + (inside if sys.byteorder == "little" else 8 - inside - size))
        at += size
    return np.dtype(
        {
            "names": [column.name for column in columns],
            "formats": [column.type for column in columns],
            "offsets": offsets,
            "itemsize": -(-at // 8) * 8,
        }
    )


FLOW_DTYPE: Final = make_dtype(FLOW_COLUMNS)
ROW_DTYPE: Final = make_word_dtype(ROW_COLUMNS)
HANDED_DTYPE: Final = make_word_dtype(HANDED_COLUMNS)
ARP_DTYPE: Final = make_dtype(ARP_COLUMNS)
PAIR_DTYPE: Final = make_dtype(PAIR_COLUMNS)
BINDING_DTYPE: Final = make_dtype(BINDING_COLUMNS)

Table = npt.NDArray[np.void]
"""A structured array of one of the types above."""
