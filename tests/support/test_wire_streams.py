"""TLS, HTTP, websocket and PostgreSQL bytes, read back by dpkt or held against the standard's own example."""

from __future__ import annotations

import datetime

import dpkt
import pytest
from cryptography import x509

from tests.support import wire_streams as streams

PAPER = streams.Paper(
    subject="a.example",
    issuer="Example CA",
    names=("a.example", "b.example"),
    not_before=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    not_after=datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC),
    key="a",
)


def test_dpkt_reads_name_and_protocols_of_a_greeting() -> None:
    data = streams.client_hello("a.example", alpn=["h2"], versions=[streams.TLS13, streams.TLS12], pad=300)

    records, used = dpkt.ssl.tls_multi_factory(data)
    hello = dpkt.ssl.TLSHandshake(records[0].data).data
    extensions = dict(hello.extensions)

    assert used == len(data)
    assert extensions[0].endswith(b"a.example")
    assert extensions[16] == b"\x00\x03\x02h2"
    assert extensions[43] == b"\x04\x03\x04\x03\x03"


@pytest.mark.parametrize(("version", "has_versions"), [(streams.TLS12, False), (streams.TLS13, True)])
def test_a_server_names_version_1_3_in_an_extension_only(version: int, has_versions: bool) -> None:
    records, _ = dpkt.ssl.tls_multi_factory(streams.server_hello(version))
    hello = dpkt.ssl.TLSHandshake(records[0].data).data

    assert hello.version == streams.TLS12
    assert (43 in dict(hello.extensions)) == has_versions


def test_dpkt_finds_a_real_certificate_in_the_message() -> None:
    records, _ = dpkt.ssl.tls_multi_factory(streams.certificate_message([streams.certificate(PAPER)]))
    message = dpkt.ssl.TLSHandshake(records[0].data).data

    found = x509.load_der_x509_certificate(message.certificates[0])
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert found.issuer.rfc4514_string() == "CN=Example CA"
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "b.example"]
    assert found.not_valid_after_utc == PAPER.not_after


def test_the_same_paper_gives_the_same_certificate() -> None:
    streams.certificate.cache_clear()
    first = streams.certificate(PAPER)
    streams.certificate.cache_clear()

    assert streams.certificate(PAPER) == first


def test_dpkt_reads_an_alert() -> None:
    records, _ = dpkt.ssl.tls_multi_factory(streams.alert(48))

    assert (records[0].type, records[0].data) == (21, b"\x02\x30")


def test_the_websocket_answer_is_the_one_of_rfc_6455() -> None:
    assert streams.websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("mask", "wanted"),
    [(None, "810548656c6c6f"), (bytes.fromhex("37fa213d"), "818537fa213d7f9f4d5158")],
    ids=["server", "client"],
)
def test_a_text_frame_is_the_one_of_rfc_6455(mask: bytes | None, wanted: str) -> None:
    assert streams.websocket_frame(1, b"Hello", mask=mask).hex() == wanted


def test_dpkt_reads_a_request_with_its_body() -> None:
    data = streams.http_request("POST", "/x", {"Host": "a.example", "Content-Length": "3"}, b"a=1")

    request = dpkt.http.Request(data)

    assert (request.method, request.uri, request.headers["host"], request.body) == ("POST", "/x", "a.example", b"a=1")


def test_dpkt_reads_a_response() -> None:
    response = dpkt.http.Response(streams.http_response(302, "Found", {"Location": "/y", "Content-Length": "0"}))

    assert (response.status, response.headers["location"]) == ("302", "/y")


def test_a_database_error_counts_its_own_length() -> None:
    message = streams.postgres_error("28P01", "no")

    assert message[:1] == b"E"
    assert int.from_bytes(message[1:5], "big") == len(message) - 1
