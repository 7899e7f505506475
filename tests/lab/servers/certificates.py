"""The lab's own certificate authorities, and a TLS server side that has a certificate for every name."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import zlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_CA_NAMES = ("Northlight Trust Services R2", "Harbour Public CA G4", "Meridian TLS Issuing CA 7")
"""Several issuers: one private issuer for all names of the world is what TLS inspection looks like."""

INSPECTOR = "Site Security Gateway Root CA"
"""Issuer of the site's own TLS inspection; the boxes do not trust it, the office PCs may."""

_VARIANTS = {"": (-90, 90), "expired.": (-120, -3), "future.": (2, 120)}
"""First and last day of validity, counted from now, by the beginning of the file name."""

PROTOCOLS = ("http/1.1", "x-amzn-mqtt-ca", "postgresql")


class Authority:
    """One issuer of certificates with an elliptic key, made afresh in memory."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            _unsigned(self._name, self._name, self._key.public_key(), (-90, 90))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def write_pair(self, host: str, path: Path, days: tuple[int, int] = _VARIANTS[""]) -> None:
        """Write key and certificate for one host name as PEM, valid between two days counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = (
            _unsigned(subject, self._name, key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path.write_bytes(_key_text(key) + certificate.public_bytes(serialization.Encoding.PEM))

    def write_own_pair(self, path: Path) -> None:
        """Write the issuer's own key and certificate as PEM, for a program that signs with them."""
        path.write_bytes(_key_text(self._key) + self.certificate.public_bytes(serialization.Encoding.PEM))


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    first, last = (now + datetime.timedelta(days=day) for day in days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
    )


def write_pairs(folder: Path, hosts: tuple[str, ...]) -> None:
    """Write ``<host>.pem`` for every host and ``trust.pem`` with all issuers into a folder.

    Beside each stand ``expired.``, ``future.`` and ``stranger.<host>.pem``, the last signed by the site's
    inspection, whose own pair is ``inspector.pem``; ``site-trust.pem`` holds its certificate as well.
    The issuer depends on the registered domain, so that one domain keeps one issuer.
    """
    authorities = [Authority(name) for name in _CA_NAMES]
    inspector = Authority(INSPECTOR)
    issuers = [a.certificate.public_bytes(serialization.Encoding.PEM) for a in (*authorities, inspector)]
    (folder / "trust.pem").write_bytes(b"".join(issuers[:-1]))
    (folder / "site-trust.pem").write_bytes(b"".join(issuers))
    inspector.write_own_pair(folder / "inspector.pem")
    for host in hosts:
        domain = ".".join(host.split(".")[-2:])
        authority = authorities[zlib.crc32(domain.encode()) % len(authorities)]
        for beginning, days in _VARIANTS.items():
            authority.write_pair(host, folder / f"{beginning}{host}.pem", days)
        inspector.write_pair(host, folder / f"stranger.{host}.pem")


class TlsDoor:
    """The server side of TLS: picks the certificate by the name that the client asks for.

    Args:
        folder: Where ``write_pairs`` wrote.
        default_host: Whose certificate a client gets that asks for no name.
        variant: Beginning of the file names: ``expired.``, ``future.`` or ``stranger.``.
        versions: Oldest and newest version of TLS that is spoken.
        knows_names: False makes every client get the default host's certificate.
        wants_certificate: Whether a client must show a certificate of its own.
    """

    def __init__(
        self,
        folder: Path,
        default_host: str,
        *,
        variant: str = "",
        versions: tuple[ssl.TLSVersion, ssl.TLSVersion] = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3),
        knows_names: bool = True,
        wants_certificate: bool = False,
    ) -> None:
        self._folder = folder
        self._variant = variant
        self._versions = versions
        self._wants_certificate = wants_certificate
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._default = self._context(default_host)
        if knows_names:
            self._default.sni_callback = self._choose

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        """Do the handshake on a fresh connection.

        Raises:
            OSError: The handshake failed.
        """
        return self._default.wrap_socket(connection, server_side=True)

    def _choose(self, tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if not name:
            return None
        if not (self._folder / f"{name.lower()}.pem").exists():
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        tls.context = self._context(name.lower())
        return None

    def _context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.minimum_version, context.maximum_version = self._versions
                context.load_cert_chain(self._folder / f"{self._variant}{host}.pem")
                if self._wants_certificate:
                    context.verify_mode = ssl.CERT_REQUIRED
                    context.load_verify_locations(self._folder / "trust.pem")
                context.set_alpn_protocols(list(PROTOCOLS))
                self._contexts[host] = context
            return self._contexts[host]
