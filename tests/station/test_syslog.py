from __future__ import annotations

import re
import select
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pcapaudit.station.outlet import UnreachedError
from pcapaudit.station.syslog import MOST_BYTES, SyslogSender, write_line, write_local
from pcapaudit.station.wish import Receiver
from tests.support.receivers import PATIENCE_S, closed_port, listening

NOW = datetime(2026, 1, 1, 14, 2, 11, tzinfo=UTC)
EVENT: dict[str, object] = {
    "event": "lost",
    "at": "2026-01-01T14:02:11.000000Z",
    "device": "Sensorist / Oscar",
    "mac": "02:00:00:00:00:05",
    "address": "10.0.0.5",
    "verdict": "failed",
    "stage": "connect",
    "frames": [48, 49],
    "text": "gateway is offline",
}
LINE = (
    b"<27>1 2026-01-01T14:02:11.000000Z site-7 pcapaudit 4711 lost "
    b'[pcapaudit@32473 source="eth1" device="Sensorist / Oscar" mac="02:00:00:00:00:05" address="10.0.0.5" '
    b'verdict="failed" stage="connect" frames="48 49"] eth1: gateway is offline'
)
_VALUE = r'(?:[^"\\\]]|\\["\\\]])*'
FORM = re.compile(
    rf"<(\d{{1,3}})>1 (\S+) ([!-~]{{1,255}}) ([!-~]{{1,48}}) ([!-~]{{1,128}}) ([!-~]{{1,32}}) "
    rf'\[[!-~]{{1,32}}(?: [^ =\]"]{{1,32}}="{_VALUE}")*\] (\ufeff?.*)',
    re.DOTALL,
)
"""The form of a message in RFC 5424, section 6."""


def write(event: dict[str, object], **words: str) -> bytes:
    return write_line(event, source=words.get("source", "eth1"), host=words.get("host", "site-7"), pid=4711)


def sender(receiver: Receiver) -> SyslogSender:
    return SyslogSender(receiver, source="eth1", host="site-7", pid=4711, now=lambda: NOW)


def test_an_event_is_a_line_with_structured_data() -> None:
    assert write(EVENT) == LINE
    assert FORM.fullmatch(LINE.decode())


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("lost", 3),
        ("blind", 3),
        ("missed", 3),
        ("flapping", 4),
        ("dropped", 4),
        ("recovered", 5),
        ("back", 5),
        ("seen", 6),
    ],
)
def test_how_grave_it_is_goes_by_the_kind(kind: str, severity: int) -> None:
    """Facility 3 is a daemon's (RFC 5424, section 6.2.1)."""
    found = FORM.fullmatch(write({"event": kind}).decode())
    assert found is not None
    assert int(found[1]) == 3 * 8 + severity
    assert (found[2], found[6]) == ("-", kind)


def test_what_strangers_wrote_breaks_out_of_no_field() -> None:
    event = {**EVENT, "device": 'a"]\\ \x00\n[x@1 y="z"]', "text": "one\ntwo <0>\u202e"}
    told = write(event, host="site 7\n<0>", source='e"1').decode()
    assert FORM.fullmatch(told)
    assert 'device="a\\"\\]\\\\ \\\\x00\\\\x0a[x@1 y=\\"z\\"\\]"' in told
    assert told.endswith('e"1: one\\x0atwo <0>\\u202e')
    assert " site7<0> " in told


def test_text_beyond_ascii_says_that_it_is_utf8() -> None:
    """RFC 5424, section 6.4."""
    assert write({**EVENT, "text": "Gerät"}).endswith(b"] \xef\xbb\xbfeth1: Ger\xc3\xa4t")


def test_a_long_event_is_cut_in_whole_characters_to_what_receivers_take() -> None:
    told = write({**EVENT, "device": "ä" * 5000, "since": "x" * 5000, "text": "ä" * 5000, "frames": list(range(5000))})
    assert len(told) <= MOST_BYTES
    assert FORM.fullmatch(told.decode())


def test_the_local_log_gets_its_own_form() -> None:
    told = write_local(EVENT, source="eth1", pid=4711, now=NOW)
    assert told == b"<27>Jan  1 14:02:11 pcapaudit[4711]: eth1: gateway is offline"


def test_udp_carries_one_line_a_datagram() -> None:
    with listening(socket.SOCK_DGRAM) as server:
        send = sender(Receiver("udp", "127.0.0.1", server.getsockname()[1]))
        send(1, EVENT)
        send(2, {**EVENT, "event": "recovered"})
        assert server.recv(65536) == LINE
        assert b" recovered " in server.recv(65536)
        send.close()


def test_tcp_counts_octets() -> None:
    """RFC 6587, section 3.4.1."""
    with listening() as server:
        send = sender(Receiver("tcp", "127.0.0.1", server.getsockname()[1]))
        send(1, EVENT)
        send(2, EVENT)
        send.close()
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            assert stream.read() == 2 * (b"%d " % len(LINE) + LINE)


def test_tcp_that_was_closed_at_the_other_side_is_opened_anew() -> None:
    with listening() as server:
        send = sender(Receiver("tcp", "127.0.0.1", server.getsockname()[1]))
        send(1, EVENT)
        first, _ = server.accept()
        first.recv(65536)
        first.shutdown(socket.SHUT_WR)
        assert send._socket is not None
        assert select.select([send._socket], [], [], PATIENCE_S)[0]
        send(2, {**EVENT, "event": "recovered"})
        second, _ = server.accept()
        second.settimeout(PATIENCE_S)
        assert b" recovered " in second.recv(65536)
        first.close()
        second.close()
        send.close()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_local_socket_may_be_of_either_kind(kind: socket.SocketKind, tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(path)
        server.settimeout(PATIENCE_S)
        if kind is socket.SOCK_STREAM:
            server.listen()
        send = sender(Receiver("local", path))
        send(1, EVENT)
        connection = server.accept()[0] if kind is socket.SOCK_STREAM else server
        assert connection.recv(65536).startswith(b"<27>Jan  1 14:02:11 pcapaudit[4711]: eth1: gateway is offline")
        send.close()
        connection.close()


def test_who_is_not_there_is_said(tmp_path: Path) -> None:
    with closed_port() as port, pytest.raises(UnreachedError, match="Connection refused"):
        sender(Receiver("tcp", "127.0.0.1", port))(1, EVENT)
    with pytest.raises(UnreachedError, match="No such file or directory"):
        sender(Receiver("local", str(tmp_path / "log")))(1, EVENT)
    with pytest.raises(UnreachedError):
        sender(Receiver("udp", "a" * 80 + ".example", 514))(1, EVENT)


def test_a_receiver_that_comes_later_is_reached(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    send = sender(Receiver("local", path))
    with pytest.raises(UnreachedError):
        send(1, EVENT)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        send(1, EVENT)
        assert server.recv(65536)
    send.close()
