from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.flows.community import community_id, icmp_ports

# The published baseline of the Community ID specification (seed 0), one line a flow.
BASELINE = [
    (6, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (
        6,
        "2001:470:e5bf:dead:4957:2174:e82c:4887",
        63943,
        "2607:f8b0:400c:c03::1a",
        25,
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    (17, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (132, "192.168.170.8", 7, "192.168.170.56", 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (46, "10.1.12.1", 0, "10.1.12.2", 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
]
ICMP_BASELINE = [
    (1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="),
    (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4, "1:hLZd0XGWojozrvxqE0dWB1iM6R0="),
    (58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
    (58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
]


def packed(text: str) -> bytes:
    return ip_address(text).packed


@pytest.mark.parametrize(("proto", "src", "sport", "dst", "dport", "expected"), BASELINE)
def test_both_directions_have_the_published_id(
    proto: int, src: str, sport: int, dst: str, dport: int, expected: str
) -> None:
    assert community_id(proto, packed(src), sport, packed(dst), dport) == expected
    assert community_id(proto, packed(dst), dport, packed(src), sport) == expected


@pytest.mark.parametrize(("proto", "src", "dst", "kind", "code", "expected"), ICMP_BASELINE)
def test_icmp_messages_have_the_published_id(
    proto: int, src: str, dst: str, kind: int, code: int, expected: str
) -> None:
    sport, dport, is_one_way = icmp_ports(proto, kind, code)

    assert community_id(proto, packed(src), sport, packed(dst), dport, is_one_way=is_one_way) == expected


@given(
    st.binary(min_size=4, max_size=4), st.integers(0, 65535), st.binary(min_size=4, max_size=4), st.integers(0, 65535)
)
def test_the_direction_never_matters_for_ports(src: bytes, sport: int, dst: bytes, dport: int) -> None:
    assert community_id(6, src, sport, dst, dport) == community_id(6, dst, dport, src, sport)


def test_another_seed_gives_another_id() -> None:
    assert community_id(6, bytes(4), 1, bytes(4), 2) != community_id(6, bytes(4), 1, bytes(4), 2, seed=1)
