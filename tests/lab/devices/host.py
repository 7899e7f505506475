"""What every emulated box can do: take a lease, resolve names, ask the time, open TLS."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab.devices import leases
from tests.lab.devices.stub import Stub

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Host:
    """A box under emulation, seen from its own program."""

    lease_file: Path
    trust_file: Path
    """Certificates of the issuers that this box trusts."""
    settings: Mapping[str, str]
    """What the scenario says about this box."""

    def take_lease(self) -> None:
        """Start a DHCP client that goes on for ever (or set a fixed address), and wait until there is a lease."""
        leases.take_lease(self.settings, self.lease_file)
        while not self.lease_file.exists():
            time.sleep(_POLL_S)

    def resolvers(self) -> list[str]:
        """Give the name servers of the lease; none without a lease."""
        with contextlib.suppress(FileNotFoundError):
            return self.lease_file.read_text().split()[3:]
        return []

    def resolve(self, name: str, *, more_kinds: tuple[int, ...] = (), also: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Look a name up at the lease's name servers.

        Args:
            name: Asked in exactly this letter case.
            more_kinds: Record types asked beside A, as dual-stack systems do; answers unused.
            also: Further name servers, asked in any case.

        Returns:
            IPv4 addresses of the first server that knew some; empty when none did.
        """
        stub = Stub.of(self.settings)
        addresses: tuple[str, ...] = ()
        for server in self.resolvers():
            if not addresses:
                addresses = _ask_kinds(stub, server, name, more_kinds)
        for server in also:
            extra = _ask_kinds(stub, server, name, more_kinds)
            addresses = addresses or extra
        return addresses

    def set_clock(self, server_name: str) -> bool:
        """Ask a time server once; True when it answered."""
        addresses = self.resolve(server_name)
        return bool(addresses) and _ask_time(addresses[0])

    def open_tcp(self, address: str, port: int, *, wait_s: float) -> socket.socket:
        """Connect, giving up after ``wait_s``; reads time out after 30 s.

        Raises:
            OSError: No connection.
        """
        connection = socket.create_connection((address, port), timeout=wait_s)
        connection.settimeout(30)
        return connection

    def open_tls(
        self, name: str, address: str, port: int, *, wait_s: float = 10.0, newest: bool = True, alpn: str = ""
    ) -> ssl.SSLSocket:
        """Connect and do a TLS handshake that checks the server's certificate.

        Args:
            name: The server name that is asked for and checked.
            newest: TLS 1.3 where the server has it; else 1.2 as older firmware does.

        Raises:
            OSError: No connection, or a certificate that is not trusted.
        """
        return self.wrap_tls(self.open_tcp(address, port, wait_s=wait_s), name, newest=newest, alpn=alpn)

    def tls_context(self) -> ssl.SSLContext:
        """Give a client's context that trusts what this box trusts."""
        return ssl.create_default_context(cafile=str(self.trust_file))

    def wrap_tls(self, connection: socket.socket, name: str, *, newest: bool = True, alpn: str = "") -> ssl.SSLSocket:
        """Do the client's TLS handshake on an open connection.

        Raises:
            OSError: A certificate that is not trusted, or the connection broke.
        """
        context = self.tls_context()
        if not newest:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if alpn:
            context.set_alpn_protocols([alpn])
        return context.wrap_socket(connection, server_hostname=name)


def _ask_kinds(stub: Stub, server: str, name: str, more_kinds: tuple[int, ...]) -> tuple[str, ...]:
    for kind in more_kinds:
        replace(stub, tries=1).ask(server, name, kind)
    return stub.ask(server, name)


def _ask_time(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        sent = struct.pack(">II", int(time.time()) + 2_208_988_800, random.getrandbits(32))
        try:
            client.sendto(b"\x23" + bytes(39) + sent, (address, 123))
            return len(client.recv(512)) >= 48
        except OSError:
            return False


def ping(address: str, *, wait_s: float = 2.0) -> bool:
    """Send one echo request; True when its reply came in time (RFC 792)."""
    number = random.randrange(65536)
    body = struct.pack(">HH", number, 1) + bytes(range(32))
    packet = struct.pack(">BBH", 8, 0, _checksum(b"\x08\x00\x00\x00" + body)) + body
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(wait_s)
        with contextlib.suppress(OSError):
            raw.sendto(packet, (address, 0))
            while True:
                reply = raw.recv(2048)[20:]
                if reply[:1] == b"\0" and reply[4:6] == packet[4:6]:
                    return True
    return False


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def post(stream: ssl.SSLSocket | socket.socket, host: str, path: str, body: bytes) -> bool:
    """Send one HTTP POST on an open stream and wait for the answer; True for status 200."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n"
    stream.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return stream.recv(8192).startswith(b"HTTP/1.1 200")


def get(stream: ssl.SSLSocket | socket.socket, host: str, path: str) -> bool:
    """Send one HTTP GET on an open stream and wait for the answer; True for status 200."""
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode())
    return stream.recv(8192).startswith(b"HTTP/1.1 200")
