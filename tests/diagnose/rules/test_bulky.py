from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import bulky
from tests.support.judging import facts_of, need, product, tcp
from tests.support.services import outcomes

NAMED = product(need(tcp(4321), hosts=["gk.sensorist.com"]))
HOSTS = {"cloud": "54.229.203.190", "resolver": "8.8.8.8"}
CUT = "{t}.0 dev > resolver DNS? gk.sensorist.com A id={t}\n{t}.1 resolver > dev DNS! gk.sensorist.com A empty tc\n"
SYN = "{t}.2 dev:{port} > resolver:53 SYN\n{t}.9 dev:{port} > resolver:53 SYN\n"
WATCH = "60.0 switch > * WATCH\n"
USED = "{t}.5 dev > cloud:4321 CONNECT\n{t}.7 dev > cloud:4321 EXCHANGE 9 9\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(CUT.format(t=10) + SYN.format(t=10, port=50001), ["failed"], id="TCP 53 silent"),
        pytest.param(CUT.format(t=10), [], id="asked once, and nothing over TCP"),
        pytest.param(CUT.format(t=10) + CUT.format(t=15), ["failed"], id="never over TCP"),
        pytest.param(
            CUT.format(t=10) + SYN.format(t=10, port=50001) + USED.format(t=20),
            ["degraded"],
            id="the service works later",
        ),
        pytest.param(CUT.format(t=10) + USED.format(t=20), [], id="the name is known otherwise"),
    ],
)
def test_a_cut_answer_is_a_fault_where_tcp_does_not_bring_the_rest(script: str, said: list[str]) -> None:
    first = "1 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n" if "CONNECT" in script else ""

    assert [o for _, _, o in outcomes(bulky.truncated, facts_of(first + script + WATCH, NAMED, hosts=HOSTS))] == said


EDNS = "{t}.0 dev > resolver DNS? gk.sensorist.com A edns id={t}\n"
PLAIN = "{t}.0 {who} > resolver LOOKUP gk.sensorist.com A 54.229.203.190\n"
SEEN = "1 gw:9 > dev:9 UDP 1\n2 gw:9 > dev:9 UDP 1\n3 gw:9 > dev:9 UDP 1\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            EDNS.format(t=10) + EDNS.format(t=15) + PLAIN.format(t=20, who="pc"), ["failed"], id="a PC is served"
        ),
        pytest.param(EDNS.format(t=10) + EDNS.format(t=15), [], id="nobody is served"),
        pytest.param(EDNS.format(t=10) + PLAIN.format(t=20, who="pc"), [], id="asked once"),
        pytest.param(
            EDNS.format(t=10)
            + EDNS.format(t=15)
            + "16 resolver > dev DNS! gk.sensorist.com A 54.229.203.190\n"
            + PLAIN.format(t=20, who="pc"),
            [],
            id="one is answered",
        ),
        pytest.param(
            EDNS.format(t=10) + EDNS.format(t=15) + PLAIN.format(t=20, who="dev") + USED.format(t=21),
            ["degraded"],
            id="the device falls back and works",
        ),
        pytest.param(
            EDNS.format(t=10) + EDNS.format(t=15) + PLAIN.format(t=20, who="pc") + USED.format(t=21),
            [],
            id="the device goes there all the same",
        ),
    ],
)
def test_the_extension_is_dropped_where_plain_questions_pass(script: str, said: list[str]) -> None:
    assert [o for _, _, o in outcomes(bulky.edns_drop, facts_of(SEEN + script + WATCH, NAMED, hosts=HOSTS))] == said
