"""HTTP/1.x messages on one connection (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re
from dataclasses import field

from pcapaudit.dissect import websocket
from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.dissect.text import printable, redact_url
from pcapaudit.model.events import Event, HttpRequest, HttpResponse, Malformed, Packet
from pcapaudit.model.records import dataclass

MAX_HEAD = 65536
"""Bytes in which a head must end."""
MAX_MESSAGES = 10_000
"""Messages read of one connection."""
_MAX_BODY_PREFIX = 256
_MAX_METHOD = 32

_METHODS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"CONNECT ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"TRACE ")
_METHOD_CHARACTER = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"
METHOD_OCTETS = bytes(b for b in range(128) if re.match(_METHOD_CHARACTER, chr(b)))
"""What a method may consist of (RFC 9110, section 5.6.2: a token)."""
_REQUEST_LINE = re.compile(rf"({_METHOD_CHARACTER}{{1,{_MAX_METHOD}}}) (\S+) HTTP/(\d\.\d)\Z".encode())
_STATUS_LINE = re.compile(rb"HTTP/(\d\.\d) (\d{3})(?: (.*))?\Z", re.DOTALL)
_STATUS_BEGIN = re.compile(rb"HTTP/1\.\d \d{3}[ \r\n]")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CREDENTIALS = ("authorization", "proxy-authorization")
_MISSES_UPGRADE = re.compile(
    rb"(?:missing|invalid|no)\W{1,3}(?:(?:websocket|connection)\W{1,3})?(?:upgrade|connection)\W{1,3}(?:header|hdr)"
    rb"|can\W{1,3}upgrade\W{1,3}only\b|connection\W{1,3}must be\W{1,3}upgrade|upgrade\W{1,3}token not found",
    re.IGNORECASE,
)
"""How the websocket servers of Python and Go say that they were asked for an ordinary page."""
_UPGRADED = 101
_WITHOUT_BODY = (204, 304)


def is_request(data: bytes) -> bool:
    """Whether the bytes begin as an HTTP/1.x request line, whole or cut."""
    if not data or data[0] not in METHOD_OCTETS:
        return False
    line, found, _ = data[:MAX_HEAD].partition(b"\n")
    if found:
        match = _REQUEST_LINE.match(line.rstrip())
        return bool(match and match[3].startswith(b"1."))
    return line.startswith(_METHODS) and b"HTTP/2" not in line


def is_response(data: bytes) -> bool:
    """Whether the bytes begin as an HTTP/1.x status line."""
    return _STATUS_BEGIN.match(data) is not None


@dataclass(frozen=True, slots=True)
class Handover:
    """Another protocol that goes on behind an accepted CONNECT; ``port`` is the target's."""

    orig: Stream
    resp: Stream
    port: int


def read(orig: Stream, resp: Stream) -> list[Event | Malformed]:
    """Requests, responses and, after an upgrade, WebSocket frames, by packet; what a CONNECT carries is left out."""
    return read_until_tunnel(orig, resp)[0]


def read_until_tunnel(orig: Stream, resp: Stream) -> tuple[list[Event | Malformed], Handover | None]:
    """As ``read``, and the two rests of the connection when a proxy opened a tunnel."""
    dialogue = _Dialogue(_Side(orig), _Side(resp))
    dialogue.read()
    return in_order(dialogue.events), dialogue.handover


@dataclass(frozen=True, slots=True)
class _Head:
    line: bytes
    headers: dict[str, str]
    at: Packet
    is_whole: bool

    def number(self, name: str) -> int | None:
        text = self.headers.get(name, "")
        return int(text) if text.isdecimal() and len(text) <= 15 else None

    def is_chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()


@dataclass(slots=True)
class _Side:
    """One direction and how far it has been read; ``is_over`` when the rest cannot be read."""

    stream: Stream
    pos: int = 0
    is_over: bool = False

    def has_more(self) -> bool:
        return not self.is_over and self.pos < len(self.stream.data)

    def rest(self) -> Stream:
        return self.stream.after(self.pos)

    def read_head(self) -> _Head:
        """The head at ``pos``; of a cut one the lines that are whole."""
        data, start = self.stream.data, self._skip_blank()
        end = _HEAD_END.search(data, start, start + MAX_HEAD)
        stop = end.end() if end else min(len(data), start + MAX_HEAD)
        lines = data[start : end.start() if end else stop].split(b"\n")
        if end is None:
            self.is_over = True
            lines = lines[: max(1, len(lines) - 1)]
        self.pos = stop
        at = self.stream.completed_at(start, stop)
        return _Head(lines[0].rstrip(), _read_headers(lines[1:]), at, is_whole=end is not None)

    def _skip_blank(self) -> int:
        """RFC 9112, 2.2: an empty line before a message is ignored."""
        data, pos = self.stream.data, self.pos
        while data[pos : pos + 1] in (b"\r", b"\n") and pos < len(data) - 1 and pos < self.pos + 4:
            pos += 1
        return pos

    def skip_body(self, head: _Head) -> None:
        """Chunked before Content-Length (RFC 9112, 6.3); neither means no body."""
        if head.is_chunked():
            self._skip_chunks()
        else:
            self.pos = min(len(self.stream.data), self.pos + (head.number("content-length") or 0))

    def _skip_chunks(self) -> None:
        """RFC 9112, 7.1, trailer included."""
        data = self.stream.data
        while (line_end := data.find(b"\n", self.pos, self.pos + 4096)) >= 0:
            match = _CHUNK_SIZE.match(data, self.pos, line_end)
            if match is None:
                break
            size = int(match[0], 16)
            self.pos = line_end + 1
            if size == 0:
                return self._skip_trailer()
            self.pos += size
            self.pos += len(data[self.pos : self.pos + 2]) - len(data[self.pos : self.pos + 2].lstrip(b"\r\n"))
        self.is_over = True
        return None

    def _skip_trailer(self) -> None:
        data, limit = self.stream.data, self.pos + MAX_HEAD
        while (line_end := data.find(b"\n", self.pos, limit)) >= 0:
            line = data[self.pos : line_end].strip(b"\r")
            self.pos = line_end + 1
            if not line:
                return
        self.is_over = True


@dataclass(slots=True)
class _Dialogue:
    """Requests and responses read side by side, because an answer decides what the next bytes are."""

    orig: _Side
    resp: _Side
    events: list[Event | Malformed] = field(default_factory=list)
    handover: Handover | None = None

    def read(self) -> None:
        while (self.orig.has_more() or self.resp.has_more()) and len(self.events) < MAX_MESSAGES:
            request = self._next_request() if self.orig.has_more() else None
            status = self._next_final_response(request)
            if status is None:
                if request is not None and self._is_switched_unseen(request):
                    return
                continue
            if request is not None and request.method == "CONNECT" and 200 <= status < 300:
                self.handover = Handover(self.orig.rest(), self.resp.rest(), _port_of(request.target))
                return
            if status == _UPGRADED:
                self._read_upgraded()
                return

    def _is_switched_unseen(self, request: HttpRequest) -> bool:
        """Whether another protocol goes on although the answer is not in the capture."""
        if self.resp.stream.data or not self.orig.has_more() or not (request.upgrade or request.method == "CONNECT"):
            return False
        if is_request(self.orig.stream.data[self.orig.pos : self.orig.pos + MAX_HEAD]):
            return False
        if request.method == "CONNECT":
            self.handover = Handover(self.orig.rest(), self.resp.rest(), _port_of(request.target))
        return True

    def _next_request(self) -> HttpRequest | None:
        start = self.orig.pos
        head = self.orig.read_head()
        event = _build_request(head)
        if event is None:
            self._stop(self.orig, start)
            return None
        self.events.append(event)
        if head.is_whole and event.method != "CONNECT":
            self.orig.skip_body(head)
        return event

    def _next_final_response(self, request: HttpRequest | None) -> int | None:
        """Read responses up to one that is no interim; its status, None when there is none."""
        while self.resp.has_more() and len(self.events) < MAX_MESSAGES:
            start = self.resp.pos
            head = self.resp.read_head()
            event = _build_response(head, self.resp.stream.data[self.resp.pos : self.resp.pos + _MAX_BODY_PREFIX + 32])
            if event is None:
                self._stop(self.resp, start)
                return None
            self.events.append(event)
            if event.status >= 200 or event.status == _UPGRADED:
                self._skip_response_body(head, event.status, request)
                return event.status
        return None

    def _skip_response_body(self, head: _Head, status: int, request: HttpRequest | None) -> None:
        """RFC 9112, section 6.3: who has a body, and where it ends."""
        method = request.method if request else ""
        is_tunnel = method == "CONNECT" and status < 300
        if not head.is_whole or is_tunnel or method == "HEAD" or status in _WITHOUT_BODY or status == _UPGRADED:
            return
        if head.is_chunked() or "content-length" in head.headers:
            self.resp.skip_body(head)
        elif not is_response(self.resp.stream.data[self.resp.pos : self.resp.pos + 16]):
            self.resp.is_over = True

    def _stop(self, side: _Side, start: int) -> None:
        side.is_over = True
        # A connection seen from its middle may begin within a body: that is no fault.
        if start or side.stream.is_from_start:
            self.events.append(Malformed(side.stream.at(start), "http", "no message where one should begin"))

    def _read_upgraded(self) -> None:
        last = self.events[-1]
        if isinstance(last, HttpResponse) and (last.upgrade or "").lower() == "websocket":
            self.events += websocket.read(self.orig.rest(), self.resp.rest())


def _read_headers(lines: list[bytes]) -> dict[str, str]:
    """Lower-case names; a repeated field is joined by commas (RFC 9110, 5.3), bounded as all text is."""
    headers: dict[str, str] = {}
    for line in lines[:256]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name[:1] in b" \t":
            continue
        key = printable(name.strip().lower(), 64)
        text = redact_url(value.strip()) if key == "location" else printable(value.strip())
        headers[key] = f"{headers[key]}, {text}"[:600] if key in headers else text
    return headers


def _build_request(head: _Head) -> HttpRequest | None:
    match = _REQUEST_LINE.match(head.line)
    if match is None and head.is_whole:
        return None
    method, target, version = match.groups() if match else _cut_request_line(head.line)
    if not method:
        return None
    host = head.headers.get("host")
    return HttpRequest(
        at=head.at,
        method=printable(method),
        target=redact_url(target),
        version=printable(version),
        host=host.lower() if host is not None else None,
        upgrade=head.headers.get("upgrade"),
        websocket_key=head.headers.get("sec-websocket-key"),
        has_credentials=any(name in head.headers for name in _CREDENTIALS),
        user_agent=head.headers.get("user-agent"),
        body_size=head.number("content-length"),
    )


def _cut_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """What a request line that the capture cut still tells; three empty parts when it is none.

    A cut absolute target is dropped: nobody can tell a password in it from a host.
    """
    method, _, target = line.partition(b" ")
    if not line.startswith(_METHODS):
        return b"", b"", b""
    return method, target if target.startswith(b"/") else b"", b""


def _build_response(head: _Head, body: bytes) -> HttpResponse | None:
    match = _STATUS_LINE.match(head.line)
    if match is None:
        return None
    version, status, reason = match.groups()
    get = head.headers.get
    return HttpResponse(
        at=head.at,
        status=int(status),
        reason=printable(reason or b""),
        version=printable(version),
        location=get("location"),
        server=get("server"),
        via=get("via"),
        upgrade=get("upgrade"),
        websocket_accept=get("sec-websocket-accept"),
        websocket_versions=get("sec-websocket-version"),
        content_type=get("content-type"),
        retry_after=get("retry-after"),
        content_length=head.number("content-length"),
        body_prefix=_body_prefix(head, body),
        misses_upgrade=_MISSES_UPGRADE.search(body[:_MAX_BODY_PREFIX]) is not None,
    )


def _body_prefix(head: _Head, data: bytes) -> bytes:
    """The begin of a page, to recognise a portal by; a body for programs may hold tokens and is not kept."""
    if not head.is_whole:
        return b""
    size = head.number("content-length")
    if head.is_chunked():
        line, _, data = data.partition(b"\n")
        match = _CHUNK_SIZE.match(line)
        size = int(match[0], 16) if match else 0
    body = data[: _MAX_BODY_PREFIX if size is None else min(size, _MAX_BODY_PREFIX)]
    return body if body.lstrip()[:1] == b"<" else b""


def _port_of(target: str) -> int:
    """Port of a CONNECT target, 0 when it names none (RFC 9110, 9.3.6)."""
    digits = target.rpartition(":")[2]
    return int(digits) if digits.isdecimal() and len(digits) <= 5 else 0
