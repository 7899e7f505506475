from __future__ import annotations

from collections.abc import Mapping

from pcapaudit.flows.hosts import Host, claims_of, find_bindings, find_hosts
from pcapaudit.model.addresses import ip_text
from tests.support.player import Frame
from tests.support.scene import CLOUD, traffic_of
from tests.support.transforms import copy_routed
from tests.support.world import World

DEV, GW = bytes.fromhex("02000a000005"), bytes.fromhex("02000a000001")
TALK = "1.0 dev:50000 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 10 10\n"


def hosts(script: str, world: Mapping[str, object] = CLOUD) -> dict[str, Host]:
    """Each host of a script by its addresses, or by its MAC when it has none."""
    found = find_hosts(traffic_of(script, hosts=world))
    return {" ".join(ip_text(a) for a in h.addresses) or str(h.mac): h for h in found}


def test_a_device_on_the_link_is_known_by_its_mac() -> None:
    dev = hosts("0.0 dev > gw BOOT\n" + TALK)["10.0.0.5"]

    assert (dev.mac, dev.behind_router, dev.is_router, dev.key) == (DEV, False, False, "02:00:0a:00:00:05")
    assert (dev.first_frame, dev.last_frame, dev.frames) == (1, 13, 8)


def test_a_gateway_is_a_router_though_one_server_alone_is_behind_it() -> None:
    found = hosts("0.0 dev > gw ARP\n" + TALK)

    assert (found["10.0.0.1"].mac, found["10.0.0.1"].is_router) == (GW, True)
    assert (found["54.229.203.190"].mac, found["54.229.203.190"].behind_router) == (None, True)


def test_a_gateway_that_answers_names_keeps_its_own_address() -> None:
    # No ARP in the capture: its own packets have their first TTL, those that it forwards have not.
    found = hosts("0.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n" + TALK)

    assert set(found) == {"10.0.0.5", "10.0.0.1", "54.229.203.190"}
    assert found["10.0.0.1"].is_router


def test_a_gateway_that_says_nothing_of_its_own_hides_behind_the_server() -> None:
    found = hosts(TALK)

    assert set(found) == {"10.0.0.5", "54.229.203.190"}
    assert (found["54.229.203.190"].mac, found["54.229.203.190"].behind_router) == (None, True)


def test_a_server_that_speaks_first_is_not_taken_for_the_gateway() -> None:
    found = hosts(
        "0.0 cloud:443 > dev:50000 DATA 10\n0.1 192.0.2.9:443 > dev:50001 DATA 10\n0.2 gw:53 > dev:50002 UDP 40"
    )

    assert found["10.0.0.1"].mac == GW
    assert found["54.229.203.190"].mac is None
    assert found["192.0.2.9"].mac is None


def test_a_host_of_another_subnet_is_behind_the_router_and_not_one_of_its_addresses() -> None:
    world = {**CLOUD, "far": {"ip": "10.0.2.30", "hops": 1}}
    found = hosts("0.0 dev > gw ARP\n1.0 dev:50000 > far:80 CONNECT", world)

    assert found["10.0.0.1"].is_router
    assert (found["10.0.2.30"].mac, found["10.0.2.30"].behind_router) == (None, True)


def test_two_addresses_used_one_after_the_other_are_one_device() -> None:
    world = {
        "old": {"ip": "10.0.0.5", "mac": "02:00:00:00:00:77"},
        "new": {"ip": "10.0.0.6", "mac": "02:00:00:00:00:77"},
    }
    found = hosts("0.0 old > gw DNS? a.example A\n60.0 new > gw DNS? a.example A", world)

    assert found["10.0.0.5 10.0.0.6"].mac == bytes.fromhex("020000000077")


def test_a_link_local_address_beside_the_lease_comes_last() -> None:
    world = {"lost": {"ip": "169.254.7.7", "mac": "02:00:0a:00:00:05"}}

    assert "10.0.0.5 169.254.7.7" in hosts("0.0 lost:5353 > pc:5353 UDP 40\n1.0 dev > gw DNS? a.example A", world)


def test_a_device_with_a_global_ipv6_address_is_no_router() -> None:
    world = {
        "dev6": {"ip": "2001:db8::5", "mac": "02:00:0a:00:00:05"},
        "far6": {"ip": "2001:db8:9::1", "hops": 5},
    }
    found = hosts("0.0 dev > gw ARP\n1.0 dev6:50000 > far6:443 CONNECT\n2.0 dev > gw DNS? a.example A", world)

    assert found["10.0.0.5 2001:db8::5"].mac == DEV
    assert not found["10.0.0.5 2001:db8::5"].is_router
    assert found["10.0.0.1"].is_router


def test_a_stack_with_an_unusual_first_ttl_that_answers_arp_is_on_the_link() -> None:
    world = {**CLOUD, "odd": {"ip": "10.0.0.7", "ttl": 100}}

    assert hosts("0.0 odd > gw ARP\n1.0 odd:50000 > cloud:80 CONNECT", world)["10.0.0.7"].mac is not None


def test_outside_the_translator_its_address_stands_for_what_is_behind_it() -> None:
    world = {"nat": {"ip": "198.51.100.7", "mac": "02:00:00:00:00:aa", "ttl": 63}, **CLOUD}
    found = hosts("0.0 nat > * ARP? gw\n1.0 nat:50000 > cloud:4321 CONNECT", world)

    assert (found["198.51.100.7"].mac, found["198.51.100.7"].behind_router) == (None, True)


def test_the_translators_own_packets_do_not_make_it_the_device() -> None:
    world = {"nat": {"ip": "198.51.100.7", "mac": "02:00:00:00:00:aa"}, **CLOUD}
    found = hosts("0.0 nat > cloud:123 NTP?\n1.0 nat:50000 > cloud:4321 SYN ttl=63", world)

    assert (found["198.51.100.7"].mac, found["198.51.100.7"].behind_router) == (None, True)


def test_a_host_that_traces_its_route_is_still_on_the_link() -> None:
    world = {"pub": {"ip": "198.51.100.7", "mac": "02:00:00:00:00:aa"}, **CLOUD}
    found = hosts("0.0 pub > cloud PING ttl=1\n0.1 pub > cloud PING ttl=2\n1.0 pub > cloud PING", world)

    assert found["198.51.100.7"].mac is not None


def test_both_sides_of_a_router_show_each_host_once() -> None:
    world = World(CLOUD)

    def both_sides(frames: list[Frame]) -> list[Frame]:
        return copy_routed(frames, 50_000, world)

    found = find_hosts(traffic_of("0.0 dev > gw ARP\n" + TALK, both_sides))
    owners = [[h.mac for h in found if bytes([10, 0, 0, 5]) in h.addresses]]

    assert owners == [[DEV]]
    assert sum(bytes([54, 229, 203, 190]) in h.addresses for h in found) == 1


def test_a_mac_without_an_address_is_a_host() -> None:
    found = hosts("0.0 dev > * DHCP DISCOVER\n4.0 dev > * DHCP DISCOVER")

    assert [(h.mac, h.addresses, h.frames) for h in found.values()] == [(DEV, (), 2)]


def test_who_only_receives_is_a_host_with_the_mac_it_was_sent_to() -> None:
    found = hosts("0.0 pc:50000 > dev:80 SYN\n1.0 pc:50000 > dev:80 SYN")

    assert (found["10.0.0.5"].mac, found["10.0.0.5"].only_destination, found["10.0.0.5"].frames) == (DEV, True, 0)


def test_an_address_that_only_receives_belongs_to_the_host_of_that_mac() -> None:
    assert hosts("0.0 dev > * DHCP DISCOVER\n1.0 pc:50000 > dev:80 SYN")["10.0.0.5"].frames == 1


def test_a_private_destination_behind_a_router_is_not_the_router() -> None:
    world = {**CLOUD, "far": {"ip": "10.9.9.9", "hops": 1}}
    found = hosts("0.0 dev > gw ARP\n" + TALK + "5.0 dev:50001 > far:80 SYN", world)

    assert (found["10.9.9.9"].mac, found["10.9.9.9"].only_destination) == (None, True)
    assert found["10.0.0.1"].mac == GW


def test_hosts_stand_in_the_order_of_their_first_frame() -> None:
    found = find_hosts(
        traffic_of(
            "0.0 pc > gw DNS? a.example A\n1.0 dev > gw DNS? a.example A\n2.0 gw > pc DNS! a.example A 192.0.2.1"
        )
    )

    assert [h.first_frame for h in found] == sorted(h.first_frame for h in found)


def test_bindings_and_claims_say_which_mac_used_which_address() -> None:
    traffic = traffic_of("0.0 dev > gw ARP\n" + TALK)

    assert [(b.mac, ip_text(b.address), b.ttl_max) for b in find_bindings(traffic)] == [
        (DEV, "10.0.0.5", 64),
        (GW, "54.229.203.190", 54),
    ]
    assert claims_of(traffic, GW) == {bytes([10, 0, 0, 1])}
    assert claims_of(traffic, b"\2\0\0\0\0\1") == frozenset()
