from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import gateway
from tests.support.judging import facts_of

BOOT = "0 dev > gw BOOT\n"
HOSTS = {"cloud": "54.229.203.190"}


@pytest.mark.parametrize(
    ("after", "fires"),
    [
        pytest.param("", True, id="nothing leaves"),
        pytest.param("14 dev:50000 > cloud:443 SYN\n", False, id="a frame goes out through it"),
        pytest.param("13.5 gw > dev ARP!\n", False, id="it answers in the end"),
    ],
)
def test_a_gateway_is_silent_only_while_nothing_passes_it(after: str, fires: bool) -> None:
    asked = "10 dev > * ARP? gw\n11 dev > * ARP? gw\n12 dev > * ARP? gw\n"
    facts = facts_of(f"{BOOT}{asked}{after}40 switch > * WATCH", hosts=HOSTS)

    assert bool(list(gateway.gateway_silent(facts))) is fires


def test_far_addresses_asked_by_arp_are_one_finding() -> None:
    first = "".join(f"{t} dev > * ARP? cloud\n" for t in (10, 11, 12))
    second = "".join(f"{t} dev > * ARP? other\n" for t in (20, 21, 22))
    facts = facts_of(f"{BOOT}{first}{second}40 switch > * WATCH", hosts={**HOSTS, "other": "54.229.68.147"})

    (found,) = gateway.arp_offlink(facts)

    assert found.tries == 6


def test_a_link_local_target_is_not_far() -> None:
    asked = "".join(f"{t} dev > * ARP? peer\n" for t in (10, 11, 12))
    facts = facts_of(f"{BOOT}{asked}40 switch > * WATCH", hosts={"peer": "169.254.7.7"})

    assert list(gateway.arp_offlink(facts)) == []
