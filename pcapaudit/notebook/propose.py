"""From what was seen to the text of a signature, each line with the frames it comes from: seen, not right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import islice

from pcapaudit.diagnose.attempts import COMMON_PORTS
from pcapaudit.diagnose.domains import registered_domain
from pcapaudit.model.addresses import ip_text, is_private, is_public
from pcapaudit.model.records import dataclass
from pcapaudit.notebook.seen import EPHEMERAL, SHOWN, Asked, Seen, Use, is_inside_site, is_own_name
from pcapaudit.notebook.shared_names import NETWORK_TIME, find_purpose
from pcapaudit.report.escape import make_visible
from pcapaudit.report.phrases import say_count, say_duration

MAX_NEEDS = 40
"""Needs that are proposed; a device with more is no simple device, and the ids of facts have three digits."""
MAX_SIGNS = 12
"""Ports that become signs, the earliest first."""
MAX_LISTED = 40
"""Names, addresses or ports of one statement, and lines of what was left out."""
LETTERS = "SEEN"
"""Letters of the ids that stand where those of a paper belong."""

_SERIAL = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{4,}")
_OF_A_ROW = re.compile(r"[a-z][a-z-]*[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a proposal.

    Attributes:
        fact: Its placeholder, ``SEEN-07``.
        part: Key of the signature that it stands under.
        says: What it states, in the words of the format.
        seen: What was seen.
        frames: Of the capture, the first ones.
        lines: It as YAML, without indentation.
    """

    fact: str
    part: str
    says: str
    seen: str
    frames: tuple[int, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """All statements in the order of the file, and what stands in none of them.

    Attributes:
        statements: Each with its own fact id.
        left_out: What was seen and makes no statement, with the reason.
        doubts: What a human must look at before he believes it.
        among_others: It asks for many unrelated names, as a browser does.
    """

    statements: tuple[Statement, ...]
    left_out: tuple[str, ...]
    doubts: tuple[str, ...]
    among_others: bool = False


class Numbers:
    """Gives placeholders in order: ``SEEN-01``, ``SEEN-02``."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        """The next one."""
        self._last += 1
        return f"{LETTERS}-{self._last:02d}"


def draft(seen: Seen, others: Collection[str] = ()) -> Draft:
    """What to state about a device.

    Args:
        seen: What it did.
        others: Names that other boxes of the capture use; what is used by it alone tells it better from these.
    """
    numbers = Numbers()
    kept = [u for u in seen.uses if _leave_out(u) is None]
    groups = _groups(kept)
    signs = list(_signs(kept, seen, others, numbers))
    own = [_address(seen, numbers), *_resolvers(seen, numbers), *_stages(seen, kept, numbers)]
    needs = [_need(group, numbers) for group in groups[:MAX_NEEDS]]
    rest = [*_time(seen, numbers), *_pings(seen, numbers), *_inbound(seen, numbers)]
    return Draft(
        statements=(*signs, *own, *needs, *rest),
        left_out=tuple(islice(_left_out(seen, groups), MAX_LISTED)),
        doubts=tuple(_doubts(seen, kept, others)),
    )


# --- which far sides make a statement --------------------------------------------------------------------


def _leave_out(use: Use) -> str | None:
    """Why a far side makes no statement; None when it makes one."""
    if use.name is not None and not is_own_name(use.name):
        return f"{use.name} is a name of this site alone"
    if use.name is not None:
        return None
    if not use.addresses:
        return "a proxy was asked for something that is no host name"
    if is_inside_site(use) and (use.port in COMMON_PORTS or use.port >= EPHEMERAL):
        return "an address of this site, and the port says nothing of a product"
    if use.port >= EPHEMERAL and not use.answered:
        return "no name, no answer, and a port that systems take for themselves"
    return None


def _is_own(use: Use) -> bool:
    """Whether it is the product's own service, as far as names tell."""
    return use.name is None or find_purpose(use.name) is None


def _key(use: Use) -> Hashable:
    """Far sides with the same key stand in one need: same port, protocol and owner, used alike."""
    purpose = find_purpose(use.name) if use.name else None
    owner = None if use.name is None else purpose or registered_domain(use.name)
    how = (use.apps, use.is_encrypted, _when(use), bool(use.answered))
    return (use.transport, use.port, owner, how, is_inside_site(use))


def _groups(uses: Iterable[Use]) -> list[list[Use]]:
    table: dict[Hashable, list[Use]] = {}
    for use in uses:
        table.setdefault(_key(use), []).append(use)
    return list(table.values())


def _when(use: Use) -> str:
    if not _is_own(use):
        return "on_demand"
    if use.lasted_s is not None:
        return "always"
    return "periodic" if use.intervals_s is not None else "on_demand"


# --- identify ------------------------------------------------------------------------------------------


def _signs(uses: Sequence[Use], seen: Seen, others: Collection[str], numbers: Numbers) -> Iterator[Statement]:
    """Signs, the strong ones first. An address alone is a guess and becomes a strong sign only without any other."""
    named = _telling(uses, others)
    strong = [make for over in ("tcp", "udp") if (make := _name_sign([u for u in named if u.transport == over], over))]
    query = _query_sign(named, seen)
    weak = [*([query] if query else []), *_port_signs(uses, seen)]
    if not strong and len(weak) == 1:
        strong, weak = weak, []
    for part, makes in (("identify.strong", strong), ("identify.weak", weak)):
        for make in makes:
            yield make(part, numbers.next())


def _telling(uses: Sequence[Use], others: Collection[str]) -> list[Use]:
    """Far sides whose names tell the product: those that nobody else here uses, if there are any."""
    named = [u for u in uses if u.name is not None and _is_own(u)]
    return [u for u in named if u.name not in others] or named


_Make = Callable[[str, str], Statement]


def _sign(what: str, seen: str, frames: Iterable[int]) -> _Make:
    def make(part: str, fact: str) -> Statement:
        line = f"- {{{what}, from: {fact}, assumed: true}}"
        return Statement(fact, part, what, seen, tuple(frames)[:SHOWN], (line,))

    return make


def _name_sign(uses: Sequence[Use], over: str) -> _Make | None:
    names = _all_names(uses)
    if not names:
        return None
    ports = sorted({u.port for u in uses if u.name in names})[:MAX_LISTED]
    frames = [f for u in uses for f in u.frames[:1]]
    seen = f"it asked for {_some(names)} and went there on {over.upper()} {_some(ports)}"
    return _sign(f"host: {_list(names)}, then: {{{over}: {_list(ports)}}}", seen, frames)


def _query_sign(uses: Sequence[Use], seen: Seen) -> _Make | None:
    names = [n for n in _all_names(uses) if n in seen.queried]
    frames = [seen.queried[n] for n in names]
    return _sign(f"dns_query: {_list(names)}", "it asked DNS for it", frames) if names else None


def _port_signs(uses: Sequence[Use], seen: Seen) -> Iterator[_Make]:
    """Ports, sizes and addresses: what is left when names are not seen."""
    for (over, port), group in _by_port(u for u in uses if _is_own(u)).items():
        frames = [f for u in group for f in u.frames[:1]]
        if port not in COMMON_PORTS and port < EPHEMERAL:
            sizes = _sizes(group)
            shape = f", payload: {sizes[0]}-{sizes[1]}" if sizes else ""
            inside = ", private: true" if all(u.name is None and _is_private(u) for u in group) else ""
            yield _sign(f"{over}: {port}{shape}{inside}", f"it went to {over.upper()} {port}", frames)
        nameless = [u for u in group if u.name is None]
        addresses = _addresses(nameless)
        if addresses:
            seen_text = f"it went to {_some(addresses)} on {over.upper()} {port}, without asking for a name"
            yield _sign(f"{over}: {port}, address: {_list(addresses)}", seen_text, frames)
    for caller in seen.callers[:1]:
        what = f"inbound: {{{caller.transport}: {caller.port}}}"
        yield _sign(what, f"{ip_text(caller.address)} came to it", (caller.frame,))


def _is_private(use: Use) -> bool:
    """In the sense of a sign: loopback and link-local addresses are none."""
    return bool(use.addresses) and all(map(is_private, use.addresses))


def _by_port(uses: Iterable[Use]) -> dict[tuple[str, int], list[Use]]:
    table: dict[tuple[str, int], list[Use]] = {}
    for use in uses:
        table.setdefault((use.transport, use.port), []).append(use)
    return dict(list(table.items())[:MAX_SIGNS])


# --- address, resolvers, stages -------------------------------------------------------------------------


def _address(seen: Seen, numbers: Numbers) -> Statement:
    told = say_count(len(seen.leases), "DHCP acknowledgment") if seen.leases else "no DHCP acknowledgment"
    text = f"{told}; whether it can do with a fixed address, or without, no capture shows"
    fact = numbers.next()
    says = "dhcp: optional"
    return Statement(fact, "address", says, text, seen.leases[:SHOWN], (f"address: {{{says}, from: {fact}}}",))


def _resolvers(seen: Seen, numbers: Numbers) -> Iterator[Statement]:
    """Resolvers beyond those of the site: only a lease tells which these are."""
    extra = [r for r in seen.resolvers if is_public(r.address) and r.address not in seen.given_resolvers]
    if not extra or not seen.given_resolvers:
        return
    fact = numbers.next()
    says = f"extra: {_list([ip_text(r.address) for r in extra[:MAX_LISTED]])}, any_of: true"
    asked = sum(r.questions for r in extra)
    text = f"{say_count(asked, 'question')} to them beside those to the servers that DHCP gave"
    frames = tuple(r.frame for r in extra[:SHOWN])
    yield Statement(fact, "resolvers", says, text, frames, (f"resolvers: {{{says}, from: {fact}}}",))


def _stages(seen: Seen, uses: Sequence[Use], numbers: Numbers) -> Iterator[Statement]:
    """Stages that are not hard, by what was not seen."""
    watched = f"in {say_duration(seen.seconds)}"
    if seen.times:
        yield _stage("time", "soft", "it asks for the time; whether it needs it, no capture shows", numbers)
    else:
        yield _stage("time", "not_applicable", f"no question for the time {watched}", numbers)
    tcp = [u for u in uses if u.transport == "tcp"]
    if not tcp:
        for stage in ("tls", "app", "persist"):
            yield _stage(stage, "not_applicable", f"no connection over TCP {watched}", numbers)
    elif not any(u.lasted_s for u in tcp):
        yield _stage("persist", "soft", f"no connection stayed open {watched}", numbers)


def _stage(stage: str, word: str, seen: str, numbers: Numbers) -> Statement:
    fact = numbers.next()
    return Statement(fact, "stages", f"{stage}: {word}", seen, (), (f"{stage}: {{is: {word}, from: {fact}}}",))


# --- needs -----------------------------------------------------------------------------------------------


def _need(group: Sequence[Use], numbers: Numbers) -> Statement:
    first = group[0]
    names, addresses = _all_names(group), _addresses([u for u in group if u.name is None])
    fact = numbers.next()
    endpoint = _endpoint(first)
    lines = [f"- id: {fact}", f"  what: {quote(_what(first))}"]
    lines += [] if _is_required(first) else ["  required: false"]
    lines += [f"  any_of: [{{{endpoint}}}]"]
    lines += [f"  hosts: {_list(names)}"] if names else []
    lines += ["  hosts_group: all"] if len(names) > 1 else []
    lines += [f"  addresses: {_list(addresses)}"] if addresses else []
    lines += ["  expects_private_address: true"] if names and is_inside_site(first) else []
    lines += [f"  when: {_when(first)}"]
    lines += ["  persistent: true"] if first.lasted_s is not None and first.transport == "tcp" else []
    lines += ["  assumed: true"]
    frames = tuple(sorted(f for u in group for f in u.frames))[:SHOWN]
    says = f"{endpoint}; {_some(names or addresses or ['any address'])}; {_when(first)}"
    return Statement(fact, "needs", says, _say_uses(group), frames, tuple(lines))


def _is_required(use: Use) -> bool:
    return _is_own(use) and bool(use.answered)


def _what(use: Use) -> str:
    purpose = find_purpose(use.name) if use.name else None
    service = f"{use.transport.upper()} {use.port}"
    return purpose or (f"{registered_domain(use.name)}, {service}" if use.name else service)


def _endpoint(use: Use) -> str:
    app = f", app: {use.apps[0]}" if len(use.apps) == 1 and use.answered else ""
    return f"{use.transport}: {use.port}{app}{', encrypted: true' if use.is_encrypted else ''}"


def _say_uses(group: Sequence[Use]) -> str:
    """``5 conversations, all answered; one every 10.9 to 11.2 s``."""
    count, answered = sum(u.conversations for u in group), sum(u.answered for u in group)
    how_many = f"{answered} answered" if answered < count else "answered" if count == 1 else "all answered"
    parts = [f"{say_count(count, 'conversation')}, {how_many if answered else 'never answered'}"]
    lasted = max((u.lasted_s for u in group if u.lasted_s is not None), default=None)
    if lasted is not None:
        parts.append(f"one was answered for {say_duration(lasted)} and was not closed")
    gaps = [u.intervals_s for u in group if u.intervals_s is not None]
    if gaps:
        shortest, longest = (say_duration(s) for s in (min(g[0] for g in gaps), max(g[1] for g in gaps)))
        parts.append(f"one every {shortest}" + (f" to {longest}" if longest != shortest else ""))
    sizes = _sizes(group)
    if sizes:
        parts.append(f"datagrams of {sizes[0]} to {sizes[1]} bytes")
    return "; ".join(parts)


def _sizes(group: Iterable[Use]) -> tuple[int, int] | None:
    """Smallest and largest datagram; a stream has no sizes of its own."""
    sizes = [u.payload for u in group if u.payload and u.transport == "udp"]
    return (min(s[0] for s in sizes), max(s[1] for s in sizes)) if sizes else None


def _time(seen: Seen, numbers: Numbers) -> Iterator[Statement]:
    if not seen.times:
        return
    fact = numbers.next()
    names = list(dict.fromkeys(t.name for t in seen.times if t.name is not None and is_own_name(t.name)))[:MAX_LISTED]
    lines = [f"- id: {fact}", f"  what: {NETWORK_TIME}", "  any_of: [{udp: 123, app: ntp}]"]
    lines += [f"  hosts: {_list(names)}"] if names else []
    lines += ["  when: periodic", "  soft: true", "  assumed: true"]
    asked, answered = sum(t.questions for t in seen.times), sum(t.answered for t in seen.times)
    says = f"udp: 123, app: ntp; {_some(names or ['any server'])}; periodic"
    frames = tuple(t.frame for t in seen.times[:SHOWN])
    yield Statement(fact, "needs", says, f"{say_count(asked, 'question')}, {answered} answered", frames, tuple(lines))


def _pings(seen: Seen, numbers: Numbers) -> Iterator[Statement]:
    pinged = [p for p in seen.pings if is_public(p.address)][:MAX_LISTED]
    if not pinged:
        return
    fact = numbers.next()
    addresses = [ip_text(p.address) for p in pinged]
    lines = (
        f"- id: {fact}", "  what: ping", "  required: false", "  any_of: [{icmp: true}]",
        f"  addresses: {_list(addresses)}", "  when: on_demand", "  assumed: true",
    )  # fmt: skip
    asked, answered = sum(p.questions for p in pinged), sum(p.answered for p in pinged)
    text = f"{say_count(asked, 'echo request')}, {answered} answered"
    frames = tuple(p.frame for p in pinged[:SHOWN])
    yield Statement(fact, "needs", f"icmp: true; {_some(addresses)}; on_demand", text, frames, lines)


def _inbound(seen: Seen, numbers: Numbers) -> Iterator[Statement]:
    """Services that it offers, by port: others come and go."""
    table: dict[tuple[str, int], list[Asked]] = {}
    for caller in seen.callers:
        table.setdefault((caller.transport, caller.port), []).append(caller)
    for (over, port), callers in list(table.items())[:MAX_LISTED]:
        fact = numbers.next()
        lines = (
            f"- id: {fact}", f"  what: service on {over.upper()} {port}", "  required: false", "  direction: in",
            f"  any_of: [{{{over}: {port}}}]", "  when: on_demand", "  assumed: true",
        )  # fmt: skip
        text = f"opened by {_some([ip_text(c.address) for c in callers])}"
        frames = tuple(c.frame for c in callers[:SHOWN])
        yield Statement(fact, "needs", f"{over}: {port}; direction: in", text, frames, lines)


# --- what stands in no statement -----------------------------------------------------------------------------


def _left_out(seen: Seen, groups: Sequence[Sequence[Use]]) -> Iterator[str]:
    for use in seen.uses:
        why = _leave_out(use)
        if why is not None:
            where = _some([ip_text(a) for a in use.addresses] or ["a proxy"])
            yield f"{use.transport.upper()} {use.port} to {where} (frame {use.frames[0]}): {why}"
    gone = {u.name for u in seen.uses} | {t.name for t in seen.times}
    for name, frame in seen.queried.items():
        if name not in gone:
            yield f"it asked for {name} (frame {frame}) and did not go there"
    for name in seen.odd_names:
        yield f"{make_visible(name)} is no host name"
    if len(groups) > MAX_NEEDS:
        yield f"{len(groups) - MAX_NEEDS} more kinds of far sides"


def _doubts(seen: Seen, uses: Sequence[Use], others: Collection[str]) -> Iterator[str]:
    for use in [u for u in uses if not u.answered][:MAX_LISTED]:
        where = f"{use.name or ip_text(use.addresses[0])} on {use.transport.upper()} {use.port}"
        yield f"{where} never answered: learn from a capture in which the device works"
    own = [u for u in uses if _is_own(u)]
    for name in _all_names(own):
        yield from _doubts_of_name(name)
    if any(u.proxy is not None for u in own):
        yield "it goes through a proxy here, and may go straight to its services elsewhere"
    used = [n for n in _all_names(own) if n in others]
    if used:
        more = "; two of the same product?" if len(used) == len(_all_names(own)) else ", so no sign names them"
        yield f"others on this wire use {_some(used)} as well{more}"
    if not any(_when(u) != "on_demand" for u in uses):
        watched = say_duration(seen.seconds)
        yield f"nothing was used often or for long in {watched}: a device that does nothing passes as well"


def _doubts_of_name(name: str) -> Iterator[str]:
    """What the first label looks like: a serial number, or one of a row of servers."""
    label, _, rest = name.partition(".")
    if "." in rest and any(map(_SERIAL.fullmatch, label.split("-"))):
        yield f"{name}: if {label} names this one device or customer, write *.{rest}"
    elif "." in rest and _OF_A_ROW.fullmatch(label):
        yield f"{name}: it looks like one of a row; the paper may name the others"


# --- words -------------------------------------------------------------------------------------------------------


def _all_names(uses: Iterable[Use]) -> list[str]:
    return list(dict.fromkeys(u.name for u in uses if u.name is not None))[:MAX_LISTED]


def _addresses(uses: Iterable[Use]) -> list[str]:
    """Their public addresses; those of the site are another site's tomorrow."""
    return list(dict.fromkeys(ip_text(a) for u in uses for a in u.addresses if is_public(a)))[:MAX_LISTED]


def _some(items: Sequence[object]) -> str:
    more = len(items) - SHOWN
    return ", ".join(map(str, items[:SHOWN])) + (f" and {more} more" if more > 0 else "")


def _list(items: Sequence[object]) -> str:
    """A YAML list in one line; host names, addresses and ports need no quotes but for ``::1`` and its like."""
    words = [quote(str(item)) if ":" in str(item) else str(item) for item in items]
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"


def quote(text: str) -> str:
    """A text as a YAML scalar in double quotes; what a screen would obey or hide is spelled out."""
    return json.dumps(make_visible(text), ensure_ascii=False)
