from __future__ import annotations

import csv
import io
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from pcapaudit.report.requests import find_requests
from pcapaudit.web.views.requests import MAX_MAIL, mail_address
from tests.report.test_requests import PLACED, audited, gateway
from tests.web.support import SAMPLES
from tests.web.support import audited as uploaded

IPAD = SAMPLES / "skala-ipad-9001-dropped.pcapng"


@pytest.fixture
def capture(client: TestClient) -> str:
    return uploaded(client, mirror_point="core-sw1 port 24, SPAN of VLAN 20")


def test_the_page_has_each_request_to_copy_to_mail_and_as_files(client: TestClient, capture: str) -> None:
    page = client.get(f"/captures/{capture}/requests").text

    assert "To the firewall team" in page
    assert "10.20.36.101, at core-sw1 port 24, SPAN of VLAN 20:" in page
    assert '<pre class="copied"' in page
    assert 'href="mailto:?subject=Please%20allow' in page
    assert f'href="/api/captures/{capture}/requests?to=firewall&amp;format=csv"' in page
    assert 'aria-current="page">Change requests' in page


def test_the_page_of_a_healthy_device_says_that_nothing_is_to_change(client: TestClient) -> None:
    healthy = uploaded(client, SAMPLES / "sensorist-healthy.pcapng")

    page = client.get(f"/captures/{healthy}/requests").text

    assert "There is nothing to change" in page
    assert "mailto:" not in page


def test_a_page_shows_so_many_requests_and_names_the_rest(
    client: TestClient, capture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pcapaudit.web.views.requests.MAX_SHOWN", 0)

    page = client.get(f"/captures/{capture}/requests").text

    assert "1 more requests are in the files alone." in page
    assert "mailto:" not in page


def test_where_the_capture_was_taken_is_asked_for_when_nobody_said_it(client: TestClient) -> None:
    unplaced = uploaded(client)

    assert "Where the capture was taken is not known" in client.get(f"/captures/{unplaced}/requests").text


def test_scripts_get_json_text_and_csv(client: TestClient, capture: str) -> None:
    address = f"/api/captures/{capture}/requests"

    told = client.get(address).json()["requests"]
    text = client.get(address, params={"format": "text"})
    table = client.get(address, params={"format": "csv"})

    assert [(r["to"], r["action"], r["flows"][0]["ports"]) for r in told] == [("firewall", "allow", [443, 4321])]
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.headers["content-disposition"] == f'attachment; filename="requests-{capture}.txt"'
    assert text.text.startswith("--- 1 of 1, to the firewall team")
    assert {row["port"] for row in csv.DictReader(io.StringIO(table.text))} == {"443", "4321"}


def test_one_addressee_can_be_picked(client: TestClient) -> None:
    address = f"/api/captures/{uploaded(client, IPAD)}/requests"

    both = client.get(address).json()["requests"]
    one = client.get(address, params={"to": "firewall"}).json()["requests"]
    file = client.get(address, params={"to": "firewall", "format": "csv"})

    assert [r["to"] for r in both] == ["firewall", "site"]
    assert [r["to"] for r in one] == ["firewall"]
    assert "-firewall.csv" in file.headers["content-disposition"]


def test_one_device_can_be_picked(client: TestClient, capture: str) -> None:
    address = f"/api/captures/{capture}/requests"

    assert len(client.get(address, params={"device": "0"}).json()["requests"]) == 1
    assert client.get(address, params={"device": "7"}).status_code == 404


@pytest.mark.parametrize("query", ["to=everybody", "format=exe", "to="])
def test_what_there_is_not_is_refused_with_what_there_is(client: TestClient, capture: str, query: str) -> None:
    answer = client.get(f"/api/captures/{capture}/requests?{query}")

    assert answer.status_code == 400
    assert "known are:" in answer.json()["error"]


def test_without_a_report_there_are_no_requests(client: TestClient) -> None:
    assert client.get("/api/captures/0123/requests").status_code == 404
    assert client.get("/captures/0123/requests").status_code == 404


def test_a_mail_address_holds_subject_and_text() -> None:
    request = next(r for r in find_requests(PLACED) if r.to == "vendor")

    mail = urlsplit(mail_address(request))
    told = parse_qs(mail.query)

    assert (mail.scheme, mail.netloc, mail.path) == ("mailto", "", "")
    assert told["subject"][0].startswith("Please check: Sensorist / Oscar TempLog gateway 10.0.0.5")
    assert told["body"][0].startswith("Please look at your side of this traffic")


def test_a_mail_address_stays_short_enough_for_every_system_and_says_what_it_left_out() -> None:
    hosts: dict[str, object] = {f"g{n}": f"10.0.0.{100 + n}" for n in range(20)}
    requests = find_requests(audited("".join(gateway(name) for name in hosts), hosts))

    addresses = [mail_address(request) for request in requests]

    assert all(len(address) <= MAX_MAIL for address in addresses)
    assert all("Shortened" in parse_qs(urlsplit(address).query)["body"][0] for address in addresses)
