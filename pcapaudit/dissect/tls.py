"""TLS as far as it can be seen without keys: records, hellos, alerts, old certificates.

Source: RFC 8446 (section 5.1 for the record layer), RFC 5246; RFC 6101, appendix E for the old hello.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from struct import Struct

from pcapaudit.dissect.handshake import HEADER_SIZE, READ, SERVER_HELLO, TLS_1_3, Message, read_message
from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.dissect.text import first_line
from pcapaudit.model.events import (
    Event,
    Malformed,
    Packet,
    TlsAlert,
    TlsClientHello,
    TlsNotTls,
    TlsRecords,
    TlsServerHello,
)

CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION, HEARTBEAT = range(20, 25)
CLIENT_KEY_EXCHANGE = 16
_RECORD_HEADER = 5
_MAX_RECORD = (1 << 14) + 2048
"""RFC 5246, 6.2.3: the longest encrypted fragment."""
MAX_EVENTS = 1000
"""Events of one direction beyond which further alerts are not reported."""
_FIRST_LINE = 80
_OLD_HELLO_MIN = 5


_read_header = Struct(">BBBH").unpack_from
"""Type, version and size of a record's header: (data, offset)."""
_Record = tuple[int, int, int]
"""Type, stated size of the content, and where in the stream the content begins; it may end beyond the stream."""
_SIZE, _CONTENT = 1, 2


def is_record(data: bytes) -> bool:
    """Whether the bytes begin as a TLS record: type, version 3.x and a possible length."""
    if len(data) < 3 or not CHANGE_CIPHER <= data[0] <= HEARTBEAT or data[1] != 3 or data[2] > 4:
        return False
    return len(data) < _RECORD_HEADER or _size_at(data, 0) <= _MAX_RECORD


def is_old_hello(data: bytes) -> bool:
    """Whether the bytes begin as a ClientHello in SSL 2 form that offers SSL 3 or TLS."""
    return len(data) >= _OLD_HELLO_MIN and data[0] >= 0x80 and data[2] == 1 and data[3] == 3 and data[4] <= 4


def length(data: bytes) -> int:
    """How many of the bytes are TLS records, one behind the other; a cut last record counts with its bytes."""
    pos = 0
    while pos + _RECORD_HEADER <= len(data) and is_record(data[pos : pos + _RECORD_HEADER]):
        pos += _RECORD_HEADER + _size_at(data, pos)
    return min(pos, len(data))


def _split(data: bytes, pos: int) -> tuple[list[_Record], list[int], int]:
    """The records from an offset on.

    Returns:
        Those that are not the application's; where each of the application's begins, because of these nothing else is
        asked and a long connection has thousands; where the next record should begin: no header is there, or none that
        is one.
    """
    found: list[_Record] = []
    hidden: list[int] = []
    last = len(data) - _RECORD_HEADER
    while pos <= last:
        kind, major, minor, size = _read_header(data, pos)
        if major != 3 or minor > 4 or not CHANGE_CIPHER <= kind <= HEARTBEAT or size > _MAX_RECORD:
            break
        if kind == APPLICATION:
            hidden.append(pos)
        else:
            found.append((kind, size, pos + _RECORD_HEADER))
        pos += _RECORD_HEADER + size
    return found, hidden, pos


def _size_at(data: bytes, begin: int) -> int:
    """Stated size of the content of the record that begins at an offset."""
    return data[begin + 3] << 8 | data[begin + 4]


def read(orig: Stream, resp: Stream) -> list[Event | Malformed]:
    """The events of a TLS connection, by frame.

    The client is who says ClientHello: usually the originator, but the opener of a
    connection seen from its middle is a guess. After a ClientHello, other bytes than TLS from
    the server are reported as ``TlsNotTls``; a stream that begins within a record gives nothing.
    """
    client, server = (resp, orig) if _says_hello(resp) and not _says_hello(orig) else (orig, resp)
    theirs = _Direction(server, from_client=False)
    theirs.read(clear_after_change=False)
    ours = _Direction(client, from_client=True)
    ours.read(clear_after_change=theirs.is_tls_1_3)
    found = ours.events + theirs.events
    if not_tls := _not_tls(server):
        found += not_tls if any(isinstance(e, TlsClientHello) for e in ours.events) else []
    return in_order(found)


def _says_hello(stream: Stream) -> bool:
    data = stream.data
    return is_old_hello(data) or (data[5:6] == b"\x01" and data[0] == HANDSHAKE and is_record(data))


def _not_tls(server: Stream) -> list[Event | Malformed]:
    """The server's first line when it is no TLS; fewer than three bytes prove nothing."""
    if is_record(server.data) or not server.is_from_start or len(server.data) < 3:
        return []
    return [TlsNotTls(server.at(0), first_line(server.data, _FIRST_LINE))]


class _Direction:
    """One side's records, read once from front to back."""

    is_tls_1_3 = False
    has_changed = False
    has_key_exchange = False
    last: Packet | None = None
    # How many records of each kind the side sent.
    handshake = change_cipher = application = encrypted_alerts = 0
    first_application_frame: int | None = None
    last_application: Packet | None = None
    last_application_size = 0
    parsed = 0
    """Offset in ``flight`` behind the last message that was read."""
    next_at = 0
    """Offset in the stream where the next record begins, as the last header says."""

    def __init__(self, stream: Stream, *, from_client: bool) -> None:
        self.stream = stream
        self.from_client = from_client
        self.events: list[Event | Malformed] = []
        self.flight = bytearray()
        """Handshake bytes not yet made into messages."""
        self.origins: list[tuple[int, int]] = []
        """(offset in flight, offset in stream) of each record's content in ``flight``."""

    def read(self, *, clear_after_change: bool) -> None:
        found, hidden, end = self._records()
        for record in found:
            self._add(record, clear_after_change=clear_after_change)
        if hidden:
            self._add_applications(hidden)
        if found or hidden:
            is_hidden = hidden and (not found or hidden[-1] > found[-1][_CONTENT])
            self.last = self.last_application if is_hidden else self._completed_at(*found[-1][_SIZE:])
            self.next_at = end
        if end + _RECORD_HEADER <= len(self.stream.data):
            self.events.append(Malformed(self.stream.at(end), "tls", "no record where one should begin"))
        if len(self.flight) > self.parsed:
            self._end_flight()
        if self.stream.beyond:
            self._read_beyond()
        if self.last is not None:
            self.events.append(self._summary(self.last))

    def _add(self, record: _Record, *, clear_after_change: bool) -> None:
        if record[0] == HANDSHAKE:
            self.handshake += 1
            # After a change of cipher only TLS 1.3 still speaks in the clear (a second hello).
            if not self.has_changed or clear_after_change or self.is_tls_1_3:
                self._add_handshake(record)
        elif record[0] == CHANGE_CIPHER:
            self.change_cipher += 1
            self.has_changed = True
        elif record[0] == ALERT:
            self._add_alert(record)

    def _completed_at(self, size: int, start: int) -> Packet:
        """The packet that completed a record, its header included."""
        return self.stream.completed_at(start - 1, start + size)

    def _summary(self, at: Packet) -> TlsRecords:
        return TlsRecords(
            at, self.from_client, self.handshake, self.change_cipher, self.application, self.encrypted_alerts,
            self.first_application_frame, self.last_application, self.last_application_size, self.has_key_exchange,
        )  # fmt: skip

    def _records(self) -> tuple[list[_Record], list[int], int]:
        """As ``_split``, of the contiguous bytes; in a stream that begins otherwise none is sought."""
        data = self.stream.data
        if is_old_hello(data):
            return _split(data, self._add_old_hello(data))
        return _split(data, 0) if is_record(data) else ([], [], len(data))

    def _read_beyond(self) -> None:
        """Count the records behind a gap or a cut: where the last header says, or where a packet begins like one."""
        for offset, data, packet in self.stream.beyond:
            pos = max(0, self.next_at - offset)
            while pos + _RECORD_HEADER <= len(data) and is_record(data[pos : pos + _RECORD_HEADER]):
                size = _size_at(data, pos)
                start = pos + _RECORD_HEADER
                self._count(packet, data[pos], size, data[start : start + size])
                pos = start + size
                self.next_at = offset + pos

    def _count(self, packet: Packet, kind: int, size: int, content: bytes) -> None:
        """Count one record of which only the beginning may be there."""
        self.last = packet
        if kind == HANDSHAKE:
            self.handshake += 1
            self.has_key_exchange |= content[:1] == bytes([CLIENT_KEY_EXCHANGE])
        elif kind == CHANGE_CIPHER:
            self.change_cipher += 1
            self.has_changed = True
        elif kind == ALERT and size != 2:
            self.encrypted_alerts += 1
        elif kind == ALERT and len(content) == size and content[0] in (1, 2) and len(self.events) < MAX_EVENTS:
            self.events.append(TlsAlert(packet, self.from_client, content[0], content[1]))
        elif kind == APPLICATION:
            self._count_application(packet, size)

    def _add_old_hello(self, data: bytes) -> int:
        end = 2 + (int.from_bytes(data[:2], "big") & 0x7FFF)
        at = self.stream.completed_at(0, min(end, len(data)))
        version = int.from_bytes(data[3:5], "big")
        is_complete = end <= len(data)
        self.events.append(TlsClientHello(at, self.stream.at(0), None, (), (version,), end - 2, is_complete))
        return end

    def _add_handshake(self, record: _Record) -> None:
        _, size, start = record
        self.origins.append((len(self.flight), start))
        self.flight += self.stream.data[start : start + size]
        while (body_at := self.parsed + HEADER_SIZE) <= len(self.flight):
            stated = int.from_bytes(self.flight[self.parsed + 1 : body_at], "big")
            if len(self.flight) - body_at < stated:
                break
            self._keep(stated)

    def _end_flight(self) -> None:
        """The last message may be unfinished; a cut hello still tells something."""
        body_at = self.parsed + HEADER_SIZE
        if len(self.flight) >= body_at:
            self._keep(int.from_bytes(self.flight[self.parsed + 1 : body_at], "big"))

    def _keep(self, size: int) -> None:
        """Read the message at ``parsed``, whose header is there and says its size."""
        start, body_at = self.parsed, self.parsed + HEADER_SIZE
        kind, body = self.flight[start], bytes(self.flight[body_at : body_at + size])
        self.parsed = body_at + size
        self.has_key_exchange |= kind == CLIENT_KEY_EXCHANGE
        if kind not in READ:
            return
        begin = self._offset(start)
        at = self.stream.completed_at(begin, self._offset(body_at + len(body) - 1) + 1)
        events = read_message(Message(kind, size, body, self.stream.at(begin), at, self.from_client))
        self.events += events
        if kind == SERVER_HELLO and any(isinstance(e, TlsServerHello) and e.version >= TLS_1_3 for e in events):
            self.is_tls_1_3 = True

    def _offset(self, pos: int) -> int:
        """Where in the stream a handshake byte lies; mostly in the record that came last."""
        begin, start = self.origins[-1]
        if pos < begin:
            begin, start = self.origins[bisect_right(self.origins, pos, key=itemgetter(0)) - 1]
        return start + pos - begin

    def _add_alert(self, record: _Record) -> None:
        """Encryption makes an alert longer than its two octets; before it several may share a record."""
        _, size, start = record
        content = self.stream.data[start : start + size]
        is_clear = size == 2 or (not self.has_changed and size in (4, 6, 8))
        if not is_clear:
            self.encrypted_alerts += 1
            return
        at = self._completed_at(size, start)
        for level, code in zip(content[::2], content[1::2], strict=False):
            if level in (1, 2) and len(self.events) < MAX_EVENTS:
                self.events.append(TlsAlert(at, self.from_client, level, code))

    def _add_applications(self, begins: Sequence[int]) -> None:
        """Count records of the application: what they hold is unknown, so two of them are all that is looked at."""
        data, first, last = self.stream.data, begins[0] + _RECORD_HEADER, begins[-1] + _RECORD_HEADER
        self.application = len(begins)
        self.first_application_frame = self.stream.frame_of(first - 1, first + _size_at(data, begins[0]))
        self.last_application_size = _size_at(data, begins[-1])
        self.last_application = self._completed_at(self.last_application_size, last)

    def _count_application(self, packet: Packet, size: int) -> None:
        """Count one of which only the beginning may be there."""
        self.application += 1
        if self.first_application_frame is None:
            self.first_application_frame = packet.frame
        self.last_application = packet
        self.last_application_size = size
