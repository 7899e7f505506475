"""The fields of one X.509 certificate that rules read (RFC 5280)."""

from __future__ import annotations

import warnings
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from pcapaudit.dissect.text import printable
from pcapaudit.model.events import CertificateFacts
from pcapaudit.model.records import dataclass

if TYPE_CHECKING:
    from cryptography import x509

_MAX_NAMES = 64
_MAX_NAME_TEXT = 500
_NS = 1_000_000_000
_VERSION, _EXTENSIONS, _DNS_NAME = 0xA0, 0xA3, 0x82
"""Context tags: version and extensions of a TBSCertificate, dNSName of a GeneralName."""
_PUBLIC_KEY = 5
"""Position of the public key among the fields behind the version."""
_COMMON_NAME = "2.5.4.3"
_ALTERNATIVE_NAME = bytes((0x55, 0x1D, 0x11))
"""Object identifier 2.5.29.17."""


@lru_cache(maxsize=512)
def read_certificate(der: bytes) -> CertificateFacts:
    """The facts of a DER certificate.

    Raises:
        Exception: Whatever the parser raises on a broken certificate; call it through ``guard.parse``.
    """
    # Loaded with the first certificate: most captures hold none that can be read.
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415

    with warnings.catch_warnings():
        # Old devices send certificates with negative serial numbers and the like: readable all the same.
        warnings.simplefilter("ignore")
        certificate = load_der_x509_certificate(der)
        return CertificateFacts(
            subject=_name_text(certificate.subject),
            issuer=_name_text(certificate.issuer),
            names=_dns_names(certificate),
            not_before_ns=_to_ns(certificate.not_valid_before_utc),
            not_after_ns=_to_ns(certificate.not_valid_after_utc),
            key_sha256=sha256(_public_key(certificate.tbs_certificate_bytes)).hexdigest(),
            is_self_issued=certificate.issuer == certificate.subject,
        )


def _name_text(name: x509.Name) -> str:
    text = name.rfc4514_string()[:_MAX_NAME_TEXT]
    return "".join(c if c.isprintable() else "?" for c in text)


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Read by hand, because one broken extension makes the parser refuse all of them."""
    value = _extension(certificate.tbs_certificate_bytes, _ALTERNATIVE_NAME)
    if value is None:
        common = [a for a in certificate.subject if a.oid.dotted_string == _COMMON_NAME]
        return tuple(_clean(str(c.value)) for c in common[:1])
    names = [value[e.begin : e.end] for e in _elements(value, _elements(value)[0]) if e.tag == _DNS_NAME]
    return tuple(_clean(printable(name)) for name in names[:_MAX_NAMES])


def _clean(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name.lower()[:253])


def _to_ns(moment: datetime) -> int:
    return round(moment.timestamp()) * _NS


@dataclass(frozen=True, slots=True)
class _Element:
    """One DER element: where it starts, and where its content begins and ends."""

    tag: int
    start: int
    begin: int
    end: int


def _elements(der: bytes, inside: _Element | None = None) -> list[_Element]:
    """The elements side by side in the content of another, or in the whole (X.690, 8.1).

    Raises:
        ValueError: An element ends outside.
    """
    pos, end = (inside.begin, inside.end) if inside else (0, len(der))
    found: list[_Element] = []
    while pos < end:
        begin, size = pos + 2, der[pos + 1] if pos + 1 < end else 0
        if size & 0x80:
            begin += size & 0x7F
            size = int.from_bytes(der[pos + 2 : begin], "big")
        if begin + size > end:
            raise ValueError("element ends outside")
        found.append(_Element(der[pos], pos, begin, begin + size))
        pos = begin + size
    return found


def _fields(tbs: bytes) -> list[_Element]:
    """The fields of a TBSCertificate behind the optional version (RFC 5280, 4.1)."""
    fields = _elements(tbs, _elements(tbs)[0])
    return fields[1:] if fields and fields[0].tag == _VERSION else fields


def _public_key(tbs: bytes) -> bytes:
    """SubjectPublicKeyInfo as it stands in the certificate, also of key types nobody here can load."""
    field = _fields(tbs)[_PUBLIC_KEY]
    return tbs[field.start : field.end]


def _extension(tbs: bytes, identifier: bytes) -> bytes | None:
    """Value of an extension; None when the certificate has none of this kind (RFC 5280, 4.2)."""
    for block in (f for f in _fields(tbs)[_PUBLIC_KEY + 1 :] if f.tag == _EXTENSIONS):
        for extension in _elements(tbs, _elements(tbs, block)[0]):
            parts = _elements(tbs, extension)
            if tbs[parts[0].begin : parts[0].end] == identifier:
                return tbs[parts[-1].begin : parts[-1].end]
    return None
