"""The comparison document: what changed between two captures, ready to be shown.

As in the report, everything is text at this border, times are RFC 3339 in UTC, ``None`` means unknown, and every list
has an order that depends on the two reports alone.
"""

from __future__ import annotations

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import EndpointRef
from pcapaudit.model.words import Role, Stage, State, Verdict
from pcapaudit.report.compare.change import Change
from pcapaudit.report.compare.pairs import MatchedBy

SCHEMA = "pcapaudit/comparison/1"
"""Name and version of the document's form."""


@dataclass(frozen=True, slots=True)
class CaptureSide:
    """One of the two captures, as far as a device is concerned."""

    source: str
    first: str | None
    last: str | None
    watched_s: float | None
    frames: int


@dataclass(frozen=True, slots=True)
class DeviceSide:
    """What one report says of a device."""

    capture: CaptureSide
    mac: str | None
    addresses: tuple[str, ...]
    verdict: Verdict
    indicator: str | None
    """What its LED or log must show at the end of the capture."""
    summary: str | None
    since: str | None
    """When its failure began."""
    next_step: str | None


@dataclass(frozen=True, slots=True)
class Since:
    """From when on something works.

    ``is_exact`` is whether the capture shows the failure end at that moment; else it is the first time that it was seen
    to work, and the failure ended at some time before.
    """

    at: str
    frames: tuple[int, ...]
    is_exact: bool


@dataclass(frozen=True, slots=True)
class StageChange:
    """One rung of the ladder in both captures. ``reason`` says why nothing can be told."""

    stage: Stage
    before: State | None
    after: State | None
    change: Change
    reason: str | None


@dataclass(frozen=True, slots=True)
class Tries:
    """What came of a need, or of one far side, in one capture."""

    state: State
    result: str
    attempts: int
    first: str | None
    last: str | None
    frames: tuple[int, ...]
    addresses: tuple[str, ...] = ()
    """Where it went; of a far side only."""


@dataclass(frozen=True, slots=True)
class FarSideChange:
    """One name (an address where no name is known) and port of a need, in both captures."""

    host: str
    transport: str | None
    port: int | None
    before: Tries | None
    after: Tries | None
    change: Change
    since: Since | None


@dataclass(frozen=True, slots=True)
class NeedChange:
    """One need of the product, in both captures."""

    id: str
    what: str
    required: bool
    before: Tries | None
    after: Tries | None
    change: Change
    reason: str | None
    since: Since | None
    far_sides: tuple[FarSideChange, ...]


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding that explains a failure, in both captures; frames are those of its evidence."""

    rule: str
    title: str
    stage: Stage
    role: Role
    """In the second capture; in the first where the second has none."""
    endpoint: EndpointRef | None
    summary: str
    change: Change
    reason: str | None
    recovered_at: str | None
    """When it ended, where the second capture shows that."""
    frames_before: tuple[int, ...]
    frames_after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FactChange:
    """Something else that differs: an address, the VLAN, the switch port."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """One device in both captures."""

    title: str
    matched_by: MatchedBy
    change: Change
    reason: str | None
    """Why it is not called repaired although its verdict is better."""
    before: DeviceSide
    after: DeviceSide
    since: Since | None
    """From when on all works again that failed."""
    stages: tuple[StageChange, ...]
    needs: tuple[NeedChange, ...]
    findings: tuple[FindingChange, ...]
    """New and persisting ones first."""
    facts: tuple[FactChange, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoneDevice:
    """A device that only one of the captures shows."""

    title: str
    side: DeviceSide
    note: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole document."""

    schema: str
    before: tuple[CaptureSide, ...]
    after: tuple[CaptureSide, ...]
    is_swapped: bool
    """Whether the capture that was given first is the later one."""
    devices: tuple[DeviceChange, ...]
    """Those that need attention first."""
    only_before: tuple[LoneDevice, ...]
    only_after: tuple[LoneDevice, ...]
    caveats: tuple[str, ...]
