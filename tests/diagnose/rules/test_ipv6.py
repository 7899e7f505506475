from __future__ import annotations

import pytest

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.rules import ipv6
from pcapaudit.model.words import Identification
from tests.support.judging import facts_in, need, product
from tests.support.scene import traffic_of

WORLD = {
    "dev": {"ip": "10.0.0.5", "mac": "02:00:0a:00:00:05"},
    "dev6": {"ip": "2001:db8:1::5", "mac": "02:00:0a:00:00:05"},
    "devll": {"ip": "fe80::5", "mac": "02:00:0a:00:00:05"},
    "pc6": {"ip": "2001:db8:1::9", "mac": "02:00:0a:00:00:09"},
    "router6": {"ip": "fe80::1", "mac": "02:00:0a:00:00:01"},
    "cloud6": "2a05:d018:1::190",
}
NAMED = product(need(hosts=["gk.acme.example"]))
END = "\n100.0 switch > * WATCH"


def facts_of(script: str, address: str) -> Facts:
    return facts_in(traffic_of(script + END, hosts=WORLD), NAMED, address=address, kind=Identification.ENGINEER)


ASKED = "1.0 dev6 > * NS fe80::1\n2.0 dev6 > * NS fe80::1\n3.0 dev6 > * NS fe80::1\n"
TOLD = "0.0 router6 > * RA prefix=2001:db8:1::/64 rdnss=2001:db8:1::53\n"


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param(TOLD + ASKED, True, id="three in vain"),
        pytest.param(TOLD + ASKED + "3.1 router6 > dev6 NA", False, id="an answer"),
        pytest.param(TOLD + ASKED + "4.0 dev6:50001 > cloud6:443 SYN", False, id="its packets go on"),
        pytest.param(TOLD + ASKED.replace("fe80::1", "fe80::9"), False, id="another neighbour"),
        pytest.param(TOLD + ASKED + "9.0 dev > gw BOOT", False, id="IPv4 serves it"),
    ],
)
def test_a_router_is_silent_when_three_solicitations_stay_open(script: str, *, fires: bool) -> None:
    assert bool(list(ipv6.router_silent(facts_of(script, "2001:db8:1::5")))) is fires


SOLICITED = "1.0 devll > * DHCP6 SOLICIT\n2.0 devll > * DHCP6 SOLICIT\n"


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param("0.0 router6 > * RA managed\n" + SOLICITED, True, id="the router sends it there"),
        pytest.param(TOLD + SOLICITED, False, id="the router does not"),
        pytest.param("0.0 router6 > * RA managed\n" + SOLICITED + "2.1 devll > * DHCP6 REQUEST", False, id="unseen"),
    ],
)
def test_dhcpv6_is_silent_only_where_a_router_says_that_it_is_there(script: str, *, fires: bool) -> None:
    assert bool(list(ipv6.no_advertise(facts_of("0.5 devll > * RS\n" + script, "fe80::5")))) is fires


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        pytest.param("prefix=2001:db8:1::/64", True, id="a prefix alone"),
        pytest.param("prefix=2001:db8:1::/64 rdnss=2001:db8:1::53", False, id="a resolver"),
        pytest.param("prefix=2001:db8:1::/64 other", False, id="DHCPv6 may tell it, unseen"),
    ],
)
def test_a_missing_resolver_is_told_by_what_the_router_says(told: str, *, fires: bool) -> None:
    script = f"0.0 router6 > * RA {told}\n1.0 dev6 > * NS fe80::1\n1.1 router6 > dev6 NA"

    assert bool(list(ipv6.no_resolver(facts_of(script, "2001:db8:1::5")))) is fires
