"""What counts as a frame that the mirror gave twice."""

from __future__ import annotations

import pytest

from tests.lab.mirror import repeated_frames

MS = 1_000_000


def ipv4(identification: int) -> bytes:
    return bytes(12) + b"\x08\x00\x45\x00\x00\x28" + identification.to_bytes(2, "big") + bytes(34)


@pytest.mark.parametrize(
    ("frames", "repeats"),
    [
        pytest.param([(0, ipv4(7)), (1 * MS, ipv4(7))], 1, id="same bytes at once"),
        pytest.param([(0, ipv4(7)), (1 * MS, ipv4(8))], 0, id="another identification"),
        pytest.param([(0, ipv4(7)), (1000 * MS, ipv4(7))], 0, id="same bytes a second later"),
        pytest.param([(0, ipv4(0)), (1 * MS, ipv4(0))], 0, id="two resets of one stack"),
        pytest.param([], 0, id="nothing"),
    ],
)
def test_only_equal_frames_close_together_are_repeats(frames: list[tuple[int, bytes]], repeats: int) -> None:
    assert repeated_frames(frames) == repeats
