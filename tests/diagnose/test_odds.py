"""Silence in a capture with holes: few questions may have lost their answers to the mirror, many have not."""

from __future__ import annotations

import pytest

from pcapaudit.diagnose.odds import may_be_lost
from tests.support.player import Frame
from tests.support.scene import devices_of, play_script, scan_frames

TALK = """
0.0 dev > cloud:4321 CONNECT
2.0 repeat 20 every 5.0:
  0.0   dev > cloud:4321 DATA 120
  0.03  cloud:4321 > dev DATA 60
  0.1   dev > cloud:4321 DATA 120 {fate}
  0.13  cloud:4321 > dev DATA 60
  0.2   dev > cloud:4321 DATA 120
  0.23  cloud:4321 > dev ACK
"""
"""100 segments; with a fate, 20 of them are missing and acknowledged."""


def frames(fate: str) -> list[Frame]:
    return play_script(TALK.format(fate=fate))


@pytest.mark.parametrize(
    ("fate", "tries", "is_possible"),
    [
        pytest.param("unseen", 1, True, id="one answer of five lost"),
        pytest.param("unseen", 5, True, id="three in ten lost at most, five times in a row: 0.2 %"),
        pytest.param("unseen", 6, False, id="six times in a row: less than one in a thousand"),
        pytest.param("", 1, False, id="a capture without holes"),
    ],
)
def test_a_lossy_capture_explains_a_few_missing_answers(fate: str, tries: int, *, is_possible: bool) -> None:
    (facts,) = [f for f in devices_of(scan_frames(frames(fate)), None) if f.host.mac == bytes.fromhex("02000a000005")]
    facts.is_lossy = bool(fate)

    assert may_be_lost(facts, tries) is is_possible
