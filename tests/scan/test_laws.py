"""What holds for every capture: other tools agree, neighbours do not matter, batches do not matter, nothing breaks."""

from __future__ import annotations

from itertools import pairwise

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scan.material import (
    ACK,
    A,
    B,
    batch,
    differences,
    eth,
    ip4,
    ip6,
    received,
    scan,
    scan_batches,
    sent,
    tag,
    tcp,
    udp,
)

LINKS = (0, 1, 9, 10, 12, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 228, 229, 239, 276, 999)
HALF, WORD, BYTE = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255)
PAYLOAD = st.binary(max_size=80)
INNER = eth(ip4(udp(b"inner")))
SEEDS = (
    sent(tcp(ACK, b"payload", options=bytes(12))),
    received(tcp(2)),
    eth(ip4(udp(b"query", dport=53), part=0x2000)),
    eth(ip4(udp(b"\x08\0\0\0\0\0\x2a\0" + INNER, dport=4789))),
    eth(ip4(udp(bytes.fromhex("0200655800002a00") + bytes(8) + INNER, dport=6081))),
    eth(ip4(bytes.fromhex("100088be00000001") + bytes(8) + INNER, 47)),
    eth(ip4(bytes.fromhex("300122eb00000001") + bytes(12) + INNER, 47)),
    eth(ip4(ip4(ip6(udp()), 41), 4)),
    eth(ip6(b"\x2c\0" + bytes(6) + b"\x11\0\0\1" + bytes(4) + udp(), 0), 0x86DD),
    eth(tag(5, b"\x11\0\0\1\0\x20\0\x21" + ip4(udp()), 0x8864), 0x88A8),
    eth(b"\0\1\0\x40\0\1\1\x40" + bytes(4) + INNER, 0x8847),
    eth(bytes.fromhex("0001080006040001") + bytes(20), 0x0806),
    bytes.fromhex("0180c20000000200000000050026424203") + bytes(35),
    bytes.fromhex("0801000006060606060602000000000502000000000900000000aaaa030000000800") + ip4(udp()),
    bytes.fromhex("0000080000000000") + b"\x08\x02" + bytes(22) + bytes.fromhex("aaaa030000000800") + ip4(udp()),
    b"\2\0\0\0\x08\0\1\0abcd\x24\0\x09\0" + ip4(udp()),
    ip4(udp()),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real frame, some bytes of it changed, cut somewhere."""
    frame = bytearray(draw(st.sampled_from(SEEDS)))
    for at, value in draw(st.lists(st.tuples(st.integers(0, len(frame) - 1), BYTE), max_size=5)):
        frame[at] = value
    return bytes(frame[: draw(st.integers(0, len(frame)))])


FRAMES = st.lists(st.one_of(mutated(), st.sampled_from(SEEDS), st.binary(max_size=120)), max_size=25)


@given(st.tuples(HALF, HALF), st.tuples(WORD, WORD), BYTE, HALF, HALF, st.integers(1, 255), PAYLOAD)
def test_tcp_over_ipv4_is_read_as_dpkt_reads_it(
    ports: tuple[int, int], numbers: tuple[int, int], flags: int, window: int, ident: int, ttl: int, payload: bytes
) -> None:
    (sport, dport), (seq, ack) = ports, numbers
    segment = dpkt.tcp.TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags, win=window, data=payload)
    packet = dpkt.ip.IP(src=A, dst=B, p=6, id=ident, ttl=ttl, data=segment)
    packet.len = len(packet)
    frame = bytes(dpkt.ethernet.Ethernet(data=packet))
    row = scan([frame]).rows[0]
    read = dpkt.ethernet.Ethernet(frame).data
    assert (row["seq"], row["ack"], row["flags"], row["window"]) == (
        read.data.seq,
        read.data.ack,
        read.data.flags,
        read.data.win,
    )
    assert (row["ip_id"], row["ttl"], row["ip_len"], row["payload_len"]) == (
        read.id,
        read.ttl,
        read.len,
        len(read.data.data),
    )


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), HALF, HALF, BYTE, PAYLOAD)
def test_udp_over_ipv6_is_read_as_dpkt_reads_it(
    src: bytes, dst: bytes, sport: int, dport: int, hops: int, payload: bytes
) -> None:
    datagram = dpkt.udp.UDP(sport=sport, dport=dport, ulen=8 + len(payload), data=payload)
    packet = dpkt.ip6.IP6(src=src, dst=dst, nxt=17, hlim=hops, plen=len(datagram), data=datagram)
    frame = bytes(dpkt.ethernet.Ethernet(type=0x86DD, data=packet))
    read = dpkt.ethernet.Ethernet(frame).data
    result = scan([frame])
    assert result.counters["udp"] == 1
    if dport in {4789, 6081}:
        return
    flow = result.flows[0]
    assert int(flow["a_hi"]).to_bytes(8, "big") + int(flow["a_lo"]).to_bytes(8, "big") == read.src
    assert int(flow["b_hi"]).to_bytes(8, "big") + int(flow["b_lo"]).to_bytes(8, "big") == read.dst
    assert (flow["a_port"], flow["b_port"]) == (read.data.sport, read.data.dport)
    assert (result.rows[0]["ttl"], result.rows[0]["payload_len"]) == (read.hlim, len(read.data.data))


@given(FRAMES, st.sampled_from(LINKS))
def test_any_frames_are_scanned_and_every_sum_holds(frames: list[bytes], link: int) -> None:
    counters = scan(frames, link=link).counters
    assert counters["arp"] + counters["ipv4"] + counters["ipv6"] + counters["no_ip"] == counters["frames"]
    ip = counters["ipv4"] + counters["ipv6"]
    assert counters["tcp"] + counters["udp"] + counters["icmp"] + counters["other"] == ip


@given(FRAMES, st.sampled_from(LINKS))
def test_what_lies_around_a_frame_never_matters(frames: list[bytes], link: int) -> None:
    zeros, ones = (scan(frames, link=link, around=around) for around in (bytes(70), b"\xff" * 70))
    assert not differences(zeros, ones)


@settings(max_examples=50)
@given(FRAMES, st.lists(st.integers(1, 6), min_size=1), st.sampled_from(LINKS))
def test_how_frames_are_cut_into_batches_never_matters(frames: list[bytes], sizes: list[int], link: int) -> None:
    edges = [0]
    while edges[-1] < len(frames):
        edges.append(edges[-1] + sizes[len(edges) % len(sizes)])
    parts = [batch(frames[a:b], first_frame=a + 1, link=link) for a, b in pairwise(edges)]
    assert not differences(scan(frames, link=link), scan_batches(parts))


@given(FRAMES)
def test_every_handed_entry_lies_in_the_blob_and_names_a_row(frames: list[bytes]) -> None:
    result = scan(frames)
    ends = result.handed["start"] + result.handed["length"]
    assert ends.tolist()[-1:] in ([], [len(result.blob)])
    assert all(row < len(result.rows) for row in result.handed["row"])


@given(FRAMES)
def test_the_packets_of_all_flows_are_the_packets_of_the_capture(frames: list[bytes]) -> None:
    result = scan(frames)
    counted = int(result.flows["a_pkts"].sum() + result.flows["b_pkts"].sum())
    assert counted == result.counters["ipv4"] + result.counters["ipv6"]
    logged = int(result.flows["rows"].sum() + result.flows["rows_left_out"].sum())
    assert logged == counted


@given(FRAMES)
def test_two_scans_of_the_same_frames_say_the_same_though_their_seeds_differ(frames: list[bytes]) -> None:
    assert not differences(scan(frames), scan(frames))


@pytest.mark.parametrize("far", [2**63 - 1, -(2**63), 2**62, 10**18])
def test_absurd_time_stamps_are_far_apart_and_break_nothing(far: int) -> None:
    frames = [sent(tcp(ACK, seq=n), n + 1) for n in range(320)]
    result = scan([*frames, frames[-1]], times=[0] * 319 + [-2, far])
    assert result.oddities.same.count == 0
    assert len(result.rows) == 308 + (far > 0)
