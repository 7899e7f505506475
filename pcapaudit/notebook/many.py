"""Many captures as one set of tables: each is audited in a process of its own, a broken one costs only itself."""

from __future__ import annotations

import hashlib
import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from matplotlib.axes import Axes

from pcapaudit.engine.cluster import audit_on_cluster
from pcapaudit.engine.many import Done, audit_all, find_captures, hash_files
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.places import find_anywhere
from pcapaudit.engine.progress import Phase, Progress, Step, ignore
from pcapaudit.model.errors import UsageError
from pcapaudit.model.words import VERDICTS
from pcapaudit.notebook.attempts import find_attempts
from pcapaudit.notebook.bar import bar_of_session, clear_bar
from pcapaudit.notebook.dataset import ALL_TABLES, Dataset
from pcapaudit.notebook.fleet import FleetTables, count_devices
from pcapaudit.notebook.frames import CAPTURE
from pcapaudit.notebook.plots.verdicts import draw_verdicts
from pcapaudit.notebook.sources import Source, Sources, name_sources
from pcapaudit.report.fleet import site_of


def read_many(  # noqa: PLR0913 - each by its name
    source: Source | Iterable[Source],
    *,
    jobs: int | None = None,
    store: str | os.PathLike[str] | None = None,
    device: str | None = None,
    signature: str | None = None,
    separate: bool = True,
    progress: bool | None = None,
    cluster: str | None = None,
    beside: bool = True,
) -> Captures:
    """Audit many captures, each in processes of its own.

    Args:
        source: As for ``read``: folders, patterns, files, or several of them.
        jobs: Captures at the same time; None takes one for each processor.
        store: Folder that keeps the tables as Parquet files; a second call does only what is new. None keeps them for
            as long as the result lives.
        device: MAC or IP address of the one device to judge.
        signature: What it is, as ``vendor/product``.
        separate: Every file is a capture of its own; False joins files that continue one another.
        progress: Whether to show a bar; None shows one in a notebook.
        cluster: Address of a Dask scheduler, such as ``tcp://scheduler:8786``; its workers audit the captures, which
            they find under the same paths or behind addresses. ``jobs`` is then theirs to say.
        beside: On a cluster, keep the results beside each capture, so that the next run does only what is new.

    Raises:
        UsageError: A source or an option is none, DuckDB is not installed, or no cluster answers. A capture that
            cannot be read is a row of ``errors`` instead.
    """
    options = AuditOptions(device=device, signature=signature, separate=True)
    keeper = None if store is not None else _Keeper()
    data = Dataset(Path(os.fspath(store)) if keeper is None else keeper.folder)  # type: ignore[arg-type]
    tell = ignore if progress is False else bar_of_session()
    if cluster is None:
        found = Sources(source)
        _fill(data, find_captures(found.paths, separate=separate), options, jobs or os.cpu_count() or 1, tell)
    else:
        captures = find_anywhere(name_sources(source), separate=separate)
        there = [(files, data.folder / "work" / str(at)) for at, files in enumerate(captures)]
        _fill_from(data, audit_on_cluster(cluster, there, options, beside=beside), options, len(captures), tell)
    return Captures(data, keeper)


def read_parquet(folder: str | os.PathLike[str]) -> Captures:
    """The captures that a folder holds, as ``read_many(..., store=folder)`` or ``to_parquet`` left them.

    Raises:
        UsageError: It holds none, or DuckDB is not installed.
    """
    if not (Path(folder) / "captures").is_dir():
        raise UsageError(f"{os.fspath(folder)}: no captures are kept in this folder")
    return Captures(Dataset(Path(folder)), None)


def _fill(data: Dataset, captures: Sequence[tuple[str, ...]], options: AuditOptions, jobs: int, tell: Progress) -> None:
    """Do what the data set does not hold yet."""
    work = data.folder / "work"
    names = {files: _name(files, options) for files in captures}
    missing = [files for files in captures if not data.holds(names[files])]
    done = len(captures) - len(missing)
    try:
        for result in audit_all([(files, work / names[files]) for files in missing], options, jobs=jobs):
            data.add(names[result.files], result)
            shutil.rmtree(result.folder, ignore_errors=True)
            done += 1
            tell(Step(Phase.AUDITING, done, len(captures)))
    finally:
        shutil.rmtree(work, ignore_errors=True)
        clear_bar(tell)


def _fill_from(data: Dataset, results: Iterator[Done], options: AuditOptions, total: int, tell: Progress) -> None:
    """Take what comes from a cluster and the data set does not hold yet."""
    try:
        for done, result in enumerate(results, start=1):
            name = result.name or _name(result.files, options)
            if result.error is not None or not data.holds(name):
                data.add(name, result)
            shutil.rmtree(result.folder, ignore_errors=True)
            tell(Step(Phase.AUDITING, done, total))
    finally:
        shutil.rmtree(data.folder / "work", ignore_errors=True)
        clear_bar(tell)


def _name(files: Sequence[str], options: AuditOptions) -> str:
    """The hash of a capture; of its files' names where they cannot be read, which then becomes an error."""
    try:
        return hash_files(files, options)
    except OSError:
        return hashlib.sha256("\0".join(files).encode("utf-8", "surrogateescape")).hexdigest()


class _Keeper:
    """A folder that goes with this object."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="pcapaudit-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


class Captures:
    """Many captures as tables with the column ``capture`` in front.

    Args:
        data: Where the tables lie.
        keeper: Removes them when this object goes; None leaves them.
    """

    def __init__(self, data: Dataset, keeper: _Keeper | None) -> None:
        self._data = data
        self._keeper = keeper
        self._frames: dict[str, pd.DataFrame] = {}

    @property
    def errors(self) -> pd.DataFrame:
        """A row for each capture that could not be read: ``capture`` and ``reason``."""
        failed = [(", ".join(m.files), m.error) for m in self._data.members() if m.error is not None]
        return pd.DataFrame(failed, columns=["capture", "reason"], dtype="string")

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """As ``Capture.attempts``."""
        return find_attempts(self.table("flows"), self.table("endpoints"), self.table("devices"))

    def table(self, name: str) -> pd.DataFrame:
        """A whole table in memory. Raises UsageError for one that does not exist."""
        if name not in ALL_TABLES:
            raise UsageError(f"there is no table {name!r}; known are: {', '.join(ALL_TABLES)}")
        if name not in self._frames:
            table = ALL_TABLES[name]
            self._frames[name] = self._data.read(table, (CAPTURE, *table.columns))
        return self._frames[name]

    def sql(self, query: str) -> pd.DataFrame:
        """Ask all tables in SQL (DuckDB), without taking them into memory.

        The tables have their names, ``captures`` lists the captures. Times are in UTC.

        Raises:
            UsageError: The query cannot be answered; says why.
        """
        return self._data.ask(query)

    def summary(self, *by: str) -> pd.DataFrame:
        """Devices by verdict, the worst first.

        Args:
            by: Columns of ``devices`` to count by, besides ``site``, the folder of the capture; ``("site",)`` if none.
        """
        devices = self.table("devices")
        sited = devices.assign(site=devices["capture"].astype(str).map(site_of))
        counts = sited.groupby([*(by or ("site",)), "verdict"], observed=True).size().unstack("verdict", fill_value=0)
        shown = counts.reindex(columns=list(reversed(VERDICTS)), fill_value=0)
        return shown.sort_values(list(shown.columns), ascending=False)

    def fleet(self, site: str | Callable[[str], str] | None = None) -> FleetTables:
        """One report over all captures: devices by verdict, site, step, cause and product, the worst first.

        Args:
            site: What the site of a capture is: a function of its file, or a regular expression whose first group (or
                whole match) it is; None for the folder.

        Raises:
            UsageError: The regular expression is none.
        """
        unread = sum(member.error is not None for member in self._data.members())
        captures = len(self._data.members()) - unread
        return count_devices(self.table("devices"), self.table("findings"), site, captures=captures, unread=unread)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the verdicts, a bar for each capture."""
        return draw_verdicts(self.table("devices"), ax)

    def to_parquet(self, folder: str | os.PathLike[str]) -> None:
        """Keep the tables in a folder of Parquet files; ``read_parquet`` reads them again.

        Raises:
            UsageError: The folder is there already and not empty.
        """
        target = Path(folder)
        if target.exists() and any(target.iterdir()):
            raise UsageError(f"{target}: the folder is not empty")
        shutil.copytree(self._data.folder, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("spill", "work"))

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name in ALL_TABLES:
            return self.table(name)
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *ALL_TABLES]

    def __repr__(self) -> str:
        members = self._data.members()
        failed = sum(member.error is not None for member in members)
        return f"<Captures: {len(members) - failed} read, {failed} not read>"
