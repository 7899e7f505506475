"""The lab's servers, each asked over a socket pair as its protocol wants it."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import dpkt
import pytest

from tests.lab import dns_codec, websocket_codec
from tests.lab.devices.host import get, post
from tests.lab.servers import datagrams, odd, streams
from tests.lab.servers.certificates import TlsDoor, write_pairs
from tests.lab.servers.ftp import FtpManners, talk_ftp, talk_ftp_as
from tests.lab.servers.listener import serve_safely

HOSTS = ("gk.sensorist.com", "www.alsoenergy.com")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificates")
    write_pairs(path, HOSTS)
    return path


@contextmanager
def connected(talk: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname(), timeout=10)
        connection, _ = server.accept()
    thread = threading.Thread(target=serve_safely, args=(connection, talk))
    thread.start()
    with client:
        yield client
    thread.join(10)
    assert not thread.is_alive()


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "trust.pem"))


@pytest.mark.parametrize("host", HOSTS)
def test_the_tls_door_has_a_trusted_certificate_for_each_name(folder: Path, host: str) -> None:
    door = TlsDoor(folder, HOSTS[0])
    talk = streams.behind_tls(door, streams.talk_http)

    with connected(talk) as plain, trusting(folder).wrap_socket(plain, server_hostname=host) as inner:
        assert inner.version() == "TLSv1.3"
        assert get(inner, host, "/")


def test_the_tls_door_refuses_a_name_it_does_not_know(folder: Path) -> None:
    talk = streams.behind_tls(TlsDoor(folder, HOSTS[0]), streams.talk_http)

    with connected(talk) as plain, pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        trusting(folder).wrap_socket(plain, server_hostname="elsewhere.example")


@pytest.mark.parametrize(
    ("variant", "reason"),
    [("expired.", "has expired"), ("future.", "not yet valid"), ("stranger.", "unable to get local issuer")],
)
def test_a_client_refuses_a_certificate_for_its_own_reason(folder: Path, variant: str, reason: str) -> None:
    talk = streams.behind_tls(TlsDoor(folder, HOSTS[0], variant=variant), streams.talk_http)

    with connected(talk) as plain, pytest.raises(ssl.SSLCertVerificationError, match=reason):
        trusting(folder).wrap_socket(plain, server_hostname=HOSTS[1])


def test_a_door_without_names_shows_the_same_certificate_to_all(folder: Path) -> None:
    talk = streams.behind_tls(TlsDoor(folder, HOSTS[0], knows_names=False), streams.talk_http)

    with connected(talk) as plain, pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        trusting(folder).wrap_socket(plain, server_hostname=HOSTS[1])


def test_an_old_client_is_told_that_its_version_is_refused(folder: Path) -> None:
    newest = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)
    talk = streams.behind_tls(TlsDoor(folder, HOSTS[0], versions=newest), streams.talk_http)
    client = trusting(folder)
    client.maximum_version = ssl.TLSVersion.TLSv1_2

    with connected(talk) as plain, pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"):
        client.wrap_socket(plain, server_hostname=HOSTS[0])


def test_the_sites_own_inspection_is_trusted_by_who_trusts_the_site(folder: Path) -> None:
    talk = streams.behind_tls(TlsDoor(folder, HOSTS[0], variant="stranger."), streams.talk_http)
    client = ssl.create_default_context(cafile=str(folder / "site-trust.pem"))

    with connected(talk) as plain, client.wrap_socket(plain, server_hostname=HOSTS[1]) as inner:
        assert get(inner, HOSTS[1], "/")


def test_a_server_in_maintenance_serves_again_after_some_requests() -> None:
    talk = odd.maintained(odd.IN_MAINTENANCE, 2)

    for is_served in (False, False, True):
        with connected(talk) as client:
            assert post(client, "x.example", "/data", b"a") is is_served


@pytest.mark.parametrize("talk", [odd.hang_up, odd.hang_up_rudely])
def test_some_servers_end_the_connection_without_a_byte(talk: Callable[[socket.socket], None]) -> None:
    with connected(talk) as client:
        client.sendall(b"hello")
        try:
            assert client.recv(64) == b""
        except ConnectionResetError:
            assert talk is odd.hang_up_rudely


def test_a_database_without_encryption_says_n() -> None:
    with connected(odd.refuse_encryption) as client:
        client.sendall(bytes.fromhex("0000000804d2162f"))
        assert client.recv(1) == b"N"


def test_http_answers_one_request_after_the_other() -> None:
    with connected(streams.talk_http) as client:
        assert post(client, "x.example", "/data", b"a" * 5000)
        assert get(client, "x.example", "/")


def test_http_upgrades_to_a_websocket_that_answers_text_and_ping() -> None:
    with connected(streams.talk_http) as client:
        client.sendall(websocket_codec.upgrade_request("x.example", "/ws"))
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
        websocket_codec.send_message(client, websocket_codec.TEXT, b"hello", is_client=True)
        assert websocket_codec.receive_message(client)[0] == websocket_codec.TEXT
        websocket_codec.send_message(client, websocket_codec.PING, b"?", is_client=True)
        assert websocket_codec.receive_message(client) == (websocket_codec.PONG, b"?")


def test_a_gateways_sample_is_confirmed_in_plain(folder: Path) -> None:
    with connected(streams.sensorist_cloud(TlsDoor(folder, HOSTS[0]))) as client:
        client.sendall(b"\x00\x04abcd")
        assert client.recv(64).startswith(b"\x00\x06")


def test_a_browser_gets_the_web_site_on_the_gateways_port(folder: Path) -> None:
    talk = streams.sensorist_cloud(TlsDoor(folder, HOSTS[0]))

    with connected(talk) as plain, trusting(folder).wrap_socket(plain, server_hostname=HOSTS[0]) as inner:
        assert get(inner, HOSTS[0], "/")


def test_postgres_accepts_tls_and_a_login_inside(folder: Path) -> None:
    with connected(streams.postgres(TlsDoor(folder, HOSTS[0]))) as plain:
        plain.sendall(bytes.fromhex("0000000804d2162f"))
        assert plain.recv(1) == b"S"
        with trusting(folder).wrap_socket(plain, server_hostname=HOSTS[0]) as inner:
            inner.sendall(struct.pack(">II", 8 + 12, 196608) + b"user\0agent\0\0")
            assert inner.recv(64).endswith(b"Z\x00\x00\x00\x05I")


def test_ftp_stores_a_file_in_passive_mode() -> None:
    with connected(talk_ftp) as client, client.makefile("rw", encoding="ascii", newline="\r\n") as lines:
        assert lines.readline().startswith("220 ")
        codes = []
        for command in ("USER sma", "PASS x", "TYPE I", "PASV"):
            lines.write(f"{command}\r\n")
            lines.flush()
            codes.append(reply := lines.readline())
        high, low = reply[reply.index("(") + 1 : reply.index(")")].split(",")[4:]
        lines.write("STOR a.xml\r\n")
        lines.flush()
        with socket.create_connection(("127.0.0.1", int(high) * 256 + int(low)), timeout=10) as data:
            data.sendall(b"<WebBox/>")
        assert [code[:3] for code in [*codes, lines.readline(), lines.readline()]] == [
            *("331", "230", "200", "227", "150", "226")
        ]


def ask(lines: TextIO, command: str) -> str:
    lines.write(f"{command}\r\n")
    lines.flush()
    return lines.readline()


def test_ftp_stores_a_file_in_extended_passive_mode() -> None:
    with connected(talk_ftp) as client, client.makefile("rw", encoding="ascii", newline="\r\n") as lines:
        assert lines.readline().startswith("220 ")
        port = int(ask(lines, "EPSV").split("|")[3])
        assert ask(lines, "STOR a.xml").startswith("150 ")
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        assert lines.readline().startswith("226 ")


def test_ftp_says_what_its_manners_say() -> None:
    manners = FtpManners(login="530 no", announced="192.168.10.5")
    with connected(talk_ftp_as(manners)) as client, client.makefile("rw", encoding="ascii", newline="\r\n") as lines:
        assert lines.readline().startswith("220 ")
        assert ask(lines, "PASS x").startswith("530 ")
        assert "(192,168,10,5," in ask(lines, "PASV")


def test_ftp_that_is_full_says_so_and_closes() -> None:
    with connected(talk_ftp_as(FtpManners(greeting="421 full"))) as client:
        assert client.recv(64) == b"421 full\r\n"
        assert client.recv(64) == b""


def test_a_time_server_returns_the_clients_time_stamp() -> None:
    query = b"\x23" + bytes(39) + b"\xea\x01\x02\x03\x04\x05\x06\x07"
    reply = datagrams.answer_time(query)

    assert reply is not None
    ntp = dpkt.ntp.NTP(reply)
    assert (ntp.mode, ntp.li, ntp.stratum, ntp.originate_time) == (4, 0, 2, query[40:])
    assert ntp.update_time < ntp.receive_time <= ntp.transmit_time


@pytest.mark.parametrize(("size", "is_answered"), [(23, False), (24, True), (1024, True), (1025, False)])
def test_a_controller_is_answered_within_the_papers_sizes(size: int, is_answered: bool) -> None:
    reply = datagrams.answer_controller(bytes(size))

    assert (reply is not None) is is_answered
    assert reply is None or 24 <= len(reply) <= 1024


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "answers"),
    [
        ("gk.sensorist.com", dns_codec.A, 0, 1),
        ("gk.sensorist.com", dns_codec.AAAA, 0, 0),
        ("sensorist.com", dns_codec.A, 0, 0),
        ("nobody.sensorist.com", dns_codec.A, 3, 0),
        ("wpad.office.example", dns_codec.A, 3, 0),
    ],
)
def test_the_name_server_knows_its_table(name: str, kind: int, rcode: int, answers: int) -> None:
    server = datagrams.name_server({"gk.sensorist.com": ("54.229.203.190", "54.229.68.147")})
    answer = dpkt.dns.DNS(server(dns_codec.encode_query(1, name, kind)))

    assert (answer.rcode, len(answer.an), len(answer.ns)) == (rcode, answers, 1 - answers)


def test_the_name_server_is_silent_to_what_is_no_query() -> None:
    assert datagrams.name_server({})(b"\x00\x01") is None
