from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt

from pcapaudit.model.report import Report
from pcapaudit.report.registry import render
from tests.support.reports import NAMES, any_report, load_report, with_accounts

ALLOWED = {"heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td", "bullet_list", "ordered_list"}


def block_kinds(text: str) -> set[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}


def inline_kinds(text: str) -> set[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return {child.type for token in tokens for child in token.children or ()}


def test_the_ticket_says_verdict_cause_filter_and_remedy() -> None:
    text = render(load_report("e1_blinking_red"), "markdown")
    for part in (
        "## FAILED: Sensorist / Oscar TempLog gateway",
        "| SEN-05 | cloud connection, port 443 or 4321 | no answer | 9 | 31 … 214 |",
        "TCP-ALL-PORTS-FAIL, proven by the capture (95 of 100)",
        "`ip.addr == 10.20.36.101 && tcp.port in {443, 4321} && frame.number in {31, 38, 44, 52, 60, 214}`",
        "**To the firewall team:** Please allow, from 10.20.36.101",
    ):
        assert part in text


@pytest.mark.parametrize("name", NAMES)
def test_stored_documents_become_headings_tables_and_lists(name: str) -> None:
    kinds = block_kinds(render(load_report(name), "markdown"))
    assert kinds <= ALLOWED | {"list_item", "inline"}


def test_a_banner_cannot_open_a_tag_a_link_or_a_cell() -> None:
    report = load_report("e1_blinking_red")
    evil = "<img src=x onerror=alert(1)> [click](javascript:1) | `x` **b**\n# head"
    device = replace(report.devices[0], summary=evil, title=evil, next_step=evil)
    text = render(replace(report, devices=(device,)), "markdown")
    assert "<img" not in text
    assert inline_kinds(text) <= {"text", "strong_open", "strong_close", "code_inline"}


def test_a_filter_with_backticks_stays_one_code_span() -> None:
    report = load_report("e1_blinking_red")
    finding = report.devices[0].findings[0]
    odd = replace(finding, evidence=replace(finding.evidence, display_filter='dns.qry.name == "a``b`"'))
    device = replace(report.devices[0], findings=(odd,))
    text = render(replace(report, devices=(device,)), "markdown")
    spans = [c.content for t in MarkdownIt().parse(text) for c in t.children or () if c.type == "code_inline"]
    assert spans == ['dns.qry.name == "a``b`"']


@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_no_report_brings_forth_html_links_or_control_characters(report: Report) -> None:
    text = render(report, "markdown")
    assert not {"html_inline", "link_open", "image"} & inline_kinds(text)
    assert "html_block" not in block_kinds(text)
    assert all(char.isprintable() or char.isspace() for char in text)


def test_what_came_of_every_rule_is_a_table_for_each_outcome() -> None:
    page = render(with_accounts(load_report("e1_blinking_red")), "markdown")
    assert "**Why: what stayed quiet (2 rules)**" in page
    assert "| ARP-DUP-IP | Two boxes use it | not seen | 1 DHCP exchange |" in page
