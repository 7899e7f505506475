"""Many captures on many machines: one task each on the workers of Dask, the results taken as they come."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from pcapaudit.engine.jobs import Limits
from pcapaudit.engine.many import Done
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.order import Order, carry_out, make_order, read_answer, read_order
from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass

_CONNECT_S = 10
_WORKERS_S = 60


def audit_on_cluster(
    address: str,
    captures: Sequence[tuple[tuple[str, ...], Path]],
    options: AuditOptions,
    *,
    tables: bool = True,
    beside: bool = True,
    limits: Limits | None = None,
) -> Generator[Done, None, None]:
    """Audit captures on the workers of a cluster; yields each as it is done, like ``many.audit_all``.

    A worker that dies gives its captures to the others. A capture that kills whoever tries it becomes an error that
    says so; captures that only waited on the same workers do not. Leaving the iteration early ends what is running.

    Args:
        address: The scheduler, such as ``tcp://scheduler:8786`` or ``tls://…``.
        captures: Files of each as the workers find them (paths, addresses), and the folder here for its results.
        options: Of each audit.
        tables: Whether the tables are wanted, too.
        beside: Keep results beside each capture, and take what an earlier run kept there.
        limits: Of each process.

    Raises:
        UsageError: Dask is not installed, or no scheduler or no worker answers.
    """
    works = [
        _Work(make_order(files, options, limits or Limits(), tables=tables, beside=beside), files, folder)
        for files, folder in captures
    ]
    if not works:
        return
    client = _connect(address)
    try:
        suspects: list[_Work] = []
        for work, future in _run(client, works):
            if _has_killed(future):
                suspects.append(work)
            else:
                yield _conclude(work, future)
        # Dask blames all that waited on a worker that died. Alone on the cluster the guilty one shows itself.
        for suspect in suspects:
            yield from (_conclude(work, future) for work, future in _run(client, [suspect]))
    finally:
        client.close()


def work_on_order(text: str) -> bytes:
    """What a worker runs: the order as text, the answer as bytes of ours."""
    from distributed import get_worker  # noqa: PLC0415 - an extra

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    return carry_out(read_order(text), Path(worker.local_directory), is_wanted)


@dataclass(frozen=True, slots=True)
class _Work:
    """One capture: its order, its files as the caller names them, where its results go."""

    order: Order
    files: tuple[str, ...]
    folder: Path


def _connect(address: str) -> Any:
    """A client of the scheduler, when there is a worker."""
    try:
        from distributed import Client  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise UsageError("a cluster needs Dask: pip install 'pcapaudit[cluster]'") from None
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False, name="pcapaudit")
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UsageError(f"no scheduler of Dask answers at {address}: {error}") from error
    try:
        client.wait_for_workers(1, timeout=_WORKERS_S)
    except TimeoutError:
        client.close()
        raise UsageError(f"the scheduler at {address} has no worker") from None
    return client


def _run(client: Any, works: Sequence[_Work]) -> Iterator[tuple[_Work, Any]]:
    """Give the works out; each comes back with its future as it ends. What still runs is ended with the iteration."""
    from distributed import as_completed  # noqa: PLC0415 - an extra

    run = uuid4().hex
    keys = [f"pcapaudit-{run}-{at}" for at in range(len(works))]
    orders = [work.order.to_json() for work in works]
    waiting = dict(zip(keys, works, strict=True))
    # A result leaves its worker's memory when nobody here holds its future any more.
    futures = {future.key: future for future in client.map(work_on_order, orders, key=keys, pure=False)}
    try:
        for future in as_completed(list(futures.values()), loop=client.loop):
            yield waiting[future.key], futures.pop(future.key)
    finally:
        client.cancel(list(futures.values()), force=True)


def _has_killed(future: Any) -> bool:
    from distributed import KilledWorker  # noqa: PLC0415 - an extra

    return future.status == "error" and isinstance(future.exception(), KilledWorker)


def _conclude(work: _Work, future: Any) -> Done:
    if future.status == "finished":
        work.folder.mkdir(parents=True, exist_ok=True)
        return read_answer(future.result(), work.order, work.files, work.folder)
    name = ", ".join(work.files)
    if future.status != "error":
        return Done(work.files, work.folder, f"{name}: the cluster gave it up; has the scheduler ended?")
    fault = future.exception()
    if _has_killed(future):
        return Done(work.files, work.folder, f"{name}: {fault.allowed_failures + 1} workers died of it, one by one")
    return Done(work.files, work.folder, f"{name}: the worker failed: {type(fault).__name__}: {fault}")
