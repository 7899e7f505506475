"""The sentences and numbers that the text, Markdown and later page forms share.

Nothing is judged here: every phrase says what the document holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from pcapaudit.model.records import dataclass
from pcapaudit.model.report import (
    CaptureInfo,
    DeviceReport,
    EndpointRef,
    EndpointReport,
    FindingReport,
    IndicatorState,
    NeedReport,
    Report,
    RuleAccount,
    StageReport,
    SwitchPort,
)
from pcapaudit.model.words import (
    Addressee,
    Direction,
    Directions,
    Identification,
    IndicatorKind,
    Result,
    Role,
    RuleState,
    Stage,
    State,
    Vantage,
    Verdict,
    confidence_words,
    weight_words,
)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Signs between words, and the mark of each state."""

    dot: str
    dots: str
    marks: Mapping[State, str]


UNICODE = Glyphs(
    "·",
    "…",
    {
        State.OK: "✓",
        State.IMPLIED: "(✓)",
        State.DEGRADED: "~",
        State.FAILED: "✗",
        State.NOT_OBSERVED: "?",
        State.NOT_REACHED: "·",
        State.NOT_APPLICABLE: "–",
    },
)
ASCII = Glyphs(
    "-",
    "...",
    {
        State.OK: "ok",
        State.IMPLIED: "(ok)",
        State.DEGRADED: "~",
        State.FAILED: "X",
        State.NOT_OBSERVED: "?",
        State.NOT_REACHED: ".",
        State.NOT_APPLICABLE: "-",
    },
)

VERDICTS = {
    Verdict.HEALTHY: "The network carries all that it needs",
    Verdict.DEGRADED: "It works, but not as it should",
    Verdict.FAILED: "It cannot work like this",
    Verdict.UNDECIDED: "This capture cannot decide it",
}
"""What each verdict says, for people who do not know the word."""

RUNGS = {
    Stage.LINK: "is on the network",
    Stage.DHCP: "gets an address",
    Stage.GATEWAY: "reaches its router",
    Stage.DNS: "finds names",
    Stage.TIME: "gets the time",
    Stage.CONNECT: "reaches its server",
    Stage.TLS: "agrees on encryption",
    Stage.APP: "is served",
    Stage.RETURN: "gets the answers",
    Stage.PERSIST: "stays connected",
}
"""What a device does when it climbs each rung."""

_UNTOLD = (State.DEGRADED, State.NOT_OBSERVED, State.NOT_APPLICABLE, State.IMPLIED)
"""States of a rung that need a word of explanation."""
_RULE_STATES = {
    RuleState.FIRED: "Why: what fired",
    RuleState.CANNOT_TELL: "Why: what the capture cannot tell",
    RuleState.QUIET: "Why: what stayed quiet",
}
DIRECTIONS = {
    Directions.BOTH: "both directions seen",
    Directions.ONE: "only one direction seen",
    Directions.PARTLY: "both directions seen for a part only",
}
"""What a capture shows of the devices' traffic."""
_ADDRESSEES = {
    Addressee.FIREWALL: "the firewall team",
    Addressee.INSPECTION: "the firewall team (inspection)",
    Addressee.LAN: "the LAN and DHCP team",
    Addressee.DNS: "the DNS team",
    Addressee.VENDOR: "the vendor",
    Addressee.SITE: "whoever is at the device",
    Addressee.CAPTURE: "whoever captures",
}
_KNOWN_BY = {
    Identification.NAME: "known by",
    Identification.SHAPE: "known by its traffic",
    Identification.ADDRESS: "perhaps, by an address alone",
    Identification.ENGINEER: "as you said",
}
_SHOWN_PORTS = 2
"""Switch ports that the capture line names; a capture of a whole switch has many."""
_VANTAGES = {
    Vantage.WAN: "seen from outside: stands for all behind this address",
    Vantage.BOTH: "seen on both sides of the address translation",
    Vantage.ENDPOINT: "captured on the device itself",
}


def say_count(number: int, noun: str = "") -> str:
    """``1,204 frames``; the noun gets its plural s."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def say_duration(seconds: float) -> str:
    """The two largest units: ``2 h 5 min``, ``4 min 12 s``, ``12.5 s``."""
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60))
    first = next(at for at, (_, amount) in enumerate(units) if amount)
    return " ".join(f"{amount} {unit}" for unit, amount in units[first : first + 2] if amount)


def say_time(time: str, day: str | None = None) -> str:
    """``14:02:11 +00:00``, with the date before it unless it is ``day`` (the start of a time text)."""
    clock = f"{time[11:19]} +00:00"
    return clock if day is not None and time[:10] == day[:10] else f"{time[:10]} {clock}"


def say_span(frames: Sequence[int], glyphs: Glyphs) -> str:
    """First and last frame: ``31 … 214``; ``-`` for none."""
    if len(frames) < 2:
        return str(frames[0]) if frames else "-"
    return f"{frames[0]} {glyphs.dots} {frames[-1]}"


def say_frames(frames: Sequence[int], capture: CaptureInfo | None = None) -> str:
    """``frame 31``, ``frames 31, 38, 214``; in a ring of files each with its file and number there."""
    if not frames:
        return "no frame"
    ring = capture is not None and len(capture.files) > 1
    named = [_place(frame, capture) if ring and capture else str(frame) for frame in frames]
    return f"{'frame' if len(frames) == 1 else 'frames'} {', '.join(named)}"


def _place(frame: int, capture: CaptureInfo) -> str:
    for file in capture.files:
        if file.first_frame <= frame < file.first_frame + file.frames:
            name = file.source.replace("\\", "/").rsplit("/", 1)[-1]
            return f"{frame} ({name}:{frame - file.first_frame + 1})"
    return str(frame)


def say_result(result: str) -> str:
    """``no_answer`` as people write it."""
    return result.replace("_", " ")


def say_endpoint(endpoint: EndpointRef | EndpointReport) -> str:
    """``gk.sensorist.com 54.229.203.190:4321``; a part that is unknown is left out."""
    address = endpoint.address or ""
    if ":" in address:
        address = f"[{address}]"
    port = "" if endpoint.port is None else f"{'' if address else 'port '}{':' if address else ''}{endpoint.port}"
    parts = [endpoint.host or "", address + port]
    if endpoint.transport not in (None, "tcp"):
        parts.append(str(endpoint.transport))
    return " ".join(part for part in parts if part) or "unknown"


def say_capture(capture: CaptureInfo) -> list[str]:
    """The items of the capture line: name, length, size, directions, what is missing."""
    items = [capture.source]
    if len(capture.files) > 1:
        items.append(f"ring of {say_count(len(capture.files), 'file')}")
    if capture.watched_s is not None:
        items.append(say_duration(capture.watched_s))
    items.append(say_count(capture.counters.frames, "frame"))
    if capture.directions is not None:
        items.append(DIRECTIONS[capture.directions])
    items += _say_switches(capture.switches)
    if capture.health:
        items.append(say_count(len(capture.health), "remark"))
    elif capture.counters.frames:
        items.append("nothing missing")
    return items


def _say_switches(ports: Sequence[SwitchPort]) -> list[str]:
    more = len(ports) - _SHOWN_PORTS
    return [*(say_switch(port) for port in ports[:_SHOWN_PORTS]), *([f"{more} more switch ports"] if more > 0 else [])]


def say_switch(port: SwitchPort) -> str:
    """Switch, port and VLAN: ``switch sw1, port Gi1/0/7 (Freezer room), VLAN 20``."""
    called = f" ({port.port_text})" if port.port_text and port.port_text != port.port else ""
    where = f"port {port.port}{called}" if port.port else None
    vlan = f"VLAN {port.vlan}" if port.vlan is not None else None
    voice = f"voice VLAN {port.voice_vlan}" if port.voice_vlan is not None else None
    return ", ".join(
        part for part in (f"switch {port.name or port.mac or 'without a name'}", where, vlan, voice) if part
    )


def say_window(capture: CaptureInfo) -> str | None:
    """From when to when, with the offset from UTC; None without a frame."""
    if capture.first is None or capture.last is None:
        return None
    return f"{say_time(capture.first)} to {say_time(capture.last, capture.first)}"


def say_clock(capture: CaptureInfo) -> str | None:
    """That the capture's clock is off, if it is: logs are searched by time."""
    if capture.clock_offset_s is None:
        return None
    side = "behind" if capture.clock_offset_s > 0 else "ahead of"
    return (
        f"The capture's clock is {say_duration(abs(capture.clock_offset_s))} {side} the time servers: "
        "shift the times below before you search a firewall's log."
    )


def say_title(device: DeviceReport) -> str:
    """Vendor and product, or what is known instead."""
    if device.title or device.signature:
        return device.title or device.signature or ""
    return f"One of {', '.join(device.candidates)}" if device.candidates else "Device without a signature"


def say_verdict(device: DeviceReport) -> str:
    """What the verdict says; of a device whose product is not known no more than what was looked at."""
    if device.verdict is Verdict.HEALTHY and device.signature is None:
        return "The network serves it; what its product needs beyond that is not known"
    return VERDICTS[device.verdict]


def say_names(device: DeviceReport) -> list[str]:
    """MAC, VLAN and addresses, the first four of them."""
    more = len(device.addresses) - 4
    names = [device.mac] if device.mac else []
    names += [f"VLAN {device.vlan}"] if device.vlan is not None else []
    names += [", ".join(device.addresses[:4]) + (f" and {more} more" if more > 0 else "")] if device.addresses else []
    return names


def say_indicator(indicator: IndicatorState) -> str:
    """What to see on the device: ``LED: blinking red``."""
    word = "LED" if indicator.kind is IndicatorKind.LED else "log"
    return f"{word}: {indicator.state}"


def say_background(device: DeviceReport, day: str | None) -> list[str]:
    """Since when, by what the device is known, and from which side it was seen."""
    items = [f"failing since {say_time(device.since, day)}"] if device.since else []
    if device.identification is not None:
        by = ", ".join(device.identified_by)
        items.append(f"{_KNOWN_BY[device.identification]}{': ' if by else ''}{by}")
    if device.vantage in _VANTAGES:
        items.append(_VANTAGES[device.vantage])
    if device.switch is not None:
        items.append(f"at {say_switch(device.switch)}")
    return items


def say_need(need: NeedReport) -> str:
    """What the need is, and whether the device can do without it."""
    inbound = " (inbound)" if need.direction is Direction.IN else ""
    return f"{need.what}{inbound}{'' if need.required else ' (optional)'}"


def say_attempts(judged: NeedReport | EndpointReport) -> str:
    """How often it was tried; ``-`` for what is judged by other traffic than attempts, such as the time."""
    return str(judged.attempts) if judged.attempts or judged.result == Result.NOT_ATTEMPTED else "-"


def split_needs(needs: Sequence[NeedReport]) -> tuple[list[NeedReport], list[NeedReport]]:
    """The needs to show one by one, and the optional ones that were never tried."""
    idle = [need for need in needs if not need.required and need.result == Result.NOT_ATTEMPTED]
    return [need for need in needs if need not in idle], idle


def say_idle(idle: Sequence[NeedReport]) -> str:
    """The optional needs that were never tried, in one line."""
    return f"optional, not tried: {', '.join(need.id for need in idle)}"


def group_reasons(stages: Sequence[StageReport]) -> list[tuple[State, str]]:
    """Why rungs are neither climbed nor broken, ``tls, app: …``; neighbours with the same reason share one."""
    told = [rung for rung in stages if rung.state in _UNTOLD and (rung.reason or rung.summary)]
    groups = groupby(told, key=lambda rung: (rung.state, rung.reason or rung.summary))
    return [(state, f"{', '.join(rung.stage for rung in group)}: {why}") for (state, why), group in groups]


def find_break(device: DeviceReport) -> StageReport | None:
    """The first rung that failed; else the first that is not as it should be; None when all are climbed."""
    for state in (State.FAILED, State.DEGRADED):
        found = next((rung for rung in device.stages if rung.state is state), None)
        if found is not None:
            return found
    return None


def say_history(indicator: IndicatorState, day: str | None) -> str | None:
    """How the indicator changed, with times; None when it did not."""
    if len(indicator.history) < 2:
        return None
    return ", ".join(f"{say_time(change.at, day)} {change.state}" for change in indicator.history)


def list_remedies(finding: FindingReport) -> list[tuple[Addressee | None, str]]:
    """What to do, then what to ask of whom. The advice (to nobody) stands first where it is a text of its own."""
    told: list[tuple[Addressee | None, str]] = [(remedy.to, remedy.text) for remedy in finding.remedies]
    addressees = [remedy.to for remedy in finding.remedies]
    if finding.remedy and (not told or addressees[:1] == addressees[1:2]):
        told[:1] = [(None, finding.remedy)]
    return told


def say_cited(finding: FindingReport) -> str | None:
    """The vendor's own words that the advice rests on; None where there are none."""
    return f"(vendor's paper: {', '.join(finding.cites)})" if finding.cites else None


def say_fact(value: object) -> str:
    """A fact's value: a text as it is, anything else as JSON writes it, lists without their brackets."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(say_fact, value)) or "none"
    return json.dumps(value, ensure_ascii=False, default=str)


def say_certainty(finding: FindingReport) -> str:
    """The rule and how sure it is: ``TCP-ALL-PORTS-FAIL, proven by the capture (95 of 100)``."""
    return f"{finding.rule}, {confidence_words(finding.confidence)} ({finding.confidence} of 100)"


def say_rule_state(state: RuleState, count: int) -> str:
    """Heading over the rules of which the same came."""
    return f"{_RULE_STATES[state]} ({count} {'rule' if count == 1 else 'rules'})"


def group_accounts(accounts: Iterable[RuleAccount]) -> list[list[RuleAccount]]:
    """Accounts of rules that came to the same on the same facts, side by side."""
    table: dict[tuple[str, tuple[str, ...]], list[RuleAccount]] = {}
    for account in accounts:
        table.setdefault((account.because, account.facts), []).append(account)
    return list(table.values())


def say_cause(cause: str, weight: int, because: str) -> str:
    """One possible cause with its weight and reason."""
    return f"{cause} ({weight_words(weight)}, {weight} of 100){': ' + because if because else ''}"


def say_addressee(addressee: Addressee) -> str:
    """Who is spoken to."""
    return _ADDRESSEES[addressee]


def say_remark(finding: FindingReport, day: str | None, capture: CaptureInfo | None) -> str:
    """A finding in one line, for those that are not the root cause."""
    ended = f" Failed until {say_time(finding.recovered_at, day)}, works since." if finding.recovered_at else ""
    doubt = "" if finding.confidence >= 35 else f" ({confidence_words(finding.confidence)})"
    frames = say_frames(finding.evidence.frames, capture)
    return f"{finding.rule}: {finding.summary.rstrip('.')} ({frames}).{ended}{doubt}"


def find_root(device: DeviceReport) -> FindingReport | None:
    """The finding that the device's root cause names."""
    root = device.root_cause
    if root is None:
        return None
    same = [f for f in device.findings if f.rule == root.rule]
    return min(same, key=lambda f: (f.role is not Role.CAUSE, f.stage is not root.stage), default=None)


def order_devices(report: Report, capture: int | None = None) -> list[int]:
    """Places of the devices in the report, or of those of one capture: the worst verdict first, like ones as there."""
    own = (at for at, device in enumerate(report.devices) if capture in (None, device.capture))
    return sorted(own, key=lambda at: list(Verdict).index(report.devices[at].verdict), reverse=True)


def say_plainly(device: DeviceReport) -> str | None:
    """What is broken, without the words of any protocol: the title of the root cause; None without one."""
    root = find_root(device)
    return None if root is None else f"{root.title.rstrip('.')}."


def say_absence(report: Report) -> str:
    """Why no device is listed."""
    if _is_empty(report):
        left_out = _count_left_out(report)
        if left_out:
            return f"No frame of this capture lies in the time asked for (of {say_count(left_out, 'frame')})."
        return "This capture holds no packet."
    if report.said.device:
        return f"The device {report.said.device} is not in this capture."
    return "No device was recognised in this capture."


def _is_empty(report: Report) -> bool:
    return bool(report.captures) and not any(capture.counters.frames for capture in report.captures)


def _count_left_out(report: Report) -> int:
    """Frames that were read and not looked at; asked of an empty report, where that is all of them."""
    return sum(file.frames for capture in report.captures for file in capture.files)


def say_next_without_device(report: Report) -> str:
    """What to do when no device is listed."""
    if _is_empty(report) and _count_left_out(report):
        return "Audit the capture without --since and --until: the answer says from when to when it lasts."
    if _is_empty(report):
        return (
            "Nothing came in where it was captured, or a capture filter let nothing through: "
            "check the interface, the mirror port and the filter, then capture again."
        )
    if report.said.device:
        return "Check the MAC or address, and that the mirror port carries the device's traffic in both directions."
    others = [near.signature for near in report.nearest if near.missing is None]
    if report.said.signature and others:
        return (
            f"Another product is in this capture ({', '.join(others)}): name that one (--signature), or none; "
            "in the browser: Analyse it with other details."
        )
    return (
        "Say which device is meant by its MAC or IP address (--device), or which product it is (--signature); "
        "in the browser: Analyse it with other details."
    )
