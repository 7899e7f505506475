"""The report as an engineer reads it in a terminal: calm, aligned, at most 80 columns.

Nothing depends on colour, and every mark has a twin in plain ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import (
    CaptureInfo,
    DeviceReport,
    FindingReport,
    NeedReport,
    Report,
    RuleAccount,
    StageReport,
)
from pcapaudit.model.words import Role, RuleState, State, Verdict
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_ascii, make_visible
from pcapaudit.report.layout import count_cells, hang, join_wrapped, lay_row, pad, wrap
from pcapaudit.report.registry import Look

_BODY = 12
"""Column at which the text behind a label begins."""
_HEAD = 11
"""Column at which a headline begins behind its verdict."""
_RULE = 28
"""Column at which the title of a rule begins behind its id."""
_STAGES_A_LINE = 5
"""The device's own rungs on the first line, the needs' on the second."""

_COLOURS = {
    Verdict.HEALTHY: "1;32",
    Verdict.UNDECIDED: "1;36",
    Verdict.DEGRADED: "1;33",
    Verdict.FAILED: "1;31",
}
_STAGE_COLOURS = {State.FAILED: "31", State.DEGRADED: "33", State.NOT_REACHED: "2", State.NOT_APPLICABLE: "2"}
_FAINT = "2"


def render(report: Report, look: Look) -> str:
    """The whole report. Strings from the wire are spelled out where a terminal would obey them."""
    safe = clean(report, make_visible if look.is_unicode else make_ascii)
    page = _Page(look.width, phrases.UNICODE if look.is_unicode else phrases.ASCII, look.has_colour)
    return "\n".join(line.rstrip() for line in _write_report(safe, page)) + "\n"


@dataclass(frozen=True, slots=True)
class _Page:
    width: int
    glyphs: phrases.Glyphs
    has_colour: bool

    def paint(self, text: str, code: str) -> str:
        """The text in a colour (SGR parameters), if colours are wanted. Takes no cells."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_colour and code else text

    def entry(self, label: str, text: str, *, indent: int = _BODY) -> list[str]:
        """A labelled paragraph: two blanks, the label, the text hanging behind it."""
        return hang(f"  {label}", text, indent=indent, width=self.width)

    def row(self, items: Sequence[str], *, indent: int = 0) -> list[str]:
        """Items with a dot between them; every line begins at ``indent``."""
        rows = join_wrapped(items, f" {self.glyphs.dot} ", width=self.width - indent)
        return [" " * indent + row for row in rows]


def _write_report(report: Report, page: _Page) -> Iterator[str]:
    if report.partial:
        yield from wrap("Interrupted: this is the report so far.", page.width)
        yield ""
    for unread in report.unread:
        place = "" if unread.offset is None else f" at byte {unread.offset}"
        yield from wrap(f"Not read: {unread.source}{place}: {unread.reason}", page.width)
    for index, capture in enumerate(report.captures):
        if index or report.unread:
            yield ""
        yield from _write_capture(capture, page)
        for at in phrases.order_devices(report, index):
            yield ""
            yield from _write_device(report.devices[at], capture, page)
    if not report.devices:
        yield ""
        yield from _write_absence(report, page)


def _write_capture(capture: CaptureInfo, page: _Page) -> Iterator[str]:
    yield from page.row(phrases.say_capture(capture))
    window = phrases.say_window(capture)
    if window:
        yield from (page.paint(line, _FAINT) for line in wrap(window, page.width))
    clock = phrases.say_clock(capture)
    if clock:
        yield from wrap(clock, page.width)
    for item in capture.health:
        about = f" ({item.device})" if item.device else ""
        frames = f" ({phrases.say_frames(item.frames, capture)})" if item.frames else ""
        said = f"{item.rule}, {item.state}{about}: {item.summary.rstrip('.')}{frames}."
        yield from page.entry("!", f"{said} {item.effect[:1].upper()}{item.effect[1:].rstrip('.')}.", indent=4)
        if item.advice:
            yield from page.entry("", item.advice, indent=4)


def _write_device(device: DeviceReport, capture: CaptureInfo, page: _Page) -> Iterator[str]:
    is_brief = device.verdict is Verdict.HEALTHY
    yield from _write_headline(device, page)
    for said in (phrases.say_plainly(device), device.summary):
        yield from wrap(said, page.width) if said else ()
    background = phrases.say_background(device, capture.first)
    if background:
        yield from (page.paint(line, _FAINT) for line in page.row(background))
    yield ""
    yield from _write_ladder(device.stages, page)
    if not is_brief:
        yield from _write_reasons(device.stages, page)
    if device.needs:
        yield ""
        yield from _write_needs(device.needs, page, with_endpoints=not is_brief)
    block = [*_write_root(device, capture, page), *_write_others(device, capture, page)]
    if block:
        yield ""
        yield from block
    yield from _write_why(device.why, page)


def _write_why(accounts: Sequence[RuleAccount], page: _Page) -> Iterator[str]:
    """What came of every rule; rules that looked at the same and came to the same share an entry."""
    for state in RuleState:
        some = [account for account in accounts if account.state is state]
        if some:
            yield ""
            yield page.paint(phrases.say_rule_state(state, len(some)), _FAINT)
        for group in phrases.group_accounts(some):
            yield ""
            for account in group:
                yield from hang(f"  {account.rule}", account.title, indent=_RULE, width=page.width)
            yield from page.entry("", group[0].because, indent=4)
            if group[0].facts:
                yield from (page.paint(line, _FAINT) for line in page.entry("", "; ".join(group[0].facts), indent=4))


def _write_headline(device: DeviceReport, page: _Page) -> list[str]:
    """Verdict, product, names; what the device must show stands at the right edge where it fits."""
    label = pad(device.verdict.upper(), _HEAD)
    items = [phrases.say_title(device), *phrases.say_names(device)]
    lines = page.row(items, indent=_HEAD)
    if device.indicator is not None:
        shown = phrases.say_indicator(device.indicator)
        gap = page.width - count_cells(lines[-1]) - count_cells(shown)
        if gap >= 2:
            lines[-1] += " " * gap + shown
        else:
            lines += [" " * _HEAD + line for line in wrap(shown, page.width - _HEAD)]
    lines[0] = page.paint(label.rstrip(), _COLOURS[device.verdict]) + lines[0][len(label.rstrip()) :]
    return lines


def _write_ladder(stages: Sequence[StageReport], page: _Page) -> Iterator[str]:
    """The rungs with their marks, five a line, one column under the other."""
    cells = [f"{rung.stage} {page.glyphs.marks[rung.state]}" for rung in stages]
    widths = [max(count_cells(cell) for cell in cells[at::_STAGES_A_LINE]) for at in range(min(5, len(cells)))]
    for start in range(0, len(cells), _STAGES_A_LINE):
        part = zip(cells[start:], widths, stages[start:], strict=False)
        yield "  " + "   ".join(page.paint(pad(c, w), _STAGE_COLOURS.get(s.state, "")) for c, w, s in part)


def _write_reasons(stages: Sequence[StageReport], page: _Page) -> Iterator[str]:
    """Why rungs are neither climbed nor broken; rungs with the same reason share a line."""
    for state, why in phrases.group_reasons(stages):
        yield from page.entry(page.glyphs.marks[state], why, indent=3 + _mark_width(page))


def _mark_width(page: _Page) -> int:
    return max(count_cells(mark) for mark in page.glyphs.marks.values())


def _write_needs(needs: Sequence[NeedReport], page: _Page, *, with_endpoints: bool) -> Iterator[str]:
    """A table of what the product needs; optional needs that were never tried share one line."""
    shown, idle = phrases.split_needs(needs)
    rows = [row for need in shown for row in _need_rows(need, page, with_endpoints=with_endpoints)]
    if rows:
        header = ("need", "what", "result", "attempts", "frames")
        widths = _choose_widths([header, *rows], page.width - 2)
        yield from (page.paint(line, _FAINT) for line in lay_row(header, widths, indent=2, right=3))
        for row in rows:
            yield from lay_row(row, widths, indent=2, right=3)
    if idle:
        yield from page.entry("", phrases.say_idle(idle), indent=2)


def _need_rows(need: NeedReport, page: _Page, *, with_endpoints: bool) -> Iterator[tuple[str, ...]]:
    frames = phrases.say_span(need.frames, page.glyphs)
    yield need.id, phrases.say_need(need), phrases.say_result(need.result), phrases.say_attempts(need), frames
    for far in need.endpoints if with_endpoints else ():
        span = phrases.say_span(far.frames, page.glyphs)
        yield "", f"- {phrases.say_endpoint(far)}", phrases.say_result(far.result), phrases.say_attempts(far), span


def _choose_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Column widths that fill at most ``width``: the wide columns shrink, the second one last."""
    widths = [max(count_cells(row[at]) for row in rows) for at in range(len(rows[0]))]
    room = width - 2 * (len(widths) - 1)
    for at, least in ((1, 34), (0, 12), (2, 11), (4, 9), (1, 12), (3, 8)):
        widths[at] = max(min(widths[at], least), widths[at] - max(0, sum(widths) - room))
    return widths


def _write_root(device: DeviceReport, capture: CaptureInfo, page: _Page) -> Iterator[str]:
    root = phrases.find_root(device)
    if root is not None:
        yield from _write_proof("Because", root, capture, page)
        yield from _write_causes(root, page)
        yield from _write_remedies(root, page)


def _write_proof(label: str, finding: FindingReport, capture: CaptureInfo, page: _Page) -> Iterator[str]:
    yield from page.entry(label, finding.detail or finding.summary)
    yield from page.entry("", phrases.say_certainty(finding))
    yield from page.entry("", phrases.say_frames(finding.evidence.frames, capture))
    if finding.evidence.display_filter:
        yield from page.entry("", f"filter: {finding.evidence.display_filter}")


def _write_causes(finding: FindingReport, page: _Page) -> Iterator[str]:
    for number, cause in enumerate(finding.causes, start=1):
        text = phrases.say_cause(cause.cause, cause.weight, cause.because)
        first, *rest = hang(f"{number}", text, indent=3, width=page.width - _BODY)
        yield pad("  Likely" if number == 1 else "", _BODY) + first
        yield from (" " * _BODY + line for line in rest)


def _write_remedies(finding: FindingReport, page: _Page) -> Iterator[str]:
    """The advice first, with the paper's paragraphs it rests on; then the sentences to send, by addressee."""
    told = [f"To {phrases.say_addressee(to)}: {text}" if to else text for to, text in phrases.list_remedies(finding)]
    cited = phrases.say_cited(finding)
    if told and cited:
        told[0] += f" {cited}"
    for number, text in enumerate(told):
        yield from page.entry("" if number else "Do", text)


def _write_others(device: DeviceReport, capture: CaptureInfo, page: _Page) -> Iterator[str]:
    """Further causes with their remedy, then consequences, notes, and what to do next."""
    root = phrases.find_root(device)
    others = [finding for finding in device.findings if finding is not root]
    for finding in others:
        if finding.role is Role.CAUSE:
            yield from _write_proof("Also", finding, capture, page)
            yield from _write_causes(finding, page)
            yield from _write_remedies(finding, page)
    for role, word in ((Role.CONSEQUENCE, "Then"), (Role.NOTE, "Note")):
        remarks = [phrases.say_remark(f, capture.first, capture) for f in others if f.role is role]
        for number, text in enumerate(remarks):
            yield from page.entry("" if number else word, text)
    if device.said_note:
        yield from page.entry("You said", device.said_note)
    shown = phrases.say_history(device.indicator, capture.first) if device.indicator else None
    if shown:
        yield from page.entry("Shown", shown)
    if device.next_step:
        yield from page.entry("Next", device.next_step)


def _write_absence(report: Report, page: _Page) -> Iterator[str]:
    """No device: who was there instead, and what was nearly recognised."""
    yield from wrap(phrases.say_absence(report), page.width)
    if report.hosts:
        rows = [("busiest hosts", "addresses", "frames")]
        rows += [
            (host.mac or "no MAC", ", ".join(host.addresses[:3]) or "no address", phrases.say_count(host.frames))
            for host in report.hosts
        ]
        widths = [17, page.width - 2 - 17 - 4 - 12, 12]
        yield ""
        for row in rows:
            yield from lay_row(row, widths, indent=2, right=2)
    for number, near in enumerate(report.nearest):
        yield from [] if number else [""]
        missing = f"; missing: {near.missing}" if near.missing else ""
        yield from page.entry("" if number else "Nearest", f"{near.signature}: saw {', '.join(near.seen)}{missing}")
    yield ""
    yield from page.entry("Next", phrases.say_next_without_device(report))
