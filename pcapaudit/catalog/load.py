"""The signatures of a folder: one file a product, one folder a vendor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pcapaudit.catalog.location import signatures_dir
from pcapaudit.catalog.schema import Signature
from pcapaudit.catalog.stored import keep, recall
from pcapaudit.model.errors import SignatureError

NONE_HERE = "no signature in here"
HOW_TO_NAME = "write <vendor>/<product>.yaml"


def load_signatures(directory: Path | None = None, *, extra: Path | None = None) -> tuple[Signature, ...]:
    """Read all signatures of a folder.

    Args:
        directory: Folder with one folder per vendor; None is the one that pcapaudit brings along.
        extra: A second folder of the same form. A product that stands in both is taken from here.

    Returns:
        The signatures, ordered by id.

    Raises:
        SignatureError: A folder or a file cannot be used, or ``directory`` holds no signature; the first fault, with
            its place.
    """
    found = {signature.id: signature for signature in (_load_folder(directory) if directory else _load_shipped())}
    if directory and not found:
        raise SignatureError(NONE_HERE, file=str(directory), hint=HOW_TO_NAME)
    found |= {signature.id: signature for signature in (_load_folder(extra) if extra else ())}
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


def _load_shipped() -> tuple[Signature, ...]:
    """The signatures that pcapaudit brings along, as an earlier command read them if they are still the same."""
    folder = signatures_dir()
    paths = list_files(folder)
    known = recall(folder, paths)
    if known is None:
        known = tuple(_load_folder(folder))
        keep(folder, paths, known)
    return known


def _load_folder(folder: Path) -> Iterator[Signature]:
    # The reader loads PyYAML and pydantic, which most commands can do without.
    from pcapaudit.catalog.read import read_signature  # noqa: PLC0415

    for path in list_files(folder):
        signature, problems = read_signature(path)
        if signature is None:
            first = problems[0]
            raise SignatureError(first.message, file=first.file, line=first.line, column=first.column, hint=first.hint)
        yield signature
