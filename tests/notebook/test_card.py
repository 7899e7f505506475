from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pcapaudit.model.report import Report
from pcapaudit.notebook.card import MAX_CARDS, draw_card, draw_cards
from pcapaudit.report.document import from_json

DOCUMENTS = Path(__file__).resolve().parents[1] / "report" / "documents"


def _read(name: str) -> Report:
    return from_json((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))


def test_a_card_says_verdict_title_and_every_step() -> None:
    device = _read("e1_blinking_red").devices[0]
    card = draw_card(device)
    assert ">failed</b>" in card
    assert device.summary is not None
    assert device.summary in card
    assert card.count("<span title=") == len(device.stages)


def test_what_came_from_the_wire_is_text() -> None:
    device = replace(_read("e1_blinking_red").devices[0], summary="<script>alert(1)</script>\u202e")
    card = draw_card(device)
    assert "<script" not in card
    assert "&lt;script&gt;" in card
    assert "\\u202e" in card


def test_many_devices_show_the_first_cards_and_the_number_of_the_rest() -> None:
    report = _read("e1_blinking_red")
    many = report.devices[:1] * (MAX_CARDS + 3)
    shown = draw_cards(report, many)
    assert shown.count("border-left") == MAX_CARDS
    assert "3 more devices" in shown


def test_a_capture_without_a_device_says_so() -> None:
    report = _read("no_device")
    assert "border-left" not in draw_cards(report, report.devices)
    assert "evice" in draw_cards(report, report.devices)
