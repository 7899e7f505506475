"""Two reports held against each other: what changed between two captures of the same devices.

The earlier capture comes first, whichever was uploaded or named first. What the second capture does not show is never
taken for repaired, and what it cannot show is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from pcapaudit.model.report import CaptureInfo, DeviceReport, FindingReport, NeedReport, Report, StageReport
from pcapaudit.model.words import STAGES, Group, Outcome, Role, Stage, State
from pcapaudit.report.compare.caveats import list_caveats, list_device_caveats, list_facts
from pcapaudit.report.compare.change import CHANGES, GAINED, Change, is_bad, is_good, judge_states, judge_verdicts
from pcapaudit.report.compare.document import (
    SCHEMA,
    CaptureSide,
    Comparison,
    DeviceChange,
    DeviceSide,
    FindingChange,
    LoneDevice,
    NeedChange,
    Since,
    StageChange,
)
from pcapaudit.report.compare.needs import TOO_SHORT, FarSide, Index, compare_needs, index_of
from pcapaudit.report.compare.pairs import Pair, pair_devices
from pcapaudit.report.phrases import say_indicator, say_title

_OWN = STAGES[: STAGES.index(Stage.CONNECT)]
"""The rungs that are the device's own, not a need's."""
_TOLD = (Role.CAUSE, Role.CONSEQUENCE)


def compare(one: Report, other: Report, names: Sequence[str] = ()) -> Comparison:
    """What changed between two reports, given in any order.

    Args:
        one: A report.
        other: Another one.
        names: MAC or IP address of the device to compare; two when it has one name in ``one`` and another in ``other``.
            All devices without.
    """
    is_swapped = _began(one) > _began(other)
    before, after = (other, one) if is_swapped else (one, other)
    pairs = pair_devices(before, after, names[::-1] if is_swapped else names)
    changes = [_compare_device(pair, before, after) for pair in pairs.both]
    return Comparison(
        SCHEMA,
        tuple(_capture_side(capture) for capture in before.captures),
        tuple(_capture_side(capture) for capture in after.captures),
        is_swapped,
        tuple(sorted(changes, key=lambda change: CHANGES.index(change.change))),
        tuple(_list_lone(pairs.only_before, before, after, "the second capture")),
        tuple(_list_lone(pairs.only_after, after, before, "the first capture")),
        tuple(list_caveats(before, after)),
    )


def _began(report: Report) -> str:
    """Times of one form are in order as texts; a capture without a frame comes first."""
    return min((capture.first for capture in report.captures if capture.first), default="")


def _capture_side(capture: CaptureInfo) -> CaptureSide:
    return CaptureSide(capture.source, capture.first, capture.last, capture.watched_s, capture.counters.frames)


def _device_side(device: DeviceReport, report: Report) -> DeviceSide:
    return DeviceSide(
        _capture_side(report.captures[device.capture]),
        device.mac,
        device.addresses,
        device.verdict,
        say_indicator(device.indicator) if device.indicator else None,
        device.summary,
        device.since,
        device.next_step,
    )


def _list_lone(devices: Sequence[DeviceReport], report: Report, other: Report, where: str) -> Iterator[LoneDevice]:
    """Devices of one report alone; who else had their address is said, because that is not the same device."""
    owners = {address: d.mac for d in other.devices if d.mac is not None for address in d.addresses}
    for device in devices:
        macs = [owners[address] for address in device.addresses if device.mac and address in owners]
        note = f"It is not in {where}, which says nothing of whether it works."
        if macs and device.mac not in macs:
            note = f"Its address belongs to another device in {where} ({macs[0]}): not compared."
        yield LoneDevice(say_title(device), _device_side(device, report), note)


def _compare_device(pair: Pair, before: Report, after: Report) -> DeviceChange:
    old, new = pair.before, pair.after
    is_long = _is_long_enough(old, before, after.captures[new.capture])
    index = index_of(old, new)
    needs = tuple(compare_needs(old, new, index, is_long=is_long))
    findings = tuple(sorted(_compare_findings(old, new, index, is_long=is_long), key=lambda f: CHANGES.index(f.change)))
    change, reason = _judge_device(old, new, needs, findings)
    return DeviceChange(
        title=say_title(new if new.signature else old),
        matched_by=pair.matched_by,
        change=change,
        reason=reason,
        before=_device_side(old, before),
        after=_device_side(new, after),
        since=_device_since(needs) if change in GAINED else None,
        stages=tuple(_compare_stages(old, new, findings, is_long=is_long)),
        needs=needs,
        findings=findings,
        facts=tuple(list_facts(old, new)),
        caveats=tuple(list_device_caveats(pair, before, after)),
    )


def _judge_device(
    old: DeviceReport, new: DeviceReport, needs: Sequence[NeedChange], findings: Sequence[FindingChange]
) -> tuple[Change, str | None]:
    """What became of the device, and why it is not called repaired where its verdict alone would say so."""
    change = judge_verdicts(old.verdict, new.verdict)
    if change is Change.STILL and _breaks_earlier(old, new):
        return Change.WORSE, "It breaks earlier than before."
    if change in (Change.CANNOT_TELL, Change.NOTHING):
        return Change.CANNOT_TELL, new.next_step
    if change not in (Change.REPAIRED, Change.BETTER):
        return change, None
    open_needs = [need for need in needs if need.required and need.change is Change.CANNOT_TELL and _was_bad(need)]
    if open_needs:
        told = "; ".join(f"{need.what} ({need.id}): {need.reason}" for need in open_needs)
        return Change.CANNOT_TELL, f"What failed before is not shown to work: {told}."
    causes = [f for f in findings if f.role is Role.CAUSE and f.change is Change.CANNOT_TELL]
    if causes:
        told = "; ".join(f"{finding.rule}: {finding.reason}" for finding in causes)
        return Change.BETTER, f"That this is over is not shown: {told}."
    return change, None


def _breaks_earlier(old: DeviceReport, new: DeviceReport) -> bool:
    """Whether the first rung that is broken stands below the one that was."""
    one, other = (next((r.stage for r in d.stages if is_bad(r.state)), None) for d in (old, new))
    return one is not None and other is not None and STAGES.index(other) < STAGES.index(one)


def _was_bad(need: NeedChange) -> bool:
    return need.before is not None and (is_bad(need.before.state) or need.before.state is State.NOT_REACHED)


def _device_since(needs: Sequence[NeedChange]) -> Since | None:
    """The moment from which on the last of what had failed works."""
    found = [need.since for need in needs if need.since is not None and need.change in GAINED and _was_bad(need)]
    return max(found, key=lambda since: since.at, default=None)


def _compare_stages(
    old: DeviceReport, new: DeviceReport, findings: Sequence[FindingChange], *, is_long: bool
) -> Iterator[StageChange]:
    """Every rung; one of the device's own is not repaired while what had broken it may still be there."""
    unsure = {f.stage: f.reason for f in findings if f.change is Change.CANNOT_TELL and f.stage in _OWN}
    olds, news = ({rung.stage: rung for rung in device.stages} for device in (old, new))
    for stage in Stage:
        one, other = olds.get(stage), news.get(stage)
        if one is None and other is None:
            continue
        states = one.state if one else None, other.state if other else None
        change = judge_states(*states)
        reason = (other.reason or other.summary) if other and change is Change.CANNOT_TELL else None
        if change is Change.REPAIRED and other is not None and _is_guessed(other):
            change, reason = Change.BETTER, other.reason or other.summary
        if change is Change.REPAIRED and stage in unsure:
            change, reason = Change.BETTER, unsure[stage]
        comes_and_goes = states[0] is State.DEGRADED or (stage is Stage.PERSIST and is_bad(states[0]))
        if change is Change.REPAIRED and comes_and_goes and not is_long:
            change, reason = Change.CANNOT_TELL, TOO_SHORT
        yield StageChange(stage, *states, change, reason)


def _compare_findings(old: DeviceReport, new: DeviceReport, index: Index, *, is_long: bool) -> Iterator[FindingChange]:
    """The findings that explain a failure in one of the two, each rule and far side once."""
    olds, news = _by_subject(old, index), _by_subject(new, index)
    for subject in dict.fromkeys([*news, *olds]):
        one, other = olds.get(subject), news.get(subject)
        if not any(finding is not None and finding.role in _TOLD for finding in (one, other)):
            continue
        change, reason = _judge_finding(one, other, new, index, is_long=is_long)
        shown = other or one
        assert shown is not None  # noqa: S101 - the subject comes from one of them
        yield FindingChange(
            shown.rule,
            shown.title,
            shown.stage,
            shown.role,
            shown.endpoint,
            shown.summary,
            change,
            reason,
            other.recovered_at if other else None,
            one.evidence.frames if one else (),
            other.evidence.frames if other else (),
        )


_Subject = tuple[str, Stage, tuple[str, str | None, int | None] | None]


def _by_subject(device: DeviceReport, index: Index) -> dict[_Subject, FindingReport]:
    """Rule, rung and far side -> the finding; the weightiest where there are several."""
    table: dict[_Subject, FindingReport] = {}
    for finding in sorted(device.findings, key=lambda f: list(Role).index(f.role)):
        far = index.key(finding.endpoint) if finding.endpoint else None
        table.setdefault((finding.rule, finding.stage, far), finding)
    return table


def _judge_finding(
    one: FindingReport | None, other: FindingReport | None, new: DeviceReport, index: Index, *, is_long: bool
) -> tuple[Change, str | None]:
    if other is not None:
        if other.recovered_at is not None:
            return Change.REPAIRED, None
        if other.role in _TOLD:
            return (Change.STILL if one is not None and one.role in _TOLD else Change.FAILS), None
        return Change.BETTER, "it is there still, but no longer keeps anything from working"
    assert one is not None  # noqa: S101 - one of the two is there
    if one.recovered_at is not None:
        return Change.WORKS, "it was over in the first capture"
    if _comes_and_goes(one) and not is_long:
        return Change.CANNOT_TELL, TOO_SHORT
    return _judge_gone(one, new, index)


def _judge_gone(one: FindingReport, new: DeviceReport, index: Index) -> tuple[Change, str | None]:
    """A finding that did not come again is repaired only where the same thing was seen to work."""
    far = one.endpoint
    if far is not None and far.host is not None and one.stage is Stage.DNS:
        # That other names are found says nothing of this one.
        is_found = far.host in index.found
        return (
            (Change.REPAIRED, None) if is_found else (Change.CANNOT_TELL, f"{far.host} was not seen to be found again")
        )
    if far is not None and far.port is not None and one.stage not in _OWN:
        return _judge_far_side(one.role, index.key(far), new, index)
    rung = next((rung for rung in new.stages if rung.stage is one.stage), None)
    if rung is not None and is_good(rung.state) and not _is_guessed(rung):
        return Change.REPAIRED, None
    said = (rung.reason or rung.summary) if rung else None
    return Change.CANNOT_TELL, said or "the second capture does not show it"


def _is_guessed(rung: StageReport | None) -> bool:
    """Whether one of the device's own rungs was not seen but must have been climbed, as higher ones were."""
    return rung is not None and rung.state is State.IMPLIED and rung.stage in _OWN


def _judge_far_side(role: Role, far: FarSide, new: DeviceReport, index: Index) -> tuple[Change, str | None]:
    same = index.far_sides.get(far, ())
    if any(is_good(endpoint.state) for endpoint in same):
        return Change.REPAIRED, None
    if role is Role.CAUSE and not same:
        # Of several far sides that would do, a device uses the first that answers.
        other = next(
            (n for n in new.needs if n.group is Group.ANY and is_good(n.state) and far[0] in _hosts(n, index)), None
        )
        if other is not None:
            return Change.REPAIRED, f"{other.id} works by another way; this one was not tried"
    return Change.CANNOT_TELL, "the second capture cannot tell" if same else "not tried in the second capture"


def _hosts(need: NeedReport, index: Index) -> set[str]:
    return {index.key(endpoint)[0] for endpoint in need.endpoints}


def _is_long_enough(old: DeviceReport, before: Report, capture: CaptureInfo) -> bool:
    """Whether the second capture is so long that a fault that comes and goes would come in it, too."""
    shown = [f.evidence for f in old.findings if _comes_and_goes(f)]
    spans = [_seconds_between(evidence.from_, evidence.to) for evidence in shown]
    needed = max((span for span in spans if span is not None), default=None)
    if needed is None:
        needed = before.captures[old.capture].watched_s
    return needed is None or (capture.watched_s is not None and capture.watched_s >= needed)


def _comes_and_goes(finding: FindingReport) -> bool:
    """Whether things work beside the fault, so that to see them work says little of it."""
    return finding.stage is Stage.PERSIST or finding.outcome is Outcome.DEGRADED


def _seconds_between(first: str, last: str) -> float | None:
    """None for a time that is none: documents are read back, too, and somebody may have changed one."""
    try:
        return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return None
