from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pcapaudit.scan import Bounds, Scanner, is_compiled
from pcapaudit.scan.columns import Kind
from tests.scan.material import (
    ACK,
    FIN,
    MS,
    PSH,
    RST,
    SYN,
    B,
    batch,
    eth,
    ip4,
    ip6,
    received,
    scan,
    scan_batches,
    scanners,
    sent,
    tcp,
    udp,
)

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        (ip4(udp(dport=53)), Kind.DNS),
        (ip4(udp(sport=53)), Kind.DNS),
        (ip4(udp(sport=68, dport=67)), Kind.DHCP4),
        (ip4(udp(sport=67, dport=68)), Kind.DHCP4),
        (ip4(udp(sport=123, dport=123)), Kind.NTP),
        (ip4(udp(sport=50000, dport=123)), Kind.NTP),
        (ip4(tcp(ACK, b"GET"), 6), Kind.TCP),
    ],
)
def test_bytes_for_a_dissector_are_handed_over_under_their_kind(packet: bytes, kind: Kind) -> None:
    result = scan([eth(packet)])
    assert (result.handed["kind"].tolist(), result.handed["row"].tolist()) == ([kind], [0])
    assert result.payload(0) == (b"GET" if kind is Kind.TCP else b"data")


def test_dhcp_ports_mean_dhcp_in_their_own_family_alone() -> None:
    frames = [
        eth(ip6(udp(sport=546, dport=547)), 0x86DD),
        eth(ip6(udp(sport=68, dport=67)), 0x86DD),
        eth(ip4(udp(sport=546, dport=547))),
    ]
    assert scan(frames).handed["kind"].tolist() == [Kind.DHCP6]


@pytest.mark.parametrize(
    "packet",
    [ip4(udp(dport=8844)), ip4(tcp(ACK), 6), ip4(tcp(SYN), 6), ip4(udp(b"", dport=53)), ip4(b"x", 89)],
    ids=["other UDP", "bare ACK", "SYN", "empty DNS", "OSPF"],
)
def test_everything_else_is_logged_alone(packet: bytes) -> None:
    result = scan([eth(packet)])
    assert (len(result.rows), len(result.handed)) == (1, 0)


def stream(count: int, size: int, port: int = 443) -> list[bytes]:
    return [sent(tcp(ACK, bytes(size), seq=1000 + n * size, dport=port), n % 65535 + 1) for n in range(count)]


@pytest.mark.parametrize(
    ("port", "count", "size", "handed", "octets"),
    [
        (443, 60, 10, 40, 400),
        (443, 60, 1000, 33, 32 * 1024),
        (21, 500, 10, 400, 4000),
        (53, 300, 1000, 263, 256 * 1024),
    ],
)
def test_the_start_of_each_direction_of_a_stream_is_handed_over(
    port: int, count: int, size: int, handed: int, octets: int
) -> None:
    result = scan(stream(count, size, port))
    assert (len(result.handed), len(result.blob)) == (handed, octets)


def test_both_directions_have_their_own_share() -> None:
    answers = [received(tcp(ACK, b"x", seq=n, sport=443, dport=50000), n + 1) for n in range(50)]
    assert len(scan(stream(50, 1) + answers).handed) == 80


def test_a_marked_copy_of_a_segment_is_not_handed_over_again() -> None:
    frame = sent(tcp(ACK, b"data"))
    assert len(scan([frame, frame]).handed) == 1


def test_a_marked_copy_of_a_dns_message_is_because_it_counts() -> None:
    frame = eth(ip4(udp(dport=53)))
    assert len(scan([frame, frame]).handed) == 2


def udp_flow(count: int, port: int = 8844) -> list[bytes]:
    return [eth(ip4(udp(dport=port), ident=n % 65535 + 1)) for n in range(count)]


def test_a_flow_is_logged_for_300_packets_and_then_counted() -> None:
    result = scan(udp_flow(310))
    assert (len(result.rows), result.flows[0]["rows"], result.flows[0]["rows_left_out"]) == (300, 300, 10)
    assert result.counters["udp"] == 310


LATE = {
    "a reset": sent(tcp(RST, seq=400)),
    "a FIN": sent(tcp(FIN | ACK, seq=400)),
    "a retransmission": sent(tcp(ACK | PSH, b"x", seq=50), 9),
    "a zero window": sent(tcp(ACK, seq=400, window=0)),
}


@pytest.mark.parametrize("name", LATE)
def test_later_packets_that_say_something_are_logged_still(name: str) -> None:
    result = scan([*stream(350, 1), LATE[name]])
    assert len(result.rows) == 301
    assert result.rows[-1]["frame"] == 351


@pytest.mark.parametrize(("pause", "logged"), [(5 * SECOND, 301), (5 * SECOND - 1, 300)])
def test_the_first_packet_after_five_seconds_of_silence_is_logged(pause: int, logged: int) -> None:
    result = scan(udp_flow(311), times=[*range(310), 309 + pause])
    assert len(result.rows) == logged


def test_a_flow_has_at_most_2000_rows() -> None:
    frames = [sent(tcp(RST, seq=n), n % 65535 + 1) for n in range(2100)]
    assert scan(frames).flows[0]["rows"] == 2000


def test_dns_is_logged_and_handed_over_without_that_limit() -> None:
    result = scan(udp_flow(2100, 53))
    assert (len(result.rows), len(result.handed)) == (2100, 2100)


def test_the_log_ends_at_its_bound_and_counts_what_is_left_out() -> None:
    result = scan(udp_flow(10), bounds=Bounds(max_rows=4))
    assert (len(result.rows), result.left_out["rows"], result.tables_full["rows"]) == (4, 6, True)
    assert result.flows[0]["rows_left_out"] == 6


def test_streams_leave_a_quarter_of_the_room_to_single_messages() -> None:
    frames = [*stream(40, 100), *udp_flow(3, 53)]
    result = scan(frames, bounds=Bounds(max_handed_bytes=400))
    assert result.handed["kind"].tolist() == [Kind.TCP] * 3 + [Kind.DNS] * 3
    assert result.tables_full["handed"]


def test_handed_bytes_never_exceed_their_bound() -> None:
    result = scan(udp_flow(10, 53), bounds=Bounds(max_handed_bytes=10))
    assert (len(result.blob), result.left_out["handed"]) == (8, 8)


def test_the_arp_table_ends_at_its_bound() -> None:
    arp = bytes.fromhex("0001080006040001") + bytes(20)
    result = scan([eth(arp, 0x0806)] * 5, bounds=Bounds(max_arps=2))
    assert (len(result.arps), result.left_out["arps"], result.counters["arp"]) == (2, 3, 5)


def test_a_tunnelled_link_frame_and_its_tunnel_packet_both_find_room() -> None:
    mirrored = eth(ip4(b"\0\0\x88\xbe" + eth(b"\1\1\0\0" + bytes(60), 0x888E), 47, part=0x2000))
    result = scan([mirrored] * 50, times=[i * 100 * MS for i in range(50)])
    assert (len(result.rows), len(result.handed)) == (100, 100)


@pytest.mark.parametrize("make", scanners())
def test_a_result_does_not_change_when_the_scanner_is_fed_on(make: type[Scanner]) -> None:
    scanner = make()
    scanner.feed(batch(udp_flow(5, 53)))
    early = scanner.result()
    kept = {name: np.array(getattr(early, name)) for name in ("flows", "rows", "handed", "pairs", "bindings")}
    scanner.feed(batch(udp_flow(500, 53), first_frame=6))
    assert all(np.array_equal(kept[name], getattr(early, name)) for name in kept)
    assert early.counters["frames"] == 5
    assert len(scanner.result().rows) == 505


@pytest.mark.parametrize("name", ["flows", "rows", "handed", "arps", "pairs", "bindings"])
def test_the_tables_of_a_result_cannot_be_written(name: str) -> None:
    assert not getattr(scan(udp_flow(2)), name).flags.writeable


@pytest.mark.parametrize("make", scanners())
def test_an_empty_batch_changes_nothing(make: type[Scanner]) -> None:
    scanner = make()
    scanner.feed(batch([]))
    assert scanner.result().counters["frames"] == 0


@pytest.mark.parametrize("make", scanners())
def test_a_batch_that_points_outside_itself_is_refused(make: type[Scanner]) -> None:
    whole = batch(udp_flow(2))
    with pytest.raises(ValueError, match="outside"):
        make().feed(replace(whole, data=whole.data[:-1]))


def test_frame_numbers_run_on_from_what_the_batch_says() -> None:
    result = scan_batches([batch(udp_flow(2)), batch(udp_flow(2), first_frame=100)])
    assert result.rows["frame"].tolist() == [1, 2, 100, 101]


def test_counters_add_up_over_every_kind_of_frame() -> None:
    frames = [
        eth(ip4(udp())),
        eth(ip6(tcp(SYN), 6), 0x86DD),
        eth(bytes(46), 0x0806),
        eth(bytes(46), 0x9999),
        eth(ip4(bytes(8), 1, src=B)),
        eth(ip4(bytes(8), 89)),
        b"short",
        b"",
    ]
    counters = scan(frames).counters
    assert counters == {
        "frames": 8,
        "captured_bytes": sum(map(len, frames)),
        "wire_bytes": sum(map(len, frames)),
        "truncated_frames": 0,
        "undecoded_frames": 0,
        "malformed_packets": 2,
        "arp": 1,
        "ipv4": 3,
        "ipv6": 1,
        "no_ip": 3,
        "tcp": 1,
        "udp": 1,
        "icmp": 1,
        "other": 1,
        "tcp_conversations": 1,
        "udp_conversations": 1,
        "tcp_syn": 1,
    }


def test_the_scanner_says_whether_it_is_compiled() -> None:
    assert is_compiled() == (len(scanners()) == 2)
