"""Exit statuses of the command line, as the report contract fixes them."""

from __future__ import annotations

from pcapaudit.model.report import Report
from pcapaudit.model.words import VERDICTS, Verdict

FINE = 0
"""No listed device at or beyond ``--fail-on``."""
FAULT_FOUND = 1
"""At least one device at or beyond ``--fail-on``."""
UNUSABLE = 2
"""Could not run: unreadable input, broken signature, wrong usage."""
NOTHING_TO_JUDGE = 3
"""No device recognised, or the named one is not in the capture."""
INTERRUPTED = 130

NEVER = "never"
FAIL_ON = (Verdict.FAILED.value, Verdict.DEGRADED.value, Verdict.UNDECIDED.value, NEVER)
"""What ``--fail-on`` may be."""


def choose_status(report: Report, fail_on: str) -> int:
    """The exit status of ``audit``.

    Args:
        report: The finished document.
        fail_on: One of ``FAIL_ON``: the mildest verdict that counts as a fault.
    """
    if report.partial:
        return INTERRUPTED
    if report.unread:
        return UNUSABLE
    if not report.devices:
        return NOTHING_TO_JUDGE
    if fail_on == NEVER:
        return FINE
    bad = VERDICTS[VERDICTS.index(Verdict(fail_on)) :]
    return FAULT_FOUND if any(device.verdict in bad for device in report.devices) else FINE
