from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from pcapaudit.flows.packets import NOWHERE, PacketLog, packed_address, packed_mac
from tests.support.scene import traffic_of

SCRIPT = """
0.0 dev:50000 > cloud:80 CONNECT
1.0 dev > cloud HTTP GET / host=a.example
2.0 switch > * EAPOL request-identity
3.0 dev:50001 > cloud:4321 SYN vlan=20
4.0 dev > 4.2.2.2 PING
"""


@pytest.mark.parametrize(
    ("family", "high", "low", "expected"),
    [
        (4, 0, 0x0A000005, b"\x0a\0\0\5"),
        (6, 0x20010DB800000000, 1, bytes.fromhex("20010db8") + bytes(11) + b"\1"),
        (0, 0, 0, b""),
    ],
)
def test_addresses_come_from_the_scans_two_halves(family: int, high: int, low: int, expected: bytes) -> None:
    assert packed_address(family, int(np.uint64(high)), low) == expected


def test_a_mac_of_zero_is_none() -> None:
    assert packed_mac(0) is None
    assert packed_mac(struct.unpack(">Q", b"\0\0\2\0\x0a\0\0\5")[0]) == bytes.fromhex("02000a000005")


def test_a_flow_gives_the_packets_that_its_rows_give_one_by_one() -> None:
    result = traffic_of(SCRIPT).result
    log = PacketLog(result)

    for flow in range(len(result.flows)):
        rows = np.flatnonzero(result.rows["flow"] == flow).tolist()
        assert log.packets(flow) == [log.packet(row) for row in rows]


def test_a_packet_says_what_the_columns_of_its_row_say() -> None:
    result = traffic_of(SCRIPT).result
    log = PacketLog(result)

    for row in range(len(result.rows)):
        packet, columns = log.packet(row), result.rows[row]
        same = ("frame", "time_ns", "ttl", "ip_len", "payload_len", "flags", "seq", "ack", "window", "dup_of", "ip_id")
        assert [getattr(packet, name) for name in same] == [columns[name] for name in same]
        assert [packet.smac, packet.dmac] == [int(columns[name]).to_bytes(6, "big") for name in ("smac", "dmac")]
        assert (packet.vlan or 65535, packet.dont_fragment) == (columns["vlan"], columns["dont_fragment"])


def test_columns_that_lie_otherwise_in_their_row_give_the_same_packets() -> None:
    result = traffic_of(SCRIPT).result
    kinds = result.rows.dtype
    turned = np.zeros(len(result.rows), [(name, kinds[name]) for name in reversed(kinds.names or ())])
    for name in kinds.names or ():
        turned[name] = result.rows[name]
    log, other = PacketLog(result), PacketLog(replace(result, rows=turned))

    assert [other.packet(row) for row in range(len(turned))] == [log.packet(row) for row in range(len(turned))]


def test_a_frame_of_the_link_layer_has_neither_addresses_nor_ports() -> None:
    log = PacketLog(traffic_of("0.0 switch > * EAPOL request-identity").result)

    found = log.packet(0)
    assert (found.src, found.sport, found.dst, found.dport, found.proto) == NOWHERE
