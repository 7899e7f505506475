"""FTP control connections (RFC 959, RFC 2228, RFC 2428, RFC 4217).

User names and passwords are never kept: not as arguments, not in the server's echo of them.
"""

from __future__ import annotations

import re
from dataclasses import field
from ipaddress import ip_address

from pcapaudit.dissect import tls
from pcapaudit.dissect.stream import Stream, in_order
from pcapaudit.dissect.text import MAX_TEXT, printable
from pcapaudit.model.events import Event, FtpCommand, FtpReply, Malformed, Packet
from pcapaudit.model.records import dataclass

MAX_LINE = 4096
MAX_LINES = 10_000
"""Lines read of one direction."""
_MAX_REPLY_LINES = 64
"""Lines of a multi-line reply whose text is kept."""
_MAX_SECRETS = 16
_MAX_PHASES = 4
"""Changes between plain text and TLS that are followed."""
_TLS_ACCEPTED = 234
_TELNET = re.compile(rb"\xff[\xf0-\xfa]|\xff[\xfb-\xfe].", re.DOTALL)
"""RFC 959, section 4.1.3: an ABOR may come with Telnet signals in front."""

_OPEN_VERBS = frozenset(
    (
        "ABOR", "ALLO", "APPE", "AUTH", "CCC", "CDUP", "CLNT", "CWD", "DELE", "EPRT", "EPSV", "FEAT", "HASH", "HELP",
        "HOST", "LANG", "LIST", "LPRT", "LPSV", "MDTM", "MFMT", "MKD", "MLSD", "MLST", "MODE", "NLST", "NOOP", "OPTS",
        "PASV", "PBSZ", "PORT", "PROT", "PWD", "QUIT", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SIZE", "SMNT",
        "STAT", "STOR", "STOU", "STRU", "SYST", "TYPE", "XCUP", "XCWD", "XMKD", "XPWD", "XRMD",
    )
)  # fmt: skip
_SECRET_VERBS = frozenset(("USER", "PASS", "ACCT", "ADAT", "SITE"))
_SHARED_VERBS = frozenset(("AUTH", "QUIT", "NOOP", "HELP", "RSET"))
"""Also said to mail servers, which greet with 220 as well."""

_COMMAND = re.compile(rb"\s*([A-Za-z]{3,4})(?: (.*))?\Z", re.DOTALL)
_REPLY = re.compile(rb"([1-6]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)
_SIX_NUMBERS = re.compile(r"(?<!\d)\d{1,3}(?:,\d{1,3}){5}(?!\d)")
_EXTENDED_PASSIVE = re.compile(r"\((.)\1\1(\d{1,5})\1\)")


def is_command(data: bytes) -> bool:
    """Whether the bytes begin with a command that only FTP knows."""
    line = data[:MAX_LINE].split(b"\n", 1)[0].rstrip()
    match = _COMMAND.match(line)
    verb = match[1].decode().upper() if match else ""
    return verb in (_OPEN_VERBS | _SECRET_VERBS) - _SHARED_VERBS


def is_reply(data: bytes) -> bool:
    """Whether the bytes begin with a reply's three digits."""
    return re.match(rb"[1-6]\d\d[ -]", data[:4]) is not None


def read(orig: Stream, resp: Stream) -> list[Event | Malformed]:
    """Commands and replies by packet; behind an accepted AUTH TLS the events of TLS.

    The originator is the client. After a CCC the plain dialogue goes on (RFC 2228, section 3;
    firewalls that follow data ports are the reason why devices use it).
    """
    found: list[Event | Malformed] = []
    secrets = _Secrets()
    for _ in range(_MAX_PHASES):
        events, protected = _read_plain(orig, resp, secrets)
        found += events
        if protected is None:
            break
        ours, theirs = protected
        orig, resp = ours.after(tls.length(ours.data)), theirs.after(tls.length(theirs.data))
        if not (is_command(orig.data) or is_reply(resp.data)):
            found += tls.read(ours, theirs)
            break
        found += tls.read(ours.before(tls.length(ours.data)), theirs.before(tls.length(theirs.data)))
    return in_order(found)


def _read_plain(
    orig: Stream, resp: Stream, secrets: _Secrets
) -> tuple[list[Event | Malformed], tuple[Stream, Stream] | None]:
    """The dialogue in the clear, and the two rests of the connection where TLS begins."""
    lines, tls_from = _read_commands(orig)
    commands = [_build_command(line, secrets) for line in lines]
    replies, tls_until = _read_replies(resp, secrets)
    if tls_from is None and tls_until is None:
        return [*commands, *replies], None
    ours = orig.after(len(orig.data) if tls_from is None else tls_from)
    theirs = resp.after(len(resp.data) if tls_until is None else tls_until)
    return [*commands, *replies], (ours, theirs)


@dataclass(slots=True)
class _Secrets:
    """Names and passwords of this connection, known only to take them out of other text."""

    words: list[str] = field(default_factory=list)

    def add(self, word: str) -> None:
        if word and word not in self.words and len(self.words) < _MAX_SECRETS:
            self.words.append(word)

    def cover(self, text: str) -> str:
        for word in self.words:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", "***", text, flags=re.IGNORECASE)
        return text


@dataclass(frozen=True, slots=True)
class _Line:
    stream: Stream
    start: int
    end: int
    """Offset behind the line break."""
    text: bytes


def _next_line(stream: Stream, pos: int) -> _Line | None:
    end = stream.data.find(b"\n", pos, pos + MAX_LINE)
    if end < 0:
        return None
    return _Line(stream, pos, end + 1, _TELNET.sub(b"", stream.data[pos:end]).rstrip(b"\r\0 "))


def _read_commands(stream: Stream) -> tuple[list[_Line], int | None]:
    """The lines, and where TLS begins; an unfinished last line is left out."""
    lines: list[_Line] = []
    pos = 0
    while len(lines) < MAX_LINES:
        if lines and _starts_tls(lines[-1].text) and _is_hello(stream.data[pos : pos + 6]):
            return lines, pos
        line = _next_line(stream, pos)
        if line is None:
            break
        lines.append(line)
        pos = line.end
    return lines, None


def _starts_tls(line: bytes) -> bool:
    return line[:4].upper() == b"AUTH"


def _is_hello(data: bytes) -> bool:
    return tls.is_record(data) or tls.is_old_hello(data)


def _build_command(line: _Line, secrets: _Secrets) -> FtpCommand | Malformed:
    at = line.stream.completed_at(line.start, line.end)
    match = _COMMAND.match(line.text)
    verb = match[1].decode().upper() if match else ""
    argument = printable(match[2]) if match and match[2] else ""
    if verb in _SECRET_VERBS:
        secrets.add(argument)
        return FtpCommand(at, verb, None)
    if verb not in _OPEN_VERBS:
        return Malformed(at, "ftp", "no command of FTP")
    endpoint = {"PORT": _parse_port, "EPRT": _parse_extended_port}.get(verb, _no_endpoint)(argument)
    return FtpCommand(at, verb, secrets.cover(argument) or None, endpoint)


def _read_replies(stream: Stream, secrets: _Secrets) -> tuple[list[Event | Malformed], int | None]:
    """The replies, and where TLS begins (RFC 4217, section 4)."""
    found: list[Event | Malformed] = []
    pos = 0
    while len(found) < MAX_LINES and (line := _next_line(stream, pos)) is not None:
        match = _REPLY.match(line.text)
        if match is None:
            # A stream seen from its middle may begin within a multi-line reply.
            if found or stream.is_from_start:
                found.append(Malformed(stream.at(pos), "ftp", "no reply where one should begin"))
                break
            pos = line.end
            continue
        code, texts, pos = _collect_reply(stream, line, match)
        at = stream.completed_at(line.start, pos)
        found.append(_build_reply(at, code, " ".join(texts), secrets))
        if code == _TLS_ACCEPTED:
            return found, pos
    return found, None


def _collect_reply(stream: Stream, line: _Line, match: re.Match[bytes]) -> tuple[int, list[str], int]:
    """Code, text lines and end of a reply; ``ddd-`` opens several lines that ``ddd `` closes (RFC 959, 4.2)."""
    texts = [printable(match[3] or b"")]
    pos = line.end
    closing = match[1] + b" "
    is_open = match[2] == b"-"
    while is_open and (following := _next_line(stream, pos)) is not None:
        pos = following.end
        is_open = not (following.text + b" ").startswith(closing)
        if len(texts) < _MAX_REPLY_LINES:
            texts.append(printable(following.text if is_open else following.text[4:]))
    return int(match[1]), texts, pos


def _build_reply(at: Packet, code: int, text: str, secrets: _Secrets) -> FtpReply:
    # Second digit 3 is log-in (RFC 959, 4.2): such text repeats names, also when USER was not captured.
    is_login = code // 10 % 10 == 3
    return FtpReply(at, code, "" if is_login else secrets.cover(text)[:MAX_TEXT], _announced(at.src, code, text))


def _announced(server: bytes, code: int, text: str) -> tuple[bytes, int] | None:
    if code == 227:
        numbers = _SIX_NUMBERS.search(text)
        return _parse_port(numbers[0]) if numbers else None
    if code == 229:
        extended = _EXTENDED_PASSIVE.search(text)
        return (server, int(extended[2])) if extended and int(extended[2]) < 65536 else None
    return None


def _no_endpoint(_argument: str) -> None:
    return None


def _parse_port(argument: str) -> tuple[bytes, int] | None:
    """h1,h2,h3,h4,p1,p2 (RFC 959, 4.1.2)."""
    parts = argument.strip().split(",")
    if len(parts) != 6 or not all(re.fullmatch("[0-9]{1,3}", p) and int(p) < 256 for p in parts):
        return None
    octets = bytes(int(p) for p in parts)
    return octets[:4], int.from_bytes(octets[4:], "big")


def _parse_extended_port(argument: str) -> tuple[bytes, int] | None:
    """|family|address|port| with any delimiter (RFC 2428, section 2)."""
    parts = argument.split(argument[:1]) if argument else []
    if len(parts) != 5 or not re.fullmatch("[0-9]{1,5}", parts[3]) or int(parts[3]) > 65535:
        return None
    try:
        return ip_address(parts[2]).packed, int(parts[3])
    except ValueError:
        return None
