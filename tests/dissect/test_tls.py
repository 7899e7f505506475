from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import conversation, tls
from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import TlsAlert, TlsClientHello, TlsNotTls, TlsRecords, TlsServerHello
from tests.dissect.material import EMPTY, SERVER, hostile_streams, kinds, read_capture, stream
from tests.dissect.tls_material import (
    RETRY_RANDOM,
    alpn,
    certificate,
    certificates,
    client_hello,
    extension,
    message,
    record,
    server_hello,
    server_name,
    versions,
)

HELLO = client_hello(server_name(b"gk.sensorist.com"), alpn(b"h2"), versions(0x0304, 0x0303))
CLIENT = record(22, HELLO, 0x0301)
CHANGE = record(20, b"\x01")
FINISHED = record(22, bytes(range(40)))
DATA = record(23, bytes(100))
DONE = message(14, b"")
SERVER_FLIGHT = record(
    22, server_hello() + certificates(certificate("gk.sensorist.com")) + message(13, b"\x01\x40\0\0\0\0") + DONE
)


def _alert(level: int, code: int) -> bytes:
    return record(21, bytes([level, code]))


def _of(events: object, kind: type) -> list[object]:
    assert isinstance(events, list)
    return [event for event in events if isinstance(event, kind)]


def test_a_handshake_of_tls_1_2_is_read_from_both_sides() -> None:
    ours = stream(CLIENT, record(22, message(16, bytes(66))) + CHANGE + FINISHED, DATA, frames=[1, 3, 5])
    theirs = stream(SERVER_FLIGHT, CHANGE + FINISHED, DATA + DATA, frames=[2, 4, 6], src=SERVER)
    events = tls.read(ours, theirs)
    assert kinds(events) == [
        "TlsClientHello", "TlsServerHello", "TlsCertificates", "TlsCertificateRequest", "TlsRecords", "TlsRecords",
    ]  # fmt: skip
    client, server = _of(events, TlsRecords)
    assert isinstance(client, TlsRecords)
    assert isinstance(server, TlsRecords)
    assert (client.from_client, client.handshake, client.change_cipher, client.application) == (True, 3, 1, 1)
    assert (server.from_client, server.handshake, server.change_cipher, server.application) == (False, 2, 1, 2)
    assert (server.first_application_frame, server.last_application_size) == (
        theirs.at(len(theirs.data) - 1).frame,
        100,
    )


def test_a_hello_over_two_segments_and_two_records_knows_both_packets() -> None:
    split = record(22, HELLO[:30]) + record(22, HELLO[30:])
    (hello, _) = tls.read(stream(split[:20], split[20:]), EMPTY)
    assert isinstance(hello, TlsClientHello)
    assert (hello.sni, hello.first.frame, hello.at.frame, hello.is_complete) == ("gk.sensorist.com", 1, 2, True)


def test_a_hello_whose_second_segment_is_missing_is_still_reported() -> None:
    (hello, _) = tls.read(stream(CLIENT[:90]), EMPTY)
    assert isinstance(hello, TlsClientHello)
    assert (hello.is_complete, hello.size) == (False, len(HELLO))


@pytest.mark.parametrize(("level", "code"), [(2, 40), (2, 70), (1, 112), (1, 0)])
def test_a_clear_alert_tells_level_and_code(level: int, code: int) -> None:
    refusal = stream(_alert(level, code), frames=[2])
    assert _of(tls.read(stream(CLIENT), refusal), TlsAlert) == [TlsAlert(refusal.at(0), False, level, code)]


def test_a_client_s_clear_alert_after_its_change_of_cipher_is_seen() -> None:
    events = tls.read(stream(CLIENT, CHANGE, _alert(2, 48)), EMPTY)
    (alert,) = _of(events, TlsAlert)
    assert isinstance(alert, TlsAlert)
    assert (alert.from_client, alert.code) == (True, 48)


def _broken(first: bytes, *later: tuple[int, bytes]) -> Stream:
    """A stream that a gap or a cut ends; offsets and bytes of the packets behind it."""
    begun = stream(first) if first else EMPTY
    beyond = tuple((offset, data, stream(data, frames=[n]).at(0)) for n, (offset, data) in enumerate(later, start=5))
    return begun._replace(is_complete=False, beyond=beyond)


def _records(side: Stream) -> TlsRecords:
    (found,) = _of(tls.read(side, EMPTY), TlsRecords)
    assert isinstance(found, TlsRecords)
    return found


def test_records_behind_a_cut_are_found_where_the_last_header_says() -> None:
    behind = len(CLIENT)
    hidden = record(23, bytes(300))[:20]

    found = _records(_broken(CLIENT[:30], (behind, CHANGE + hidden), (behind + len(CHANGE) + 305, DATA)))

    assert (found.application, found.change_cipher) == (2, 1)
    assert found.first_application_frame is not None
    assert found.last_application is not None
    assert (found.first_application_frame, found.last_application.frame, found.at.frame) == (5, 6, 6)
    assert found.last_application_size == 100


def test_behind_a_gap_a_packet_that_begins_like_a_record_is_one_and_the_inside_of_a_record_is_none() -> None:
    lost = len(CLIENT) + 40

    inside = _records(_broken(CLIENT, (lost, record(23, bytes(50))[:9]), (lost + 9, DATA[:30]), (lost + 55, DATA)))

    assert inside.application == 2


def test_a_clear_alert_behind_a_gap_is_reported_and_an_encrypted_one_counted() -> None:
    side = _broken(CLIENT, (900, _alert(2, 48)), (950, record(21, bytes(26))))

    (alert,) = _of(tls.read(side, EMPTY), TlsAlert)

    assert isinstance(alert, TlsAlert)
    assert (alert.code, alert.at.frame) == (48, 5)
    assert _records(side).encrypted_alerts == 1


def test_a_flood_behind_a_gap_is_bounded_as_well() -> None:
    flood = tls.read(_broken(CLIENT, (900, _alert(1, 0) * (tls.MAX_EVENTS + 50))), EMPTY)

    assert len(_of(flood, TlsAlert)) <= tls.MAX_EVENTS


@pytest.mark.parametrize(
    "side",
    [
        stream(CLIENT, record(22, message(16, bytes(33)))),
        _broken(CLIENT[:30], (len(CLIENT), record(22, message(16, bytes(33)))[:20])),
    ],
)
def test_a_key_exchange_in_the_clear_tells_the_old_versions_from_the_new_one(side: Stream) -> None:
    assert _records(side).has_key_exchange
    assert not _records(stream(CLIENT, CHANGE, DATA)).has_key_exchange


def test_a_connection_whose_both_beginnings_are_lost_is_tls_by_what_follows() -> None:
    ours, theirs = _broken(b"", (517, CHANGE + DATA)), _broken(b"", (90, DATA))

    both = _of(conversation.read(ours, theirs, port=4321), TlsRecords)

    assert [(r.from_client, r.application) for r in both if isinstance(r, TlsRecords)] == [(True, 1), (False, 1)]
    assert conversation.read(ours, EMPTY, port=4321) == []


def test_a_flood_of_alerts_is_bounded() -> None:
    flood = tls.read(stream(_alert(1, 0) * (tls.MAX_EVENTS + 50)), EMPTY)
    assert len(_of(flood, TlsAlert)) == tls.MAX_EVENTS


def test_an_encrypted_alert_is_counted_and_not_read() -> None:
    events = tls.read(stream(CLIENT, CHANGE, FINISHED, record(21, bytes(26))), EMPTY)
    (records,) = _of(events, TlsRecords)
    assert isinstance(records, TlsRecords)
    assert (records.encrypted_alerts, _of(events, TlsAlert)) == (1, [])


def test_an_encrypted_finished_is_never_taken_for_a_message() -> None:
    looks_like_hello = record(22, HELLO)
    assert kinds(tls.read(stream(CLIENT, CHANGE, looks_like_hello), EMPTY)) == ["TlsClientHello", "TlsRecords"]


def test_after_a_retry_request_the_second_hellos_are_read_behind_the_change_of_cipher() -> None:
    chosen = extension(43, b"\x03\x04")
    retry = record(22, server_hello(chosen, random=RETRY_RANDOM))
    ours = stream(CLIENT, CHANGE + CLIENT, frames=[1, 3])
    theirs = stream(retry + CHANGE, record(22, server_hello(chosen, cipher=0x1301)) + DATA, frames=[2, 4])
    events = tls.read(ours, theirs)
    assert [hello.at.frame for hello in _of(events, TlsClientHello) if isinstance(hello, TlsClientHello)] == [1, 3]
    hellos = [(h.version, h.cipher, h.is_retry_request) for h in events if isinstance(h, TlsServerHello)]
    assert hellos == [(0x0304, 0xC02F, True), (0x0304, 0x1301, False)]


def test_a_hello_in_the_form_of_ssl_2_is_a_hello_without_a_name() -> None:
    old = bytes.fromhex("802e 01 0301 0015 0000 0010".replace(" ", "")) + bytes(21 + 16)
    (hello,) = tls.read(stream(old), EMPTY)
    assert isinstance(hello, TlsClientHello)
    assert (hello.versions, hello.sni, hello.is_complete) == ((0x0301,), None, True)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n", "HTTP/1.1 302 Found"),
        (b"220 mail\x00\x1b ready\r\n", "220 mail ready"),
        (b"\x16\xff\xff\xff\xffx", "x"),
        (b"x" * 500, "x" * 80),
    ],
)
def test_an_answer_that_is_no_tls_is_shown_by_its_first_line(answer: bytes, text: str) -> None:
    shown = _of(tls.read(stream(CLIENT), stream(answer)), TlsNotTls)
    assert [event.text for event in shown if isinstance(event, TlsNotTls)] == [text]


def test_an_answer_seen_from_its_middle_is_not_called_no_tls() -> None:
    assert _of(tls.read(stream(CLIENT), stream(b"\x9f\x03garbage", is_from_start=False)), TlsNotTls) == []


def test_the_client_is_who_says_hello_even_when_the_responder_does() -> None:
    events = tls.read(stream(SERVER_FLIGHT, frames=[2]), stream(CLIENT, frames=[1]))
    assert [(e.from_client, e.at.frame) for e in events if isinstance(e, TlsRecords)] == [(True, 1), (False, 2)]


def test_a_record_that_breaks_off_counts_and_bad_framing_ends_the_reading() -> None:
    events = tls.read(stream(CLIENT, DATA[:30]), stream(SERVER_FLIGHT, b"\x00\x01\x02\x03\x04\x05"))
    counted = [e.application for e in events if isinstance(e, TlsRecords) and e.from_client]
    assert (counted, kinds(events).count("Malformed")) == ([1], 1)


def test_the_length_of_tls_ends_where_plain_bytes_go_on() -> None:
    assert tls.length(DATA + CHANGE + b"STOR x\r\n") == len(DATA + CHANGE)
    assert tls.length(DATA[:50]) == 50
    assert tls.length(b"USER x") == 0


@settings(deadline=None)
@given(
    hostile_streams(CLIENT + CHANGE + FINISHED + DATA, CLIENT + _alert(2, 48)),
    hostile_streams(
        SERVER_FLIGHT + CHANGE + FINISHED + DATA, record(22, server_hello(extension(43, b"\x03\x04"))) + DATA
    ),
)
def test_no_bytes_make_it_raise_and_events_come_by_frame(ours: Stream, theirs: Stream) -> None:
    frames = [event.at.frame for event in tls.read(ours, theirs)]
    assert frames == sorted(frames)


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    "name",
    [
        "iot-boot/testrun__dns__captures__dns_no_dns__monitor.pcap",
        "iot-boot/testrun__tls__captures__unsupported_tls.pcap",
        "tls/suricata-verify__tls-extra-alert__input.pcap",
        "tls/zeek__tls__certificate-request-failed.pcap",
        "tls/zeek__tls__tls-1.2-handshake-failure.pcap",
        "tls/zeek__tls__tls-early-alert.pcap",
        "tls/zeek__tls__tls-expired-cert.pcap",
    ],
)
def test_alerts_agree_with_tshark(name: str, shared_captures: Path, truth: dict[str, dict[str, object]]) -> None:
    connections = read_capture(shared_captures / name).connections()
    events = [event for orig, resp, port in connections for event in conversation.read(orig, resp, port=port)]
    assert Counter(str(e.code) for e in events if isinstance(e, TlsAlert)) == truth[name].get("tls_alerts", {})
