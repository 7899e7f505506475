"""The report for a ticket or a wiki: Markdown (CommonMark, with tables of GitHub's flavour).

Text of the report reaches the page only through ``safe`` or ``code`` of ``markup.py``; nothing in it can
open a tag, a link or a table cell.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.model.report import CaptureInfo, DeviceReport, FindingReport, Report
from pcapaudit.model.words import Role, RuleState
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.report.markup import code, items, safe, table
from pcapaudit.report.registry import Look


def render(report: Report, _look: Look) -> str:
    """The whole report, one section a capture and one below it a device."""
    blocks = list(_write_report(clean(report, make_visible)))
    return "\n\n".join(blocks) + "\n"


def _write_report(report: Report) -> Iterator[str]:
    if report.partial:
        yield "**Interrupted:** this is the report so far."
    for unread in report.unread:
        place = "" if unread.offset is None else f" at byte {unread.offset}"
        yield f"**Not read:** {safe(f'{unread.source}{place}: {unread.reason}')}"
    for index, capture in enumerate(report.captures):
        yield from _write_capture(capture)
        for at in phrases.order_devices(report, index):
            yield from _write_device(report.devices[at], capture)
    if not report.devices:
        yield from _write_absence(report)


def _write_capture(capture: CaptureInfo) -> Iterator[str]:
    name, *facts = phrases.say_capture(capture)
    yield f"# {safe(name)}"
    window = phrases.say_window(capture)
    yield safe(" · ".join([*facts, window] if window else facts))
    clock = phrases.say_clock(capture)
    if clock:
        yield safe(clock)
    if capture.health:
        rows = [(i.rule, i.state, i.device or "all", i.summary, i.effect, i.advice or "") for i in capture.health]
        yield table(("capture", "state", "device", "what", "effect", "advice"), rows)


def _write_device(device: DeviceReport, capture: CaptureInfo) -> Iterator[str]:
    yield f"## {device.verdict.upper()}: {safe(phrases.say_title(device))}"
    names = phrases.say_names(device)
    shown = [phrases.say_indicator(device.indicator)] if device.indicator else []
    yield safe(" · ".join([*names, *shown, *phrases.say_background(device, capture.first)]))
    for said in (phrases.say_plainly(device), device.summary):
        if said:
            yield f"**{safe(said)}**"
    marks = [phrases.UNICODE.marks[rung.state] for rung in device.stages]
    yield table([safe(rung.stage) for rung in device.stages], [marks])
    unclear = [f"{rung.stage}: {rung.state.replace('_', ' ')}, {rung.reason}" for rung in device.stages if rung.reason]
    if unclear:
        yield items(unclear)
    if device.needs:
        yield table(("need", "what", "result", "attempts", "frames"), list(_need_rows(device)))
    yield from _write_findings(device, capture)
    if device.said_note:
        yield f"**You said:** {safe(device.said_note)}"
    if device.next_step:
        yield f"**Next:** {safe(device.next_step)}"
    yield from _write_why(device)


def _write_why(device: DeviceReport) -> Iterator[str]:
    if device.why:
        yield "### Why"
    for state in RuleState:
        some = [account for account in device.why if account.state is state]
        if some:
            yield f"**{safe(phrases.say_rule_state(state, len(some)))}**"
            rows = [(a.rule, a.title, a.because, "; ".join(a.facts)) for a in some]
            yield table(("rule", "looks for", "because", "looked at"), rows)


def _need_rows(device: DeviceReport) -> Iterator[tuple[str, ...]]:
    for need in device.needs:
        span = phrases.say_span(need.frames, phrases.UNICODE)
        yield need.id, phrases.say_need(need), phrases.say_result(need.result), phrases.say_attempts(need), span
        for far in need.endpoints:
            span = phrases.say_span(far.frames, phrases.UNICODE)
            yield "", phrases.say_endpoint(far), phrases.say_result(far.result), phrases.say_attempts(far), span


def _write_findings(device: DeviceReport, capture: CaptureInfo) -> Iterator[str]:
    root = phrases.find_root(device)
    others = [finding for finding in device.findings if finding is not root]
    if root is not None:
        yield from _write_cause("Because", root, capture)
    for finding in others:
        if finding.role is Role.CAUSE:
            yield from _write_cause("Also", finding, capture)
    for role, word in ((Role.CONSEQUENCE, "Then"), (Role.NOTE, "Notes")):
        remarks = [phrases.say_remark(f, capture.first, capture) for f in others if f.role is role]
        if remarks:
            yield f"### {word}"
            yield items(remarks)


def _write_cause(word: str, finding: FindingReport, capture: CaptureInfo) -> Iterator[str]:
    yield f"### {word}"
    frames = phrases.say_frames(finding.evidence.frames, capture)
    yield safe(f"{finding.summary} {phrases.say_certainty(finding)}; {frames}.")
    if finding.evidence.display_filter:
        yield f"Wireshark: {code(finding.evidence.display_filter)}"
    if finding.causes:
        yield "**Likely**"
        yield items([phrases.say_cause(c.cause, c.weight, c.because) for c in finding.causes], "1.")
    for remedy in finding.remedies:
        yield f"**To {safe(phrases.say_addressee(remedy.to))}:** {safe(remedy.text)}"
    if finding.remedy and not finding.remedies:
        yield f"**Do:** {safe(finding.remedy)}"
    if finding.cites:
        yield f"Vendor's paper: {safe(', '.join(finding.cites))}"


def _write_absence(report: Report) -> Iterator[str]:
    yield f"**{safe(phrases.say_absence(report))}**"
    if report.hosts:
        rows = [(h.mac or "no MAC", ", ".join(h.addresses[:3]), phrases.say_count(h.frames)) for h in report.hosts]
        yield table(("busiest hosts", "addresses", "frames"), rows)
    for near in report.nearest:
        missing = f"; missing: {near.missing}" if near.missing else ""
        yield f"**Nearest:** {safe(f'{near.signature}: saw ' + ', '.join(near.seen) + missing)}"
    yield f"**Next:** {safe(phrases.say_next_without_device(report))}"
