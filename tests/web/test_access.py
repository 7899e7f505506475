from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import Request

from pcapaudit.web.access import COOKIE, Gate
from pcapaudit.web.settings import Settings
from tests.web.support import TOKEN


def request(**headers: str) -> Request:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": pairs})


@pytest.fixture
def gate() -> Gate:
    return Gate(Settings(Path("unused"), TOKEN, hosts=frozenset({"127.0.0.1", "::1", "localhost"})))


def test_the_code_works_once(gate: Gate) -> None:
    code = gate.code or ""
    session = gate.log_in(code)

    assert session is not None
    assert gate.knows(request(Cookie=f"{COOKIE}={session}"))
    assert gate.log_in(code) is None
    assert gate.code is None


def test_the_token_works_again_and_again_and_nothing_like_it(gate: Gate) -> None:
    assert gate.log_in(TOKEN)
    assert gate.log_in(TOKEN)
    for wrong in ("", TOKEN[:-1], TOKEN + "x", "é"):
        assert gate.log_in(wrong) is None


def test_a_session_ends_when_it_is_told_to(gate: Gate) -> None:
    session = gate.log_in(TOKEN) or ""
    gate.log_out(session)
    assert not gate.knows(request(Cookie=f"{COOKIE}={session}"))


def test_an_old_session_is_forgotten_when_there_are_too_many(gate: Gate) -> None:
    sessions = [gate.log_in(TOKEN) for _ in range(300)]
    assert not gate.knows(request(Cookie=f"{COOKIE}={sessions[0]}"))
    assert gate.knows(request(Cookie=f"{COOKIE}={sessions[-1]}"))


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [("127.0.0.1:8000", True), ("localhost", True), ("[::1]:8000", True), ("evil.example", False), ("", False)],
)
def test_the_server_answers_to_its_own_names(gate: Gate, host: str, *, is_trusted: bool) -> None:
    assert gate.trusts_host(request(Host=host)) is is_trusted


def test_reading_needs_no_origin_and_writing_the_own_one(gate: Gate) -> None:
    foreign = request(Host="localhost:8000", Origin="http://evil.example")
    assert gate.trusts_origin("GET", foreign)
    assert not gate.trusts_origin("PUT", foreign)
    assert not gate.trusts_origin("PUT", request(Host="localhost:8000", Origin="null"))
    assert gate.trusts_origin("PUT", request(Host="localhost:8000", Origin="http://localhost:8000"))
    assert gate.trusts_origin("PUT", request(Host="localhost:8000"))
