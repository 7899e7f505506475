"""TLS handshake messages in the clear (RFC 8446, section 4; RFC 5246, section 7.4)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pcapaudit.dissect import guard
from pcapaudit.dissect.certificate import read_certificate
from pcapaudit.dissect.cursor import Cursor, CutError
from pcapaudit.dissect.text import printable
from pcapaudit.model.events import (
    CertificateFacts,
    Event,
    Malformed,
    Packet,
    TlsCertificateRequest,
    TlsCertificates,
    TlsClientHello,
    TlsServerHello,
)
from pcapaudit.model.records import dataclass

CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, CERTIFICATE_REQUEST = 1, 2, 11, 13
READ = (CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, CERTIFICATE_REQUEST)
"""Kinds of messages that give events."""
HEADER_SIZE = 4
TLS_1_3 = 0x0304
MAX_CHAIN = 10

_SNI, _ALPN, _SUPPORTED_VERSIONS = 0, 16, 43
_RANDOM_AT, _RANDOM_SIZE = 2, 32
_USUAL_HELLO = 2048
"""Bytes of a hello up to which it is remembered what it says."""
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3)."""


class Message(NamedTuple):
    """One handshake message; ``body`` is shorter than ``size`` when the capture cut it."""

    kind: int
    size: int
    """Stated bytes of the body."""
    body: bytes
    first: Packet
    at: Packet
    from_client: bool

    def is_whole(self) -> bool:
        """Nothing of it is missing."""
        return len(self.body) >= self.size


def read_message(message: Message) -> list[Event | Malformed]:
    """The events of one message; kinds that no rule reads give none."""
    if message.kind == CLIENT_HELLO and message.from_client:
        return [read_client_hello(message)]
    if not message.is_whole():
        return []
    if message.kind == SERVER_HELLO and not message.from_client:
        return [_read_server_hello(message)]
    if message.kind == CERTIFICATE:
        return _read_certificates(message)
    if message.kind == CERTIFICATE_REQUEST and not message.from_client:
        return [TlsCertificateRequest(message.at)]
    return []


@dataclass(slots=True)
class _Offer:
    """What a ClientHello says, as far as it could be read; ``is_cut`` when it ends before it should."""

    legacy_version: int = 0
    sni: str | None = None
    alpn: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    is_cut: bool = False


def read_client_hello(message: Message) -> TlsClientHello | Malformed:
    """The hello, also one that a gap or the snap length cut; malformed when a whole one is broken."""
    body = message.body
    read = _read_once if message.size <= _USUAL_HELLO else _read_offer
    offer = read(body[:_RANDOM_AT], body[_RANDOM_AT + _RANDOM_SIZE :])
    if offer.is_cut and message.is_whole():
        return Malformed(message.at, "tls", "broken ClientHello")
    return TlsClientHello(
        at=message.at,
        first=message.first,
        sni=offer.sni,
        alpn=offer.alpn,
        versions=offer.versions or ((offer.legacy_version,) if offer.legacy_version else ()),
        size=message.size + HEADER_SIZE,
        is_complete=message.is_whole(),
    )


def _read_offer(version: bytes, rest: bytes) -> _Offer:
    """What stands before and behind the random of a hello."""
    offer = _Offer()
    try:
        offer.legacy_version = Cursor(version).uint(_RANDOM_AT)
        _read_fields(Cursor(rest), offer)
    except CutError:
        offer.is_cut = True
    return offer


_read_once = lru_cache(maxsize=512)(_read_offer)
"""A simple device says the same in every connection."""


def _read_fields(cursor: Cursor, offer: _Offer) -> None:
    cursor.block(1)
    cursor.block(2)
    cursor.block(1)
    if not cursor.left():
        # Before RFC 4366 a hello could end here.
        return
    cursor.uint(2)
    while cursor.left():
        kind = cursor.uint(2)
        _read_offered(kind, cursor.block(2), offer)


def _read_offered(kind: int, value: bytes, offer: _Offer) -> None:
    if kind == _SNI:
        offer.sni = _read_sni(value)
    elif kind == _ALPN:
        offer.alpn = _read_alpn(value)
    elif kind == _SUPPORTED_VERSIONS:
        listed = Cursor(value).block(1)
        pairs = (int.from_bytes(listed[i : i + 2], "big") for i in range(0, len(listed) - 1, 2))
        offer.versions = tuple(version for version in pairs if not _is_grease(version))


def _read_sni(value: bytes) -> str | None:
    """First host_name of the list (RFC 6066, section 3); None when the list has none."""
    names = Cursor(Cursor(value).block(2))
    while names.left():
        kind = names.uint(1)
        name = names.block(2)
        if kind == 0:
            return printable(name).lower()
    return None


def _read_alpn(value: bytes) -> tuple[str, ...]:
    """RFC 7301, section 3.1, without the place holders of RFC 8701."""
    protocols = Cursor(Cursor(value).block(2))
    found: list[str] = []
    while protocols.left():
        name = protocols.block(1)
        if not (len(name) == 2 and _is_grease(int.from_bytes(name, "big"))):
            found.append(printable(name))
    return tuple(found[:32])


def _is_grease(value: int) -> bool:
    """RFC 8701, section 2: 0x0A0A, 0x1A1A ... 0xFAFA."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _read_server_hello(message: Message) -> TlsServerHello | Malformed:
    cursor = Cursor(message.body)
    try:
        version = cursor.uint(2)
        random = cursor.take(_RANDOM_SIZE)
        cursor.block(1)
        cipher = cursor.uint(2)
        cursor.uint(1)
        extensions = Cursor(cursor.block(2)) if cursor.left() else cursor
        while extensions.left():
            kind, value = extensions.uint(2), extensions.block(2)
            if kind == _SUPPORTED_VERSIONS and len(value) == 2:
                version = int.from_bytes(value, "big")
    except CutError:
        return Malformed(message.at, "tls", "broken ServerHello")
    return TlsServerHello(message.at, version, cipher, is_retry_request=random == _RETRY_RANDOM)


def _read_certificates(message: Message) -> list[Event | Malformed]:
    """RFC 5246, 7.4.2: a list of DER certificates, each behind three octets of length."""
    chain: list[CertificateFacts] = []
    faults: list[Event | Malformed] = []
    try:
        listed = Cursor(Cursor(message.body).block(3))
        while listed.left() and len(chain) + len(faults) < MAX_CHAIN:
            facts = guard.parse(read_certificate, listed.block(3), at=message.at, protocol="certificate")
            if isinstance(facts, Malformed):
                faults.append(facts)
            else:
                chain.append(facts)
    except CutError:
        faults.append(Malformed(message.at, "tls", "broken certificate list"))
    return [TlsCertificates(message.at, tuple(chain), message.from_client), *faults]
