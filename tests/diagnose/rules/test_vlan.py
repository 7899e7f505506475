from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import vlan
from tests.support.services import facts_of, outcomes

WORLD = {"dev": {"ip": "10.0.0.5", "vlan": "30"}, "pc": {"ip": "10.0.0.9", "vlan": "20"}}
ASKED = "1.0 dev > * DHCP DISCOVER vlan=30\n5.0 dev > * DHCP DISCOVER vlan=30\n40.0 switch > * WATCH\n"
LIVES = "0.5 pc > * ARP? gw vlan=20\n"


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param(LIVES + "0.0 switch > * LLDP port=7 port_vlan=20 bridge\n", True, id="another VLAN, and it lives"),
        pytest.param("0.0 switch > * LLDP port=7 port_vlan=20 bridge\n", False, id="nobody is seen in it"),
        pytest.param(LIVES + "0.0 switch > * LLDP port=7 port_vlan=30 bridge\n", False, id="the same VLAN"),
        pytest.param(LIVES + "0.0 switch > * LLDP port=7 port_vlan=0 bridge\n", False, id="zero is none"),
        pytest.param(LIVES, False, id="no announcement"),
    ],
)
def test_the_port_tells_the_wrong_vlan(script: str, *, fires: bool) -> None:
    found = outcomes(vlan.wrong_vlan, facts_of(script + ASKED, hosts=WORLD))

    assert found == ([("LINK-WRONG-VLAN", "link", "failed")] if fires else [])


def test_a_device_that_is_answered_sits_right() -> None:
    served = "2.0 dev > gw BOOT\n3.0 dev:50001 > gw:80 CONNECT\n"
    script = LIVES + "0.0 switch > * LLDP port=7 port_vlan=20 bridge\n" + ASKED + served

    assert outcomes(vlan.wrong_vlan, facts_of(script, hosts=WORLD)) == []
