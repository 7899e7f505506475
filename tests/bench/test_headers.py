from __future__ import annotations

import dpkt
import numpy as np
import pytest

from bench import headers
from bench.headers import Frames


def frames(count: int = 3, *, flags: int = 0x10) -> Frames:
    def column(value: int) -> headers.Numbers:
        return np.full(count, value, np.int64)

    return Frames(
        is_out=np.arange(count) % 2 == 0,
        host=column(7),
        client=column(0x0A14_0001),
        server=column(0x36E5_0001),
        own_port=column(40000),
        port=column(443),
        vlan=column(12),
        flags=column(flags),
        length=column(0),
        seq=column(0xFFFF_FFFF),
        ack=column(5),
        ident=column(70000),
        millis=column(123456),
    )


@pytest.mark.parametrize("is_six", [False, True])
@pytest.mark.parametrize("has_tag", [False, True])
@pytest.mark.parametrize("transport", [headers.TCP_OPENING, headers.TCP_LATER, headers.UDP])
def test_dpkt_reads_back_what_was_put_in(transport: int, *, has_tag: bool, is_six: bool) -> None:
    shape = headers.layout(transport, has_tag=has_tag, is_six=is_six)
    out, back, _ = (dpkt.ethernet.Ethernet(row.tobytes()) for row in headers.build(shape, frames()))
    assert out.src == back.dst == headers.mac_of(np.array([7]))[0].tobytes()
    assert (out.data.data.sport, out.data.data.dport) == (40000, 443) == (back.data.data.dport, back.data.data.sport)
    assert out.data.src[-4:] == back.data.dst[-4:] == bytes([10, 20, 0, 1])
    if has_tag:
        assert out.vlan_tags[0].id == 12


def test_a_tcp_header_is_as_long_as_it_says_and_keeps_its_numbers() -> None:
    shape = headers.layout(headers.TCP_OPENING, has_tag=False, is_six=False)
    segment = dpkt.ethernet.Ethernet(headers.build(shape, frames(flags=2))[0].tobytes()).data.data
    assert (segment.seq, segment.ack, segment.flags, segment.off * 4, segment.data) == (0xFFFF_FFFF, 5, 2, 40, b"")
    kinds = [kind for kind, _ in dpkt.tcp.parse_opts(segment.opts)]
    assert kinds[:3] == [dpkt.tcp.TCP_OPT_MSS, dpkt.tcp.TCP_OPT_SACKOK, dpkt.tcp.TCP_OPT_TIMESTAMP]


def test_the_checksum_of_an_ipv4_header_is_that_of_rfc_791() -> None:
    shape = headers.layout(headers.UDP, has_tag=False, is_six=False)
    row = headers.build(shape, frames())[0].tobytes()
    assert dpkt.in_cksum(row[14:34]) == 0


def test_arp_names_both_ends() -> None:
    shape = headers.layout(headers.ARP, has_tag=False, is_six=False)
    asked = dpkt.ethernet.Ethernet(headers.build(shape, frames(flags=1))[0].tobytes()).data
    assert (asked.op, asked.spa, asked.tpa, asked.tha) == (1, bytes([10, 20, 0, 1]), bytes([54, 229, 0, 1]), bytes(6))
