"""What somebody tries who wants in, wants more than he was given, or sent the capture."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from pcapaudit.report.document import from_json, to_json
from pcapaudit.web.app import build_app
from pcapaudit.web.settings import Settings
from tests.web.hostile import FILE_NAME, FORMULA, IMAGE, MARK, SCRIPT, hostile_capture, make_hostile
from tests.web.support import BLINKING, TOKEN, upload, wait_for

HARMLESS = {"application/json", "text/event-stream", "text/html", "text/css", "text/javascript", "image/svg+xml"}
"""What a browser may be shown; of these, pages are ours and escaped, all else comes as a file."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with two captures of a stranger: one as it was analysed, one with a report hostile in every string."""
    settings = Settings(tmp_path_factory.mktemp("site"), TOKEN, hosts=frozenset({"testserver"}))
    with TestClient(build_app(settings), follow_redirects=False) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wire, report = (_send(client, note) for note in ("wire", SCRIPT + FORMULA))
        document = settings.captures / report / "report.json"
        document.write_text(to_json(make_hostile(from_json(document.read_text()))))
        client.ids = (wire, report)  # type: ignore[attr-defined]
        client.data_dir = settings.data_dir  # type: ignore[attr-defined]
        yield client


def _send(client: TestClient, note: str) -> str:
    answer = upload(client, hostile_capture(), FILE_NAME, note=note, led=IMAGE, log=note)
    capture = str(answer.json()["id"])
    assert wait_for(client, capture)[-1]["state"] == "done"
    return capture


def routes(client: TestClient, method: str) -> list[str]:
    """The paths of every route for a method."""
    found = [r for r in client.app.routes if isinstance(r, Route)]  # type: ignore[attr-defined]
    return [r.path for r in found if method in (r.methods or ())]


def addresses(client: TestClient) -> list[str]:
    """Every address that can be read, for both captures, with what the routes without ``{id}`` are asked."""
    first, second = client.ids  # type: ignore[attr-defined]
    found = [f"/?q={quote(FILE_NAME)}", f"/compare?a={first}&b={second}", f"/login?next={quote(SCRIPT)}"]
    found += [
        f"/api/captures/{capture}/report?format={form}"
        for capture in (first, second)
        for form in ("html", "markdown", "csv", "text", "json", *_more_forms(client))
    ]
    found += [
        f"/api/captures/{capture}/requests?format={form}" for capture in (first, second) for form in ("text", "csv")
    ]
    values = {"name": "dns", "n": "8", "rule": "TCP-SYN-TIMEOUT"}
    for path in routes(client, "GET"):
        if "{id}" in path:
            found += [_fill(path, {**values, "id": capture}) for capture in (first, second)]
        elif path != "/login":
            found.append(_fill(path, {**values, "name": "app.css"}))
    return found


def _more_forms(client: TestClient) -> list[str]:
    """Other forms of a report, as the server's own words for a wrong one list them."""
    said = client.get(f"/api/captures/{client.ids[0]}/report?format=none").json()["error"]  # type: ignore[attr-defined]
    return [form.strip() for form in str(said).rpartition("known are:")[2].split(",")]


def _fill(path: str, values: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: values.get(found[1], "1"), path)


@pytest.fixture(scope="module")
def answers(site: TestClient) -> list[tuple[str, Any]]:
    """What the server says at each of these addresses."""
    return [(address, site.get(address)) for address in addresses(site)]


# --- what a capture brings ------------------------------------------------------------------------------


def test_no_page_holds_markup_of_a_stranger(answers: list[tuple[str, Any]]) -> None:
    pages = [(address, a.text) for address, a in answers if a.headers.get("content-type", "").startswith("text/html")]
    assert len(pages) >= 6
    for address, page in pages:
        for markup in (IMAGE, SCRIPT, f"<script>{MARK}", "<img", "onmouseover='"):
            assert markup not in page, address
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0e-\x1f]", page), address


def test_what_is_downloaded_is_a_file_and_never_a_page(answers: list[tuple[str, Any]]) -> None:
    for address, answer in answers:
        media = answer.headers.get("content-type", "").partition(";")[0]
        placed = answer.headers.get("content-disposition", "")
        assert answer.headers["x-content-type-options"] == "nosniff", address
        if answer.content and address.startswith("/api/") and media not in {"application/json", "text/event-stream"}:
            assert re.fullmatch(r'attachment; filename="[\w.-]+"', placed), (address, placed)
        elif answer.content and not placed:
            assert media in HARMLESS, address


def test_what_was_uploaded_is_given_back_by_no_route(answers: list[tuple[str, Any]]) -> None:
    content = hostile_capture()
    assert not [address for address, answer in answers if content in answer.content]


def test_no_cell_of_a_table_begins_like_a_formula(answers: list[tuple[str, Any]]) -> None:
    tables = [(address, a.text) for address, a in answers if a.headers.get("content-type", "").startswith("text/csv")]
    assert len(tables) >= 2
    for address, table in tables:
        for row in csv.reader(io.StringIO(table)):
            assert not [cell for cell in row if _is_formula(cell)], address


def _is_formula(cell: str) -> bool:
    """What a spreadsheet would run; a number with a sign is none (OWASP, CSV injection)."""
    return cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", cell)


def test_a_file_name_adds_no_header(answers: list[tuple[str, Any]]) -> None:
    assert not [address for address, answer in answers if "x-injected" in answer.headers]


# --- paths and parameters -------------------------------------------------------------------------------

TRAVERSALS = (
    "..%2ftoken",
    "..%252ftoken",
    "%2e%2e%2ftoken",
    "..%5ctoken",
    "..%c0%aftoken",
    "%00",
    "token%00.css",
    "%2fetc%2fpasswd",
    "....//token",
    "file:%2f%2f%2fetc%2fpasswd",
    "' OR 1=1 --",
    "%ed%a0%80",
    "-1",
    "99999999999999999999999999",
    "NaN",
    "x" * 3000,
)


def test_no_part_of_a_path_leads_out_of_the_list(site: TestClient) -> None:
    capture = site.ids[0]  # type: ignore[attr-defined]
    for path in routes(site, "GET"):
        for name in re.findall(r"{(\w+)(?::\w+)?}", path):
            for value in TRAVERSALS:
                values = {"id": capture, "name": "dns", "n": "8", name: value}
                answer = site.get(_fill(path, values))
                assert answer.status_code in {303, 307, 400, 404, 405, 409, 422}, (path, value, answer.status_code)
                assert TOKEN not in answer.text
                assert "root:" not in answer.text
                assert str(site.data_dir) not in answer.text  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "query",
    [
        "q=" + "x" * 60_000,
        "&".join(f"p{number}={number}" for number in range(5000)),
        "page=-1&device=-1&sort=%00&q=%ff",
        "page=99999999999999999999&device=99999999999999999999",
        "page=1e9&device=NaN&limit=-5&offset=-5",
        "page=%D9%A3&device=%C2%B2",
        "a=..&b=%2e%2e&device=x&verdict=none&from=9999-99-99&to=-1",
        "from=0000-00-00&to=99999-01-01",
        "sort=name;DROP TABLE captures&order=desc,1&column=*&filter=' OR ''='",
        "=&&&==&%",
    ],
    ids=["long", "many", "negative", "huge", "no number", "other digits", "odd", "dates", "SQL", "none"],
)
def test_odd_questions_are_answered_and_never_by_a_fault(site: TestClient, query: str) -> None:
    asked = ["/", "/compare?", *(path for path in addresses(site) if site.ids[0] in path)]  # type: ignore[attr-defined]
    for address in asked:
        assert site.get(f"{address}{'&' if '?' in address else '?'}{query}").status_code < 500, address


def test_a_number_beyond_all_bounds_is_no_fault(client: TestClient) -> None:
    for length in ("9" * 5000, "-1", "1e3", "²", "0x10"):
        headers = {"Content-Length": length.encode("utf-8")}
        assert client.put("/api/captures?name=x", content=iter([b"x"]), headers=headers).status_code < 500  # type: ignore[arg-type]


# --- what stays on disk and in the log ------------------------------------------------------------------


def test_the_folder_is_for_its_owner_alone(client: TestClient, settings: Settings) -> None:
    wait_for(client, upload(client, BLINKING.read_bytes()).json()["id"])
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700
    for folder in (settings.captures, settings.incoming, *settings.captures.iterdir()):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_the_log_says_nothing_of_a_capture(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "pcapaudit")
    caplog.set_level("WARNING")
    for content, name in ((hostile_capture(), f"{MARK}.pcap"), (b"GIF89a" + MARK.encode(), f"{MARK}.gif")):
        capture = upload(client, content, name, note=MARK, led=MARK).json()["id"]
        wait_for(client, capture)
        client.get(f"/captures/{capture}")
    assert not [r for r in caplog.records if MARK in r.getMessage() or "sensorist" in r.getMessage()]


def test_a_note_that_is_no_text_is_refused(client: TestClient) -> None:
    capture = upload(client, b"").json()["id"]
    for body in (b'{"note": "\\ud800"}', b"[" * 60_000, b'{"note": ' + b"[" * 50_000, b"x" * 70_000):
        assert client.patch(f"/api/captures/{capture}", content=body).status_code in {400, 413}
    assert client.patch(f"/api/captures/{capture}", json={"note": "\u202e\x00\x1b[2J"}).status_code == 204
    page = client.get("/").text
    assert "\u202e" not in page
    assert "\x1b" not in page
