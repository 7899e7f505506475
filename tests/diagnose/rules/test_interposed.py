from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import interposed
from tests.support.judging import facts_of, need, product, tcp
from tests.support.services import outcomes

NAMED = product(need(tcp(443, 80), hosts=["gk.sensorist.com"]))
HOSTS = {
    "cloud": "54.229.203.190",
    "near": {"ip": "54.229.203.190", "hops": "1"},
    "resolver": "8.8.8.8",
    "router": {"ip": "8.8.8.8", "hops": "0"},
    "other": "93.184.216.34",
}
ASK = "10.0 dev > resolver DNS? gk.sensorist.com A\n"
FIRST = "10.01 resolver > dev DNS! gk.sensorist.com A 93.46.8.89\n"
SECOND = "{t} resolver > dev DNS! gk.sensorist.com A 54.229.203.190\n"
WATCH = "60.0 switch > * WATCH\n"
USED = "12.0 dev > cloud:443 CONNECT\n12.5 dev > cloud:443 EXCHANGE 9 9\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(ASK + FIRST + SECOND.format(t=10.03), ["failed"], id="two answers, the service stays dead"),
        pytest.param(ASK + FIRST + SECOND.format(t=10.03) + USED, ["note"], id="the service works"),
        pytest.param(ASK + FIRST + SECOND.format(t=11.5), [], id="more than a second apart"),
        pytest.param(ASK + FIRST + FIRST.replace("10.01", "10.03"), [], id="the same twice"),
        pytest.param(ASK + ASK.replace("10.0", "10.005").replace(" A", " A again") + FIRST + SECOND.format(t=10.03), [],
                     id="asked twice"),
    ],
)  # fmt: skip
def test_one_question_has_one_answer(script: str, said: list[str]) -> None:
    facts = facts_of(script + WATCH, NAMED, hosts=HOSTS)

    assert [o for _, _, o in outcomes(interposed.double_answer, facts)] == said


NEXT_DOOR = "10.0 dev > router LOOKUP gk.sensorist.com A {address}\n"
FAR = "5.0 pc > other:80 CONNECT\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(FAR + NEXT_DOOR.format(address="54.229.203.190"), ["note"], id="others are far"),
        pytest.param(NEXT_DOOR.format(address="54.229.203.190"), [], id="everything is near"),
        pytest.param(
            FAR + "6.0 pc > resolver LOOKUP gk.sensorist.com A 54.229.203.190\n", [], id="another host's answers"
        ),
        pytest.param(
            FAR + NEXT_DOOR.format(address="93.46.8.89") + "11.0 pc > gw LOOKUP gk.sensorist.com A 54.229.203.190\n",
            ["failed"],
            id="with other data than another resolver's",
        ),
    ],
)
def test_a_public_resolver_does_not_stand_next_door(script: str, said: list[str]) -> None:
    facts = facts_of("0.5 dev > gw ARP\n" + script + WATCH, NAMED, hosts=HOSTS)

    assert [o for _, _, o in outcomes(interposed.double_answer, facts)] == said


LOOKUP = "1.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"
WEB = "2.0 dev > cloud:80 CONNECT\n"
SOON = "3.0 dev:50001 > cloud:443 SYN\n3.001 cloud:443 > dev:50001 SYN-ACK\n3.002 dev:50001 > cloud:443 ACK\n"


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param(WEB + SOON, True, id="far faster than another port"),
        pytest.param("2.5 dev > cloud PING\n2.53 cloud > dev PONG\n" + SOON, True, id="far faster than a ping"),
        pytest.param(WEB + "3.0 dev > cloud:443 CONNECT\n", False, id="as fast as another port"),
        pytest.param(SOON, False, id="nothing to compare with"),
        pytest.param(FAR + "3.0 dev > near:443 CONNECT\n", True, id="two hops away while others are far"),
        pytest.param("3.0 dev > near:443 CONNECT\n", False, id="as near as everything"),
    ],
)
def test_a_far_server_does_not_answer_from_nearby(script: str, *, fires: bool) -> None:
    assert bool(outcomes(interposed.proxy_near, facts_of(LOOKUP + script, NAMED, hosts=HOSTS))) is fires
