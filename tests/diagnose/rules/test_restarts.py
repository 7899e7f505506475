from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import restarts
from tests.support.services import facts_of, outcomes

BOOT = "{at}.0 dev > gw BOOT lease={lease}\n{at}.5 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"


def boots(count: int, pause: int, lease: int = 86400) -> str:
    return "".join(BOOT.format(at=pause * i, lease=lease) for i in range(count)) + f"{pause * count}.0 switch > * WATCH"


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param(boots(3, 60), True, id="three starts"),
        pytest.param(boots(2, 60), False, id="two"),
        pytest.param(boots(4, 60, lease=100), False, id="a client that asks anew at half of its lease"),
        pytest.param(boots(4, 60, lease=3600), True, id="long before the lease is over"),
    ],
)
def test_starts_count_when_they_come_long_before_the_lease_ends(script: str, *, fires: bool) -> None:
    assert outcomes(restarts.reboot_loop, facts_of(script)) == (
        [("DEV-REBOOT-LOOP", "link", "failed")] if fires else []
    )


def test_a_connection_that_lives_across_the_starts_denies_them() -> None:
    alive = "1.0 dev:50001 > cloud:4321 CONNECT\n150.0 dev:50001 > cloud:4321 EXCHANGE 9 9\n"

    assert outcomes(restarts.reboot_loop, facts_of(boots(3, 60) + "\n" + alive)) == []


def test_leases_without_any_work_between_them_are_no_starts() -> None:
    idle = "".join(
        f"{60 * i}.0 dev > * DHCP DISCOVER\n{60 * i}.1 gw > dev DHCP OFFER\n{60 * i}.2 dev > * DHCP REQUEST\n"
        f"{60 * i}.3 gw > dev DHCP ACK\n"
        for i in range(4)
    )

    assert outcomes(restarts.reboot_loop, facts_of(f"{idle}300.0 dev > * ANNOUNCE")) == []


FLAP = """
{at}.0 dev > cloud:4321 DATA 30
{at}.5 dev > * DHCP REQUEST init-reboot
{at}.51 gw > dev DHCP ACK
{at}.9 dev > cloud:4321 {what}
{at}.95 cloud:4321 > dev ACK
"""


def flaps(count: int, what: str = "AGAIN") -> str:
    rounds = "".join(
        FLAP.format(at=20 * i + 10, what=what) + f"{20 * i + 14}.0 dev > cloud DATA 5\n" for i in range(count)
    )
    return f"0.0 dev > gw BOOT\n1.0 dev:50001 > cloud:4321 CONNECT\n{rounds}200.0 switch > * WATCH"


@pytest.mark.parametrize(
    ("script", "fires"),
    [
        pytest.param(flaps(3), True, id="three starts with a repeat each"),
        pytest.param(flaps(2), False, id="two"),
        pytest.param(flaps(4, "DATA 9"), False, id="nothing is lost"),
    ],
)
def test_a_link_flaps_when_packets_are_lost_around_each_of_three_starts(script: str, *, fires: bool) -> None:
    assert bool(outcomes(restarts.link_flap, facts_of(script))) is fires
