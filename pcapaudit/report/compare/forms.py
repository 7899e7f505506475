"""A comparison as text for a terminal, as Markdown for a ticket, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pcapaudit.model.errors import UsageError
from pcapaudit.model.words import State
from pcapaudit.report import phrases
from pcapaudit.report.compare import words
from pcapaudit.report.compare.change import Change
from pcapaudit.report.compare.document import Comparison, DeviceChange, FarSideChange, NeedChange, Tries
from pcapaudit.report.escape import clean, make_ascii, make_visible
from pcapaudit.report.layout import hang, lay_row, wrap
from pcapaudit.report.markup import items, safe, table
from pcapaudit.report.registry import Look
from pcapaudit.report.serialize import serialize

_COLOURS = {
    **dict.fromkeys((Change.WORSE, Change.FAILS, Change.STILL), "1;31"),
    **dict.fromkeys((Change.CANNOT_TELL, Change.NOTHING), "1;36"),
    Change.BETTER: "1;33",
    **dict.fromkeys((Change.REPAIRED, Change.WORKS, Change.SHOWN), "1;32"),
}
_PLAIN = str.maketrans({"…": "...", "–": "-"})
"""Our own marks and their twins in ASCII."""
_SWAPPED = "They were given in the other order: what was taken earlier is the one before."
_BODY = 12
"""Column at which the text behind a label begins."""


def forms() -> tuple[str, ...]:
    """Names of the forms, the terminal's first."""
    return tuple(_FORMS)


def render(comparison: Comparison, form: str, look: Look | None = None) -> str:
    """The comparison in one form. Raises UsageError for a form that does not exist."""
    if form not in _FORMS:
        raise UsageError(f"there is no format {form!r}; known are: {', '.join(_FORMS)}")
    return _FORMS[form](comparison, look or Look())


def rows_of(device: DeviceChange) -> Iterator[tuple[NeedChange | FarSideChange, str, str, str, str]]:
    """The needs of a device, each with its far sides below it: id, what, before, after."""
    for need in device.needs:
        optional = "" if need.required else " (optional)"
        yield need, need.id, f"{need.what}{optional}", words.say_tries(need.before), words.say_tries(need.after)
        for far in need.far_sides:
            yield far, "", words.say_far_side(far), _say_far_tries(far.before), _say_far_tries(far.after)


def _say_far_tries(tries: Tries | None) -> str:
    return "not tried" if tries is None else words.say_tries(tries)


def _render_json(comparison: Comparison, _look: Look) -> str:
    return serialize(comparison) + "\n"


def _render_text(comparison: Comparison, look: Look) -> str:
    safe_one = clean(comparison, make_visible if look.is_unicode else make_ascii)
    text = "\n".join(line.rstrip() for line in _write_text(safe_one, look)) + "\n"
    return text if look.is_unicode else text.translate(_PLAIN)


def _write_text(comparison: Comparison, look: Look) -> Iterator[str]:
    for label, sides in (("before", comparison.before), ("after", comparison.after)):
        for side in sides:
            said = f"{words.say_side(side)}, {phrases.say_count(side.frames, 'frame')}"
            yield from hang(label, said, indent=8, width=look.width)
    if comparison.is_swapped:
        yield from hang("  !", _SWAPPED, indent=4, width=look.width)
    for caveat in comparison.caveats:
        yield from hang("  !", caveat, indent=4, width=look.width)
    for device in comparison.devices:
        yield ""
        yield from _write_device(device, look)
    if not comparison.devices:
        yield ""
        yield from wrap("No device is in both captures, so nothing can be compared.", look.width)
    for which, some in (("before", comparison.only_before), ("after", comparison.only_after)):
        for lone in some:
            yield ""
            yield from hang(f"only {which}", words.say_lone(lone), indent=_BODY, width=look.width)


def _write_device(device: DeviceChange, look: Look) -> Iterator[str]:
    head = words.HEADS[device.change].upper()
    painted = f"\x1b[{_COLOURS[device.change]}m{head}\x1b[0m" if look.has_colour else head
    yield f"{painted}  {device.title}"
    yield from wrap(f"{words.say_device_change(device)}. {words.say_names(device.after)}", look.width)
    if device.reason:
        yield from wrap(device.reason, look.width)
    for label, side in (("before", device.before), ("after", device.after)):
        said = f"{words.say_state(side)}.{f' {side.summary}' if side.summary else ''}"
        yield from hang(f"  {label}", said, indent=_BODY, width=look.width)
    for label, told in (
        ("works now", words.list_gains(device)),
        ("open", words.list_open(device)),
        ("not shown", words.list_unknown(device)),
        ("differs", [f"{fact.what}: {fact.before}, then {fact.after}" for fact in device.facts]),
    ):
        for number, sentence in enumerate(told):
            yield from hang("" if number else f"  {label}", sentence, indent=_BODY, width=look.width)
    yield ""
    yield from _write_ladder(device, look)
    yield from _write_needs(device, look)
    for caveat in device.caveats:
        yield from hang("  !", caveat, indent=4, width=look.width)


def _write_ladder(device: DeviceChange, look: Look) -> Iterator[str]:
    """Rungs that both captures climbed, or that neither has, share a line."""
    same = [r.stage for r in device.stages if r.change is Change.WORKS]
    if same:
        yield from hang("  both", f"{', '.join(same)}: in order before and after", indent=_BODY, width=look.width)
    for rung in device.stages:
        if rung.change not in (Change.WORKS, Change.NOTHING):
            said = f"{say_rung(rung.before)}, then {say_rung(rung.after)}: {words.HEADS[rung.change]}"
            said += f" ({rung.reason})" if rung.reason else ""
            yield from hang(f"  {rung.stage}", said, indent=_BODY, width=look.width)


def say_rung(state: State | None) -> str:
    """A state as people write it; a rung that a report does not have was not looked at."""
    return "not judged" if state is None else state.replace("_", " ")


def _write_needs(device: DeviceChange, look: Look) -> Iterator[str]:
    """The needs of which something came; the others share a line."""
    same = [need.id for need in device.needs if need.change is Change.WORKS]
    told = replace(device, needs=tuple(n for n in device.needs if n.change not in (Change.WORKS, Change.NOTHING)))
    if same:
        yield from hang("  needs", f"{', '.join(same)}: in order before and after", indent=_BODY, width=look.width)
    if told.needs:
        widths = (7, look.width - 47, 16, 16)
        yield ""
        yield from lay_row(("need", "what", "before", "after"), widths, indent=2)
        for _, *cells in rows_of(told):
            yield from lay_row(cells, widths, indent=2)


def _render_markdown(comparison: Comparison, _look: Look) -> str:
    return "\n\n".join(_write_markdown(clean(comparison, make_visible))) + "\n"


def _write_markdown(comparison: Comparison) -> Iterator[str]:
    yield "# Before and after"
    sides = [("before", side) for side in comparison.before] + [("after", side) for side in comparison.after]
    yield items([f"{label}: {words.say_side(side)}" for label, side in sides])
    if comparison.caveats:
        yield items(comparison.caveats)
    for device in comparison.devices:
        yield from _write_section(device)
    if not comparison.devices:
        yield "No device is in both captures, so nothing can be compared."
    for which, lone in (("before", comparison.only_before), ("after", comparison.only_after)):
        if lone:
            yield f"## Only {which}"
            yield items([words.say_lone(device) for device in lone])


def _write_section(device: DeviceChange) -> Iterator[str]:
    yield f"## {words.HEADS[device.change].upper()}: {safe(device.title)}"
    yield safe(f"{words.say_device_change(device)}. {words.say_names(device.after)}")
    if device.reason:
        yield safe(device.reason)
    for lead, told in (
        ("Works now", words.list_gains(device)),
        ("Still open", words.list_open(device)),
        ("Not shown by the second capture", words.list_unknown(device)),
        ("Differs", [f"{fact.what}: {fact.before}, then {fact.after}" for fact in device.facts]),
        ("Bear in mind", list(device.caveats)),
    ):
        if told:
            yield f"**{lead}**"
            yield items(told)
    states = [("verdict", words.say_state(device.before), words.say_state(device.after), words.HEADS[device.change])]
    rungs = [(r.stage, say_rung(r.before), say_rung(r.after), words.HEADS[r.change]) for r in device.stages]
    yield table(("", "before", "after", "what came of it"), [*states, *rungs])
    if device.needs:
        rows = [(name, what, old, new, words.HEADS[part.change]) for part, name, what, old, new in rows_of(device)]
        yield table(("need", "what", "before", "after", "what came of it"), rows)
    if device.findings:
        found = [
            (
                f.rule,
                f.summary,
                words.HEADS[f.change],
                phrases.say_frames(f.frames_before),
                phrases.say_frames(f.frames_after),
            )
            for f in device.findings
        ]
        yield table(("finding", "what", "what came of it", "frames before", "frames after"), found)


_FORMS: dict[str, Callable[[Comparison, Look], str]] = {
    "text": _render_text,
    "markdown": _render_markdown,
    "json": _render_json,
}
