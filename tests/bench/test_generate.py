from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.generate import write_capture
from bench.stories import BULK, SITE, Story, frames_a_flow
from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes


def made(path: Path, stories: tuple[Story, ...] = SITE, *, block: bool = False, seed: int = 1) -> bytes:
    write_capture(path, stories, 200, 5_000, seed=seed, block=block)
    return path.read_bytes()


def frames_of(path: Path) -> list[bytes]:
    found = []
    for batch in open_capture(str(path), notes=CaptureNotes()):
        found += [bytes(batch.data[o : o + n]) for o, n in zip(batch.offset, batch.captured, strict=True)]
    return found


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    assert made(tmp_path / "a.pcap") == made(tmp_path / "b.pcap")
    assert made(tmp_path / "a.pcap") != made(tmp_path / "b.pcap", seed=2)


def test_both_formats_hold_the_same_frames(tmp_path: Path) -> None:
    made(tmp_path / "a.pcap")
    made(tmp_path / "a.pcapng", block=True)
    assert frames_of(tmp_path / "a.pcap") == frames_of(tmp_path / "a.pcapng")


@pytest.mark.needs_tshark
@pytest.mark.parametrize("stories", [SITE, BULK], ids=["site", "bulk"])
def test_tshark_finds_every_frame_well_formed(
    stories: tuple[Story, ...], tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    made(tmp_path / "a.pcap", stories)
    words = [require_tool("tshark"), "-r", str(tmp_path / "a.pcap"), "-o", "ip.check_checksum:TRUE"]
    odd = "_ws.malformed || ip.checksum.status == 0 || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"
    found = subprocess.run([*words, "-Y", odd], capture_output=True, text=True, check=True)
    assert found.stdout == ""


def test_a_mean_flow_is_as_long_as_the_stories_say(tmp_path: Path) -> None:
    count = write_capture(tmp_path / "a.pcap", SITE, 5_000, 10_000_000, seed=3)
    assert count / 5_000 == pytest.approx(frames_a_flow(SITE), rel=0.05)
