"""The report for a ticket or a wiki: Markdown (CommonMark, with tables of GitHub's flavour).

Text of the report reaches the page only through ``_safe`` or ``_code``; nothing in it can
open a tag, a link or a table cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.model.report import CaptureInfo, DeviceReport, FindingReport, Report
from pcapaudit.model.words import Role, RuleState
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.report.registry import Look

_SPECIAL = str.maketrans({char: f"&#{ord(char)};" for char in "&\\`*_[]<>|~#$"})


def render(report: Report, _look: Look) -> str:
    """The whole report, one section a capture and one below it a device."""
    blocks = list(_write_report(clean(report, make_visible)))
    return "\n\n".join(blocks) + "\n"


def _safe(text: str) -> str:
    """The text with every character that Markdown or HTML would obey as an entity."""
    return " ".join(text.split()).translate(_SPECIAL)


def _code(text: str) -> str:
    """A code span that holds exactly this text (CommonMark 0.31, section 6.1)."""
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_safe(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _items(texts: Sequence[str], mark: str = "-") -> str:
    return "\n".join(f"{mark} {_safe(text)}" for text in texts)


def _write_report(report: Report) -> Iterator[str]:
    if report.partial:
        yield "**Interrupted:** this is the report so far."
    for unread in report.unread:
        place = "" if unread.offset is None else f" at byte {unread.offset}"
        yield f"**Not read:** {_safe(f'{unread.source}{place}: {unread.reason}')}"
    for index, capture in enumerate(report.captures):
        yield from _write_capture(capture)
        for device in report.devices:
            if device.capture == index:
                yield from _write_device(device, capture)
    if not report.devices:
        yield from _write_absence(report)


def _write_capture(capture: CaptureInfo) -> Iterator[str]:
    name, *facts = phrases.say_capture(capture)
    yield f"# {_safe(name)}"
    window = phrases.say_window(capture)
    yield _safe(" · ".join([*facts, window] if window else facts))
    clock = phrases.say_clock(capture)
    if clock:
        yield _safe(clock)
    if capture.health:
        rows = [(i.rule, i.state, i.device or "all", i.summary, i.effect, i.advice or "") for i in capture.health]
        yield _table(("capture", "state", "device", "what", "effect", "advice"), rows)


def _write_device(device: DeviceReport, capture: CaptureInfo) -> Iterator[str]:
    yield f"## {device.verdict.upper()}: {_safe(phrases.say_title(device))}"
    names = phrases.say_names(device)
    shown = [phrases.say_indicator(device.indicator)] if device.indicator else []
    yield _safe(" · ".join([*names, *shown, *phrases.say_background(device, capture.first)]))
    if device.summary:
        yield f"**{_safe(device.summary)}**"
    marks = [phrases.UNICODE.marks[rung.state] for rung in device.stages]
    yield _table([_safe(rung.stage) for rung in device.stages], [marks])
    unclear = [f"{rung.stage}: {rung.state.replace('_', ' ')}, {rung.reason}" for rung in device.stages if rung.reason]
    if unclear:
        yield _items(unclear)
    if device.needs:
        yield _table(("need", "what", "result", "attempts", "frames"), list(_need_rows(device)))
    yield from _write_findings(device, capture)
    if device.said_note:
        yield f"**You said:** {_safe(device.said_note)}"
    if device.next_step:
        yield f"**Next:** {_safe(device.next_step)}"
    yield from _write_why(device)


def _write_why(device: DeviceReport) -> Iterator[str]:
    if device.why:
        yield "### Why"
    for state in RuleState:
        some = [account for account in device.why if account.state is state]
        if some:
            yield f"**{_safe(phrases.say_rule_state(state, len(some)))}**"
            rows = [(a.rule, a.title, a.because, "; ".join(a.facts)) for a in some]
            yield _table(("rule", "looks for", "because", "looked at"), rows)


def _need_rows(device: DeviceReport) -> Iterator[tuple[str, ...]]:
    for need in device.needs:
        span = phrases.say_span(need.frames, phrases.UNICODE)
        yield need.id, phrases.say_need(need), phrases.say_result(need.result), str(need.attempts), span
        for far in need.endpoints:
            span = phrases.say_span(far.frames, phrases.UNICODE)
            yield "", phrases.say_endpoint(far), phrases.say_result(far.result), str(far.attempts), span


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
            yield _items(remarks)


def _write_cause(word: str, finding: FindingReport, capture: CaptureInfo) -> Iterator[str]:
    yield f"### {word}"
    frames = phrases.say_frames(finding.evidence.frames, capture)
    yield _safe(f"{finding.summary} {phrases.say_certainty(finding)}; {frames}.")
    if finding.evidence.display_filter:
        yield f"Wireshark: {_code(finding.evidence.display_filter)}"
    if finding.causes:
        yield "**Likely**"
        yield _items([phrases.say_cause(c.cause, c.weight, c.because) for c in finding.causes], "1.")
    for remedy in finding.remedies:
        yield f"**To {_safe(phrases.say_addressee(remedy.to))}:** {_safe(remedy.text)}"
    if finding.remedy and not finding.remedies:
        yield f"**Do:** {_safe(finding.remedy)}"
    if finding.cites:
        yield f"Vendor's paper: {_safe(', '.join(finding.cites))}"


def _write_absence(report: Report) -> Iterator[str]:
    yield f"**{_safe(phrases.say_absence(report))}**"
    if report.hosts:
        rows = [(h.mac or "no MAC", ", ".join(h.addresses[:3]), phrases.say_count(h.frames)) for h in report.hosts]
        yield _table(("busiest hosts", "addresses", "frames"), rows)
    for near in report.nearest:
        missing = f"; missing: {near.missing}" if near.missing else ""
        yield f"**Nearest:** {_safe(f'{near.signature}: saw ' + ', '.join(near.seen) + missing)}"
    yield f"**Next:** {_safe(phrases.say_next_without_device(report))}"
