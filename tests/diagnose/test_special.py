from __future__ import annotations

from ipaddress import ip_network

import pytest

from pcapaudit.catalog.schema import Endpoint, Need
from pcapaudit.diagnose.special import special_need
from pcapaudit.model.words import Result, State
from tests.support.judging import diagnosis_of, need, product, udp

NAMES = need(udp(53, app="dns"), id="ACM-03")
CLOCK = need(udp(123, app="ntp"), id="ACM-04")
PING = need(Endpoint("icmp"), id="ACM-05", addresses=(ip_network("4.2.2.2/32"),))
TALK = "0.0 dev > gw ARP\n"

CASES = {
    "a name that resolves": (NAMES, "1.0 dev > gw LOOKUP a.example A 192.0.2.1", State.OK, Result.WORKS),
    "no name asked": (NAMES, "", State.NOT_OBSERVED, Result.NOT_ATTEMPTED),
    "time that was given": (CLOCK, "1.0 dev > 192.0.2.7 NTP", State.OK, Result.WORKS),
    "time never asked": (CLOCK, "", State.NOT_OBSERVED, Result.NOT_ATTEMPTED),
    "a ping with a reply": (PING, "1.0 dev > 4.2.2.2 PING\n1.1 4.2.2.2 > dev PONG", State.OK, Result.WORKS),
    "pings without": (PING, "1.0 dev > 4.2.2.2 PING\n2.0 dev > 4.2.2.2 PING", State.DEGRADED, Result.NO_ANSWER),
    "a ping of somebody else's": (
        PING,
        "1.0 dev > gw PING\n1.1 gw > dev PONG",
        State.NOT_OBSERVED,
        Result.NOT_ATTEMPTED,
    ),
}


@pytest.mark.parametrize(("wanted", "script", "state", "result"), CASES.values(), ids=CASES)
def test_a_special_need_is_judged_by_its_own_exchanges(wanted: Need, script: str, state: State, result: str) -> None:
    d = diagnosis_of(TALK + "0.5 dev:50001 > cloud:4321 SYN\n" + script, product(need(), wanted))

    judged = special_need(wanted, d)

    assert (judged.state, judged.result, judged.attempts) == (state, result, [])
