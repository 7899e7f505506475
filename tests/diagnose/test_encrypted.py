from __future__ import annotations

import pytest

from pcapaudit.diagnose.encrypted import uses_encrypted_dns
from tests.support.judging import facts_of

HELLO = "1.0 dev:50001 > cloud:443 CONNECT\n1.1 dev:50001 > cloud:443 TLS hello sni={name}\n"


@pytest.mark.parametrize(
    ("script", "is_hidden"),
    [
        pytest.param("1.0 dev > cloud:853 CONNECT", True, id="DNS over TLS"),
        pytest.param("1.0 dev > cloud:853 UDP 100", True, id="DNS over QUIC"),
        pytest.param(HELLO.format(name="mozilla.cloudflare-dns.com"), True, id="DNS over HTTPS"),
        pytest.param(HELLO.format(name="dns.google"), True, id="a resolver's name"),
        pytest.param(HELLO.format(name="notdns.google"), False, id="a name that only ends alike"),
        pytest.param("1.0 dev > gw LOOKUP dns.google A 8.8.8.8", False, id="a plain lookup"),
    ],
)
def test_names_are_resolved_where_nobody_reads_along(script: str, *, is_hidden: bool) -> None:
    assert uses_encrypted_dns(facts_of(script)) is is_hidden
