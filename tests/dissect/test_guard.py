from __future__ import annotations

import struct

from pcapaudit.dissect import guard
from pcapaudit.model.events import Malformed
from tests.dissect.material import packet


def _first_number(data: bytes) -> int:
    return int(struct.unpack_from("!H", data)[0])


def test_a_parser_s_result_comes_back_unchanged() -> None:
    assert guard.parse(_first_number, b"\x01\x02", at=packet(), protocol="x") == 0x0102


def test_a_parser_s_error_becomes_malformed_with_its_packet_and_class() -> None:
    assert guard.parse(_first_number, b"", at=packet(7), protocol="x") == Malformed(
        packet(7), "x", "not readable: error"
    )
