from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings

from pcapaudit.model.report import Report
from pcapaudit.report.registry import render
from tests.support.reports import NAMES, any_report, load_report, with_accounts

VOID = frozenset({"meta", "br", "link", "img", "input", "circle", "line", "path"})


class Page(HTMLParser):
    """Text, tags and attributes of a page; fails on a tag that is closed out of turn."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page(name: str) -> Page:
    return Page(render(load_report(name), "html"))


def test_the_blinking_red_gateway_is_told_from_verdict_to_remedy() -> None:
    text = page("e1_blinking_red").text
    positions = [
        text.index(part)
        for part in (
            "failed LED: blinking red Sensorist / Oscar TempLog gateway",
            "No answer from the cloud on TCP 443 or 4321",
            "What to change",
            "To the firewall team Please allow, from 10.20.36.101",
            "TCP-ALL-PORTS-FAIL, proven by the capture (95); frames 31, 38, 44, 52, 60, 88, 214.",
            "Filter for Wireshark ip.addr == 10.20.36.101",
            "per-device filter (likely, 35)",
            "SEN-05 cloud connection",
        )
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_needs_nothing_from_elsewhere(name: str) -> None:
    for tag, attributes in page(name).tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert "src" not in attributes
        assert not (attributes.get("href") or "#").startswith(("http", "//"))


@pytest.mark.parametrize("name", NAMES)
def test_every_id_is_there_once_and_every_link_leads_to_one(name: str) -> None:
    tags = page(name).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for _, a in tags if "href" in a} <= set(ids)


def test_a_name_from_the_wire_is_text_and_nothing_else() -> None:
    report = load_report("e1_blinking_red")
    evil = '<img src=x onerror="alert(1)">\x1b[2J\u202e'
    first = replace(report.devices[0], title=evil, summary=evil, addresses=(evil,))
    shown = Page(render(replace(report, devices=(first,)), "html"))
    assert "img" not in {tag for tag, _ in shown.tags}
    assert r'<img src=x onerror="alert(1)">\x1b[2J\u202e' in shown.text


def test_the_worst_device_stands_first_and_all_are_listed() -> None:
    report = load_report("ring_outside_view")
    shown = page("ring_outside_view")
    assert len(report.devices) > 1
    assert [a["href"] for t, a in shown.tags if t == "a"][1:] == [
        f"#device-{i + 1}" for i in range(len(report.devices))
    ]
    assert shown.text.index("failed") < shown.text.index("What to change")


def test_what_came_of_every_rule_can_be_opened() -> None:
    shown = Page(render(with_accounts(load_report("e1_blinking_red")), "html"))
    assert "Why: every rule that was considered (4)" in shown.text
    assert "ARP-DUP-IP not seen 1 DHCP exchange" in shown.text


@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_every_report_becomes_a_whole_page_without_control_characters(report: Report) -> None:
    markup = render(report, "html")
    Page(markup)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", markup)
