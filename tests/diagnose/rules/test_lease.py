from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import lease
from tests.support.services import facts_of, outcomes

DORA = "{at} gw > dev DHCP OFFER\n{at} dev > * DHCP REQUEST\n{at} gw > dev DHCP ACK\n"


@pytest.mark.parametrize(
    ("tries", "offer", "fires"),
    [
        pytest.param([0, 4, 12, 28, 33], 33.1, True, id="the fifth"),
        pytest.param([0, 3], 3.2, False, id="the server checks the address for three seconds"),
        pytest.param([0, 10], 10.1, True, id="the second, after ten seconds"),
        pytest.param(list(range(0, 31, 3)), 30.1, True, id="the eleventh of a client that asks every three seconds"),
        pytest.param([0, 4, 12, 28, 58, 62], 62.1, False, id="one lost after a minute"),
        pytest.param([0, 60, 61], 61.1, False, id="one lost a minute after the start"),
    ],
)
def test_a_late_start_loses_tries_in_its_first_fifty_seconds(tries: list[int], offer: float, *, fires: bool) -> None:
    script = "".join(f"{t} dev > * DHCP DISCOVER secs={t}\n" for t in tries) + DORA.format(at=offer)

    assert bool(outcomes(lease.late_start, facts_of(script))) is fires


RENEW = "0.0 dev > gw BOOT lease=100\n50.0 dev > gw DHCP REQUEST renew\n"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        pytest.param("69.0 dev > gw DHCP REQUEST renew\n85 switch > * WATCH", ["degraded"], id="the lease still runs"),
        pytest.param("69.0 dev > gw DHCP REQUEST renew\n130 switch > * WATCH", ["failed"], id="the lease has ended"),
        pytest.param("90 switch > * WATCH", [], id="one try alone"),
        pytest.param("69.0 dev > gw DHCP REQUEST renew\n70 gw > dev DHCP NAK", [], id="a refusal is another rule's"),
        pytest.param(
            "69.0 dev > gw DHCP REQUEST renew\n120 dev:50001 > cloud:4321 SYN\n130 switch > * WATCH",
            [],
            id="it goes on past the end",
        ),
    ],
)
def test_renewals_fail_by_repeats_and_by_the_end_of_the_lease(rest: str, said: list[str]) -> None:
    assert [outcome for _, _, outcome in outcomes(lease.renew_fail, facts_of(RENEW + rest))] == said


RELAYED = "{at} gw > 192.0.2.9 DHCP {kind} for=dev giaddr=10.0.0.1\n"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        pytest.param("", ["failed"], id="silence"),
        pytest.param("9 192.0.2.9 > gw DHCP OFFER for=dev giaddr=10.0.0.1", [], id="the server answers"),
        pytest.param("9 192.0.2.8 > gw DHCP OFFER for=dev giaddr=10.0.0.1", ["note"], id="another server answers"),
        pytest.param("9 dev > * DHCP REQUEST", [], id="the client takes an offer that was not seen"),
    ],
)
def test_a_relay_is_unanswered_when_nothing_comes_back_for_its_client(rest: str, said: list[str]) -> None:
    asked = "0 dev > * DHCP DISCOVER\n" + "".join(RELAYED.format(at=t, kind="DISCOVER") for t in (1, 5))
    facts = facts_of(f"{asked}{rest}\n40 switch > * WATCH")

    assert [outcome for _, _, outcome in outcomes(lease.relay_unanswered, facts)] == said
