"""TLS: a row for each handshake, as far as it is seen without keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pcapaudit.engine.tables.cells import MAX_LISTED, Ends, span_s
from pcapaudit.engine.tables.declare import ENDS, FLOW_MARKS, TS, Column, Kind, Row, Table
from pcapaudit.model.events import (
    Event,
    TlsAlert,
    TlsCertificateRequest,
    TlsCertificates,
    TlsClientHello,
    TlsNotTls,
    TlsRecords,
    TlsServerHello,
)

_SPOKEN = (TlsClientHello, TlsServerHello, TlsCertificates, TlsAlert, TlsRecords, TlsNotTls)
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv10", 0x0302: "TLSv11", 0x0303: "TLSv12", 0x0304: "TLSv13"}
"""Zeek's names."""
TLS13 = 0x0304
_E = TypeVar("_E", bound=Event)

TABLE = Table(
    "tls",
    "TLS",
    "One row for each TCP connection that speaks TLS, begins it, or answers a ClientHello with something else.",
    (
        TS,
        *ENDS,
        Column("server_name", Kind.TEXT, "name that the client asks for (SNI)", "", "server_name"),
        Column("alpn", Kind.TEXTS, "application protocols that the client offers"),
        Column("offered_versions", Kind.TEXTS, "versions that the client offers"),
        Column("version", Kind.CATEGORY, "version that the server chose", "", "version"),
        Column("cipher", Kind.CATEGORY, "cipher suite that the server chose: its number in IANA's list, hexadecimal"),
        Column("is_established", Kind.TRUTH, "data beyond the handshake was seen"),
        Column("hello_rtt_s", Kind.NUMBER, "from the ClientHello to the ServerHello", "s"),
        Column("client_hello_bytes", Kind.INTEGER, "size of the ClientHello message", "bytes"),
        Column("subject", Kind.TEXT, "subject of the server's certificate (TLS 1.2 and older)", "", "subject"),
        Column("issuer", Kind.TEXT, "its issuer", "", "issuer"),
        Column("names", Kind.TEXTS, "DNS names that it is for"),
        Column("not_before", Kind.TIME, "begin of its validity", "UTC"),
        Column("not_after", Kind.TIME, "end of its validity", "UTC"),
        Column("is_self_issued", Kind.TRUTH, "its issuer is its subject"),
        Column("key_sha256", Kind.TEXT, "SHA-256 of its public key (SubjectPublicKeyInfo)"),
        Column("chain_length", Kind.INTEGER, "certificates that the server sent"),
        Column("wants_client_certificate", Kind.TRUTH, "the server asks for a certificate (TLS 1.2 and older)"),
        Column("client_alerts", Kind.TEXTS, "alerts in the clear by the client: level and number, as fatal:48"),
        Column("server_alerts", Kind.TEXTS, "the same by the server"),
        Column("client_data_records", Kind.INTEGER, "application data records by the client"),
        Column("server_data_records", Kind.INTEGER, "the same by the server"),
        Column("not_tls", Kind.TEXT, "what the server said instead of TLS: its first line"),
        Column("client_hello_frame", Kind.FRAME, "frame that completes the ClientHello"),
        Column("server_hello_frame", Kind.FRAME, "frame that completes the ServerHello"),
        Column("alert_frames", Kind.FRAMES, "frames of the alerts"),
        *FLOW_MARKS,
    ),
    log="ssl",
)  # fmt: skip


def read(connection: Ends, events: Sequence[Event]) -> Iterator[Row]:
    """The row of one connection, if it has one."""
    first = next((e for e in events if isinstance(e, _SPOKEN)), None)
    if first is None:
        return
    hello, greeting = _only(events, TlsClientHello), _server_hello(events)
    certificates = next((e for e in events if isinstance(e, TlsCertificates) and not e.from_client), None)
    alerts = [e for e in events if isinstance(e, TlsAlert)][:MAX_LISTED]
    by_client, by_server = _records(events, from_client=True), _records(events, from_client=False)
    answer = _only(events, TlsNotTls)
    at = hello.first if hello is not None else first.at
    yield (
        at.time_ns,
        *connection.ends,
        *_offered(hello),
        version_name(greeting.version) if greeting else None,
        f"0x{greeting.cipher:04x}" if greeting else None,
        _is_established(by_client, by_server, greeting),
        span_s(hello.at if hello else None, greeting.at if greeting else None),
        hello.size if hello else None,
        *_certified(certificates),
        _only(events, TlsCertificateRequest) is not None,
        tuple(_alert(a) for a in alerts if a.from_client),
        tuple(_alert(a) for a in alerts if not a.from_client),
        by_client.application if by_client else 0,
        by_server.application if by_server else 0,
        answer.text if answer else None,
        *_frames(hello, greeting),
        tuple(a.at.frame for a in alerts),
        *connection.marks,
    )


def version_name(version: int) -> str:
    """Zeek's name of a version; its number where there is none."""
    return _VERSIONS.get(version, f"0x{version:04x}")


def _only(events: Sequence[Event], kind: type[_E]) -> _E | None:
    return next((e for e in events if isinstance(e, kind)), None)


def _server_hello(events: Sequence[Event]) -> TlsServerHello | None:
    """The server's hello; one that only asks for another ClientHello (RFC 8446, section 4.1.4) if there is no other."""
    found = [e for e in events if isinstance(e, TlsServerHello)]
    return next((e for e in found if not e.is_retry_request), found[0] if found else None)


def _records(events: Sequence[Event], *, from_client: bool) -> TlsRecords | None:
    return next((e for e in events if isinstance(e, TlsRecords) and e.from_client == from_client), None)


def _is_established(client: TlsRecords | None, server: TlsRecords | None, greeting: TlsServerHello | None) -> bool:
    """Whether data went beyond the handshake: both ways, or from the client where the server's side is not there.

    In TLS 1.3 the client's Finished looks like data (RFC 8446, section 5.1), so a second record must be there.
    """
    if client is None or client.first_application_frame is None:
        return False
    is_old = client.has_key_exchange or (greeting is not None and greeting.version < TLS13)
    if client.application < (1 if is_old else 2):
        return False
    if server is None:
        return greeting is None
    return server.last_application is not None and server.last_application.frame >= client.first_application_frame


def _offered(hello: TlsClientHello | None) -> Row:
    if hello is None:
        return (None, (), ())
    return (hello.sni, hello.alpn[:MAX_LISTED], tuple(map(version_name, hello.versions[:MAX_LISTED])))


def _certified(certificates: TlsCertificates | None) -> Row:
    """The cells from ``subject`` to ``chain_length``."""
    if certificates is None or not certificates.chain:
        return (None, None, (), None, None, None, None, 0 if certificates else None)
    leaf = certificates.chain[0]
    return (
        leaf.subject,
        leaf.issuer,
        leaf.names,
        leaf.not_before_ns,
        leaf.not_after_ns,
        leaf.is_self_issued,
        leaf.key_sha256,
        len(certificates.chain),
    )


def _alert(alert: TlsAlert) -> str:
    return f"{'fatal' if alert.level == 2 else 'warning'}:{alert.code}"


def _frames(hello: TlsClientHello | None, greeting: TlsServerHello | None) -> tuple[int | None, int | None]:
    return hello.at.frame if hello else None, greeting.at.frame if greeting else None
