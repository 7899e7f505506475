"""Websocket frames of the lab against the examples of RFC 6455."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab import websocket_codec
from tests.lab.websocket_codec import EndedError


class Tape:
    """A stream that gives back what was written to it."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def recv(self, size: int, /) -> bytes:
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def sendall(self, data: bytes, /) -> None:
        self.data += data


def test_the_servers_proof_is_that_of_the_rfc() -> None:
    assert websocket_codec.accept_key(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("wire", ["810548656c6c6f", "818537fa213d7f9f4d5158"], ids=["unmasked", "masked"])
def test_the_rfcs_hello_is_read(wire: str) -> None:
    assert websocket_codec.receive_message(Tape(bytes.fromhex(wire))) == (websocket_codec.TEXT, b"Hello")


@given(st.binary(max_size=2000), st.booleans())
def test_what_is_sent_is_received(data: bytes, is_client: bool) -> None:
    tape = Tape()
    websocket_codec.send_message(tape, websocket_codec.TEXT, data, is_client=is_client)

    assert bool(tape.data[1] & 0x80) is is_client
    assert websocket_codec.receive_message(tape) == (websocket_codec.TEXT, data)


def test_a_stream_that_ends_inside_a_frame_is_told() -> None:
    with pytest.raises(EndedError):
        websocket_codec.receive_message(Tape(b"\x81\x05Hel"))


def test_a_socket_is_a_stream() -> None:
    left, right = socket.socketpair()
    with left, right:
        websocket_codec.send_message(left, websocket_codec.PING, b"?", is_client=True)
        assert websocket_codec.receive_message(right) == (websocket_codec.PING, b"?")
