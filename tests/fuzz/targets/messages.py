"""Messages of one datagram or frame, and certificates; the first byte of the input picks the dissector."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pcapaudit.dissect import cdp, certificate, dhcp, dhcp6, dns, eapol, guard, icmp, lldp, ntp, spanning_tree
from pcapaudit.model.events import Event, Malformed, Packet
from pcapaudit.scan.columns import Kind
from tests.fuzz import seeds as real

ICMP, ICMP6, UDP = 1, 58, 17
SRC, DST = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 1])

DISSECTORS: dict[Kind, Callable[[bytes, Packet], Event | Malformed]] = {
    Kind.DNS: dns.dissect,
    Kind.DHCP4: dhcp.dissect,
    Kind.DHCP6: dhcp6.dissect,
    Kind.NTP: ntp.dissect,
    Kind.ICMP: icmp.dissect,
    Kind.ICMP6: icmp.dissect,
    Kind.EAPOL: eapol.dissect,
    Kind.LLDP: lldp.dissect,
    Kind.CDP: cdp.dissect,
    Kind.STP: spanning_tree.dissect,
}
KINDS = tuple(DISSECTORS)
CERTIFICATE = len(KINDS)

# What the lab's captures hold none of: a few fields of each, as the standards lay them out.
BY_HAND = {
    Kind.DHCP6: "01a1b2c3 00010006 0004aabbccdd 00080002 0000 00060004 00170018 0003000c 000000010000000000000000",
    Kind.EAPOL: "01000005 0101000501",
    Kind.LLDP: "0207 04000102030405 0405 0531303031 0602 0078 0a04 73776974 0e04 00140014 fe06 0080c2010001 0000",
    Kind.CDP: "02b40000 0001000873770000 00030008 46303031 00040008 00000028 00060007 636973 000a0006 0001",
}


def seeds() -> Iterator[bytes]:
    """Each kind's real payloads behind the number of its dissector."""
    found = real.messages()
    for kind, text in BY_HAND.items():
        found.setdefault(kind, []).append(bytes.fromhex(text))
    for kind, payloads in found.items():
        yield from (bytes([KINDS.index(kind)]) + payload for payload in payloads[: real.MOST])
    yield from (bytes([CERTIFICATE]) + der for der in _certificates())


def _certificates() -> Iterator[bytes]:
    """What looks like a DER sequence of two length bytes in what a server said."""
    for _, resp, _ in real.conversations():
        at = resp.find(b"\x30\x82")
        if at >= 0:
            yield resp[at : at + 4 + int.from_bytes(resp[at + 2 : at + 4], "big")]


def try_one(data: bytes) -> None:
    """Dissect one message, at times one that the snap length cut."""
    if not data:
        return
    picked, payload = data[0] % 16, data[1:]
    missing = (data[0] >> 6) * 40
    event = dissect(picked, payload, len(payload) + missing)
    assert not isinstance(event, Malformed) or event.reason


def dissect(picked: int, payload: bytes, size: int) -> object:
    """Hand a payload of ``size`` bytes, of which those that are there were captured, to one dissector."""
    kind = KINDS[picked] if picked < len(KINDS) else Kind.TCP
    proto = {Kind.ICMP: ICMP, Kind.ICMP6: ICMP6}.get(kind, UDP)
    at = Packet(1, 0, SRC, 40000, DST, 53, proto, payload_len=size)
    if picked >= CERTIFICATE:
        return guard.parse(certificate.read_certificate, payload, at=at, protocol="tls")
    return DISSECTORS[kind](payload, at)
