from __future__ import annotations

import pytest

from pcapaudit.catalog.schema import Remedy
from pcapaudit.diagnose.fired import Cause, Target
from pcapaudit.diagnose.remedies import advise
from pcapaudit.model.words import Addressee, Stage
from tests.support.judging import facts_of, finding, need, product, tcp

SCRIPT = """
0.0  dev > gw BOOT
1.0  dev > gw LOOKUP gk.acme.example A 54.229.203.190
5.0  dev:50001 > cloud:4321 SYN
9.0  dev:50002 > cloud:4321 SYN
9.5  switch > * LLDP port=ge-0/0/7
"""
BOX = product(need(tcp(4321), hosts=["gk.acme.example"]))
FACTS = facts_of(SCRIPT, BOX)
ATTEMPTS = tuple(FACTS.attempts)


def silence(*causes: Cause) -> list[Addressee]:
    return [r.to for r in advise(FACTS, finding(attempts=ATTEMPTS, causes=list(causes))).remedies]


def test_the_firewall_team_gets_all_that_a_rule_needs() -> None:
    fired = finding(attempts=ATTEMPTS, began=9.0, last=9.0, frames=[10, 11], independent=2)

    text = advise(FACTS, fired).remedies[0].text

    for part in (
        "10.0.0.5",
        "02:00:0a:00:00:05",
        "gk.acme.example",
        "54.229.203.190",
        "TCP 4321",
        "outbound",
        "2 attempts",
        "frames 10, 11",
        "2026-01-05 08:00:05+00:00",
    ):
        assert part in text


ADDRESSEES = {
    "undecided: both": ([Cause("x", 0, "y", "filter")], [Addressee.FIREWALL, Addressee.VENDOR]),
    "the filter stands out: the firewall team alone": ([Cause("x", 35, "y", "device_filter")], [Addressee.FIREWALL]),
    "the server is likelier: the vendor first": (
        [Cause("x", 15, "y", "server"), Cause("x", 5, "y", "filter")],
        [Addressee.VENDOR, Addressee.FIREWALL],
    ),
    "no cause known: both": ([], [Addressee.FIREWALL, Addressee.VENDOR]),
}


@pytest.mark.parametrize(("causes", "expected"), ADDRESSEES.values(), ids=ADDRESSEES)
def test_silence_is_asked_of_who_can_act_on_it(causes: list[Cause], expected: list[Addressee]) -> None:
    assert silence(*causes) == expected


@pytest.mark.parametrize(
    ("rule", "stage", "expected"),
    [
        ("DHCP-NO-OFFER", Stage.DHCP, Addressee.LAN),
        ("ARP-GW-NO-REPLY", Stage.GATEWAY, Addressee.LAN),
        ("DNS-NXDOMAIN", Stage.DNS, Addressee.DNS),
        ("TLS-INTERCEPT", Stage.TLS, Addressee.INSPECTION),
        ("TLS-ALERT-SERVER", Stage.TLS, Addressee.VENDOR),
        ("FTP-DATA-BLOCKED", Stage.APP, Addressee.FIREWALL),
    ],
)
def test_each_fault_has_its_addressee(rule: str, stage: Stage, expected: Addressee) -> None:
    assert advise(FACTS, finding(rule, stage=stage)).remedies[0].to is expected


def test_the_lan_team_is_told_the_switch_port() -> None:
    text = advise(FACTS, finding("DHCP-NO-OFFER", stage=Stage.DHCP)).remedies[0].text

    assert "ge-0/0/7" in text
    assert "02:00:0a:00:00:05" in text


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("10.0 switch > * LLDP port=7 name=sw1 port_vlan=20 bridge", "VLAN 20) on sw1, port 7"),
        (
            "10.0 switch > * LLDP port=7 name=sw1\n11.0 pc > gw BOOT\n12.0 pc:1 > gw:80 CONNECT",
            "Seen at sw1, port 7: ",
        ),
        ("10.0 dev > * LLDP port=eth0 name=box station", "02:00:0a:00:00:05):"),
    ],
    ids=["the device's own port", "some port", "the device itself is no switch"],
)
def test_the_lan_team_is_told_no_more_of_the_port_than_is_known(rest: str, words: str) -> None:
    facts = facts_of("0.0 dev > gw BOOT\n" + rest, BOX)

    assert words in advise(facts, finding("DHCP-NO-OFFER", stage=Stage.DHCP)).remedies[0].text


def test_the_relays_and_the_servers_address_go_into_the_request_to_make_it_answer() -> None:
    target = Target(None, b"\xc0\xa8\x05\x0a", "udp", 67)
    fired = finding("DHCP-RELAY-NO-REPLY", stage=Stage.DHCP, target=target, facts={"giaddr": "10.0.0.1"})

    assert "UDP 67 between 10.0.0.1 and 192.168.5.10" in advise(FACTS, fired).remedies[0].text


@pytest.mark.parametrize(
    ("rule", "status", "to", "words"),
    [
        ("CAPTIVE-PORTAL", 302, Addressee.LAN, "exempt the device's MAC address from the portal"),
        ("HTTP-ERROR", 407, Addressee.FIREWALL, "without a login"),
        ("HTTP-ERROR", 403, Addressee.VENDOR, "is the device registered"),
        ("PROXY-CONNECT-REJECTED", None, Addressee.FIREWALL, "gk.acme.example"),
        ("FTP-ACTIVE-NAT", None, Addressee.FIREWALL, "FTP helper"),
        ("WS-UPGRADE-STRIPPED", None, Addressee.INSPECTION, "headers Upgrade and Connection"),
    ],
)
def test_what_an_application_meets_is_asked_of_whoever_can_change_it(
    rule: str, status: int | None, to: Addressee, words: str
) -> None:
    fired = finding(rule, stage=Stage.APP, attempts=ATTEMPTS, facts={"status": status})

    (first, *_) = advise(FACTS, fired).remedies

    assert first.to is to
    assert words in first.text


def test_the_way_to_a_proxy_is_not_the_way_to_the_far_side() -> None:
    fired = finding(
        "PROXY-CONNECT-REJECTED", stage=Stage.APP, target=Target("gk.acme.example", b"\x0a\0\0\2", "tcp", 3128)
    )

    text = advise(FACTS, fired).remedies[0].text

    assert "to gk.acme.example." in text
    assert "3128" not in text


def test_the_dns_team_is_told_resolver_and_names() -> None:
    fired = finding("DNS-NXDOMAIN", stage=Stage.DNS, lookups=("gk.acme.example",), target=Target(None, b"\x0a\0\0\1"))

    text = advise(FACTS, fired).remedies[0].text

    assert "10.0.0.1" in text
    assert "gk.acme.example" in text


def test_the_vendors_own_advice_stands_in_the_first_remedy_with_its_source() -> None:
    signature = product(
        need(tcp(4321), hosts=["gk.acme.example"]),
        remedies={
            "TCP-SYN-TIMEOUT": Remedy("Open the port.", ("ACM-30",)),
            "connect": Remedy("Look at the firewall.", ("ACM-31",)),
        },
    )
    facts = facts_of(SCRIPT, signature)

    own = advise(facts, finding(attempts=tuple(facts.attempts)))
    by_stage = advise(facts, finding("TCP-SYN-RST", attempts=tuple(facts.attempts)))

    assert ("Open the port." in own.remedies[0].text, own.cites) == (True, ("ACM-30",))
    assert ("Look at the firewall." in by_stage.remedies[0].text, by_stage.cites) == (True, ("ACM-31",))


def test_unknown_fields_are_left_out() -> None:
    text = advise(facts_of("0.0 dev > gw DNS? a.example A"), finding()).remedies[0].text

    assert "None" not in text
    assert "VLAN" not in text


@pytest.mark.parametrize(
    ("rule", "stage", "addressee", "words"),
    [
        ("DNS-TRUNCATED", Stage.DNS, Addressee.FIREWALL, "TCP 53"),
        ("DNS-EDNS-DROP", Stage.DNS, Addressee.FIREWALL, "above 512 bytes"),
        ("NAT-IDLE-TIMEOUT", Stage.PERSIST, Addressee.FIREWALL, "idle time-out"),
        ("WS-DROP", Stage.PERSIST, Addressee.FIREWALL, "idle time-out"),
        ("PATH-SWITCH", Stage.PERSIST, Addressee.LAN, "spare line"),
        ("SVC-NO-ATTEMPT", Stage.CONNECT, Addressee.VENDOR, "registered"),
    ],
)
def test_what_is_asked_for_fits_the_fault(rule: str, stage: Stage, addressee: Addressee, words: str) -> None:
    remedy = advise(FACTS, finding(rule, stage=stage, attempts=ATTEMPTS)).remedies[0]

    assert remedy.to is addressee
    assert words in remedy.text
