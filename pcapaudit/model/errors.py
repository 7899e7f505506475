"""Every error that pcapaudit raises on purpose.

    PcapAuditError
    ├── CaptureError      a file or stream that cannot be read (path, byte offset)
    ├── SignatureError    a signature file that cannot be used (file, line, column, hint)
    ├── ReportError       a stored report document that cannot be read (place in the document)
    ├── JobError          an analysis in a process of its own that gave no report
    └── UsageError        the caller asked for something impossible

Broken packets are no error: they are counted by reason, see ``Malformed`` in ``model.events``.
"""

from __future__ import annotations


class PcapAuditError(Exception):
    """Root of all errors; its text is one sentence for the person at the keyboard."""


class CaptureError(PcapAuditError):
    """A capture that cannot be read: which file, at which byte, what was found there."""

    def __init__(self, reason: str, *, path: str, offset: int | None = None) -> None:
        self.reason = reason
        self.path = path
        self.offset = offset
        at = "" if offset is None else f" at byte {offset}"
        super().__init__(f"{path}{at}: {reason}")


class SignatureError(PcapAuditError):
    """A signature that cannot be used: where it is wrong and what to write instead."""

    def __init__(self, reason: str, *, file: str, line: int = 1, column: int = 1, hint: str | None = None) -> None:
        self.reason = reason
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint
        tail = f" ({hint})" if hint else ""
        super().__init__(f"{file}:{line}:{column}: {reason}{tail}")


class ReportError(PcapAuditError):
    """A report document that does not keep its form: where, as a path of keys, and what is wrong."""

    def __init__(self, reason: str, *, where: str) -> None:
        self.reason = reason
        self.where = where
        super().__init__(f"report document, {where}: {reason}")


class UsageError(PcapAuditError):
    """Arguments that contradict each other or name something that does not exist."""


class JobError(PcapAuditError):
    """An analysis in a process of its own that gave no report; says why."""
