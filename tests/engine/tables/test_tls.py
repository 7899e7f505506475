from __future__ import annotations

import pytest

from pcapaudit.engine.tables.tls import version_name
from tests.engine.tables.support import pick, records_of

OPEN = "0.0 dev > cloud:443 CONNECT\n"
CERTIFIED = 'TLS12 sni=a.example names=a.example,b.example issuer="CN=Corp CA"'


def test_a_handshake_of_tls_1_2_shows_its_certificate() -> None:
    (row,) = records_of(OPEN + f"0.1 dev > cloud:443 {CERTIFIED}", "tls")

    assert pick(row, "server_name", "version", "is_established") == ("a.example", "TLSv12", True)
    assert pick(row, "names", "is_self_issued", "chain_length") == (("a.example", "b.example"), False, 1)
    assert "Corp CA" in str(row["issuer"])
    assert isinstance(row["not_before"], int)
    assert isinstance(row["not_after"], int)
    assert row["not_before"] < row["not_after"]


def test_a_handshake_of_tls_1_3_hides_its_certificate_and_is_established_by_data() -> None:
    (row,) = records_of(OPEN + "0.1 dev > cloud:443 TLS13 sni=a.example", "tls")

    assert pick(row, "version", "is_established", "subject", "chain_length") == ("TLSv13", True, None, None)


def test_a_hello_without_an_answer_is_a_row() -> None:
    (row,) = records_of(OPEN + "0.1 dev > cloud:443 TLS hello sni=a.example alpn=h2 versions=1.3,1.2", "tls")

    assert pick(row, "server_name", "alpn", "offered_versions") == ("a.example", ("h2",), ("TLSv13", "TLSv12"))
    assert pick(row, "version", "cipher", "is_established", "hello_rtt_s") == (None, None, False, None)
    assert pick(row, "client_hello_frame", "server_hello_frame") == (4, None)


def test_an_alert_is_told_with_its_side_and_frame() -> None:
    (row,) = records_of(OPEN + "0.1 dev > cloud:443 TLS hello sni=a.example\n0.2 cloud:443 > dev TLS alert 40", "tls")
    assert pick(row, "client_alerts", "server_alerts", "alert_frames") == ((), ("fatal:40",), (5,))


def test_a_connection_that_speaks_something_else_is_no_row() -> None:
    assert records_of("0.0 dev > cloud:80 CONNECT\n0.1 dev > cloud:80 HTTP GET / host=a.example", "tls") == []


@pytest.mark.parametrize(("version", "name"), [(0x0304, "TLSv13"), (0x0300, "SSLv3"), (0x7F1C, "0x7f1c")])
def test_a_version_has_zeeks_name_or_its_number(version: int, name: str) -> None:
    assert version_name(version) == name
