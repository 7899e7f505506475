from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import dns
from tests.support.judging import facts_of, need, product, tcp

NAMED = product(need(tcp(4321), hosts=["gk.sensorist.com"]))
ASK = "{t} dev > gw DNS? gk.sensorist.com A id={i}\n"
HOSTS = {"cloud": "54.229.203.190"}


def _asked(*times: float) -> str:
    return "".join(ASK.format(t=t, i=7) for t in times)


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param(_asked(10, 15) + "40 switch > * WATCH", True, id="asked twice, never answered"),
        pytest.param(_asked(10, 12, 14), False, id="an impatient device, and no answer was due yet"),
        pytest.param(_asked(10) + "40 switch > * WATCH", False, id="asked once"),
        pytest.param(_asked(10, 15) + "15.1 gw > dev DNS! gk.sensorist.com A 54.229.203.190", False, id="answered"),
        pytest.param(
            _asked(10, 15) + "15.2 dev:50000 > cloud:4321 CONNECT\n40 switch > * WATCH",
            True,
            id="an unnamed flow says nothing",
        ),
    ],
)
def test_a_resolver_is_silent_when_a_question_is_repeated_in_vain(script: str, fires: bool) -> None:
    facts = facts_of(f"1 dev > gw ARP\n2 gw:9 > dev:9 UDP 1\n3 gw:9 > dev:9 UDP 1\n{script}", NAMED, hosts=HOSTS)

    assert bool(list(dns.no_reply(facts))) is fires


def test_a_question_is_lost_not_ignored_when_the_resolver_answers_a_later_one() -> None:
    script = _asked(10, 15) + "20 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n60 switch > * WATCH"
    facts = facts_of(script, NAMED, hosts=HOSTS)

    assert list(dns.no_reply(facts)) == []


@pytest.mark.parametrize(("times", "fires"), [((10,), False), ((10, 20), True)])
def test_one_failure_of_a_resolver_may_be_chance(times: tuple[int, ...], fires: bool) -> None:
    failed = "{t} dev > gw DNS? gk.sensorist.com A id={t}\n{t}.1 gw > dev DNS! gk.sensorist.com A rcode=2\n"
    script = "".join(failed.format(t=t) for t in times)
    facts = facts_of(script + "40 switch > * WATCH", NAMED, hosts=HOSTS)

    assert bool(list(dns.servfail(facts))) is fires
