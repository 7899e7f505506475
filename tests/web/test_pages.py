from __future__ import annotations

import re

from starlette.testclient import TestClient

from tests.web.support import BLINKING, audited, upload, wait_for


def test_the_code_of_the_printed_address_logs_a_browser_in_once(stranger: TestClient) -> None:
    code = stranger.app.state.site.gate.code  # type: ignore[attr-defined]
    answer = stranger.get(f"/login?code={code}")
    cookie = answer.headers["set-cookie"].lower()

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/").status_code == 200
    stranger.cookies.clear()
    assert stranger.get(f"/login?code={code}").status_code == 401


def test_the_form_takes_the_token_and_the_way_out_ends_it(client: TestClient) -> None:
    token = client.headers.pop("Authorization").removeprefix("Bearer ")
    assert client.post("/login", content="secret=wrong").status_code == 401
    assert client.post("/login", content=f"secret={token}").status_code == 303
    assert client.get("/").status_code == 200
    client.post("/logout")
    assert client.get("/").status_code == 303


def test_the_page_of_a_capture_holds_the_report_and_its_doors(client: TestClient) -> None:
    capture = audited(client)
    page = client.get(f"/captures/{capture}").text

    assert "No answer from gk.sensorist.com, gk.sensorist.net on TCP 443 or 4321" in page
    assert "To the firewall team" in page
    for address in re.findall(r'href="(/api/[^"]+)"', page):
        assert client.get(address.replace("&amp;", "&")).status_code == 200, address


def test_a_capture_that_failed_says_why(client: TestClient) -> None:
    capture = upload(client, b"", "odd.pcap").json()["id"]
    wait_for(client, capture)
    assert "no capture: it is empty" in client.get(f"/captures/{capture}").text


def test_names_and_notes_are_text_wherever_they_are_shown(client: TestClient) -> None:
    evil = '<img src=x onerror="alert(1)">.pcap'
    capture = upload(client, BLINKING.read_bytes(), evil, note=evil).json()["id"]
    wait_for(client, capture)
    for path in ("/", f"/captures/{capture}", f"/api/captures/{capture}/report?format=html"):
        page = client.get(path).text
        assert "<img" not in page
        assert "&lt;img src=x" in page


def test_the_list_is_searched_by_word(client: TestClient) -> None:
    audited(client)
    for query, is_found in (("sensorist failed", True), ("10.20.36.101", True), ("healthy", False), ("%", False)):
        assert ("sensorist-blinking-red.pcapng" in client.get("/", params={"q": query}).text) is is_found, query


def test_a_capture_that_is_not_there_has_a_page_that_says_so(client: TestClient) -> None:
    answer = client.get("/captures/nothing")
    assert answer.status_code == 404
    assert "There is no such capture" in answer.text


def test_style_and_script_are_served_and_no_other_file(stranger: TestClient) -> None:
    for name in ("app.js", "app.css", "icon.svg", "report.css", "report.js"):
        assert stranger.get(f"/static/{name}").status_code == 200
    for name in ("..%2fpages.py", "shell.html", "%2e%2e%2fapp.py"):
        assert stranger.get(f"/static/{name}").status_code == 404
