from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pcapaudit.scan import Bounds, Scanner, is_compiled
from tests.scan.material import (
    ACK,
    MS,
    SYN,
    B,
    batch,
    differences,
    eth,
    ip4,
    ip6,
    scan,
    scan_batches,
    scanners,
    tcp,
    udp,
    udp_flow,
)


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


@pytest.mark.parametrize("make", scanners())
def test_the_last_picture_is_that_of_a_scan_which_goes_on(make: type[Scanner]) -> None:
    flows = [eth(ip4(udp(sport=1024 + n), ident=n + 1)) for n in range(4500)]
    frames = [*flows, *(eth(ip4(tcp(flags=ACK, seq=n), 6, ident=n)) for n in range(400))]
    scanner = make()
    scanner.feed(batch(frames))
    early = scanner.result()
    last = scanner.conclude()

    assert differences(early, last) == []
    assert (len(last.flows), last.flows["a_port"][:4500].tolist()) == (4501, list(range(1024, 1024 + 4500)))
    with pytest.raises(KeyError):
        scanner.feed(batch(flows[:1], first_frame=len(frames) + 1))


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
