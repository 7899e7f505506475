from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.report.registry import formats, render
from tests.support.reports import load_report


def test_the_formats_are_those_of_the_command_line_with_text_first() -> None:
    assert formats() == ("text", "csv", "fleet", "html", "json", "markdown", "requests", "requests-csv")


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no format 'pdf'; known are: text, csv, fleet, html, json, markdown, req"):
        render(load_report("e1_blinking_red"), "pdf")


@pytest.mark.parametrize("name", formats())
def test_every_format_renders_a_report(name: str) -> None:
    assert "54:10:ec" in render(load_report("e1_blinking_red"), name).lower()


def test_a_format_that_is_not_asked_for_is_not_loaded(checkout: Path) -> None:
    sample = str(checkout / "samples" / "tek-8844-dropped.pcapng")
    code = "import sys; from pcapaudit.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    words = [sys.executable, "-c", code, "audit", "--format", "json", sample]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True).stderr.split()
    assert "pcapaudit.report.json" in loaded
    needless = {"pcapaudit.report.html", "pcapaudit.report.text", "yaml", "pydantic", "jinja2", "rich", "cryptography"}
    assert needless.isdisjoint(loaded)
