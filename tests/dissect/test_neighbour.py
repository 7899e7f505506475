from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import neighbour
from pcapaudit.model.events import Malformed, Neighbour
from tests.dissect.material import hostile, packet

MAC = bytes.fromhex("001122334455")


def _lldp(*fields: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("!H", kind << 9 | len(value)) + value for kind, value in fields)


def _cdp(*fields: tuple[int, bytes]) -> bytes:
    return bytes([2, 180, 0, 0]) + b"".join(struct.pack("!HH", kind, len(value) + 4) + value for kind, value in fields)


CHASSIS = (1, b"\x04" + MAC)
LLDP = _lldp(CHASSIS, (2, b"\x05Gi1/0/7"), (3, b"\0\x78"), (5, b"switch-3"), (127, b"\0\x80\xc2\x01\0\x2a"), (0, b""))
CDP = _cdp((1, b"switch-3"), (2, bytes(13)), (3, b"GigabitEthernet1/0/7"), (10, b"\0\x2a"))


def test_lldp_names_switch_port_and_vlan() -> None:
    assert neighbour.dissect(LLDP, packet()) == Neighbour(packet(), "lldp", "switch-3", "Gi1/0/7", 42)


def test_cdp_names_switch_port_and_vlan() -> None:
    assert neighbour.dissect_cdp(CDP, packet()) == Neighbour(packet(), "cdp", "switch-3", "GigabitEthernet1/0/7", 42)


def test_a_port_named_by_its_mac_is_written_as_one() -> None:
    told = neighbour.dissect(_lldp(CHASSIS, (2, b"\x03" + MAC)), packet())
    assert told == Neighbour(packet(), "lldp", None, "00:11:22:33:44:55", None)


def test_vlan_zero_means_not_told() -> None:
    told = neighbour.dissect(_lldp(CHASSIS, (2, b"\x051"), (127, b"\0\x80\xc2\x01\0\0")), packet())
    assert told == Neighbour(packet(), "lldp", None, "1", None)


@pytest.mark.parametrize("size", range(20, len(LLDP)))
def test_a_cut_announcement_keeps_the_port(size: int) -> None:
    told = neighbour.dissect(LLDP[:size], packet())
    assert isinstance(told, Neighbour)
    assert told.port == "Gi1/0/7"


@pytest.mark.parametrize("payload", [b"", b"\0\0", _lldp((2, b"\x05x")), _lldp(CHASSIS), LLDP[:10]])
def test_lldp_that_does_not_begin_with_the_chassis_or_names_nothing_is_malformed(payload: bytes) -> None:
    assert isinstance(neighbour.dissect(payload, packet()), Malformed)


@pytest.mark.parametrize("payload", [b"", b"\x02\xb4\0", b"\x09" + CDP[1:], _cdp(), CDP[:4] + bytes(400)])
def test_cdp_without_a_header_or_a_name_is_malformed(payload: bytes) -> None:
    assert isinstance(neighbour.dissect_cdp(payload, packet()), Malformed)


@settings(deadline=None)
@given(hostile(LLDP, CDP))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(neighbour.dissect(payload, packet()), Neighbour | Malformed)
    assert isinstance(neighbour.dissect_cdp(payload, packet()), Neighbour | Malformed)
