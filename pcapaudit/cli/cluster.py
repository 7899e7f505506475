"""``pcapaudit audit --cluster``: the same report, each capture audited on a worker of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pcapaudit.capture import STDIN
from pcapaudit.diagnose.analysis import Request
from pcapaudit.engine.cluster import audit_on_cluster
from pcapaudit.engine.interrupt import Interrupt
from pcapaudit.engine.many import REPORT_FILE, Done
from pcapaudit.engine.merge import merge_reports, read_unread
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.places import find_anywhere
from pcapaudit.engine.progress import Phase, Progress, Step
from pcapaudit.engine.run import make_request
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.report import Report, UnreadSource
from pcapaudit.report.document import from_json


def audit_there(
    address: str, sources: Sequence[str], options: AuditOptions, progress: Progress, *, beside: bool
) -> Report:
    """Audit captures on a cluster and return the one report over all, as ``run.audit`` does here.

    Ctrl-C gives the report over the captures that are done, and ends the work on the others.

    Args:
        address: The scheduler.
        sources: Files, folders, and addresses that fsspec knows.
        options: See ``AuditOptions``.
        progress: Told how many captures are done, and each device as its capture comes in.
        beside: See ``audit_on_cluster``.

    Raises:
        CaptureError: No source could be read at all.
        SignatureError: A signature file is broken.
        UsageError: An option or a source does not exist, or there is no cluster.
    """
    if STDIN in sources:
        raise UsageError("a cluster reads files and addresses, not standard input")
    request = make_request(options)
    captures = find_anywhere(sources, separate=options.separate)
    with TemporaryDirectory(prefix="pcapaudit-") as folder, Interrupt() as interrupt:
        wanted = [(files, Path(folder) / str(at)) for at, files in enumerate(captures)]
        results = audit_on_cluster(address, wanted, options, tables=False, beside=beside)
        parts: dict[tuple[str, ...], Report | UnreadSource] = {}
        for done in interrupt.until_noted(results):
            parts[done.files] = _take(done, progress)
            progress(Step(Phase.AUDITING, len(parts), len(captures)))
    return _join([parts[files] for files in captures if files in parts], request, is_partial=interrupt.is_noted)


def _take(done: Done, progress: Progress) -> Report | UnreadSource:
    if done.error is not None:
        return read_unread(done.files, done.error)
    report = from_json((done.folder / REPORT_FILE).read_text(encoding="utf-8"))
    for device in report.devices:
        progress(device)
    return report


def _join(parts: Sequence[Report | UnreadSource], request: Request, *, is_partial: bool) -> Report:
    reports = [part for part in parts if isinstance(part, Report)]
    unread = [part for part in parts if isinstance(part, UnreadSource)]
    if unread and not reports:
        raise CaptureError(unread[0].reason, path=unread[0].source, offset=unread[0].offset)
    return merge_reports(reports, request, unread, is_partial=is_partial)
