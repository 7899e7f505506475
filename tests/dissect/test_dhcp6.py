from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import dhcp6
from pcapaudit.model.events import Dhcp6Message, Malformed
from tests.dissect.material import hostile, whole

ADDRESS = bytes.fromhex("20010db8000000000000000000000007")
RESOLVER = bytes.fromhex("20010db8000000000000000000000053")
CLIENT_DUID, SERVER_DUID = bytes.fromhex("00030001001122334455"), bytes.fromhex("00030001aabbccddeeff")


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def _status(code: int) -> bytes:
    return _option(13, struct.pack("!H", code) + b"because")


def _association(*inner: bytes) -> bytes:
    return _option(3, bytes(12) + b"".join(inner))


def _address(*inner: bytes) -> bytes:
    return _option(5, ADDRESS + bytes(8) + b"".join(inner))


def _message(kind: int, *options: bytes) -> bytes:
    return bytes([kind, 0x0A, 0x0B, 0x0C]) + b"".join(options)


REPLY = _message(
    7, _option(1, CLIENT_DUID), _option(2, SERVER_DUID), _association(_address(_status(0))), _option(23, RESOLVER * 2)
)
RELAYED = b"\x0d\x00" + bytes(32) + _option(18, b"port7") + _option(9, REPLY)


def _dissect(payload: bytes) -> Dhcp6Message:
    message = dhcp6.dissect(payload, whole(payload))
    assert isinstance(message, Dhcp6Message)
    return message


@pytest.mark.parametrize("payload", [REPLY, RELAYED, b"\x0d\x01" + bytes(32) + _option(9, RELAYED)])
def test_a_reply_is_read_directly_and_through_relays(payload: bytes) -> None:
    m = _dissect(payload)
    assert (m.kind, m.xid, m.client_duid, m.server_duid) == (7, 0x0A0B0C, CLIENT_DUID, SERVER_DUID)
    assert (m.addresses, m.dns_servers, m.status) == ((ADDRESS,), (RESOLVER, RESOLVER), 0)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), None),
        ((_status(0),), 0),
        ((_status(1),), 1),
        ((_association(_status(2)),), 2),
        ((_status(0), _association(_address(_status(4)))), 4),
    ],
)
def test_a_refusal_is_found_wherever_it_stands(options: tuple[bytes, ...], status: int | None) -> None:
    assert _dissect(_message(7, *options)).status == status


@pytest.mark.parametrize("size", range(4, len(REPLY)))
def test_a_cut_message_keeps_its_kind_and_transaction(size: int) -> None:
    m = _dissect(REPLY[:size])
    assert (m.kind, m.xid) == (7, 0x0A0B0C)


def test_relays_within_relays_end_somewhere() -> None:
    payload = REPLY
    for _ in range(40):
        payload = b"\x0c\x00" + bytes(32) + _option(9, payload)
    assert isinstance(dhcp6.dissect(payload, whole(payload)), Malformed)


@pytest.mark.parametrize("payload", [b"", b"\x01\x02\x03", b"\x0c\x00", RELAYED[:40]])
def test_what_has_no_header_is_malformed(payload: bytes) -> None:
    assert isinstance(dhcp6.dissect(payload, whole(payload)), Malformed)


@settings(deadline=None)
@given(hostile(REPLY, RELAYED))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(dhcp6.dissect(payload, whole(payload)), Dhcp6Message | Malformed)
