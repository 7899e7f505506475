"""Times at the border: int nanoseconds inside, RFC 3339 text outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

NS = 1_000_000_000
SET_BACK_NS = 10 * NS
"""A frame that lies so far behind those before it shows that a clock was set."""
_DAY = 86_400
_MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR_NS = -62_135_596_800 * NS
_LAST_NS = 253_402_300_799 * NS


def rfc3339(time_ns: int) -> str:
    """UTC time stamp with microseconds and ``Z``; times outside the years 1 to 9999 are clipped."""
    if not _FIRST_YEAR_NS <= time_ns <= _LAST_NS:
        time_ns = _FIRST_YEAR_NS if time_ns < 0 else _LAST_NS
    minute, rest = divmod(time_ns // 1000, _MINUTE_US)
    digits = str(rest).zfill(8)
    return f"{_to_the_minute(minute)}:{digits[:2]}.{digits[2:]}Z"


@lru_cache(maxsize=4096)
def _to_the_minute(minute: int) -> str:
    """``2026-01-01T14:02``: captures last minutes or hours, and a report names thousands of moments of these."""
    return (_EPOCH + timedelta(minutes=minute)).isoformat()[:16]


def readable(time_ns: int) -> str:
    """The same for sentences, to the second, with its offset: ``2026-01-01 14:02:11+00:00``."""
    return say_moment(rfc3339(time_ns))


def say_moment(time: str) -> str:
    """An RFC 3339 time of the document for sentences: ``2026-01-01 14:02:11+00:00``."""
    return time[:19].replace("T", " ") + "+00:00"


def duration(seconds: float) -> str:
    """A span in words: ``3 min 40 s``, ``41 s``, ``0.8 s``, ``2 h 5 min``, ``3,300 days``."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 2 * _DAY:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // _DAY:,} days"


def go_on(now_ns: int, latest_ns: int) -> int:
    """The wire's clock at the newest frame: one a bit out of order does not set it back, a clock that was set does."""
    return latest_ns if latest_ns < now_ns - SET_BACK_NS else max(now_ns, latest_ns)
