from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

import pytest

from pcapaudit.catalog.schema import Endpoint, Range
from pcapaudit.diagnose.rules import ftp
from tests.support.services import CLOUD_NEED, facts_of, outcomes, product

UPLOADER = product(replace(CLOUD_NEED, endpoints=(Endpoint("tcp", (Range(21, 21),), app="ftp"),)))
CHECKS = (ftp.control_fails, ftp.data_blocked, ftp.passive_private, ftp.active_behind_nat)
LOGIN = """
0.0  dev:50001 > cloud:21 CONNECT
0.1  cloud:21 > dev:50001 FTP 220 ready
0.2  dev:50001 > cloud:21 FTP USER logger
0.3  cloud:21 > dev:50001 FTP 331 password please
0.4  dev:50001 > cloud:21 FTP PASS secret
0.5  cloud:21 > dev:50001 FTP 230 logged in
0.6  dev:50001 > cloud:21 FTP EPSV
0.7  cloud:21 > dev:50001 FTP "229 Extended Passive Mode (|||51201|)"
"""


def rules(script: str) -> list[str]:
    """Ids of the rules that fire as failed."""
    facts = facts_of(f"{dedent(script)}\n60.0 switch > * WATCH", UPLOADER)
    return [rule for check in CHECKS for rule, _, outcome in outcomes(check, facts) if outcome == "failed"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param("1.0 dev:50002 > cloud:51201 SYN\n2.0 dev:50002 > cloud:51201 SYN", [], id="two SYN"),
        pytest.param(
            "1.0 repeat 3 every 2.0:\n  0.0 dev:50002 > cloud:51201 SYN", ["FTP-DATA-BLOCKED"], id="three SYN"
        ),
        pytest.param(
            "1.0 dev:50002 > cloud:51201 SYN\n9.0 cloud:21 > dev:50001 FTP 425 no", ["FTP-DATA-BLOCKED"], id="425"
        ),
        pytest.param(
            "1.0 dev:50002 > cloud:51201 SYN as=x\n1.1 gw > dev ICMP unreachable code=13 quoting=x",
            ["FTP-DATA-BLOCKED"],
            id="an ICMP error",
        ),
        pytest.param("1.0 repeat 3 every 2.0:\n  0.0 dev:50002 > cloud:51999 SYN", [], id="another port"),
        pytest.param("1.0 dev:50002 > cloud:51201 CONNECT\n2.0 dev:50002 > cloud:51201 CLOSE", [], id="connected"),
        pytest.param("9.0 cloud:21 > dev:50001 FTP 425 no", [], id="425 without a SYN in the capture"),
    ],
)
def test_data_is_blocked_when_its_connection_was_tried_in_vain(data: str, expected: list[str]) -> None:
    assert rules(LOGIN + data) == expected


def test_a_protected_dialogue_hides_the_port_but_not_the_vain_attempts() -> None:
    script = """
        0.0  dev:50001 > cloud:21 CONNECT
        0.1  cloud:21 > dev:50001 FTP 220 ready
        0.2  dev:50001 > cloud:21 FTP AUTH TLS
        0.3  cloud:21 > dev:50001 FTP 234 go
        0.4  dev:50001 > cloud:21 TLS13 sni=gk.sensorist.com data=4
        1.0  dev:50002 > cloud:51201 SYN
        3.0  dev:50002 > cloud:51201 SYN
        7.0  dev:50002 > cloud:51201 SYN
        20.0 dev:50001 > cloud:21 TLS data 40
        20.1 cloud:21 > dev:50001 TLS data 40
    """

    assert rules(script) == ["FTP-DATA-BLOCKED"]


@pytest.mark.parametrize(
    ("end_s", "connections", "expected"),
    [(35, 1, ["FTP-CONTROL-FAIL"]), (12, 1, []), (12, 2, ["FTP-CONTROL-FAIL"]), (2, 2, [])],
)
def test_a_missing_greeting_counts_after_its_time_or_when_the_device_gives_up_again(
    end_s: int, connections: int, expected: list[str]
) -> None:
    lines = [
        f"{100 * i}.0 dev:{50001 + i} > cloud:21 CONNECT\n{100 * i + end_s}.0 dev:{50001 + i} > cloud:21 CLOSE"
        for i in range(connections)
    ]

    assert rules("\n".join([*lines, "300.0 switch > * WATCH"])) == expected


def test_no_sentence_holds_a_name_or_a_password() -> None:
    script = LOGIN.replace("230 logged in", "530 logger: no such user") + "9.0 switch > * WATCH"
    (found,) = ftp.control_fails(facts_of(script, UPLOADER))

    assert "logger" not in found.summary
    assert "secret" not in found.summary
