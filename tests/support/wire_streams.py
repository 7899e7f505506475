"""Literal bytes that travel inside TCP: TLS, HTTP, websocket, PostgreSQL. Tests only.

Written from the standards with ``struct``; certificates are real ones. Nothing is random: keys grow
from a name, so that the same script gives the same bytes.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION = 20, 21, 22, 23
TLS10, TLS12, TLS13 = 0x0301, 0x0303, 0x0304
VERSIONS = {"1.0": TLS10, "1.1": 0x0302, "1.2": TLS12, "1.3": TLS13}
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
POSTGRES_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
OPCODES = {"text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


def noise(size: int, seed: str) -> bytes:
    """Give ``size`` bytes that look random and depend on ``seed`` alone."""
    return hashlib.shake_256(seed.encode()).digest(size)


def record(kind: int, body: bytes, *, version: int = TLS12) -> bytes:
    """Give a TLS record. Source: RFC 8446, 5.1."""
    return struct.pack(">BHH", kind, version, len(body)) + body


def handshake(kind: int, body: bytes) -> bytes:
    """Give a record with one handshake message. Source: RFC 8446, section 4."""
    return record(HANDSHAKE, bytes([kind]) + struct.pack(">I", len(body))[1:] + body)


def _sized(form: str, body: bytes) -> bytes:
    return struct.pack(form, len(body)) + body


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack(">H", kind) + _sized(">H", body)


def client_hello(sni: str | None, *, alpn: Sequence[str], versions: Sequence[int], pad: int = 0) -> bytes:
    """Give a ClientHello. ``versions`` above 1.2 add supported_versions; ``pad`` adds that many bytes.

    Source: RFC 8446, 4.1.2; RFC 6066, 3; RFC 7301, 3.1; RFC 7685.
    """
    extensions = b""
    if sni is not None:
        extensions += _extension(0, _sized(">H", b"\0" + _sized(">H", sni.encode())))
    if alpn:
        extensions += _extension(16, _sized(">H", b"".join(_sized(">B", name.encode()) for name in alpn)))
    if max(versions) >= TLS13:
        extensions += _extension(43, _sized(">B", b"".join(struct.pack(">H", v) for v in versions)))
    if pad:
        extensions += _extension(21, bytes(pad))
    ciphers = struct.pack(">4H", 0x1301, 0x1302, 0xC02B, 0xC02F)
    legacy = min(max(versions), TLS12)
    body = struct.pack(">H", legacy) + noise(32, f"hello {sni}") + _sized(">B", noise(32, "session"))
    return handshake(1, body + _sized(">H", ciphers) + b"\x01\0" + _sized(">H", extensions))


def server_hello(version: int) -> bytes:
    """Give a ServerHello that chooses ``version``. Source: RFC 8446, 4.1.3; RFC 5246, 7.4.1.3."""
    is_13 = version >= TLS13
    extensions = _extension(43, struct.pack(">H", version)) if is_13 else _extension(0xFF01, b"\0")
    body = struct.pack(">H", min(version, TLS12)) + noise(32, "server hello") + _sized(">B", noise(32, "session"))
    return handshake(2, body + struct.pack(">HB", 0x1301 if is_13 else 0xC02B, 0) + _sized(">H", extensions))


def certificate_message(chain: Sequence[bytes]) -> bytes:
    """Give a Certificate message of TLS 1.2 or older, leaf first. Source: RFC 5246, 7.4.2."""
    entries = b"".join(struct.pack(">I", len(der))[1:] + der for der in chain)
    return handshake(11, struct.pack(">I", len(entries))[1:] + entries)


def certificate_request() -> bytes:
    """Give a CertificateRequest of TLS 1.2. Source: RFC 5246, 7.4.4."""
    return handshake(13, b"\x01\x40" + _sized(">H", b"\x04\x03") + _sized(">H", b""))


def server_done() -> bytes:
    """Give a ServerHelloDone. Source: RFC 5246, 7.4.5."""
    return handshake(14, b"")


def client_key_exchange() -> bytes:
    """Give a ClientKeyExchange with an elliptic point. Source: RFC 8422, 5.7."""
    return handshake(16, _sized(">B", b"\x04" + noise(64, "point")))


def finished() -> bytes:
    """Give ChangeCipherSpec and an encrypted Finished of TLS 1.2. Source: RFC 5246, 7.1 and 7.4.9."""
    return record(CHANGE_CIPHER, b"\x01") + record(HANDSHAKE, noise(40, "finished"))


def alert(code: int, *, level: int = 2) -> bytes:
    """Give a plaintext alert. Source: RFC 8446, section 6."""
    return record(ALERT, bytes([level, code]))


def application(size: int, *, seed: str = "data") -> bytes:
    """Give one application data record whose encrypted body has ``size`` bytes."""
    return record(APPLICATION, noise(size, seed))


@dataclass(frozen=True, slots=True)
class Paper:
    """What a certificate says. Dates are UTC; ``key`` names the leaf's key, equal names give equal keys."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime
    key: str


def _private_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@lru_cache(maxsize=64)
def certificate(paper: Paper) -> bytes:
    """Give a signed X.509 certificate in DER. Source: RFC 5280, RFC 8410."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_common_name(paper.subject))
        .issuer_name(_common_name(paper.issuer))
        .public_key(_private_key(paper.key).public_key())
        .serial_number(int.from_bytes(hashlib.sha256(repr(paper).encode()).digest()[:8], "big") + 1)
        .not_valid_before(paper.not_before)
        .not_valid_after(paper.not_after)
    )
    if paper.names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in paper.names])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(_private_key(paper.issuer), None).public_bytes(Encoding.DER)


def http_request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Give an HTTP/1.1 request. Source: RFC 9112, section 3."""
    return _http(f"{method} {target} HTTP/1.1", headers, body)


def http_response(status: int, reason: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Give an HTTP/1.1 response. Source: RFC 9112, section 4."""
    return _http(f"HTTP/1.1 {status} {reason}", headers, body)


def _http(first: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def websocket_key(seed: str) -> str:
    """Give a Sec-WebSocket-Key. Source: RFC 6455, 4.1."""
    return base64.b64encode(noise(16, seed)).decode()


def websocket_accept(key: str) -> str:
    """Give the Sec-WebSocket-Accept that answers ``key``. Source: RFC 6455, 4.2.2."""
    return base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_GUID, usedforsecurity=False).digest()).decode()


def websocket_frame(opcode: int, body: bytes, *, mask: bytes | None = None) -> bytes:
    """Give a final frame of up to 65,535 bytes; a client's frame has a 4-byte mask. Source: RFC 6455, 5.2."""
    has_mask = 0x80 if mask is not None else 0
    size = bytes([len(body) | has_mask]) if len(body) < 126 else struct.pack(">BH", 126 | has_mask, len(body))
    if mask is not None:
        body = mask + bytes(value ^ mask[at % 4] for at, value in enumerate(body))
    return bytes([0x80 | opcode]) + size + body


def postgres_startup(user: str, database: str) -> bytes:
    """Give a StartupMessage. Source: PostgreSQL documentation, message formats."""
    pairs = b"".join(text.encode() + b"\0" for text in ("user", user, "database", database)) + b"\0"
    return struct.pack(">II", 8 + len(pairs), 0x00030000) + pairs


def postgres_message(kind: str, body: bytes) -> bytes:
    """Give a typed message; its length counts itself. Source: PostgreSQL documentation, message formats."""
    return kind.encode() + struct.pack(">I", 4 + len(body)) + body


def postgres_error(sqlstate: str, text: str) -> bytes:
    """Give an ErrorResponse with severity, SQLSTATE and text."""
    fields = f"SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0"
    return postgres_message("E", fields.encode())
