from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.concurrency import run_in_threadpool
from starlette.testclient import TestClient

from pcapaudit.engine.jobs import run_tables
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.web.app import build_app
from pcapaudit.web.settings import Settings
from pcapaudit.web.tables import making
from tests.support.pcap import write_pcap
from tests.support.scene import play_script
from tests.web.support import SAMPLES, TOKEN, audited, upload, wait_for

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One server for all of these tests, which change nothing."""
    settings = Settings(tmp_path_factory.mktemp("data"), token=TOKEN, hosts=frozenset({"testserver"}))
    with TestClient(build_app(settings), follow_redirects=False) as made:
        made.headers["Authorization"] = f"Bearer {TOKEN}"
        yield made


@pytest.fixture(scope="module")
def capture(client: TestClient) -> str:
    """A capture whose tables are made."""
    known = audited(client)
    assert client.get(f"/api/captures/{known}/tables/dns").status_code == 200
    return known


def rows_of(client: TestClient, capture: str, name: str, **asked: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.get(f"/api/captures/{capture}/tables/{name}", params=asked).json()["rows"]
    return found


def test_the_tables_are_made_on_the_first_opening_and_kept(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    may_begin = threading.Event()

    async def make_later(*words: Any, **named: Any) -> None:
        await run_in_threadpool(may_begin.wait)
        await run_tables(*words, **named)

    monkeypatch.setattr(making, "run_tables", make_later)
    capture = audited(client, SAMPLES / "tek-healthy.pcapng")
    first = client.get(f"/captures/{capture}/tables")
    waiting = client.get(f"/api/captures/{capture}/tables")
    may_begin.set()
    client.get(f"/api/captures/{capture}/tables/dns")
    later = client.get(f"/captures/{capture}/tables")

    assert "Making the tables" in first.text
    assert (waiting.status_code, waiting.json()["state"]) == (202, "running")
    assert all(f"/captures/{capture}/tables/{name}" in later.text for name in TABLES)


def test_a_script_learns_which_tables_and_columns_there_are(client: TestClient, capture: str) -> None:
    told = client.get(f"/api/captures/{capture}/tables").json()
    flows = told["tables"][0]

    assert told["state"] == "done"
    assert [table["name"] for table in told["tables"]] == list(TABLES)
    assert flows["rows"] == 56
    assert flows["columns"][0] == {
        "name": "ts",
        "kind": "time",
        "unit": "UTC",
        "meaning": "time of the first frame",
        "zeek": "ts",
    }


def test_the_same_filters_give_page_json_and_csv(client: TestClient, capture: str) -> None:
    asked = {"conn_state": "=S0", "proto": "=tcp", "sort": "-first_frame"}
    rows = rows_of(client, capture, "flows", **asked)
    text = client.get(f"/api/captures/{capture}/tables/flows", params={**asked, "format": "csv"})
    lines = client.get(f"/api/captures/{capture}/tables/flows", params={**asked, "format": "jsonl"}).text
    page = client.get(f"/captures/{capture}/tables/flows", params=asked).text
    uids = [row["uid"] for row in rows]

    assert uids
    assert [row["uid"] for row in csv.DictReader(io.StringIO(text.text))] == uids
    assert [json.loads(line)["uid"] for line in lines.splitlines()] == uids
    assert re.findall(r"<td>(C\w{17})</td>", page) == uids
    assert text.headers["content-disposition"] == f'attachment; filename="flows-{capture}.csv"'


def test_a_device_is_chosen_by_mac_address_or_place_in_the_report(client: TestClient, capture: str) -> None:
    report = client.get(f"/api/captures/{capture}/report").json()
    mac = report["devices"][0]["mac"]
    by_mac, by_place = (rows_of(client, capture, "flows", device=name) for name in (mac, "0"))

    assert by_mac == by_place
    assert by_mac
    assert all(mac in (row["orig_mac"], row["resp_mac"]) for row in by_mac)
    assert client.get(f"/captures/{capture}/tables/flows", params={"device": "99"}).status_code == 404


def test_empty_fields_of_the_form_leave_no_trace_in_the_address(client: TestClient, capture: str) -> None:
    answer = client.get(f"/captures/{capture}/tables/dns?q=&device=&query=a%26b&rcode_name=")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/captures/{capture}/tables/dns?query=a%26b")
    assert client.get(f"/captures/{capture}/tables/dns?q=").headers["location"] == f"/captures/{capture}/tables/dns"


def test_the_sqlite_file_can_be_taken_along(client: TestClient, capture: str, tmp_path: Path) -> None:
    answer = client.get(f"/api/captures/{capture}/tables", params={"format": "sqlite"})
    file = tmp_path / "x.sqlite"
    file.write_bytes(answer.content)

    with closing(sqlite3.connect(file)) as base:
        assert base.execute("SELECT count(*) FROM flows").fetchone() == (56,)
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tables/smtp", 404),
        ("tables/sqlite_master", 404),
        ("tables/..%2f..%2flist.sqlite3", 404),
        ("tables/dns?format=exe", 400),
        ("tables?format=csv", 400),
        ("tables/dns?nosuch=1", 400),
        ("tables/dns?sort=(SELECT+1)", 400),
        ("tables/dns?rtt_s=1;DROP+TABLE+dns", 400),
        ("tables/dns?query=%27;DROP+TABLE+dns;--", 200),
        ("tables/dns?q=%25%27+OR+1=1", 200),
        ("tables/dns?page=99999", 200),
    ],
)
def test_odd_requests_have_clear_answers_and_harm_nothing(
    client: TestClient, capture: str, path: str, status: int
) -> None:
    before = client.get(f"/api/captures/{capture}/tables").json()
    answer = client.get(f"/api/captures/{capture}/{path}")

    assert answer.status_code == status
    assert "error" in answer.json() if status != 200 else answer.json()["rows"] == []
    assert client.get(f"/api/captures/{capture}/tables").json() == before


def test_the_door_is_shut_for_strangers(client: TestClient, capture: str) -> None:
    stranger = {"Authorization": "Bearer none"}
    assert client.get(f"/api/captures/{capture}/tables/dns", headers=stranger).status_code == 401
    shown = client.get(f"/captures/{capture}/tables/dns", headers=stranger)
    assert shown.headers["location"].startswith("/login")


def test_a_capture_without_its_report_has_no_tables(client: TestClient) -> None:
    capture = upload(client, b"GIF89a" + bytes(90)).json()["id"]
    wait_for(client, capture)
    assert client.get(f"/captures/{capture}/tables").headers["location"] == f"/captures/{capture}"
    assert client.get(f"/api/captures/{capture}/tables/dns").status_code == 409


def test_what_a_stranger_put_on_the_wire_does_nothing_in_page_or_spreadsheet(
    client: TestClient, tmp_path: Path
) -> None:
    script = (
        f'0.0 dev > cloud:80 CONNECT\n0.1 dev > cloud:80 HTTP GET / host="{HOSTILE}" User-Agent="=cmd|calc"\n'
        '1.0 dev > * DHCP DISCOVER hostname="=1+1" class="@SUM"'
    )
    file = tmp_path / "hostile.pcap"
    write_pcap(file, ((f.time_ns, f.data, f.wire_len) for f in play_script(script)))
    capture = audited(client, file)
    http = client.get(f"/api/captures/{capture}/tables/http", params={"format": "csv"}).text
    dhcp = client.get(f"/api/captures/{capture}/tables/dhcp", params={"format": "csv"}).text
    page = client.get(f"/captures/{capture}/tables/http").text
    asked = client.get(f"/captures/{capture}/tables/http?" + urlencode({"host": '"><script>', "q": "<b>"})).text

    assert HOSTILE not in page
    assert "&lt;img src=x" in page
    assert "<script>" not in asked
    assert "<b>" not in asked
    (row,) = csv.DictReader(io.StringIO(http))
    assert row["user_agent"] == "'=cmd|calc"
    (row,) = csv.DictReader(io.StringIO(dhcp))
    assert (row["host_name"], row["vendor_class"]) == ("'=1+1", "'@SUM")


def test_a_page_names_its_parts_for_who_does_not_see_them(client: TestClient, capture: str) -> None:
    page = client.get(f"/captures/{capture}/tables/dns?sort=-rtt_s").text

    assert 'aria-sort="descending"' in page
    assert 'role="region" aria-label="Table DNS" tabindex="0"' in page
    assert all(
        "aria-label=" in field or 'type="hidden"' in field or re.search(r'id="(q|device)"', field)
        for field in re.findall(r'<(?:input|select) form="filters"[^>]*>', page)
    )
    assert page.count("<h1") == 1


def test_a_condition_that_cannot_be_understood_stays_in_its_field_with_what_is_wrong(
    client: TestClient, capture: str
) -> None:
    answer = client.get(f"/captures/{capture}/tables/dns", params={"rtt_s": "fast", "query": "a.example"})

    assert answer.status_code == 400
    assert "rtt_s: expected numbers such as &gt;=5, not &#39;fast&#39;" in answer.text
    assert 'name="rtt_s" value="fast"' in answer.text
    assert 'name="query" value="a.example"' in answer.text
    assert "0 of 30 rows" in answer.text


def test_a_page_behind_the_last_is_empty(client: TestClient, capture: str) -> None:
    page = client.get(f"/api/captures/{capture}/tables/flows", params={"page": "2"}).json()
    assert (page["page"], page["pages"], page["rows"]) == (2, 1, [])


@pytest.mark.parametrize("address", ["/captures/{}/tables/flows", "/api/captures/{}/tables/flows"])
def test_more_conditions_than_any_table_has_columns_are_refused(client: TestClient, capture: str, address: str) -> None:
    answer = client.get(address.format(capture), params={f"p{number}": "1" for number in range(101)})
    assert answer.status_code == 400
    assert "101 conditions are too many: at most 100 are taken" in answer.text
