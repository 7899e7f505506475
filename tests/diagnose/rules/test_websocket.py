from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import websocket
from tests.support.services import facts_of, outcomes

REJECTED = [("WS-UPGRADE-REJECTED", "app", "failed")]
STRIPPED = [("WS-UPGRADE-STRIPPED", "app", "failed")]


def test_the_accept_value_is_that_of_rfc_6455_section_1_3() -> None:
    assert websocket.expected_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("WS accept", []),
        ("WS accept wrong", REJECTED),
        ("HTTP 101", REJECTED),
        ("HTTP 401", []),
        ("HTTP 403", REJECTED),
        ("HTTP 426 sec-websocket-version=13", REJECTED),
        ("HTTP 502 via=gate", REJECTED),
        ("HTTP 400 via=gate type=text/html", STRIPPED),
        ("HTTP 404 type=application/json", REJECTED),
        ("HTTP 404 type=application/json ttl=64", STRIPPED),
        ("HTTP 400 via=gate type=text/html upgrade=websocket", REJECTED),
    ],
)
def test_each_answer_to_an_upgrade(answer: str, expected: list[tuple[str, str, str]]) -> None:
    facts = facts_of(
        f"""
        0.0  dev:50001 > cloud:4321 CONNECT
        0.1  dev:50001 > cloud:4321 WS upgrade host=gk.sensorist.com
        0.2  cloud:4321 > dev:50001 {answer}
        """
    )
    found = [o for check in (websocket.upgrade_rejected, websocket.upgrade_stripped) for o in outcomes(check, facts)]

    assert found == expected


def test_an_ordinary_request_asks_for_no_websocket() -> None:
    facts = facts_of(
        """
        0.0  dev:50001 > cloud:4321 CONNECT
        0.1  dev:50001 > cloud:4321 HTTP GET / host=gk.sensorist.com
        0.2  cloud:4321 > dev:50001 HTTP 400
        """
    )

    assert outcomes(websocket.upgrade_rejected, facts) == []
