"""Where the server keeps what it was given, and what it allows."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import field
from pathlib import Path

from pcapaudit.engine.jobs import Limits
from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.station.child import ring_folder, state_file

TOKEN_VARIABLE = "PCAPAUDIT_TOKEN"  # noqa: S105 - the name of a variable
_TOKEN_BYTES = 32
_LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Live:
    """A watch that the server keeps running.

    Attributes:
        interface: What is watched.
        folder: Where its ring and its memory lie.
        words: The command that watches (``station.child.live_words``).
    """

    interface: str
    folder: Path
    words: tuple[str, ...]

    @property
    def ring(self) -> Path:
        """Folder of the frames that are still there."""
        return ring_folder(self.folder)

    @property
    def state(self) -> Path:
        """What the watch remembers over a restart, its newest events among it."""
        return state_file(self.folder)


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs.

    Attributes:
        data_dir: Folder of the captures, the reports and the list of both.
        token: What a script shows to get in.
        max_upload: Bytes of one capture.
        keep_s: Seconds after which a capture is deleted; None keeps it.
        jobs: Analyses at the same time.
        limits: What one analysis may use.
        hosts: Names by which a browser may call the server; empty allows every address, and the machine's own names.
        url: Where browsers reach it when a proxy stands before it: scheme, name and port, without a slash at the end.
        live: The watch that it keeps running; None for none.
    """

    data_dir: Path
    token: str
    max_upload: int = 10 << 30
    keep_s: float | None = 30 * 86400.0
    jobs: int = 1
    limits: Limits = field(default_factory=Limits)
    hosts: frozenset[str] = frozenset()
    url: str | None = None
    live: Live | None = None

    @property
    def incoming(self) -> Path:
        """Folder of what is still being received."""
        return self.data_dir / "incoming"

    @property
    def captures(self) -> Path:
        """Folder with one folder for each capture."""
        return self.data_dir / "captures"


def prepare_folder(data_dir: Path) -> None:
    """Make the data folder, for its owner alone. Raises UsageError when that cannot be."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("incoming", "captures"):
            (data_dir / name).mkdir(exist_ok=True, mode=0o700)
        # A folder of somebody else, or on a disk that is read-only, is there as well; only a file tells.
        with tempfile.TemporaryFile(dir=data_dir / "incoming"):
            pass
    except OSError as error:
        raise UsageError(f"the data folder {data_dir} cannot be used: {error.strerror or error}") from error


def load_token(data_dir: Path) -> str:
    """The API token: from the environment, else from the data folder, else made and kept there (mode 0600).

    Raises:
        UsageError: A token of the environment is shorter than 16 characters.
    """
    given = os.environ.get(TOKEN_VARIABLE)
    if given is not None:
        if len(given) < _LEAST_TOKEN:
            raise UsageError(f"{TOKEN_VARIABLE} is too short: at least {_LEAST_TOKEN} characters are needed")
        return given
    path = data_dir / "token"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_token(path)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        out.write(token + "\n")
    return token


def _read_token(path: Path) -> str:
    """A token that was kept. One that others may read is no secret, and one that was cut off would let anybody in."""
    if path.stat().st_mode & 0o077:
        raise UsageError(f"others may read the token in {path}: delete it, and a new one is made")
    token = path.read_text(encoding="ascii", errors="replace").strip()
    if len(token) < _LEAST_TOKEN:
        raise UsageError(f"{path} holds no whole token: delete it, and a new one is made")
    return token
