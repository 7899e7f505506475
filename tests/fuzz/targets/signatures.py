"""Signature files: whatever stands in one, it is read or refused with its place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pcapaudit.catalog.location import signatures_dir
from pcapaudit.catalog.read import read_signature


@cache
def _place() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pcapaudit-fuzz-")) / "vendor"
    folder.mkdir()
    return folder / "product.yaml"


def seeds() -> Iterator[bytes]:
    """The shipped signatures."""
    return (path.read_bytes() for path in sorted(signatures_dir().glob("*/*.yaml")))


def try_one(data: bytes) -> None:
    """Read one file: a signature, or at least one problem with a line and a sentence."""
    path = _place()
    path.write_bytes(data)
    signature, problems = read_signature(path)
    assert (signature is None) == bool(problems)
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems)
