from __future__ import annotations

import pytest

from pcapaudit.diagnose.starts import crossing, is_init_reboot, reboots_of, starts_of
from tests.support.services import facts_of

KINDS = frozenset({"discover", "reboot", "announcement", "eapol", "lldp"})


def test_the_signs_of_one_boot_are_one_start() -> None:
    (start,) = starts_of(facts_of("0.0 dev > gw BOOT\n2.0 dev > * ANNOUNCE\n30.0 switch > * WATCH"), KINDS)

    assert (start.at.frame, start.kinds) == (1, frozenset({"discover", "announcement"}))


def test_eapol_start_and_lldp_after_silence_are_signs() -> None:
    script = (
        "0.0 dev > * ARP? gw\n1.0 dev > * LLDP\n31.0 dev > * LLDP\n40.0 dev > switch EAPOL start\n100.0 dev > * LLDP"
    )

    assert [s.kinds for s in starts_of(facts_of(script), KINDS)] == [frozenset({"eapol"}), frozenset({"lldp"})]


@pytest.mark.parametrize(("words", "answer"), [("init-reboot", True), ("", False), ("renew", False)])
def test_only_a_request_without_server_and_address_in_use_is_a_reboot(words: str, *, answer: bool) -> None:
    facts = facts_of(f"0.0 dev > gw BOOT\n9.0 dev > * DHCP REQUEST {words}")

    assert is_init_reboot(facts.dhcp[-1].messages[-1]) is answer


def test_a_start_without_work_after_it_is_none_unless_it_is_the_last() -> None:
    idle = "0.0 dev > * DHCP DISCOVER\n0.1 gw > dev DHCP OFFER\n0.2 dev > * DHCP REQUEST\n0.3 gw > dev DHCP ACK\n"

    assert [s.at.frame for s in reboots_of(facts_of(f"{idle}60.0 dev > gw BOOT"))] == [5]


def test_a_host_that_asks_for_what_phones_ask_for_starts_by_discover_alone() -> None:
    wakes = "".join(f"{60 * i}.0 dev > * DHCP REQUEST init-reboot asks=1,3,6,108,252\n" for i in range(3))

    assert reboots_of(facts_of(wakes + "200.0 dev > gw ARP")) == []


def test_a_connection_crosses_the_starts_that_it_lives_through() -> None:
    boots = "".join(f"{at}.0 dev > gw BOOT\n" for at in (0, 60, 90))
    facts = facts_of(boots + "1.0 dev:50001 > cloud:4321 CONNECT\n70.0 dev > cloud DATA 5")

    assert [len(flows) for _, flows in crossing(facts, starts_of(facts, KINDS))] == [0, 1, 0]
