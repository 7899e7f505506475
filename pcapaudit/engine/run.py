"""The one loop: sources in, report out. Files, pipes and test frames all pass through here."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field

from pcapaudit import __version__
from pcapaudit.capture import expand, group
from pcapaudit.catalog import load_signatures, sha256_of
from pcapaudit.catalog.schema import Signature
from pcapaudit.diagnose.analysis import CaptureAnalysis, Request
from pcapaudit.diagnose.params import Params
from pcapaudit.engine.auditor import Auditor
from pcapaudit.engine.interrupt import Interrupt
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import ByteCount, Phase, Progress, Step, ignore
from pcapaudit.engine.reading import NoRingError, feed
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.frames import CaptureNotes, FileNote, FrameBatch
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Generator, Report, Said, Settings, SignatureUse, UnreadSource
from pcapaudit.scan import Bounds, is_compiled

ETHERNET = 1


def audit(sources: Sequence[str], options: AuditOptions, progress: Progress = ignore) -> Report:
    """Audit captures and return the report.

    Ctrl-C ends the reading, or the judging of device after device; the report says what is known by then. A second one
    raises KeyboardInterrupt.

    Args:
        sources: Files, folders, ``-`` for standard input.
        options: See ``AuditOptions``.
        progress: Told how far the audit is, and each device as it is judged.

    Raises:
        CaptureError: No source could be read at all.
        SignatureError: A signature file is broken.
        UsageError: An option names something that does not exist.
    """
    request = make_request(options)
    paths = expand(sources)
    try:
        guess = group(paths, separate=options.separate, is_guess=True)
        done = _audit_rings(guess, request, options, progress)
    except NoRingError:
        done = _audit_rings(group(paths, separate=options.separate), request, options, progress)
    if not done.analyses and done.unread:
        raise CaptureError(done.unread[0].reason, path=done.unread[0].source, offset=done.unread[0].offset)
    return assemble(done.analyses, request, done.unread, is_partial=done.is_partial)


@dataclass(slots=True)
class _Done:
    """What came of the captures so far."""

    analyses: list[CaptureAnalysis] = field(default_factory=list)
    unread: list[UnreadSource] = field(default_factory=list)
    is_partial: bool = False


def _audit_rings(rings: Sequence[Sequence[str]], request: Request, options: AuditOptions, progress: Progress) -> _Done:
    """Audit one capture after the other. Raises NoRingError when files were wrongly taken for one."""
    done = _Done()
    count = ByteCount(progress, [path for ring in rings for path in ring])
    with Interrupt() as interrupt:
        for ring in rings:
            notes = CaptureNotes()
            auditor = make_auditor(request, notes, options)
            try:
                feed(auditor, ring, notes, interrupt, count)
            except CaptureError as error:
                done.unread.append(UnreadSource(error.path, error.reason, error.offset))
                continue
            if notes.files:
                done.analyses.append(_judge(auditor, len(done.analyses), interrupt, progress))
            if interrupt.is_noted:
                break
    done.is_partial = interrupt.is_noted
    return done


def make_auditor(request: Request, notes: CaptureNotes, options: AuditOptions) -> Auditor:
    """An auditor for one capture, with the time window and the bounds that the options set."""
    bounds = Bounds() if options.max_flows is None else Bounds(max_flows=options.max_flows)
    return Auditor(request, notes, since_ns=options.since_ns, until_ns=options.until_ns, bounds=bounds)


def _judge(auditor: Auditor, capture: int, interrupt: Interrupt, progress: Progress) -> CaptureAnalysis:
    """The diagnosis of what was read; a Ctrl-C that comes now ends it with the devices that are judged."""
    was_noted = interrupt.is_noted

    def go_on(judged: int, devices: int) -> bool:
        progress(Step(Phase.JUDGING, judged, devices))
        return was_noted or not interrupt.is_noted

    with collector_paused():
        return auditor.conclude(capture, go_on, progress)


@contextmanager
def collector_paused() -> Iterator[None]:
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
    auditor = make_auditor(request, notes, options)
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


def make_request(options: AuditOptions) -> Request:
    """Check the options against the signatures and thresholds there are."""
    signatures = load_signatures(options.signatures_dir)
    if options.signature is not None and all(s.id != options.signature for s in signatures):
        from pcapaudit.catalog.messages import suggest  # noqa: PLC0415 - brings pydantic along, for a mistake alone

        hint = suggest(options.signature.lower(), [s.id for s in signatures])
        raise UsageError(f"there is no signature {options.signature!r}; {hint}")
    return Request(
        signatures=signatures,
        params=Params().changed(options.thresholds),
        overrides=dict(options.thresholds),
        values=_values(options, signatures),
        signature=options.signature,
        device=options.device,
        all_devices=options.all_devices,
        said=Said(options.led, options.log, options.device, options.signature, options.mirror_point),
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
