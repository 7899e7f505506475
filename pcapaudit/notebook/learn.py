"""A signature proposed from one device's traffic, marked as what it is: what was seen, not what is right."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from pcapaudit.catalog.identify import BROWSER_DOMAINS, Identifier, count_other_domains
from pcapaudit.catalog.load import load_signatures
from pcapaudit.catalog.problems import Problem, lint
from pcapaudit.catalog.schema import Signature
from pcapaudit.catalog.signs import NameTest, Subject
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import Params
from pcapaudit.diagnose.registry import all_rules
from pcapaudit.diagnose.traits import forget_contacts, traits_of
from pcapaudit.engine.opened import Opened, Ring
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import ignore
from pcapaudit.flows.hosts import Host, find_hosts
from pcapaudit.model.addresses import ip_text, mac_text, parse_ip, parse_mac
from pcapaudit.model.errors import UsageError
from pcapaudit.model.report import DeviceReport, NearMiss
from pcapaudit.model.traits import Traits
from pcapaudit.model.words import Verdict
from pcapaudit.notebook.capture import Capture
from pcapaudit.notebook.propose import LETTERS, Draft, Statement, draft, quote
from pcapaudit.notebook.seen import look_at
from pcapaudit.report.escape import make_visible
from pcapaudit.report.phrases import say_count, say_duration

SHOWN = 10
"""Devices that a message names."""
MAX_OTHERS = 200
"""Boxes beside the device whose names are looked at, the earliest first."""
WARNING = "Seen, not right"
UNKNOWN = "unknown"
_COLUMNS = ("fact", "part", "says", "seen", "frames")
_TITLE = "none; proposed from a capture: seen, not right"
_WIDTH = 116


def learn(cap: Capture, device: str | None = None, *, vendor: str = "", product: str = "") -> Proposal:
    """Propose a signature from what one device did in a capture.

    It states what was seen in this one capture. What the product may do besides, what it can do without, and which of
    several far sides stand for each other is for a human with the vendor's paper to say. Take a capture in which the
    device starts and works: what never answered becomes an optional need and a doubt.

    The proposals from the healthy samples of the five vendors each recognise their device and find it healthy. What a
    proposal cannot know: far sides that were not used meanwhile (the other servers of a list that is walked, a second
    port), names that belong to one device alone (each is a doubt), and what a product of the same vendor that asks for
    the same names does.

    Args:
        cap: Where it was seen; of several captures the first that holds the device.
        device: MAC or IP address; None where only one device is to choose from.
        vendor: Its name, for people; the id is made from it. Nothing stands for ``unknown``.
        product: Likewise.

    Raises:
        UsageError: There is no such device, several are to choose from, or it did nothing that it could be recognised
            by.

    >>> import pcapaudit as pa
    >>> found = learn(pa.read("samples/sensorist-healthy.pcapng"), "02:54:10:2b:30:01")
    >>> found.signature.needs[0].hosts[0].text, found.lint()
    ('gk.sensorist.com', [])
    """
    ring, host, hosts = _find(cap, device)
    if host.is_router:
        raise UsageError(f"{_name(host)} is a router; a signature speaks of a device")
    facts, traits = _traits(host, ring, hosts)
    seen = look_at(facts, traits)
    made = draft(seen, _used_by(_boxes(hosts, host), ring, hosts))
    forget_contacts(ring.traffic)
    if not any(s.part.startswith("identify") for s in made.statements):
        raise UsageError(f"{_name(host)} went to nobody by whom it could be recognised")
    if not any(s.part == "needs" for s in made.statements):
        raise UsageError(f"{_name(host)} used no service that a signature could name")
    made = _amended(made, traits)
    made = replace(made, doubts=(*made.doubts, *_own_verdict(made, cap.opened.options, ring, host)))
    source = (
        f"{_name(host)}, {Path(ring.files[0]).name}, {say_count(host.frames, 'frame')}, {say_duration(seen.seconds)}"
    )
    return Proposal(made, source, vendor.strip() or UNKNOWN, product.strip() or UNKNOWN)


class Proposal:
    """A signature that a human has yet to check.

    Args:
        made: Its statements.
        source: Of which device, in which capture.
        vendor: Name for people.
        product: Likewise.

    Attributes:
        id: ``vendor/product`` of its file.
        text: The file, with what was seen beside each statement.
        doubts: What to look at first.
    """

    def __init__(self, made: Draft, source: str, vendor: str, product: str) -> None:
        self._made = made
        self.id = f"{_slug(vendor)}/{_slug(product)}"
        self.doubts = made.doubts
        self.text = "\n".join(_lines(made, source, vendor, product)) + "\n"

    @property
    def seen(self) -> pd.DataFrame:
        """A row for each statement: its placeholder, what it says, what was seen, and where."""
        rows = [(s.fact, s.part, s.says, s.seen, s.frames) for s in self._made.statements]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    @property
    def signature(self) -> Signature:
        """It as the program reads it. Raises SignatureError for one with a fault; see ``lint``."""
        with TemporaryDirectory() as folder:
            self.save(folder)
            return load_signatures(Path(folder))[0]

    def lint(self) -> list[Problem]:
        """Everything that is wrong with the file; what is not right about the product no program can tell."""
        with TemporaryDirectory() as folder:
            self.save(folder)
            found = lint(Path(folder), rules=[rule.id for rule in all_rules()])
            return [replace(problem, file=f"{self.id}.yaml") for problem in found]

    def save(self, folder: str | os.PathLike[str], *, is_replacing: bool = False) -> Path:
        """Write it where signatures are looked for.

        Args:
            folder: Of signatures; the file becomes ``<folder>/<vendor>/<product>.yaml``.
            is_replacing: Overwrite a file that is there; somebody may have corrected it.

        Returns:
            The file.

        Raises:
            UsageError: The file is there already, or cannot be written.
        """
        path = Path(folder) / f"{self.id}.yaml"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w" if is_replacing else "x", encoding="utf-8") as file:
                file.write(self.text)
        except FileExistsError:
            raise UsageError(f"{path} is there already; is_replacing=True overwrites it") from None
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
        return path

    def judge(self, cap: Capture) -> Capture:
        """The capture as this proposal alone judges it; nothing is read again.

        >>> import pcapaudit as pa
        >>> cap = pa.read("samples/tek-healthy.pcapng")
        >>> learn(cap, "10.20.36.112", product="pump").judge(cap).devices[["device", "verdict"]].values.tolist()
        [['02:61:be:08:84:02', 'healthy']]
        """
        return Capture(self._opened(cap.opened.rings, cap.opened.options))

    def judge_device(self, ring: Ring, options: AuditOptions, device: str) -> Sequence[DeviceReport]:
        """One device of one capture as this proposal judges it.

        Args:
            ring: The capture.
            options: Of the audit.
            device: MAC or IP address.
        """
        return self._opened([ring], replace(options, device=device)).report.devices

    def _opened(self, rings: Sequence[Ring], options: AuditOptions) -> Opened:
        with TemporaryDirectory() as folder:
            self.save(folder)
            wanted = replace(options, signature=None, params={}, signatures_dir=Path(folder))
            opened = Opened(rings, wanted, (), ignore)
            _ = opened.report  # The folder goes; the report must be there by then.
            return opened

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Proposal {self.id}: {len(self._made.statements)} statements, {len(self.doubts)} doubts>"

    def _repr_html_(self) -> str:
        listed = "".join(f"<li>{escape(make_visible(doubt))}</li>" for doubt in self.doubts)
        doubts = f'<ul style="margin:.3em 0">{listed}</ul>' if listed else ""
        return (
            '<div style="border-left:4px solid #8a5a00;padding:.3em .8em;margin:.4em 0;text-align:left">'
            f"<b>{WARNING}: {escape(self.id)}</b>{doubts}"
            f'<pre style="font-family:monospace;text-align:left;overflow-x:auto">{escape(self.text)}</pre></div>'
        )


# --- which device ------------------------------------------------------------------------------------------


def _find(cap: Capture, device: str | None) -> tuple[Ring, Host, Sequence[Host]]:
    known: list[Host] = []
    for ring in cap.opened.rings:
        hosts = find_hosts(ring.traffic)
        known += _boxes(hosts)
        fitting = _boxes(hosts) if device is None else [h for h in hosts if h.frames and _is_it(h, device)]
        if len(fitting) == 1 or (fitting and device is not None):
            return ring, fitting[0], hosts
    names = ", ".join(map(_name, known[:SHOWN])) or "none"
    wish = "name one device" if device is None else f"there is no device {device}"
    raise UsageError(f"{wish}; there are: {names}{' and more' if len(known) > SHOWN else ''}")


def _boxes(hosts: Sequence[Host], but: Host | None = None) -> list[Host]:
    """Those that may be devices on this wire."""
    return [h for h in hosts if h.mac is not None and not h.is_router and h.frames and h is not but]


def _traits(host: Host, ring: Ring, hosts: Sequence[Host]) -> tuple[Facts, Traits]:
    facts = Facts(ring.traffic, host, hosts, None, None, Params(), {})
    return facts, traits_of(facts)


def _used_by(boxes: Sequence[Host], ring: Ring, hosts: Sequence[Host]) -> frozenset[str]:
    """Names that some boxes asked for or said, in lower case."""
    return frozenset(n for box in boxes[:MAX_OTHERS] for n in Subject(_traits(box, ring, hosts)[1]).used)


def _is_it(host: Host, device: str) -> bool:
    try:
        return parse_ip(device.strip()) in host.addresses
    except ValueError:
        pass
    try:
        return host.mac == parse_mac(device.strip())
    except ValueError:
        raise UsageError(f"{device}: neither a MAC nor an IP address") from None


def _name(host: Host) -> str:
    mac = mac_text(host.mac) if host.mac is not None else "a device"
    return f"{mac} ({', '.join(map(ip_text, host.addresses[:2])) or 'no address'})"


# --- what the identification makes of it ---------------------------------------------------------------------


def _amended(made: Draft, traits: Traits) -> Draft:
    """The draft with what only the identification can tell of it."""
    names = NameTest(_signature_of(made).host_patterns())
    among = count_other_domains(Subject(traits), names) >= BROWSER_DOMAINS
    found = Identifier([_signature_of(replace(made, among_others=among))]).identify(traits)
    doubts = list(made.doubts)
    if among:
        doubts.append(
            "it asks for many unrelated names: is it a computer that people use? Then this is not its signature"
        )
    if found.signature is None:
        doubts.append(f"it does not recognise the very device it was made from: {_why_not(traits, found.nearest)}")
    return replace(made, doubts=tuple(doubts), among_others=among)


def _own_verdict(made: Draft, options: AuditOptions, ring: Ring, host: Host) -> Iterator[str]:
    """What the draft makes of its own device, if that is not healthy."""
    name = mac_text(host.mac) if host.mac is not None else ip_text(host.addresses[0])
    for device in Proposal(made, "", UNKNOWN, UNKNOWN).judge_device(ring, options, name):
        if device.signature is not None and device.verdict is not Verdict.HEALTHY:
            yield f"judged by this, the device itself is {device.verdict} here: {device.summary or 'nothing to show'}"


def _signature_of(made: Draft) -> Signature:
    return Proposal(made, "", UNKNOWN, UNKNOWN).signature


def _why_not(traits: Traits, nearest: Sequence[NearMiss]) -> str:
    if traits.answers_dns or traits.is_proxy or traits.is_router:
        return "a host that answers DNS, routes or asks for others is no device"
    return nearest[0].missing if nearest and nearest[0].missing else "no sign of it holds"


# --- the file --------------------------------------------------------------------------------------------------


def _lines(made: Draft, source: str, vendor: str, product: str) -> Iterator[str]:
    yield from _comments("# ", f"{WARNING.upper()}. Proposed by pcapaudit from one device in one capture: {source}.")
    yield from _comments(
        "# ", f"No paper stands behind any line: each {LETTERS}-nn is a placeholder. With the paper in hand:"
    )
    yield "#   1. Write vendor, product and paper."
    yield from _comments(
        "#   2. ", f"Put the paper's fact ids in place of {LETTERS}-nn, and take 'assumed' from what it states."
    )
    yield from _comments("#   3. ", "Delete what it does not state; add what it states and this capture does not show.")
    yield from _comments(
        "#   4. ", "Say which far sides stand for each other (any_of), what is needed always, what is not."
    )
    for doubt in made.doubts:
        yield from _comments("# Look at: ", doubt)
    yield "schema: 1"
    yield f"vendor: {quote(vendor)}"
    yield f"product: {quote(product)}"
    yield f"paper: {{title: {quote(_TITLE)}, dated: not stated}}"
    yield f"incomplete: {quote('Proposed from one capture: it says what was seen, not what is right.')}"
    yield ""
    yield from _body(made)
    yield "assumed:"
    yield f"  - {{what: {quote('everything: it was seen in one capture and stands in no paper')}}}"
    if made.left_out:
        yield ""
        yield "# Seen, and stated nowhere above:"
    for line in made.left_out:
        yield from _comments("#   - ", line)


def _body(made: Draft) -> Iterator[str]:
    parts: dict[str, list[Statement]] = {}
    for statement in made.statements:
        parts.setdefault(statement.part, []).append(statement)
    yield "identify:"
    if made.among_others:
        yield "  among_others: true"
    for name in ("strong", "weak"):
        yield from _block(f"  {name}:", parts.get(f"identify.{name}", ()), "    ")
    yield ""
    for name in ("address", "resolvers"):
        yield from _block(None, parts.get(name, ()), "")
    for name in ("stages", "needs"):
        yield from _block(f"{name}:", parts.get(name, ()), "  ")
        yield ""


def _block(head: str | None, statements: Iterable[Statement], indent: str) -> Iterator[str]:
    for at, statement in enumerate(statements):
        if at == 0 and head is not None:
            yield head
        yield from _comments(f"{indent}# ", f"seen: {statement.seen}{_say_frames(statement.frames)}")
        yield from (f"{indent}{line}" for line in statement.lines)


def _say_frames(frames: Sequence[int]) -> str:
    if not frames:
        return ""
    return f" ({'frame' if len(frames) == 1 else 'first frames'} {', '.join(map(str, frames))})"


def _comments(head: str, text: str) -> Iterator[str]:
    """The text as comments, broken between words; what a stranger sent is spelled out, so that it ends no line."""
    indent = head.partition("#")[0]
    line = head
    for word in make_visible(text).split():
        if len(line) + len(word) > _WIDTH and line.strip() not in (head.strip(), "#"):
            yield line.rstrip()
            line = f"{indent}#{' ' * (len(head) - len(indent) - 1)}"
        line += f"{word} "
    yield line.rstrip()


def _slug(name: str) -> str:
    """The name as part of an id: lower case, digits, hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:60].strip("-") or UNKNOWN
