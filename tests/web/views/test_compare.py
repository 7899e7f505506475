from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pcapaudit.model.report import Report
from pcapaudit.report.document import to_json
from pcapaudit.report.phrases import say_title
from pcapaudit.web.captures.store import DeviceLine, JobState, Store, Wishes
from tests.report.compare.scenes import HOUR, MAC, RED, green, report_of


@pytest.fixture(scope="module")
def red() -> Report:
    return report_of(RED)


@pytest.fixture(scope="module")
def works() -> Report:
    return report_of(green(), HOUR)


def put(client: TestClient, folder: Path, report: Report, name: str = "x.pcap") -> str:
    """A capture that is done, with this report; its id."""
    store: Store = client.app.state.site.store  # type: ignore[attr-defined]
    received = folder / "received"
    received.write_bytes(b"abc")
    entry = store.add(received, name, "1" * 64, Wishes(), "")
    store.report_path(entry.id).write_text(to_json(report), encoding="utf-8")
    lines = tuple(
        DeviceLine(say_title(d), d.verdict, d.mac, d.addresses, d.signature, d.summary) for d in report.devices
    )
    first = report.captures[0].first
    taken = datetime.fromisoformat(first).timestamp() if first else None
    store.change(entry.id, state=JobState.DONE, devices=lines, taken=taken)
    return entry.id


def test_the_capture_before_is_chosen_already(client: TestClient, tmp_path: Path, red: Report, works: Report) -> None:
    oldest = put(client, tmp_path, report_of(RED, -HOUR), "oldest.pcap")
    after, before = put(client, tmp_path, works, "after.pcap"), put(client, tmp_path, red, "before.pcap")
    page = client.get(f"/captures/{after}/compare").text
    assert f'value="{before}" checked' in page
    assert f'value="{oldest}" checked' not in page
    assert page.index("before.pcap") < page.index("oldest.pcap")


@pytest.mark.parametrize(
    ("hours", "said"), [(-1, ", before this one"), (0, ", at the same time as this one"), (1, ", after this one")]
)
def test_each_other_capture_says_whether_it_was_taken_before_or_after(
    client: TestClient, tmp_path: Path, red: Report, hours: int, said: str
) -> None:
    put(client, tmp_path, report_of(RED, hours * HOUR), "other.pcap")
    page = client.get(f"/captures/{put(client, tmp_path, red)}/compare").text
    assert page.count(" this one</small>") == page.count(f"UTC{said}</small>") == 1


def test_a_device_without_another_capture_is_told_what_to_do(client: TestClient, tmp_path: Path, red: Report) -> None:
    page = client.get(f"/captures/{put(client, tmp_path, red)}/compare").text
    assert "No other capture here holds this device" in page


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_page_shows_the_change_the_mail_and_the_files_in_order_of_time(
    client: TestClient, tmp_path: Path, red: Report, works: Report, is_reversed: bool
) -> None:
    ids = [put(client, tmp_path, red, "red.pcap"), put(client, tmp_path, works, "green.pcap")]
    a, b = reversed(ids) if is_reversed else ids
    page = client.get("/compare", params={"a": a, "b": b}).text
    assert page.index("red.pcap") < page.index("green.pcap")
    assert "It works again." in page
    assert "seen from 2026-01-05 09:00:01 +00:00 on" in page
    assert f'href="/api/compare?a={a}&amp;b={b}&amp;format=markdown"' in page


def test_the_two_that_were_chosen_in_the_list_are_compared(client: TestClient, red: Report, tmp_path: Path) -> None:
    one = put(client, tmp_path, red)
    answer = client.get("/compare", params={"capture": [one, one]})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/compare?a={one}&b={one}")
    assert client.get("/compare", params={"capture": [one]}).status_code == 400


def test_scripts_get_the_document_and_its_other_forms(
    client: TestClient, tmp_path: Path, red: Report, works: Report
) -> None:
    query = {"a": put(client, tmp_path, red), "b": put(client, tmp_path, works), "device": MAC}
    told = client.get("/api/compare", params=query).json()
    assert [device["change"] for device in told["devices"]] == ["repaired"]
    for form, media in (("text", "text/plain"), ("markdown", "text/markdown")):
        answer = client.get("/api/compare", params={**query, "format": form})
        assert answer.headers["content-type"].startswith(media)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "REPAIRED" in answer.text


def test_two_devices_are_one_when_the_page_is_told_so(client: TestClient, tmp_path: Path, red: Report) -> None:
    hosts = {"cloud": "54.229.203.190", "dev": {"ip": "10.0.0.7", "mac": "02:ee:ee:00:00:01"}}
    query = {"a": put(client, tmp_path, red), "b": put(client, tmp_path, report_of(green(), HOUR, hosts=hosts))}
    asked = client.get("/compare", params=query).text
    assert "Is it the same device?" in asked
    assert "nothing can be compared" in asked
    told = client.get("/compare", params={**query, "device": [MAC, "02:ee:ee:00:00:01"]}).text
    assert "because you said so" in told
    assert "It works again." in told


def test_of_many_devices_the_others_are_in_a_table(client: TestClient, tmp_path: Path, red: Report) -> None:
    def many(report: Report) -> Report:
        macs = [f"02:00:0a:00:01:{n:02x}" for n in range(30)]
        return replace(report, devices=tuple(replace(report.devices[0], mac=mac) for mac in macs))

    a, b = (put(client, tmp_path, many(report)) for report in (red, report_of(RED, HOUR)))
    page = client.get("/compare", params={"a": a, "b": b}).text
    assert page.count("<article") == 25
    assert "5 more devices" in page
    (link,) = re.findall(r'href="(/compare\?[^"]*02%3A00%3A0a%3A00%3A01%3A1d[^"]*)"', page)
    assert client.get(link.replace("&amp;", "&")).text.count("<article") == 1


def test_what_cannot_be_compared_is_said(client: TestClient, tmp_path: Path, red: Report) -> None:
    one = put(client, tmp_path, red)
    store: Store = client.app.state.site.store  # type: ignore[attr-defined]
    running = put(client, tmp_path, red)
    store.change(running, state=JobState.RUNNING)
    for query, status in (
        ({"a": one}, 400),
        ({"a": one, "b": "nothing"}, 404),
        ({"a": one, "b": running}, 409),
        ({"a": one, "b": one, "device": ["1", "2", "3"]}, 400),
        ({"a": one, "b": one, "format": "<script>"}, 400),
    ):
        answer = client.get("/api/compare", params=query)
        assert answer.status_code == status, query
        assert answer.json()["error"]


def test_what_a_stranger_wrote_stays_text(client: TestClient, tmp_path: Path, red: Report) -> None:
    evil = "<script>alert(1)</script>\x1b[2J"
    a, b = put(client, tmp_path, red, evil), put(client, tmp_path, red, evil)
    page = client.get("/compare", params={"a": a, "b": b, "device": evil}).text
    assert "<script>alert" not in page
    assert "<script>alert" not in client.get(f"/captures/{b}/compare").text


def test_one_device_of_several_is_compared_alone(client: TestClient, tmp_path: Path, red: Report) -> None:
    other = replace(red.devices[0], mac="02:ee:ee:00:00:02", addresses=("10.0.0.8",))
    site = put(client, tmp_path, replace(red, devices=(red.devices[0], other)), "site.pcap")
    put(client, tmp_path, red, "one.pcap")
    assert "one.pcap" in client.get(f"/captures/{site}/compare").text
    first, second = (client.get(f"/captures/{site}/compare", params={"device": n}).text for n in (0, 1))
    assert f'name="device" value="{MAC}"' in first
    assert "No other capture here holds this device" in second
    assert client.get(f"/captures/{site}/compare", params={"device": 2}).status_code == 404
