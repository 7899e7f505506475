from __future__ import annotations

import pytest

from tests.engine.tables.support import pick, records_of

OPEN = "0.0 dev > cloud:80 CONNECT\n"


def test_a_request_has_its_response_beside_it() -> None:
    script = (
        OPEN + "1.0 dev > cloud:80 HTTP GET /a host=a.example\n1.5 cloud:80 > dev HTTP 302 location=http://b.example/"
    )
    (row,) = records_of(script, "http")

    assert pick(row, "method", "host", "target", "is_answered") == ("GET", "a.example", "/a", True)
    assert pick(row, "status_code", "location") == (302, "http://b.example/")
    assert pick(row, "request_frame", "response_frame") == (4, 5)
    assert row["rtt_s"] == pytest.approx(0.5)


def test_responses_belong_to_requests_in_their_order_and_the_last_may_stay_unanswered() -> None:
    script = """
    0.0 dev > cloud:80 CONNECT
    1.0 dev > cloud:80 HTTP GET /a host=a.example
    1.1 dev > cloud:80 HTTP GET /b host=a.example
    1.5 cloud:80 > dev HTTP 200
    2.0 cloud:80 > dev HTTP 404
    3.0 dev > cloud:80 HTTP GET /c host=a.example
    """
    rows = records_of(script, "http")
    assert [pick(r, "target", "status_code") for r in rows] == [("/a", 200), ("/b", 404), ("/c", None)]


def test_an_interim_response_answers_nothing() -> None:
    script = (
        OPEN + "1.0 dev > cloud:80 HTTP POST / host=a.example\n1.1 cloud:80 > dev HTTP 100\n1.2 cloud:80 > dev HTTP 201"
    )
    (row,) = records_of(script, "http")
    assert row["status_code"] == 201


def test_a_request_names_the_flow_it_came_on() -> None:
    script = OPEN + "1.0 dev > cloud:80 HTTP GET / host=a.example"
    (flow,), (row,) = records_of(script, "flows"), records_of(script, "http")
    names = ("uid", "community_id", "orig_h", "orig_p", "resp_h", "resp_p", "orig_mac", "resp_mac")
    assert pick(row, *names) == pick(flow, *names)
