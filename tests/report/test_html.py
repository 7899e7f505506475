from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from pcapaudit.model.report import DeviceReport, FindingReport, Report, TimelineLane, TimelineMark
from pcapaudit.model.words import IndicatorKind, MarkKind, Role, Stage, Verdict
from pcapaudit.report.html import FULL, LISTED, View, page_file, render_body
from pcapaudit.report.links import Links
from pcapaudit.report.registry import render
from tests.support.page import Page
from tests.support.reports import NAMES, any_report, load_report, with_accounts

LINKS = Links(frames="/captures/ab/frames/", rules="/rules/")
COLOUR = re.compile(r"--([a-z-]+): (#[0-9a-f]{3,6})")


def page(name: str) -> Page:
    return Page(render(load_report(name), "html"))


def many(count: int) -> Report:
    """A report of so many devices, every third of which failed."""
    report = load_report("e1_blinking_red")
    failed = report.devices[0]
    healthy = replace(failed, verdict=Verdict.HEALTHY, summary="Its service answers.", root_cause=None, findings=())
    devices = (failed if at % 3 == 2 else healthy for at in range(count))
    return replace(report, devices=tuple(replace(d, mac=f"02:00:00:00:00:{at:02x}") for at, d in enumerate(devices)))


def test_the_blinking_red_gateway_is_told_from_verdict_to_remedy() -> None:
    text = page("e1_blinking_red").text
    positions = [
        text.index(part)
        for part in (
            "failed It cannot work like this LED: blinking red Sensorist / Oscar TempLog gateway",
            "Every port that the product may use stays silent. No answer from the cloud on TCP 443 or 4321",
            "dns ✓ finds names ok",
            "connect ✗ reaches its server failed",
            "What to change",
            "To the firewall team: Please allow, from 10.20.36.101",
            "TCP-ALL-PORTS-FAIL, proven by the capture (95 of 100) frames 31, 38, 44, 52, 60, 88, 214",
            "Wireshark filter filter: ip.addr == 10.20.36.101",
            "per-device filter (likely, 35 of 100)",
            "SEN-05 cloud connection",
        )
    ]
    assert positions == sorted(positions)


def test_the_words_that_stand_on_the_answer_are_explained_at_its_end() -> None:
    text = page("e1_blinking_red").text
    answer, findings = text.split("Words on this page")

    assert "SYN at 0, 1.0, 3.0, 7.2 s" in answer
    assert "SYN the packet that asks for a TCP connection" in findings
    assert "DISCOVER" not in text


def test_the_lamp_of_the_device_is_shown_as_it_must_be_seen() -> None:
    lamps = [a["class"] for a in page("e1_blinking_red").all("svg") if str(a["class"]).startswith("lamp")]

    # Once in each view.
    assert lamps == ["lamp red blinking"] * 2


def test_a_message_in_a_log_has_no_lamp() -> None:
    report = load_report("e1_blinking_red")
    told = report.devices[0].indicator
    assert told is not None
    device = replace(report.devices[0], indicator=replace(told, kind=IndicatorKind.LOG, state="cannot connect"))

    shown = Page(render(replace(report, devices=(device,)), "html"))
    assert "log: cannot connect" in shown.text
    assert not [a for a in shown.all("svg") if str(a["class"]).startswith("lamp")]


def test_the_first_broken_rung_stands_out_and_what_was_not_reached_fades() -> None:
    rungs = [str(a["class"]) for a in page("e1_blinking_red").all("li") if a.get("class")]

    assert [rung for rung in rungs if "broken" in rung] == ["failed broken"]
    assert rungs[rungs.index("failed broken") + 1 :][:4] == ["not_reached"] * 4


@pytest.mark.parametrize("name", NAMES)
def test_the_page_needs_nothing_from_elsewhere(name: str) -> None:
    for tag, attributes in page(name).tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert "src" not in attributes
        assert not (attributes.get("href") or "#").startswith(("http", "//"))
        # A page of the server may have no style of its own; this one is made of the same templates.
        assert "style" not in attributes


def test_the_one_script_of_the_file_is_the_one_that_its_policy_names() -> None:
    """Source: Content Security Policy level 3, section 2.3.1 (hash sources)."""
    markup = render(load_report("e1_blinking_red"), "html")
    (script,) = re.findall(r"<script>(.*?)</script>", markup, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"script-src 'sha256-{digest}'" in markup
    assert "default-src 'none'" in markup


@pytest.mark.parametrize("name", NAMES)
def test_every_id_is_there_once_and_every_link_leads_to_one(name: str) -> None:
    tags = page(name).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for _, a in tags if "href" in a} <= set(ids)
    assert {a["data-filters"] for _, a in tags if "data-filters" in a} <= set(ids)


def test_a_name_from_the_wire_is_text_and_nothing_else() -> None:
    report = load_report("e1_blinking_red")
    evil = '<img src=x onerror="alert(1)">\x1b[2J\u202e (frame 7)'
    first = replace(report.devices[0], title=evil, summary=evil, addresses=(evil,), next_step=evil, said_note=evil)
    first = replace(first, findings=tuple(_spoiled(f, evil) for f in first.findings))
    for links in (None, LINKS):
        for view in View:
            shown = Page(render_body(replace(report, devices=(first,)), view, links=links))
            assert "img" not in {tag for tag, _ in shown.tags}
            assert r'<img src=x onerror="alert(1)">\x1b[2J\u202e (frame 7)' in shown.text


def _spoiled(finding: FindingReport, evil: str) -> FindingReport:
    return replace(finding, rule=evil, summary=evil, detail=evil, facts={evil: [evil, {evil: evil}]}, cites=(evil,))


def test_the_worst_device_stands_first_and_all_are_listed() -> None:
    report = load_report("ring_outside_view")
    shown = page("ring_outside_view")
    assert len(report.devices) > 1
    worst = next(a["id"] for a in shown.all("article"))
    assert f"#{worst}" in [a["href"] for a in shown.all("a")]
    assert {a["href"] for a in shown.all("a")} >= {f"#device-{at}" for at in range(len(report.devices))}
    assert shown.text.index("failed") < shown.text.index("What to change")


def test_of_several_captures_each_device_names_its_own() -> None:
    report = load_report("ring_outside_view")
    other = replace(report.captures[0], source="another.pcap")
    moved = replace(report.devices[0], capture=1)
    text = Page(render(replace(report, captures=(report.captures[0], other), devices=(moved,)), "html")).text

    assert "In another.pcap" in text
    assert "In another.pcap" not in page("ring_outside_view").text


def test_one_device_alone_has_no_table_of_devices() -> None:
    assert "worst first" not in page("e1_blinking_red").text


def test_of_many_devices_the_page_says_which_it_leaves_to_the_table() -> None:
    shown = Page(render(many(40), "html"))

    assert [a["id"] for a in shown.all("article")][:2] == ["device-2", "device-5"]
    assert len(shown.all("article")) == 2 * FULL
    assert "40 devices, the worst first" in shown.text
    assert f"The {FULL} worst devices follow in full" in shown.text
    assert sum(a.get("data-order") is not None for a in shown.all("td")) == 40


def test_a_view_of_many_devices_shows_the_one_that_is_asked_for() -> None:
    report = many(LISTED + 100)
    worst, third = (Page(render_body(report, links=LINKS, device=at)) for at in (None, 3))

    assert [a["id"] for a in worst.all("article")] == ["device-2"]
    assert [a["id"] for a in third.all("article")] == ["device-3"]
    assert len([a for a in third.all("a") if (a["href"] or "").startswith("?device=")]) == LISTED
    assert f"The table names the {LISTED} worst" in third.text
    assert [a.get("aria-current") for a in worst.all("tr") if a.get("class") == "chosen"] == ["true"]


def test_a_view_of_many_devices_stays_light() -> None:
    """A page of a tenth of a second on a line of 20 Mbit/s."""
    assert len(render_body(many(400), links=LINKS).encode()) < 250_000


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ((MarkKind.ASKED, MarkKind.ANSWERED), "asked answered"),
        ((MarkKind.UNANSWERED,), "asked, no answer"),
        ((MarkKind.UNANSWERED, MarkKind.UNANSWERED), "asked, no answer no answer in all this time"),
        ((MarkKind.REFUSED,), "refused"),
    ],
)
def test_the_legend_names_what_the_picture_shows_and_nothing_else(kinds: tuple[MarkKind, ...], told: str) -> None:
    report = load_report("e1_blinking_red")
    at = report.captures[0].first
    assert at is not None
    lane = TimelineLane(Stage.CONNECT, "cloud", tuple(TimelineMark(at, 7, kind) for kind in kinds), 0)
    device = replace(report.devices[0], timeline=(lane,), since=None)
    shown = Page(render_body(replace(report, devices=(device,)))).text

    assert f"When it asked, and what came back {told} {at[11:19]} " in shown


def test_frames_lead_to_their_pages_inside_the_server_and_are_plain_words_in_the_file() -> None:
    report = load_report("e1_blinking_red")
    inside = Page(render_body(report, links=LINKS))
    targets = {a["href"] for a in inside.all("a")}

    assert {f"/captures/ab/frames/{n}" for n in (31, 38, 44, 52, 60, 88, 214)} <= targets
    assert "/rules/TCP-ALL-PORTS-FAIL" in targets
    assert not page("e1_blinking_red").text.count("/frames/")


def test_the_support_engineer_gets_every_finding_with_all_that_it_says() -> None:
    report = load_report("e1_blinking_red")
    text = Page(render_body(report, View.FINDINGS, links=LINKS)).text

    for finding in report.devices[0].findings:
        assert f"{finding.rule} {finding.title}" in text
        assert finding.summary in text
        for name, value in finding.facts.items():
            if isinstance(value, int | str):
                assert f"{name.replace('_', ' ')} {value}" in text
    assert "root cause stage connect role cause error outcome failed proven by the capture (95 of 100)" in text


def test_what_came_of_every_rule_can_be_read_and_narrowed() -> None:
    shown = Page(render_body(with_accounts(load_report("e1_blinking_red")), View.FINDINGS))
    assert "Why: every rule that was considered (4)" in shown.text
    assert "ARP-DUP-IP link Two boxes use it not seen 1 DHCP exchange" in shown.text
    assert [a["data-state"] for a in shown.all("tr") if "data-state" in a] == ["fired", "quiet", "quiet", "cannot_tell"]


def test_without_a_verdict_the_page_says_what_it_cannot_know_and_what_to_do_next() -> None:
    report = load_report("undecided_late_start")
    device = report.devices[0]
    text = page("undecided_late_start").text

    assert device.verdict is Verdict.UNDECIDED
    assert device.next_step is not None
    assert text.index(device.next_step) < text.index("What this page cannot know")


def test_further_causes_carry_their_own_remedy() -> None:
    report = load_report("e1_blinking_red")
    root, *others = report.devices[0].findings
    second = replace(
        root, rule="DNS-SINKHOLE", title="A resolver lies", role=Role.CAUSE, remedies=(), remedy="Unblock."
    )
    device: DeviceReport = replace(report.devices[0], findings=(root, second, *others))

    assert "Also broken: A resolver lies" in Page(render(replace(report, devices=(device,)), "html")).text


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_their_ground_in_both_themes(theme: int) -> None:
    """At least 4.5 to 1. Source: WCAG 2.2, success criterion 1.4.3, level AA."""
    themes = re.findall(r":root \{(.*?)\n *\}", page_file("style.css"), re.DOTALL)
    colours = dict(COLOUR.findall(themes[theme]))
    pairs = [(ink, ground) for ink in ("ink", "faint", "open") for ground in ("paper", "card", "soft")]
    pairs += [(ink, "card") for ink in ("good", "bad", "warn")]
    pairs += [(ink, f"{ink}-wash") for ink in ("good", "bad", "warn", "open")]
    pairs += [("ink", f"{wash}-wash") for wash in ("good", "bad", "warn", "open")]
    pairs += [("on-colour", ground) for ground in ("good", "bad", "warn", "open")]

    weak = {pair: _contrast(*(colours[name] for name in pair)) for pair in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in weak.items() if ratio < 4.5} == {}


def _contrast(one: str, other: str) -> float:
    """Ratio of contrast. Source: WCAG 2.2, definitions of contrast ratio and relative luminance."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_every_report_becomes_a_whole_page_without_control_characters(report: Report) -> None:
    for markup in (render(report, "html"), render_body(report, View.FINDINGS, links=LINKS)):
        Page(markup)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", markup)
