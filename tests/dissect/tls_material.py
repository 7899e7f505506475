"""TLS bytes laid out by hand (RFC 8446, sections 4 and 5)."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
NOT_BEFORE, NOT_AFTER = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = ec.derive_private_key(12345, ec.SECP256R1())


def record(kind: int, content: bytes, version: int = 0x0303) -> bytes:
    """Give one record."""
    return struct.pack("!BHH", kind, version, len(content)) + content


def message(kind: int, body: bytes) -> bytes:
    """Give one handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extension(kind: int, value: bytes) -> bytes:
    """Give one hello extension."""
    return struct.pack("!HH", kind, len(value)) + value


def server_name(name: bytes) -> bytes:
    """Give the server_name extension."""
    return extension(0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name)


def alpn(*protocols: bytes) -> bytes:
    """Give the ALPN extension."""
    listed = b"".join(bytes([len(p)]) + p for p in protocols)
    return extension(16, struct.pack("!H", len(listed)) + listed)


def versions(*numbers: int) -> bytes:
    """Give a client's supported_versions extension."""
    return extension(43, bytes([2 * len(numbers)]) + b"".join(struct.pack("!H", n) for n in numbers))


def client_hello(*extensions: bytes, version: int = 0x0303) -> bytes:
    """Give a ClientHello message with two cipher suites."""
    joined = b"".join(extensions)
    body = struct.pack("!H", version) + bytes(range(32)) + b"\x01\xaa" + b"\0\x04\x13\x01\xc0\x2f" + b"\x01\0"
    return message(1, body + struct.pack("!H", len(joined)) + joined)


def server_hello(*extensions: bytes, version: int = 0x0303, cipher: int = 0xC02F, random: bytes = bytes(32)) -> bytes:
    """Give a ServerHello message."""
    joined = b"".join(extensions)
    body = struct.pack("!H", version) + random + b"\0" + struct.pack("!HB", cipher, 0)
    return message(2, body + struct.pack("!H", len(joined)) + joined)


def certificates(*chain: bytes) -> bytes:
    """Give a Certificate message of TLS 1.2."""
    listed = b"".join(len(der).to_bytes(3, "big") + der for der in chain)
    return message(11, len(listed).to_bytes(3, "big") + listed)


def certificate(*names: str, subject: str = "gk.sensorist.com", issuer: str = "Test Authority") -> bytes:
    """Give a DER certificate; without ``names`` it has no subject alternative name."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def public_key() -> bytes:
    """Give the SubjectPublicKeyInfo of every certificate made here."""
    return KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
