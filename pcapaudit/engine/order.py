"""One capture's work, as a text that crosses the wire; what is done for it on the other machine; what comes back.

Only JSON and files of ours travel: nothing is pickled that stems from a capture.
"""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pcapaudit.engine.jobs import Limits, run_audit, run_tables
from pcapaudit.engine.many import REPORT_FILE, TABLES_FILE, Done, hash_files, say_edition
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.places import Names, Shelf, fetch, make_absolute
from pcapaudit.model.errors import JobError, PcapAuditError
from pcapaudit.model.records import dataclass

MAX_SENT = 512 << 20
"""Bytes of results that are sent, in memory on both sides; more can only be kept beside the capture."""
_ANSWER = "answer.json"
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with one capture.

    Attributes:
        files: Its files as the worker finds them: absolute paths, or addresses.
        options: Of the audit.
        limits: Of each process.
        wanted: Which results: ``REPORT_FILE``, ``TABLES_FILE``.
        beside: Keep them beside the capture, and take what is kept there.
        edition: What the worker must have (``many.say_edition``).
    """

    files: tuple[str, ...]
    options: AuditOptions
    limits: Limits
    wanted: tuple[str, ...]
    beside: bool
    edition: str

    def to_json(self) -> str:
        """The order as it crosses the wire."""
        return json.dumps(asdict(self), default=str)


def make_order(files: Sequence[str], options: AuditOptions, limits: Limits, *, tables: bool, beside: bool) -> Order:
    """The order for one capture.

    Args:
        files: As the caller names them.
        options: Of the audit; ``separate`` follows from the number of files.
        limits: Of each process.
        tables: Whether its tables are wanted, too.
        beside: See ``Order``.
    """
    folder = options.signatures_dir
    there = replace(options, separate=len(files) == 1, signatures_dir=folder.absolute() if folder else None)
    wanted = (REPORT_FILE, TABLES_FILE) if tables else (REPORT_FILE,)
    return Order(tuple(map(make_absolute, files)), there, limits, wanted, beside, say_edition(there))


def read_order(text: str) -> Order:
    """The order that a text holds; it was written by ``Order.to_json`` of the same edition."""
    told: dict[str, Any] = json.loads(text)
    options = told["options"]
    folder = options["signatures_dir"]
    return Order(
        tuple(told["files"]),
        AuditOptions(**{**options, "signatures_dir": Path(folder) if folder else None}),
        Limits(**told["limits"]),
        tuple(told["wanted"]),
        told["beside"],
        told["edition"],
    )


def carry_out(order: Order, scratch: Path, is_wanted: Callable[[], bool]) -> bytes:
    """Do the work, in processes of its own.

    Args:
        order: What to do.
        scratch: Folder for what is needed meanwhile.
        is_wanted: Asked twice a second; when it says no, the work ends at once.

    Returns:
        The answer, for ``read_answer``. A capture that cannot be audited gives one that says why.
    """
    try:
        with TemporaryDirectory(dir=scratch, prefix="pcapaudit-") as folder:
            return asyncio.run(_while_wanted(order, Path(folder), is_wanted))
    except PcapAuditError as error:
        return _pack({"error": str(error)}, {})
    except OSError as error:
        return _pack({"error": f"{', '.join(order.files)}: {error.strerror or error}"}, {})


def read_answer(answer: bytes, order: Order, files: tuple[str, ...], folder: Path) -> Done:
    """What came of a capture, its results in a folder of this machine.

    Args:
        answer: As ``carry_out`` gave it.
        order: What it answers.
        files: The capture's files as the caller names them; so does the report then.
        folder: Takes the results.
    """
    with zipfile.ZipFile(BytesIO(answer)) as packed:
        told = json.loads(packed.read(_ANSWER))
        if told["error"] is not None:
            return Done(files, folder, _rename(told["error"], dict(zip(order.files, files, strict=True))))
        try:
            _take(packed, told, order, folder)
        except OSError as error:
            return Done(files, folder, f"its results cannot be had: {error.strerror or error}")
    name_sources(folder / REPORT_FILE, files)
    return Done(files, folder, None, told["name"])


def _take(packed: zipfile.ZipFile, told: Mapping[str, Any], order: Order, folder: Path) -> None:
    shelf = Shelf(order.files[0], told["name"]) if order.beside else None
    for file in order.wanted:
        if shelf is not None:
            shelf.take(file, folder / file)
        else:
            packed.extract(file, folder)


def name_sources(report: Path, files: Sequence[str]) -> None:
    """Let a stored report of one capture name its files so; it knows them by where they lay when it was made."""
    document = json.loads(report.read_text(encoding="utf-8"))
    for capture in document["captures"]:
        capture["source"] = files[0]
        for file, name in zip(capture["files"], files, strict=False):
            file["source"] = name
    report.write_text(json.dumps(document), encoding="utf-8")


async def _while_wanted(order: Order, folder: Path, is_wanted: Callable[[], bool]) -> bytes:
    work = asyncio.create_task(_work(order, folder))
    while not work.done():
        await asyncio.wait([work], timeout=_LOOK_S)
        if not is_wanted():
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            raise JobError("nobody wants it any more")
    return await work


async def _work(order: Order, folder: Path) -> bytes:
    here = say_edition(order.options)
    if here != order.edition:
        raise JobError(f"the worker has {here}, not {order.edition}")
    if not order.beside:
        paths, name = _fetch(order, folder)
        await _make(order.wanted, paths, order, folder)
        return _pack({"error": None, "name": name}, {file: folder / file for file in order.wanted})
    names = Names(order.files[0], f"{here} {order.options!r}") if len(order.files) == 1 else None
    known = names.recall() if names is not None else None
    if known is None or not all(map(Shelf(order.files[0], known).holds, order.wanted)):
        known = await _fill_shelf(order, folder)
        if names is not None:
            names.note(known)
    return _pack({"error": None, "name": known}, {})


async def _fill_shelf(order: Order, folder: Path) -> str:
    """Make what is not kept yet beside the capture; its hash."""
    paths, name = _fetch(order, folder)
    shelf = Shelf(order.files[0], name)
    # Before the work: a place that cannot be written shall not cost an audit.
    shelf.prepare()
    missing = [file for file in order.wanted if not shelf.holds(file)]
    await _make(missing, paths, order, folder)
    for file in missing:
        shelf.put(folder / file, file)
    return name


def _fetch(order: Order, folder: Path) -> tuple[list[str], str]:
    paths = fetch(order.files, folder)
    return paths, hash_files(paths, order.options)


async def _make(wanted: Sequence[str], paths: Sequence[str], order: Order, folder: Path) -> None:
    try:
        if REPORT_FILE in wanted:
            await run_audit(paths, order.options, folder / REPORT_FILE, limits=order.limits)
            name_sources(folder / REPORT_FILE, order.files)
        if TABLES_FILE in wanted:
            await run_tables(paths, folder / TABLES_FILE, limits=order.limits)
    except JobError as error:
        raise JobError(_rename(str(error), dict(zip(paths, order.files, strict=True)))) from error


def _pack(told: Mapping[str, Any], results: Mapping[str, Path]) -> bytes:
    """Raises JobError for results that are too large to be sent."""
    size = sum(path.stat().st_size for path in results.values())
    if size > MAX_SENT:
        raise JobError(f"its results are {size >> 20} MiB, too much to send: keep them beside the capture")
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(_ANSWER, json.dumps(told))
        for file, path in results.items():
            packed.write(path, file)
    return out.getvalue()


def _rename(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text
