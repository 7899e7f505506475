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


OPEN = """
{t}.0 dev:{p} > cloud:4321 CONNECT
{t}.1 dev:{p} > cloud:4321 WS upgrade host=gk.sensorist.com
{t}.2 cloud:4321 > dev:{p} WS accept
"""


def _lives(end: str, *, count: int, gap: int = 100, rest: str = "") -> str:
    text = ""
    for i in range(count):
        at, port = 10 + gap * i, 50001 + i
        text += OPEN.format(t=at, p=port) + end.replace("PORT", str(port)).replace("END", str(at + 60))
        text = text.replace("SOON", str(at + 2))
    return text + rest


FAR_CLOSE = "SOON.0 cloud:4321 > dev:PORT FIN\nSOON.1 dev:PORT > cloud:4321 FIN\n"
IDLE_CLOSE = "END.0 cloud:4321 > dev:PORT FIN\nEND.1 dev:PORT > cloud:4321 FIN\n"
OWN_CLOSE = "SOON.0 dev:PORT > cloud:4321 FIN\nSOON.1 cloud:4321 > dev:PORT FIN\n"
TOLD = "SOON.0 cloud:4321 > dev:PORT WS close CODE\nSOON.1 cloud:4321 > dev:PORT FIN\n"
NO_PONG = "SOON.0 cloud:4321 > dev:PORT WS ping\nSOON.5 dev:PORT > cloud:4321 ACK\nEND.0 cloud:4321 > dev:PORT FIN\n"
LASTS = OPEN.format(t=800, p=50900) + "850.0 dev:50900 > cloud:4321 WS text 9\n850.1 cloud:4321 > dev:50900 WS text 9\n"
WATCH = "900.0 switch > * WATCH\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(_lives(FAR_CLOSE, count=1, rest=LASTS), ["note"], id="cut once, the next one lasts"),
        pytest.param(_lives(FAR_CLOSE, count=2, rest=LASTS), ["degraded"], id="cut twice, the next one lasts"),
        pytest.param(_lives(FAR_CLOSE, count=2, rest=WATCH), ["failed"], id="cut twice, and none works after"),
        pytest.param(_lives(IDLE_CLOSE, count=1, rest=LASTS), [], id="ended once after a long idle time"),
        pytest.param(_lives(IDLE_CLOSE, count=2, rest=LASTS), ["degraded"], id="ended twice after the same idle time"),
        pytest.param(_lives(OWN_CLOSE, count=3, rest=LASTS), [], id="the device's own way of closing"),
        pytest.param(_lives(TOLD.replace("CODE", "1008"), count=2, rest=WATCH), ["failed"], id="closed by policy"),
        pytest.param(_lives(TOLD.replace("CODE", "1000"), count=3, rest=WATCH), [], id="closed in good order"),
        pytest.param(_lives(NO_PONG, count=2, rest=LASTS), ["degraded"], id="the device answers no ping"),
    ],
)
def test_a_websocket_must_last(script: str, said: list[str]) -> None:
    assert [o for _, _, o in outcomes(websocket.websocket_drop, facts_of(script))] == said
