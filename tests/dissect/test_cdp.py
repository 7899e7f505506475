from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import cdp
from pcapaudit.model.events import Malformed, Neighbour
from tests.dissect.material import hostile, packet
from tests.support import wire
from tests.support.pcap import write_pcap

MAC = bytes.fromhex("001122334455")


def _unit(*fields: tuple[int, bytes]) -> bytes:
    body = bytes([2, 180, 0, 0]) + b"".join(struct.pack("!HH", kind, len(v) + 4) + v for kind, v in fields)
    return body[:2] + struct.pack(">H", wire.checksum(body)) + body[4:]


ADDRESS = struct.pack(">I", 1) + b"\x01\x01\xcc\x00\x04\x0a\x09\x09\x01"
FULL = _unit(
    (1, b"switch-3"),
    (2, ADDRESS),
    (3, b"GigabitEthernet1/0/7"),
    (4, struct.pack(">I", 0x28)),
    (6, b"cabinet switch"),
    (10, b"\0\x2a"),
    (14, b"\x01\0\x28"),
)


def _read(payload: bytes) -> Neighbour:
    told = cdp.dissect(payload, packet())
    assert isinstance(told, Neighbour)
    return told


def test_a_switch_names_itself_its_port_and_its_vlans() -> None:
    assert _read(FULL) == Neighbour(
        at=packet(),
        protocol="cdp",
        system="switch-3",
        port="GigabitEthernet1/0/7",
        vlan=42,
        description="cabinet switch",
        voice_vlan=40,
        management=bytes([10, 9, 9, 1]),
        is_switch=True,
    )


@pytest.mark.needs_tshark
def test_tshark_reads_the_same(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    file = tmp_path / "cdp.pcap"
    frame = wire.cdp_frame(MAC, FULL)
    write_pcap(file, [(0, frame, len(frame))])
    fields = ("cdp.deviceid", "cdp.portid", "cdp.platform", "cdp.native_vlan", "cdp.voice_vlan")
    wanted = [word for name in fields for word in ("-e", name)]
    told = subprocess.run(
        [require_tool("tshark"), "-r", file, "-T", "fields", *wanted], capture_output=True, text=True, check=True
    )

    assert told.stdout.rstrip("\n").split("\t") == ["switch-3", "GigabitEthernet1/0/7", "cabinet switch", "42", "40"]


@pytest.mark.parametrize(("bits", "answer"), [(0x28, True), (0x01, True), (0x490, False), (0x10, False)])
def test_a_switch_forwards_and_is_no_telephone(bits: int, *, answer: bool) -> None:
    assert _read(_unit((3, b"1"), (4, struct.pack(">I", bits)))).is_switch is answer


@pytest.mark.parametrize("size", range(46, len(FULL)))
def test_a_cut_announcement_keeps_the_port(size: int) -> None:
    assert _read(FULL[:size]).system == "switch-3"


@pytest.mark.parametrize("payload", [b"", b"\x02\xb4\0", b"\x09" + FULL[1:], _unit(), FULL[:4] + bytes(400)])
def test_bytes_without_a_header_or_a_name_are_malformed(payload: bytes) -> None:
    assert isinstance(cdp.dissect(payload, packet()), Malformed)


@settings(deadline=None)
@given(hostile(FULL))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(cdp.dissect(payload, packet()), Neighbour | Malformed)
