"""The terminal and the page say the same: both are made of the one document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.report import Report
from pcapaudit.report.registry import Look, render
from tests.lab.scoring import audit
from tests.support.page import Page
from tests.support.reports import NAMES, load_report

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "samples").glob("*.pcapng"))
ONE_LINE = Look(width=100_000)
"""So wide that every sentence of the terminal stays on one line."""
LABELS = frozenset({"do", "likely", "also", "then", "nearest"})
"""Words of the terminal's margin; the page has headings in their place."""
MARGIN = re.compile(r"^[-!] ")
"""Signs at the begin of a line, of the same kind."""
BETWEEN = re.compile(r"\s{2,}| · (?=\S)")
"""What stands between two sentences or cells on a line."""


def sentences(terminal: str) -> list[str]:
    """Everything that the terminal says, piece by piece, in small letters."""
    pieces = (MARGIN.sub("", piece.strip()) for line in terminal.splitlines() for piece in BETWEEN.split(line))
    return [piece.casefold() for piece in pieces if piece and piece.casefold() not in LABELS]


def missing_from_page(report: Report) -> list[str]:
    shown = Page(render(report, "html")).text.casefold()
    return [piece for piece in sentences(render(report, "text", ONE_LINE)) if " ".join(piece.split()) not in shown]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sentence_of_the_terminal_stands_in_the_page(sample: Path) -> None:
    report = audit([str(sample)], AuditOptions(why=True))

    assert report.devices
    assert missing_from_page(report) == []


@pytest.mark.parametrize("name", NAMES)
def test_each_sentence_of_a_stored_report_stands_in_the_page(name: str) -> None:
    assert missing_from_page(load_report(name)) == []
