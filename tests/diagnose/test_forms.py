from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.forms import BY_RULE, BY_STAGE, Form, forms_for
from pcapaudit.diagnose.registry import all_rules, lookup
from pcapaudit.model.words import STAGES, Action, Addressee, Stage
from tests.support.judging import facts_of, finding

FACTS = facts_of("0.0 dev > gw BOOT\n1.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190")
FAR, NEAR = (
    Target("gk.acme.example", b"\x36\xe5\xcb\xbe", "tcp", 443),
    Target("b1.example", b"\x0a\0\0\x14", "tcp", 9001),
)


def every_form() -> list[Form]:
    tables = (*BY_STAGE.values(), *BY_RULE.values())
    return [form for forms in tables for form in forms]


def test_every_stage_has_a_form_and_every_named_rule_exists() -> None:
    assert set(BY_STAGE) == set(STAGES)
    assert {lookup(rule).id for rule in BY_RULE} == set(BY_RULE)


@pytest.mark.parametrize("rule", [r.id for r in all_rules()])
def test_what_is_asked_names_no_device_so_that_requests_can_be_joined(rule: str) -> None:
    fired = finding(rule, stage=lookup(rule).stage, target=FAR, lookups=("gk.acme.example",))

    for form in forms_for(fired):
        sentence = form.sentence(FACTS, fired)
        assert sentence.startswith("Please ")
        assert not sentence.endswith(".")
        assert "{" not in sentence
        assert not [own for own in ("10.0.0.5", "02:00:0a:00:00:05") if own in sentence]


def test_who_lets_traffic_pass_is_told_that_replies_belong_to_it_and_nothing_inbound() -> None:
    allowing = [f for f in every_form() if f.action is Action.ALLOW and f.to is Addressee.FIREWALL and f.hint]

    assert allowing
    assert all("stateful; no inbound rule is needed" in str(form.what) for form in allowing)


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ([], [Addressee.FIREWALL, Addressee.VENDOR]),
        ([Cause("x", 35, "y", "device_filter")], [Addressee.FIREWALL]),
        ([Cause("x", 15, "y", "server")], [Addressee.VENDOR, Addressee.FIREWALL]),
        ([Cause("x", 40, "y", "uplink")], [Addressee.LAN, Addressee.FIREWALL]),
        ([Cause("x", 60, "y", "loss")], [Addressee.LAN]),
    ],
)
def test_the_likelier_addressee_comes_first(causes: list[Cause], expected: list[Addressee]) -> None:
    assert [f.to for f in forms_for(finding(causes=causes, target=FAR))] == expected


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause("x", 40, "y", "middlebox"), [Addressee.INSPECTION]),
        (Cause("x", 20, "y", "filter"), [Addressee.FIREWALL, Addressee.VENDOR]),
        (Cause("x", 30, "y", "server"), [Addressee.VENDOR]),
    ],
)
def test_what_an_application_meets_is_asked_of_who_causes_it(cause: Cause, expected: list[Addressee]) -> None:
    fired = finding("FTP-CONTROL-FAIL", stage=Stage.APP, causes=[cause], target=FAR)

    assert [f.to for f in forms_for(fired)] == expected


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ([Cause("x", 40, "y", "middlebox"), Cause("x", 15, "y", "device")], [Addressee.INSPECTION, Addressee.VENDOR]),
        ([Cause("x", 20, "y", "device"), Cause("x", 0, "y", "middlebox")], [Addressee.VENDOR]),
        ([Cause("x", 20, "y", "device"), Cause("x", 15, "y", "middlebox")], [Addressee.VENDOR, Addressee.INSPECTION]),
        ([], [Addressee.INSPECTION]),
    ],
)
def test_a_refused_certificate_is_asked_of_inspection_only_where_something_speaks_for_it(
    causes: list[Cause], expected: list[Addressee]
) -> None:
    fired = finding("TLS-ALERT-CLIENT", stage=Stage.TLS, causes=causes, target=FAR)

    assert [f.to for f in forms_for(fired)] == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (b"\x08\x08\x08\x08", [Addressee.FIREWALL, Addressee.DNS]),
        (b"\x0a\0\0\1", [Addressee.DNS]),
        (bytes.fromhex("20010db8000100000000000000000053"), [Addressee.DNS]),
    ],
)
def test_a_silent_resolver_beyond_the_firewall_is_asked_of_the_firewall_team(
    address: bytes, expected: list[Addressee]
) -> None:
    fired = finding("DNS-NO-REPLY", stage=Stage.DNS, target=Target("gk.acme.example", address, "udp", 53))

    assert [f.to for f in forms_for(fired)] == expected


def test_a_router_that_knows_no_way_is_asked_of_its_own_team_alone() -> None:
    fired = finding("ICMP-UNREACH", causes=[Cause("x", 35, "y", "uplink")], target=FAR)

    assert [f.to for f in forms_for(fired)] == [Addressee.LAN]


def test_a_far_side_on_the_site_is_asked_of_the_site_and_not_of_the_vendor() -> None:
    forms = forms_for(finding(target=NEAR))

    assert [f.to for f in forms] == [Addressee.FIREWALL, Addressee.SITE]
    assert "between the site's networks" in str(forms[0].what)


@pytest.mark.parametrize(
    ("rule", "target", "hint"),
    [
        ("TCP-SYN-TIMEOUT", FAR, "application control, a country or reputation filter, or TLS inspection instead of"),
        (
            "UDP-NO-REPLY",
            replace(FAR, transport="udp"),
            "application control or a country or reputation filter instead",
        ),
        ("TCP-SYN-TIMEOUT", NEAR, "access list between VLANs"),
        ("ICMP-ADMIN", FAR, "the box that sent these ICMP errors"),
        ("ICMP-PORT-UNREACH-NEAR", FAR, "the box that sent these ICMP errors"),
        ("ICMP-ADMIN", NEAR, "the box that sent these ICMP errors"),
    ],
)
def test_the_hint_fits_how_the_traffic_was_dropped(rule: str, target: Target, hint: str) -> None:
    fired = finding(rule, target=target)

    assert hint in (forms_for(fired)[0].advice(FACTS, fired) or "")


ASKED = {
    "DNS-REBIND-FILTERED": (
        Stage.DNS,
        "exempt gk.acme.example from the protection against rebinding of 54.229.203.190",
    ),
    "DNS-SINKHOLE": (Stage.DNS, "take gk.acme.example off the block list"),
    "DNS-REFUSED": (Stage.DNS, "let the device's subnet ask 54.229.203.190"),
    "DHCP-NO-ROUTER": (Stage.DHCP, "add the default gateway to the scope"),
    "MTU-BLACKHOLE": (Stage.RETURN, "fragmentation needed"),
    "NTP-UNSYNC": (Stage.TIME, "repair the time server"),
}


@pytest.mark.parametrize("rule", ASKED)
def test_what_is_asked_is_what_mends_the_fault(rule: str) -> None:
    stage, words = ASKED[rule]
    fired: Fired = finding(rule, stage=stage, target=FAR, lookups=("gk.acme.example",))

    assert words in forms_for(fired)[0].sentence(FACTS, fired)
