from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.dissect import conversation
from pcapaudit.dissect.stream import Stream
from tests.dissect.material import EMPTY, SERVER, hostile_streams, kinds, stream
from tests.dissect.tls_material import client_hello, record, server_hello

HELLO, ANSWER = record(22, client_hello()), record(22, server_hello())
GET, OK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CONNECT, ESTABLISHED = b"CONNECT a.example:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
DNS_QUERY = b"\0\x11" + struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\0\0\1\0\1"


def _kinds(orig: bytes, resp: bytes, port: int) -> list[str]:
    ours = stream(orig, frames=[1]) if orig else EMPTY
    theirs = stream(resp, frames=[2], src=SERVER) if resp else EMPTY
    return kinds(conversation.read(ours, theirs, port=port))


@pytest.mark.parametrize(
    ("orig", "resp", "port", "expected"),
    [
        (HELLO, ANSWER, 4321, ["TlsClientHello", "TlsRecords", "TlsServerHello", "TlsRecords"]),
        (HELLO, b"", 80, ["TlsClientHello", "TlsRecords"]),
        (b"", ANSWER, 9001, ["TlsServerHello", "TlsRecords"]),
        (HELLO, b"HTTP/1.1 400 Bad\r\n\r\n", 443, ["TlsClientHello", "TlsRecords", "TlsNotTls"]),
        (GET, OK, 9001, ["HttpRequest", "HttpResponse"]),
        (GET, OK, 21, ["HttpRequest", "HttpResponse"]),
        (b"", OK, 80, ["HttpResponse"]),
        (SSL_REQUEST, b"N", 6000, ["PostgresMessage", "PostgresMessage"]),
        (b"", b"N", 5432, ["PostgresMessage"]),
        (b"USER a\r\n", b"220 x\r\n", 2121, ["FtpCommand", "FtpReply"]),
        (b"", b"220 x\r\n", 21, ["FtpReply"]),
        (b"PASV\r\n", b"", 21, ["FtpCommand"]),
        (DNS_QUERY, b"", 53, ["DnsMessage"]),
    ],
)
def test_the_first_bytes_say_which_protocol_it_is(orig: bytes, resp: bytes, port: int, expected: list[str]) -> None:
    assert _kinds(orig, resp, port) == expected


@pytest.mark.parametrize(
    ("orig", "resp", "port"),
    [
        (b"", b"", 443),
        (b"SSH-2.0-a\r\n", b"SSH-2.0-b\r\n", 22),
        (b"EHLO a\r\n", b"220 mail\r\n", 25),
        (b"", b"220 mail\r\n", 25),
        (b"\x10\x0c\0\x04MQTT\x04\x02", b"\x20\x02\0\0", 1883),
        (b"\x00" * 40, b"\xff" * 40, 4321),
        (b"", b"N", 6000),
        (DNS_QUERY, b"", 5353),
        (b"hello", b"world", 21),
        (b"\x16", b"", 443),
    ],
    ids=[
        "nothing",
        "ssh",
        "mail",
        "mail server",
        "mqtt",
        "own protocol",
        "one letter",
        "dns elsewhere",
        "no ftp",
        "one octet",
    ],
)
def test_an_unknown_protocol_gives_nothing(orig: bytes, resp: bytes, port: int) -> None:
    assert _kinds(orig, resp, port) == []


def test_a_portal_that_answers_a_device_s_own_protocol_is_seen() -> None:
    assert "HttpResponse" in _kinds(b"\x01\x02OWN", b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", 4321)


def test_tls_through_a_proxy_s_tunnel_is_read() -> None:
    found = _kinds(CONNECT + HELLO, ESTABLISHED + ANSWER, 3128)
    assert found == ["HttpRequest", "TlsClientHello", "TlsRecords", "HttpResponse", "TlsServerHello", "TlsRecords"]


def test_an_unknown_protocol_in_a_tunnel_leaves_the_proxy_s_dialogue() -> None:
    assert _kinds(CONNECT + b"\x01\x02OWN", ESTABLISHED + b"\x03\x04OWN", 3128) == ["HttpRequest", "HttpResponse"]


def test_tunnels_within_tunnels_end_somewhere() -> None:
    found = _kinds(CONNECT * 50, ESTABLISHED * 50, 3128)
    assert found.count("HttpRequest") == 4


@pytest.mark.parametrize(
    ("first_sender", "other", "expected"),
    [
        (OK, GET, {"HttpRequest", "HttpResponse"}),
        (OK, b"", {"HttpResponse"}),
        (b"N", SSL_REQUEST, {"PostgresMessage"}),
        (b"220 x\r\n", b"USER a\r\n", {"FtpCommand", "FtpReply"}),
        (ANSWER, HELLO, {"TlsClientHello", "TlsServerHello", "TlsRecords"}),
    ],
)
def test_a_connection_seen_from_its_middle_may_begin_with_the_server(
    first_sender: bytes, other: bytes, expected: set[str]
) -> None:
    theirs = stream(first_sender, is_from_start=False)
    ours = stream(other, is_from_start=False) if other else EMPTY
    assert set(kinds(conversation.read(theirs, ours, port=50000))) == expected


@pytest.mark.parametrize(
    ("orig", "resp", "expected"),
    [(GET, OK, "HttpResponse"), (record(23, b"x" * 9), record(23, b"y" * 9), "TlsRecords")],
)
def test_a_connection_seen_from_its_middle_is_taken_up_at_the_next_message(
    orig: bytes, resp: bytes, expected: str
) -> None:
    ours = stream(b"rest of a body", orig, frames=[1, 3], is_from_start=False)
    theirs = stream(b"rest of another", resp, frames=[2, 4], is_from_start=False)
    events = conversation.read(ours, theirs, port=80)
    assert (kinds(events)[-1], events[-1].at.frame) == (expected, 4)
    assert "Malformed" not in kinds(events)


@settings(deadline=None)
@given(
    hostile_streams(HELLO, GET, CONNECT + HELLO, SSL_REQUEST + HELLO, b"USER a\r\nAUTH TLS\r\n" + HELLO, DNS_QUERY),
    hostile_streams(ANSWER, OK, ESTABLISHED + ANSWER, b"S" + ANSWER, b"220 x\r\n234 y\r\n" + ANSWER, DNS_QUERY),
    st.sampled_from([21, 53, 80, 443, 5432]),
)
def test_no_bytes_make_it_raise_and_events_come_by_frame(ours: Stream, theirs: Stream, port: int) -> None:
    frames = [event.at.frame for event in conversation.read(ours, theirs, port=port)]
    assert frames == sorted(frames)
