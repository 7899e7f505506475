from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from tests.support.page import Page
from tests.web.support import BLINKING, audited, upload, wait_for


def send(client: TestClient, capture: str, **said: str) -> tuple[int, str]:
    """The form, sent with these fields: the status, and the id of the capture that it leads to."""
    answer = client.post(f"/captures/{capture}/anew", data=said)
    return answer.status_code, answer.headers.get("location", "").removeprefix("/captures/")


def test_a_capture_is_analysed_with_other_details_without_being_sent_again(client: TestClient, tmp_path: Path) -> None:
    first = audited(client, note="port 12")
    status, second = send(client, first, device="10.20.36.155", led="solid red")
    wait_for(client, second)

    assert (status, second != first) == (303, True)
    found = client.get(f"/api/captures/{second}").json()
    assert [device["addresses"] for device in found["devices"]] == [["10.20.36.155"]]
    assert (found["name"], found["note"], found["wishes"]["led"]) == (BLINKING.name, "port 12", "solid red")
    folder = tmp_path / "data" / "captures"
    assert (folder / first / "capture").samefile(folder / second / "capture"), "the file is on the disk once"
    assert not list((tmp_path / "data" / "incoming").iterdir())


def test_each_of_the_two_outlives_the_other(client: TestClient, tmp_path: Path) -> None:
    first = audited(client)
    _, second = send(client, first, device="10.20.36.155")
    wait_for(client, second)
    client.delete(f"/api/captures/{first}")

    assert client.get(f"/captures/{second}").status_code == 200
    assert (tmp_path / "data" / "captures" / second / "capture").read_bytes() == BLINKING.read_bytes()


def test_the_same_details_lead_to_the_answer_that_is_there(client: TestClient) -> None:
    first = audited(client, led="blinking red")

    assert send(client, first, led="blinking red") == (303, first)


def test_the_form_holds_what_was_said_and_what_cannot_be_meant_so(client: TestClient) -> None:
    capture = str(upload(client, b"no capture", led="<red>").json()["id"])
    shown = Page(client.get(f"/captures/{capture}/anew").text)
    assert "<red>" in [a.get("value") for a in shown.all("input")]
    assert f"/captures/{capture}/anew" in {a["href"] for a in Page(client.get(f"/captures/{capture}").text).all("a")}

    answer = client.post(f"/captures/{capture}/anew", data={"device": "the red one", "signature": "nobody/nothing"})
    assert answer.status_code == 303
    said = Page(client.get(answer.headers["location"]).text)
    assert "'the red one' is neither a MAC nor an IP address" in said.text
    assert "there is no product 'nobody/nothing'" in said.text
    assert "the red one" in [a.get("value") for a in said.all("input")]


def test_parameters_of_a_product_stay_while_the_product_does(client: TestClient) -> None:
    given = {"signature": "wennsoft/miniagent", "param": "app_port=57123"}
    first = str(upload(client, b"no capture", **given).json()["id"])
    _, second = send(client, first, signature="wennsoft/miniagent", led="red")
    _, third = send(client, first, signature="sensorist/gateway")

    wishes = [client.get(f"/api/captures/{capture}").json()["wishes"] for capture in (first, second, third)]
    assert [wish["params"] for wish in wishes] == [{"app_port": "57123"}, {"app_port": "57123"}, {}]


def test_a_capture_that_there_is_not_has_no_form(client: TestClient) -> None:
    assert client.get("/captures/0123456789abcdef01/anew").status_code == 404
    assert send(client, "0123456789abcdef01", led="red")[0] == 404


def test_a_page_of_another_server_cannot_send_the_form(client: TestClient) -> None:
    capture = audited(client)
    answer = client.post(f"/captures/{capture}/anew", data={"led": "x"}, headers={"Origin": "http://elsewhere.example"})

    assert answer.status_code == 403
