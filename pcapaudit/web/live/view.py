"""What the live page shows: the watch's numbers in words, a line a device, an entry an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pcapaudit.model.records import dataclass
from pcapaudit.model.times import NS, duration, rfc3339
from pcapaudit.model.words import VERDICTS, Directions
from pcapaudit.report.phrases import DIRECTIONS, say_count
from pcapaudit.web.live.desk import MOST_EVENTS, Desk, Happened, read_ns
from pcapaudit.web.views.render import say_bytes

MOST_LINES = 500
"""Devices that the page shows, the worst first; those beyond are counted."""
_WORD_OF_NONE = "looking"
"""Of a device about which nothing is believed yet."""
_UNITS = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))
_LATE_S = 5.0
"""A watch that is so far behind the wire says so in colour."""
_LOOKS = {
    "lost": "failed",
    "flapping": "failed",
    "dropped": "degraded",
    "blind": "degraded",
    "silent": "degraded",
    "recovered": "healthy",
    "sighted": "healthy",
    "back": "healthy",
}
"""Kind of an event -> the verdict whose colour it has."""
_SOON_NS = 10 * 60 * NS


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing about the capture; ``is_bad`` when it weakens what can be said."""

    name: str
    value: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """How the capture does.

    Attributes:
        title: What the browser's tab is called.
        news: How old the newest news are, where they are old.
        trouble: Why nothing is seen; None while something is.
        counts: Devices by verdict, the worst first.
        facts: Always of the same names.
        remarks: Rule and sentence of each remark on the capture.
    """

    title: str
    news: str
    trouble: str | None
    counts: tuple[tuple[str, int], ...]
    facts: tuple[Fact, ...]
    remarks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One device. Times are those of the wire, UTC; ``around`` is the moment worth a look."""

    key: str
    title: str
    names: str
    verdict: str
    marks: str
    stage: str
    rule: str
    summary: str
    shows: str
    answered: str
    since: str
    around: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One event."""

    number: int
    at: str
    kind: str
    look: str
    text: str
    device: str
    around: str


def make_head(desk: Desk) -> Head:
    """How the capture does, as far as the watch told."""
    status, interface = desk.status, desk.live.interface
    counts = _count(status["verdicts"]) if status else ()
    offline = next((number for verdict, number in counts if verdict == VERDICTS[-1].value), 0)
    return Head(
        title=f"{f'{offline} offline – ' if offline else ''}{interface} live",
        news=_say_news(desk),
        trouble=desk.fault or _say_blind(desk),
        counts=counts,
        facts=tuple(_list_facts(status)) if status else (),
        remarks=tuple((str(r["id"]), str(r["summary"])) for r in status["health"]) if status else (),
    )


def _say_blind(desk: Desk) -> str | None:
    """Why nothing is seen, as the newest event about that has it; None while something is seen."""
    if desk.status is None or not desk.status["is_blind"]:
        return None
    told = next((h.event for h in desk.newest(MOST_EVENTS) if h.event["event"] == "blind"), None)
    return str(told["text"]) if told else f"{desk.live.interface} is down or gone: nothing can be seen"


def make_lines(status: Mapping[str, Any]) -> list[Line]:
    """A line for each device, in the order in which the watch tells them: the worst first."""
    now = status["at"] or ""
    return [_make_line(device, now) for device in status["devices"][:MOST_LINES]]


def make_entry(happened: Happened) -> Entry:
    """An event as the page shows it."""
    event = happened.event
    return Entry(
        number=happened.number,
        at=event["at"],
        kind=event["event"],
        look=_LOOKS.get(event["event"], "undecided"),
        text=event["text"],
        device=event.get("mac") or event.get("address") or "",
        around=_choose_moment(event),
    )


def _choose_moment(event: Mapping[str, Any]) -> str:
    """When it began, if that is not long before it was told; else when it was told."""
    at, since = str(event["at"]), str(event.get("since"))
    at_ns, since_ns = read_ns(at), read_ns(since)
    is_close = at_ns is not None and since_ns is not None and 0 <= at_ns - since_ns < _SOON_NS
    return since if is_close else at


def _make_line(device: Mapping[str, Any], now: str) -> Line:
    names = [name for name in (device["address"], device["mac"]) if name]
    title = device["device"] or "Device without a signature"
    is_down = device["verdict"] == VERDICTS[-1].value
    marks = [word for word in ("flapping", "silent") if device[f"is_{word}"]]
    return Line(
        key=names[-1] if names else title,
        title=title,
        names=", ".join(names),
        verdict=device["verdict"] or _WORD_OF_NONE,
        marks=", ".join([*(["not sure yet"] if device["is_provisional"] else []), *marks]),
        stage=device["stage"] or "",
        rule=device["rule"] or "",
        summary=device["summary"] or "",
        shows=device["indicator"] or "",
        answered=_say_time(device["answered"], now),
        since=_say_time(device["since"], now) if is_down else "",
        around=(device["since"] or "") if is_down else "",
    )


def _count(verdicts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((verdict.value, verdicts[verdict]) for verdict in VERDICTS[::-1] if verdicts.get(verdict))


def _list_facts(status: Mapping[str, Any]) -> Iterator[Fact]:
    dropped, lag_s = status["dropped"], status["lag_s"]
    directions = status["directions"]
    is_known = directions in {d.value for d in Directions}
    yield Fact("Rate", f"{status['frames_per_s']:,.0f} frames/s, {_say_bits(status['bits_per_s'])}")
    yield Fact("Lost", f"{say_count(dropped, 'frame')}" if dropped else "none known", is_bad=dropped > 0)
    yield Fact(
        "Directions",
        DIRECTIONS[Directions(directions)] if is_known else directions or "not known yet",
        is_bad=directions in {Directions.ONE.value, Directions.PARTLY.value},
    )
    yield Fact("Behind the wire", duration(lag_s), is_bad=lag_s >= _LATE_S)
    yield Fact("Judged since", _say_day(status["since"]))
    yield Fact("Seen", f"{say_count(status['frames'], 'frame')}, {say_bytes(status['octets'])}")
    yield _say_ring(status["ring"])


def _say_ring(ring: Mapping[str, Any] | None) -> Fact:
    if ring is None:
        return Fact("Frames kept", "none", is_bad=True)
    if ring.get("fault"):
        return Fact("Frames kept", str(ring["fault"]), is_bad=True)
    since = f", from {_say_day(ring['from'])}" if ring.get("from") else ""
    return Fact("Frames kept", f"{say_bytes(ring['octets'])} in {say_count(ring['files'], 'file')}{since}")


def _say_news(desk: Desk) -> str:
    """Empty as long as news are new."""
    age_s = desk.age_s
    if age_s is None:
        return "Nothing was told yet"
    return "" if desk.is_fresh else f"No news for {duration(age_s)}"


def _say_time(time: str | None, now: str) -> str:
    """The time of day; with the day where that is not the one of now."""
    if not time:
        return ""
    return time[11:19] if time[:10] == now[:10] else _say_day(time)


def _say_day(time: str | None) -> str:
    """``2026-01-01 14:02:11``."""
    return time[:19].replace("T", " ") if time else "–"


def say_now(now_ns: int) -> str:
    """By the wire's clock, to the second."""
    return f"As of {_say_day(rfc3339(now_ns))} UTC"


def _say_bits(rate: float) -> str:
    for size, unit in _UNITS:
        if rate >= size:
            return f"{rate / size:.{0 if rate >= 10 * size else 1}f} {unit}"
    return f"{rate:.0f} bit/s"
