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

_VALID = datetime.timedelta(days=90)
PROTOCOLS = ("http/1.1", "x-amzn-mqtt-ca", "postgresql")


class Authority:
    """One issuer of certificates with an elliptic key, made afresh in memory."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            _unsigned(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def write_pair(self, host: str, path: Path) -> None:
        """Write key and certificate for one host name as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = (
            _unsigned(subject, self._name, key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(text + certificate.public_bytes(serialization.Encoding.PEM))


def _unsigned(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID)
        .not_valid_after(now + _VALID)
    )


def write_pairs(folder: Path, hosts: tuple[str, ...]) -> None:
    """Write ``<host>.pem`` for every host and ``trust.pem`` with all issuers into a folder.

    The issuer depends on the registered domain, so that one domain keeps one issuer.
    """
    authorities = [Authority(name) for name in _CA_NAMES]
    issuers = (authority.certificate.public_bytes(serialization.Encoding.PEM) for authority in authorities)
    (folder / "trust.pem").write_bytes(b"".join(issuers))
    for host in hosts:
        domain = ".".join(host.split(".")[-2:])
        authorities[zlib.crc32(domain.encode()) % len(authorities)].write_pair(host, folder / f"{host}.pem")


class TlsDoor:
    """The server side of TLS: picks the certificate by the name that the client asks for."""

    def __init__(self, folder: Path, default_host: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._default = self._context(default_host)
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
                context.load_cert_chain(self._folder / f"{host}.pem")
                context.set_alpn_protocols(list(PROTOCOLS))
                self._contexts[host] = context
            return self._contexts[host]
