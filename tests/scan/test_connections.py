from __future__ import annotations

import pytest

from pcapaudit.scan import ScanResult
from tests.scan.material import (
    A6,
    ACK,
    B6,
    DEVICE,
    FIN,
    GATEWAY,
    MS,
    OTHER,
    PSH,
    RST,
    SYN,
    A,
    B,
    batch,
    eth,
    ip4,
    ip6,
    received,
    scan,
    scan_batches,
    sent,
    tcp,
    udp,
)


def back(flags: int, payload: bytes = b"", *, seq: int = 9000, ack: int = 0, dport: int = 50000) -> bytes:
    """A segment from the server to the device's port."""
    return tcp(flags, payload, seq=seq, ack=ack, sport=443, dport=dport)


def talk(*frames: bytes) -> ScanResult:
    """Scan frames, each with its own IP identification so that none looks like a copy."""
    numbered = [frame[:18] + (n + 1).to_bytes(2, "big") + frame[20:] for n, frame in enumerate(frames)]
    return scan(numbered)


def side(result: ScanResult, which: str, *names: str, flow: int = 0) -> tuple[int, ...]:
    return tuple(int(result.flows[flow][f"{which}_{name}"]) for name in names)


HANDSHAKE = (
    sent(tcp(SYN, seq=1000)),
    received(back(SYN | ACK, seq=9000, ack=1001)),
    sent(tcp(ACK, seq=1001, ack=9001)),
)


def test_a_handshake_is_one_flow_of_two_sides() -> None:
    result = talk(*HANDSHAKE)
    assert len(result.flows) == 1
    flow = result.flows[0]
    assert (flow["family"], flow["proto"], flow["midstream"]) == (4, 6, 0)
    assert (flow["a_lo"], flow["b_lo"]) == (int.from_bytes(A, "big"), int.from_bytes(B, "big"))
    assert (flow["a_port"], flow["b_port"]) == (50000, 443)
    assert side(result, "a", "pkts", "bytes", "payload", "flags", "isn", "next", "ack") == (
        2, 80, 0, SYN | ACK, 1000, 1001, 9001,
    )  # fmt: skip
    assert side(result, "b", "pkts", "flags", "isn", "next", "ack") == (1, SYN | ACK, 9000, 9001, 1001)
    assert result.rows["side"].tolist() == [0, 1, 0]


def test_times_and_frames_of_a_flow_are_those_of_its_first_and_last_packet() -> None:
    result = scan([HANDSHAKE[0], HANDSHAKE[1], HANDSHAKE[2]], times=[10, 20, 30], first_frame=41)
    flow = result.flows[0]
    assert (flow["first_ns"], flow["last_ns"], flow["first_frame"], flow["last_frame"]) == (10, 30, 41, 43)
    assert side(result, "b", "last_ns", "last_frame") == (20, 42)


def test_ipv6_addresses_stand_in_two_halves() -> None:
    flow = scan([eth(ip6(udp()), 0x86DD)]).flows[0]
    assert int(flow["a_hi"]).to_bytes(8, "big") + int(flow["a_lo"]).to_bytes(8, "big") == A6
    assert int(flow["b_hi"]).to_bytes(8, "big") + int(flow["b_lo"]).to_bytes(8, "big") == B6


def test_protocols_without_ports_make_one_flow_per_pair_of_addresses() -> None:
    result = scan([eth(ip4(b"\x08\0" + bytes(6), 1)), eth(ip4(b"\0\0" + bytes(6), 1, src=B, dst=A))])
    assert len(result.flows) == 1
    assert (result.flows[0]["a_port"], result.flows[0]["b_port"]) == (0, 0)


def test_conversations_are_distinct_pairs_of_address_and_port() -> None:
    frames = [
        sent(tcp(SYN, sport=50000)),
        sent(tcp(SYN, sport=50001)),
        received(back(RST | ACK)),
        eth(ip4(udp(sport=50000, dport=443))),
        eth(ip4(udp(sport=443, dport=50000), src=B, dst=A)),
    ]
    counters = talk(*frames).counters
    assert (counters["tcp_conversations"], counters["udp_conversations"]) == (2, 1)


def test_an_address_that_talks_to_itself_on_one_port_is_one_side() -> None:
    result = scan([eth(ip4(udp(sport=5, dport=5), src=A, dst=A, ident=n)) for n in (1, 2)])
    assert (len(result.flows), *side(result, "a", "pkts")) == (1, 2)


REOPENED = {
    "new SYN number, old one known": ((sent(tcp(SYN, seq=1)), sent(tcp(SYN, seq=2))), 2),
    "the same SYN again": ((sent(tcp(SYN, seq=1)), sent(tcp(SYN, seq=1))), 1),
    "SYN after FIN without a SYN seen": ((received(back(SYN | ACK)), received(back(FIN)), sent(tcp(SYN, seq=5))), 2),
    "SYN after RST without a SYN seen": ((received(back(SYN | ACK)), received(back(RST)), sent(tcp(SYN, seq=5))), 2),
    "SYN behind its own answer": ((received(back(SYN | ACK, ack=1001)), sent(tcp(SYN))), 1),
    "SYN on a flow met midstream": ((sent(tcp(ACK)), sent(tcp(SYN, seq=70_000))), 2),
    "SYN behind the acknowledgment that follows it": ((sent(tcp(ACK, seq=1001)), sent(tcp(SYN))), 1),
    "SYN behind data that follows it": ((sent(tcp(ACK, bytes(100), seq=1001)), sent(tcp(SYN))), 1),
    "SYN behind its refusal": ((received(back(RST | ACK, ack=1001)), sent(tcp(SYN))), 1),
    "SYN behind the end": (
        (received(back(SYN | ACK, ack=1001)), received(back(FIN | ACK, ack=1001)), sent(tcp(SYN))),
        1,
    ),
    "the same SYN after a reset": ((sent(tcp(SYN)), received(back(RST | ACK)), sent(tcp(SYN))), 1),
    "SYN and ACK of another number": ((received(back(SYN | ACK, seq=1)), received(back(SYN | ACK, seq=2))), 1),
    "SYN of the other side": ((sent(tcp(SYN, seq=1)), received(back(SYN, seq=2))), 1),
}


@pytest.mark.parametrize("name", REOPENED)
def test_a_new_connection_on_the_same_ports_gets_its_own_row(name: str) -> None:
    frames, rows = REOPENED[name]
    result = talk(*frames)
    assert len(result.flows) == rows
    assert result.flows["key_flow"].tolist() == [0] * rows
    assert result.counters["tcp_conversations"] == 1


def test_a_syn_that_was_handed_over_too_late_opens_its_flow_and_repeats_nothing() -> None:
    result = talk(sent(tcp(ACK, bytes(100), seq=1001)), received(back(ACK, ack=1101)), sent(tcp(SYN)))
    flow = result.flows[0]
    assert (len(result.flows), flow["midstream"], flow["a_isn"], flow["a_retrans"]) == (1, 0, 1000, 0)


def test_a_syn_long_after_a_flow_was_met_opens_another_whatever_its_number() -> None:
    frames = [sent(tcp(ACK, seq=1001)), sent(tcp(SYN), 2)]
    assert len(scan(frames, times=[0, 6 * MS]).flows) == 2


def test_packets_go_to_the_latest_connection_of_their_ports() -> None:
    result = talk(sent(tcp(SYN, seq=1)), sent(tcp(SYN, seq=2)), received(back(SYN | ACK, ack=3)))
    assert result.rows["flow"].tolist() == [0, 1, 1]


def test_the_first_sender_of_a_new_connection_is_its_side_a() -> None:
    frames = (received(back(ACK)), sent(tcp(SYN, seq=5)))
    result = talk(*frames)
    assert result.flows["a_port"].tolist() == [443, 50000]
    assert result.flows["midstream"].tolist() == [1, 0]


def data(at: int, size: int, flags: int = ACK | PSH) -> bytes:
    return sent(tcp(flags, bytes(size), seq=at % 2**32, ack=9001))


RETRANSMISSIONS = {
    "in order": ((data(1001, 10), data(1011, 10)), 0),
    "all of it again": ((data(1001, 10), data(1001, 10)), 1),
    "part of it again": ((data(1001, 10), data(1006, 10)), 1),
    "behind a hole": ((data(1001, 10), data(1021, 10), data(1011, 10)), 1),
    "over the end of the number space": ((data(2**32 - 5, 10), data(5, 10), data(2**32 - 5, 10)), 1),
    "bare acknowledgements": ((data(1001, 10), data(1001, 0), data(1001, 0)), 0),
    "the SYN again": ((sent(tcp(SYN)), sent(tcp(SYN))), 1),
    "a keep-alive byte": ((data(1001, 10), received(back(ACK, ack=1011)), data(1010, 1)), 0),
    "one byte that nobody confirmed": ((data(1001, 10), data(1010, 1)), 1),
    "a bare FIN again": ((data(1001, 10, ACK | FIN), data(1011, 0, ACK | FIN)), 0),
    "behind a reset of number 0": ((data(1001, 10), sent(tcp(RST, seq=0)), data(1011, 10)), 0),
}


@pytest.mark.parametrize("name", RETRANSMISSIONS)
def test_what_begins_below_the_highest_number_is_a_retransmission(name: str) -> None:
    frames, count = RETRANSMISSIONS[name]
    assert side(talk(*frames), "a", "retrans") == (count,)


def test_a_marked_copy_is_no_retransmission_but_counts_as_a_packet() -> None:
    frame = data(1001, 10)
    result = scan([frame, frame])
    assert side(result, "a", "pkts", "data", "retrans") == (2, 2, 0)


UNSEEN = {
    "all seen": ((data(1001, 10), received(back(ACK, ack=1011))), 0),
    "beyond what was seen": ((data(1001, 10), received(back(ACK, ack=1021))), 1),
    "the same acknowledgement again": (
        (data(1001, 10), received(back(ACK, ack=1021)), received(back(ACK, ack=1021))),
        1,
    ),
    "ever further": ((data(1001, 10), received(back(ACK, ack=1021)), received(back(ACK, ack=1031))), 2),
    "the other side was never seen": ((received(back(ACK, ack=1021)),), 0),
    "the handshake's numbers": (HANDSHAKE, 0),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_an_acknowledgement_of_bytes_never_seen_is_counted_once(name: str) -> None:
    frames, count = UNSEEN[name]
    result = talk(*frames)
    flow = result.flows[0]
    assert int(flow["a_unseen_acks"]) + int(flow["b_unseen_acks"]) == count


def test_a_reset_moves_neither_number() -> None:
    result = talk(*HANDSHAKE, sent(tcp(RST, seq=0)))
    assert side(result, "a", "next") == (1001,)
    assert side(result, "a", "flags") == (SYN | ACK | RST,)


def test_hop_limits_and_link_addresses_of_a_side_are_followed() -> None:
    frames = [
        eth(ip4(udp(), ttl=64, ident=1)),
        eth(ip4(udp(), ttl=60, ident=2), src=OTHER),
        eth(ip4(udp(), ttl=70, ident=3), src=OTHER),
        eth(ip4(udp(), ttl=64, ident=4)),
    ]
    result = scan(frames)
    assert side(result, "a", "ttl_min", "ttl_max", "mac", "mac_changes") == (60, 70, int.from_bytes(DEVICE, "big"), 2)
    assert side(result, "b", "pkts", "mac", "ttl_min", "last_ns") == (0, 0, 0, 0)


def test_a_routed_copy_changes_no_link_address() -> None:
    packet = ip4(udp(), ident=9)
    routed = eth(ip4(udp(), ident=9, ttl=63), src=GATEWAY, dst=OTHER)
    assert side(scan([eth(packet), routed]), "a", "mac_changes") == (0,)


def test_a_table_that_grows_over_many_batches_finds_every_flow_again() -> None:
    frames = [eth(ip4(udp(sport=1024 + n % 3000), ident=n + 1)) for n in range(9000)]
    result = scan_batches([batch(frames[at : at + 500], first_frame=at + 1) for at in range(0, len(frames), 500)])
    assert len(result.flows) == 3000
    assert set(result.flows["a_pkts"].tolist()) == {3}
    assert result.flows["last_ns"].max() == MS * 9000
