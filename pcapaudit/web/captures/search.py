"""What somebody looks for in the list: read from an address, written as a condition of SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from pcapaudit.model.addresses import ip_text, mac_text, parse_ip, parse_mac
from pcapaudit.model.records import dataclass

PER_PAGE = 50
_LONGEST = 200
"""Characters of one field; nobody types more."""
_MOST_WORDS = 12
_LAST_PAGE = 1_000_000
_LAST = chr(0x10FFFF)
"""Sorts behind every character of a name."""

Condition = tuple[str, list[object]]
"""A condition of SQL and the values of its marks."""


@dataclass(frozen=True, slots=True)
class Search:
    """Which captures are asked for; an empty text asks for all.

    Attributes:
        words: Each must stand somewhere in what the list says of a capture.
        device: MAC (in any spelling) or IP address of a device, or how it begins.
        vendor: A vendor's id, or a product's as ``vendor/product``.
        verdict: Verdict of a device.
        from_: First day of the upload, ``2026-11-21``, UTC.
        to: Last day, included.
        page: From 1.
    """

    words: str = ""
    device: str = ""
    vendor: str = ""
    verdict: str = ""
    from_: str = ""
    to: str = ""
    page: int = 1

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked for, so that every capture is meant."""
        return not (self.words or self.device or self.vendor or self.verdict or self.from_ or self.to)

    def as_query(self) -> dict[str, str]:
        """The same as parameters of an address, without the page and without what is empty."""
        named = {"q": self.words, "device": self.device, "vendor": self.vendor, "verdict": self.verdict}
        return {key: text for key, text in {**named, "from": self.from_, "to": self.to}.items() if text}

    def condition(self) -> Condition:
        """The condition on ``captures``; one device must have all that is asked of a device."""
        parts = [*self._word_parts(), *self._day_parts(), *self._device_parts()]
        return " AND ".join(text for text, _ in parts) or "TRUE", [value for _, values in parts for value in values]

    def _word_parts(self) -> Iterator[Condition]:
        for word in self.words.casefold().split()[:_MOST_WORDS]:
            yield "instr(said, ?) > 0", [word]

    def _day_parts(self) -> Iterator[Condition]:
        first, last = _read_day(self.from_), _read_day(self.to)
        if first is not None:
            yield "created >= ?", [_begin_of(first)]
        if last is not None:
            yield "created < ?", [_begin_of(last) + timedelta(days=1).total_seconds()]

    def _device_parts(self) -> Iterator[Condition]:
        parts: list[Condition] = []
        if self.verdict:
            parts.append(("d.verdict = ?", [self.verdict]))
        if self.vendor:
            parts.append(
                ("(d.signature = ? OR d.signature BETWEEN ? AND ?)", [self.vendor, *_begin_with(f"{self.vendor}/")])
            )
        if self.device:
            named = "SELECT n.capture, n.place FROM device_names n WHERE n.name BETWEEN ? AND ?"
            parts.append((f"(d.capture, d.place) IN ({named})", _named(self.device)))
        if parts:
            text = " AND ".join(text for text, _ in parts)
            values = [value for _, some in parts for value in some]
            yield f"id IN (SELECT d.capture FROM devices d WHERE {text})", values  # noqa: S608 - texts of ours


def read_search(query: Mapping[str, str]) -> Search:
    """What the parameters of an address ask for; one that makes no sense asks for nothing."""
    texts = {
        name: query.get(name, "").strip()[:_LONGEST] for name in ("q", "device", "vendor", "verdict", "from", "to")
    }
    number = query.get("page", "")
    page = int(number) if re.fullmatch(r"[0-9]{1,7}", number) else 1
    days = {name: texts[name] if _read_day(texts[name]) else "" for name in ("from", "to")}
    return Search(
        texts["q"],
        texts["device"],
        texts["vendor"],
        texts["verdict"],
        days["from"],
        days["to"],
        min(max(page, 1), _LAST_PAGE),
    )


def _named(text: str) -> list[object]:
    """First and last name that a device may have: a whole MAC or address in any spelling, else how one begins."""
    try:
        return [mac_text(parse_mac(text))] * 2
    except ValueError:
        pass
    try:
        return [ip_text(parse_ip(text))] * 2
    except ValueError:
        folded = text.casefold()
        is_mac = re.fullmatch(r"[0-9a-f]{2}(-[0-9a-f]{1,2})*-?", folded)
        return _begin_with(folded.replace("-", ":") if is_mac else folded)


def _begin_with(text: str) -> list[object]:
    """The first and the last text that begins with this one."""
    return [text, text + _LAST]


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _begin_of(day: date) -> float:
    """Seconds since the epoch, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
