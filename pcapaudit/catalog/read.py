"""One signature file, read and checked: its YAML, its form, its contradictions."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pydantic import ValidationError

from pcapaudit.catalog.build import build, find_contradictions
from pcapaudit.catalog.document import Document, Problem, parse
from pcapaudit.catalog.form import SignatureForm
from pcapaudit.catalog.messages import complain_about
from pcapaudit.catalog.schema import Signature

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_signature(path: Path) -> tuple[Signature | None, list[Problem]]:
    """Read one file.

    Returns:
        The signature and no problems, or None and every problem of the file in the order of its lines.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        return None, [Problem(str(path), 1, 1, f"cannot be read: {error.strerror or error}")]
    document = parse(data, str(path))
    _check_names(path, document)
    if document.problems:
        _note_form_faults(document)
        return None, document.problems
    parsed = _validate(document)
    if parsed is None:
        return None, document.problems
    return build(parsed, path.parent.name, path.stem, hashlib.sha256(data).hexdigest()), []


def _check_names(path: Path, document: Document) -> None:
    for name in (path.parent.name, path.stem):
        if not _NAME.fullmatch(name):
            document.complain(
                document.place_of(()), f"the name {name!r} cannot be part of an id", "use lower case, digits, hyphens"
            )


def _note_form_faults(document: Document) -> None:
    """Tell the faults of the form, too, when the YAML itself could be read."""
    if isinstance(document.tree, dict):
        _validate(document)


def _validate(document: Document) -> SignatureForm | None:
    try:
        parsed = SignatureForm.model_validate(document.tree)
    except ValidationError as error:
        complain_about(error, SignatureForm, document)
        return None
    for path, message, hint in find_contradictions(parsed):
        is_key = path[0] in ("params", "thresholds", "remedies")
        document.complain(document.place_of_key(path) if is_key else document.place_of(path), message, hint)
    document.problems.sort(key=lambda problem: (problem.line, problem.column))
    return None if document.problems else parsed
