from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import conversation, postgres
from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import PostgresMessage
from tests.dissect.material import EMPTY, hostile_streams, kinds, read_capture, stream
from tests.dissect.tls_material import client_hello, record, server_hello

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
GSS_REQUEST = bytes.fromhex("0000000804d21630")
CANCEL = bytes.fromhex("0000001004d2162e") + bytes(8)
_PARAMETERS = b"user\0s3cret\0database\0s3cret\0\0"
STARTUP = struct.pack("!II", 8 + len(_PARAMETERS), 3 << 16) + _PARAMETERS
HELLO, ANSWER = record(22, client_hello()), record(22, server_hello())


def _server(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


PASSWORD_WANTED, AUTH_OK = _server(b"R", struct.pack("!I", 10) + b"SCRAM\0\0"), _server(b"R", bytes(4))
READY = _server(b"Z", b"I")
REFUSED = _server(b"E", b"SFATAL\0VFATAL\0C28P01\0Mpassword failed for s3cret\0\0")


def _told(orig: Stream, resp: Stream) -> list[tuple[bool, str, str | None]]:
    return [(e.from_client, e.kind, e.sqlstate) for e in postgres.read(orig, resp) if isinstance(e, PostgresMessage)]


def _kinds(orig: Stream, resp: Stream) -> list[str]:
    return [kind for _, kind, _ in _told(orig, resp)]


def test_behind_an_accepted_request_the_rest_is_tls() -> None:
    events = postgres.read(stream(SSL_REQUEST, HELLO, frames=[1, 3]), stream(b"S", ANSWER, frames=[2, 4]))
    assert kinds(events)[:3] == ["PostgresMessage", "PostgresMessage", "TlsClientHello"]
    assert [e.kind for e in events if isinstance(e, PostgresMessage)] == ["ssl_request", "ssl_accepted"]


def test_a_refused_request_alone_is_all_there_is() -> None:
    assert _kinds(stream(SSL_REQUEST), stream(b"N")) == ["ssl_request", "ssl_refused"]


def test_after_a_refusal_the_start_up_may_go_on_in_the_clear() -> None:
    asked = stream(SSL_REQUEST, STARTUP, frames=[1, 3])
    answered = stream(b"N", PASSWORD_WANTED, REFUSED, frames=[2, 4, 5])
    assert _told(asked, answered) == [
        (True, "ssl_request", None),
        (False, "ssl_refused", None),
        (True, "startup", None),
        (False, "auth_request", None),
        (False, "error", "28P01"),
    ]


def test_a_refused_encryption_of_one_kind_may_be_followed_by_the_other() -> None:
    asked = stream(GSS_REQUEST, SSL_REQUEST, HELLO, frames=[1, 3, 5])
    answered = stream(b"N", b"S", frames=[2, 4])
    assert _kinds(asked, answered) == ["gss_request", "other", "ssl_request", "ssl_accepted"]


def test_after_accepted_gss_encryption_nothing_can_be_read() -> None:
    assert _kinds(stream(GSS_REQUEST, b"\0\0\0\x07secret"), stream(b"G", b"\0\0\0\x07secret")) == [
        "gss_request",
        "other",
    ]


def test_a_log_in_without_encryption_is_read_to_ready() -> None:
    status = _server(b"S", b"server_version\x0015\0")
    answered = stream(PASSWORD_WANTED + AUTH_OK + status + READY + _server(b"D", bytes(90)) + READY)
    assert _kinds(stream(STARTUP), answered) == ["startup", "auth_request", "auth_ok", "ready"]


def test_a_request_without_an_answer_stands_alone() -> None:
    assert _kinds(stream(SSL_REQUEST), EMPTY) == ["ssl_request"]


def test_tls_is_read_although_the_answer_to_the_request_was_not_captured() -> None:
    assert kinds(postgres.read(stream(SSL_REQUEST + HELLO), EMPTY)) == [
        "PostgresMessage",
        "TlsClientHello",
        "TlsRecords",
    ]


def test_an_old_server_answers_the_request_with_an_error() -> None:
    assert _told(stream(SSL_REQUEST), stream(REFUSED))[1] == (False, "error", "28P01")


def test_the_server_s_side_alone_is_read() -> None:
    assert _kinds(EMPTY, stream(b"N" + PASSWORD_WANTED)) == ["ssl_refused", "auth_request"]


def test_a_cancel_request_is_something_else() -> None:
    assert _kinds(stream(CANCEL), EMPTY) == ["other"]


def test_users_databases_and_texts_are_not_kept() -> None:
    assert "s3cret" not in repr(
        postgres.read(stream(STARTUP, b"p\0\0\0\x0bs3cret\0"), stream(PASSWORD_WANTED + REFUSED))
    )


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"x"])
def test_another_answer_to_a_request_is_malformed(answer: bytes) -> None:
    assert kinds(postgres.read(stream(SSL_REQUEST), stream(answer))) == ["PostgresMessage", "Malformed"]


@pytest.mark.parametrize("state", [b"C28p01\0", b"C28P011\0", b"Mtext\0", b""])
def test_an_error_without_a_right_sqlstate_has_none(state: bytes) -> None:
    assert _told(stream(STARTUP), stream(_server(b"E", state + b"\0")))[1] == (False, "error", None)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (SSL_REQUEST, True), (GSS_REQUEST, True), (CANCEL, True), (STARTUP, True), (STARTUP[:8], True),
        (SSL_REQUEST[:7], False), (bytes(8), False), (b"\0\0\0\x09" + SSL_REQUEST[4:], False),
        (b"GET / HTTP/1.1", False),
    ],
)  # fmt: skip
def test_a_start_is_known_by_length_and_code(data: bytes, *, expected: bool) -> None:
    assert postgres.is_startup(data) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"S", True),
        (b"N", True),
        (b"S" + ANSWER, True),
        (PASSWORD_WANTED, True),
        (REFUSED, True),
        (b"SSH-2.0", False),
        (b"", False),
    ],
)
def test_an_answer_is_known_by_its_first_octets(data: bytes, *, expected: bool) -> None:
    assert postgres.is_answer(data) is expected


@settings(deadline=None)
@given(
    hostile_streams(SSL_REQUEST + HELLO, SSL_REQUEST + STARTUP, GSS_REQUEST + SSL_REQUEST),
    hostile_streams(b"S" + ANSWER, b"N" + PASSWORD_WANTED + AUTH_OK + READY, REFUSED),
)
def test_no_bytes_make_it_raise_and_events_come_by_frame(ours: Stream, theirs: Stream) -> None:
    frames = [event.at.frame for event in postgres.read(ours, theirs)]
    assert frames == sorted(frames)


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zeek__postgresql__psql-aws-ssl-require.pcap", {"ssl_request", "ssl_accepted"}),
        ("zeek__postgresql__psql-login-fail.pcap", {"startup", "auth_request", "error"}),
        ("zeek__postgresql__psql-login-no-sslrequest.pcap", {"startup", "auth_request", "auth_ok", "ready"}),
        (
            "zeek__postgresql__psql-login.pcap",
            {"ssl_request", "ssl_refused", "startup", "auth_request", "auth_ok", "ready"},
        ),
    ],
)
def test_real_start_ups_show_what_their_names_say(name: str, expected: set[str], shared_captures: Path) -> None:
    connections = read_capture(shared_captures / "postgresql" / name).connections()
    events = [event for orig, resp, port in connections for event in conversation.read(orig, resp, port=port)]
    assert {e.kind for e in events if isinstance(e, PostgresMessage)} == expected
