from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import dpkt
import pytest

from bench.generate import CLIENTS, write_capture
from bench.stories import BULK, SITE, Mix
from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes


def made(path: Path, mix: Mix = SITE, *, block: bool = False, seed: int = 1) -> bytes:
    write_capture(path, mix, 200, 5_000, seed=seed, block=block)
    return path.read_bytes()


MEANT = 42
"""Bytes that are noise in no frame: as many as Ethernet, IPv4 and UDP headers have."""


def frames_of(path: Path) -> list[tuple[int, bytes]]:
    found = []
    for batch in open_capture(str(path), notes=CaptureNotes()):
        frames = (bytes(batch.data[o : o + n]) for o, n in zip(batch.offset, batch.captured, strict=True))
        found += list(zip(batch.time_ns.tolist(), frames, strict=True))
    return found


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    assert made(tmp_path / "a.pcap") == made(tmp_path / "b.pcap")
    assert made(tmp_path / "a.pcap") != made(tmp_path / "b.pcap", seed=2)


def test_both_formats_hold_the_same_frames_at_the_same_times_but_for_noise(tmp_path: Path) -> None:
    made(tmp_path / "a.pcap")
    made(tmp_path / "a.pcapng", block=True)
    plain, block = (
        [(time_ns, len(frame), frame[:MEANT]) for time_ns, frame in frames_of(tmp_path / name)]
        for name in ("a.pcap", "a.pcapng")
    )
    assert plain == block


@pytest.mark.needs_tshark
@pytest.mark.parametrize("name", ["a.pcap", "a.pcapng"])
@pytest.mark.parametrize("mix", [SITE, BULK], ids=["site", "bulk"])
def test_tshark_finds_every_frame_well_formed_and_no_byte_missing(
    mix: Mix, name: str, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    made(tmp_path / name, mix, block=name == "a.pcapng")
    words = [require_tool("tshark"), "-r", str(tmp_path / name), "-o", "ip.check_checksum:TRUE"]
    odd = (
        "_ws.malformed || ip.checksum.status == 0 || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment || "
        "tcp.analysis.out_of_order || tcp.analysis.duplicate_ack || (tcp.analysis.retransmission && !tcp.flags.syn)"
    )
    found = subprocess.run([*words, "-Y", odd], capture_output=True, text=True, check=True)
    assert found.stdout == ""


@pytest.mark.parametrize(("flows", "frames"), [(100, 10_000), (2_000, 100_000), (3, 10)])
def test_there_are_as_many_frames_as_wanted_but_for_some_laps(flows: int, frames: int, tmp_path: Path) -> None:
    count = write_capture(tmp_path / "a.pcap", SITE, flows, frames, seed=3)
    assert count == pytest.approx(frames, rel=0.002, abs=15)
    assert len(frames_of(tmp_path / "a.pcap")) == count


def test_flows_that_do_not_fit_into_the_frames_are_all_there_and_short(tmp_path: Path) -> None:
    count = write_capture(tmp_path / "a.pcap", SITE, 1_000, 10, seed=3)
    assert 2_000 < count < 6_000


def test_a_site_is_mixed_as_its_shares_say(tmp_path: Path) -> None:
    write_capture(tmp_path / "a.pcap", SITE, 2_000, 60_000, seed=5)
    frames = [dpkt.ethernet.Ethernet(frame) for _, frame in frames_of(tmp_path / "a.pcap")]
    kinds = [frame.type for frame in frames]
    asked = kinds.count(dpkt.ethernet.ETH_TYPE_ARP) / len(frames)
    assert asked == pytest.approx(0.02, abs=0.005)
    assert sum(map(len, frames)) / len(frames) == pytest.approx(300, rel=0.1)
    assert any(hasattr(frame, "vlan_tags") for frame in frames)
    assert dpkt.ethernet.ETH_TYPE_IP6 in kinds
    asking = {frame.data.src for frame in frames if isinstance(frame.data, dpkt.ip.IP) and frame.data.src[0] == 10}
    assert len(asking) == pytest.approx(CLIENTS, rel=0.05)
