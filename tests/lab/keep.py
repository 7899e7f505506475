"""Choose from a folder of the lab's captures those that CI holds: ``python tests/lab/keep.py build/lab``.

Of captures with the same faults (verdicts, stages, rules) one is enough, but every healthy story is kept: each is a
chance to accuse somebody. Captures are compressed; the view from outside of the firewall is kept for a few.
"""

from __future__ import annotations

import lzma
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.lab.artefacts.original import outside_of
from tests.lab.network import ROOT
from tests.lab.scenarios.table import SAMPLES
from tests.lab.truth import Truth, read_folder

KEPT = ROOT / "tests" / "lab" / "captures"
_SUFFIX = ".pcapng.xz"


def chosen(truths: Iterable[Truth]) -> list[Truth]:
    """Give one capture for each truth that the samples or an earlier capture do not tell yet."""
    told = {_story(truth) for truth in read_folder(ROOT / "samples")}
    kept = []
    for truth in truths:
        if truth.name not in SAMPLES and _story(truth) not in told:
            told.add(_story(truth))
            kept.append(truth)
    return kept


def _story(truth: Truth) -> tuple[object, ...]:
    devices = tuple(sorted((d.verdict, d.stage or "", d.rule or "") for d in truth.devices))
    is_calm = all(device.verdict == "healthy" for device in truth.devices)
    return (truth.name,) if is_calm else devices


def _with_outside(truths: Iterable[Truth]) -> set[str]:
    """Names of the first capture of each vendor that is healthy and of the first that is not."""
    first: dict[tuple[str, bool], str] = {}
    for truth in truths:
        device = truth.devices[0]
        first.setdefault((device.vendor, device.verdict == "healthy"), truth.name)
    return set(first.values())


def keep(source: Path, target: Path) -> list[Truth]:
    """Replace the captures of ``target`` by the chosen ones of ``source``."""
    shutil.rmtree(target, ignore_errors=True)
    outside_of(target / "any").parent.mkdir(parents=True)
    kept = chosen(read_folder(source))
    broad = _with_outside(kept)
    for truth in kept:
        shutil.copyfile(truth.capture.with_suffix(".yaml"), target / f"{truth.name}.yaml")
        capture = target / f"{truth.name}{_SUFFIX}"
        _compress(truth.capture, capture)
        if truth.name in broad and outside_of(truth.capture).exists():
            _compress(outside_of(truth.capture), outside_of(capture))
    return kept


def _compress(source: Path, target: Path) -> None:
    target.write_bytes(lzma.compress(source.read_bytes(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    for truth in keep(Path(sys.argv[1]), KEPT):
        print(truth.name)
