"""The sentences of a comparison; the paragraph for the mail after the firewall change is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.model.words import STAGES, Role, Stage, Verdict
from pcapaudit.report.compare.change import GAINED, OPEN, Change, is_bad
from pcapaudit.report.compare.document import (
    CaptureSide,
    Comparison,
    DeviceChange,
    DeviceSide,
    FarSideChange,
    LoneDevice,
    NeedChange,
    Since,
    StageChange,
    Tries,
)
from pcapaudit.report.phrases import RUNGS, UNICODE, say_count, say_frames, say_result, say_span, say_time

_MOST = 4
"""Items of one sentence; the table has them all."""
_MOST_PARAGRAPHS = 20
_OWN = STAGES[: STAGES.index(Stage.CONNECT)]
"""The device's own rungs; the others are spoken of need by need."""
HEADS = {
    Change.WORSE: "worse than before",
    Change.FAILS: "broken",
    Change.STILL: "as before",
    Change.CANNOT_TELL: "cannot tell",
    Change.BETTER: "better",
    Change.REPAIRED: "repaired",
    Change.WORKS: "works",
    Change.SHOWN: "works",
    Change.NOTHING: "–",
}
"""A change in a word or two."""
_CHANGES = {
    Change.WORSE: "It is worse than before",
    Change.FAILS: "It does not work; the first capture does not show how it was before",
    Change.STILL: "It is as it was",
    Change.CANNOT_TELL: "The second capture cannot tell what came of it",
    Change.BETTER: "It is better than before",
    Change.REPAIRED: "It works again",
    Change.WORKS: "It works as before",
    Change.SHOWN: "It works; the first capture could not decide it",
}


def say_device_change(device: DeviceChange) -> str:
    """What became of a device, in one sentence without its full stop."""
    further = _find_further(device)
    return f"{_CHANGES[device.change]}, but {further}" if further else _CHANGES[device.change]


def say_side(side: CaptureSide) -> str:
    """``x.pcapng, 2026-11-21 12:03:06 +00:00 to 12:04:53 +00:00``; the file without its folder."""
    return f"{_base(side.source)}, {say_window(side)}"


def say_window(side: CaptureSide) -> str:
    """From when to when a capture was taken."""
    if side.first is None or side.last is None:
        return "without a frame"
    return f"{say_time(side.first)} to {say_time(side.last, side.first)}"


def say_names(side: DeviceSide) -> str:
    """MAC and the first addresses of a device."""
    return ", ".join([*([side.mac] if side.mac else []), *side.addresses[:2]]) or "no address"


def say_state(side: DeviceSide) -> str:
    """Verdict and LED: ``failed, LED: blinking red``."""
    return f"{side.verdict}{f', {side.indicator}' if side.indicator else ''}"


def say_far_side(far: FarSideChange) -> str:
    """``TCP 4321 to gk.sensorist.com``."""
    port = "" if far.port is None else f" {far.port}"
    return f"{(far.transport or 'traffic').upper()}{port} to {far.host or 'an unknown host'}"


def say_tries(tries: Tries | None) -> str:
    """``no answer, 9 attempts, frames 31 … 214``."""
    if tries is None:
        return "not in the report"
    said = [say_result(tries.result)]
    said += [say_count(tries.attempts, "attempt")] if tries.attempts else []
    said += [f"frame{'s' if len(tries.frames) > 1 else ''} {say_span(tries.frames, UNICODE)}"] if tries.frames else []
    return ", ".join(said)


def say_since(since: Since, side: CaptureSide) -> str:
    """From when on something works, and the frames that show it."""
    frames = f"{say_frames(since.frames[:3])} of {_base(side.source)}"
    moment = say_time(since.at)
    return f"since {moment} ({frames})" if since.is_exact else f"seen from {moment} on ({frames})"


def say_lone(lone: LoneDevice) -> str:
    """A device that one capture alone shows."""
    return f"{lone.title} ({say_names(lone.side)}), {say_state(lone.side)}. {lone.note}"


def say_mail(comparison: Comparison) -> str:
    """What to send after the change: a paragraph for each device, then what else is to be known."""
    fine = [device for device in comparison.devices if device.change is Change.WORKS]
    told = [device for device in comparison.devices if device.change is not Change.WORKS] or fine[:1]
    parts = [" ".join(_write_device(device)) for device in told[:_MOST_PARAGRAPHS]]
    parts += [f"And {len(told) - _MOST_PARAGRAPHS} more devices."] if len(told) > _MOST_PARAGRAPHS else []
    parts = parts or ["No device is in both captures, so nothing can be compared."]
    rest = [f"{d.title} ({say_names(d.after)})" for d in fine if d is not told[0]]
    lone = [f"{d.title} ({say_names(d.side)})" for d in (*comparison.only_before, *comparison.only_after)]
    parts += [_join(some, lead) for some, lead in ((rest, "Works as before"), (lone, "In one capture alone")) if some]
    parts += [" ".join(comparison.caveats)] if comparison.caveats else []
    return "\n\n".join(parts)


def _write_device(device: DeviceChange) -> Iterator[str]:
    yield f"{device.title} ({say_names(device.after)}): {say_device_change(device)}."
    yield f"Before ({say_side(device.before.capture)}): {_say_outcome(device.before)}"
    yield f"After ({say_side(device.after.capture)}): {_say_outcome(device.after)}"
    for sentences, lead in (
        (list_gains(device), "Works now"),
        (list_open(device), "Still open"),
        (list_unknown(device), "Not shown by the second capture"),
    ):
        if sentences:
            yield _join(sentences, lead)
    for fact in device.facts:
        yield f"The {fact.what} changed from {fact.before} to {fact.after}."
    yield from device.caveats


def _say_outcome(side: DeviceSide) -> str:
    more = side.next_step if side.verdict is Verdict.UNDECIDED else side.summary
    return f"{say_state(side)}.{f' {more}' if more else ''}"


def list_gains(device: DeviceChange) -> list[str]:
    """What works now and did not before, with the moment; without full stops."""
    if device.change in (Change.WORKS, Change.SHOWN):
        return []
    rungs = [RUNGS[r.stage] for r in device.stages if r.change is Change.REPAIRED and r.stage in _OWN]
    gained = [need for need in device.needs if need.change in GAINED and need.before is not None]
    return [*(["the device " + " and ".join(rungs)] if rungs else []), *(_say_gain(need, device) for need in gained)]


def _say_gain(need: NeedChange, device: DeviceChange) -> str:
    fars = [
        far for far in need.far_sides if far.change in GAINED and far.after is not None and not is_bad(far.after.state)
    ]
    where = ", ".join(say_far_side(far) for far in fars[:_MOST]) or need.what
    part = " in part" if need.change is Change.BETTER else ""
    return f"{where}{part}{f', {say_since(need.since, device.after.capture)}' if need.since else ''}"


def list_open(device: DeviceChange) -> list[str]:
    """What is still broken, or newly so; without full stops."""
    told = [
        _say_open(need)
        for need in device.needs
        if need.change in OPEN and (need.required or need.change is Change.WORSE)
    ]
    rungs = [r for r in device.stages if r.change in OPEN and is_bad(r.after) and r.stage in _OWN]
    told = [*(_say_rung(rung, device) for rung in rungs), *told]
    if told or device.after.verdict not in (Verdict.FAILED, Verdict.DEGRADED):
        return told
    causes = [f for f in device.findings if f.change in OPEN and f.role is Role.CAUSE]
    return [f"{finding.rule}, {finding.summary.rstrip('.')}" for finding in causes]


def _say_rung(rung: StageChange, device: DeviceChange) -> str:
    causes = (f for f in device.findings if f.stage is rung.stage and f.change in OPEN and f.role is Role.CAUSE)
    said = next((finding.summary.rstrip(".") for finding in causes), None)
    return f"{rung.stage} ({HEADS[rung.change]}){f': {said}' if said else ''}"


def _say_open(need: NeedChange) -> str:
    bad = [far for far in need.far_sides if far.after is not None and is_bad(far.after.state)]
    said = "; ".join(f"{say_far_side(far)}: {say_tries(far.after)}" for far in bad[:_MOST]) or say_tries(need.after)
    optional = "" if need.required else ", optional"
    return f"{need.what} ({need.id}{optional}; {HEADS[need.change]}): {said}"


def list_unknown(device: DeviceChange) -> list[str]:
    """What failed before and is not shown to work; without full stops."""
    told = [f"{need.what} ({need.id}): {need.reason}" for need in device.needs if _is_lost(need)]
    fars = [say_far_side(f) for need in device.needs if need.change in GAINED for f in need.far_sides if _is_lost(f)]
    more = f" and {len(fars) - _MOST} more" if len(fars) > _MOST else ""
    told += [f"{', '.join(fars[:_MOST])}{more}"] if fars else []
    rungs = [r for r in device.stages if r.change is Change.CANNOT_TELL and is_bad(r.before)]
    told += [f"{r.stage}: {r.reason or 'it was not seen'}" for r in rungs if r.stage in _OWN]
    causes = [f for f in device.findings if f.role is Role.CAUSE and f.change is Change.CANNOT_TELL]
    return told or [f"{finding.rule}: {finding.reason}" for finding in causes]


def _is_lost(part: NeedChange | FarSideChange) -> bool:
    return part.change is Change.CANNOT_TELL and part.before is not None and is_bad(part.before.state)


def _find_further(device: DeviceChange) -> str | None:
    """That a device that still fails climbs higher than before; None where it does not."""
    if device.after.verdict is not Verdict.FAILED:
        return None
    olds = [number for number, rung in enumerate(device.stages) if is_bad(rung.before)]
    news = [number for number, rung in enumerate(device.stages) if is_bad(rung.after)]
    if not olds or not news or news[0] <= olds[0]:
        return None
    won = device.stages[olds[0]]
    return f"it {RUNGS[won.stage]} now" if won.change in GAINED else None


def _join(sentences: Sequence[str], lead: str) -> str:
    more = len(sentences) - _MOST
    shown = "; ".join(sentences[:_MOST])
    return f"{lead}: {shown}{f'; and {more} more' if more > 0 else ''}."


def _base(source: str) -> str:
    return source.replace("\\", "/").rsplit("/", 1)[-1] or source
