"""What can be wrong with a case, and where: the errors of the packet-script language."""

from __future__ import annotations

from dataclasses import dataclass


class FormError(ValueError):
    """A part of a case that is written in a form nobody understands; whoever knows the place adds it."""


class ScriptError(Exception):
    """A script that says something impossible; names file, case and line."""


@dataclass(frozen=True, slots=True)
class Where:
    """Place of a line, for messages."""

    file: str
    case: str
    line: int

    def error(self, reason: str) -> ScriptError:
        """Give the error to raise for this place."""
        return ScriptError(f"{self.file}:{self.line}: case {self.case}: {reason}")
