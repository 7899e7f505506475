"""All tables there are, and the rows of one capture, table by table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pcapaudit.engine.tables import arp, dhcp, dns, flows, ftp, http, icmp, ntp, postgres, tls, websocket
from pcapaudit.engine.tables.cells import Ends, connection_of
from pcapaudit.engine.tables.declare import Row, Table
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.errors import UsageError
from pcapaudit.model.events import Event

BATCH = 2048
"""Rows that are handed on at a time."""

_FLOWS = flows.TABLE.name
_OF_CAPTURE: Mapping[str, Callable[[Traffic], Iterator[Row]]] = {
    module.TABLE.name: module.read for module in (dns, dhcp, icmp, arp, ntp)
}
"""Tables that are made of datagrams."""
_OF_CONNECTION: Mapping[str, Callable[[Ends, Sequence[Event]], Iterator[Row]]] = {
    module.TABLE.name: module.read for module in (tls, http, ftp, websocket, postgres)
}
"""Tables that are made of what TCP connections say."""

TABLES: Mapping[str, Table] = {
    module.TABLE.name: module.TABLE
    for module in (flows, dns, dhcp, tls, http, icmp, arp, ntp, ftp, websocket, postgres)
}
"""Name -> table, in the order in which they are shown."""


def choose(names: Iterable[str]) -> list[Table]:
    """The tables of these names in the order of ``TABLES``, all for none. Raises UsageError for an unknown name."""
    wanted = set(names)
    unknown = sorted(wanted - TABLES.keys())
    if unknown:
        raise UsageError(f"there is no table {unknown[0]!r}; known are: {', '.join(TABLES)}")
    return [table for name, table in TABLES.items() if name in wanted or not wanted]


def read_rows(traffic: Traffic, tables: Sequence[Table]) -> Iterator[tuple[Table, list[Row]]]:
    """The rows of a capture in batches; those of one table in order of their first frame, or of their connection's.

    Args:
        traffic: The capture.
        tables: Which ones.
    """
    wanted = {table.name: table for table in tables}
    pending: dict[str, list[Row]] = {name: [] for name in wanted}
    for name, row in _all_rows(traffic, wanted):
        rows = pending[name]
        rows.append(row)
        if len(rows) >= BATCH:
            pending[name] = []
            yield wanted[name], rows
    for name, rows in pending.items():
        if rows:
            yield wanted[name], rows


def _all_rows(traffic: Traffic, wanted: Mapping[str, Table]) -> Iterator[tuple[str, Row]]:
    for name, read in _OF_CAPTURE.items():
        if name in wanted:
            yield from ((name, row) for row in read(traffic))
    if _FLOWS in wanted or wanted.keys() & _OF_CONNECTION.keys():
        yield from _conversations(traffic, wanted)


def _conversations(traffic: Traffic, wanted: Mapping[str, Table]) -> Iterator[tuple[str, Row]]:
    """Flow after flow, so that what a connection says is read once for all tables."""
    readers = [(name, read) for name, read in _OF_CONNECTION.items() if name in wanted]
    maker = flows.FlowRows(traffic) if _FLOWS in wanted else None
    is_spoken = traffic.spoken.known.tolist()
    for index, ends in enumerate(flows.turned_ends(traffic)):
        events: Sequence[Event] = traffic.conversation(index) if is_spoken[index] else ()
        if maker is not None:
            yield _FLOWS, maker.next_row(ends, events)
        if events and readers:
            connection = connection_of(traffic.flow(index))
            for name, read in readers:
                yield from ((name, row) for row in read(connection, events))
