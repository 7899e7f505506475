from __future__ import annotations

import re

import pytest

from pcapaudit.diagnose.fields import (
    MAX_FAR,
    Situation,
    contrast,
    far_sides,
    mirror_point,
    offered_certificate,
    proven_network,
    say_device,
    say_place,
    say_seen,
    say_source,
    search_times,
)
from pcapaudit.diagnose.fired import Cause, Target
from pcapaudit.diagnose.proof import Proof
from pcapaudit.model.words import Stage, State
from tests.support.judging import facts_of, finding, need, product, tcp

BOX = product(need(tcp(4321), tcp(443), hosts=["gk.acme.example", "gk.acme.test"]))
SCRIPT = """
0.0  dev > gw BOOT
1.0  dev > gw LOOKUP gk.acme.example A 54.229.203.190
2.0  dev > gw LOOKUP gk.acme.test A 54.229.68.147
5.0  dev:50001 > cloud:4321 SYN
6.0  dev:50002 > cloud:443 SYN
7.0  dev:50003 > 54.229.68.147:443 SYN
"""
FACTS = facts_of(SCRIPT, BOX)
FIRED = finding(attempts=tuple(FACTS.attempts), began=7.0, last=7.0, frames=[12, 13, 14], independent=3)


def test_each_name_has_its_own_addresses_and_ports() -> None:
    sides = [(s.host, s.addresses, s.transport, s.ports, s.fact) for s in far_sides(FACTS, FIRED)]

    assert sides == [
        ("gk.acme.example", ("54.229.203.190",), "tcp", (443, 4321), "ACM-01"),
        ("gk.acme.test", ("54.229.68.147",), "tcp", (443,), "ACM-01"),
    ]


def test_it_is_said_when_a_name_was_last_resolved() -> None:
    twice = facts_of(SCRIPT + "8.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n", BOX)

    first = far_sides(twice, finding(attempts=tuple(twice.attempts)))[0]

    assert (first.resolved_at or "").startswith("2026-01-05T08:00:08")


def test_a_device_that_tries_without_end_fills_no_report() -> None:
    calls = "".join(f"{5 + n}.0 dev:{50000 + n} > cloud:{1000 + n} SYN\n" for n in range(MAX_FAR + 20))
    wide = product(need(tcp(*range(1000, 1000 + MAX_FAR + 20)), hosts=["gk.acme.example"]))
    facts = facts_of("1.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n" + calls, wide)

    (side,) = far_sides(facts, finding(attempts=tuple(facts.attempts)))

    assert len(side.ports) == MAX_FAR


def test_the_far_side_of_a_finding_about_a_name_is_the_resolver() -> None:
    fired = finding("DNS-TRUNCATED", stage=Stage.DNS, target=Target("gk.acme.example", b"\x0a\0\0\1", "udp", 53))

    assert [(s.host, s.addresses, s.transport, s.ports) for s in far_sides(FACTS, fired)] == [
        (None, ("10.0.0.1",), "udp", (53,)),
        (None, ("10.0.0.1",), "tcp", (53,)),
    ]


def test_without_any_far_side_there_is_none() -> None:
    assert far_sides(FACTS, finding("LINK-FLAP", stage=Stage.LINK)) == ()


def test_the_evidence_says_how_often_from_when_to_when_and_in_which_frames() -> None:
    fired = finding(attempts=tuple(FACTS.attempts), began=5.0, last=7.0, frames=[12, 14], independent=3, summary="So.")

    assert say_seen(FACTS, fired) == (
        "So; 3 attempts from 2026-01-05 08:00:05+00:00 to 2026-01-05 08:00:07+00:00 (frames 12, 14)"
    )
    assert say_seen(FACTS, finding(frames=[3], summary="so")) == "so, at 2026-01-05 08:00:00+00:00 (frame 3)"


def test_a_log_is_searched_at_the_first_a_middle_and_the_last_attempt() -> None:
    assert [time[11:19] for time in search_times(FACTS, FIRED)] == ["08:00:05", "08:00:06", "08:00:07"]


def test_the_device_is_known_by_address_mac_and_vlan_or_by_what_there_is() -> None:
    silent = facts_of("0.0 dev > gw BOOT\n1.0 dev > gw PING", BOX)

    assert say_device(silent) == "10.0.0.5 (MAC 02:00:0a:00:00:05)"
    assert say_source(silent) == "10.0.0.5"


OWN = "10.0 switch > * LLDP port=7 name=sw1 bridge"
PLACES = {
    "as the engineer said": (OWN, "core-sw1 port 24", " on sw1, port 7", "core-sw1 port 24"),
    "the device's own port": (OWN, None, " on sw1, port 7", None),
    "the one port that announces itself": (
        "10.0 switch > * LLDP port=7 name=sw1\n11.0 pc > gw BOOT\n12.0 pc:1 > gw:80 CONNECT",
        None,
        "",
        "sw1, port 7",
    ),
    "nobody said it": ("10.0 dev > gw PING", None, "", None),
}


@pytest.mark.parametrize(("rest", "said", "place", "mirror"), PLACES.values(), ids=PLACES)
def test_the_mirror_point_is_told_by_whoever_knows_it(
    rest: str, said: str | None, place: str, mirror: str | None
) -> None:
    facts = facts_of("0.0 dev > gw BOOT\n" + rest, BOX)

    assert say_place(facts) == place
    assert mirror_point(facts, Situation(said)) == mirror


def test_what_works_beside_it_is_told_and_what_does_not_is_not() -> None:
    causes = [Cause("x", 35, "10.0.0.9 reaches it (frame 5)", is_contrast=True), Cause("y", 15, "it is silent")]

    assert contrast(FACTS, finding(causes=causes), Situation()) == ["For contrast: 10.0.0.9 reaches it (frame 5)."]


def test_who_inspects_is_told_whose_certificate_was_shown() -> None:
    script = (
        "1.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n5.0 dev:50001 > cloud:443 CONNECT\n"
        '5.1 dev:50001 > cloud:443 TLS12 sni=gk.acme.example names=gk.acme.example issuer="FortiGate CA"\n'
    )
    facts = facts_of(script, BOX)

    (told,) = offered_certificate(facts, finding(attempts=tuple(facts.attempts)), Situation())

    assert re.fullmatch(
        r"At 2026-01-05 08:00:05\+00:00 it was offered a certificate issued by '(CN=)?FortiGate CA' \(frame \d+\)\.",
        told,
    )


def test_the_vendor_is_told_which_stages_before_are_good() -> None:
    stages = {
        Stage.DHCP: Proof(State.OK, "lease", [1, 2, 4]),
        Stage.GATEWAY: Proof(State.NOT_OBSERVED, ""),
        Stage.DNS: Proof(State.OK, "resolved", [8]),
        Stage.TLS: Proof(State.OK, "later", [20]),
    }

    told = proven_network(FACTS, finding(stage=Stage.CONNECT), Situation(None, stages))

    assert told == ["The network is good up to there: dhcp (frames 1 and 4), dns (frame 8)."]
