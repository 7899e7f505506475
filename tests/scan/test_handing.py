from __future__ import annotations

import numpy as np
import pytest

from pcapaudit.scan import Bounds
from pcapaudit.scan.columns import Kind
from pcapaudit.scan.wanted import beginning_with
from tests.scan.material import (
    ACK,
    SYN,
    batch,
    eth,
    ip4,
    ip6,
    received,
    scan,
    scanners,
    sent,
    stream,
    talk,
    tcp,
    udp,
    udp_flow,
)


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


def test_streams_leave_a_quarter_of_the_room_to_single_messages() -> None:
    frames = [*stream(40, 100), *udp_flow(3, 53)]
    result = scan(frames, bounds=Bounds(max_handed_bytes=400))
    assert result.handed["kind"].tolist() == [Kind.TCP] * 3 + [Kind.DNS] * 3
    assert result.tables_full["handed"]


def test_handed_bytes_never_exceed_their_bound() -> None:
    result = scan(udp_flow(10, 53), bounds=Bounds(max_handed_bytes=10))
    assert (len(result.blob), result.left_out["handed"]) == (8, 8)


@pytest.mark.parametrize(("said", "head"), [(b"GET / HTTP/1.1", b"GET / HT"), (b"abc", b"abc\0\0\0\0\0")])
def test_what_is_handed_over_shows_its_first_bytes(said: bytes, head: bytes) -> None:
    result = scan([sent(tcp(ACK, said))])
    assert int(result.handed["head"][0]).to_bytes(8, "little") == head


# When the log is full.


def test_a_stream_keeps_its_first_segments_and_their_rows_when_the_log_is_thinned() -> None:
    segments = [sent(tcp(ACK, b"%04d" % n, seq=1000 + 4 * n), n + 1) for n in range(30)]
    result = scan(segments + talk(4, 500), bounds=Bounds(max_rows=300))
    streams = np.flatnonzero(result.handed["kind"] == Kind.TCP).tolist()
    said = [result.payload(entry) for entry in streams]
    assert said == [b"%04d" % n for n in range(len(said))]
    assert 4 <= len(said) < 30
    assert result.rows["frame"][result.handed["row"][streams]].tolist() == list(range(1, len(said) + 1))


WANTED = beginning_with([(b"G", b"E", b"T", b" ")], ports=(21, 53))


def dialogue(port: int, first: bytes) -> list[bytes]:
    """A connection in which both sides say forty things in turn, and begin with the same octets."""
    frames = [
        sent(tcp(SYN, seq=99, dport=port), 1),
        received(tcp(SYN | ACK, seq=499, sport=port, dport=50000), 2),
    ]
    for turn in range(40):
        said = first if turn == 0 else b"%04d" % turn
        frames.append(sent(tcp(ACK, said, seq=100 + 4 * turn, dport=port), 10 + turn))
        frames.append(received(tcp(ACK, said, seq=500 + 4 * turn, sport=port, dport=50000), 10 + turn))
    return frames


@pytest.mark.parametrize(
    ("port", "first", "least"), [(443, b"GET ", 8), (443, b"????", 4), (21, b"????", 20), (53, b"????", 20)]
)
def test_of_a_thinned_stream_stays_what_tells_how_it_went_if_it_is_read(port: int, first: bytes, least: int) -> None:
    for make in scanners():
        scanner = make(bounds=Bounds(thin_rows=16), wanted=WANTED)
        scanner.feed(batch(dialogue(port, first)))
        result = scanner.result()
        assert np.bincount(result.rows["side"][result.handed["row"]]).tolist() == [least, least]
