"""Other people's client programs, for boxes whose network stack is not ours: curl, GnuTLS, lftp, psql."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from tests.lab.devices.host import Host

_LIMIT_S = 40


def run(words: Sequence[str], *, said: bytes = b"", environment: Mapping[str, str] | None = None) -> bool:
    """Run a client to its end, at most 40 s; True when it reports success. It prints into the box's log."""
    try:
        done = subprocess.run(words, input=said, timeout=_LIMIT_S, check=False, env=environment)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def curl(host: Host, url: str, *words: str, body: bytes = b"") -> bool:
    """Fetch or, with a body, post by curl; the box's settings may name a ``proxy``, its ``login``, an ``account``."""
    common = ["curl", "--silent", "--show-error", "--fail", "--max-time", "12", "--cacert", str(host.trust_file)]
    proxy = host.settings.get("proxy")
    if proxy:
        common += ["--proxy", proxy]
    if proxy and "login" in host.settings:
        common += ["--proxy-user", host.settings["login"], "--proxy-anyauth"]
    if "account" in host.settings:
        common += ["--user", host.settings["account"], "--anyauth"]
    data = ["--data-binary", "@-", "--header", "Content-Type: application/octet-stream"] if body else []
    return run([*common, *words, *data, "--output", "/dev/null", url], said=body)


def curl_at(host: Host, name: str, address: str, port: int, path: str, *words: str, body: bytes = b"") -> bool:
    """As ``curl``, at an address that the box has looked up itself."""
    scheme = "http" if port == 80 else "https"
    return curl(host, f"{scheme}://{name}:{port}{path}", "--resolve", f"{name}:{port}:{address}", *words, body=body)


def gnutls(host: Host, name: str, address: str, port: int, said: bytes) -> bool:
    """Do a TLS handshake by GnuTLS, send some bytes, and wait for the end."""
    words = ["gnutls-cli", "--x509cafile", str(host.trust_file), "--sni-hostname", name, "--verify-hostname", name]
    return run(["timeout", "8", *words, "--port", str(port), address], said=said)


def psql(host: Host, name: str, address: str, mode: str) -> bool:
    """Insert a sample by PostgreSQL's own client; ``mode`` says how it wants TLS (``require``, ``prefer``)."""
    place = f"host={name} hostaddr={address} dbname=samples user=agent connect_timeout=8"
    safety = f"sslmode={mode} sslrootcert={host.trust_file} gssencmode=disable"
    words = ["psql", "--no-psqlrc", "--quiet", "--command", "INSERT INTO sample VALUES (21.5)", f"{place} {safety}"]
    return run(
        words,
        environment={
            "PGPASSWORD": host.settings.get("password", "lab-only"),
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
        },
    )
