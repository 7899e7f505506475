from __future__ import annotations

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import eapol
from pcapaudit.model.events import EapolFrame, Malformed
from tests.dissect.material import hostile, packet

IDENTITY_REQUEST = bytes.fromhex("02 00 0005 01 01 0005 01".replace(" ", "")) + bytes(41)
IDENTITY_RESPONSE = bytes.fromhex("01 00 0009 02 01 0009 01".replace(" ", "")) + b"user"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (IDENTITY_REQUEST, (0, 1, 1)),
        (IDENTITY_RESPONSE, (0, 2, 1)),
        (bytes.fromhex("0200000403010004"), (0, 3, None)),
        (bytes.fromhex("0200000404010004"), (0, 4, None)),
        (bytes.fromhex("02010000"), (1, None, None)),
        (bytes.fromhex("02020000"), (2, None, None)),
        (bytes.fromhex("0203005f02") + bytes(94), (3, None, None)),
        (bytes.fromhex("02000005"), (0, None, None)),
    ],
    ids=["identity?", "identity", "success", "failure", "start", "logoff", "key", "cut"],
)
def test_frames_of_802_1x_are_told_apart(payload: bytes, expected: tuple[int, int | None, int | None]) -> None:
    assert eapol.dissect(payload, packet()) == EapolFrame(packet(), *expected)


def test_the_identity_is_not_kept() -> None:
    assert "user" not in repr(eapol.dissect(IDENTITY_RESPONSE, packet()))


@pytest.mark.parametrize("size", range(4))
def test_less_than_a_header_is_malformed(size: int) -> None:
    assert isinstance(eapol.dissect(IDENTITY_REQUEST[:size], packet()), Malformed)


@settings(deadline=None)
@given(hostile(IDENTITY_REQUEST, IDENTITY_RESPONSE))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(eapol.dissect(payload, packet()), EapolFrame | Malformed)
