from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pcapaudit.capture import open_capture
from pcapaudit.engine.jobs import Limits
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.report.document import to_json
from pcapaudit.web.app import build_app
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
    assert "this server's limit" in streamed.json()["error"]
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


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ({"size": "500000", "device": "10.0.0.5", "signature": "sensorist/gateway"}, None, None),
        ({"device": "10.0.0.555"}, "device", "neither a MAC nor an IP address"),
        ({"param": "app_port=9"}, "param=app_port", "from 57002 to 57999"),
        ({"size": "2000000"}, "size", "this server's limit"),
        ({"note": "x" * 10_001}, "note", "at most 10000 characters"),
        ({"size": "many"}, None, None),
    ],
)
def test_what_stands_against_an_upload_is_told_before_it_is_sent(
    client: TestClient, query: dict[str, str], field: str | None, reason: str | None
) -> None:
    answer = client.get("/api/check", params=query)
    faults = answer.json()["faults"]
    assert (answer.status_code, list(faults)) == (200, [field] if field else [])
    assert (reason or "") in "".join(faults.values())
    if field != "size":
        assert upload(client, b"x", **query).status_code == (400 if field else 201)


def test_first_findings_are_told_before_the_report_is_there(client: TestClient) -> None:
    # samples/sensorist-blinking-red.yaml says what happened to whom.
    told = wait_for(client, upload(client, BLINKING.read_bytes()).json()["id"])
    found = [status["found"][0] for status in told if status["found"]]
    assert all(status["state"] == "running" for status in told if status["found"])
    assert {(d["mac"], d["verdict"], d["rule"]) for d in found} <= {
        ("02:54:10:2b:30:01", "failed", "TCP-ALL-PORTS-FAIL")
    }
    assert told[-1]["progress"] == 1.0


def test_events_of_several_captures_come_in_one_stream(client: TestClient) -> None:
    ids = [upload(client, content).json()["id"] for content in (b"", b"x")]
    with client.stream("GET", "/api/events", params={"id": [*ids, "none"]}) as answer:
        lines = list(answer.iter_lines())
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert {status["id"] for status in told if status.get("state") == "failed"} == set(ids)
    assert lines[lines.index("event: gone") + 1] == 'data: {"id": "none"}'


@pytest.mark.parametrize("ids", [[], ["x"] * 51])
def test_events_of_none_or_of_all_the_world_are_refused(client: TestClient, ids: list[str]) -> None:
    assert client.get("/api/events", params={"id": ids}).status_code == 400


def test_what_is_done_is_not_analysed_again(client: TestClient) -> None:
    capture = audited(client)
    assert client.post(f"/api/captures/{capture}/again").status_code == 409
    assert client.post("/api/captures/none/again").status_code == 404


@pytest.mark.parametrize(
    ("limits", "reason"),
    # Where the memory ends, and so in which words the process says so, differs from machine to machine.
    [(Limits(memory_bytes=64 << 20), ""), (Limits(seconds=0.01), "not done after 0.01 s")],
    ids=["memory", "time"],
)
def test_an_analysis_beyond_its_limits_fails_with_the_limit(settings: Settings, limits: Limits, reason: str) -> None:
    with TestClient(build_app(replace(settings, limits=limits))) as client:
        client.headers["Authorization"] = f"Bearer {settings.token}"
        last = wait_for(client, upload(client, BLINKING.read_bytes()).json()["id"])[-1]
    assert last["state"] == "failed"
    assert reason in last["reason"]


def test_big_answers_are_sent_piece_by_piece(client: TestClient) -> None:
    capture = audited(client)
    for path in ("report", "evidence"):
        part = client.get(f"/api/captures/{capture}/{path}", headers={"Range": "bytes=0-9"})
        assert (part.status_code, len(part.content)) == (206, 10)
