from __future__ import annotations

import pytest

from pcapaudit.flows.naming import Asked
from pcapaudit.flows.traffic import Traffic
from tests.support.scene import traffic_of

DEV, PC, GW = (b"\x0a\0\0" + bytes([last]) for last in (5, 9, 1))
SCRIPT = (
    "0.0 dev > gw DNS? a.example A\n0.1 pc > gw LOOKUP a.example A 192.0.2.8\n"
    "1.0 dev > gw LOOKUP b.example A 192.0.2.9\n2.0 dev > gw DNS? a.example A\n"
    "3.0 dev > gw LOOKUP a.example A 192.0.2.9\n4.0 dev > gw DNS? a.example AAAA"
)


def in_short(traffic: Traffic, host: frozenset[bytes], mac: bytes | None) -> list[Asked]:
    """What the lookups of a host say, one message after the other."""
    return [
        Asked(
            lookup.name,
            [m.at.frame for m in lookup.sent],
            [m.at.time_ns for m in lookup.sent],
            {r.data: None for m in lookup.answers for r in m.answers if isinstance(r.data, bytes)},
        )
        for lookup in traffic.lookups_of(host, mac)
    ]


@pytest.mark.parametrize("host", [{DEV}, {PC}, {DEV, PC}, {GW}, set()])
def test_what_a_host_asked_is_the_same_in_short(host: set[bytes]) -> None:
    traffic = traffic_of(SCRIPT)

    assert traffic.naming.asked_by(frozenset(host), None) == in_short(traffic, frozenset(host), None)


def test_what_another_mac_asked_is_not_the_hosts() -> None:
    traffic = traffic_of(SCRIPT)
    mac = traffic.dns[0].at.smac
    host = frozenset({DEV, PC})

    own = traffic.naming.asked_by(host, mac)

    assert [k.name for k in own] == ["a.example", "b.example", "a.example"]
    assert own == in_short(traffic, host, mac) == traffic.naming.asked_by(frozenset({DEV}), None)


def test_questions_over_tcp_are_among_them_in_frame_order() -> None:
    traffic = traffic_of(
        "0.0 dev > gw DNS? a.example A\n1.0 dev:50000 > gw:53 CONNECT\n1.2 dev:50000 > gw:53 DNS? b.example A tcp\n"
        "2.0 dev > gw DNS? c.example A"
    )

    assert [(m.transport, m.question) for m in traffic.dns] == [
        ("udp", "a.example"),
        ("tcp", "b.example"),
        ("udp", "c.example"),
    ]
    assert [m.question for m in traffic.dns_by_asker[DEV]] == ["a.example", "b.example", "c.example"]
    assert [k.name for k in traffic.naming.asked_by(frozenset({DEV}), None)] == ["a.example", "b.example", "c.example"]


def test_lookups_are_made_anew_when_they_were_forgotten() -> None:
    traffic = traffic_of(SCRIPT)
    host = frozenset({DEV})
    own = traffic.naming.lookups_of(host, None)
    assert traffic.naming.lookups_of(host, None) is own

    traffic.naming.forget(host, None)
    traffic.naming.forget(host, None)

    assert traffic.naming.lookups_of(host, None) is not own


def test_names_stand_in_order_of_the_answers() -> None:
    traffic = traffic_of(SCRIPT + "\n5.0 pc > gw LOOKUP b.example A 192.0.2.8")

    assert traffic.names == {
        b"\xc0\0\2\x08": ["a.example", "b.example"],
        b"\xc0\0\2\x09": ["b.example", "a.example"],
    }
