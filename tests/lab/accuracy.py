"""The page of results: how often an audit of the lab's captures is right, by vendor and by artefact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.lab.artefacts.table import ARTEFACTS, CLEAN
from tests.lab.judge import ASPECTS, Mark
from tests.lab.scoring import Row

_HEAD = """# Accuracy

Written by `make lab`; do not edit by hand. Each scenario of the lab (`tests/lab/`) is one capture of real network
stacks with a truth that was written before the run. An audit is held against it on the capture as it is, and on every
worse capture that can be derived from it in user space.

A device that nothing on the wire names is judged with `--device` and `--signature`, all others without any option.
*False accusations* counts everybody in the capture whom the audit calls failed or degraded without a reason,
bystanders included.
"""

_BY_VENDOR = """## Clean captures

Right are verdict, first failed stage, rule of the root cause, endpoint to blame and LED, of so many judged devices; a
dash where there is nothing to compare.
"""

_BY_ARTEFACT = """## Worse captures

*Kept*: the same verdict and first failed stage. *Undecided*: the capture does not show enough any more, and the audit
says so, or says less of the same (degraded instead of failed). *Elsewhere*: still failed, but at another
stage, because the frames of the first one are not there. *Turned*: another verdict. *Bound to keep*: everything is
still to be seen, so nothing may become undecided. A capture whose truth changes within is cut outside the change only.
"""


def page(rows: Sequence[Row]) -> str:
    """Give the page as Markdown."""
    clean = [row for row in rows if row.artefact == CLEAN]
    faults = listed_faults(rows)
    wrong = "\n".join(f"- {line}" for line in faults) or "Nothing."
    return "\n".join((_HEAD, _BY_VENDOR, _by_vendor(clean), _BY_ARTEFACT, _by_artefact(rows), f"## Wrong\n\n{wrong}\n"))


def listed_faults(rows: Sequence[Row]) -> list[str]:
    """What is wrong; a scenario that is wrong as it is makes all its worse captures wrong, and is listed once."""
    wrong = {row.scenario for row in rows if row.artefact == CLEAN and row.faults}
    return [line for row in rows if row.artefact == CLEAN or row.scenario not in wrong for line in row.faults]


def _by_vendor(rows: Sequence[Row]) -> str:
    lines = [_vendor_line(rows, vendor) for vendor in sorted({m.wanted.vendor for row in rows for m in row.marks})]
    everybody = [mark for row in rows for mark in row.marks]
    total = _line(("**all**", str(len(everybody)), *_shares(everybody), str(sum(len(row.accused) for row in rows))))
    return "\n".join((_heading("Vendor", "devices", *ASPECTS, "false accusations"), *lines, total, ""))


def _vendor_line(rows: Sequence[Row], vendor: str) -> str:
    """The devices of a vendor, and the false accusations in the captures whose story is about one of them."""
    marks = [mark for row in rows for mark in row.marks if mark.wanted.vendor == vendor]
    accused = sum(len(row.accused) for row in rows if row.marks and row.marks[0].wanted.vendor == vendor)
    return _line((vendor, str(len(marks)), *_shares(marks), str(accused)))


def _shares(marks: Sequence[Mark]) -> list[str]:
    """For each aspect, how many of the comparable devices are right."""
    answers = [[is_right for mark in marks if (is_right := mark.right[aspect]) is not None] for aspect in ASPECTS]
    return [f"{sum(found)}/{len(found)}" if found else "-" for found in answers]


def _by_artefact(rows: Sequence[Row]) -> str:
    lines = []
    for artefact in ARTEFACTS.values():
        own = [row for row in rows if row.artefact == artefact.name]
        outcomes = [mark.outcome for row in own for mark in row.marks]
        counts = [str(outcomes.count(kind)) for kind in ("kept", "undecided", "elsewhere", "turned")]
        accused = str(sum(len(row.accused) for row in own))
        bound = "yes" if artefact.effect == "same" else ""
        lines.append(_line((artefact.name, artefact.what, bound, str(len(own)), *counts, accused)))
    head = _heading(
        "Artefact",
        "what it is",
        "bound to keep",
        "captures",
        "kept",
        "undecided",
        "elsewhere",
        "turned",
        "false accusations",
    )
    return "\n".join((head, *lines, ""))


def _heading(*names: str) -> str:
    return _line(names) + "\n" + _line(["---"] * len(names))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
