"""The shipped signatures as an earlier command read them, so that this one need not.

To read the files takes longer than to audit a small capture, because PyYAML and pydantic have to be loaded first. What
was read is kept beside the files in ``__pycache__``, as Python keeps compiled modules there, and holds as long as
neither the files nor the code of this room change. It is done for the folder that pcapaudit brings along, whose owner
owns the code as well, and for no other.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from pcapaudit.catalog.schema import Signature

_MAX_BYTES = 16 << 20
_WORDS = "pcapaudit.model.words"
_MODULES = frozenset({"pcapaudit.catalog.schema", _WORDS, "ipaddress"})
"""What a signature consists of, beside plain values."""


def recall(folder: Path, paths: Sequence[Path]) -> tuple[Signature, ...] | None:
    """Signatures of these files as they were kept; None when they were not, or have changed since."""
    try:
        with _place(folder).open("rb") as kept:
            digest, body = kept.read(32), kept.read(_MAX_BYTES)
        if digest != _digest(paths) + hashlib.sha256(body).digest()[:16]:
            return None
        found = _Reader(BytesIO(body)).load()
    except (OSError, pickle.UnpicklingError, EOFError):
        return None
    return found if isinstance(found, tuple) else None


def keep(folder: Path, paths: Sequence[Path], signatures: tuple[Signature, ...]) -> None:
    """Keep what was read of these files; where nothing may be written, nothing is kept."""
    body = pickle.dumps(signatures, protocol=5)
    place = _place(folder)
    draft = place.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        draft.write_bytes(_digest(paths) + hashlib.sha256(body).digest()[:16] + body)
        draft.replace(place)


def _place(folder: Path) -> Path:
    return folder / "__pycache__" / f"signatures.{sys.implementation.cache_tag}.pickle"


def _digest(paths: Sequence[Path]) -> bytes:
    """Sixteen bytes that change with every file and with the code that reads them. Raises OSError."""
    total = hashlib.sha256(sys.version.encode())
    for path in (*paths, *sorted(Path(__file__).parent.glob("*.py")), Path(sys.modules[_WORDS].__file__ or "")):
        data = path.read_bytes()
        total.update(f"{path.parent.name}/{path.name}:{len(data)}:".encode() + data)
    return total.digest()[:16]


class _Reader(pickle.Unpickler):
    """An unpickler that makes signatures and what they consist of, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Give a class by its name. Raises UnpicklingError for one that is no part of a signature."""
        if module not in _MODULES or "." in name or not name[:1].isupper():
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a signature")
        return super().find_class(module, name)
