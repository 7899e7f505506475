"""The change requests of a report: to whom to write, what to ask, with the proof; as mails that are ready to send.

Devices with the same fault toward the same far side stand in one request: an admin with forty gateways sends one
mail. Nothing is judged here; every word is in the document.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from pcapaudit.model.far_side import end_sentence, is_beyond, join_and, say_far_sides, say_list, say_ports, say_service
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Ask, CaptureInfo, DeviceReport, FarSide, FindingReport, Remedy, Report
from pcapaudit.model.times import say_moment
from pcapaudit.model.words import Action, Addressee, confidence_words
from pcapaudit.report import phrases
from pcapaudit.report.escape import clean, make_visible
from pcapaudit.report.registry import Look

MAX_LISTED = 200
"""Devices that a mail names one by one; the table has all."""
MAX_SHOWN = 20
"""Devices whose evidence a mail tells."""
MAX_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class Concerned:
    """One device of a request, and what was seen of it. Times are RFC 3339; frames count in ``source``."""

    name: str
    """By what a log knows the device: its address, else its MAC."""
    title: str | None
    """Vendor and product, as far as they are known."""
    mac: str | None
    addresses: tuple[str, ...]
    vlan: int | None
    switch: str | None
    mirror_point: str | None
    source: str
    clock: str | None
    """That the capture's clock is off, if it is."""
    rule: str
    fault: str
    confidence: int
    seen: str
    remarks: tuple[str, ...]
    search_in: str | None
    search_at: tuple[str, ...]
    attempts: int | None
    first: str
    last: str
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What one addressee is asked, for all devices with the same cause."""

    to: Addressee
    action: Action
    what: str
    flows: tuple[FarSide, ...]
    hint: str | None
    paper: str | None
    """The vendor's own advice, and the facts it rests on."""
    cites: tuple[str, ...]
    devices: tuple[Concerned, ...]


def find_requests(report: Report) -> tuple[ChangeRequest, ...]:
    """All requests of a report, in the order of its devices and findings, the likelier addressee first.

    Every string is made harmless to show; a report without a fault has no request.
    """
    joined = _join((device.capture, request) for device in report.devices for request in _ask_for(device, report))
    return tuple(clean(request, make_visible) for request in joined)


def say_subject(request: ChangeRequest) -> str:
    """The subject of the mail: one line."""
    first = request.devices[0]
    names = {d.name for d in request.devices}
    who = f"{first.title or 'device'} {first.name}" if len(names) == 1 else _say_many(request, len(names))
    asks_for_traffic = request.flows and request.action.makes_rule
    about = f" to {_say_target(request.flows)}" if asks_for_traffic else f": {first.fault}"
    return textwrap.shorten(f"Please {request.action}: {who}{about}", MAX_SUBJECT, placeholder=" ...")


def say_body(request: ChangeRequest) -> str:
    """The text of the mail: paragraphs and lists, each item on one line, with a newline at the end."""
    return "\n".join(_write_body(request)) + "\n"


def as_mapping(request: ChangeRequest) -> dict[str, Any]:
    """A request as JSON has it, its mail included."""
    return {**asdict(request), "subject": say_subject(request), "text": say_body(request)}


def render(report: Report, look: Look) -> str:
    """All requests as mails one after the other, wrapped to the width; says so when nothing is to be asked."""
    requests = find_requests(report)
    return write_mails(requests, look) if requests else f"{say_nothing(report)}\n"


def write_mails(requests: Sequence[ChangeRequest], look: Look) -> str:
    """Some requests as mails one after the other, wrapped to the width."""
    shown = [_frame(request, number, len(requests), look) for number, request in enumerate(requests, start=1)]
    return "\n\n".join(shown)


def say_nothing(report: Report) -> str:
    """Why there is no request."""
    steps = tuple(dict.fromkeys(device.next_step for device in report.devices if device.next_step))
    if not report.devices:
        steps = (phrases.say_next_without_device(report),)
    if steps:
        return clean(" ".join(["There is nothing to ask of anybody yet.", *steps]), make_visible)
    return "There is nothing to change: no device of this capture shows a fault that somebody must mend."


# --- from the document -----------------------------------------------------------------------------------


def _ask_for(device: DeviceReport, report: Report) -> Iterator[ChangeRequest]:
    """The requests that the findings of one device make."""
    for finding in device.findings:
        own = finding.remedies or ((Remedy(Addressee.SITE, finding.remedy),) if finding.remedy else ())
        asked = [remedy for remedy in own if remedy.ask is not None]
        paper = next((remedy.text for remedy in own if remedy.ask is None), None)
        for remedy in asked or own:
            yield _request(device, finding, remedy, paper if remedy is _for_paper(asked) else None, report)


def _for_paper(asked: Sequence[Remedy]) -> Remedy | None:
    """To whom the vendor's own advice goes: whoever lets traffic pass, else any but the vendor, else the first."""
    passing = (
        remedy for remedy in asked if remedy.ask is not None and remedy.ask.action in (Action.ALLOW, Action.EXEMPT)
    )
    others = (remedy for remedy in asked if remedy.to is not Addressee.VENDOR)
    return next(passing, None) or next(others, None) or next(iter(asked), None)


def _request(
    device: DeviceReport, finding: FindingReport, remedy: Remedy, paper: str | None, report: Report
) -> ChangeRequest:
    ask = remedy.ask or _plain(device, finding, remedy)
    return ChangeRequest(
        to=remedy.to,
        action=ask.action,
        what=ask.what,
        flows=ask.flows,
        hint=ask.hint,
        paper=paper,
        cites=finding.cites if paper else (),
        devices=(_concern(device, finding, ask, report),),
    )


def _plain(device: DeviceReport, finding: FindingReport, remedy: Remedy) -> Ask:
    """A remedy that has no parts: the vendor's own advice, or one of a document that is older than they are."""
    name = next(iter(device.addresses), device.mac) or "the device"
    return Ask(Action.CHECK, name, remedy.text, (), finding.summary.rstrip("."), None)


def _concern(device: DeviceReport, finding: FindingReport, ask: Ask, report: Report) -> Concerned:
    capture = report.captures[finding.evidence.capture]
    attempts = finding.facts.get("attempts")
    return Concerned(
        name=ask.device,
        title=device.title or device.signature or device.maker,
        mac=device.mac,
        addresses=device.addresses,
        vlan=device.vlan if device.vlan is not None or device.switch is None else device.switch.vlan,
        switch=phrases.say_switch(device.switch) if device.switch is not None else None,
        mirror_point=ask.seen_at or report.said.mirror_point,
        source=_say_source(capture),
        clock=phrases.say_clock(capture),
        rule=finding.rule,
        fault=finding.title,
        confidence=finding.confidence,
        seen=ask.seen,
        remarks=ask.remarks,
        search_in=ask.search_in,
        search_at=ask.search_at,
        attempts=attempts if isinstance(attempts, int) else None,
        first=finding.evidence.from_,
        last=finding.evidence.to,
        frames=finding.evidence.frames,
    )


def _say_source(capture: CaptureInfo) -> str:
    """The name of the file, not its place on the machine that it was audited on: a request is sent to others."""
    name = capture.source.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return f"{name} (a ring of {len(capture.files)} files, frames counted on)" if len(capture.files) > 1 else name


# --- joining -----------------------------------------------------------------------------------------------


def _join(requests: Iterable[tuple[int, ChangeRequest]]) -> list[ChangeRequest]:
    """Requests, each with its capture, that ask the same of the same team for the same far side, as one.

    The far side is the same when a name of it is, or an address where it has no name: a product that tries three
    servers in turn has tried only two of them in one device's capture. What lies on the site itself is the same in
    one capture alone: two captures may be of two sites, which use the same addresses.
    """
    groups: list[list[ChangeRequest]] = []
    known: dict[tuple[object, ...], list[ChangeRequest]] = {}
    for capture, request in requests:
        keys = list(_keys(request, capture))
        group = next((known[key] for key in keys if key in known), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(request)
        for key in keys:
            known.setdefault(key, group)
    return [_merge(group) for group in groups]


def _keys(request: ChangeRequest, capture: int) -> Iterator[tuple[object, ...]]:
    """What two requests must share, once for each name or address of the far side."""
    same = (request.to, request.action, request.what)
    if not request.flows:
        yield (*same, capture)
    for far in request.flows:
        site = None if is_beyond(far) else capture
        for place in (far.host,) if far.host is not None else far.addresses:
            yield (*same, site, far.transport, place)


def _merge(group: Sequence[ChangeRequest]) -> ChangeRequest:
    flows: dict[tuple[str | None, str | None, str | None], FarSide] = {}
    for far in (far for request in group for far in request.flows):
        key = (far.host, far.transport, far.fact)
        flows[key] = _widen(flows[key], far) if key in flows else far
    devices = dict.fromkeys(device for request in group for device in request.devices)
    return replace(group[0], flows=tuple(flows.values()), devices=tuple(devices))


def _widen(one: FarSide, other: FarSide) -> FarSide:
    addresses = tuple(dict.fromkeys((*one.addresses, *other.addresses)))
    resolved_at = max(one.resolved_at or "", other.resolved_at or "") or None
    ports = tuple(sorted({*one.ports, *other.ports}))
    return replace(one, addresses=addresses, resolved_at=resolved_at, ports=ports)


# --- words ---------------------------------------------------------------------------------------------------


def _write_body(request: ChangeRequest) -> Iterator[str]:
    yield end_sentence(request.what)
    yield from ("", "From:" if request.flows else "For:")
    yield from _list([_say_device(d) for d in request.devices], MAX_LISTED)
    if request.flows:
        yield from ("", "To:", f"- {say_far_sides(request.flows, is_for_rule=request.action.makes_rule)}")
    yield from ("", "Seen:")
    yield from _list([_say_seen(d) for d in request.devices], MAX_SHOWN)
    yield from _write_search(request)
    if request.hint:
        yield from ("", request.hint)
    yield from ("", *_write_proof(request))
    if request.paper:
        cited = f" ({', '.join(request.cites)})" if request.cites else ""
        yield from ("", f"What the vendor's paper asks for{cited}: {request.paper}")


def _list(lines: Sequence[str], most: int) -> Iterator[str]:
    """Items, and how many more there are."""
    items = list(dict.fromkeys(lines))
    yield from (f"- {item}" for item in items[:most])
    if len(items) > most:
        yield f"- and {len(items) - most} more, all in the table"


def _say_device(device: Concerned) -> str:
    """``10.0.0.5 (MAC aa:…, VLAN 20), Sensorist / gateway, switch sw1, port 7``."""
    mac = f"MAC {device.mac}" if device.mac and device.mac != device.name else None
    details = ", ".join(part for part in (mac, f"VLAN {device.vlan}" if device.vlan is not None else None) if part)
    named = f"{device.name} ({details})" if details else device.name
    return ", ".join(part for part in (named, device.title, device.switch) if part)


def _say_seen(device: Concerned) -> str:
    where = f", at {device.mirror_point}" if device.mirror_point else ""
    return " ".join([f"{device.name}{where}: {device.seen}.", *device.remarks])


def _write_search(request: ChangeRequest) -> Iterator[str]:
    wanted = [d for d in request.devices if d.search_in and d.search_at]
    if not wanted:
        return
    yield from ("", f"Please search {wanted[0].search_in} for:")
    ports = say_ports(request.flows)
    yield from _list([f"{d.name}{ports} at {', '.join(map(say_moment, d.search_at))}" for d in wanted], MAX_SHOWN)


def _write_proof(request: ChangeRequest) -> Iterator[str]:
    """By which rule, how sure, from which capture; and that its clock is off, if it is."""
    rules = dict.fromkeys(d.rule for d in request.devices)
    said = [_say_rule(rule, sorted({d.confidence for d in request.devices if d.rule == rule})) for rule in rules]
    sources = dict.fromkeys(d.source for d in request.devices)
    yield f"Proof: {say_list(said)}; capture {say_list(list(sources))}; times with their offset from UTC."
    yield from dict.fromkeys(d.clock for d in request.devices if d.clock)


def _say_rule(rule: str, confidences: Sequence[int]) -> str:
    """``TCP-SYN-TIMEOUT, very likely (75 to 80 of 100)``: the words are those of the least sure."""
    low, high = confidences[0], confidences[-1]
    return f"{rule}, {confidence_words(low)} ({low if low == high else f'{low} to {high}'} of 100)"


def _say_many(request: ChangeRequest, count: int) -> str:
    """``40 devices (Sensorist / gateway)``."""
    titles = {d.title for d in request.devices if d.title}
    return f"{count} devices{f' ({titles.pop()})' if len(titles) == 1 else ''}"


def _say_target(flows: Sequence[FarSide]) -> str:
    where = say_list(list(dict.fromkeys(far.host or ", ".join(far.addresses[:2]) for far in flows))[:2])
    return ", ".join(part for part in (where, join_and(list(dict.fromkeys(say_service(f) for f in flows)))) if part)


def _frame(request: ChangeRequest, number: int, count: int, look: Look) -> str:
    """One mail between its lines, as a terminal or a file shows it."""
    head = f"--- {number} of {count}, to {phrases.say_addressee(request.to)} "
    lines = [head.ljust(look.width, "-"), f"Subject: {say_subject(request)}", ""]
    for line in say_body(request).splitlines():
        indent = "  " if line.startswith("- ") else ""
        wrapped = textwrap.wrap(
            line, look.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        lines += wrapped or [""]
    return "\n".join(lines) + "\n"
