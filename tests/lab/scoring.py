"""Audit the lab's captures and the worse ones derived from them, and compare each report with the truth."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from pcapaudit.catalog import load_signatures
from pcapaudit.engine import run
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.report import Report
from pcapaudit.model.words import Verdict
from tests.lab.artefacts.original import Original, comes_and_goes, load_original
from tests.lab.artefacts.table import ARTEFACTS, CLEAN, Artefact
from tests.lab.judge import Mark, accusations, marks, ways
from tests.lab.truth import Truth


@dataclass(frozen=True, slots=True)
class Row:
    """One capture, audited in every way: how each judged device came out, and who was accused without reason."""

    scenario: str
    artefact: str
    marks: tuple[Mark, ...]
    accused: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        """What is wrong, a line each; in a worse capture only what its artefact cannot excuse."""
        artefact = ARTEFACTS[self.artefact]
        lines = [f"accused: {who}" for who in self.accused]
        for mark in self.marks:
            if artefact.name == CLEAN:
                wrong = ", ".join(aspect for aspect, is_right in mark.right.items() if is_right is False)
                lines += [f"{wrong} wrong, {mark}"] if wrong else []
            elif not _is_excused(mark, artefact):
                lines.append(f"{mark.outcome}, {mark}")
        return [f"{self.scenario}, {self.artefact}: {line}" for line in lines]


def _is_excused(mark: Mark, artefact: Artefact) -> bool:
    """Whether what became of a device is what the artefact may do."""
    may_look_well = artefact.effect == "glimpse" or (artefact.effect != "same" and comes_and_goes(mark.wanted))
    if may_look_well and mark.outcome == "turned" and mark.wanted.verdict != "healthy":
        return mark.found is not None and mark.found.verdict is Verdict.HEALTHY
    return mark.outcome == "kept" or (artefact.effect != "same" and mark.outcome != "turned")


_signatures = functools.cache(load_signatures)


def audit(paths: Sequence[str], options: AuditOptions) -> Report:
    """Audit captures as the command does, but read the signatures once: they take longer than a small capture."""
    with patch.object(run, "load_signatures", _signatures):
        return run.audit(paths, options)


def audit_copy(original: Original, artefact: Artefact, folder: Path) -> Row | None:
    """Derive one worse capture, audit it in every way and compare; None where it cannot be derived.

    Args:
        folder: Empty, for the derived files.
    """
    files = artefact.derive(original)
    if files is None:
        return None
    paths = []
    for number, content in enumerate(files):
        path = folder / f"{number}.cap"
        path.write_bytes(content)
        paths.append(str(path))
    judged: list[Mark] = []
    accused: list[str] = []
    for options, devices in ways(original.truth):
        report = audit(paths, options)
        judged += marks(report, devices)
        accused += [who for who in accusations(report, original.truth) if who not in accused]
    return Row(original.truth.name, artefact.name, tuple(judged), tuple(accused))


def score_capture(truth: Truth, names: Sequence[str]) -> list[Row]:
    """Score one capture of the lab with these artefacts."""
    original = load_original(truth)
    rows: list[Row | None] = []
    with tempfile.TemporaryDirectory(prefix="score-") as scratch:
        for name in names:
            folder = Path(scratch, str(len(rows)))
            folder.mkdir(exist_ok=True)
            rows.append(audit_copy(original, ARTEFACTS[name], folder))
    return [row for row in rows if row is not None]


def score_all(truths: Iterable[Truth], names: Sequence[str], jobs: int) -> list[Row]:
    """Score captures side by side; rows come in the order of captures and artefacts."""
    with ProcessPoolExecutor(jobs) as pool:
        done = [pool.submit(score_capture, truth, names) for truth in truths]
        return [row for rows in done for row in rows.result()]
