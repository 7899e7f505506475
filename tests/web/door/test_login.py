from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from pcapaudit.web.app import build_app
from pcapaudit.web.door.throttle import MOST_FAILURES
from pcapaudit.web.settings import Settings
from tests.web.support import TOKEN

OWN = {"Origin": "http://testserver"}


def code_of(client: TestClient) -> str:
    return str(client.app.state.site.gate.code)  # type: ignore[attr-defined]


def test_the_code_of_the_printed_address_logs_a_browser_in_once(stranger: TestClient) -> None:
    code = code_of(stranger)
    answer = stranger.get(f"/login?code={code}")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert stranger.get("/").status_code == 200
    stranger.cookies.clear()
    assert stranger.get(f"/login?code={code}").status_code == 401


def test_the_cookie_is_for_this_server_alone_and_no_script_reads_it(stranger: TestClient) -> None:
    cookie = stranger.get(f"/login?code={code_of(stranger)}").headers["set-cookie"].lower()
    assert cookie.startswith("pcapaudit-80=")
    assert {part.strip() for part in cookie.split(";")[1:]} == {"httponly", "samesite=lax", "path=/"}


def test_behind_tls_the_cookie_is_secure_as_its_name_demands(settings: Settings) -> None:
    with TestClient(build_app(replace(settings, url="https://audit.example")), follow_redirects=False) as client:
        answer = client.post("/login", data={"secret": TOKEN}, headers={"Host": "audit.example"})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-pcapaudit=")
    assert {part.strip() for part in cookie.split(";")[1:]} == {"httponly", "samesite=lax", "path=/", "secure"}


def test_the_form_takes_the_token_and_the_way_out_ends_it(stranger: TestClient) -> None:
    assert stranger.post("/login", data={"secret": "wrong"}).status_code == 401
    assert stranger.post("/login", data={"secret": TOKEN}).status_code == 303
    assert stranger.get("/").status_code == 200
    session = dict(stranger.cookies)
    gone = stranger.post("/logout", headers=OWN)
    stranger.cookies.update(session)

    assert "max-age=0" in gone.headers["set-cookie"].lower()
    assert stranger.get("/").status_code == 303, "the session is over, not only the cookie gone"


def test_who_is_inside_already_needs_no_second_login(stranger: TestClient) -> None:
    code = code_of(stranger)
    stranger.get(f"/login?code={code}")
    for address in ("/login", f"/login?code={code}", "/login?next=/"):
        assert (stranger.get(address).status_code, stranger.get(address).headers["location"]) == (303, "/")


def test_after_the_login_one_is_where_one_wanted_to_be(stranger: TestClient) -> None:
    asked = stranger.get("/captures/0123?device=1")
    form = stranger.get(asked.headers["location"]).text
    answer = stranger.post("/login", data={"secret": TOKEN, "next": "/captures/0123?device=1"})

    assert asked.headers["location"] == "/login?next=%2Fcaptures%2F0123%3Fdevice%3D1"
    assert 'name="next" value="/captures/0123?device=1"' in form
    assert answer.headers["location"] == "/captures/0123?device=1"


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "",
        "/\t/evil.example",
        "/\r\nX: y",
    ],
)
def test_the_login_leads_to_no_other_server(stranger: TestClient, wanted: str) -> None:
    assert 'name="next" value="/"' in stranger.get("/login", params={"next": wanted}).text
    answer = stranger.post("/login", data={"secret": TOKEN, "next": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_whoever_guesses_is_told_to_wait(stranger: TestClient) -> None:
    for _ in range(MOST_FAILURES - 1):
        assert stranger.post("/login", data={"secret": "guess"}).status_code == 401
    last = stranger.post("/login", data={"secret": "guess"})
    assert (last.status_code, "Wait a minute" in last.text) == (429, True)
    assert stranger.post("/login", data={"secret": TOKEN}).status_code == 429
    answer = stranger.get("/api/captures", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


def test_a_form_that_never_ends_is_not_read(stranger: TestClient) -> None:
    assert stranger.post("/login", content=b"secret=" + b"x" * 5000).status_code == 413


def test_what_a_stranger_writes_in_the_form_is_never_shown_as_markup(stranger: TestClient) -> None:
    page = stranger.get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page


def test_style_and_script_are_served_and_no_other_file(stranger: TestClient) -> None:
    for name in ("upload.js", "app.css", "icon.svg", "report.css", "report.js"):
        assert stranger.get(f"/static/{name}").status_code == 200
    for name in (
        "..%2fpages.py",
        "shell.html",
        "%2e%2e%2fapp.py",
        "..%252fpages.py",
        "upload.js%00",
        "%2fetc%2fpasswd",
        "",
    ):
        assert stranger.get(f"/static/{name}").status_code == 404


def test_the_browser_keeps_a_file_until_it_changes(stranger: TestClient) -> None:
    first = stranger.get("/static/app.css")
    again = stranger.get("/static/app.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert stranger.get("/static/app.css", headers={"If-None-Match": '"another"'}).status_code == 200
