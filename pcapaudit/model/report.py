"""The report document: everything that ``pcapaudit audit`` says, ready to be shown.

Field names are the keys of the JSON document; ``EvidenceReport.from_`` stands for ``from``,
a keyword. Everything is text at this border: addresses (IPv6 after RFC 5952), MACs in lower
case with colons, times in RFC 3339, UTC, with microseconds and ``Z``. ``None`` means unknown;
an empty string, zero or "unknown" never does. Every tuple has an order that depends on the
frames alone. Mappings hold JSON values only.

New fields get a default, so that an older stored document can still be read. Renaming,
retyping or dropping one needs a new number in ``SCHEMA``.
"""

from __future__ import annotations

from collections.abc import Mapping

from pcapaudit.model.records import dataclass
from pcapaudit.model.words import (
    Action,
    Addressee,
    Direction,
    Directions,
    Group,
    HealthState,
    Identification,
    IndicatorKind,
    MarkKind,
    Outcome,
    Role,
    RuleState,
    Severity,
    Stage,
    State,
    Vantage,
    Verdict,
    When,
)

SCHEMA = "pcapaudit/report/1"
"""Name and version of the document's form."""


@dataclass(frozen=True, slots=True)
class Generator:
    """The program that made the report. ``scan`` is ``compiled`` or ``interpreted``."""

    name: str
    version: str
    scan: str


@dataclass(frozen=True, slots=True)
class SignatureUse:
    """A signature that was loaded, with the SHA-256 (hex) of its file."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What the verdicts depend on beside the frames."""

    params: Mapping[str, object]
    """Values the engineer gave for a signature's parameters, e.g. ``app_port``."""
    thresholds: Mapping[str, float]
    """All thresholds of the rules; waits in seconds."""
    signatures: tuple[SignatureUse, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What the engineer said; held against the capture (catalogue, section 14.5)."""

    led: str | None
    log: str | None
    device: str | None = None
    """MAC or address given with ``--device``."""
    signature: str | None = None
    """Id given with ``--signature``."""
    mirror_point: str | None = None
    """Where the capture was taken, given with ``--mirror-point``."""


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """One file of a capture. ``first_frame`` counts from 1 and runs on across a ring of files."""

    source: str
    first_frame: int
    frames: int


@dataclass(frozen=True, slots=True)
class Counters:
    """What the frames are, counted so that other tools can check it.

    ``arp + ipv4 + ipv6 + no_ip`` and ``tcp + udp + icmp + other = ipv4 + ipv6`` count each frame
    once by its innermost packet. Conversations are distinct unordered pairs of (address, port).
    """

    frames: int
    captured_bytes: int
    wire_bytes: int
    truncated_frames: int
    undecoded_frames: int
    malformed_packets: int
    arp: int
    ipv4: int
    ipv6: int
    no_ip: int
    tcp: int
    udp: int
    icmp: int
    other: int
    tcp_conversations: int
    udp_conversations: int
    tcp_syn: int
    dns_queries: int
    dns_responses: int
    dns_rcodes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HealthItem:
    """One statement on what the capture can and cannot show (rules CAP-*)."""

    rule: str
    state: HealthState
    device: str | None
    """MAC of the device it speaks of; None for the whole capture."""
    summary: str
    frames: tuple[int, ...]
    effect: str
    """What the verdicts may not claim because of it."""
    advice: str | None
    """What to ask of whoever captures (catalogue, section 13.3)."""


@dataclass(frozen=True, slots=True)
class SwitchPort:
    """A port of a switch as it announces itself by LLDP or CDP; what it does not tell is None."""

    protocol: str
    """``lldp`` or ``cdp``, whichever came first."""
    name: str | None
    """The switch."""
    port: str | None
    port_text: str | None
    """What the administrator calls the port."""
    vlan: int | None
    """The port's untagged VLAN."""
    voice_vlan: int | None
    description: str | None
    """Make or platform."""
    management: str | None
    """Address at which the switch is managed."""
    mac: str | None
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CaptureInfo:
    """One capture: a file, or several of one ring."""

    source: str
    format: str
    files: tuple[CaptureFile, ...]
    link_types: tuple[str, ...]
    snaplen: int | None
    first: str | None
    """Time of the first frame; None without any frame."""
    last: str | None
    counters: Counters
    health: tuple[HealthItem, ...]
    watched_s: float | None = None
    """Length of the watched window, seconds; longer than last - first where interface statistics say so."""
    directions: Directions | None = None
    clock_offset_s: float | None = None
    """NTP time minus the capture's clock, seconds; None when no answer told it or it is within 2 s."""
    switches: tuple[SwitchPort, ...] = ()
    """Switch ports that announce themselves on this wire, in order of their first frame."""
    lower_limits: tuple[str, ...] = ()
    """Keys of ``counters`` that say "at least", because more was in the capture than is kept (CAP-TABLE-FULL)."""


@dataclass(frozen=True, slots=True)
class RootCause:
    """Where the ladder breaks and which rule says so; ``confidence`` 0 to 100."""

    stage: Stage
    rule: str
    confidence: int


@dataclass(frozen=True, slots=True)
class IndicatorChange:
    """The indicator changed to ``state`` at ``at``."""

    at: str
    state: str


@dataclass(frozen=True, slots=True)
class IndicatorState:
    """What the device must show at the end of the window. ``source`` is a vendor fact id."""

    kind: IndicatorKind
    state: str
    source: str
    history: tuple[IndicatorChange, ...]


@dataclass(frozen=True, slots=True)
class StageReport:
    """One rung. ``reason`` says why a state is not ok or failed: not mirrored, never tried, ..."""

    stage: Stage
    state: State
    summary: str | None
    frames: tuple[int, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class EndpointRef:
    """A far side; every part may be unknown. ``transport`` is ``tcp``, ``udp`` or ``icmp``."""

    host: str | None
    address: str | None
    transport: str | None
    port: int | None


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """One far side of a need, and what came of it."""

    host: str | None
    address: str | None
    transport: str | None
    port: int | None
    state: State
    result: str
    """A word of ``Result``, or what else the packets said."""
    attempts: int
    """Distinct initial sequence numbers or source ports (UDP: datagrams that expect an answer)."""
    tries: int
    """Packets, retransmissions included."""
    first: str | None
    last: str | None
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NeedReport:
    """One line of the signature, judged."""

    id: str
    what: str
    required: bool
    direction: Direction
    when: When
    group: Group
    state: State
    result: str
    """A word of ``Result``, or what else the packets said."""
    attempts: int
    first: str | None
    last: str | None
    frames: tuple[int, ...]
    stages: tuple[StageReport, ...]
    """Only ``connect`` and later: what stands before is the device's own."""
    endpoints: tuple[EndpointReport, ...]


@dataclass(frozen=True, slots=True)
class CauseReport:
    """One possible cause with its weight; causes stand heaviest first."""

    cause: str
    weight: int
    because: str


@dataclass(frozen=True, slots=True)
class FarSide:
    """Traffic that a request speaks of: from the device to one name, or to addresses without a name."""

    host: str | None
    addresses: tuple[str, ...]
    """What the name led to; without a name, the far sides themselves."""
    resolved_at: str | None
    """When the device was last told an address of this name."""
    transport: str | None
    ports: tuple[int, ...]
    fact: str | None
    """Vendor fact id that names this traffic."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A remedy in its parts, so that requests can be joined, mailed and put into a table."""

    action: Action
    device: str
    """By what a log knows the device: its address, else its MAC."""
    what: str
    """What is asked, in a sentence without a full stop that names no device."""
    flows: tuple[FarSide, ...]
    seen: str
    """The evidence in one sentence: how often, from when to when, in which frames."""
    seen_at: str | None
    """The mirror point: as the engineer said, else the switch port that announces itself."""
    remarks: tuple[str, ...] = ()
    """What else the capture shows: what works beside it, and how far the network is good."""
    search_in: str | None = None
    """The log that may tell more."""
    search_at: tuple[str, ...] = ()
    """Times of attempts, to search that log by; at most three."""
    hint: str | None = None
    """What else may be behind it, and what one test decides."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to ask of one addressee (catalogue, section 14.5a)."""

    to: Addressee
    text: str
    ask: Ask | None = None
    """None where the text is the vendor's own advice."""


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """The proof: at most ten frames, the window they lie in, and a Wireshark display filter."""

    capture: int
    """Index into ``captures``, from 0."""
    frames: tuple[int, ...]
    from_: str
    to: str
    display_filter: str | None


@dataclass(frozen=True, slots=True)
class FindingReport:
    """A rule that fired for a device, weighed by the verdict model."""

    rule: str
    title: str
    severity: Severity
    outcome: Outcome
    stage: Stage
    role: Role
    confidence: int
    recovered_at: str | None
    summary: str
    """The evidence in one sentence."""
    remedy: str | None
    """The first remedy's text; None where nothing is to be done."""
    endpoint: EndpointRef | None
    causes: tuple[CauseReport, ...]
    evidence: EvidenceReport
    facts: Mapping[str, object]
    remedies: tuple[Remedy, ...] = ()
    """All remedies, the likelier addressee first."""
    cites: tuple[str, ...] = ()
    """Vendor fact ids the remedy rests on."""
    detail: str | None = None
    """What the evidence shows in more words than ``summary``; None where that says it all."""


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """One moment of a lane: the frame that was seen and what it did for the device."""

    at: str
    frame: int
    kind: MarkKind


@dataclass(frozen=True, slots=True)
class TimelineLane:
    """What a device asked of one far side, and what came back, in order of time.

    ``left_out`` marks between the first and the last are missing where there were too many.
    """

    stage: Stage
    what: str
    marks: tuple[TimelineMark, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class RuleAccount:
    """One rule that was put to a device: what came of it, why, and the facts it looked at (``--why``)."""

    rule: str
    title: str
    stage: Stage
    state: RuleState
    because: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """One device and its verdict."""

    capture: int
    """Index into ``captures``, from 0."""
    mac: str | None
    addresses: tuple[str, ...]
    maker: str | None
    vlan: int | None
    vantage: Vantage | None
    signature: str | None
    vendor: str | None
    candidates: tuple[str, ...]
    """Signatures that match equally well when ``signature`` is None."""
    identification: Identification | None
    identified_by: tuple[str, ...]
    verdict: Verdict
    since: str | None
    next_step: str | None
    """One sentence; never None with ``undecided``."""
    root_cause: RootCause | None
    indicator: IndicatorState | None
    stages: tuple[StageReport, ...]
    needs: tuple[NeedReport, ...]
    findings: tuple[FindingReport, ...]
    title: str | None = None
    """Vendor and product for people, e.g. ``Sensorist / Oscar TempLog gateway``."""
    summary: str | None = None
    """The verdict in one sentence."""
    switch: SwitchPort | None = None
    """The device's own switch port; None where the capture does not tell which it is."""
    said_note: str | None = None
    """What the engineer's LED or log statement says against the capture."""
    timeline: tuple[TimelineLane, ...] = ()
    """Along the ladder, then by time; bounded, see ``TimelineLane``."""
    why: tuple[RuleAccount, ...] = ()
    """Every rule of the catalogue, along the ladder; empty unless asked for."""


@dataclass(frozen=True, slots=True)
class BusyHost:
    """A host of the capture, listed when no device was recognised; busiest first, at most ten."""

    mac: str | None
    addresses: tuple[str, ...]
    frames: int
    maker: str | None = None
    capture: int = 0


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A signature that some host nearly matched: which of its signs were there, what is missing.

    Nothing is missing where it did match, and another product was asked for.
    """

    signature: str
    seen: tuple[str, ...]
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadSource:
    """A source that could not be read; ``offset`` is the byte where it stops making sense."""

    source: str
    reason: str
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole document."""

    schema: str = SCHEMA
    generator: Generator
    partial: bool
    settings: Settings
    said: Said
    captures: tuple[CaptureInfo, ...]
    devices: tuple[DeviceReport, ...]
    hosts: tuple[BusyHost, ...] = ()
    """Filled when no device was recognised."""
    nearest: tuple[NearMiss, ...] = ()
    """Filled when no device was recognised; nearest first."""
    unread: tuple[UnreadSource, ...] = ()
