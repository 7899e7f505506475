from __future__ import annotations

import struct
from typing import Any

import pytest

from pcapaudit.scan import Bounds, ScanResult
from pcapaudit.scan.columns import NO_VLAN, Copy
from tests.scan.material import (
    A6,
    ACK,
    B6,
    DEVICE,
    GATEWAY,
    MS,
    OTHER,
    PSH,
    A,
    B,
    batch,
    eth,
    ip4,
    ip6,
    scan,
    scan_batches,
    sent,
    tag,
    tcp,
    udp,
)

DATA = tcp(ACK | PSH, b"telegram")
FRAME = sent(DATA, 77)
ROUTED = eth(ip4(DATA, 6, ident=77, ttl=63), src=GATEWAY, dst=OTHER)


def copies(frames: list[bytes], gap: int = MS) -> list[tuple[int, int]]:
    """(dup_of, dup_kind) of each packet, the packets ``gap`` ns apart."""
    result = scan(frames, times=[i * gap for i in range(len(frames))])
    return [(int(row["dup_of"]), int(row["dup_kind"])) for row in result.rows]


COPIES = {
    "the same frame again": ([FRAME, FRAME], (1, Copy.SAME)),
    "with other padding": ([FRAME, FRAME + bytes(6)], (1, Copy.SAME)),
    "tagged the second time": ([FRAME, eth(tag(7, FRAME[14:]), 0x8100)], (1, Copy.SAME)),
    "on the other side of a router": ([FRAME, ROUTED], (1, Copy.ROUTED)),
    "far side seen first": ([ROUTED, FRAME], (1, Copy.ROUTED)),
    "routed between two VLANs of one router": (
        [eth(tag(7, FRAME[14:]), 0x8100), eth(tag(8, ROUTED[14:]), 0x8100, src=GATEWAY, dst=OTHER)],
        (1, Copy.ROUTED),
    ),
    "a retransmission has a new identification": ([FRAME, sent(DATA, 78)], (0, Copy.NONE)),
    "other payload": ([FRAME, sent(tcp(ACK | PSH, b"Telegram"), 77)], (0, Copy.NONE)),
    "other length": ([FRAME, sent(tcp(ACK | PSH, b"telegram!"), 77)], (0, Copy.NONE)),
    "other hop limit on the same link": ([FRAME, sent(DATA, 77, ttl=63)], (0, Copy.NONE)),
    "same hop limit on another link": ([FRAME, eth(FRAME[14:], src=OTHER)], (0, Copy.NONE)),
    "no identification, and nothing proves the mirror": ([sent(DATA, 0), sent(DATA, 0)], (0, Copy.NONE)),
    "IPv6, and nothing proves the mirror": (
        [eth(ip6(udp()), 0x86DD), eth(ip6(udp()), 0x86DD)],
        (0, Copy.NONE),
    ),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_second_packet_is_judged_against_the_first(name: str) -> None:
    frames, expected = COPIES[name]
    assert copies(frames)[1] == expected


def test_the_header_checksum_does_not_matter() -> None:
    changed = bytearray(FRAME)
    changed[24:26] = b"\xab\xcd"
    assert copies([FRAME, bytes(changed)])[1] == (1, Copy.SAME)


def test_bytes_behind_the_first_256_of_a_datagram_are_not_compared() -> None:
    first, second = (sent(tcp(ACK, bytes(300) + tail), 5) for tail in (b"a", b"b"))
    assert copies([first, second])[1] == (1, Copy.SAME)


@pytest.mark.parametrize(("gap", "kind"), [(50 * MS, Copy.SAME), (50 * MS + 1, Copy.NONE), (-50 * MS, Copy.SAME)])
def test_a_copy_comes_within_50_ms_in_either_order_of_time(gap: int, kind: Copy) -> None:
    result = scan([FRAME, FRAME], times=[10**9, 10**9 + gap])
    assert result.rows[1]["dup_kind"] == kind


def test_every_copy_names_the_first_one() -> None:
    assert [of for of, _ in copies([FRAME, FRAME, ROUTED, FRAME])] == [0, 1, 1, 1]


PROOF = [frame for n in range(100, 120) for frame in (sent(DATA, n), sent(DATA, n))]


@pytest.mark.parametrize("frame", [sent(DATA, 0), eth(ip6(udp()), 0x86DD)], ids=["identification 0", "IPv6"])
@pytest.mark.parametrize(("proofs", "gap", "kind"), [(40, 4, Copy.SAME), (38, 4, Copy.NONE), (40, 5, Copy.NONE)])
def test_packets_without_identification_are_copies_once_20_others_prove_the_mirror(
    frame: bytes, proofs: int, gap: int, kind: Copy
) -> None:
    frames = [*PROOF[:proofs], frame, frame]
    times = [i * 1000 for i in range(proofs)] + [MS, MS + gap * MS]
    assert scan(frames, times=times).rows[-1]["dup_kind"] == kind


def test_ipv6_data_segments_that_repeat_at_once_prove_the_mirror_too() -> None:
    frames = [eth(ip6(tcp(ACK, b"data", seq=n // 2 * 4), 6), 0x86DD) for n in range(42)]
    kinds = [kind for _, kind in copies(frames, 1000)]
    assert kinds[1:39:2] == [Copy.NONE] * 19
    assert kinds[39::2] == [Copy.SAME] * 2


def test_a_repeated_arp_frame_is_a_copy() -> None:
    request = eth(bytes.fromhex("0001080006040001") + DEVICE + bytes(4) + bytes(10), 0x0806)
    result = scan([request, request, request], times=[0, MS, 200 * MS])
    assert result.arps["dup_of"].tolist() == [0, 1, 0]


def test_copies_are_looked_for_among_the_last_8192_packets() -> None:
    between = [sent(tcp(ACK, seq=n), n % 60000 + 1000) for n in range(8191)]
    frames = [FRAME, *between, FRAME]
    assert scan(frames, times=[0] * len(frames)).oddities.same.count == 0
    assert scan([FRAME, *between[1:], FRAME], times=[0] * (len(frames) - 1)).oddities.same.count == 1


def test_copies_are_counted_by_kind_with_their_first_pairs() -> None:
    oddities = scan([FRAME, FRAME, ROUTED] + [FRAME] * 6).oddities
    assert (oddities.same.count, oddities.routed.count) == (7, 1)
    assert oddities.same.pairs == ((1, 2), (1, 4), (1, 5), (1, 6), (1, 7))
    assert oddities.routed.pairs == ((1, 3),)


def test_a_burst_of_equal_packets_without_identification_stays_quick_and_unmarked() -> None:
    frames = [sent(DATA, 0)] * 3000
    assert scan(frames, times=[0] * 3000).oddities.same.count == 0


def number(mac: bytes) -> int:
    return int.from_bytes(mac, "big")


def test_a_pair_is_two_link_addresses_and_a_vlan() -> None:
    packet = ip4(udp())
    frames = [
        eth(packet),
        eth(packet, src=GATEWAY, dst=DEVICE),
        eth(b"\1" * 20, 0x1234),
        eth(tag(7, packet), 0x8100),
        eth(packet, dst=b"\xff" * 6),
    ]
    pairs = {(int(p["smac"]), int(p["dmac"]), int(p["vlan"])): int(p["frames"]) for p in scan(frames).pairs}
    assert pairs == {
        (number(DEVICE), number(GATEWAY), NO_VLAN): 2,
        (number(GATEWAY), number(DEVICE), NO_VLAN): 1,
        (number(DEVICE), number(GATEWAY), 7): 1,
        (number(DEVICE), 2**48 - 1, NO_VLAN): 1,
    }


def test_pairs_and_bindings_say_when_they_were_seen() -> None:
    result = scan([eth(ip4(udp()))] * 3, times=[30, 10, 20], first_frame=5)
    for table in (result.pairs, result.bindings):
        row = table[0]
        assert (row["frames"], row["first_ns"], row["last_ns"]) == (3, 30, 20)
        assert (row["first_frame"], row["last_frame"]) == (5, 7)


def test_a_binding_is_a_source_address_behind_a_source_mac_with_its_hop_limits() -> None:
    frames = [
        eth(ip4(udp(), ttl=64)),
        eth(ip4(udp(), ttl=60)),
        eth(ip4(udp(), src=B), src=GATEWAY),
        eth(ip6(udp(), hops=255), 0x86DD),
    ]
    found = [(int(b["smac"]), int(b["family"]), int(b["ttl_min"]), int(b["ttl_max"])) for b in scan(frames).bindings]
    assert found == [(number(DEVICE), 4, 60, 64), (number(GATEWAY), 4, 64, 64), (number(DEVICE), 6, 255, 255)]


def test_without_a_link_address_there_is_no_pair_but_a_binding() -> None:
    result = scan([ip4(udp())], link=101)
    assert (len(result.pairs), result.bindings["smac"].tolist()) == (0, [0])


def many(count: int) -> ScanResult:
    frames = [eth(ip4(udp(), src=(n + 1).to_bytes(4, "big")), src=(n + 1).to_bytes(6, "big")) for n in range(count)]
    return scan_batches(
        [batch(frames[at : at + 7], first_frame=at + 1) for at in range(0, count, 7)],
        Bounds(max_pairs=20, max_bindings=30, max_flows=25),
    )


def test_full_tables_keep_what_they_have_and_count_the_rest() -> None:
    result = many(100)
    assert (len(result.pairs), len(result.bindings), len(result.flows)) == (20, 30, 25)
    assert result.tables_full == {
        "flows": True, "rows": False, "handed": False, "arps": False, "pairs": True, "bindings": True
    }  # fmt: skip
    assert (result.left_out["pairs"], result.left_out["bindings"], result.left_out["flows"]) == (80, 70, 75)
    assert result.counters["udp"] == 100


def test_tunnel_ends_are_kept_once_each_up_to_64() -> None:
    inner = ip4(udp())
    frames = [eth(ip4(inner, 4, src=(n % 70).to_bytes(4, "big"))) for n in range(140)]
    result = scan(frames)
    assert len(result.outer_pairs) == 64
    assert {(pair.frames, pair.source) for pair in result.outer_pairs} == {(2, n.to_bytes(4, "big")) for n in range(64)}
    assert result.outer_pairs[3].first_frame == 4


def summed(segment: bytes, proto: int, *, family: int = 4, sum_at: int, how: str) -> bytes:
    """The frame of a TCP or UDP segment whose checksum is right, wrong, or left at the pseudo-header's sum."""
    ends = A6 + B6 if family == 6 else A + B
    pseudo = ends + struct.pack(">II", len(segment), proto)
    covered = pseudo if how == "partial" else pseudo + segment + bytes(len(segment) % 2)
    total = sum(struct.unpack(f">{len(covered) // 2}H", covered)) % 0xFFFF
    field = total if how == "partial" else (0xFFFF - total + (how == "wrong")) % 0x10000
    whole = segment[:sum_at] + struct.pack(">H", field) + segment[sum_at + 2 :]
    return eth(ip6(whole, proto), 0x86DD) if family == 6 else eth(ip4(whole, proto))


def sums(frames: list[bytes], **how: Any) -> tuple[int, int, int]:
    """Checksums verified, wrong, and partial, of the one sender."""
    (row,) = scan(frames, **how).bindings
    return int(row["sums"]), int(row["wrong_sums"]), int(row["partial_sums"])


@pytest.mark.parametrize("payload", [b"", b"even", b"odd"])
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("how", "expected"), [("right", (1, 0, 0)), ("wrong", (1, 1, 0)), ("partial", (1, 1, 1))])
def test_the_checksum_of_a_whole_packet_is_verified(
    payload: bytes, family: int, how: str, expected: tuple[int, int, int]
) -> None:
    segment = tcp(ACK | PSH, payload)

    assert sums([summed(segment, 6, family=family, sum_at=16, how=how)]) == expected
    assert sums([summed(udp(payload), 17, family=family, sum_at=6, how=how)]) == expected


def test_padding_is_no_part_of_the_checksum() -> None:
    frame = summed(tcp(ACK | PSH, b"x"), 6, sum_at=16, how="right")

    assert sums([frame + b"\xaa" * 6]) == (1, 0, 0)


def test_no_checksum_is_verified_where_there_is_none_or_not_all_that_it_covers() -> None:
    frame = summed(tcp(ACK | PSH, b"telegram"), 6, sum_at=16, how="wrong")

    assert sums([eth(ip4(udp()))]) == (0, 0, 0)
    assert sums([frame[:-1]], wire=[len(frame)]) == (0, 0, 0)
    assert sums([eth(ip4(udp(), part=0x2000))]) == (0, 0, 0)
    assert sums([eth(ip4(tcp(ACK, bytes(1600)), 6))]) == (0, 0, 0)


def test_only_the_first_64_checksums_of_a_sender_are_verified() -> None:
    frame = summed(tcp(ACK | PSH, b"telegram"), 6, sum_at=16, how="wrong")

    assert sums([frame] * 70) == (64, 64, 0)
