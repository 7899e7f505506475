"""FTP: a row for each command on the control connection with its reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.engine.tables.cells import Ends, span_s
from pcapaudit.engine.tables.declare import ENDS, FLOW_MARKS, TS, Column, Kind, Row, Table
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import Event, FtpCommand, FtpReply

TABLE = Table(
    "ftp",
    "FTP",
    "One row for each command with its first reply; a reply that no command precedes (greeting, end of a transfer) is a"
    " row of its own. Names and passwords are never kept.",
    (
        TS,
        *ENDS,
        Column("command", Kind.CATEGORY, "the command", "", "command"),
        Column("arg", Kind.TEXT, "its argument; never that of USER, PASS and ACCT", "", "arg"),
        Column("is_answered", Kind.TRUTH, "a reply was seen"),
        Column("reply_code", Kind.INTEGER, "code of the reply", "", "reply_code"),
        Column("reply_msg", Kind.TEXT, "its text", "", "reply_msg"),
        Column("data_h", Kind.TEXT, "address that command or reply names for the data"),
        Column("data_p", Kind.INTEGER, "port that it names"),
        Column("rtt_s", Kind.NUMBER, "from the command to the reply", "s"),
        Column("command_frame", Kind.FRAME, "frame of the command"),
        Column("reply_frame", Kind.FRAME, "frame of the reply"),
        *FLOW_MARKS,
    ),
    log="ftp",
)  # fmt: skip


def read(connection: Ends, events: Sequence[Event]) -> Iterator[Row]:
    """The rows of one connection: a reply belongs to the command right before it."""
    waiting: FtpCommand | None = None
    for event in events:
        if isinstance(event, FtpCommand):
            if waiting is not None:
                yield _row(connection, waiting, None)
            waiting = event
        elif isinstance(event, FtpReply):
            yield _row(connection, waiting, event)
            waiting = None
    if waiting is not None:
        yield _row(connection, waiting, None)


def _row(connection: Ends, command: FtpCommand | None, reply: FtpReply | None) -> Row:
    first = command or reply
    assert first is not None  # noqa: S101 - a row has a message
    named = [m.data_endpoint for m in (command, reply) if m is not None and m.data_endpoint is not None]
    return (
        first.at.time_ns,
        *connection.ends,
        command.verb if command else None,
        command.argument if command else None,
        reply is not None,
        reply.code if reply else None,
        reply.text if reply else None,
        ip_text(named[0][0]) if named else None,
        named[0][1] if named else None,
        span_s(command.at if command else None, reply.at if reply else None),
        command.at.frame if command else None,
        reply.at.frame if reply else None,
        *connection.marks,
    )
