from __future__ import annotations

from ipaddress import ip_address

import pytest

from pcapaudit.flows.discovery import MAX_ROUTERS, REPLY, SOLICIT, dhcp6_of, discovery_of, is_on_link, pair_neighbours
from pcapaudit.model.addresses import ip_text
from tests.support.scene import traffic_of

DEV, ROUTER = bytes.fromhex("02000a000005"), bytes.fromhex("02000a000001")
WORLD = {
    "dev6": {"ip": "fe80::5", "mac": "02:00:0a:00:00:05"},
    "dev6g": {"ip": "2001:db8:1::5", "mac": "02:00:0a:00:00:05"},
    "router6": {"ip": "fe80::1", "mac": "02:00:0a:00:00:01"},
}


def test_a_router_advertisement_tells_the_prefix_of_the_link() -> None:
    traffic = traffic_of("0.0 router6 > * RA prefix=2001:db8:1::/64", hosts=WORLD)

    assert is_on_link(traffic, [], ip_address("2001:db8:1::99").packed)
    assert not is_on_link(traffic, [], ip_address("2001:db8:2::99").packed)
    assert discovery_of(traffic).claims[ROUTER] == {ip_address("fe80::1").packed}


@pytest.mark.parametrize(("address", "answer"), [("2001:db8:1::9", True), ("2001:db8:2::9", False), ("fe80::9", True)])
def test_without_a_router_the_own_prefix_tells_who_is_near(address: str, *, answer: bool) -> None:
    own = [ip_address("2001:db8:1::5").packed]

    assert is_on_link(traffic_of("0.0 dev > gw ARP"), own, ip_address(address).packed) is answer


def test_solicitations_are_paired_with_advertisements_for_the_same_address() -> None:
    script = (
        "0.0 dev6 > * NS 2001:db8:1::5 dad\n1.0 dev6g > * NS fe80::1\n1.1 router6 > dev6g NA\n2.0 dev6g > * NS fe80::7"
    )
    found = pair_neighbours(traffic_of(script, hosts=WORLD), DEV)

    assert [(ip_text(q.target), len(q.requests), len(q.replies)) for q in found] == [
        ("fe80::1", 1, 1),
        ("fe80::7", 1, 0),
    ]


def test_answers_of_dhcpv6_belong_to_the_client_that_used_the_transaction() -> None:
    script = (
        "0.0 dev6 > * DHCP6 SOLICIT\n0.1 router6 > dev6 DHCP6 ADVERTISE ip=2001:db8:1::5\n"
        "0.2 dev6 > * DHCP6 REQUEST\n0.3 router6 > dev6 DHCP6 REPLY ip=2001:db8:1::5"
    )
    exchange = dhcp6_of(traffic_of(script, hosts=WORLD), DEV)

    assert [m.at.frame for m in exchange.asked(SOLICIT)] == [1]
    assert [m.kind for m in exchange.received] == [2, REPLY]
    assert [ip_text(a) for a in exchange.addresses] == ["2001:db8:1::5"]


def test_of_routers_without_end_the_first_are_believed() -> None:
    hosts = {f"r{n}": {"ip": f"fe80::{n + 1:x}", "mac": f"02:00:0b:00:00:{n:02x}"} for n in range(MAX_ROUTERS + 9)}
    script = "\n".join(
        f"{number}.0 {name} > * RA prefix=2001:db8:{number + 1:x}::/64" for number, name in enumerate(hosts)
    )

    found = discovery_of(traffic_of(script, hosts=hosts))

    assert [m.at.frame for m in found.advertisements] == list(range(1, MAX_ROUTERS + 1))


def test_neighbour_discovery_is_not_among_the_icmp_of_an_address() -> None:
    traffic = traffic_of("0.0 dev6g > * NS fe80::1\n0.1 router6 > dev6g NA", hosts=WORLD)

    assert [m.type for m in traffic.icmp] == [135, 136]
    assert traffic.icmp_of(frozenset(m.at.src for m in traffic.icmp)) == []
