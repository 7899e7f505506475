from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import http
from tests.support.cases import load_all
from tests.support.services import facts_of, outcomes
from tests.support.trial import problems_in, report_on

CHECKS = (http.captive_portal, http.block_page, http.http_error)


def asked(*answers: str, method: str = "GET") -> str:
    """One connection per answer, each with one request to the vendor's host."""
    lines = ["0.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190"]
    for i, answer in enumerate(answers):
        at, port = 10 * (i + 1), 50001 + i
        lines += [
            f"{at}.0 dev:{port} > cloud:4321 CONNECT",
            f"{at}.1 dev:{port} > cloud:4321 HTTP {method} / host=gk.sensorist.com",
            f"{at}.2 cloud:4321 > dev:{port} HTTP {answer}",
        ]
    return "\n".join([*lines, "200.0 switch > * WATCH"])


@pytest.mark.parametrize(
    ("answer", "is_portal"),
    [
        ("302 location=http://login.hotspot.example/ ttl=64", True),
        ("302 location=http://login.hotspot.example/", False),
        ("307 location=https://1.1.1.1/guest", True),
        ("303 location=http://192.168.4.1/", True),
        ("511", True),
        ("302 location=https://www.sensorist.com/", False),
        ("302 location=https://gk.sensorist.net/ ttl=64", False),
        ("302 location=/login", False),
        ("302 location=http://[broken/", False),
        ("302", False),
        ("301 location=http://login.hotspot.example/", False),
        ("302 location=http://54.229.203.190/", False),
    ],
)
def test_a_portal_leads_away_from_the_vendor(answer: str, *, is_portal: bool) -> None:
    assert bool(outcomes(http.captive_portal, facts_of(asked(answer)))) is is_portal


def test_a_stranger_who_answers_every_time_is_a_portal() -> None:
    answer = "302 location=http://login.hotspot.example/"

    assert outcomes(http.captive_portal, facts_of(asked(answer, answer))) == [("CAPTIVE-PORTAL", "app", "failed")]
    assert outcomes(http.captive_portal, facts_of(asked("200", answer, answer))) == []


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (("403", "403"), ["HTTP-ERROR"]),
        (("403", "200"), []),
        (("200", "403"), []),
        (("200", "500", "500"), ["HTTP-ERROR"]),
        (("200", "404", "404"), []),
        (("404", "404"), ["HTTP-ERROR"]),
        (("403 ttl=64 type=text/html", "403 ttl=64 type=text/html"), ["HTTP-BLOCK-PAGE"]),
        (("403 ttl=64 type=application/json", "403 ttl=64 type=application/json"), ["HTTP-ERROR"]),
    ],
)
def test_errors_count_when_they_come_last_and_again(answers: tuple[str, ...], expected: list[str]) -> None:
    facts = facts_of(asked(*answers))

    assert [rule for check in CHECKS for rule, _, _ in outcomes(check, facts)] == expected


@pytest.mark.parametrize(("method", "is_blocked"), [("POST", True), ("GET", False)])
def test_a_page_with_200_is_a_block_page_only_in_answer_to_an_upload(method: str, *, is_blocked: bool) -> None:
    facts = facts_of(asked("200 ttl=64 type=text/html body=<html>", method=method))

    assert bool(outcomes(http.block_page, facts)) is is_blocked


@pytest.mark.parametrize(
    ("address", "expected"), [((10, 0, 0, 5), True), ((169, 254, 1, 1), True), ((8, 8, 8, 8), False)]
)
def test_local_addresses_lie_inside_the_site(address: tuple[int, ...], *, expected: bool) -> None:
    assert http.is_local_address(bytes(address)) is expected


def test_a_store_is_known_however_many_connections_went_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_FOLLOWED", 3)
    case = next(case for case in load_all() if case.id == "field_apps::files_kept_elsewhere")

    assert problems_in(report_on(case), case) == []
