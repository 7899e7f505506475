"""Makes a capture of a window of the live watch: which one is meant, its name, and its frames out of the ring."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from pcapaudit.engine.ring_window import RingFile, WindowCut, look_into_ring
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import NS, readable
from pcapaudit.web.captures.intake import clean_name
from pcapaudit.web.captures.lookup import ApiError
from pcapaudit.web.captures.store import Entry, Wishes
from pcapaudit.web.captures.wishes import MAX_NOTE, WishError
from pcapaudit.web.live.desk import Desk
from pcapaudit.web.state import Site

USUAL_NS = 15 * 60 * NS
"""A window of which only the end, or nothing, is said is so long."""
BEFORE_NS = 5 * 60 * NS
AFTER_NS = 10 * 60 * NS
"""What is shown around a moment: how it was before, and what came of it."""
_SAID_GAPS = 10
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment up to another, ns since the epoch."""

    from_ns: int
    to_ns: int

    def name(self, interface: str) -> str:
        """``eth1 2026-01-01 14:00–14:15 UTC``; the day again where it is another one, seconds where there are some."""
        first, last = _moment(self.from_ns), _moment(self.to_ns)
        form = "%H:%M" if first.second == last.second == 0 else "%H:%M:%S"
        end = form if first.date() == last.date() else f"%Y-%m-%d {form}"
        return clean_name(f"{interface} {first:%Y-%m-%d} {first.strftime(form)}–{last.strftime(end)} UTC")


def read_span(fields: Mapping[str, str], now_ns: int) -> Span:
    """The window that is meant by ``from`` and ``to``, or by ``around``; without any of them the last 15 minutes.

    Args:
        fields: RFC 3339 times; without an offset they are UTC.
        now_ns: Where the wire's clock stands: no window goes on behind it.

    Raises:
        WishError: A time that is none, or a window that ends before it begins, or begins in the future.
    """
    # A window ends without its last moment, at which the newest frame may have come; the watch tells microseconds.
    end_ns = now_ns + 1000
    around_ns, from_ns, to_ns = (_read_moment(fields, name) for name in ("around", "from", "to"))
    if around_ns is not None:
        from_ns, to_ns = around_ns - BEFORE_NS, around_ns + AFTER_NS
    to_ns = end_ns if to_ns is None else to_ns
    from_ns = to_ns - USUAL_NS if from_ns is None else from_ns
    if from_ns >= to_ns:
        raise WishError("from", "the window must begin before it ends")
    if from_ns >= end_ns:
        raise WishError("from", f"the window begins after the newest frame, which came at {readable(now_ns)}")
    return Span(from_ns, min(to_ns, end_ns))


def _read_moment(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
        if moment is not None:
            return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * NS)
    except (ValueError, OverflowError):
        # The form is right, but there is no such day or hour.
        pass
    raise WishError(name, "expected a time such as 2026-01-01T14:00:00Z")


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NS, UTC)


async def take_window(site: Site, desk: Desk, wished: Span, wishes: Wishes, note: str) -> tuple[Entry, bool]:
    """Cut a window out of the ring and put it into the list, to be analysed like an upload.

    Args:
        site: The server.
        desk: Its live watch.
        wished: The window; what the ring does not hold of it is left out.
        wishes: What is known beforehand.
        note: For the list.

    Returns:
        The capture, and whether the same one was there already.

    Raises:
        ApiError: The ring holds nothing of it, or nothing was watched (404).
        IntakeError: It is too large (413), or there is no room for it (507).
    """
    files = await run_in_threadpool(_look, desk.live.ring)
    clipped = _clip(wished, files)
    gaps = desk.gaps_between(clipped.from_ns, clipped.to_ns)
    span = _choose_part(clipped, gaps)
    received = await site.intake.receive(_cut(desk, files, span), None)
    known = site.store.find(received.sha256, wishes)
    if known is not None:
        received.path.unlink()
        return known, True
    try:
        name = span.name(desk.live.interface)
        said = "\n".join(filter(None, (note, _say_gaps(gaps))))
        entry = site.store.add(received.path, name, received.sha256, wishes, said[:MAX_NOTE])
    finally:
        received.path.unlink(missing_ok=True)
    site.workshop.submit(entry.id)
    return entry, False


def _look(folder: Path) -> list[RingFile]:
    try:
        return look_into_ring(folder)
    except OSError:
        # The watch makes its folder when it begins.
        return []


def _clip(span: Span, files: list[RingFile]) -> Span:
    """What the ring may hold of a window. Raises ApiError (404) when that is nothing."""
    if not files:
        raise ApiError(404, "the ring holds no frame yet")
    first_ns = min(file.first_ns for file in files)
    if span.to_ns <= first_ns:
        raise ApiError(404, f"the ring holds frames from {readable(first_ns)} on; what came before is gone")
    return Span(max(span.from_ns, first_ns), span.to_ns)


def _choose_part(span: Span, gaps: Sequence[tuple[int, int]]) -> Span:
    """The longest part of a window without a gap: over one, any device would look as if it had no answer.

    Raises:
        ApiError: Nothing of it was watched (404).
    """
    begins = [span.from_ns, *(to_ns for _, to_ns in gaps)]
    ends = [*(from_ns for from_ns, _ in gaps), span.to_ns]
    parts = [Span(a, b) for a, b in zip(begins, ends, strict=True) if a < b]
    if not parts:
        raise ApiError(404, f"nothing was watched between {readable(span.from_ns)} and {readable(span.to_ns)}")
    return max(parts, key=lambda part: part.to_ns - part.from_ns)


def _say_gaps(gaps: Sequence[tuple[int, int]]) -> str:
    """What was not watched of a window, for the note; empty when all of it was."""
    said = [f"{readable(from_ns)} to {readable(to_ns)}" for from_ns, to_ns in gaps[:_SAID_GAPS]]
    return f"Nothing was watched from {', '.join(said)}; this is the longest part beside." if said else ""


async def _cut(desk: Desk, files: list[RingFile], span: Span) -> AsyncIterator[bytes]:
    """The bytes of the capture. Raises ApiError (404)."""
    cut = WindowCut(
        files,
        span.from_ns,
        span.to_ns,
        lost=desk.lost_between(span.from_ns, span.to_ns),
        watched_until_ns=desk.watched_until(span.to_ns),
    )
    async for piece in iterate_in_threadpool(cut.pieces()):
        yield piece
    if not cut.frames:
        raise ApiError(404, f"no frame came between {readable(span.from_ns)} and {readable(span.to_ns)}")
