"""From the form of a file to the signature the program works with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product as pairs
from typing import TypeAlias

from pydantic_core import PydanticCustomError

from pcapaudit.catalog import form
from pcapaudit.catalog.document import Path
from pcapaudit.catalog.messages import suggest
from pcapaudit.catalog.scalars import PARAM_NAME, RULE_ID, parse_ports
from pcapaudit.catalog.schema import (
    AddressUse,
    Condition,
    Endpoint,
    Example,
    Forbid,
    Identify,
    Indicator,
    Need,
    Paper,
    Param,
    Range,
    Remedy,
    Resolvers,
    Sign,
    Signature,
    Transport,
)
from pcapaudit.model.words import Group, IndicatorKind, Stage

Complaint: TypeAlias = tuple[Path, str, str | None]
"""Path of the faulty value, message, hint."""

THRESHOLDS = (
    "vis_min",
    "syn_min_tries",
    "syn_wait",
    "dns_wait",
    "dhcp_min_tries",
    "dhcp_wait",
    "arp_min_tries",
    "udp_wait",
    "udp_min_tries",
    "ntp_wait",
    "rtt_factor",
    "ttl_delta",
    "dup_window",
    "idle_gap",
    "gap_ratio",
    "clock_bad",
    "short_conn",
)
"""Thresholds that a signature may replace. Source: catalogue, section 2."""


# --- what one field alone cannot tell ------------------------------------------------------------------


def find_contradictions(parsed: form.SignatureForm) -> Iterator[Complaint]:
    """Faults between the parts of a file that are well-formed each for itself."""
    yield from _check_needs(parsed)
    yield from _find_shared_services(parsed)
    for name in parsed.params:
        if not re.fullmatch(PARAM_NAME, name):
            yield ("params", name), f"{name!r} is no name of a parameter", "write lower-case letters, digits and _"
    for name in parsed.thresholds:
        if name not in THRESHOLDS:
            yield ("thresholds", name), f"there is no threshold {name!r}", suggest(name, THRESHOLDS)
    stages = [str(stage) for stage in Stage]
    for name in parsed.remedies:
        if name not in stages and not re.fullmatch(RULE_ID, name):
            yield ("remedies", name), f"{name!r} is neither a rule id nor a stage", suggest(name, stages)


def _check_needs(parsed: form.SignatureForm) -> Iterator[Complaint]:
    first: dict[str, int] = {}
    used: set[str] = set()
    for index, need in enumerate(parsed.needs):
        if first.setdefault(need.id, index) != index:
            yield ("needs", index, "id"), f"the need {need.id} stands here twice", None
        group = "any_of" if need.any_of is not None else "all_of"
        for member, endpoint in enumerate(need.any_of or need.all_of or ()):
            path: Path = ("needs", index, group, member, "tcp" if endpoint.tcp else "udp")
            used.update(word for word in (*endpoint.tcp, *endpoint.udp) if word in parsed.params)
            for word in (*endpoint.tcp, *endpoint.udp):
                yield from _check_port(word, path, parsed.params)
    for name in parsed.params:
        if name not in used:
            yield (
                ("params", name),
                f"no endpoint uses the parameter {name!r}",
                f"write {{tcp: {name}}} where it belongs",
            )


def _find_shared_services(parsed: form.SignatureForm) -> Iterator[Complaint]:
    """One host on one port belongs to one need: papers name some twice, a report must not. Source: Y-10."""
    owners: dict[tuple[str, str, str, str], str] = {}
    for index, need in enumerate(parsed.needs):
        for host, (transport, word) in pairs(need.hosts, _words(need)):
            owner = owners.setdefault((need.direction, host.text, transport, word), need.id)
            if owner != need.id:
                message = f"{host.text} on {transport} {word} belongs to the need {owner} already"
                yield ("needs", index, "hosts"), message, "name each host and port under one need"


def _words(need: form.NeedForm) -> list[tuple[str, str]]:
    """Transport and port, as written, of each endpoint of a need."""
    endpoints = need.any_of or need.all_of or ()
    return [(t, word) for e in endpoints for t, words in (("tcp", e.tcp), ("udp", e.udp)) for word in words]


def _check_port(word: str, path: Path, params: Mapping[str, form.ParamForm]) -> Iterator[Complaint]:
    if word in params:
        return
    if re.fullmatch(PARAM_NAME, word):
        hint = suggest(word, list(params)) if params else "declare it under params"
        yield path, f"there is no parameter {word!r}", hint
        return
    try:
        parse_ports(word)
    except PydanticCustomError as error:
        context = error.context or {}
        yield path, str(context.get("message")), context.get("hint")


# --- building ------------------------------------------------------------------------------------------


def build(parsed: form.SignatureForm, vendor: str, product: str, sha256: str) -> Signature:
    """Make the signature of a file without contradictions.

    Args:
        parsed: The file.
        vendor: Name of its folder.
        product: Its name without ``.yaml``.
        sha256: Digest of its bytes, hexadecimal.
    """
    sources = [stage.from_ for stage in parsed.stages.values()]
    sources += [entry.from_ for entry in parsed.assumed] + [fact.from_ for fact in parsed.facts]
    return Signature(
        id=f"{vendor}/{product}",
        vendor=vendor,
        vendor_title=parsed.vendor,
        product=product,
        title=parsed.product,
        paper=Paper(parsed.paper.title, parsed.paper.dated),
        incomplete=parsed.incomplete,
        identify=_identify(parsed.identify),
        address=AddressUse(parsed.address.dhcp, parsed.address.from_),
        resolvers=_resolvers(parsed.resolvers),
        stages={str(stage): said.is_ for stage, said in parsed.stages.items()},
        needs=tuple(_need(need, parsed.params) for need in parsed.needs),
        params={n: Param(p.kind, p.range.low, p.range.high, p.what, p.from_) for n, p in parsed.params.items()},
        forbids=tuple(Forbid(f.transport, f.from_) for f in parsed.forbids),
        indicators=tuple(_indicators(parsed)),
        remedies={name: Remedy(remedy.text, remedy.from_) for name, remedy in parsed.remedies.items()},
        thresholds=dict(parsed.thresholds),
        walks_servers=parsed.walks_servers,
        assumed=tuple(_assumption(entry) for entry in parsed.assumed),
        cited=tuple(fact for source in sources for fact in source),
        examples=tuple(Example(e.capture, e.finds) for e in parsed.examples),
        sha256=sha256,
    )


def _assumption(entry: form.AssumedForm) -> str:
    return f"{entry.what} ({', '.join(entry.from_)})" if entry.from_ else entry.what


def _resolvers(parsed: form.ResolversForm | None) -> Resolvers:
    return Resolvers() if parsed is None else Resolvers(parsed.extra, parsed.any_of, parsed.from_)


def _identify(parsed: form.IdentifyForm) -> Identify:
    return Identify(
        strong=tuple(_sign(sign) for sign in parsed.strong),
        weak=tuple(_sign(sign) for sign in parsed.weak),
        never=tuple(_sign(sign) for sign in parsed.never),
        among_others=parsed.among_others,
    )


def _sign(parsed: form.SignForm) -> Sign:
    where = parsed.then or parsed.inbound
    tcp, udp = (where.tcp, where.udp) if where is not None else (parsed.tcp, parsed.udp)
    transport: Transport | None = "tcp" if tcp else "udp" if udp else None
    return Sign(
        hosts=parsed.host,
        dns_query=parsed.dns_query,
        after_lease=parsed.after_lease,
        sni=parsed.sni,
        http_host=parsed.http_host,
        transport=transport,
        ports=tcp or udp,
        payload=parsed.payload,
        source_ports=parsed.source_port,
        addresses=parsed.address,
        is_private=parsed.private,
        is_inbound=parsed.inbound is not None,
        source=parsed.from_,
        assumed=parsed.assumed,
    )


def _need(parsed: form.NeedForm, params: Mapping[str, form.ParamForm]) -> Need:
    return Need(
        id=parsed.id,
        what=parsed.what,
        required=parsed.required,
        direction=parsed.direction,
        when=parsed.when,
        group=Group.ALL if parsed.any_of is None else Group.ANY,
        endpoints=tuple(_endpoint(endpoint, params) for endpoint in parsed.any_of or parsed.all_of or ()),
        hosts=parsed.hosts,
        hosts_group=parsed.hosts_group,
        addresses=parsed.addresses,
        persistent=parsed.persistent,
        expects_answer=parsed.expects_answer,
        expects_private_address=parsed.expects_private_address,
        payload=parsed.payload,
        source_ports=parsed.source_ports,
        soft=parsed.soft,
        source=tuple(dict.fromkeys((parsed.id, *parsed.from_))),
        assumed=parsed.assumed,
        note=parsed.note,
    )


def _endpoint(parsed: form.EndpointForm, params: Mapping[str, form.ParamForm]) -> Endpoint:
    transport: Transport = "tcp" if parsed.tcp else "udp" if parsed.udp else "icmp"
    words = (*parsed.tcp, *parsed.udp)
    ports: tuple[Range, ...] = tuple(params[w].range if w in params else parse_ports(w) for w in words)
    param = next((word for word in words if word in params), None)
    return Endpoint(transport, ports, param, parsed.app, parsed.encrypted)


def _indicators(parsed: form.SignatureForm) -> Iterator[Indicator]:
    for led in parsed.led:
        yield Indicator(IndicatorKind.LED, led.shows, _condition(led.when), led.means, led.remedy, led.from_)
    for log in parsed.log:
        yield Indicator(IndicatorKind.LOG, log.says, _condition(log.when), log.means, log.remedy, log.from_)


def _condition(parsed: form.ConditionForm | None) -> Condition | None:
    if parsed is None:
        return None
    return Condition(tuple(str(s) for s in parsed.failed), tuple(str(s) for s in parsed.ok))
