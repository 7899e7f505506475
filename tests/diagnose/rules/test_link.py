from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import link
from tests.support.services import facts_of, outcomes

ASKED = "".join(f"{30 * i}.0 switch > * EAPOL request-identity ident={i + 1}\n" for i in range(3))
UNSERVED = "1.0 dev > * DHCP DISCOVER\n61.0 dev > * DHCP DISCOVER\n61.1 dev > * ANNOUNCE\n"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        pytest.param("125.0 switch > * WATCH", ["failed"], id="time to fall back to the MAC has passed"),
        pytest.param("85.0 switch > * WATCH", [], id="the fall-back may still come"),
        pytest.param("92.0 dev > gw BOOT\n120.0 switch > * WATCH", ["note"], id="the fall-back came"),
        pytest.param("31.0 dev > switch EAPOL response-identity\n125.0 switch > * WATCH", [], id="the device answers"),
    ],
)
def test_identity_requests_fail_the_link_only_when_the_port_stays_closed(rest: str, said: list[str]) -> None:
    found = outcomes(link.port_authentication, facts_of(ASKED + UNSERVED + rest))

    assert [outcome for _, _, outcome in found] == said


def test_a_failure_for_another_mac_is_none_of_this_device() -> None:
    script = UNSERVED + "70.0 switch > pc EAPOL failure\n200.0 switch > * WATCH"

    assert outcomes(link.port_authentication, facts_of(script)) == []


UNHEARD = """
0.0  pc > gw BOOT
1.0  dev > * DHCP DISCOVER
5.0  dev > * DHCP DISCOVER
20.0 dev > * ARP? gw
21.0 dev > * ARP? gw
"""


@pytest.mark.parametrize(
    ("change", "to", "fires"),
    [
        pytest.param("", "", True, id="both kinds unanswered, the PC is served"),
        pytest.param("0.0  pc > gw BOOT", "", False, id="no other host"),
        pytest.param("1.0  dev > * DHCP DISCOVER\n5.0  dev > * DHCP DISCOVER\n", "", False, id="one kind only"),
        pytest.param("21.0 dev", "21.0 gw > dev ARP!\n21.0 dev", False, id="a frame reaches the device's MAC"),
        pytest.param("21.0 dev", "20.5 dev > cloud:443 SYN\n21.0 dev", False, id="its packets go on"),
    ],
)
def test_broadcasts_are_unheard_when_the_same_servers_answer_others(change: str, to: str, *, fires: bool) -> None:
    script = (UNHEARD.replace(change, to) if change else UNHEARD) + "40.0 switch > * WATCH"

    assert bool(outcomes(link.not_heard, facts_of(script))) is fires


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param("0.0 pc > gw ARP\n1.0 pc > dev PING\n2.0 pc > dev PING\n60.0 switch > * WATCH", True, id="silent"),
        pytest.param("0.0 pc > dev PING\n0.1 dev > pc PONG", False, id="it answers"),
    ],
)
def test_a_device_that_is_spoken_to_and_says_nothing_is_told(script: str, *, fires: bool) -> None:
    assert bool(outcomes(link.silent, facts_of(script))) is fires
