"""Websocket frames behind an upgrade in the clear: a row for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.engine.tables.cells import Ends
from pcapaudit.engine.tables.declare import ENDS, FLOW_MARKS, TS, Column, Kind, Row, Table
from pcapaudit.model.events import Event, WebsocketFrame

_OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}

TABLE = Table(
    "websocket",
    "Websocket",
    "One row for each websocket frame behind an upgrade that is readable.",
    (
        TS,
        *ENDS,
        Column("is_from_client", Kind.TRUTH, "the client sent it"),
        Column("opcode", Kind.INTEGER, "opcode (RFC 6455, section 5.2)"),
        Column("opcode_name", Kind.CATEGORY, "its name"),
        Column("is_masked", Kind.TRUTH, "its payload is masked"),
        Column("payload_bytes", Kind.INTEGER, "length of its payload", "bytes"),
        Column("close_code", Kind.INTEGER, "why it closes (RFC 6455, section 7.4)"),
        Column("frame", Kind.FRAME, "frame that completes it"),
        *FLOW_MARKS,
    ),
)  # fmt: skip


def read(connection: Ends, events: Sequence[Event]) -> Iterator[Row]:
    """The rows of one connection."""
    return (_row(connection, event) for event in events if isinstance(event, WebsocketFrame))


def _row(connection: Ends, frame: WebsocketFrame) -> Row:
    name = _OPCODES.get(frame.opcode)
    said = (frame.from_client, frame.opcode, name, frame.is_masked, frame.size, frame.close_code)
    return (frame.at.time_ns, *connection.ends, *said, frame.at.frame, *connection.marks)
