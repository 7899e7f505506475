from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pcapaudit.capture import open_capture
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.report.document import to_json
from pcapaudit.web.settings import Settings
from tests.web.support import BLINKING, SAMPLES, audited, upload, wait_for


def test_a_capture_goes_in_and_its_report_comes_out(client: TestClient) -> None:
    answer = upload(client, BLINKING.read_bytes(), "office.pcapng")
    capture = answer.json()["id"]
    told = wait_for(client, capture)
    report = client.get(f"/api/captures/{capture}/report").json()
    wanted = json.loads(to_json(audit([str(BLINKING)], AuditOptions(why=True, separate=True))))

    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/captures/{capture}")
    assert (told[-1]["state"], told[-1]["progress"]) == ("done", 1.0)
    assert report["devices"] == wanted["devices"]
    assert report["captures"][0]["source"] == report["captures"][0]["files"][0]["source"] == "office.pcapng"


def test_the_list_says_what_was_found(client: TestClient) -> None:
    capture = audited(client)
    (line,) = client.get("/api/captures").json()["captures"]

    assert line == client.get(f"/api/captures/{capture}").json()
    assert (line["state"], line["progress"], line["size"]) == ("done", 1.0, BLINKING.stat().st_size)
    assert [(d["signature"], d["verdict"]) for d in line["devices"]] == [("sensorist/gateway", "failed")]


def test_the_same_file_is_recognised_unless_something_else_is_wanted(client: TestClient) -> None:
    first = audited(client)
    again = upload(client, BLINKING.read_bytes(), "another-name.pcapng")
    other = upload(client, BLINKING.read_bytes(), led="solid red")

    assert (again.status_code, again.json()) == (200, {"id": first, "known": True})
    assert other.status_code == 201


def test_what_the_admin_knows_reaches_the_audit(client: TestClient) -> None:
    capture = audited(client, SAMPLES / "sensorist-no-dhcp.pcapng", signature="sensorist/gateway", led="solid red")
    report = client.get(f"/api/captures/{capture}/report").json()

    assert report["said"]["led"] == "solid red"
    assert [d["signature"] for d in report["devices"]] == ["sensorist/gateway"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "no capture: it is empty"), (b"GIF89a" + bytes(90), "no capture: starts with")],
    ids=["an empty file", "a picture"],
)
def test_what_is_no_capture_fails_with_its_reason_and_name(client: TestClient, content: bytes, reason: str) -> None:
    capture = upload(client, content, "odd.pcap").json()["id"]
    last = wait_for(client, capture)[-1]

    assert last["state"] == "failed"
    assert last["reason"].startswith("odd.pcap at byte 0: ")
    assert reason in last["reason"]
    assert client.get(f"/api/captures/{capture}/report").status_code == 409


def test_the_report_comes_in_every_form_and_none_that_runs(client: TestClient) -> None:
    capture = audited(client)
    for form, begin in (("html", "<!doctype html>"), ("markdown", "# "), ("text", "sensorist"), ("csv", "source,mac")):
        answer = client.get(f"/api/captures/{capture}/report", params={"format": form})
        assert answer.text.startswith(begin), form
        assert answer.headers["content-disposition"].startswith("attachment")
    assert client.get(f"/api/captures/{capture}/report", params={"format": "exe"}).status_code == 400


def test_the_evidence_is_a_capture_of_fewer_frames(client: TestClient, tmp_path: Path) -> None:
    capture = audited(client)
    file = tmp_path / "evidence.pcapng"
    file.write_bytes(client.get(f"/api/captures/{capture}/evidence").content)

    frames = sum(len(batch) for batch in open_capture(str(file), notes=CaptureNotes()))
    assert 0 < frames < 326


def test_a_deleted_capture_leaves_nothing(client: TestClient, settings: Settings) -> None:
    capture = audited(client)
    assert client.delete(f"/api/captures/{capture}").status_code == 204

    assert client.get(f"/api/captures/{capture}").status_code == 404
    assert list(settings.captures.iterdir()) == []
    assert upload(client, BLINKING.read_bytes()).status_code == 201


def test_a_note_is_kept_and_nothing_else_is_taken_for_one(client: TestClient) -> None:
    capture = audited(client)
    address = f"/api/captures/{capture}"

    assert client.patch(address, json={"note": "port 12, after the change"}).status_code == 204
    assert client.get(address).json()["note"] == "port 12, after the change"
    for body in ('{"note": 5}', "{}", "[]", "no JSON", '{"note": "' + "x" * 10_001 + '"}'):
        assert client.patch(address, content=body).status_code == 400


def test_an_upload_beyond_the_limit_is_refused_and_leaves_nothing(client: TestClient, settings: Settings) -> None:
    announced = upload(client, bytes(settings.max_upload + 1))
    streamed = client.put("/api/captures", content=iter([bytes(600_000), bytes(600_000)]))

    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert "limit of this server" in streamed.json()["error"]
    assert list(settings.incoming.iterdir()) == []


@pytest.mark.parametrize("capture", ["nothing", "..", "%2e%2e%2ftoken", "a/../../token", "' OR 1=1 --"])
def test_an_id_that_is_none_leads_nowhere(client: TestClient, capture: str) -> None:
    assert client.get(f"/api/captures/{capture}/report").status_code == 404


def test_fifty_uploads_at_once_are_all_taken(client: TestClient) -> None:
    content = (SAMPLES / "sensorist-no-dhcp.pcapng").read_bytes()
    ids = {upload(client, content, note=str(number), log=f"line {number}").json()["id"] for number in range(50)}
    assert len(ids) == len(client.get("/api/captures").json()["captures"]) == 50


def test_the_interface_describes_itself(client: TestClient) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths["/api/captures/{id}"]) == {"get", "patch", "delete"}
