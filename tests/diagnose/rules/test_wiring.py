from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules.wiring import find_loop, gateway_conflict
from tests.support.judging import facts_of, need, product, tcp
from tests.support.scene import traffic_of
from tests.support.services import outcomes

NAMED = product(need(tcp(4321), hosts=["gk.sensorist.com"]))
HOSTS = {"cloud": "54.229.203.190", "rival": {"ip": "10.0.0.1", "mac": "02:ca:00:00:00:01"}}
WORKS = (
    "0.0 dev > gw BOOT\n1.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"
    "2.0 dev > cloud:4321 CONNECT\n3.0 dev > cloud:4321 EXCHANGE 9 9\n"
)
FIGHT = "".join(
    f"{t}.0 dev > * ARP? 10.0.0.1\n{t}.01 gw > dev ARP!\n{t}.02 rival > dev ARP!\n" for t in (10, 20, 30, 40)
)
LOST = "".join(f"{t}.0 dev:50009 > cloud:4321 SYN to_mac=02:ca:00:00:00:01\n" for t in (51, 52, 54))
BACK = "60.0 dev > cloud:4321 CONNECT new\n61.0 dev > cloud:4321 EXCHANGE 9 9\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(WORKS + FIGHT + LOST, ["failed"], id="its packets go to the wrong box"),
        pytest.param(WORKS + FIGHT + LOST + BACK, ["degraded"], id="and later to the right one"),
        pytest.param(WORKS + FIGHT + BACK, ["note"], id="it is not bothered"),
        pytest.param(WORKS + FIGHT + LOST.split("\n")[0], ["note"], id="one lost packet may be chance"),
        pytest.param(WORKS + "10.0 rival > * ANNOUNCE\n20.0 gw > * ANNOUNCE\n" + LOST, [], id="there and back again"),
        pytest.param(FIGHT + LOST, ["note"], id="nothing works through either"),
        pytest.param(WORKS, [], id="one gateway"),
    ],
)
def test_two_boxes_that_claim_the_gateway_are_told_by_what_they_do_to_the_device(script: str, said: list[str]) -> None:
    assert [said_of[-1] for said_of in outcomes(gateway_conflict, facts_of(script, NAMED, hosts=HOSTS))] == said


def test_routers_that_share_a_virtual_address_are_no_conflict() -> None:
    shared = {**HOSTS, "rival": {"ip": "10.0.0.1", "mac": "00:00:5e:00:01:07"}}

    assert outcomes(gateway_conflict, facts_of(WORKS + FIGHT, NAMED, hosts=shared)) == []


@pytest.mark.parametrize(
    ("copies", "every", "is_loop"),
    [(600, "4ms", True), (600, "10us", False), (400, "5ms", False)],
    ids=["over two seconds", "all at once", "too few"],
)
def test_a_loop_repeats_one_frame_for_long(copies: int, every: str, *, is_loop: bool) -> None:
    script = "0.0 pc > * ARP? 10.0.0.77\n" + f"+{every} dup\n" * copies

    loop = find_loop(traffic_of(script))

    assert (loop is not None) is is_loop
    assert loop is None or (loop.broadcasts, loop.copies, loop.frames) == (1, copies, (1, copies + 1))


def test_other_broadcasts_than_arp_go_round_as_well() -> None:
    loop = find_loop(traffic_of("0.0 dev > * DHCP DISCOVER\n" + "+4ms dup\n" * 600))

    assert loop is not None
    assert loop.first.dport == 67
