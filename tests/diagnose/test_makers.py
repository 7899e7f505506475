from __future__ import annotations

import pytest

from pcapaudit.diagnose.makers import is_near, named_proxy
from pcapaudit.model.events import HttpResponse, Packet
from tests.support.services import facts_of

NOWHERE = Packet(1, 0, b"", 0, b"", 0, 6)


@pytest.mark.parametrize(
    ("opening", "answer", "near"),
    [
        pytest.param("", "", False, id="both from ten hops away"),
        pytest.param("", "ttl=64", True, id="the answer from next door"),
        pytest.param("ttl=63", "ttl=63", True, id="a public address one hop away"),
        pytest.param("", "ttl=52", False, id="two hops more: another way through the internet"),
    ],
)
def test_an_answer_from_nearby_shows_in_its_ttl(opening: str, answer: str, *, near: bool) -> None:
    facts = facts_of(
        f"""
        0.0   dev:50001 > cloud:443 SYN
        0.03  cloud:443 > dev:50001 SYN-ACK {opening}
        0.031 dev:50001 > cloud:443 ACK
        0.1   dev:50001 > cloud:443 DATA 20
        0.13  cloud:443 > dev:50001 DATA 20 {answer}
        """
    )
    flow = facts.attempts[0].flow

    assert (is_near(facts, flow, flow.received_data[0]) is not None) is near


@pytest.mark.parametrize(
    ("server", "via", "said"),
    [
        ("squid/5.7", None, "Server: squid/5.7"),
        ("nginx", "1.1 gate", "Via: 1.1 gate"),
        ("nginx", None, None),
        (None, None, None),
    ],
)
def test_a_proxy_is_named_by_server_or_via(server: str | None, via: str | None, said: str | None) -> None:
    assert named_proxy(HttpResponse(NOWHERE, 403, "", "1.1", server=server, via=via)) == said
