"""Where the signature files lie, however pcapaudit got onto this machine."""

from __future__ import annotations

from pathlib import Path

from pcapaudit.model.errors import SignatureError

_PACKAGE = Path(__file__).resolve().parents[1]


def signatures_dir() -> Path:
    """Find the folder of signature files that belongs to this installation.

    Returns:
        An existing folder with one sub-folder per vendor: ``_signatures`` inside the package when installed from a
        wheel, ``signatures`` beside the package in a checkout and in an editable installation.

    Raises:
        SignatureError: Neither place exists; the installation is incomplete.
    """
    candidates = (_PACKAGE / "_signatures", _PACKAGE.parent / "signatures")
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise SignatureError(
        "the folder of signature files is missing",
        file=str(candidates[0]),
        hint="install pcapaudit again, or run it from a complete checkout",
    )
