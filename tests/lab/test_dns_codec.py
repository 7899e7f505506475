"""DNS of the lab against dpkt, which had no part in writing it."""

from __future__ import annotations

import socket

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab import dns_codec

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


def ask(name: str, kind: int = dns_codec.A) -> dns_codec.Question:
    return dns_codec.decode_question(dns_codec.encode_query(0x1234, name, kind))


@given(NAME, st.integers(0, 0xFFFF), st.sampled_from([dns_codec.A, dns_codec.AAAA, dns_codec.HTTPS]))
def test_dpkt_reads_every_query_as_it_was_meant(name: str, query_id: int, kind: int) -> None:
    message = dpkt.dns.DNS(dns_codec.encode_query(query_id, name, kind))

    assert (message.id, message.qd[0].name, message.qd[0].type) == (query_id, name, kind)
    assert (message.qr, message.rd, message.ar) == (0, 1, [])


def test_the_question_keeps_its_letter_case_on_the_wire() -> None:
    asked = ask("www.AlsoEnergy.com")

    assert asked.name == "www.alsoenergy.com"
    assert b"\x0aAlsoEnergy\x03com" in dns_codec.encode_answer(asked, 0, ("172.245.215.165",), "alsoenergy.com", 30)


def test_an_answer_carries_its_addresses() -> None:
    addresses = ("54.229.203.190", "54.229.68.147")
    message = dpkt.dns.DNS(dns_codec.encode_answer(ask("gk.sensorist.com"), 0, addresses, "sensorist.com", 30))

    assert tuple(socket.inet_ntoa(record.ip) for record in message.an) == addresses
    assert (message.rcode, message.ns, message.an[0].ttl) == (0, [], 30)


@pytest.mark.parametrize("rcode", [dns_codec.NOERROR, dns_codec.NXDOMAIN])
def test_an_answer_without_address_names_the_zone(rcode: int) -> None:
    message = dpkt.dns.DNS(dns_codec.encode_answer(ask("x.sensorist.com"), rcode, (), "sensorist.com", 30))

    assert (message.rcode, message.an) == (rcode, [])
    assert [(record.name, record.type) for record in message.ns] == [("sensorist.com", dpkt.dns.DNS_SOA)]


def test_the_stub_reads_what_dpkt_writes() -> None:
    record = dpkt.dns.DNS.RR(name="gk.sensorist.com", type=1, cls=1, ttl=60, rlen=4, rdata=b"\x36\xe5\x44\x93")
    record.ip = b"\x36\xe5\x44\x93"
    question = dpkt.dns.DNS.Q(name="gk.sensorist.com", type=1, cls=1)
    answer = bytes(dpkt.dns.DNS(id=7, op=0x8180, qd=[question], an=[record]))

    assert dns_codec.decode_addresses(answer, 7) == ("54.229.68.147",)


def test_the_stub_refuses_an_answer_to_another_query() -> None:
    answer = dns_codec.encode_answer(ask("gk.sensorist.com"), 0, ("54.229.68.147",), "sensorist.com", 30)

    assert dns_codec.decode_addresses(answer, 0x4321) is None


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_query_cut_short_is_refused(length: int) -> None:
    query = dns_codec.encode_query(1, "gk.sensorist.com", dns_codec.A)

    with pytest.raises(ValueError, match="too short"):
        dns_codec.decode_question(query[:length])
