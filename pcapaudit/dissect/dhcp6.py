"""DHCPv6 messages (RFC 8415)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from pcapaudit.model.events import Dhcp6Message, Malformed, Packet
from pcapaudit.model.records import dataclass

_RELAY_KINDS = (12, 13)
_RELAY_HEADER = 34
_RELAY_MESSAGE = 9
_MAX_RELAYS = 8
"""HOP_COUNT_LIMIT of RFC 8415, section 7.6."""

_CLIENT_ID, _SERVER_ID, _IA_NA, _IA_TA, _IA_ADDRESS, _STATUS, _DNS_SERVERS = 1, 2, 3, 4, 5, 13, 23
_IA_HEADER = {_IA_NA: 12, _IA_TA: 4}


@dataclass(slots=True)
class _Options:
    client_duid: bytes | None = None
    server_duid: bytes | None = None
    addresses: list[bytes] = field(default_factory=list)
    dns_servers: list[bytes] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def status(self) -> int | None:
        """The first code that is no success, also from inside an address or association."""
        return next((s for s in self.statuses if s), 0 if self.statuses else None)


def dissect(payload: bytes, at: Packet) -> Dhcp6Message | Malformed:
    """One message; of a relayed one the innermost that is there.

    Options behind a bad length or a cut are left out.
    """
    message = _unwrap(payload)
    if message is None or len(message) < 4:
        return Malformed(at, "dhcp6", "shorter than the header")
    options = _Options()
    _read_options(message[4:], options)
    return Dhcp6Message(
        at=at,
        kind=message[0],
        xid=int.from_bytes(message[1:4], "big"),
        client_duid=options.client_duid,
        server_duid=options.server_duid,
        addresses=tuple(options.addresses),
        dns_servers=tuple(options.dns_servers),
        status=options.status(),
    )


def _unwrap(payload: bytes) -> bytes | None:
    for _ in range(_MAX_RELAYS + 1):
        if not payload or payload[0] not in _RELAY_KINDS:
            return payload
        inner = (value for code, value in _options(payload[_RELAY_HEADER:]) if code == _RELAY_MESSAGE)
        payload = next(inner, b"")
    return None


def _options(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option; one that the area cuts is given as far as it is there."""
    pos = 0
    while pos + 4 <= len(area):
        code = int.from_bytes(area[pos : pos + 2], "big")
        size = int.from_bytes(area[pos + 2 : pos + 4], "big")
        yield code, area[pos + 4 : pos + 4 + size]
        pos += 4 + size


def _read_options(area: bytes, found: _Options) -> None:
    for code, value in _options(area):
        if code == _CLIENT_ID:
            found.client_duid = value
        elif code == _SERVER_ID:
            found.server_duid = value
        elif code == _DNS_SERVERS:
            found.dns_servers += [value[i : i + 16] for i in range(0, len(value) - 15, 16)]
        elif code in _IA_HEADER:
            _read_association(value[_IA_HEADER[code] :], found)
        else:
            _read_status(code, value, found)


def _read_association(area: bytes, found: _Options) -> None:
    for code, value in _options(area):
        if code == _IA_ADDRESS and len(value) >= 24:
            found.addresses.append(value[:16])
            for inner_code, inner in _options(value[24:]):
                _read_status(inner_code, inner, found)
        else:
            _read_status(code, value, found)


def _read_status(code: int, value: bytes, found: _Options) -> None:
    if code == _STATUS and len(value) >= 2:
        found.statuses.append(int.from_bytes(value[:2], "big"))
