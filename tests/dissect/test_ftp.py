from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import ftp
from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import FtpCommand, FtpReply, Malformed
from tests.dissect.material import EMPTY, SERVER, hostile_streams, kinds, read_capture, stream
from tests.dissect.tls_material import client_hello, record, server_hello

LOGIN = b"USER s3cret\r\nPASS s3cret\r\n"
HELLO = record(22, client_hello())
ANSWER = record(22, server_hello())


def _commands(data: bytes) -> list[FtpCommand | Malformed]:
    return [event for event in ftp.read(stream(data), EMPTY) if isinstance(event, FtpCommand | Malformed)]


def _replies(data: bytes, commands: Stream = EMPTY) -> list[FtpReply]:
    return [event for event in ftp.read(commands, stream(data, src=SERVER)) if isinstance(event, FtpReply)]


def test_commands_and_replies_come_by_packet() -> None:
    ours = stream(b"FEAT\r\n", b"STOR a.csv\r\n", frames=[2, 4])
    theirs = stream(b"220 ready\r\n", b"211 none\r\n", b"150 go\r\n226 done\r\n", frames=[1, 3, 5], src=SERVER)
    events = ftp.read(ours, theirs)
    told = [getattr(event, "verb", None) or getattr(event, "code", None) for event in events]
    assert told == [220, "FEAT", 211, "STOR", 150, 226]


def test_a_command_has_its_verb_in_capitals_and_its_argument() -> None:
    (command,) = _commands(b"retr path/a b.csv\r\n")
    assert isinstance(command, FtpCommand)
    assert (command.verb, command.argument, command.data_endpoint) == ("RETR", "path/a b.csv", None)


@pytest.mark.parametrize(
    "line", [b"USER s3cret", b"PASS s3cret", b"ACCT s3cret", b"ADAT s3cret", b"SITE PSWD s3cret", b"pass s3cret"]
)
def test_names_and_passwords_are_not_kept_as_arguments(line: bytes) -> None:
    (command,) = _commands(line + b"\r\n")
    assert isinstance(command, FtpCommand)
    assert command.argument is None


@pytest.mark.parametrize(
    "answer",
    [
        b"331 Password required for s3cret\r\n",
        b"230 User S3CRET logged in\r\n",
        b"530-s3cret\r\n no s3cret here\r\n530 s3cret\r\n",
        b'257 "/home/s3cret" is your directory\r\n',
        b"221 Goodbye s3cret.\r\n",
    ],
)
def test_the_server_s_echo_of_a_name_is_not_kept(answer: bytes) -> None:
    events = ftp.read(stream(LOGIN + b"CWD /home/s3cret\r\n"), stream(answer, src=SERVER))
    assert kinds(events).count("FtpReply") == 1
    assert "s3cret" not in repr(events).lower()


def test_log_in_texts_are_not_kept_even_when_only_the_server_was_captured() -> None:
    assert [(r.code, r.text) for r in _replies(b"230 User s3cret logged in\r\n")] == [(230, "")]


def test_a_password_alone_on_a_line_is_not_kept() -> None:
    (event,) = _commands(b"s3cret\r\n")
    assert isinstance(event, Malformed)
    assert "s3cret" not in repr(event)


def test_a_reply_of_several_lines_is_one() -> None:
    replies = _replies(b"220-Welcome\r\n220 not yet? yes\r\n211-Features\r\n 220 inside\r\n211 End\r\n")
    assert [(r.code, r.text) for r in replies] == [(220, "Welcome not yet? yes"), (211, "Features  220 inside End")]


@pytest.mark.parametrize(
    ("line", "endpoint"),
    [
        (b"227 Entering Passive Mode (192,0,2,1,200,10)", (bytes([192, 0, 2, 1]), 51210)),
        (b"227 =192,0,2,1,200,10", (bytes([192, 0, 2, 1]), 51210)),
        (b"227 Entering (192,0,2,256,200,10)", None),
        (b"227 Entering somewhere", None),
        (b"229 Entering Extended Passive Mode (|||6446|)", (SERVER, 6446)),
        (b"229 Entering (|||99999|)", None),
        (b"200 not (192,0,2,1,200,10)", None),
    ],
)
def test_a_passive_reply_announces_the_data_endpoint(line: bytes, endpoint: tuple[bytes, int] | None) -> None:
    assert [r.data_endpoint for r in _replies(line + b"\r\n")] == [endpoint]


@pytest.mark.parametrize(
    ("line", "endpoint"),
    [
        (b"PORT 10,0,0,5,4,1", (bytes([10, 0, 0, 5]), 1025)),
        (b"EPRT |1|10.0.0.5|1025|", (bytes([10, 0, 0, 5]), 1025)),
        (b"EPRT |2|2001:db8::5|1025|", (bytes.fromhex("20010db8" + "00" * 11 + "05"), 1025)),
        (b"PORT 10,0,0,5,4", None),
        (b"PORT 10,0,0,5,4,999", None),
        (b"EPRT |1|nowhere|1025|", None),
        (b"EPRT |1|10.0.0.5|70000|", None),
        (b"EPRT", None),
    ],
)
def test_an_active_command_announces_the_data_endpoint(line: bytes, endpoint: tuple[bytes, int] | None) -> None:
    assert [c.data_endpoint for c in _commands(line + b"\r\n") if isinstance(c, FtpCommand)] == [endpoint]


def test_telnet_signals_before_an_abort_are_no_part_of_it() -> None:
    assert [c.verb for c in _commands(b"\xff\xf4\xff\xf2ABOR\r\n") if isinstance(c, FtpCommand)] == ["ABOR"]


def test_behind_an_accepted_auth_the_rest_is_tls() -> None:
    ours = stream(b"AUTH TLS\r\n", HELLO, frames=[2, 4])
    theirs = stream(b"220 ready\r\n", b"234 go\r\n", ANSWER, frames=[1, 3, 5], src=SERVER)
    assert kinds(ftp.read(ours, theirs)) == [
        "FtpReply", "FtpCommand", "FtpReply", "TlsClientHello", "TlsRecords", "TlsServerHello", "TlsRecords",
    ]  # fmt: skip


def test_behind_a_refused_auth_the_dialogue_goes_on() -> None:
    events = ftp.read(stream(b"AUTH TLS\r\nFEAT\r\n"), stream(b"220 ready\r\n502 no\r\n", src=SERVER))
    assert kinds(events) == ["FtpCommand", "FtpCommand", "FtpReply", "FtpReply"]


def test_after_a_cleared_channel_the_dialogue_goes_on() -> None:
    ours = stream(b"AUTH TLS\r\n", HELLO, b"PASV\r\n", frames=[2, 4, 6])
    theirs = stream(b"234 go\r\n", ANSWER, b"227 (10,0,0,9,1,2)\r\n", frames=[3, 5, 7], src=SERVER)
    events = ftp.read(ours, theirs)
    assert [(type(e).__name__, e.at.frame) for e in events[-2:]] == [("FtpCommand", 6), ("FtpReply", 7)]
    assert "Malformed" not in kinds(events)


def test_a_reply_stream_from_its_middle_begins_at_the_next_reply() -> None:
    theirs = stream(b" of a banner\r\n220 ready\r\n", is_from_start=False, src=SERVER)
    assert [e.code for e in ftp.read(EMPTY, theirs) if isinstance(e, FtpReply)] == [220]


def test_bytes_that_are_no_reply_end_the_direction() -> None:
    assert kinds(ftp.read(EMPTY, stream(b"hello\r\n" * 9 + b"220 x\r\n"))) == ["Malformed"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"USER x\r\n", True), (b"syst\r\n", True), (b"EHLO x\r\n", False), (b"AUTH LOGIN\r\n", False), (b"", False)],
)
def test_a_command_that_mail_servers_know_too_proves_nothing(data: bytes, *, expected: bool) -> None:
    assert ftp.is_command(data) is expected


@settings(deadline=None)
@given(
    hostile_streams(LOGIN + b"PORT 10,0,0,5,4,1\r\n", b"AUTH TLS\r\n" + HELLO + b"PASV\r\n"),
    hostile_streams(b"220-a\r\n220 b\r\n229 (|||1|)\r\n", b"234 go\r\n" + ANSWER + b"227 (10,0,0,9,1,2)\r\n"),
)
def test_no_bytes_make_it_raise_and_events_come_by_frame(ours: Stream, theirs: Stream) -> None:
    frames = [event.at.frame for event in ftp.read(ours, theirs)]
    assert frames == sorted(frames)


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    "name",
    [
        "ftp/ndpi__ftp-start-tls.pcap",
        "ftp/ndpi__ftp_failed.pcap",
        "ftp/suricata-verify__filestore-ftp-active-mode__ftp-active-mode.pcap",
        "ftp/suricata-verify__ftp__ftp-upload-active__input.pcap",
        "ftp/suricata-verify__ftp__ftp-upload-passive__input.pcap",
        "ftp/zeek__ftp__bruteforce.pcap",
        "ftp/zeek__ftp__ipv4.pcap",
        "ftp/zeek__ftp__retr.pcap",
    ],
)
def test_reply_codes_agree_with_tshark(name: str, shared_captures: Path, truth: dict[str, dict[str, object]]) -> None:
    connections = read_capture(shared_captures / name).connections()
    events = [event for orig, resp, port in connections if port == 21 for event in ftp.read(orig, resp)]
    assert Counter(str(e.code) for e in events if isinstance(e, FtpReply)) == truth[name]["ftp_replies"]
