"""What an analyst may give as a source: paths, folders, patterns, file objects, addresses of other hosts."""

from __future__ import annotations

import glob
import os
import shutil
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO, TypeAlias

from pcapaudit.model.errors import UsageError

Source: TypeAlias = "str | os.PathLike[str] | BinaryIO"
_MAGIC = "*?["


class Sources:
    """Files on disk for whatever was given; what had to be fetched lies in a folder that goes with this object.

    Args:
        given: A path, a folder, a pattern (``captures/*.pcapng``), a binary file object, an address that fsspec knows
            (``s3://…``), or several of them.

    Raises:
        UsageError: A pattern matches nothing, an address needs fsspec, or something is no source at all.
    """

    def __init__(self, given: Source | Iterable[Source]) -> None:
        self._folder: Path | None = None
        self._fetched = 0
        self.names: dict[str, str] = {}
        """Fetched file -> the name that it had where it came from."""
        self.paths = [path for one in _several(given) for path in self._find(one)]
        if not self.paths:
            raise UsageError("no source was given: expected a capture, a folder, a pattern or a file object")

    def _find(self, one: Source) -> Iterator[str]:
        if not isinstance(one, str | os.PathLike):
            yield self._copy(one, str(getattr(one, "name", "capture")))
            return
        text = os.fspath(one)
        if "://" in text:
            yield from self._fetch(text)
        elif any(sign in text for sign in _MAGIC) and not Path(text).exists():
            found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - a pattern may begin anywhere, also at the root
            if not found:
                raise UsageError(f"{text}: no file matches")
            yield from found
        else:
            yield text

    def _fetch(self, address: str) -> Iterator[str]:
        """What lies behind an address of another host, one file or all that match."""
        for file in _fsspec(address).open_files(address, "rb"):
            with file as stream:
                yield self._copy(stream, file.full_name)

    def _copy(self, stream: Any, name: str) -> str:
        if not callable(getattr(stream, "read", None)):
            raise UsageError(f"a source is a path or a binary file object, not {type(stream).__name__}")
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="pcapaudit-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._fetched += 1
        target = self._folder / f"{self._fetched:06d}"
        with target.open("xb") as out:
            try:
                shutil.copyfileobj(stream, out, 1 << 20)
            except TypeError:
                raise UsageError(f"{name}: opened as text; open captures with mode 'rb'") from None
        self.names[str(target)] = name
        return str(target)


def name_sources(given: Source | Iterable[Source]) -> list[str]:
    """Paths and addresses of what was given, for other machines to read; nothing is fetched.

    Raises:
        UsageError: A pattern matches nothing, or something is a file object, which other machines cannot read.
    """
    names: list[str] = []
    for one in _several(given):
        if not isinstance(one, str | os.PathLike):
            raise UsageError("a cluster reads paths and addresses, not file objects")
        text = os.fspath(one)
        names += [text] if "://" in text else Sources(text).paths
    return names


def _several(given: Source | Iterable[Source]) -> Iterable[Source]:
    is_one = isinstance(given, str | os.PathLike) or hasattr(given, "read")
    return [given] if is_one else given  # type: ignore[list-item,return-value]


def _fsspec(address: str) -> Any:
    try:
        import fsspec  # noqa: PLC0415 - an extra; asked for only by those who read from elsewhere
    except ImportError:
        raise UsageError(
            f"{address}: reading from other hosts needs fsspec (pip install 'pcapaudit[notebook]')"
        ) from None
    return fsspec
