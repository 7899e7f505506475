"""Captures and results wherever they lie: on this machine's disks, or behind any address that fsspec knows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from pcapaudit.capture.sources import is_capture
from pcapaudit.engine.many import find_captures
from pcapaudit.model.errors import UsageError

RESULTS_END = ".pcapaudit"
"""Behind a capture's name: the folder beside it that holds its results."""
_MAGIC = frozenset("*?[")
_START_BYTES = 1 << 16


def find_anywhere(sources: Sequence[str], *, separate: bool) -> list[tuple[str, ...]]:
    """The captures that are meant, each with its files: first those on disk, then those behind addresses.

    A file behind an address is a capture of its own. A folder behind one stands for the captures in and below it, known
    by their first bytes; a pattern for the files that match.

    Raises:
        UsageError: A source does not exist, or nothing can be had from its address; says why.
    """
    near = [source for source in sources if not is_address(source)]
    far = [file for source in sources if is_address(source) for file in _expand(source)]
    return [*(find_captures(near, separate=separate) if near else ()), *((file,) for file in dict.fromkeys(far))]


def is_address(text: str) -> bool:
    """Whether a source is an address such as ``s3://bucket/x.pcap``, not a path."""
    return "://" in text


def locate(place: str) -> tuple[Any, str]:
    """The file system of fsspec that has a place, and the place's path in it.

    Raises:
        UsageError: fsspec is not installed, or what it needs for such addresses is not.
    """
    try:
        import fsspec  # noqa: PLC0415 - an extra; asked for only by those who read from elsewhere
    except ImportError:
        raise UsageError(f"{place}: a cluster needs fsspec (pip install 'pcapaudit[cluster]')") from None
    if not is_address(place):
        return fsspec.filesystem("file"), place
    try:
        files, path = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{place}: {error}") from error
    return files, str(path)


def fetch(places: Sequence[str], folder: Path) -> list[str]:
    """Paths under which this machine can read files: those on disk as they are, copies of the others.

    Args:
        places: Paths and addresses.
        folder: Takes the copies; they keep their names.

    Raises:
        OSError: A file cannot be had.
        UsageError: As for ``locate``.
    """
    paths = []
    for at, place in enumerate(places):
        path = place
        if is_address(place):
            files, there = locate(place)
            (folder / str(at)).mkdir()
            path = str(folder / str(at) / (PurePosixPath(there).name or "capture"))
            files.get_file(there, path)
        paths.append(path)
    return paths


class Shelf:
    """The folder beside a capture that holds what came of one audit of it: ``<capture>.pcapaudit/<hash>``.

    Args:
        capture: Path or address of its first file.
        name: Hash of its content and all that the results depend on.

    Raises:
        UsageError: As for ``locate``.
    """

    def __init__(self, capture: str, name: str) -> None:
        self._files, path = locate(capture)
        self._folder = f"{path}{RESULTS_END}/{name}"

    def holds(self, file: str) -> bool:
        """Whether a result is there."""
        self._files.invalidate_cache()
        return bool(self._files.exists(f"{self._folder}/{file}"))

    def prepare(self) -> None:
        """Make the folder. Raises OSError when that cannot be."""
        self._files.makedirs(self._folder, exist_ok=True)

    def put(self, source: Path, file: str) -> None:
        """Keep a result; it is there whole or not at all. Raises OSError when it cannot be written."""
        target = f"{self._folder}/{file}"
        if self._files.protocol[0] != "file":
            # Stores of objects show an object when it is whole.
            self._files.put_file(str(source), target)
            return
        draft = Path(f"{target}.{uuid4().hex}.part")
        try:
            shutil.copyfile(source, draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def take(self, file: str, target: Path) -> None:
        """Copy a result to this machine. Raises OSError when it cannot be had."""
        self._files.get_file(f"{self._folder}/{file}", str(target))


class Names:
    """Notes beside a capture that say which hash it has, so that it need not be fetched to know that.

    Where a store tells a digest of what it holds (the entity tag of S3) a note is good until that changes. For all
    other places nothing is noted and nothing known.

    Args:
        capture: Path or address of its only file.
        edition: What else the hash depends on.

    Raises:
        OSError: The file is not there.
        UsageError: As for ``locate``.
    """

    def __init__(self, capture: str, edition: str) -> None:
        self._files, path = locate(capture)
        self._note: str | None = None
        if "s3" in self._files.protocol:
            self._files.invalidate_cache()
            state = f"{self._files.size(path)} {self._files.checksum(path)} {edition}"
            self._note = f"{path}{RESULTS_END}/{sha256(state.encode()).hexdigest()}.name"

    def recall(self) -> str | None:
        """The hash; None when nobody noted it."""
        if self._note is None or not self._files.exists(self._note):
            return None
        return bytes(self._files.cat_file(self._note)).decode()

    def note(self, name: str) -> None:
        """Let others recall it. Raises OSError when it cannot be written."""
        if self._note is not None:
            self._files.pipe_file(self._note, name.encode())


def _expand(address: str) -> list[str]:
    files, path = locate(address)
    try:
        found = sorted(map(str, _list(files, path)))
    except OSError as error:
        raise UsageError(f"{address}: {error.strerror or error}") from error
    except Exception as error:
        # No credentials, no such host: each library has classes of its own for that.
        raise UsageError(f"{address}: {error}") from error
    if not found:
        raise UsageError(f"{address}: no capture is there")
    return [str(files.unstrip_protocol(one)) for one in found]


def _list(files: Any, path: str) -> list[str]:
    if _MAGIC & set(path):
        return [one for one, info in files.glob(path, detail=True).items() if info["type"] == "file"]
    if not files.isdir(path):
        return [path] if files.exists(path) else []
    with TemporaryDirectory(prefix="pcapaudit-") as folder:
        start = Path(folder) / "start"
        return [one for one in files.find(path) if f"{RESULTS_END}/" not in one and _is_capture(files, one, start)]


def _is_capture(files: Any, path: str, start: Path) -> bool:
    """By its first bytes, as for files on disk."""
    with files.open(path, "rb", block_size=_START_BYTES) as stream:
        start.write_bytes(stream.read(_START_BYTES))
    return is_capture(start)


def make_absolute(place: str) -> str:
    """A path that means the same on every machine that has it; addresses do already."""
    return place if is_address(place) else os.path.abspath(place)  # noqa: PTH100 - resolve() would follow links
