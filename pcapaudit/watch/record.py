"""What a watch remembers, and the form in which that outlives it: a plain JSON value, read again with suspicion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from pcapaudit.model.errors import ReportError, UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.words import MarkKind, Stage, Verdict
from pcapaudit.report.document import read_as

VERSION = 1
"""Of the record; another one is refused."""
MOST_DEVICES = 10_000
"""Devices that are remembered; then those go that were not heard for longest."""
_MOST_LOSSES = 10_000
"""More losses of one device than that wait for no watch to call them flapping."""
_MOST_NS = 1 << 63
"""Times lie between this and its negative, as those of frames do."""


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


@dataclass(slots=True)
class Device:
    """What is remembered of one device. Times are ns of the watch's clock: that of the wire as it is set now."""

    report: DeviceReport
    """As the newest look that listed it has it."""
    listed_ns: int
    """The newest look that listed it."""
    changed_ns: int
    """When what is said of it changed, or the first look."""
    pending_ns: int
    """Since when ``pending`` stands."""
    first_ns: int | None = None
    """The first one, while the watch could see all along since then."""
    missed_ns: int | None = None
    """Since when it stands in no look any more."""
    shown: Standing | None = None
    down_ns: int | None = None
    """Since when it is offline."""
    pending: Standing | None = None
    """What the newest looks say instead."""
    losses: tuple[int, ...] = ()
    """Those of late, as long as it does not flap."""
    flapping_ns: int | None = None
    """The first of the losses that were called flapping; None if it does not flap."""
    flaps: int = 0
    """How many they are."""
    heard_ns: int | None = None
    """Its newest packet."""
    told_ns: int | None = None
    """The same as the look told it, by the wire's clock as it was set then."""
    is_silent: bool = False
    answered: str | None = None
    """The newest answer to it that any look showed."""

    @property
    def key(self) -> str:
        """What it is known by from look to look."""
        return key_of(self.report)

    @property
    def is_down(self) -> bool:
        """It is said to be offline."""
        return self.shown is not None and self.shown.is_down

    @property
    def is_flapping(self) -> bool:
        """It comes and goes."""
        return self.flapping_ns is not None

    @property
    def quiet_ns(self) -> int:
        """Since when nothing is known of it."""
        return max(self.listed_ns, self.heard_ns or self.listed_ns)

    def move(self, by_ns: int) -> None:
        """The wire's clock was set by so much: what was remembered lies as far back as before."""
        self.listed_ns, self.changed_ns = move(self.listed_ns, by_ns), move(self.changed_ns, by_ns)
        self.pending_ns = move(self.pending_ns, by_ns)
        self.losses = tuple(move(at_ns, by_ns) for at_ns in self.losses)
        self.first_ns, self.missed_ns = move_if(self.first_ns, by_ns), move_if(self.missed_ns, by_ns)
        self.down_ns, self.heard_ns = move_if(self.down_ns, by_ns), move_if(self.heard_ns, by_ns)
        self.flapping_ns = move_if(self.flapping_ns, by_ns)

    def times(self) -> Iterator[int]:
        """All times by the watch's clock."""
        perhaps = (self.first_ns, self.missed_ns, self.down_ns, self.heard_ns, self.flapping_ns)
        yield from (self.listed_ns, self.pending_ns, self.changed_ns, *self.losses)
        yield from (at_ns for at_ns in perhaps if at_ns is not None)


@dataclass(frozen=True, slots=True)
class Record:
    """All that a watch remembers; its report documents are cut to what means something to another run."""

    version: int
    now_ns: int | None
    """The wire's clock at its newest look; None before the first."""
    dropped: int
    """Frames that were lost while capturing, in all runs."""
    untold_drops: int
    """Those of them that no event has told yet."""
    told_drops_ns: int | None
    """When an event told some."""
    gap_ns: int | None
    """When something was missed for the last time."""
    watched_ns: int | None
    """Since when the wire is watched; None: from the start."""
    blind_ns: int | None
    """Since when nothing can be seen; None where it can."""
    devices: tuple[Device, ...]


def keep_device(device: Device) -> Device:
    """A copy for a record: without what points at frames, which another run numbers anew, and at length explains."""
    report = device.report
    indicator = replace(report.indicator, history=()) if report.indicator else None
    cut = replace(
        report, indicator=indicator, switch=None, stages=(), needs=(), findings=(), timeline=(), why=(), capture=0
    )
    return replace(device, report=cut)


def read_record(value: object) -> Record:
    """The record that a JSON value holds, as ``json.loads`` gave it.

    Raises:
        UsageError: It is none, of another version, or what it holds cannot be; says where.
    """
    version = value.get("version") if isinstance(value, dict) else None
    if version != VERSION:
        raise UsageError(f"$.version: expected {VERSION}, found {version!r:.40}")
    try:
        record = read_as(Record, value)
    except ReportError as error:
        raise UsageError(f"{error.where}: {error.reason}") from None
    _check(record)
    return replace(record, devices=tuple(keep_device(device) for device in record.devices))


def key_of(report: DeviceReport) -> str:
    """What a device is known by from look to look: its MAC, else its first address."""
    return report.mac or (report.addresses[0] if report.addresses else report.title or "?")


def find_last_answer(report: DeviceReport) -> str | None:
    """When the device was last answered by anybody, RFC 3339; None if the report shows no answer."""
    return max((m.at for lane in report.timeline for m in lane.marks if m.kind is MarkKind.ANSWERED), default=None)


def move(at_ns: int, by_ns: int) -> int:
    """A time later by so much, but not before all clocks: one may be set back again and again."""
    return max(at_ns + by_ns, -_MOST_NS)


def move_if(at_ns: int | None, by_ns: int) -> int | None:
    """The same; None stays None."""
    return None if at_ns is None else move(at_ns, by_ns)


def _check(record: Record) -> None:
    """Raises UsageError for what no watch writes."""
    if not 0 <= record.untold_drops <= record.dropped <= _MOST_NS:
        raise UsageError("$.dropped: numbers of frames that cannot be")
    if len(record.devices) > MOST_DEVICES:
        raise UsageError(f"$.devices: more than {MOST_DEVICES:,}")
    perhaps = (record.told_drops_ns, record.gap_ns, record.watched_ns, record.blind_ns)
    _check_times("$", record.now_ns, (at_ns for at_ns in perhaps if at_ns is not None))
    keys = set()
    for number, device in enumerate(record.devices):
        where = f"$.devices[{number}]"
        _check_times(where, record.now_ns, device.times())
        is_counted = 0 <= device.flaps <= _MOST_NS and len(device.losses) <= _MOST_LOSSES
        if not is_counted or abs(device.told_ns or 0) > _MOST_NS:
            raise UsageError(f"{where}: numbers that cannot be")
        if device.key in keys:
            raise UsageError(f"{where}: this device was there before")
        keys.add(device.key)


def _check_times(where: str, now_ns: int | None, times: Iterable[int]) -> None:
    """None of them lies behind the present, and none beyond all clocks. Raises UsageError."""
    latest_ns = -_MOST_NS if now_ns is None else now_ns
    if any(abs(at_ns) > _MOST_NS or at_ns > latest_ns for at_ns in chain(times, [latest_ns])):
        raise UsageError(f"{where}: a time that cannot be")
