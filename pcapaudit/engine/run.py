"""The one loop: sources in, report out. Files, pipes and test frames all pass through here."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pcapaudit import __version__
from pcapaudit.capture import expand, group, read_ring
from pcapaudit.catalog import load_signatures, sha256_of
from pcapaudit.catalog.schema import Signature
from pcapaudit.diagnose.analysis import CaptureAnalysis, Request
from pcapaudit.diagnose.params import Params
from pcapaudit.engine.auditor import Auditor
from pcapaudit.engine.options import AuditOptions
from pcapaudit.flows import zeek
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.frames import CaptureNotes, FileNote, FrameBatch
from pcapaudit.model.report import Generator, Report, Said, Settings, SignatureUse, UnreadSource
from pcapaudit.scan import is_compiled

ETHERNET = 1
Progress = Callable[[int, int | None], None]


def audit(sources: Sequence[str], options: AuditOptions, progress: Progress | None = None) -> Report:
    """Audit captures and return the report.

    Args:
        sources: Files, folders, ``-`` for standard input.
        options: See ``AuditOptions``.
        progress: Called with the bytes read so far and the total (None when unknown).

    Raises:
        CaptureError: No source could be read at all.
        SignatureError: A signature file is broken.
        UsageError: An option names something that does not exist.
    """
    request = make_request(options)
    found, unread = find_captures(sources, options)
    report_progress = _counter(progress, [p for ring in found for p in ring])
    analyses: list[CaptureAnalysis] = []
    is_partial = False
    for ring in found:
        notes = CaptureNotes()
        auditor = Auditor(request, notes, since_ns=options.since_ns, until_ns=options.until_ns)
        try:
            for batch in read_ring(ring, notes, progress=report_progress):
                auditor.feed(batch)
        except CaptureError as error:
            unread.append(UnreadSource(error.path, error.reason, error.offset))
            continue
        except KeyboardInterrupt:
            is_partial = True
        with _collector_paused():
            analyses.append(auditor.snapshot(len(analyses)))
        if is_partial:
            break
    if not analyses and unread:
        raise CaptureError(unread[0].reason, path=unread[0].source, offset=unread[0].offset)
    return assemble(analyses, request, unread, is_partial=is_partial)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from searching for reference cycles meanwhile.

    An analysis makes millions of packets and hardly a cycle; to look at them again and again takes a third of its time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def audit_frames(frames: Iterable[tuple[int, bytes, int]], options: AuditOptions, *, link: int = ETHERNET) -> Report:
    """Audit frames that are at hand: (time ns, bytes, length on the wire)."""
    request = make_request(options)
    notes = CaptureNotes(files=[FileNote("frames", "memory", 1)], link_types=[link])
    auditor = Auditor(request, notes, since_ns=options.since_ns, until_ns=options.until_ns)
    batch = batch_of(frames, link)
    notes.files[0].frames = len(batch)
    auditor.feed(batch)
    return assemble([auditor.snapshot(0)], request, [], is_partial=False)


def batch_of(frames: Iterable[tuple[int, bytes, int]], link: int = ETHERNET) -> FrameBatch:
    """One batch of frames that are at hand."""
    data = bytearray()
    offset, captured, wire, times, links = array("q"), array("I"), array("I"), array("q"), array("H")
    for time_ns, frame, wire_len in frames:
        offset.append(len(data))
        captured.append(len(frame))
        wire.append(wire_len)
        times.append(time_ns)
        links.append(link)
        data += frame
    columns = (memoryview(c) for c in (offset, captured, wire, times, links))
    return FrameBatch(memoryview(bytes(data)), 1, *columns)


def flow_records(sources: Sequence[str], progress: Progress | None = None) -> Iterator[dict[str, object]]:
    """One record a flow with Zeek's column names, in order of the first frame."""
    options = AuditOptions()
    found, unread = find_captures(sources, options)
    report_progress = _counter(progress, [p for ring in found for p in ring])
    for ring in found:
        notes = CaptureNotes()
        auditor = Auditor(make_request(options), notes)
        for batch in read_ring(ring, notes, progress=report_progress):
            auditor.feed(batch)
        yield from zeek.flow_records(auditor.traffic())
    if unread:
        raise CaptureError(unread[0].reason, path=unread[0].source, offset=unread[0].offset)


def make_request(options: AuditOptions) -> Request:
    """Check the options against the signatures and thresholds there are."""
    signatures = load_signatures(options.signatures_dir)
    if options.signature is not None and all(s.id != options.signature for s in signatures):
        known = ", ".join(s.id for s in signatures)
        raise UsageError(f"there is no signature {options.signature!r}; known are: {known}")
    return Request(
        signatures=signatures,
        params=Params().changed(options.thresholds),
        overrides=dict(options.thresholds),
        values=_values(options, signatures),
        signature=options.signature,
        device=options.device,
        all_devices=options.all_devices,
        said=Said(options.led, options.log, options.device, options.signature),
        why=options.why,
    )


def _values(options: AuditOptions, signatures: Sequence[Signature]) -> dict[str, int]:
    """The engineer's values for the signatures' parameters, checked against their ranges."""
    known = {name: param for s in signatures for name, param in s.params.items()}
    values: dict[str, int] = {}
    for name, text in options.params.items():
        if name not in known:
            raise UsageError(f"no signature has a parameter {name!r}; known are: {', '.join(sorted(known)) or 'none'}")
        param = known[name]
        if not text.isdecimal() or not param.low <= int(text) <= param.high:
            raise UsageError(f"--param {name}={text}: expected a number from {param.low} to {param.high}")
        values[name] = int(text)
    return values


def find_captures(sources: Sequence[str], options: AuditOptions) -> tuple[list[list[str]], list[UnreadSource]]:
    """Group sources into captures, each the files of one ring, and name those that are no captures."""
    unread: list[UnreadSource] = []
    rings: list[list[str]] = []
    good: list[str] = []
    for source in expand(sources):
        try:
            group([source], separate=True)
            good.append(source)
        except CaptureError as error:
            unread.append(UnreadSource(error.path, error.reason, error.offset))
    if good:
        rings = group(good, separate=options.separate)
    return rings, unread


def _counter(progress: Progress | None, paths: Sequence[str]) -> Callable[[int], None] | None:
    """Turn "bytes consumed of this file so far" into "bytes of all so far, total"."""
    if progress is None:
        return None
    sizes = [Path(p).stat().st_size if p != "-" else None for p in paths]
    total = None if any(s is None for s in sizes) else sum(s for s in sizes if s is not None)
    state = {"before": 0, "last": 0}

    def count(done: int) -> None:
        if done < state["last"]:
            state["before"] += state["last"]
        state["last"] = done
        progress(state["before"] + done, total)

    return count


def assemble(
    analyses: Sequence[CaptureAnalysis], request: Request, unread: Sequence[UnreadSource], *, is_partial: bool
) -> Report:
    """The document over all captures."""
    devices = tuple(d for a in analyses for d in a.devices)
    return Report(
        generator=Generator("pcapaudit", __version__, "compiled" if is_compiled() else "interpreted"),
        partial=is_partial,
        settings=Settings(
            params=dict(request.values),
            thresholds=request.params.as_dict(),
            signatures=tuple(SignatureUse(s.id, sha256_of(s)) for s in request.signatures),
        ),
        said=request.said,
        captures=tuple(a.info for a in analyses),
        devices=devices,
        hosts=() if devices else tuple(h for a in analyses for h in a.hosts),
        nearest=() if devices else tuple(n for a in analyses for n in a.nearest),
        unread=tuple(unread),
    )
