from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import icmp
from tests.support.services import CLOCK, facts_of, outcomes

CHECKS = (icmp.admin, icmp.unreach, icmp.port_unreach_far, icmp.port_unreach_near)
V6 = {
    "dev6": {"ip": "2001:db8::5", "mac": "02:00:0a:00:00:05"},
    "gw6": {"ip": "2001:db8::1", "mac": "02:00:0a:00:00:01"},
    "cloud6": "2001:db8:1::9",
}


@pytest.mark.parametrize(
    ("code", "sender", "rule"),
    [
        (0, "gw", "ICMP-UNREACH"),
        (1, "gw", "ICMP-UNREACH"),
        (3, "gw", "ICMP-PORT-UNREACH-NEAR"),
        (3, "cloud", "ICMP-PORT-UNREACH-FAR"),
        (9, "gw", "ICMP-ADMIN"),
        (10, "gw", "ICMP-ADMIN"),
        (13, "gw", "ICMP-ADMIN"),
    ],
)
def test_each_code_of_rfc_792_and_1812_belongs_to_one_rule(code: int, sender: str, rule: str) -> None:
    facts = facts_of(
        f"""
        1.0  dev:50001 > cloud:4321 SYN as=asked
        1.1  {sender} > dev ICMP unreachable code={code} quoting=asked
        9.0  switch > * WATCH
        """
    )

    assert [found for check in CHECKS for found in outcomes(check, facts)] == [(rule, "connect", "failed")]


@pytest.mark.parametrize("code", [2, 4, 5, 6, 8])
def test_other_codes_refuse_nothing(code: int) -> None:
    facts = facts_of(f"1.0 dev > cloud:4321 SYN as=x\n1.1 gw > dev ICMP unreachable code={code} quoting=x")

    assert [found for check in CHECKS for found in outcomes(check, facts)] == []


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (0, "ICMP-UNREACH"),
        (1, "ICMP-ADMIN"),
        (3, "ICMP-UNREACH"),
        (4, "ICMP-PORT-UNREACH-NEAR"),
        (5, "ICMP-ADMIN"),
        (6, "ICMP-ADMIN"),
    ],
)
def test_each_code_of_rfc_4443_belongs_to_one_rule(code: int, rule: str) -> None:
    script = f"1.0 dev6:50001 > cloud6:4321 SYN as=x\n1.1 gw6 > dev6 ICMP unreachable code={code} quoting=x"
    facts = facts_of(script, hosts=V6, judge="2001:db8::5")

    assert [found[0] for check in CHECKS for found in outcomes(check, facts)] == [rule]


def test_what_is_no_service_of_the_vendor_is_a_note() -> None:
    facts = facts_of("1.0 dev > pc:9999 UDP 10 as=x\n1.1 gw > dev ICMP unreachable code=13 quoting=x")

    assert outcomes(icmp.admin, facts) == [("ICMP-ADMIN", "connect", "note")]


@pytest.mark.parametrize(("rest", "outcome"), [("3.0 switch > * WATCH", "degraded"), ("3.0 dev > pc NTP", "note")])
def test_a_refused_time_server_is_soft(rest: str, outcome: str) -> None:
    facts = facts_of(f"1.0 dev > cloud NTP? as=x\n1.1 gw > dev ICMP unreachable code=13 quoting=x\n{rest}", CLOCK)

    assert outcomes(icmp.admin, facts) == [("ICMP-ADMIN", "time", outcome)]


@pytest.mark.parametrize(
    ("at", "words"), [("1.001", "firewall rejects it as host unreachable"), ("4.1", "target is off")]
)
def test_the_delay_of_host_unreachable_tells_who_speaks(at: str, words: str) -> None:
    facts = facts_of(f"1.0 dev > cloud:4321 SYN as=x\n{at} gw > dev ICMP unreachable code=1 quoting=x")
    (fired,) = icmp.unreach(facts)

    assert words in fired.causes[0].text


def test_a_loop_on_one_way_out_blames_that_service_alone() -> None:
    facts = facts_of(
        """
        0.0  dev:40000 > 198.51.100.7:443 CONNECT
        1.0  dev:50001 > cloud:4321 SYN
        1.1  gw > dev ICMP time-exceeded
        2.0  dev:50002 > cloud:4321 SYN
        2.1  gw > dev ICMP time-exceeded
        3.0  dev:50003 > cloud:4321 SYN
        3.1  gw > dev ICMP time-exceeded
        """
    )

    assert outcomes(icmp.ttl_loop, facts) == [("ICMP-TTL-LOOP", "connect", "failed")]


@pytest.mark.parametrize(
    ("mac", "words"),
    [("02:00:0a:00:00:02", "follows it"), ("02:00:0a:00:00:01", "goes on as before")],
)
def test_a_redirect_tells_what_the_device_did(mac: str, words: str) -> None:
    facts = facts_of(
        f"""
        1.0  dev:50001 > cloud:4321 SYN
        1.1  gw > dev ICMP redirect to=10.0.0.2
        2.0  dev:50001 > cloud:4321 SYN to_mac={mac}
        """
    )
    (fired,) = icmp.redirect(facts)

    assert words in fired.summary
