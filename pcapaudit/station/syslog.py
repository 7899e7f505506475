"""Writes events to a syslog receiver: RFC 5424 over UDP (RFC 5426) or TCP (RFC 6587), or the local log's own form."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pcapaudit.report.escape import make_visible
from pcapaudit.station.outlet import UnreachedError, say_event
from pcapaudit.station.wish import Receiver

TIMEOUT_S = 10.0
SD_ID = "pcapaudit@32473"
"""The project has no private enterprise number. This one is reserved for examples (RFC 5612), so that it names nobody
else, which a made-up one would."""
MOST_BYTES = 2048
"""What every receiver should take (RFC 5424, section 6.1)."""
_TEXT_BYTES = 1024
_VALUE_CHARS = 100
_APP = "pcapaudit"
_DAEMON = 3
_ERROR, _WARNING, _NOTICE, _INFO = 3, 4, 5, 6
_SEVERITY = {
    "lost": _ERROR,
    "blind": _ERROR,
    "missed": _ERROR,
    "flapping": _WARNING,
    "changed": _WARNING,
    "dropped": _WARNING,
    "silent": _WARNING,
    "forgotten": _WARNING,
    "seen": _INFO,
}
"""By kind of event (RFC 5424, section 6.2.1); what is not listed closes one that is, a notice."""
_PARAMS = ("device", "mac", "address", "verdict", "stage", "rule", "since", "count", "period_s", "lasted_s")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BOM = "\ufeff"


class SyslogSender:
    """Brings events to one receiver; connects when there is something to say.

    Args:
        receiver: Where to.
        source: What is watched.
        host: The machine that watches.
        pid: The process that watches.
        now: The local time, for a local log.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        source: str,
        host: str,
        pid: int,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._receiver = receiver
        self._source = source
        self._host = host
        self._pid = pid
        self._now = now
        self._socket: socket.socket | None = None

    def __call__(self, number: int | None, event: Mapping[str, Any]) -> None:  # noqa: ARG002 - the form of all senders
        """Write one event. Raises UnreachedError: it could not be handed over."""
        line = self._write(event)
        try:
            open_socket = self._connect()
            if open_socket.type is socket.SOCK_STREAM:
                open_socket.sendall(line)
            else:
                open_socket.send(line)
        except (OSError, UnicodeError) as error:
            self.close()
            said = f"no answer within {TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else None
            raise UnreachedError(said or getattr(error, "strerror", None) or type(error).__name__) from None

    def close(self) -> None:
        """Close what is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _write(self, event: Mapping[str, Any]) -> bytes:
        if self._receiver.kind == "local":
            return write_local(event, source=self._source, pid=self._pid, now=self._now())
        line = write_line(event, source=self._source, host=self._host, pid=self._pid)
        # Octet counting (RFC 6587, section 3.4.1): text may then hold whatever it wants.
        return b"%d %b" % (len(line), line) if self._receiver.kind == "tcp" else line

    def _connect(self) -> socket.socket:
        if self._socket is not None and self._receiver.kind == "tcp" and _has_hung_up(self._socket):
            self.close()
        if self._socket is None:
            self._socket = _open(self._receiver)
        return self._socket


def write_line(event: Mapping[str, Any], *, source: str, host: str, pid: int) -> bytes:
    """An event as RFC 5424 has it, with what it says of its device as structured data."""
    time = event.get("at") or "-"
    name = _header(host, 255)
    head = (
        f"<{_priority(event)}>1 {time} {name} {_APP} {pid} {_header(str(event['event']), 32)} {_data(event, source)} "
    )
    text = _cut(say_event(event, source), _TEXT_BYTES)
    # Beyond ASCII the text says that it is UTF-8 (section 6.4).
    return (head + ("" if text.isascii() else _BOM) + text).encode()[:MOST_BYTES]


def write_local(event: Mapping[str, Any], *, source: str, pid: int, now: datetime) -> bytes:
    """An event as the C library's syslog() writes it, which journald and rsyslog read at their local socket.

    The time is theirs to give: the event's own stands in its sentence where it differs.
    """
    stamp = f"{_MONTHS[now.month - 1]} {now.day:2d} {now:%H:%M:%S}"
    text = _cut(say_event(event, source), _TEXT_BYTES)
    return f"<{_priority(event)}>{stamp} {_APP}[{pid}]: {text}".encode()


def _priority(event: Mapping[str, Any]) -> int:
    return 8 * _DAEMON + _SEVERITY.get(event["event"], _NOTICE)


def _data(event: Mapping[str, Any], source: str) -> str:
    told: dict[str, object] = {"source": source} | {name: event.get(name) for name in _PARAMS}
    told["frames"] = " ".join(map(str, event.get("frames") or ())) or None
    words = [f'{name}="{_quote(value)}"' for name, value in told.items() if value is not None]
    return f"[{' '.join([SD_ID, *words])}]"


def _quote(value: object) -> str:
    """A parameter's value (RFC 5424, section 6.3.3)."""
    text = make_visible(str(value))[:_VALUE_CHARS]
    return "".join(f"\\{char}" if char in '"\\]' else char for char in text)


def _header(text: str, most: int) -> str:
    """A field of the header: printable ASCII without spaces; ``-`` for nothing."""
    return "".join(char for char in text if "!" <= char <= "~")[:most] or "-"


def _cut(text: str, most: int) -> str:
    """So much of a text as ``most`` bytes of UTF-8 hold, in whole characters."""
    return text.encode()[:most].decode("utf-8", "ignore")


def _open(receiver: Receiver) -> socket.socket:
    if receiver.kind == "local":
        return _open_local(receiver.host)
    if receiver.kind == "tcp":
        return socket.create_connection((receiver.host, receiver.port), TIMEOUT_S)
    family, kind, protocol, _, address = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_DGRAM)[0]
    return _join(socket.socket(family, kind, protocol), address)


def _open_local(path: str) -> socket.socket:
    """Most take datagrams there, some a stream."""
    try:
        return _join(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), path)
    except OSError:
        return _join(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path)


def _join(made: socket.socket, address: Any) -> socket.socket:
    try:
        made.settimeout(TIMEOUT_S)
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def _has_hung_up(connected: socket.socket) -> bool:
    """Whether the other side, which never says anything, closed: what is written now would be lost without a word."""
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))
