"""The memory of a watch: which devices are there, what was said of each, and what is new.

Fed with looks (a time and the devices as a report lists them) it gives events. A verdict is believed when the rules'
waiting times are over, which is their own work, and when it stood for some looks, which is done here. What it remembers
can be taken as a record, and another watch goes on from there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport
from pcapaudit.model.times import NS, rfc3339
from pcapaudit.model.words import Role, Verdict
from pcapaudit.watch.events import Event, Kind
from pcapaudit.watch.record import (
    MOST_DEVICES,
    VERSION,
    Device,
    Record,
    Standing,
    find_last_answer,
    keep_device,
    key_of,
    move_if,
)

NOT_RUNNING = "pcapaudit was not running"
_LEAP_STRIDES = 20
"""A stride from look to look that is longer than so many of the one before was none: the clock was set."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WORST_FIRST = (Verdict.FAILED, Verdict.DEGRADED, Verdict.UNDECIDED, None, Verdict.HEALTHY)


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
    """A device that was not heard for so long, while the wire was watched, is called silent."""
    known_s: float = 60.0
    """A device that stood in looks for less and then in none was a mistake: a MAC that had no address yet, say. What
    judges sees the same frames for much longer, so a device that was there and says nothing any more stays listed."""
    forget_s: float = 7 * 86_400.0
    """A device that was not heard for so long is forgotten: what comes every weekend is known, what was sold is not."""
    leap_s: float = 300.0
    """A clock that goes on by less from look to look was not set."""


@dataclass(frozen=True, slots=True)
class Row:
    """A device as a watch shows it now."""

    report: DeviceReport
    """As the newest look that listed it has it."""
    standing: Standing | None
    """What is said of it; None while nothing was believed yet."""
    is_provisional: bool
    """The newest look says something else, which is not believed yet."""
    is_flapping: bool
    heard_ns: int | None
    """Its newest packet; None where its MAC is not seen."""
    is_silent: bool
    since: str | None = None
    """Since when it is offline, RFC 3339; the report may know less, which does not look back for ever."""
    answered: str | None = None
    """The newest answer to it that any look showed, RFC 3339."""


class Watch:
    """Compares each look with what was said before.

    Args:
        patience: How long it waits.
        record: What an earlier watch remembered. The time in between was not watched.
        most: Devices that are remembered.
    """

    def __init__(
        self, patience: Patience | None = None, record: Record | None = None, *, most: int = MOST_DEVICES
    ) -> None:
        self._patience = patience or Patience()
        self._most = most
        self._devices = {device.key: replace(device) for device in record.devices} if record else {}
        self._now_ns = record.now_ns if record else None
        self._stride_ns = 0
        self._counted = 0
        self._dropped = record.dropped if record else 0
        self._untold_drops = record.untold_drops if record else 0
        self._told_drops_ns = record.told_drops_ns if record else None
        self._gap_ns = record.gap_ns if record else None
        self._watched_ns = record.watched_ns if record else None
        self._blind_ns: int | None = None
        self._blind_why: str | None = None
        if record is not None:
            self._blind_ns = record.now_ns if record.blind_ns is None else record.blind_ns

    @property
    def dropped(self) -> int:
        """Frames that were lost while capturing, those of earlier watches included."""
        return self._dropped

    def note(
        self, now_ns: int, devices: Sequence[DeviceReport], *, heard: Mapping[str, int] | None = None, dropped: int = 0
    ) -> list[Event]:
        """Take one look and give what is new.

        Args:
            now_ns: The wire's clock. One that was set, back or far ahead, takes along all that is remembered.
            devices: All devices of the capture.
            heard: MAC -> time of its newest packet, ns; of a device without one, its first address. None where that is
                not known: then nobody is called silent.
            dropped: Frames lost while capturing, from the start; a lower number than before has begun anew.
        """
        was_away = self._blind_ns is not None and self._blind_why is None
        events = self.note_sight(now_ns) if was_away else []
        self._go_on(now_ns)
        events += self._note_drops(now_ns, dropped)
        present = {key_of(report): report for report in devices}
        events += self._make_room(now_ns, present)
        self._list(now_ns, present)
        for key, device in self._devices.items():
            events += self._note_heard(device, now_ns, (heard or {}).get(key))
            events += self._note_standing(device, now_ns) if key in present else self._note_missing(device, now_ns)
            events += self._note_flapping(device, now_ns)
            events += [] if heard is None else self._note_silence(device, now_ns)
        return [*events, *self._forget(now_ns, [d for d in self._devices.values() if self._is_over(d, now_ns)])]

    def conclude(
        self, now_ns: int, devices: Sequence[DeviceReport], *, heard: Mapping[str, int] | None = None, dropped: int = 0
    ) -> list[Event]:
        """The same for the last look, behind which no other waits: what it says is believed at once."""
        self._patience = replace(self._patience, confirm_s=0.0)
        return self.note(now_ns, devices, heard=heard, dropped=dropped)

    def note_blind(self, from_ns: int, why: str) -> list[Event]:
        """Nothing can be seen since then, and nothing is claimed until ``note_sight``. Told once.

        Args:
            from_ns: The wire's clock.
            why: In a few words: ``the interface is down``.
        """
        if self._blind_why is not None:
            return []
        self._now_ns = from_ns if self._now_ns is None else max(from_ns, self._now_ns)
        self._blind_ns = from_ns if self._blind_ns is None else self._blind_ns
        self._blind_why = why
        return [Event(Kind.BLIND, self._now_ns, since=rfc3339(self._blind_ns), summary=why)]

    def note_sight(self, now_ns: int) -> list[Event]:
        """The wire is seen again; empty if it was before. What happened meanwhile nobody knows."""
        if self._blind_ns is None:
            return []
        self._go_on(now_ns)
        lasted_s = _seconds(self._blind_ns, now_ns)
        why = self._blind_why or NOT_RUNNING
        event = Event(Kind.SIGHTED, now_ns, since=rfc3339(self._blind_ns), summary=why, lasted_s=lasted_s)
        self._blind_ns = self._blind_why = None
        self._gap_ns = self._watched_ns = now_ns
        self._stride_ns = 0
        for device in self._devices.values():
            # What judges may have begun anew, too: that it lists a device no more is no sign of a mistake now.
            device.first_ns = None
        return [event]

    def rows(self) -> list[Row]:
        """All devices as they stand, the worst first, then in the order in which they were met."""
        rows = [_show(device) for device in self._devices.values() if not _works_unlisted(device)]
        return sorted(rows, key=lambda row: _WORST_FIRST.index(row.standing.verdict if row.standing else None))

    def record(self) -> Record:
        """All that it remembers."""
        return Record(
            version=VERSION,
            now_ns=self._now_ns,
            dropped=self._dropped,
            untold_drops=self._untold_drops,
            told_drops_ns=self._told_drops_ns,
            gap_ns=self._gap_ns,
            watched_ns=self._watched_ns,
            blind_ns=self._blind_ns,
            devices=tuple(keep_device(device) for device in self._devices.values()),
        )

    def _go_on(self, now_ns: int) -> None:
        """Take the time. A clock that was set takes along all that is remembered: each thing stays as old as it was."""
        before_ns, self._now_ns = self._now_ns, now_ns
        stride_ns = 0 if before_ns is None else now_ns - before_ns
        is_steady = self._stride_ns > 0 and self._blind_ns is None
        is_leap = is_steady and stride_ns > max(self._patience.leap_s * NS, _LEAP_STRIDES * self._stride_ns)
        if stride_ns < 0 or is_leap:
            self._move(stride_ns)
        elif stride_ns:
            self._stride_ns = stride_ns
        if is_leap:
            # The machine may have slept instead, and seen nothing.
            self._gap_ns = now_ns

    def _move(self, by_ns: int) -> None:
        self._gap_ns, self._told_drops_ns = move_if(self._gap_ns, by_ns), move_if(self._told_drops_ns, by_ns)
        self._watched_ns, self._blind_ns = move_if(self._watched_ns, by_ns), move_if(self._blind_ns, by_ns)
        for device in self._devices.values():
            device.move(by_ns)

    def _is_in_gap(self, now_ns: int) -> bool:
        """Something is missed, or was a moment ago: what did not come proves nothing."""
        return self._blind_ns is not None or not _is_past(self._gap_ns, now_ns, self._patience.gap_s)

    def _note_drops(self, now_ns: int, dropped: int) -> Iterator[Event]:
        fresh = dropped - self._counted if dropped >= self._counted else dropped
        self._counted = dropped
        if fresh:
            self._dropped += fresh
            self._untold_drops += fresh
            self._gap_ns = now_ns
        if self._untold_drops and _is_past(self._told_drops_ns, now_ns, self._patience.gap_s):
            yield Event(Kind.DROPPED, now_ns, count=self._untold_drops)
            self._told_drops_ns, self._untold_drops = now_ns, 0

    def _make_room(self, now_ns: int, present: Mapping[str, DeviceReport]) -> Iterator[Event]:
        """Forget those that were not heard for longest, as many as there are too many."""
        excess = len(self._devices.keys() | present.keys()) - self._most
        if excess > 0:
            missing = sorted((d for key, d in self._devices.items() if key not in present), key=lambda d: d.quiet_ns)
            yield from self._forget(now_ns, missing[:excess])

    def _list(self, now_ns: int, present: Mapping[str, DeviceReport]) -> None:
        for key, report in present.items():
            device = self._devices.get(key)
            if device is None:
                if len(self._devices) >= self._most:
                    # All others stand in this look, too.
                    continue
                device = self._devices[key] = Device(report, now_ns, now_ns, now_ns, first_ns=now_ns)
            device.report, device.listed_ns, device.missed_ns = report, now_ns, None
            device.answered = find_last_answer(report) or device.answered

    def _note_standing(self, device: Device, now_ns: int) -> Iterator[Event]:
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

    def _is_believed(self, found: Standing, device: Device, now_ns: int) -> bool:
        if found.verdict is Verdict.HEALTHY:
            # An answer is an answer.
            return True
        if found.is_down and self._is_in_gap(now_ns):
            return False
        return _is_past(device.pending_ns, now_ns, self._patience.confirm_s)

    def _change(self, device: Device, found: Standing, now_ns: int) -> Iterator[Event]:
        before, device.shown, device.changed_ns = device.shown, found, now_ns
        was_down = before is not None and before.is_down
        if found.is_down and not was_down:
            since_ns = _read_ns(device.report.since)
            device.down_ns = now_ns if since_ns is None else min(since_ns, now_ns)
            self._count_loss(device, now_ns)
            event = _tell(Kind.LOST, device, now_ns)
        elif was_down and not found.is_down:
            event = _tell(Kind.RECOVERED, device, now_ns, lasted_s=_seconds(device.down_ns, now_ns))
            device.down_ns = None
        else:
            event = _tell(Kind.SEEN if before is None else Kind.CHANGED, device, now_ns)
        if not device.is_flapping and not self._begins_to_flap(device, now_ns):
            yield event

    def _count_loss(self, device: Device, now_ns: int) -> None:
        if device.is_flapping:
            device.flaps += 1
        else:
            device.losses = (*device.losses, now_ns)

    def _begins_to_flap(self, device: Device, now_ns: int) -> bool:
        """Whether this loss is one too many; ``_note_flapping`` tells."""
        if not device.is_down:
            return False
        device.losses = tuple(at_ns for at_ns in device.losses if not _is_past(at_ns, now_ns, self._patience.flap_s))
        return len(device.losses) >= self._patience.flaps

    def _note_flapping(self, device: Device, now_ns: int) -> Iterator[Event]:
        if device.is_flapping:
            if _is_past(self._watched_since(device.changed_ns), now_ns, self._patience.settle_s):
                lasted_s = _seconds(device.flapping_ns, device.changed_ns)
                yield _tell(Kind.SETTLED, device, now_ns, count=device.flaps, lasted_s=lasted_s)
                device.flapping_ns, device.flaps = None, 0
        elif device.changed_ns == now_ns and self._begins_to_flap(device, now_ns):
            gaps = [_seconds(a, b) for a, b in itertools.pairwise(device.losses)]
            device.flapping_ns, device.flaps, device.losses = device.losses[0], len(device.losses), ()
            yield _tell(Kind.FLAPPING, device, now_ns, count=device.flaps, period_s=median(gaps))

    def _note_heard(self, device: Device, now_ns: int, told_ns: int | None) -> Iterator[Event]:
        """Take its newest packet. One that the look told before says nothing new, however the clock was set since."""
        if told_ns is None or told_ns == device.told_ns:
            return
        device.told_ns, before_ns = told_ns, device.heard_ns
        if before_ns is not None and told_ns <= before_ns:
            return
        device.heard_ns = min(told_ns, now_ns)
        if device.is_silent:
            device.is_silent = False
            yield _tell(Kind.BACK, device, now_ns, lasted_s=_seconds(before_ns, device.heard_ns))

    def _note_silence(self, device: Device, now_ns: int) -> Iterator[Event]:
        if device.heard_ns is None or device.is_silent or self._is_in_gap(now_ns) or _works_unlisted(device):
            return
        if _is_past(self._watched_since(device.heard_ns), now_ns, self._patience.silent_s):
            device.is_silent = True
            yield _tell(Kind.SILENT, device, now_ns, lasted_s=_seconds(device.heard_ns, now_ns))

    def _watched_since(self, at_ns: int) -> int:
        """From when on the wire was watched without a break, but not before that."""
        return at_ns if self._watched_ns is None else max(at_ns, self._watched_ns)

    def _note_missing(self, device: Device, now_ns: int) -> Iterator[Event]:
        """What stands in no look any more stays as it is: looks do not reach back for ever.

        But one without a signature is listed only as long as it has no network. If it is heard and not listed, it has.
        """
        if device.missed_ns is None:
            device.missed_ns, device.pending = now_ns, None
        is_heard = device.heard_ns is not None and device.heard_ns >= device.missed_ns
        if device.report.signature is None and device.is_down and is_heard and self._is_judged_again(device, now_ns):
            yield from self._change(device, Standing(Verdict.HEALTHY), now_ns)

    def _is_judged_again(self, device: Device, now_ns: int) -> bool:
        """What judges has seen enough since something was missed to list a device that fails."""
        is_watched = self._blind_ns is None and _is_past(self._watched_ns, now_ns, self._patience.settle_s)
        return is_watched and _is_past(device.missed_ns, now_ns, self._patience.confirm_s)

    def _is_over(self, device: Device, now_ns: int) -> bool:
        """A device that stands in no look any more need not be remembered."""
        if device.missed_ns is None:
            return False
        if _works_unlisted(device):
            return not device.is_flapping and _is_past(device.changed_ns, now_ns, self._patience.flap_s)
        if device.shown is None or self._was_mistake(device):
            return _is_past(device.missed_ns, now_ns, self._patience.confirm_s)
        return _is_past(self._watched_since(device.quiet_ns), now_ns, self._patience.forget_s)

    def _was_mistake(self, device: Device) -> bool:
        return device.first_ns is not None and not _is_past(device.first_ns, device.listed_ns, self._patience.known_s)

    def _forget(self, now_ns: int, devices: Sequence[Device]) -> Iterator[Event]:
        """What was told of them is closed."""
        for device in devices:
            del self._devices[device.key]
            if self._was_mistake(device) and device.is_down and not device.is_flapping:
                device.shown = None
                yield _tell(Kind.RECOVERED, device, now_ns, lasted_s=_seconds(device.down_ns, now_ns))
            elif device.is_down or device.is_flapping:
                yield _tell(Kind.FORGOTTEN, device, now_ns, lasted_s=_seconds(device.quiet_ns, now_ns))


def _show(device: Device) -> Row:
    return Row(
        report=device.report,
        standing=device.shown,
        is_provisional=device.pending is not None,
        is_flapping=device.is_flapping,
        heard_ns=device.heard_ns,
        is_silent=device.is_silent,
        since=rfc3339(device.down_ns) if device.is_down and device.down_ns is not None else None,
        answered=device.answered,
    )


def _works_unlisted(device: Device) -> bool:
    """It was listed while it had no network, and has it now. It is remembered in case that this comes and goes."""
    is_listed_while_down = device.report.signature is None and device.report.verdict is Verdict.FAILED
    return device.missed_ns is not None and is_listed_while_down and device.shown is not None and not device.is_down


def _standing_of(report: DeviceReport) -> Standing:
    root = report.root_cause
    return Standing(report.verdict, root.stage if root else None, root.rule if root else None)


def _tell(
    kind: Kind,
    device: Device,
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
        since=_since_of(kind, device) if has_reason else None,
        summary=report.summary if has_reason else None,
        frames=_proof(report) if has_reason else (),
        count=count,
        period_s=period_s,
        lasted_s=lasted_s,
    )


def _since_of(kind: Kind, device: Device) -> str | None:
    """When the failure began; of one that goes on, when it was first known to."""
    goes_on = kind is not Kind.LOST and device.is_down
    return rfc3339(device.down_ns) if goes_on and device.down_ns is not None else device.report.since


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
    return None if text is None else (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND * 1000
