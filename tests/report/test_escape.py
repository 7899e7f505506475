from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.report.escape import clean, make_ascii, make_visible, quote_cell
from tests.support.reports import load_report


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        ("gk.sensorist.com", "gk.sensorist.com"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x7f\x9b31m", "\\x7f\\x9b31m"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("a\u2066b\u200bc\ufeff", "a\\u2066b\\u200bc\\ufeff"),
        ("line\u2028end", "line\\u2028end"),
        ("\udc80\U000e0041", "\\udc80\\U000e0041"),
        ("Zürich – 東京", "Zürich – 東京"),
    ],
)
def test_what_a_screen_would_obey_is_spelled_out(wire: str, shown: str) -> None:
    assert make_visible(wire) == shown


@pytest.mark.parametrize(
    ("wire", "shown"), [("Zürich", "Z\\xfcrich"), ("31 … 214", "31 ... 214"), ("\x1b", "\\x1b"), ("a – b", "a - b")]
)
def test_beyond_ascii_is_spelled_out_or_replaced_by_its_twin(wire: str, shown: str) -> None:
    assert make_ascii(wire) == shown


@given(st.text(alphabet=st.characters()))
def test_nothing_that_is_not_printable_passes(text: str) -> None:
    assert all(char.isprintable() or char.isspace() for char in make_visible(text))
    assert make_ascii(text).isascii()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert quote_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "10.0.0.5", "'=1"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert quote_cell(text) == text


def test_what_cleaning_leaves_alone_is_shared() -> None:
    report = load_report("e1_blinking_red")
    assert clean(report, make_visible) is report
    device = replace(report.devices[0], next_step="\x1b[2J")
    cleaned = clean(replace(report, devices=(device,)), make_visible)
    assert (cleaned.devices[0].next_step, device.next_step) == ("\\x1b[2J", "\x1b[2J")
    assert cleaned.devices[0].findings is device.findings


def test_cleaning_reaches_every_string_of_a_report() -> None:
    report = load_report("e1_blinking_red")
    marked = clean(report, lambda text: f"<{text}>")
    assert marked.captures[0].files[0].source == "<sensorist-blinking-red.pcapng>"
    assert marked.devices[0].findings[0].causes[0].cause == "<per-device filter>"
    assert marked.settings.thresholds == {"<syn_wait>": 3.0}
    assert marked.devices[0].verdict == "failed"
