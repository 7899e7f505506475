"""Kinds of values that options take: NAME=VALUE pairs, numbers by name, moments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import click

_EPOCH = re.compile(r"(\d{1,12})(?:\.(\d{1,9})\d*)?")
_FRACTION = re.compile(r"[.,](\d+)")
_NS = 1_000_000_000
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SPANS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def read_moment(_ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """An option that is a point in time as int nanoseconds UTC; None when it was not given."""
    if value is None:
        return None
    try:
        return parse_moment(value)
    except ValueError as error:
        hint = "write 2026-01-01T14:02:11+00:00 or seconds since 1970"
        raise click.BadParameter(f"{value!r} is no time; {hint}", param=param) from error


def parse_moment(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time (UTC when no offset stands there) or of seconds since 1970.

    Raises:
        ValueError: The text is neither.

    Source: RFC 3339, section 5.6.
    """
    seconds = _EPOCH.fullmatch(text)
    if seconds:
        return int(seconds[1]) * _NS + _fraction_ns(seconds[2] or "")
    fraction = _FRACTION.search(text)
    whole = datetime.fromisoformat(_FRACTION.sub("", text, count=1))
    aware = whole if whole.tzinfo else whole.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * _NS + _fraction_ns(fraction[1] if fraction else "")


def _fraction_ns(digits: str) -> int:
    """Digits behind the point as nanoseconds; exact, which a float would not be."""
    return int(digits[:9].ljust(9, "0"))


def read_pairs(_ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` options as a mapping; the last of a name wins."""
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not (name.strip() and equals):
            raise click.BadParameter(f"{value!r} is no NAME=VALUE", param=param)
        pairs[name.strip()] = text.strip()
    return pairs


def read_numbers(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    """``NAME=NUMBER`` options as a mapping; the last of a name wins."""
    numbers = {}
    for name, text in read_pairs(ctx, param, values).items():
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not 0 <= number < float("inf"):
            raise click.BadParameter(f"{name}={text}: a number, not below 0, is needed", param=param)
        numbers[name] = number
    return numbers


def read_size(_ctx: click.Context, param: click.Parameter, value: str) -> int:
    """An option such as ``10G`` in bytes (units of 1024)."""
    found = re.fullmatch(r"(\d{1,9})([KMGT]?)", value.strip(), re.IGNORECASE)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{value!r} is no size; write 500M or 10G", param=param)
    return int(found[1]) * _SIZES[found[2].upper()]


def read_span(_ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """An option such as ``90``, ``10m`` or ``12h`` in seconds; None when it was not given."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", value.strip())
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{value!r} is no span of time; write 90s, 10m or 12h", param=param)
    return float(int(found[1]) * _SPANS[found[2]])
