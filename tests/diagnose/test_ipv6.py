from __future__ import annotations

import pytest

from pcapaudit.diagnose import ipv6
from pcapaudit.diagnose.facts import Facts
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.words import State
from tests.support.judging import facts_in
from tests.support.scene import traffic_of

WORLD = {
    "dev6": {"ip": "2001:db8:1::5", "mac": "02:00:0a:00:00:05"},
    "devll": {"ip": "fe80::5", "mac": "02:00:0a:00:00:05"},
    "pc6": {"ip": "2001:db8:1::9", "mac": "02:00:0a:00:00:09"},
    "router6": {"ip": "fe80::1", "mac": "02:00:0a:00:00:01"},
    "cloud": "54.229.203.190",
    "cloud6": "2a05:d018:1::190",
}
TOLD = "0.0 router6 > * RA prefix=2001:db8:1::/64\n"
OUT = "2.0 dev6 > cloud6:4321 CONNECT\n"


def facts_of(script: str, address: str = "2001:db8:1::5") -> Facts:
    return facts_in(traffic_of(script, hosts=WORLD), address=address)


def test_the_routers_of_a_link_are_those_that_offer_the_way_out() -> None:
    facts = facts_of(TOLD + "1.0 router6 > * RA lifetime=0\n" + OUT)

    assert [ip_text(a) for a in ipv6.routers(facts)] == ["fe80::1"]
    assert ipv6.routers(facts_of("0.0 router6 > * RA lifetime=0\n" + OUT)) == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(TOLD + OUT, "2001:db8:1::5 by router advertisement", id="a prefix"),
        pytest.param(
            "0.0 router6 > * RA managed\n0.1 devll > * DHCP6 SOLICIT\n"
            "0.2 router6 > devll DHCP6 REPLY ip=2001:db8:1::5\n" + OUT,
            "DHCPv6 gives 2001:db8:1::5",
            id="a reply",
        ),
        pytest.param(OUT, None, id="neither is in the capture"),
    ],
)
def test_the_way_an_address_came_is_told(script: str, said: str | None) -> None:
    proof = ipv6.assignment(facts_of(script))

    assert (proof.summary if proof is not None else None) == said


def test_the_router_is_proven_by_its_answer_or_by_its_advertisement_and_what_leaves_for_it() -> None:
    answered = ipv6.router_answer(facts_of(TOLD + "1.0 dev6 > * NS fe80::1\n1.1 router6 > dev6 NA\n"))
    used = ipv6.router_answer(facts_of(TOLD + OUT))

    assert answered is not None
    assert (answered.state, answered.frames) == (State.OK, (2, 3))
    assert used is not None
    assert used.frames == (1,)
    assert ipv6.router_answer(facts_of(TOLD + "1.0 dev6 > * NS 2001:db8:1::9")) is None


def test_who_goes_out_is_told_by_ip_version() -> None:
    facts = facts_of(TOLD + OUT + "3.0 pc6 > cloud6:443 CONNECT\n4.0 pc > gw:80 CONNECT\n")
    found = ipv6.talker(facts, ipv6.V6)

    assert found is not None
    assert (ip_text(found.address), found.frame) == ("2001:db8:1::9", 5)
    assert ipv6.talker(facts, ipv6.V4) is None


@pytest.mark.parametrize(("script", "answer"), [(TOLD + OUT, True), ("1.0 dev6 > * NS fe80::1", False)])
def test_a_device_without_a_signature_lacks_nothing_with_an_address_and_a_router(script: str, *, answer: bool) -> None:
    assert ipv6.works(facts_of(script)) is answer
