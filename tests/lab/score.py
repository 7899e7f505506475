"""Hold pcapaudit against the lab: for each capture of a folder, is the report what the lab made happen?

Prints a line a capture and the score; exit status 1 when something is wrong.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.model.words import State, Verdict

ASPECTS = ("verdict", "stage", "rule", "led")


@dataclass(frozen=True, slots=True)
class Score:
    """How one capture was judged: per aspect right or not, and who was accused without reason."""

    name: str
    right: dict[str, bool]
    accused: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return all(self.right.values()) and not self.accused


def score(truth_file: Path) -> Score:
    """Audit the capture beside a truth file and compare its judged device, the first one listed."""
    truth: dict[str, Any] = yaml.safe_load(truth_file.read_text(encoding="utf-8"))
    wanted = truth["devices"][0]
    options = AuditOptions()
    if not wanted["recognisable"]:
        options = AuditOptions(device=wanted["mac"], signature=wanted["signature"])
    report = audit([str(truth_file.with_suffix(".pcapng"))], options)
    device = next((d for d in report.devices if d.mac == wanted["mac"]), None)
    right = {aspect: _is_right(aspect, device, wanted) for aspect in ASPECTS}
    return Score(truth_file.stem, right, _accused(report, truth["must_not_accuse"]))


def _is_right(aspect: str, device: DeviceReport | None, wanted: dict[str, Any]) -> bool:
    if device is None:
        return False
    found = {
        "verdict": str(device.verdict),
        "stage": next((str(s.stage) for s in device.stages if s.state is State.FAILED), None),
        "rule": device.root_cause.rule if device.root_cause else None,
        "led": device.indicator.state if device.indicator else None,
    }
    expected = {"stage": wanted["first_failed_stage"], **{k: wanted[k] for k in ("verdict", "rule", "led")}}
    return bool(found[aspect] == expected[aspect])


def _accused(report: Report, innocent: list[str]) -> tuple[str, ...]:
    bad = (Verdict.FAILED, Verdict.DEGRADED)
    return tuple(d.mac for d in report.devices if d.mac in innocent and d.verdict in bad)


def main(folder: str) -> int:
    """Score every capture of a folder and print the table."""
    scores = [score(path) for path in sorted(Path(folder).glob("*.yaml"))]
    for s in scores:
        marks = "  ".join(f"{aspect} {'ok' if ok else 'WRONG'}" for aspect, ok in s.right.items())
        print(f"{s.name:36} {marks}" + (f"  ACCUSED {', '.join(s.accused)}" if s.accused else ""))
    good = sum(s.is_right for s in scores)
    print(f"{good} of {len(scores)} right, {sum(len(s.accused) for s in scores)} false accusations")
    return 0 if scores and good == len(scores) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "samples"))
