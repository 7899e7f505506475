"""A worse capture of the same network: it may cost certainty, never truth.

From each sample others are derived whose truth is known. A healthy device must not become
broken, a broken one not healthy, whatever the capture loses, repeats or wraps.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pcapaudit.capture import open_capture
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.words import Verdict

Frame = tuple[int, bytes, int]
Change = Callable[[list[Frame], bytes], list[Frame]]

SAMPLES = Path(__file__).parents[2] / "samples"
TRUTHS = sorted(SAMPLES.glob("*.yaml"))
MIRROR_GAP_NS = 40_000
TEN_YEARS_NS = 10 * 365 * 86_400 * 10**9


def _frames(path: Path) -> list[Frame]:
    frames: list[Frame] = []
    for batch in open_capture(str(path), notes=CaptureNotes()):
        for start, length, wire, time_ns in zip(batch.offset, batch.captured, batch.wire, batch.time_ns, strict=True):
            frames.append((time_ns, bytes(batch.data[start : start + length]), wire))
    return frames


def _head_cut(share: float) -> Change:
    def cut(frames: list[Frame], _mac: bytes) -> list[Frame]:
        return [f for f in frames if f[0] >= frames[0][0] + (frames[-1][0] - frames[0][0]) * share]

    return cut


def _tail_cut(share: float) -> Change:
    def cut(frames: list[Frame], _mac: bytes) -> list[Frame]:
        return [f for f in frames if f[0] <= frames[0][0] + (frames[-1][0] - frames[0][0]) * share]

    return cut


def _lossy(seed: int, share: float) -> Change:
    def lose(frames: list[Frame], _mac: bytes) -> list[Frame]:
        dice = random.Random(seed)
        return [f for f in frames if dice.random() >= share]

    return lose


def _shuffled(frames: list[Frame], _mac: bytes) -> list[Frame]:
    dice = random.Random(7)
    return sorted(frames, key=lambda f: f[0] + dice.randint(-1_000_000, 1_000_000))


CHANGES: dict[str, Change] = {
    "as it is": lambda frames, _: frames,
    "first quarter missing": _head_cut(0.25),
    "first half missing": _head_cut(0.5),
    "ends after a tenth": _tail_cut(0.1),
    "ends after a third": _tail_cut(0.33),
    "ends after three quarters": _tail_cut(0.75),
    "nothing to the device": lambda frames, mac: [f for f in frames if f[1][:6] != mac],
    "nothing from the device": lambda frames, mac: [f for f in frames if f[1][6:12] != mac],
    "one frame in twenty lost": _lossy(1, 0.05),
    "one frame in five lost": _lossy(2, 0.2),
    "every frame twice": lambda frames, _: [g for f in frames for g in (f, (f[0] + MIRROR_GAP_NS, f[1], f[2]))],
    "tagged": lambda frames, _: [(t, d[:12] + b"\x81\x00\x00\x0a" + d[12:], w + 4) for t, d, w in frames],
    "cut to 96 bytes": lambda frames, _: [(t, d[:96], w) for t, d, w in frames],
    "shuffled within a millisecond": _shuffled,
    "ten years earlier": lambda frames, _: [(t - TEN_YEARS_NS, d, w) for t, d, w in frames],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("path", TRUTHS, ids=lambda p: p.stem)
def test_a_worse_capture_never_turns_the_truth_round(path: Path, change: Change) -> None:
    truth: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    devices = {d["mac"]: d["verdict"] for d in truth["devices"]}
    judged = bytes.fromhex(truth["devices"][0]["mac"].replace(":", ""))
    frames = change(_frames(path.with_suffix(".pcapng")), judged)

    report = audit_frames(frames, AuditOptions())

    for device in report.devices:
        said = device.verdict
        if devices.get(device.mac or "", "healthy") == "healthy":
            assert said not in (Verdict.FAILED, Verdict.DEGRADED), device.summary
        else:
            assert said is not Verdict.HEALTHY, device.summary
