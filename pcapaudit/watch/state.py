"""The memory of a watch: which devices are there, what was said of each, and what is new.

Fed with looks (a time and the devices as a report lists them) it gives events. A verdict is believed when the rules'
waiting times are over, which is their own work, and when it stood for some looks, which is done here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from statistics import median

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.times import NS
from pcapaudit.model.words import Role, Stage, Verdict
from pcapaudit.watch.events import Event, Kind

MOST_LOSSES = 10_000
"""Losses of one device that are remembered while it flaps; further ones are counted as these."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a watch waits, in seconds of the wire's clock."""

    confirm_s: float = 4.0
    """A verdict for the worse is believed when it stood so long."""
    gap_s: float = 30.0
    """After frames were lost, nothing is called offline or silent for so long; and losses are told no more often."""
    flaps: int = 3
    """So many losses ..."""
    flap_s: float = 600.0
    """... in so long are called flapping, ..."""
    settle_s: float = 300.0
    """... until nothing has changed for so long."""
    silent_s: float = 600.0
    """A device that was not heard for so long is called silent."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is said of a device: its verdict, and where and why its ladder breaks."""

    verdict: Verdict
    stage: Stage | None = None
    rule: str | None = None

    @property
    def is_down(self) -> bool:
        """The device is offline."""
        return self.verdict is Verdict.FAILED


@dataclass(frozen=True, slots=True)
class Row:
    """A device as a watch shows it now."""

    report: DeviceReport
    """As the newest look has it."""
    standing: Standing | None
    """What is said of it; None while nothing was believed yet."""
    is_provisional: bool
    """The newest look says something else, which is not believed yet."""
    is_flapping: bool
    heard_ns: int | None
    """Its newest packet; None where its MAC is not seen."""
    is_silent: bool


@dataclass(slots=True)
class _Device:
    """What is remembered of one device."""

    report: DeviceReport
    shown: Standing | None = None
    down_ns: int | None = None
    """Since when it is offline."""
    pending: Standing | None = None
    pending_ns: int = 0
    losses: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_LOSSES))
    is_flapping: bool = False
    changed_ns: int = 0
    heard_ns: int | None = None
    is_silent: bool = False
    missed_ns: int | None = None
    """Since when it stands in no look any more."""


class Watch:
    """Compares each look with what was said before.

    Args:
        patience: How long it waits.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._devices: dict[str, _Device] = {}
        self._dropped = 0
        self._untold_drops = 0
        self._gap_ns: int | None = None
        self._told_gap_ns: int | None = None

    def note(
        self, now_ns: int, devices: Sequence[DeviceReport], *, heard: Mapping[str, int] | None = None, dropped: int = 0
    ) -> list[Event]:
        """Take one look and give what is new.

        Args:
            now_ns: The wire's clock; not before that of the last look.
            devices: All devices of the capture.
            heard: MAC -> time of its newest packet, ns.
            dropped: Frames lost while capturing, from the start.
        """
        events = [*self._note_drops(now_ns, dropped)]
        for report in devices:
            device = self._devices.setdefault(key_of(report), _Device(report))
            device.report, device.missed_ns = report, None
            events += self._note_standing(device, now_ns)
            events += self._note_flapping(device, now_ns)
            events += self._note_silence(device, now_ns, (heard or {}).get(report.mac or ""))
        events += self._forget_missing(now_ns, {key_of(report) for report in devices})
        return events

    def conclude(
        self, now_ns: int, devices: Sequence[DeviceReport], *, heard: Mapping[str, int] | None = None, dropped: int = 0
    ) -> list[Event]:
        """The same for the last look, behind which no other waits: what it says is believed at once."""
        self._patience = replace(self._patience, confirm_s=0.0)
        return self.note(now_ns, devices, heard=heard, dropped=dropped)

    def rows(self) -> list[Row]:
        """All devices as they stand, the worst first, then in the order in which they were met."""
        rows = [
            Row(d.report, d.shown, d.pending is not None, d.is_flapping, d.heard_ns, d.is_silent)
            for d in self._devices.values()
        ]
        worst_first = (Verdict.FAILED, Verdict.DEGRADED, Verdict.UNDECIDED, None, Verdict.HEALTHY)
        return sorted(rows, key=lambda row: worst_first.index(row.standing.verdict if row.standing else None))

    def _note_drops(self, now_ns: int, dropped: int) -> Iterator[Event]:
        if dropped > self._dropped:
            self._untold_drops += dropped - self._dropped
            self._dropped, self._gap_ns = dropped, now_ns
        if self._untold_drops and _is_past(self._told_gap_ns, now_ns, self._patience.gap_s):
            yield Event(Kind.DROPPED, now_ns, count=self._untold_drops)
            self._told_gap_ns, self._untold_drops = now_ns, 0

    def _note_standing(self, device: _Device, now_ns: int) -> Iterator[Event]:
        found = _standing_of(device.report)
        if found.verdict is Verdict.UNDECIDED and device.shown is not None:
            # That the newest look cannot tell takes nothing back.
            found = device.shown
        if found == device.shown:
            device.pending = None
            return
        if found != device.pending:
            device.pending, device.pending_ns = found, now_ns
        if self._is_believed(found, device, now_ns):
            device.pending = None
            yield from self._change(device, found, now_ns)

    def _is_believed(self, found: Standing, device: _Device, now_ns: int) -> bool:
        if found.verdict is Verdict.HEALTHY:
            # An answer is an answer.
            return True
        if found.is_down and not _is_past(self._gap_ns, now_ns, self._patience.gap_s):
            return False
        return _is_past(device.pending_ns, now_ns, self._patience.confirm_s)

    def _change(self, device: _Device, found: Standing, now_ns: int) -> Iterator[Event]:
        before, device.shown, device.changed_ns = device.shown, found, now_ns
        was_down = before is not None and before.is_down
        if found.is_down and not was_down:
            device.down_ns = _read_ns(device.report.since) or now_ns
            device.losses.append(now_ns)
            event = _tell(Kind.LOST, device, now_ns)
        elif was_down and not found.is_down:
            event = _tell(Kind.RECOVERED, device, now_ns, lasted_s=_seconds(device.down_ns, now_ns))
            device.down_ns = None
        else:
            event = _tell(Kind.SEEN if before is None else Kind.CHANGED, device, now_ns)
        if not device.is_flapping and not self._begins_to_flap(device, now_ns):
            yield event

    def _begins_to_flap(self, device: _Device, now_ns: int) -> bool:
        """Whether this loss is one too many; ``_note_flapping`` tells."""
        if device.shown is None or not device.shown.is_down:
            return False
        while device.losses and _is_past(device.losses[0], now_ns, self._patience.flap_s):
            device.losses.popleft()
        return len(device.losses) >= self._patience.flaps

    def _note_flapping(self, device: _Device, now_ns: int) -> Iterator[Event]:
        if device.is_flapping:
            if _is_past(device.changed_ns, now_ns, self._patience.settle_s):
                lasted_s = _seconds(device.losses[0], device.changed_ns)
                yield _tell(Kind.SETTLED, device, now_ns, count=len(device.losses), lasted_s=lasted_s)
                device.is_flapping = False
                device.losses.clear()
        elif device.changed_ns == now_ns and self._begins_to_flap(device, now_ns):
            device.is_flapping = True
            gaps = [_seconds(a, b) for a, b in zip(device.losses, list(device.losses)[1:], strict=False)]
            yield _tell(Kind.FLAPPING, device, now_ns, count=len(device.losses), period_s=median(gaps))

    def _note_silence(self, device: _Device, now_ns: int, heard_ns: int | None) -> Iterator[Event]:
        before, device.heard_ns = device.heard_ns, heard_ns
        if heard_ns is None:
            return
        if device.is_silent and before is not None and heard_ns > before:
            device.is_silent = False
            yield _tell(Kind.BACK, device, now_ns, lasted_s=_seconds(before, heard_ns))
        is_quiet = _is_past(heard_ns, now_ns, self._patience.silent_s)
        if is_quiet and not device.is_silent and _is_past(self._gap_ns, now_ns, self._patience.gap_s):
            device.is_silent = True
            yield _tell(Kind.SILENT, device, now_ns, lasted_s=_seconds(heard_ns, now_ns))

    def _forget_missing(self, now_ns: int, present: set[str]) -> Iterator[Event]:
        """A device without a signature is listed as long as it has no network; one that has it again is not."""
        for key in [key for key in self._devices if key not in present]:
            device = self._devices[key]
            if device.missed_ns is None:
                device.missed_ns = now_ns
            if _is_past(device.missed_ns, now_ns, self._patience.confirm_s):
                del self._devices[key]
                if device.shown is not None and device.shown.is_down and not device.is_flapping:
                    device.shown = None
                    yield _tell(Kind.RECOVERED, device, now_ns, lasted_s=_seconds(device.down_ns, now_ns))


def key_of(report: DeviceReport) -> str:
    """What a device is known by from look to look: its MAC, else its first address."""
    return report.mac or (report.addresses[0] if report.addresses else report.title or "?")


def _standing_of(report: DeviceReport) -> Standing:
    root = report.root_cause
    return Standing(report.verdict, root.stage if root else None, root.rule if root else None)


def _tell(
    kind: Kind,
    device: _Device,
    now_ns: int,
    *,
    count: int | None = None,
    period_s: float | None = None,
    lasted_s: float | None = None,
) -> Event:
    """An event of a device as it is now shown; the reasons belong to those that are offline."""
    report, shown = device.report, device.shown
    has_reason = kind in {Kind.LOST, Kind.CHANGED, Kind.FLAPPING} and shown is not None
    return Event(
        kind=kind,
        at_ns=now_ns,
        device=report.title or report.signature,
        mac=report.mac,
        address=report.addresses[0] if report.addresses else None,
        verdict=shown.verdict if shown else None,
        stage=shown.stage if shown and has_reason else None,
        rule=shown.rule if shown and has_reason else None,
        since=report.since if has_reason else None,
        summary=report.summary if has_reason else None,
        frames=_proof(report) if has_reason else (),
        count=count,
        period_s=period_s,
        lasted_s=lasted_s,
    )


def _proof(report: DeviceReport) -> tuple[int, ...]:
    """The frames of the root cause."""
    rule = report.root_cause.rule if report.root_cause else None
    causes = (f for f in report.findings if f.rule == rule and f.role is Role.CAUSE)
    return next((f.evidence.frames for f in causes), ())


def _is_past(since_ns: int | None, now_ns: int, wait_s: float) -> bool:
    """Whether so long has passed since then; a time that never was is long past."""
    return since_ns is None or now_ns - since_ns >= wait_s * NS


def _seconds(from_ns: int | None, to_ns: int) -> float:
    return 0.0 if from_ns is None else max(0, to_ns - from_ns) / NS


def _read_ns(text: str | None) -> int | None:
    """A time of the document; None for none."""
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * NS)
