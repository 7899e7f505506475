from __future__ import annotations

import hmac
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.requests import Request

from pcapaudit.web.door.access import SESSION_S, Gate
from pcapaudit.web.door.throttle import MOST_FAILURES, SPAN_S
from pcapaudit.web.settings import Settings
from tests.web.support import TOKEN

LOOPBACK = Settings(Path("unused"), TOKEN, hosts=frozenset({"127.0.0.1", "::1", "localhost"}))
EVERYWHERE = replace(LOOPBACK, hosts=frozenset())
BEHIND_TLS = replace(LOOPBACK, url="https://audit.example")


def request(method: str = "GET", address: str = "10.0.0.9", **headers: str) -> Request:
    headers = {"Host": "localhost:8000", **headers}
    pairs = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/", "headers": pairs, "client": (address, 40000)})


def bearer(token: str, address: str = "10.0.0.9") -> Request:
    return request(address=address, Authorization=f"Bearer {token}")


def with_session(session: str | None, method: str = "GET", **headers: str) -> Request:
    return request(method, Cookie=f"pcapaudit-8000={session}", **headers)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(LOOPBACK, clock)


# --- secrets --------------------------------------------------------------------------------------------


def test_the_code_works_once(gate: Gate) -> None:
    code = gate.code or ""
    session = gate.log_in(code, request())

    assert session is not None
    assert gate.knows(with_session(session))
    assert gate.log_in(code, request()) is None
    assert gate.code is None


def test_the_token_works_again_and_again_and_nothing_like_it(gate: Gate) -> None:
    assert gate.log_in(TOKEN, request())
    assert gate.log_in(TOKEN, request())
    for wrong in ("", TOKEN[:-1], TOKEN + "x", "é", "\ud800"):
        assert gate.log_in(wrong, request()) is None
        assert not gate.knows(bearer(wrong.encode(errors="replace").decode(), "10.0.0.8"))
    assert gate.knows(bearer(TOKEN))
    assert not gate.knows(request(Authorization=f"Basic {TOKEN}"))
    assert not gate.knows(request(Authorization=TOKEN))
    assert not gate.knows(request())


def test_every_secret_is_compared_in_constant_time(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    code = gate.code or ""

    gate.log_in("guess", request())
    gate.knows(bearer("guess"))
    assert compared == [(b"guess", code.encode()), (b"guess", TOKEN.encode()), (b"guess", TOKEN.encode())]


def test_of_a_session_no_more_than_a_digest_is_kept(gate: Gate) -> None:
    session = gate.log_in(TOKEN, request()) or ""
    assert session.encode() not in gate._sessions
    assert len(session) >= 22  # 128 bits in base64


def test_a_session_ends_when_it_is_told_to(gate: Gate) -> None:
    session = gate.log_in(TOKEN, request())
    gate.log_out(with_session(session))
    assert not gate.knows(with_session(session))


def test_a_session_ends_by_itself_after_a_week(gate: Gate, clock: Clock) -> None:
    session = gate.log_in(TOKEN, request())
    clock.now += SESSION_S - 1
    assert gate.knows(with_session(session))
    clock.now += 1
    assert not gate.knows(with_session(session))


def test_logging_in_takes_no_session_that_the_browser_brings(gate: Gate) -> None:
    planted = gate.log_in(TOKEN, with_session("planted-by-a-stranger"))
    again = gate.log_in(TOKEN, with_session(planted))

    assert not gate.knows(with_session("planted-by-a-stranger"))
    assert again not in {None, planted}
    assert not gate.knows(with_session(planted))


def test_an_old_session_is_forgotten_when_there_are_too_many(gate: Gate) -> None:
    sessions = [gate.log_in(TOKEN, request()) for _ in range(300)]
    assert not gate.knows(with_session(sessions[0]))
    assert gate.knows(with_session(sessions[-1]))


def test_the_cookie_of_a_server_on_another_port_is_another_one(gate: Gate) -> None:
    assert gate.cookie_name(request(Host="localhost:8000")) == "pcapaudit-8000"
    assert gate.cookie_name(request(Host="localhost:8001")) == "pcapaudit-8001"
    assert gate.cookie_name(request(Host="[::1]")) == "pcapaudit-80"


def test_behind_tls_the_cookie_never_travels_without_it(gate: Gate) -> None:
    behind = Gate(BEHIND_TLS)
    assert (gate.is_secure, behind.is_secure) == (False, True)
    assert behind.cookie_name(request(Host="audit.example")) == "__Host-pcapaudit"


def test_whoever_guesses_has_to_wait_and_nobody_else(gate: Gate, clock: Clock) -> None:
    session, code = gate.log_in(TOKEN, request()), gate.code or ""
    for number in range(MOST_FAILURES):
        assert not gate.knows(bearer(f"guess {number}"))

    assert gate.is_shut_for(request())
    assert not gate.knows(bearer(TOKEN)), "the right token after so many wrong ones is one more guess"
    assert gate.log_in(TOKEN, request()) is None
    assert gate.knows(bearer(TOKEN, "10.0.0.8"))
    assert gate.knows(with_session(session))
    assert gate.log_in(code, request()), "what the server printed works, whoever else knocks"
    clock.now += SPAN_S
    assert gate.knows(bearer(TOKEN))


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("LocalHost:8000", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("localhost.", False),
        ("127.0.0.1.", False),
        ("127.1", False),
        ("", False),
        ("[::1", False),
        ("::1", False),
        ("localhost@evil.example", False),
        ("evil.example@localhost", False),
        ("localhost/login?", False),
        ("localhost#", False),
        ("localhost\\@evil.example", False),
        ("localhost,evil.example", False),
        ("localhost evil.example", False),
        ("localhost:8000:9", False),
        ("localhost:port", False),
        ("localhost\n", False),
    ],
)
def test_the_server_answers_to_its_own_names(gate: Gate, host: str, *, is_trusted: bool) -> None:
    assert gate.trusts_host(request(Host=host)) is is_trusted


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [
        ("10.0.0.2:8000", True),
        ("[fd00::2]:8000", True),
        ("localhost:8000", True),
        (f"{socket.gethostname()}:8000", True),
        ("rebound.example:8000", False),
        ("10.0.0.2.rebound.example", False),
        ("", False),
        ("999.0.0.1", False),
    ],
)
def test_one_that_listens_everywhere_is_called_by_address_or_by_the_machines_name(
    host: str, *, is_trusted: bool
) -> None:
    assert Gate(EVERYWHERE).trusts_host(request(Host=host)) is is_trusted


def test_the_name_before_a_proxy_is_one_of_its_own() -> None:
    for settings in (BEHIND_TLS, replace(EVERYWHERE, url="https://audit.example")):
        assert Gate(settings).trusts_host(request(Host="audit.example"))
        assert Gate(settings).trusts_host(request(Host="127.0.0.1:8000"))
        assert not Gate(settings).trusts_host(request(Host="evil.example"))
        assert not Gate(settings).trusts_host(request(Host=""))


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "is_trusted"),
    [
        ({"Origin": "http://localhost:8000"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://localhost:3000"}, False),
        ({"Origin": "http://localhost"}, False),
        ({"Origin": "http://localhost:8000.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, False),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost:8000"}, False),
        ({}, True),
    ],
)
def test_a_write_comes_from_a_page_of_this_server_or_from_none(
    gate: Gate, method: str, headers: dict[str, str], *, is_trusted: bool
) -> None:
    assert gate.trusts_origin(request(method, **headers)) is is_trusted


def test_a_write_with_a_session_must_name_its_origin(gate: Gate) -> None:
    session = gate.log_in(TOKEN, request())
    assert not gate.trusts_origin(with_session(session, "DELETE"))
    assert gate.trusts_origin(with_session(session, "DELETE", Origin="http://localhost:8000"))
    assert gate.trusts_origin(with_session(session, "DELETE", Sec_Fetch_Site="same-origin"))
    assert not gate.trusts_origin(with_session(session, "DELETE", Sec_Fetch_Site="none"))


def test_a_page_of_another_server_may_link_here_and_nothing_else(gate: Gate) -> None:
    assert gate.trusts_origin(request(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"))
    assert gate.trusts_origin(request(Sec_Fetch_Site="none", Sec_Fetch_Mode="navigate"))
    for mode in ("no-cors", "cors", "websocket", ""):
        assert not gate.trusts_origin(request(Sec_Fetch_Site="same-site", Sec_Fetch_Mode=mode))


def test_behind_a_proxy_that_hides_the_name_the_announced_origin_counts() -> None:
    gate = Gate(BEHIND_TLS)
    assert gate.trusts_origin(request("PUT", Host="127.0.0.1:8000", Origin="https://audit.example"))
    assert not gate.trusts_origin(request("PUT", Host="127.0.0.1:8000", Origin="http://audit.example"))
