"""ICMP and ICMPv6: a row for each message; errors with the flow that they quote, echo requests with their reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.engine.tables.cells import ip_cell, mac_cell, name_flow, span_s
from pcapaudit.engine.tables.declare import TS, VLAN, Column, Kind, Row, Table
from pcapaudit.flows.exchanges import pair_pings
from pcapaudit.flows.flow import TCP, UDP
from pcapaudit.flows.traffic import Traffic
from pcapaudit.flows.zeek import PROTOCOLS
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import IcmpMessage, Packet, QuotedPacket

_TYPES = {
    (4, 0): "echo reply", (4, 3): "destination unreachable", (4, 4): "source quench", (4, 5): "redirect",
    (4, 8): "echo request", (4, 9): "router advertisement", (4, 10): "router solicitation", (4, 11): "time exceeded",
    (4, 12): "parameter problem", (4, 13): "timestamp request", (4, 14): "timestamp reply",
    (6, 1): "destination unreachable", (6, 2): "packet too big", (6, 3): "time exceeded", (6, 4): "parameter problem",
    (6, 128): "echo request", (6, 129): "echo reply", (6, 130): "listener query", (6, 131): "listener report",
    (6, 132): "listener done", (6, 133): "router solicitation", (6, 134): "router advertisement",
    (6, 135): "neighbour solicitation", (6, 136): "neighbour advertisement", (6, 137): "redirect",
    (6, 143): "listener report",
}  # fmt: skip
"""Names of RFC 792, 950, 1256; RFC 4443, 2710, 4861, 3810, by family and type."""

TABLE = Table(
    "icmp",
    "ICMP",
    "One row for each ICMP or ICMPv6 message, neighbour discovery included.",
    (
        TS,
        Column("orig_h", Kind.TEXT, "source address"),
        Column("resp_h", Kind.TEXT, "destination address"),
        Column("family", Kind.INTEGER, "4 or 6"),
        Column("type", Kind.INTEGER, "type of the message"),
        Column("code", Kind.INTEGER, "its code"),
        Column("type_name", Kind.CATEGORY, "name of the type"),
        Column("quoted_orig_h", Kind.TEXT, "an error: who sent the packet that it quotes"),
        Column("quoted_orig_p", Kind.INTEGER, "source port of the quoted packet"),
        Column("quoted_resp_h", Kind.TEXT, "whom it was for"),
        Column("quoted_resp_p", Kind.INTEGER, "its destination port"),
        Column("quoted_proto", Kind.CATEGORY, "its protocol: tcp, udp, icmp, or the number"),
        Column("quoted_community_id", Kind.TEXT, "its flow: `community_id` of the table flows"),
        Column("mtu_bytes", Kind.INTEGER, "size of packet that would fit", "bytes"),
        Column("gateway_h", Kind.TEXT, "redirect: the better gateway"),
        Column("target_h", Kind.TEXT, "neighbour discovery: the address in question"),
        Column("echo_id", Kind.INTEGER, "identifier of an echo"),
        Column("echo_seq", Kind.INTEGER, "its sequence number"),
        Column("is_answered", Kind.TRUTH, "echo request: a reply was seen"),
        Column("rtt_s", Kind.NUMBER, "echo request: until its reply", "s"),
        Column("ttl", Kind.INTEGER, "TTL or hop limit of the message", "hops"),
        Column("frame", Kind.FRAME, "frame of the message"),
        Column("reply_frame", Kind.FRAME, "echo request: frame of its reply"),
        Column("orig_mac", Kind.TEXT, "source MAC address"),
        Column("resp_mac", Kind.TEXT, "destination MAC address"),
        VLAN,
    ),
)  # fmt: skip


def read(traffic: Traffic) -> Iterator[Row]:
    """The rows in order of their frames."""
    replies = _replies(traffic.icmp)
    return (_row(m, replies.get(m.at.frame)) for m in traffic.icmp)


def _replies(messages: Sequence[IcmpMessage]) -> dict[int, Packet]:
    """Frame of an echo request -> its reply."""
    by_asker: dict[bytes, list[IcmpMessage]] = {}
    for m in messages:
        if m.type in (8, 128):
            by_asker.setdefault(m.at.src, []).append(m)
        elif m.type in (0, 129):
            by_asker.setdefault(m.at.dst, []).append(m)
    pings = (ping for asker, own in by_asker.items() for ping in pair_pings(own, frozenset((asker,))))
    return {ping.request.at.frame: ping.reply.at for ping in pings if ping.reply is not None}


def _row(message: IcmpMessage, reply: Packet | None) -> Row:
    m, at = message, message.at
    is_question = (m.family, m.type) in ((4, 8), (6, 128))
    return (
        at.time_ns,
        ip_text(at.src),
        ip_text(at.dst),
        m.family,
        m.type,
        m.code,
        _TYPES.get((m.family, m.type)),
        *_quoted(m.quoted),
        m.mtu,
        ip_cell(m.gateway),
        ip_cell(m.target),
        m.id,
        m.sequence,
        reply is not None if is_question else None,
        span_s(at, reply),
        at.ttl,
        at.frame,
        reply.frame if reply is not None else None,
        mac_cell(at.smac),
        mac_cell(at.dmac),
        at.vlan,
    )


def _quoted(packet: QuotedPacket | None) -> Row:
    if packet is None:
        return (None, None, None, None, None, None)
    proto = PROTOCOLS.get(packet.proto, str(packet.proto))
    has_ports = packet.proto in (TCP, UDP) and packet.sport is not None and packet.dport is not None
    known = name_flow(packet.proto, packet.src, packet.sport or 0, packet.dst, packet.dport or 0) if has_ports else None
    return (ip_text(packet.src), packet.sport, ip_text(packet.dst), packet.dport, proto, known)
