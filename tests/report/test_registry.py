from __future__ import annotations

import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.report.registry import formats, render, renderer
from tests.support.reports import load_report


def test_the_formats_are_those_of_the_command_line_with_text_first() -> None:
    assert formats() == ("text", "csv", "html", "json", "markdown")


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no format 'pdf'; known are: text, csv, html, json, markdown"):
        render(load_report("e1_blinking_red"), "pdf")


def test_a_format_cannot_be_taken_twice() -> None:
    formats()
    with pytest.raises(ValueError, match="registered twice"):
        renderer("text")(lambda _report, _look: "")
