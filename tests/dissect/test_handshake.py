from __future__ import annotations

import pytest

from pcapaudit.dissect.handshake import HEADER_SIZE, MAX_CHAIN, Message, read_message
from pcapaudit.model.events import (
    Malformed,
    TlsCertificateRequest,
    TlsCertificates,
    TlsClientHello,
    TlsServerHello,
)
from tests.dissect.material import kinds, packet
from tests.dissect.tls_material import (
    RETRY_RANDOM,
    alpn,
    certificate,
    certificates,
    client_hello,
    extension,
    message,
    server_hello,
    server_name,
    versions,
)

HELLO = client_hello(
    extension(0x0A0A, b""),
    server_name(b"GK.sensorist.com"),
    alpn(b"\x0a\x0a", b"h2", b"http/1.1"),
    versions(0x2A2A, 0x0304, 0x0303),
)


def _message(data: bytes, *, from_client: bool, keep: int | None = None) -> Message:
    size = int.from_bytes(data[1:HEADER_SIZE], "big")
    return Message(data[0], size, data[HEADER_SIZE:][:keep], packet(1), packet(2), from_client)


def _hello(data: bytes, keep: int | None = None) -> TlsClientHello:
    (event,) = read_message(_message(data, from_client=True, keep=keep))
    assert isinstance(event, TlsClientHello)
    return event


def test_a_client_hello_tells_name_protocols_and_versions_without_place_holders() -> None:
    hello = _hello(HELLO)
    assert (hello.sni, hello.alpn, hello.versions) == ("gk.sensorist.com", ("h2", "http/1.1"), (0x0304, 0x0303))
    assert (hello.size, hello.is_complete, hello.first.frame, hello.at.frame) == (len(HELLO), True, 1, 2)


def test_an_old_client_hello_offers_its_legacy_version_alone() -> None:
    body = client_hello(version=0x0301)[HEADER_SIZE:-2]
    hello = _hello(message(1, body))
    assert (hello.sni, hello.alpn, hello.versions, hello.is_complete) == (None, (), (0x0301,), True)


@pytest.mark.parametrize("keep", range(len(HELLO) - HEADER_SIZE))
def test_a_cut_client_hello_is_still_a_hello(keep: int) -> None:
    hello = _hello(HELLO, keep)
    assert not hello.is_complete
    assert hello.sni in (None, "gk.sensorist.com")


def test_a_cut_behind_the_name_keeps_the_name() -> None:
    assert _hello(HELLO, HELLO.index(b"sensorist.com") + len(b"sensorist.com")).sni == "gk.sensorist.com"


def test_a_whole_client_hello_with_a_wrong_length_inside_is_malformed() -> None:
    broken = client_hello(extension(0, b"\0\x40\0\0\x02ab"))
    assert kinds(read_message(_message(broken, from_client=True))) == ["Malformed"]


@pytest.mark.parametrize(
    ("hello", "version", "is_retry"),
    [
        (server_hello(), 0x0303, False),
        (server_hello(extension(43, b"\x03\x04")), 0x0304, False),
        (server_hello(extension(43, b"\x03\x04"), random=RETRY_RANDOM), 0x0304, True),
        (message(2, server_hello(version=0x0301)[HEADER_SIZE:-2]), 0x0301, False),
    ],
    ids=["1.2", "1.3", "retry", "1.0 without extensions"],
)
def test_a_server_hello_tells_the_version_that_holds(hello: bytes, version: int, *, is_retry: bool) -> None:
    (event,) = read_message(_message(hello, from_client=False))
    assert event == TlsServerHello(packet(2), version, 0xC02F, is_retry)


def test_a_broken_server_hello_is_malformed() -> None:
    assert isinstance(read_message(_message(message(2, b"\x03\x03abc"), from_client=False))[0], Malformed)


def test_certificates_come_leaf_first_and_say_whose_they_are() -> None:
    data = certificates(certificate("a.example"), certificate(subject="Test Authority"))
    (event,) = read_message(_message(data, from_client=True))
    assert isinstance(event, TlsCertificates)
    assert ([facts.names for facts in event.chain], event.from_client) == ([("a.example",), ("test authority",)], True)


def test_one_unreadable_certificate_does_not_hide_the_others() -> None:
    events = read_message(_message(certificates(certificate("a.example"), b"\x30\x03abc"), from_client=False))
    assert kinds(events) == ["TlsCertificates", "Malformed"]
    assert isinstance(events[0], TlsCertificates)
    assert len(events[0].chain) == 1


def test_a_chain_is_read_up_to_its_bound() -> None:
    (event,) = read_message(_message(certificates(*[certificate("a.example")] * 30), from_client=False))
    assert isinstance(event, TlsCertificates)
    assert len(event.chain) == MAX_CHAIN


def test_an_empty_list_from_the_client_is_an_empty_chain() -> None:
    assert read_message(_message(certificates(), from_client=True)) == [
        TlsCertificates(packet(2), (), from_client=True)
    ]


def test_a_certificate_request_is_the_server_s() -> None:
    request = message(13, b"\x01\x40\0\0\0\0")
    assert read_message(_message(request, from_client=False)) == [TlsCertificateRequest(packet(2))]
    assert read_message(_message(request, from_client=True)) == []


@pytest.mark.parametrize("data", [server_hello(), certificates(certificate("a.example")), message(14, b"x")])
def test_a_cut_message_other_than_the_client_s_hello_gives_nothing(data: bytes) -> None:
    assert read_message(_message(data, from_client=False, keep=0)) == []
