from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

from starlette.applications import Starlette
from starlette.testclient import TestClient

from pcapaudit.report.document import from_json, to_json
from pcapaudit.web.state import Site
from tests.support.page import Page
from tests.web.support import BLINKING, audited, upload, wait_for


def site_behind(client: TestClient) -> Site:
    return cast("Site", cast("Starlette", client.app).state.site)


def test_the_page_of_a_capture_holds_the_report_and_its_doors(client: TestClient) -> None:
    capture = audited(client)
    page = client.get(f"/captures/{capture}").text

    assert "No answer from gk.sensorist.com, gk.sensorist.net on TCP 443 or 4321" in page
    assert "To the firewall team" in page
    for address in re.findall(r'href="(/api/[^"]+)"', page):
        assert client.get(address.replace("&amp;", "&")).status_code == 200, address


def test_the_page_says_what_the_admin_said(client: TestClient) -> None:
    capture = audited(client, led="blinking red", device="10.20.36.101", note="from <Tuesday>")
    text = Page(client.get(f"/captures/{capture}").text).text

    assert "You said: device 10.20.36.101 · LED blinking red" in text
    assert "Note: from <Tuesday>" in text


def test_the_view_for_the_support_engineer_holds_every_finding_and_every_rule(client: TestClient) -> None:
    capture = audited(client)
    report = from_json(client.get(f"/api/captures/{capture}/report").text)
    shown = Page(client.get(f"/captures/{capture}/findings").text)

    assert f"{len(report.devices[0].findings)} findings" in shown.text
    assert all(finding.title in shown.text for finding in report.devices[0].findings)
    assert sum("data-state" in row for row in shown.all("tr")) == len(report.devices[0].why) > 50
    assert [a.get("aria-current") for a in shown.all("a") if a["href"] == f"/captures/{capture}/findings"] == ["page"]


def test_one_device_of_several_is_chosen_by_its_place_in_the_report(client: TestClient) -> None:
    capture = audited(client)
    path = site_behind(client).store.report_path(capture)
    report = from_json(path.read_text(encoding="utf-8"))
    twins = tuple(replace(report.devices[0], title=f"Device number {at}") for at in range(3))
    path.write_text(to_json(replace(report, devices=twins)), encoding="utf-8")

    for view, part in (("", "device"), ("/findings", "findings")):
        shown = Page(client.get(f"/captures/{capture}{view}?device=1").text)
        assert [str(a["id"])[-2:] for a in shown.all("article")] == ["-1"]
        assert {a["href"] for a in shown.all("a")} >= {f"?device={at}#{part}-{at}" for at in range(3)}
        assert f"/captures/{capture}/findings?device=1" in {a["href"] for a in shown.all("a")}


def test_a_note_is_kept_without_a_script(client: TestClient) -> None:
    capture = audited(client)
    note = "Zeile eins\nline two: ü & <b>"
    answer = client.post(f"/captures/{capture}/note", data={"note": note.replace("\n", "\r\n")})

    assert answer.status_code == 303
    assert client.get(f"/api/captures/{capture}").json()["note"] == note
    assert client.post(f"/captures/{capture}/note", data={"note": "x" * 10_001}).status_code == 400
    assert client.post(f"/captures/{capture}/note", content=b"x" * 200_000).status_code == 413


def test_a_capture_is_deleted_without_a_script(client: TestClient) -> None:
    capture = audited(client)
    page = Page(client.get(f"/captures/{capture}").text)
    (form,) = [f for f in page.all("form") if f.get("id") == "remove"]
    fields = {"capture": capture}

    assert "Delete this capture?" in client.post(str(form["action"]), data=fields).text
    assert client.post(str(form["action"]), data={**fields, "sure": "1"}).status_code == 303
    assert client.get(f"/captures/{capture}").status_code == 404


def test_a_capture_that_failed_says_why(client: TestClient) -> None:
    capture = upload(client, b"", "odd.pcap").json()["id"]
    wait_for(client, capture)
    assert "no capture: it is empty" in client.get(f"/captures/{capture}").text
    assert client.get(f"/captures/{capture}/findings").headers["location"] == f"/captures/{capture}"


def test_names_and_notes_are_text_wherever_they_are_shown(client: TestClient) -> None:
    evil = '<img src=x onerror="alert(1)">.pcap'
    capture = upload(client, BLINKING.read_bytes(), evil, note=evil, led=evil).json()["id"]
    wait_for(client, capture)
    for path in (
        "/",
        f"/captures/{capture}",
        f"/captures/{capture}/findings",
        f"/api/captures/{capture}/report?format=html",
    ):
        page = client.get(path).text
        assert "<img" not in page
        assert "&lt;img src=x" in page
