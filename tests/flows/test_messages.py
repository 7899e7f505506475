from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.dissect import dns
from pcapaudit.flows.messages import MAX_READINGS, MAX_REPEATED, Repeats
from pcapaudit.flows.said import NOBODY, set_to
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import DnsMessage, Malformed, Packet
from pcapaudit.scan.columns import Kind
from tests.support import wire
from tests.support.player import Frame
from tests.support.scene import scan_frames
from tests.support.wire_services import Dns
from tests.support.wire_services import dns as dns_bytes

QUESTION = dns_bytes("a.example", "A", Dns(5))


def packet(frame: int, payload: bytes = b"") -> Packet:
    return Packet(frame, frame, b"\x0a\0\0\5", 40000, b"\x0a\0\0\1", 53, 17, payload_len=len(payload))


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.sampled_from([QUESTION[2:], b"", b"\1", QUESTION[2:-1]]))))
def test_what_is_read_of_a_repeat_is_what_is_read_of_it_alone(messages: list[tuple[int, bytes]]) -> None:
    repeats = Repeats()

    for frame, (ident, rest) in enumerate(messages, 1):
        payload = ident.to_bytes(2, "big") + rest
        at = packet(frame, payload)
        reading = repeats.read(Kind.DNS, payload, is_whole=True, at=partial(packet, frame, payload))
        assert reading.at is NOBODY
        assert set_to(reading, at, ident) == dns.dissect(payload, at)


def test_a_cut_message_is_not_taken_for_the_whole_one() -> None:
    repeats = Repeats()
    payload = bytes([1, 1, 6, 0]) + bytes(24) + bytes.fromhex("02000a000005") + bytes(202) + b"\x63\x82\x53\x63\x35\1\1"

    whole = repeats.read(Kind.DHCP4, payload, is_whole=True, at=lambda: packet(1, payload))
    cut = repeats.read(Kind.DHCP4, payload, is_whole=False, at=lambda: packet(2, payload + bytes(60)))

    assert [getattr(m, "is_complete", None) for m in (whole, cut)] == [True, False]


def test_only_so_many_readings_and_no_long_ones_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def listen(payload: bytes, at: Packet) -> DnsMessage | Malformed:
        read.append(payload)
        return dns.dissect(payload, at)

    monkeypatch.setattr("pcapaudit.flows.messages._DISSECTORS", {Kind.DNS: listen})
    repeats = Repeats()
    long = QUESTION + bytes(MAX_REPEATED)
    for payload in (long, long, QUESTION, QUESTION):
        repeats.read(Kind.DNS, payload, is_whole=True, at=lambda: packet(1))
    assert read == [long, long, QUESTION]

    for number in range(MAX_READINGS):
        repeats.read(Kind.DNS, QUESTION + number.to_bytes(2, "big"), is_whole=True, at=lambda: packet(1))
    repeats.read(Kind.DNS, QUESTION, is_whole=True, at=lambda: packet(1))
    assert read[-1] == QUESTION


def fragments(body: bytes, size: int, order: list[int]) -> list[Frame]:
    """Frames of one UDP datagram from the resolver to the device, cut as RFC 791 cuts, in the given order."""
    src, dst = b"\x0a\0\0\1", b"\x0a\0\0\5"
    datagram = wire.udp(src, dst, (53, 40000), body)
    frames = []
    for at in range(0, len(datagram), size):
        more = 0x2000 if at + size < len(datagram) else 0
        packet = wire.ip(src, dst, 17, datagram[at : at + size], ttl=64, ip_id=7, fragment=more | at // 8)
        data = wire.ethernet(bytes.fromhex("02000a000005"), bytes.fromhex("02000a000001"), wire.ETHER_IPV4, packet)
        frames.append(Frame(1_767_600_000_000_000_000 + at, data, len(data), "", 0))
    return [frames[i] for i in order]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_a_fragmented_answer_is_read_in_any_order(order: list[int]) -> None:
    body = dns_bytes("a.example", "A", Dns(5, is_response=True, rcode=3)) + bytes(60)
    traffic = scan_frames(fragments(body, 40, order))

    [answer] = traffic.dns

    assert (answer.question, answer.rcode, answer.at.frame) == ("a.example", 3, 3)
    assert (answer.at.sport, answer.at.dport, answer.at.payload_len) == (53, 40000, len(body))
    assert traffic.unjoined_fragments == 0


def test_a_fragment_whose_rest_is_missing_is_counted() -> None:
    body = dns_bytes("a.example", "A", Dns(5, is_response=True)) + bytes(60)

    assert scan_frames(fragments(body, 40, [0, 2])).unjoined_fragments == 1


def in_udp(ports: tuple[int, int], payload: bytes) -> Frame:
    src, dst = b"\x0a\0\0\5", b"\x0a\0\0\1"
    data = wire.ip(src, dst, 17, wire.udp(src, dst, ports, payload), ttl=64, ip_id=1, fragment=0)
    frame = wire.ethernet(bytes(6), bytes(6), wire.ETHER_IPV4, data)
    return Frame(1, frame, len(frame), "", 0)


def said(traffic: Traffic) -> list[tuple[str, int]]:
    return [(m.protocol, m.at.frame) for m in traffic.malformed]


def test_malformed_messages_are_kept_apart_in_frame_order() -> None:
    traffic = scan_frames([in_udp((123, 123), b"\1"), in_udp((40000, 53), b"\0\1"), in_udp((68, 67), b"\1")])

    assert said(traffic) == [("ntp", 1), ("dns", 2), ("dhcp", 3)]
    assert [*traffic.dns, *traffic.ntp, *traffic.dhcp] == []


def test_what_is_read_holds_no_malformed_ones() -> None:
    traffic = scan_frames([in_udp((40000, 53), b"\0\1"), in_udp((40000, 53), QUESTION), in_udp((123, 123), b"\1")])

    assert [m.question for m in traffic.dns.readings] == ["a.example"]
    assert traffic.dns_counters()["dns_queries"] == 1


def test_a_message_is_of_the_class_of_its_protocol() -> None:
    traffic = scan_frames([in_udp((40000, 53), QUESTION)])

    assert [type(m) for m in traffic.dns] == [DnsMessage]
    assert traffic.malformed == []


@pytest.mark.parametrize("window", [1, 20, 64, 1000])
def test_messages_are_the_same_however_many_bytes_are_fetched_at_once(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [in_udp((40000, 53), QUESTION), in_udp((123, 123), b"\1"), in_udp((40000, 53), QUESTION + bytes(40))]
    whole = scan_frames(frames)
    expected = whole.dns, whole.malformed

    monkeypatch.setattr("pcapaudit.flows.messages.WINDOW", window)
    pieces = scan_frames(frames)

    assert len(expected[0]) == 2
    assert (pieces.dns, pieces.malformed) == expected
