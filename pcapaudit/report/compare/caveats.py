"""What makes two reports hard to compare, in sentences: other settings, another place, a capture that saw little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pcapaudit.model.report import CaptureInfo, DeviceReport, Report
from pcapaudit.report.compare.document import FactChange
from pcapaudit.report.compare.pairs import MatchedBy, Pair
from pcapaudit.report.phrases import say_duration, say_switch

_BLINDING = frozenset(
    f"CAP-{name}"
    for name in (
        *("ONEWAY", "PARTIAL-DIR", "WRONG-PORT", "NAT-SIDE", "SNAPLEN", "TRUNCATED-FILE", "MIDSTREAM"),
        *("TAIL-CUT", "FILTERED", "TABLE-FULL", "LOSS", "IFACE-DROPS", "SAMPLED"),
    )
)
"""What may keep a fault out of a capture; its length is spoken of apart."""


def list_caveats(before: Report, after: Report) -> Iterator[str]:
    """What is to be known of the two reports as a whole."""
    if before.captures == after.captures:
        yield "Both reports are of the same capture."
    elif _overlap(before, after):
        yield "The two captures overlap in time: neither was taken after the other."
    for which, report in (("first", before), ("second", after)):
        if report.partial:
            yield f"The reading of the {which} capture was interrupted: what came after that is not in the report."
        for unread in report.unread:
            yield f"Of the {which}, {unread.source} could not be read: {unread.reason}."
    yield from _settings(before, after)


def list_device_caveats(pair: Pair, before: Report, after: Report) -> Iterator[str]:
    """What is to be known of one device in both."""
    old, new = pair.before, pair.after
    if pair.matched_by is MatchedBy.ADDRESS:
        yield "Known again by its address and product alone: one of the captures does not show its MAC."
    if pair.matched_by is MatchedBy.ENGINEER:
        yield f"Taken for the same device because you said so: {_name(old)} and {_name(new)}."
    if old.signature != new.signature:
        yield (
            f"Judged as {old.signature or 'a device without a signature'} in the first capture and as "
            f"{new.signature or 'a device without a signature'} in the second: only what both have is compared."
        )
    elif _sha256(before, old.signature) != _sha256(after, new.signature):
        yield f"The signature {old.signature} was changed between the two reports."
    if old.vantage != new.vantage and old.vantage and new.vantage:
        yield f"The captures were taken at different places: {old.vantage}, then {new.vantage}."
    for which, device, report in (("first", old, before), ("second", new, after)):
        count = _count_captures(device, report)
        if count > 1:
            yield f"The {which} report holds this device in {count} captures: the latest of them is compared."
    yield from _blindness(new, after.captures[new.capture])


def list_facts(old: DeviceReport, new: DeviceReport) -> Iterator[FactChange]:
    """What else is different, where both captures tell it."""
    facts = (
        ("MAC", old.mac, new.mac),
        ("address", ", ".join(sorted(old.addresses)), ", ".join(sorted(new.addresses))),
        ("VLAN", old.vlan, new.vlan),
        ("switch port", old.switch and say_switch(old.switch), new.switch and say_switch(new.switch)),
    )
    for what, one, other in facts:
        if one and other and one != other:
            yield FactChange(what, str(one), str(other))


def _blindness(device: DeviceReport, capture: CaptureInfo) -> Iterator[str]:
    if any(item.rule == "CAP-TOO-SHORT" for item in capture.health) and capture.watched_s is not None:
        length = say_duration(capture.watched_s)
        yield f"The second capture lasts {length}: a fault that comes and goes may not show in it."
    for item in capture.health:
        if item.rule in _BLINDING and item.device in (None, device.mac):
            yield f"In the second capture {item.summary.rstrip('.')}: {item.effect.rstrip('.')} ({item.rule})."


def _count_captures(device: DeviceReport, report: Report) -> int:
    """In how many captures of a report a device is, by its MAC."""
    if len(report.captures) < 2 or device.mac is None:
        return 1
    return sum(device.mac == other.mac for other in report.devices)


def _settings(before: Report, after: Report) -> Iterator[str]:
    if before.generator.version != after.generator.version:
        made = f"{before.generator.version} and {after.generator.version}"
        yield f"The reports were made by different versions ({made}): audit the older capture again to be sure."
    for what, old, new in (
        ("thresholds", before.settings.thresholds, after.settings.thresholds),
        ("parameters", before.settings.params, after.settings.params),
    ):
        names = _differing(old, new)
        if names:
            yield f"The reports were made with different {what}: {', '.join(names)}."


def _differing(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    return [
        f"{name} {old.get(name, 'unset')} and {new.get(name, 'unset')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _sha256(report: Report, signature: str | None) -> str | None:
    return next((use.sha256 for use in report.settings.signatures if use.id == signature), None)


def _overlap(before: Report, after: Report) -> bool:
    """Whether the first was still running when the second began; times of one form are in order as texts."""
    lasts = [capture.last for capture in before.captures if capture.last]
    firsts = [capture.first for capture in after.captures if capture.first]
    return bool(lasts and firsts) and max(lasts) > min(firsts)


def _name(device: DeviceReport) -> str:
    return device.mac or ", ".join(device.addresses) or "no address"
