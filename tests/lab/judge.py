"""Compare what an audit says with what the lab made happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.model.words import Identification, Role, State, Verdict
from tests.lab.truth import DeviceTruth, Truth

ASPECTS = ("verdict", "stage", "rule", "endpoint", "led")

Outcome = Literal["kept", "undecided", "elsewhere", "turned"]
"""Of a device in a worse capture: the same verdict and first failed stage; no verdict any more, or a milder one for the
same reason; failed elsewhere, because the evidence of the first cause is not in the capture (or that of being merely
degraded); or another verdict."""

_BAD = (Verdict.FAILED, Verdict.DEGRADED)


@dataclass(frozen=True, slots=True)
class Mark:
    """How one device was judged in one audit."""

    wanted: DeviceTruth
    found: DeviceReport | None

    @property
    def right(self) -> dict[str, bool | None]:
        """Each aspect right or not; None where the truth has nothing to compare."""
        return {aspect: _is_right(aspect, self.wanted, self.found) for aspect in ASPECTS}

    @property
    def outcome(self) -> Outcome:
        """What became of the truth."""
        if self.found is None or self.found.verdict is Verdict.UNDECIDED:
            return "kept" if self.wanted.verdict == "undecided" else "undecided"
        said, stage = str(self.found.verdict), first_failed_stage(self.found)
        if said == self.wanted.verdict:
            return "kept" if stage == self.wanted.stage else "elsewhere"
        if (self.wanted.verdict, said) == ("degraded", "failed"):
            return "elsewhere"
        return "undecided" if self._is_milder(said) else "turned"

    def _is_milder(self, said: str) -> bool:
        """Whether the report says less: a lighter verdict for the same cause, or of a mere address."""
        if self.found is None or (self.wanted.verdict, said) not in (("failed", "degraded"), ("degraded", "healthy")):
            return False
        cause = self.found.root_cause
        is_guess = self.found.identification is Identification.ADDRESS
        return said == "healthy" or is_guess or (cause is not None and cause.rule == self.wanted.rule)

    def __str__(self) -> str:
        return f"{self.wanted.signature}: {words_of(self.found)} instead of {_wanted_words(self.wanted)}"


def _wanted_words(wanted: DeviceTruth) -> str:
    return " ".join(part for part in (wanted.verdict, wanted.stage, wanted.rule) if part)


def words_of(found: DeviceReport | None) -> str:
    """Give verdict, first failed stage and root cause of a device in a few words."""
    if found is None:
        return "not listed"
    cause = found.root_cause
    return " ".join(part for part in (found.verdict, first_failed_stage(found), cause and cause.rule) if part)


def ways(truth: Truth) -> Iterator[tuple[AuditOptions, tuple[DeviceTruth, ...]]]:
    """Give each way to audit a capture, with the devices that are judged by it.

    First as an administrator would, without options: that judges what can be recognised. Then, for each device that
    nothing on the wire names, with its MAC and signature.
    """
    yield AuditOptions(), tuple(device for device in truth.devices if device.is_recognisable)
    for device in truth.devices:
        if not device.is_recognisable:
            yield AuditOptions(device=device.mac, signature=device.signature), (device,)


def marks(report: Report, devices: tuple[DeviceTruth, ...]) -> list[Mark]:
    """Find each judged device in a report."""
    return [Mark(wanted, found_in(report, wanted)) for wanted in devices]


def found_in(report: Report, wanted: DeviceTruth) -> DeviceReport | None:
    """Give a device by its MAC; from outside of the NAT, where no MAC tells, by its signature."""
    by_mac = (device for device in report.devices if device.mac == wanted.mac)
    by_kind = (device for device in report.devices if device.mac is None and device.signature == wanted.signature)
    return next(by_mac, None) or next(by_kind, None)


def accusations(report: Report, truth: Truth) -> list[str]:
    """Name everybody who is called failed or degraded without a reason: innocents, and strangers as well."""
    return [
        f"{device.mac or device.signature}: {words_of(device)}"
        for device in report.devices
        if device.verdict in _BAD and not _may_be_bad(device, truth)
    ]


def _may_be_bad(device: DeviceReport, truth: Truth) -> bool:
    if device.mac is None:
        return any(known.signature == device.signature and known.verdict in _BAD for known in truth.devices)
    known = truth.of(device.mac)
    return device.mac in truth.also_hurt if known is None else known.verdict in _BAD


def first_failed_stage(device: DeviceReport) -> str | None:
    """Give the first rung that failed."""
    return next((str(stage.stage) for stage in device.stages if stage.state is State.FAILED), None)


def _is_right(aspect: str, wanted: DeviceTruth, found: DeviceReport | None) -> bool | None:
    if aspect == "endpoint" and not wanted.endpoints:
        return None
    if found is None:
        return False
    match aspect:
        case "verdict":
            return str(found.verdict) == wanted.verdict
        case "stage":
            return first_failed_stage(found) == wanted.stage
        case "rule":
            return (found.root_cause.rule if found.root_cause else None) == wanted.rule
        case "endpoint":
            return any(_names(place, text) for place in blamed_places(found) for text in wanted.endpoints)
        case _:
            return (found.indicator.state if found.indicator else None) == wanted.led


Place = tuple[str | None, str | None, int | None]
"""Name, address and port of a far side, as far as they are said."""


def blamed_places(found: DeviceReport) -> list[Place]:
    """Give the far sides that the causes and the failed needs of a device name."""
    causes = [finding.endpoint for finding in found.findings if finding.role is Role.CAUSE and finding.endpoint]
    failed = [e for need in found.needs for e in need.endpoints if e.state in (State.FAILED, State.DEGRADED)]
    return [(e.host, e.address, e.port) for e in causes] + [(e.host, e.address, e.port) for e in failed]


def _names(place: Place, text: str) -> bool:
    """Say whether a far side is the one that a truth writes: a name or an address, a ``:port``, or both."""
    host, address, port = place
    wanted_host, _, wanted_port = text.partition(":") if text.count(":") < 2 else (text, "", "")
    is_host = not wanted_host or wanted_host.lower() in ((host or "").lower(), address)
    return is_host and (not wanted_port or wanted_port == str(port))
