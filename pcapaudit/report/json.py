"""The report as its own document: what other programs read."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.model.report import Report
from pcapaudit.report.document import json_pieces
from pcapaudit.report.registry import Look


def render(report: Report, _look: Look) -> Iterator[str]:
    """The JSON document, piece by piece; looks the same everywhere."""
    return json_pieces(report)
