from __future__ import annotations

from pcapaudit.diagnose.traits import traits_of
from pcapaudit.model.traits import Contact, Traits
from tests.support.judging import facts_of, outward
from tests.support.transforms import cut_each

CLOUD = bytes([54, 229, 203, 190])
SCRIPT = """
0.0   dev > gw BOOT
1.0   dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
2.0   dev:50001 > cloud:4321 SYN
3.0   dev:50001 > cloud:4321 SYN
4.0   dev:50002 > cloud:4321 CONNECT
5.0   dev > cloud EXCHANGE 120 60
6.0   dev > cloud DATA 30
"""


def traits(script: str, address: str = "10.0.0.5") -> Traits:
    return traits_of(facts_of(script, address=address))


def test_a_far_endpoint_is_one_contact_however_many_connections() -> None:
    found = [c for c in traits(SCRIPT).contacts if c.port == 4321]

    assert found == [Contact("tcp", CLOUD, 4321, ("gk.sensorist.com",), 10, 3, 30, 120, 50001, 50002, answered=True)]


def test_names_are_known_with_the_frame_of_their_first_use() -> None:
    found = traits(
        SCRIPT
        + "7.0 dev:50003 > cloud:443 CONNECT\n8.0 dev:50003 > cloud:443 TLS hello sni=my.oscartemplog.se\n"
        + "9.0 dev:50004 > cloud:80 CONNECT\n9.5 dev:50004 > cloud:80 HTTP GET / host=WWW.Example.com:80 agent=T/1\n"
    )

    assert found.queried == {"gk.sensorist.com": 8}
    assert list(found.sni) == ["my.oscartemplog.se"]
    assert list(found.http_hosts) == ["www.example.com"]
    assert found.user_agents == ("T/1",)
    assert found.registered_domains == 1
    assert found.sent_tcp


def test_names_asked_soon_after_the_lease_are_marked() -> None:
    found = traits(SCRIPT + "90.0 dev > gw LOOKUP late.example A 192.0.2.1\n")

    assert found.asked_after_lease == ("gk.sensorist.com",)


def test_who_answers_names_is_known() -> None:
    assert traits(SCRIPT, "10.0.0.1").answers_dns
    assert not traits(SCRIPT).answers_dns


PROXIED = """
0.0  dev:50001 > pc:3128 CONNECT
0.1  dev:50001 > pc:3128 HTTP CONNECT gk.sensorist.com:443
0.2  pc:3128 > dev:50001 HTTP 200
"""


def test_what_a_host_asks_a_proxy_for_is_where_it_goes() -> None:
    found = traits(PROXIED)

    assert "gk.sensorist.com" in found.http_hosts
    assert [(c.port, c.names) for c in found.contacts] == [(443, ("gk.sensorist.com",))]
    assert not found.is_proxy


def test_who_is_asked_to_go_somewhere_is_a_proxy() -> None:
    assert traits(PROXIED, "10.0.0.9").is_proxy
    assert not traits(SCRIPT, "10.0.0.1").is_proxy


def test_a_proxy_is_one_where_the_snap_length_cut_what_it_is_asked_for() -> None:
    cut = facts_of(PROXIED, change=lambda frames: cut_each(frames, 54 + len("CONNECT gk.sens")), address="10.0.0.9")

    assert traits_of(cut).is_proxy


def test_connections_from_others_are_inbound() -> None:
    [contact] = traits("0.0 pc:40000 > dev:9001 CONNECT\n1.0 pc > dev EXCHANGE 10 10").inbound

    assert (contact.address, contact.port, contact.answered) == (bytes([10, 0, 0, 9]), 9001, True)


def test_a_flow_from_the_middle_is_the_hosts_own_contact() -> None:
    [contact] = traits("0.0 cloud:4321 > dev:2000 DATA 10\n0.1 dev > cloud ACK").contacts

    assert (contact.port, contact.source_low) == (4321, 2000)


def test_one_direction_alone_still_shows_the_contacts() -> None:
    found = traits_of(facts_of(SCRIPT, None, outward))

    assert {c.port for c in found.contacts} >= {53, 4321}
    assert not any(c.answered for c in found.contacts)
