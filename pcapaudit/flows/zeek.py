"""What Zeek's ``conn.log`` says of one flow by itself: its name, what stands for its ports, its service."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from pcapaudit.flows.community import ICMP, ICMP6, SCTP, community_id, icmp_ports
from pcapaudit.flows.flow import TCP, UDP, Endpoint
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import (
    DnsMessage,
    Event,
    FtpCommand,
    FtpReply,
    HttpRequest,
    HttpResponse,
    IcmpMessage,
    PostgresMessage,
    TlsClientHello,
    TlsRecords,
    TlsServerHello,
)

PROTOCOLS: Mapping[int, str] = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMP6: "icmp"}
_WITH_PORTS = frozenset({*PROTOCOLS, SCTP})
"""Protocols whose Community ID needs ports; those of SCTP are not read."""
UDP_SERVICES: Mapping[int, str] = {53: "dns", 67: "dhcp", 68: "dhcp", 123: "ntp"}
"""UDP ports whose payload is dissected as that protocol."""
_SPOKEN: Mapping[type, str] = {
    DnsMessage: "dns",
    FtpCommand: "ftp",
    FtpReply: "ftp",
    HttpRequest: "http",
    HttpResponse: "http",
    PostgresMessage: "postgresql",
    TlsClientHello: "ssl",
    TlsRecords: "ssl",
    TlsServerHello: "ssl",
}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [low + high for high in _DIGITS for low in _DIGITS]


def first_icmp(traffic: Traffic) -> dict[tuple[int, frozenset[bytes]], IcmpMessage]:
    """The first ICMP message of each protocol and address pair."""
    table: dict[tuple[int, frozenset[bytes]], IcmpMessage] = {}
    for m in traffic.icmp:
        table.setdefault((m.at.proto, frozenset((m.at.src, m.at.dst))), m)
    return table


# --- cells ----------------------------------------------------------------------------------------


def uid(proto: int, orig: Endpoint, resp: Endpoint, first_ns: int, first_frame: int) -> str:
    """Eighteen letters and digits, ``C`` in front, made from what identifies the flow in its capture."""
    named = f"{proto}|{orig[0].hex()}|{orig[1]}|{resp[0].hex()}|{resp[1]}|{first_ns}|{first_frame}"
    value = int.from_bytes(hashlib.sha256(named.encode()).digest()[:13], "big")
    pairs = []
    for _ in range(8):
        value, rest = divmod(value, len(_PAIRS))
        pairs.append(_PAIRS[rest])
    return f"C{''.join(pairs)}{_DIGITS[value % len(_DIGITS)]}"


def ports(proto: int, orig: Endpoint, resp: Endpoint, first: IcmpMessage | None) -> tuple[int | None, int | None, bool]:
    """Ports, or what ICMP has in their place by its first message, and whether the flow has one direction by nature."""
    if proto in (TCP, UDP):
        return orig[1], resp[1], False
    if first is None:
        return None, None, False
    source, target, is_one_way = icmp_ports(proto, first.type, first.code)
    return (source, target, is_one_way) if first.at.src == orig[0] else (target, source, is_one_way)


def flow_community_id(
    proto: int, orig: bytes, orig_port: int | None, resp: bytes, resp_port: int | None, *, is_one_way: bool
) -> str | None:
    """The Community ID, from what ``ports`` gives; None where ports are needed and unknown."""
    if proto in _WITH_PORTS and (orig_port is None or resp_port is None):
        return None
    return community_id(proto, orig, orig_port or 0, resp, resp_port or 0, is_one_way=is_one_way)


def service(proto: int, orig_port: int, resp_port: int, messages: Sequence[Event]) -> str | None:
    """The protocol that was dissected; ``ssl`` is Zeek's word for TLS."""
    if proto == UDP:
        return UDP_SERVICES.get(resp_port) or UDP_SERVICES.get(orig_port)
    return next((_SPOKEN[type(m)] for m in messages if type(m) in _SPOKEN), None)
