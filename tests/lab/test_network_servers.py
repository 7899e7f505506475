"""The lab's DHCP, time and 802.1X speakers, read by the dissectors and by dpkt; its stub resolver, asked for real."""

from __future__ import annotations

import struct

import dpkt
import pytest

from tests.lab import dns_codec
from tests.lab.devices.leases import take_lease
from tests.lab.devices.neighbour import announcement
from tests.lab.devices.stub import Stub
from tests.lab.servers import dhcp, odd_clock, port_guard

MAC, OWN, OFFERED = bytes.fromhex("025410 2b3001".replace(" ", "")), bytes([10, 0, 0, 1]), bytes([10, 0, 0, 5])


def client_message(kind: int) -> bytes:
    """A DISCOVER or REQUEST as RFC 2131 has it, made by another library."""
    message = dpkt.dhcp.DHCP(op=1, chaddr=MAC, xid=0x1234, opts=((53, bytes([kind])),))
    return bytes(message)


@pytest.mark.parametrize("kind", [1, 3])
def test_the_kind_of_a_clients_message_is_read(kind: int) -> None:
    assert dhcp.message_kind(client_message(kind)) == kind
    assert dhcp.message_kind(b"\0" * 240) == 0


def test_an_offer_gives_address_router_and_resolver_unless_it_is_bare() -> None:
    offer, bare = (
        dpkt.dhcp.DHCP(dhcp.answer(client_message(1), 2, OWN, OFFERED, is_bare=is_bare)) for is_bare in (False, True)
    )

    assert (offer.op, offer.xid, offer.chaddr[:6], struct.pack(">I", offer.yiaddr)) == (2, 0x1234, MAC, OFFERED)
    assert {3, 6, 51, 53, 54} <= {number for number, _ in offer.opts}
    assert {3, 6}.isdisjoint(number for number, _ in bare.opts)


def test_a_refusal_names_no_address() -> None:
    refusal = dpkt.dhcp.DHCP(dhcp.answer(client_message(3), 6, OWN, OFFERED, is_bare=False))

    assert (refusal.yiaddr, dict(refusal.opts)[53]) == (0, b"\x06")


def test_a_kiss_of_death_has_stratum_0_and_the_clients_time() -> None:
    query = b"\x23" + bytes(39) + b"\x01\x02\x03\x04\x05\x06\x07\x08"
    answer = dpkt.ntp.NTP(odd_clock.kiss(query, b"DENY"))

    assert (answer.li, answer.mode, answer.stratum, answer.id) == (3, 4, 0, b"DENY")
    assert answer.originate_time == query[40:48]


def test_the_guard_of_a_port_asks_for_an_identity() -> None:
    frame = port_guard.identity_request(7)

    assert frame[:6].hex() == "0180c2000003"
    assert frame[12:14] == b"\x88\x8e"
    assert frame[14:23] == bytes([2, 0, 0, 5, 1, 7, 0, 5, 1])
    assert len(frame) == 60


def test_an_announcement_asks_for_its_own_address() -> None:
    arp = dpkt.ethernet.Ethernet(announcement(MAC, OFFERED)).data

    assert (arp.op, arp.sha, arp.spa, arp.tpa) == (1, MAC, OFFERED, OFFERED)


def test_settings_name_a_dhcp_client_that_is_there(tmp_path: object) -> None:
    with pytest.raises(KeyError):
        take_lease({"dhcp": "carrier-pigeon"}, tmp_path)  # type: ignore[arg-type]


def test_a_stub_reads_its_habits_from_the_settings() -> None:
    stub = Stub.of({"dns_wait": "2", "dns_tries": "3", "dns_new_id": "1", "edns": "1"})

    assert stub == Stub(wait_s=2.0, tries=3, keeps_id=False, has_edns=True)
    assert Stub.of({}) == Stub()


@pytest.mark.parametrize(("has_edns", "additional"), [(False, 0), (True, 1)])
def test_a_query_carries_edns_if_it_is_wanted(has_edns: bool, additional: int) -> None:
    query = dpkt.dns.DNS(dns_codec.encode_query(7, "a.example", dns_codec.A, has_edns=has_edns))

    assert (query.id, query.qd[0].name, len(query.ar)) == (7, "a.example", additional)


def test_a_truncated_answer_is_told_from_a_whole_one() -> None:
    assert dns_codec.is_truncated(struct.pack(">6H", 1, 0x8380, 0, 0, 0, 0))
    assert not dns_codec.is_truncated(struct.pack(">6H", 1, 0x8180, 0, 0, 0, 0))
    assert dns_codec.decode_addresses(struct.pack(">6H", 1, 0x8105, 0, 0, 0, 0), 1) == ()
