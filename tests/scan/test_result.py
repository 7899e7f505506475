from __future__ import annotations

from pcapaudit.scan import Bounds, ScanResult
from pcapaudit.scan.columns import Kind
from tests.scan.material import eth, ip4, scan, udp


def test_the_payload_of_an_entry_is_what_the_packet_carried() -> None:
    result = scan([eth(ip4(udp(b"first query", dport=53))), eth(ip4(udp(b"second", sport=53, dport=40000), ident=2))])
    assert [result.payload(i) for i in range(len(result.handed))] == [b"first query", b"second"]
    assert set(result.handed["kind"]) == {Kind.DNS}


def test_default_bounds_are_those_of_the_documentation() -> None:
    assert Bounds() == Bounds(2_000_000, 1 << 20, 12 << 20, 16_384, 2 << 30, 65_536, 65_536, 1_000_000)


def test_a_capture_without_frames_gives_empty_tables_and_no_times() -> None:
    result = scan([])
    assert isinstance(result, ScanResult)
    assert set(result.counters.values()) == {0}
    assert (result.first_ns, result.last_ns) == (None, None)
    assert not any(len(table) for table in (result.flows, result.rows, result.handed, result.arps, result.pairs))


def test_tables_tell_their_sizes() -> None:
    result = scan([eth(ip4(udp(b"query", dport=53))), eth(ip4(udp(b"answer", sport=53, dport=40000), ident=2))])
    assert result.sizes() == {"flows": 2, "rows": 2, "handed": 2, "arps": 0, "pairs": 1, "bindings": 1}
