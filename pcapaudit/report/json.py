"""The report as its own document: what other programs read."""

from __future__ import annotations

from pcapaudit.model.report import Report
from pcapaudit.report.document import to_json
from pcapaudit.report.registry import Look


def render(report: Report, _look: Look) -> str:
    """The JSON document; looks the same everywhere."""
    return to_json(report)
