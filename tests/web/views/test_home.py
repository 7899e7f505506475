from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pcapaudit.web.captures.store import DeviceLine, Entry, JobState, Store, Wishes
from tests.web.support import audited

LINE = DeviceLine("Acme box", "failed", "02:00:0a:00:00:05", ("10.0.0.5",), "acme/box", "No answer.")


@pytest.fixture
def store(client: TestClient) -> Store:
    """The list of the server."""
    store: Store = client.app.state.site.store  # type: ignore[attr-defined]
    return store


def put(store: Store, folder: Path, name: str, *devices: DeviceLine, note: str = "") -> Entry:
    """A capture whose analysis is done."""
    received = folder / "received"
    received.write_bytes(b"abc")
    entry = store.add(received, name, "1" * 64, Wishes(), note)
    changed = store.change(entry.id, state=JobState.DONE, devices=devices)
    assert changed is not None
    return changed


def names(page: str) -> list[str]:
    """What the list shows, from above."""
    return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', page)


def test_the_list_is_searched_by_word_device_product_verdict_and_day(
    client: TestClient, store: Store, tmp_path: Path
) -> None:
    put(store, tmp_path, "red.pcap", LINE)
    put(store, tmp_path, "green.pcap", replace(LINE, verdict="healthy", mac="02:00:0a:00:00:06"), note="after")
    for asked, shown in (
        ({"q": "acme failed"}, ["red.pcap"]),
        ({"q": "after"}, ["green.pcap"]),
        ({"device": "02-00-0A-00-00-06"}, ["green.pcap"]),
        ({"vendor": "acme", "verdict": "failed"}, ["red.pcap"]),
        ({"to": "2001-01-01"}, []),
        ({"q": "%"}, []),
    ):
        assert names(client.get("/", params=asked).text) == shown, asked


def test_the_worst_device_stands_first_and_many_are_counted(client: TestClient, store: Store, tmp_path: Path) -> None:
    healthy = [replace(LINE, title=f"box {n}", verdict="healthy", mac=f"02:00:0a:00:01:{n:02x}") for n in range(14)]
    entry = put(store, tmp_path, "site.pcap", *healthy, replace(LINE, title="the broken one"))
    page = client.get("/").text
    assert page.index("the broken one") < page.index("box 0")
    assert "box 2" not in page
    assert "and 12 more" in page
    # It is the fifteenth of the report, and its link says so.
    assert f'/captures/{entry.id}?device=14">the broken one' in page


def test_a_capture_that_was_analysed_is_listed_with_the_time_of_its_first_frame(
    client: TestClient, store: Store
) -> None:
    entry = store.get(audited(client))
    # As capinfos says of the sample: its first packet is of 1795262586.618539 s since 1970.
    assert entry is not None
    assert entry.taken == pytest.approx(1795262586.618539)
    assert "taken 2026-11-21 12:03" in client.get("/").text


def test_the_list_says_when_a_capture_is_deleted(client: TestClient, store: Store, tmp_path: Path) -> None:
    entry = put(store, tmp_path, "a.pcap", LINE)
    store.change(entry.id, created=0.0)
    # Captures are kept for 30 days, unless the settings say otherwise.
    assert "deleted on 1970-01-31" in client.get("/").text


def test_names_and_notes_cannot_leave_the_list(client: TestClient, store: Store, tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'
    put(store, tmp_path, evil, replace(LINE, title=evil), note=evil)
    page = client.get("/", params={"q": evil, "device": evil, "vendor": evil, "verdict": evil}).text
    assert "<script>alert" not in page + client.get("/").text


def test_older_captures_are_on_the_next_page_of_the_same_search(
    client: TestClient, store: Store, tmp_path: Path
) -> None:
    for number in range(52):
        put(store, tmp_path, f"n{number}.pcap", LINE)
    page = client.get("/", params={"verdict": "failed"}).text
    assert len(names(page)) == 50
    assert "1 to 50 of 52 captures found" in page
    assert 'href="/?verdict=failed&amp;page=2#history"' in page
    assert len(names(client.get("/", params={"verdict": "failed", "page": "2"}).text)) == 2


def test_deleting_asks_first_and_then_leads_back_to_the_search(
    client: TestClient, store: Store, tmp_path: Path
) -> None:
    gone, kept = put(store, tmp_path, "gone.pcap", LINE), put(store, tmp_path, "kept.pcap", LINE)
    form = {"capture": [gone.id, "unknown"], "back": "verdict=failed&page=1"}
    asked = client.post("/captures/delete", data=form)
    assert asked.status_code == 200
    assert "gone.pcap" in asked.text
    assert store.get(gone.id) is not None

    answer = client.post("/captures/delete", data={**form, "sure": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?verdict=failed&page=1#history")
    assert (store.get(gone.id), store.get(kept.id)) == (None, kept)
    assert not store.capture_path(gone.id).parent.exists()


def test_a_form_of_another_server_deletes_nothing(client: TestClient, store: Store, tmp_path: Path) -> None:
    entry = put(store, tmp_path, "a.pcap", LINE)
    form = {"capture": entry.id, "sure": "1"}
    answer = client.post("/captures/delete", data=form, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert store.get(entry.id) is not None


def test_the_way_back_leads_nowhere_else(client: TestClient) -> None:
    answer = client.post("/captures/delete", data={"back": "//evil.example/?x=1\r\nSet-Cookie: a=b", "sure": "1"})
    assert answer.headers["location"].startswith("/?")
    assert "evil.example/" not in answer.headers["location"]
    assert "set-cookie" not in answer.headers


def test_a_form_that_is_too_large_is_refused(client: TestClient) -> None:
    assert client.post("/captures/delete", content=b"capture=" + b"x" * 20_000).status_code == 413


def test_scripts_search_the_same_list(client: TestClient, store: Store, tmp_path: Path) -> None:
    put(store, tmp_path, "red.pcap", LINE)
    put(store, tmp_path, "green.pcap", replace(LINE, verdict="healthy"))
    told = client.get("/api/captures", params={"verdict": "healthy"}).json()
    assert [line["name"] for line in told["captures"]] == ["green.pcap"]
    assert (told["total"], told["page"], told["pages"]) == (1, 1, 1)
