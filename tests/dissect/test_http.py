from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from pcapaudit.dissect import conversation, http
from pcapaudit.dissect.stream import Stream
from pcapaudit.model.events import HttpRequest, HttpResponse
from tests.dissect.material import EMPTY, hostile_streams, kinds, read_capture, stream

GET = b"GET /status HTTP/1.1\r\nHost: Device.example\r\nUser-Agent: logger/2\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 5\r\n\r\nhello"
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
CONNECT = b"CONNECT gk.sensorist.com:4321 HTTP/1.1\r\nHost: gk.sensorist.com:4321\r\n\r\n"


def _requests(events: object) -> list[HttpRequest]:
    assert isinstance(events, list)
    return [event for event in events if isinstance(event, HttpRequest)]


def _responses(events: object) -> list[HttpResponse]:
    assert isinstance(events, list)
    return [event for event in events if isinstance(event, HttpResponse)]


def _response(data: bytes, request: bytes = GET) -> HttpResponse:
    (response,) = _responses(http.read(stream(request), stream(data)))
    return response


def test_a_request_gives_what_rules_read() -> None:
    request = b"POST http://Api.example/v1?key=1 HTTP/1.1\nHost: Api.example:8080\nContent-Length: 3\n\nabc"
    (event,) = _requests(http.read(stream(request), EMPTY))
    assert (event.method, event.target, event.version) == ("POST", "http://Api.example/v1", "1.1")
    assert (event.host, event.body_size, event.has_credentials, event.upgrade) == ("api.example:8080", 3, False, None)


def test_a_response_gives_who_made_it_and_where_it_leads() -> None:
    event = _response(
        b"HTTP/1.0 302 Moved  Away\r\nLocation: http://portal.example/login?mac=1\r\nVia: 1.1 a\r\nvia: 1.1 b\r\n"
        b"Content-Type: text/html\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
    )
    assert (event.status, event.reason, event.version) == (302, "Moved  Away", "1.0")
    assert (event.location, event.via, event.server) == ("http://portal.example/login", "1.1 a, 1.1 b", None)
    assert (event.content_type, event.retry_after, event.content_length) == ("text/html", "120", 0)


@pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK"])
def test_a_status_line_needs_no_reason(line: bytes) -> None:
    assert _response(line + b"\r\n\r\n").status == 200


def test_heads_over_several_segments_are_at_the_packet_that_completes_them() -> None:
    events = http.read(stream(GET[:10], GET[10:30], GET[30:]), EMPTY)
    assert [event.at.frame for event in events] == [3]


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 9\r\n\r\nHTTP/1.1 ",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nHTTP\r\nb;x=y\r\n/1.1 500 no\r\n0\r\nTrailer: x\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ],
    ids=["length", "chunks", "chunks before length"],
)
def test_bodies_are_skipped_to_the_next_message(body: bytes) -> None:
    events = http.read(stream(GET, GET), stream(b"HTTP/1.1 200 OK\r\n" + body, b"HTTP/1.1 404 No\r\n\r\n"))
    assert [response.status for response in _responses(events)] == [200, 404]


@pytest.mark.parametrize(
    ("request_line", "first"),
    [(b"HEAD", b"HTTP/1.1 200 OK"), (b"GET", b"HTTP/1.1 304 Same"), (b"GET", b"HTTP/1.1 204 None")],
)
def test_answers_without_a_body_are_followed_by_the_next_one(request_line: bytes, first: bytes) -> None:
    asked = stream(request_line + b" / HTTP/1.1\r\n\r\n" + GET)
    answered = stream(first + b"\r\nContent-Length: 500\r\n\r\n" + OK)
    assert len(_responses(http.read(asked, answered))) == 2


def test_pipelined_requests_and_an_interim_answer_are_paired_in_order() -> None:
    asked = stream(GET + b"HEAD /x HTTP/1.1\r\n\r\n" + GET)
    answered = stream(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + OK)
    assert [response.status for response in _responses(http.read(asked, answered))] == [100, 200, 200, 200]


def test_a_body_until_the_end_of_the_connection_ends_the_reading() -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\nsome text HTTP/1.1 500 no\r\n\r\n"
    assert kinds(http.read(stream(GET), stream(answer))) == ["HttpRequest", "HttpResponse"]


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"Content-Length: 400\r\n\r\n" + b"<html>" + b"x" * 394, b"<html>" + b"x" * 250),
        (b"Content-Length: 6\r\n\r\n<html>HTTP/1.1 200 OK\r\nSet-Cookie: s3cret\r\n\r\n", b"<html>"),
        (b"Transfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n", b"<html>"),
        (b'Content-Length: 20\r\n\r\n{"token": "s3cret"} ', b""),
    ],
    ids=["long", "next head", "chunked", "for programs"],
)
def test_only_the_begin_of_a_page_is_kept_of_a_body(head: bytes, kept: bytes) -> None:
    events = http.read(stream(GET, GET), stream(b"HTTP/1.1 200 OK\r\n" + head))
    assert _responses(events)[0].body_prefix == kept


@pytest.mark.parametrize(
    ("body", "is_said"),
    [
        (b"Failed to open a WebSocket connection: missing Upgrade header.", True),
        (b"Failed to open a WebSocket connection: invalid Connection header: close.", True),
        (b"No WebSocket UPGRADE hdr: None", True),
        (b'Can "Upgrade" only to "WebSocket".', True),
        (b"upgrade your plan to get more", False),
        (b"version 8 only", False),
        (b"", False),
    ],
)
def test_a_server_that_misses_the_upgrade_says_so_in_its_body(body: bytes, is_said: bool) -> None:
    answer = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert _responses(http.read(stream(GET), stream(answer)))[0].misses_upgrade is is_said


def test_credentials_cookies_and_tokens_are_never_kept() -> None:
    request = (
        b"GET http://s3cret:s3cret@h.example/p?token=s3cret HTTP/1.1\r\nHost: h.example\r\n"
        b"Authorization: Basic s3cret\r\n"
        b"Proxy-Authorization: s3cret\r\nCookie: id=s3cret\r\nX-Api-Key: s3cret\r\nContent-Length: 6\r\n\r\ns3cret"
    )
    response = (
        b"HTTP/1.1 302 Found\r\nSet-Cookie: id=s3cret\r\nLocation: https://s3cret@h.example/?sid=s3cret\r\n"
        b"WWW-Authenticate: s3cret\r\nContent-Length: 6\r\n\r\ns3cret"
    )
    events = http.read(stream(request), stream(response))
    assert kinds(events) == ["HttpRequest", "HttpResponse"]
    assert "s3cret" not in repr(events)
    assert _requests(events)[0].has_credentials


@pytest.mark.parametrize("size", range(8, 120))
def test_a_cut_request_never_shows_a_part_of_its_secrets(size: int) -> None:
    line = b"GET http://s3cret:s3cret@h.example/p?token=s3cret HTTP/1.1\r\n"
    request = line + b"Authorization: Basic s3cret\r\nCookie: s3cret\r\n\r\n"
    assert "s3cr" not in repr(http.read(stream(request[:size]), EMPTY))


def test_a_head_cut_by_the_snap_length_gives_its_whole_lines() -> None:
    event = _response(b"HTTP/1.1 502 Bad Gateway\r\nServer: proxy\r\nVia: 1.1 pro")
    assert (event.status, event.server, event.via) == (502, "proxy", None)
    (request,) = _requests(http.read(stream(b"GET /very/long/pa"), EMPTY))
    assert (request.method, request.target, request.version) == ("GET", "/very/long/pa", "")


def test_an_upgrade_hands_over_to_websocket() -> None:
    events = http.read(stream(UPGRADE, b"\x89\x80abcd", frames=[1, 3]), stream(SWITCHED + b"\x81\x02hi", frames=[2]))
    assert kinds(events) == ["HttpRequest", "HttpResponse", "WebsocketFrame", "WebsocketFrame"]
    request, response = _requests(events)[0], _responses(events)[0]
    assert (request.upgrade, request.websocket_key) == ("websocket", "dGhlIHNhbXBsZSBub25jZQ==")
    assert response.websocket_accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_refused_upgrade_tells_the_wanted_version_and_goes_on_with_http() -> None:
    refused = b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n"
    events = http.read(stream(UPGRADE, GET), stream(refused, OK))
    assert [(r.status, r.websocket_versions) for r in _responses(events)] == [(426, "13"), (200, None)]


def test_an_accepted_connect_hands_over_both_rests_and_the_port() -> None:
    established = b"HTTP/1.1 200 Connection established\r\n\r\n"
    events, handover = http.read_until_tunnel(stream(CONNECT + b"inner"), stream(established + b"outer"))
    assert kinds(events) == ["HttpRequest", "HttpResponse"]
    assert handover is not None
    assert (handover.orig.data, handover.resp.data, handover.port) == (b"inner", b"outer", 4321)


def test_a_refused_connect_is_followed_by_the_next_try() -> None:
    refused = b"HTTP/1.1 407 Login\r\nContent-Length: 2\r\n\r\nno"
    asked = CONNECT + CONNECT.replace(b"\r\n\r\n", b"\r\nProxy-Authorization: x\r\n\r\n")
    events, handover = http.read_until_tunnel(stream(asked), stream(refused + b"HTTP/1.1 200 OK\r\n\r\n"))
    assert [request.has_credentials for request in _requests(events)] == [False, True]
    assert handover is not None


def test_a_tunnel_whose_answer_was_not_captured_is_handed_over_all_the_same() -> None:
    events, handover = http.read_until_tunnel(stream(CONNECT + b"\x16\x03\x01"), EMPTY)
    assert kinds(events) == ["HttpRequest"]
    assert handover is not None
    assert handover.orig.data == b"\x16\x03\x01"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GET, True),
        (b"GET /cut", True),
        (b"MKCALENDAR / HTTP/1.1\r\n", True),
        (b"PRI * HTTP/2.0\r\n\r\n", False),
        (b"OPTIONS rtsp://x RTSP/1.0\r\n", False),
        (b"USER bob\r\n", False),
        (b"", False),
    ],
)
def test_a_request_is_known_by_its_first_line(data: bytes, *, expected: bool) -> None:
    assert http.is_request(data) is expected


def test_other_bytes_are_one_malformed_a_side() -> None:
    assert kinds(http.read(stream(b"\x00\x01\r\n\r\n" * 50), stream(b"what\r\n\r\n" * 50))) == [
        "Malformed",
        "Malformed",
    ]


def test_a_head_without_an_end_is_bounded() -> None:
    assert len(_requests(http.read(stream(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40_000), EMPTY))) == 1


@settings(deadline=None)
@given(hostile_streams(GET * 2, UPGRADE + b"\x89\x80abcd", CONNECT), hostile_streams(OK * 2, SWITCHED + b"\x81\x02hi"))
def test_no_bytes_make_it_raise_and_events_come_by_frame(ours: Stream, theirs: Stream) -> None:
    frames = [event.at.frame for event in http.read(ours, theirs)]
    assert frames == sorted(frames)


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    "name",
    [
        "encapsulation/arkime__twovlan.pcap",
        "encapsulation/zeek__http-qinq-0.pcap",
        "general/zeek__wikipedia.pcap",
        "websocket/arkime__websocket.pcap",
        "websocket/zeek__websocket__jupyter-websocket.pcap",
        "websocket/zeek__websocket__wrong-accept-header.pcap",
        "tcp-symptom/suricata-verify__alert-testmyids-midstream__input.pcap",
    ],
)
def test_status_codes_agree_with_tshark(name: str, shared_captures: Path, truth: dict[str, dict[str, object]]) -> None:
    connections = read_capture(shared_captures / name).connections()
    events = [event for orig, resp, port in connections for event in conversation.read(orig, resp, port=port)]
    assert Counter(str(response.status) for response in _responses(events)) == truth[name]["http_status"]
