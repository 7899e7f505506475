from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.dissect import dns
from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import DnsMessage, DnsRecord, Malformed
from tests.dissect.material import EMPTY, hostile, hostile_streams, kinds, packet, read_capture, stream, whole

QUERY = bytes.fromhex(
    "abcd 0100 0001 0000 0000 0000 0267 6b09 73656e736f72697374 03 636f6d 00 0001 0001".replace(" ", "")
)
_A_RECORD = bytes.fromhex("c00c 0001 0001 0000003c 0004 36e5cbbe".replace(" ", ""))


def _header(
    flags: int = 0x8180, questions: int = 1, answers: int = 0, authority: int = 0, additional: int = 0
) -> bytes:
    return struct.pack("!6H", 0xABCD, flags, questions, answers, authority, additional)


def _answer(*records: bytes, flags: int = 0x8180, authority: int = 0, additional: int = 0) -> bytes:
    answers = len(records) - authority - additional
    return _header(flags, 1, answers, authority, additional) + QUERY[12:] + b"".join(records)


def _record(kind: int, data: bytes, *, owner: bytes = b"\xc0\x0c", klass: int = 1, ttl: int = 60) -> bytes:
    return owner + struct.pack("!HHIH", kind, klass, ttl, len(data)) + data


RESPONSE = _answer(_A_RECORD)


def _dissect(payload: bytes) -> DnsMessage:
    message = dns.dissect(payload, whole(payload))
    assert isinstance(message, DnsMessage)
    return message


def test_a_query_gives_id_question_and_type() -> None:
    message = _dissect(QUERY)
    assert (message.id, message.is_response, message.question, message.kind, message.opcode) == (
        0xABCD, False, "gk.sensorist.com", 1, 0,
    )  # fmt: skip
    assert message.is_complete


def test_an_answer_gives_its_addresses_as_packed_bytes() -> None:
    message = _dissect(RESPONSE)
    assert message.answers == (DnsRecord("gk.sensorist.com", 1, 60, bytes([54, 229, 203, 190])),)
    assert (message.answer_count, message.rcode, message.recursion_available) == (1, 0, True)


def test_names_in_answers_follow_compression() -> None:
    alias = _record(5, b"\x03www\xc0\x0f")
    assert _dissect(_answer(alias)).answers[0].data == "www.sensorist.com"


@pytest.mark.parametrize("kind", [65, 35, 43, 46, 47, 64, 257, 65280])
def test_record_types_that_dpkt_does_not_know_hide_nothing(kind: int) -> None:
    message = _dissect(_answer(_record(kind, b"\x00\x01\x02"), _A_RECORD, flags=0x8183))
    assert (message.rcode, message.question, message.is_complete) == (3, "gk.sensorist.com", True)
    assert [record.kind for record in message.answers] == [kind, 1]


def test_authority_tells_a_genuine_empty_answer_from_a_filtered_one() -> None:
    soa = _record(6, b"\0\0" + bytes(20))
    assert _dissect(_answer(soa, authority=1)).has_soa
    assert not _dissect(_answer()).has_soa


def test_the_opt_record_gives_size_high_rcode_and_extended_error() -> None:
    option = struct.pack("!HHH", 15, 6, 22) + b"none"
    opt = _record(41, struct.pack("!HH", 10, 0) + option, owner=b"\0", klass=1232, ttl=0x01000000)
    message = _dissect(_answer(opt, additional=1))
    assert (message.has_edns, message.edns_size, message.rcode, message.extended_error) == (True, 1232, 16, 22)
    assert dns.rcode_name(message.rcode) == "BADVERS"


def test_flags_are_told_apart() -> None:
    message = _dissect(_answer(flags=0x8600))
    assert (message.is_truncated, message.is_authoritative, message.recursion_available) == (True, True, False)


@pytest.mark.parametrize(("label", "text"), [(b"a.b", r"a\.b"), (b"\x00 \xff", r"\000\032\255"), (b"A\\", r"a\\")])
def test_odd_octets_of_a_label_are_escaped(label: bytes, text: str) -> None:
    payload = _header(0x0100) + bytes([len(label)]) + label + b"\0\0\1\0\1"
    assert _dissect(payload).question == text


def test_the_root_is_a_name_of_no_characters() -> None:
    assert _dissect(_header(0x0100) + b"\0\0\2\0\1").question == ""


@pytest.mark.parametrize(
    "name",
    [b"\xc0\x0c", b"\xc0\xff", b"\x01a\xc0\x0c", b"\x40" + b"a" * 64 + b"\0", b"\x3f" + b"a" * 10, b"\x3f" + b"a" * 63],
    ids=["itself", "forward", "loop", "label of 64", "cut label", "no end"],
)
def test_a_response_with_a_broken_name_still_counts_with_its_rcode(name: bytes) -> None:
    message = _dissect(_header(0x8182) + name)
    assert (message.id, message.is_response, message.rcode, message.question) == (0xABCD, True, 2, None)
    assert not message.is_complete


def test_a_name_of_more_than_255_octets_is_refused() -> None:
    assert _dissect(_header(0x0100) + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1").question is None


@pytest.mark.parametrize("size", range(12, len(RESPONSE)))
def test_a_cut_response_keeps_what_is_there(size: int) -> None:
    message = dns.dissect(RESPONSE[:size], packet(payload_len=len(RESPONSE)))
    assert isinstance(message, DnsMessage)
    assert (message.is_response, message.is_complete, message.answer_count) == (True, False, 1)


def test_more_records_than_anyone_sends_are_not_followed() -> None:
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 0)
    message = _dissect(_header(0x8180, 1, 5000) + QUERY[12:] + record * 5000)
    assert len(message.answers) == dns.MAX_RECORDS
    assert not message.is_complete


@pytest.mark.parametrize("size", range(12))
def test_less_than_a_header_is_malformed(size: int) -> None:
    assert isinstance(dns.dissect(QUERY[:size], packet()), Malformed)


def test_messages_over_tcp_follow_their_length_across_segments() -> None:
    framed = struct.pack("!H", len(RESPONSE)) + RESPONSE
    both = framed + framed
    found = dns.dissect_tcp(stream(both[:20], both[20:70], both[70:]))
    assert [(kinds([m])[0], m.at.frame) for m in found] == [("DnsMessage", 2), ("DnsMessage", 3)]
    assert all(isinstance(m, DnsMessage) and m.transport == "tcp" and m.is_complete for m in found)


def test_a_cut_message_over_tcp_is_given_as_incomplete() -> None:
    framed = struct.pack("!H", len(RESPONSE)) + RESPONSE
    (message,) = dns.dissect_tcp(stream(framed[:30]))
    assert isinstance(message, DnsMessage)
    assert (message.is_response, message.is_complete) == (True, False)


def test_a_tcp_stream_from_its_middle_is_read_only_if_a_message_fits() -> None:
    framed = struct.pack("!H", len(RESPONSE)) + RESPONSE
    assert kinds(dns.dissect_tcp(stream(framed, is_from_start=False))) == ["DnsMessage"]
    assert dns.dissect_tcp(stream(framed[7:] + framed, is_from_start=False)) == []


def test_query_and_answer_over_tcp_come_by_frame() -> None:
    asked = stream(struct.pack("!H", len(QUERY)) + QUERY, frames=[4])
    answered = stream(struct.pack("!H", len(RESPONSE)) + RESPONSE, frames=[5])
    assert [m.at.frame for m in dns.read(answered, asked)] == [4, 5]
    assert dns.read(EMPTY, EMPTY) == []


@settings(deadline=None)
@given(hostile(QUERY, RESPONSE, _answer(_record(5, b"\x03www\xc0\x0f"), _A_RECORD)))
def test_no_bytes_make_it_raise_and_a_header_is_always_a_message(payload: bytes) -> None:
    message = dns.dissect(payload, whole(payload))
    assert isinstance(message, DnsMessage) == (len(payload) >= 12)


@settings(deadline=None)
@given(hostile_streams(struct.pack("!H", len(RESPONSE)) + RESPONSE))
def test_no_stream_makes_it_raise(data: Stream) -> None:
    assert isinstance(dns.read(data, EMPTY), list)


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20), min_size=1, max_size=6))
def test_names_agree_with_dpkt(labels: list[str]) -> None:
    name = ".".join(labels)
    packed = bytes(dpkt.dns.DNS(id=1, qd=[dpkt.dns.DNS.Q(name=name, type=1, cls=1)]))
    assert _dissect(packed).question == name


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    "name",
    [
        "dns/arkime__dns-error.pcap",
        "dns/arkime__dns-flags0000.pcap",
        "dns/pcapplusplus__DnsPackets.pcap",
        "dns/suricata-verify__dns__dns-rcode__input.pcap",
        "dns/suricata-verify__dns__dns-sshfp__dns-sshfp.pcap",
        "dns/tcpdump__dns_tcp.pcap",
        "dns/tcpdump__dns_udp.pcap",
        "dns/zeek__dns-two-responses.pcap",
        "dns/ndpi__bad-dns-traffic.pcap",
        "damaged/ndpi__malformed_dns.pcap",
        "iot-boot/iot_sentinel__HueBridge__Setup-A-1-STA.pcap",
    ],
)
def test_counts_and_rcodes_agree_with_tshark(
    name: str, shared_captures: Path, truth: dict[str, dict[str, object]]
) -> None:
    reading = read_capture(shared_captures / name)
    found = [dns.dissect(data, at) for at, data in reading.datagrams if at.proto == 17 and 53 in (at.sport, at.dport)]
    for orig, resp, port in reading.connections():
        found += [m for m in dns.read(orig, resp) if port == 53 and isinstance(m, DnsMessage | Malformed)]
    messages = [m for m in found if isinstance(m, DnsMessage)]
    responses = [m for m in messages if m.is_response]
    assert len(messages) - len(responses) == truth[name]["dns_queries"]
    assert len(responses) == truth[name]["dns_responses"]
    assert Counter(dns.rcode_name(m.rcode) for m in responses) == truth[name]["dns_rcodes"]
