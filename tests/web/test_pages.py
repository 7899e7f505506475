from __future__ import annotations

from starlette.testclient import TestClient


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


def test_style_and_script_are_served_and_no_other_file(stranger: TestClient) -> None:
    for name in ("upload.js", "app.css", "icon.svg", "report.css", "report.js"):
        assert stranger.get(f"/static/{name}").status_code == 200
    for name in ("..%2fpages.py", "shell.html", "%2e%2e%2fapp.py"):
        assert stranger.get(f"/static/{name}").status_code == 404
