from __future__ import annotations

import re

from starlette.testclient import TestClient

from tests.web.support import BLINKING, audited, upload, wait_for


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
