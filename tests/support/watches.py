"""A device in a few states, and a watch that is shown it as time goes by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport, RootCause
from pcapaudit.model.times import NS, rfc3339
from pcapaudit.model.words import Stage, Verdict
from pcapaudit.report.serialize import serialize
from pcapaudit.watch.events import Event
from pcapaudit.watch.record import Record, read_record
from pcapaudit.watch.state import Patience, Watch
from tests.support.reports import load_report

START_S = 1_767_268_800
"""2026-01-01 12:00:00 UTC."""
DOWN = load_report("e1_blinking_red").devices[0]
"""Offline at connect, by TCP-ALL-PORTS-FAIL."""
MAC = DOWN.mac or ""
UP = replace(DOWN, verdict=Verdict.HEALTHY, root_cause=None, since=None, findings=())
UNDECIDED = replace(UP, verdict=Verdict.UNDECIDED)
OTHER = replace(UP, mac="02:00:00:00:00:99")
PATIENCE = Patience(confirm_s=4, gap_s=30, flaps=3, flap_s=600, settle_s=300, silent_s=600)


LATEST_S = 7 * 10**9
"""Seconds after the start that a clock can still show: 2**63 ns are 292 years."""


def at_ns(second: float) -> int:
    """So many seconds after the start, ns."""
    return round((START_S + second) * NS)


def at(second: float) -> str:
    """The same as the document writes it."""
    return rfc3339(at_ns(second))


def down(since_s: float = 0, stage: Stage = Stage.CONNECT) -> DeviceReport:
    """The device, offline since so many seconds after the start."""
    return replace(DOWN, since=at(since_s), root_cause=RootCause(stage, "TCP-ALL-PORTS-FAIL", 95))


def kinds(events: Sequence[Event]) -> list[str]:
    """The words of some events."""
    return [event.kind.value for event in events]


def store_and_read(watch: Watch) -> Record:
    """What a watch remembers after it went through JSON."""
    return read_record(json.loads(serialize(watch.record())))


class Play:
    """A watch that is shown a device every two seconds."""

    def __init__(self, watch: Watch | None = None) -> None:
        self.watch = watch or Watch(PATIENCE)
        self.now_s = 0.0
        self.dropped = 0
        self.heard: dict[str, int] = {}

    def show(
        self, devices: DeviceReport | Sequence[DeviceReport], for_s: float = 20.0, every_s: float = 2.0
    ) -> list[Event]:
        """What is told when it is shown them for so long."""
        shown = [devices] if isinstance(devices, DeviceReport) else list(devices)
        events = []
        for _ in range(round(for_s / every_s)):
            self.now_s += every_s
            events += self.watch.note(at_ns(self.now_s), shown, heard=self.heard, dropped=self.dropped)
        return events

    def hear(self, second: float | None = None) -> None:
        """The device sends a packet, now or when it is said."""
        self.heard[MAC] = at_ns(self.now_s if second is None else second)

    def restart(self, after_s: float) -> None:
        """End the watch, and begin another one so much later that remembers."""
        self.watch = Watch(PATIENCE, store_and_read(self.watch))
        self.now_s += after_s
        self.dropped = 0
        self.heard = {}


BARE = replace(down(), signature=None)
"""A device without a signature: listed as long as it has no network."""
DEVICES = {
    "up": UP,
    "undecided": UNDECIDED,
    "down": down(),
    "no name": down(stage=Stage.DNS),
    "degraded": replace(UP, verdict=Verdict.DEGRADED),
    "other up": OTHER,
    "other down": replace(down(), mac=OTHER.mac),
    "bare": replace(BARE, mac="02:00:00:00:00:97"),
    "without MAC": replace(BARE, mac=None),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One look, and what happens before it."""

    stride_s: int
    names: tuple[str, ...] = ("up",)
    is_heard: bool = True
    drops: int = 0
    act: str = ""

    @property
    def devices(self) -> list[DeviceReport]:
        """What the look lists."""
        return [DEVICES[name] for name in self.names]

    def second(self, before_s: int) -> int:
        """When the look is taken, after one at that second; a clock that cannot go further stands still."""
        return before_s + min(self.stride_s, max(LATEST_S - before_s, 0))

    def hear(self, now_s: int) -> dict[str, int]:
        """What the look heard."""
        return {d.mac or d.addresses[0]: at_ns(now_s) for d in self.devices} if self.is_heard else {}


STRIDES = st.one_of(st.integers(0, 90), st.sampled_from([400, 7200, 8 * 86_400, -2, -9000, -(10**9), 10**9]))
TURNS = st.lists(
    st.builds(
        Turn,
        STRIDES,
        st.lists(st.sampled_from(list(DEVICES)), max_size=4).map(tuple),
        st.booleans(),
        st.integers(0, 3),
        st.sampled_from(["", "", "", "", "blind", "sight", "restart"]),
    ),
    max_size=50,
)
