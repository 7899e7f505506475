from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import lldp
from pcapaudit.model.events import Malformed, Neighbour
from tests.dissect.material import hostile, packet
from tests.support import wire
from tests.support.pcap import write_pcap

MAC = bytes.fromhex("001122334455")


def _unit(*fields: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("!H", kind << 9 | len(value)) + value for kind, value in fields)


CHASSIS = (1, b"\x04" + MAC)
PORT = (2, b"\x05Gi1/0/7")
PORT_VLAN = (127, b"\0\x80\xc2\x01\0\x2a")
BRIDGE = (7, struct.pack("!HH", 0x0014, 0x0004))
MANAGEMENT = (8, b"\x05\x01\x0a\x09\x09\x01" + b"\x02" + bytes(4) + b"\0")
VOICE = (127, b"\0\x12\xbb\x02\x01" + (0x400000 | 40 << 9 | 5 << 6 | 46).to_bytes(3, "big"))
FULL = _unit(
    CHASSIS,
    PORT,
    (3, b"\0\x78"),
    (4, b"Freezer room"),
    (5, b"switch-3"),
    (6, b"Cabinet switch 12"),
    BRIDGE,
    MANAGEMENT,
    PORT_VLAN,
    VOICE,
    (0, b""),
)


def _read(payload: bytes) -> Neighbour:
    told = lldp.dissect(payload, packet())
    assert isinstance(told, Neighbour)
    return told


def test_a_switch_names_itself_its_port_and_its_vlans() -> None:
    assert _read(FULL) == Neighbour(
        at=packet(),
        protocol="lldp",
        system="switch-3",
        port="Gi1/0/7",
        vlan=42,
        port_text="Freezer room",
        description="Cabinet switch 12",
        voice_vlan=40,
        management=bytes([10, 9, 9, 1]),
        is_switch=True,
    )


@pytest.mark.needs_tshark
def test_tshark_reads_the_same(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    file = tmp_path / "lldp.pcap"
    frame = wire.ethernet(wire.LLDP_MAC, MAC, wire.ETHER_LLDP, FULL)
    write_pcap(file, [(0, frame, len(frame))])
    fields = (
        "lldp.tlv.system.name",
        "lldp.port.id",
        "lldp.port.desc",
        "lldp.ieee.802_1.port_vlan.id",
        "lldp.media.vlan_id",
        "lldp.mgn.addr.ip4",
    )
    wanted = [word for name in fields for word in ("-e", name)]
    told = subprocess.run(
        [require_tool("tshark"), "-r", file, "-T", "fields", *wanted], capture_output=True, text=True, check=True
    )

    assert told.stdout.rstrip("\n").split("\t") == ["switch-3", "Gi1/0/7", "Freezer room", "42", "40", "10.9.9.1"]


def test_a_port_named_by_its_mac_is_written_as_one() -> None:
    assert _read(_unit(CHASSIS, (2, b"\x03" + MAC))).port == "00:11:22:33:44:55"


def test_vlan_zero_means_not_told() -> None:
    assert _read(_unit(CHASSIS, PORT, (127, b"\0\x80\xc2\x01\0\0"))).vlan is None


@pytest.mark.parametrize(
    ("enabled", "answer"),
    [(0x0004, True), (0x0010, True), (0x0100, True), (0x0024, False), (0x0080, False), (0x0000, False)],
)
def test_a_switch_forwards_and_is_no_telephone(enabled: int, *, answer: bool) -> None:
    assert _read(_unit(CHASSIS, PORT, (7, struct.pack("!HH", 0xFFFF, enabled)))).is_switch is answer


def test_a_box_without_capabilities_does_not_tell_what_it_is() -> None:
    assert _read(_unit(CHASSIS, PORT)).is_switch is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"\x11\x02" + bytes(15) + b"\x01", bytes(15) + b"\x01"),
        (b"\x07\x06" + MAC, None),
        (b"\x05\x01\x0a", None),
        (b"\x05", None),
    ],
)
def test_a_management_address_is_kept_when_it_is_a_whole_ip_address(value: bytes, told: bytes | None) -> None:
    assert _read(_unit(CHASSIS, PORT, (8, value))).management == told


@pytest.mark.parametrize("size", range(20, len(FULL)))
def test_a_cut_announcement_keeps_the_port(size: int) -> None:
    assert _read(FULL[:size]).port == "Gi1/0/7"


@pytest.mark.parametrize("payload", [b"", b"\0\0", _unit((2, b"\x05x")), _unit(CHASSIS), FULL[:10]])
def test_what_does_not_begin_with_the_chassis_or_names_nothing_is_malformed(payload: bytes) -> None:
    assert isinstance(lldp.dissect(payload, packet()), Malformed)


@settings(deadline=None)
@given(hostile(FULL))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(lldp.dissect(payload, packet()), Neighbour | Malformed)
