"""Signature files, read and checked: one file a product, one folder a vendor."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from pcapaudit.catalog.build import build, find_contradictions
from pcapaudit.catalog.document import Document, Problem, parse
from pcapaudit.catalog.form import SignatureForm
from pcapaudit.catalog.location import signatures_dir
from pcapaudit.catalog.messages import complain_about
from pcapaudit.catalog.schema import Signature
from pcapaudit.model.errors import SignatureError

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def load_signatures(directory: Path | None = None, *, extra: Path | None = None) -> tuple[Signature, ...]:
    """Read all signatures of a folder.

    Args:
        directory: Folder with one folder per vendor; None is the one that pcapaudit brings along.
        extra: A second folder of the same form. A product that stands in both is taken from here.

    Returns:
        The signatures, ordered by id.

    Raises:
        SignatureError: A folder or a file cannot be used; the first fault, with its place.
    """
    folders = [directory or signatures_dir(), *([extra] if extra is not None else [])]
    found = {signature.id: signature for folder in folders for signature in _load_folder(folder)}
    return tuple(found[key] for key in sorted(found))


def sha256_of(signature: Signature) -> str:
    """Digest of the file that a signature was read from, hexadecimal."""
    return signature.sha256


def list_files(folder: Path) -> list[Path]:
    """Signature files of a folder, ``<vendor>/<product>.yaml``, ordered by name.

    Raises:
        SignatureError: The folder does not exist.
    """
    if not folder.is_dir():
        raise SignatureError("there is no such folder of signatures", file=str(folder))
    return sorted(path for path in folder.glob("*/*.yaml") if path.is_file())


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


def _load_folder(folder: Path) -> Iterator[Signature]:
    for path in list_files(folder):
        signature, problems = read_signature(path)
        if signature is None:
            first = problems[0]
            raise SignatureError(first.message, file=first.file, line=first.line, column=first.column, hint=first.hint)
        yield signature


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
