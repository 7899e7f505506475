from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules.rivals import duplicate_address
from tests.support.judging import facts_of, need, product, tcp
from tests.support.services import outcomes

NAMED = product(need(tcp(4321), hosts=["gk.sensorist.com"]))
RIVAL = "02:ca:00:00:00:05"
HOSTS = {"cloud": "54.229.203.190", "rival": {"ip": "10.0.0.5", "mac": RIVAL}}
START = "0.0 dev > gw BOOT\n1.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"
FIGHT = "".join(f"{t}.0 gw > * ARP? 10.0.0.5\n{t}.01 dev > gw ARP!\n{t}.02 rival > gw ARP!\n" for t in (10, 20, 30))
STOLEN = f"31.0 dev:50001 > cloud:4321 SYN\n31.03 cloud:4321 > dev:50001 SYN-ACK to_mac={RIVAL} lost\n"
WORKS = "40.0 dev:50002 > cloud:4321 CONNECT\n41.0 dev:50002 > cloud:4321 EXCHANGE 9 9\n"
CUT = f"42.0 dev:50002 > cloud:4321 RST from_mac={RIVAL}\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(START + FIGHT, ["degraded"], id="nothing is lost by it"),
        pytest.param(START + FIGHT + STOLEN, ["failed"], id="an answer goes to the rival"),
        pytest.param(START + FIGHT + STOLEN + WORKS, ["degraded"], id="and the next to the device"),
        pytest.param(START + FIGHT + WORKS + CUT, ["failed"], id="the rival resets what worked"),
        pytest.param(START + FIGHT[: len(FIGHT) // 3] + STOLEN, [], id="one change is a replacement"),
    ],
)
def test_a_rival_is_told_by_what_it_takes_from_the_device(script: str, said: list[str]) -> None:
    facts = facts_of(f"{script}90.0 switch > * WATCH", NAMED, hosts=HOSTS)

    assert [said_of[-1] for said_of in outcomes(duplicate_address, facts)] == said
