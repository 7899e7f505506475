from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pcapaudit.web.frames import page as frames
from tests.support.pcap import write_pcap
from tests.support.scene import play_script
from tests.web.support import audited, upload

EVIL = "<img src=x onerror=alert(1)>"


@pytest.mark.needs_tshark
def test_the_page_shows_the_tree_the_bytes_and_what_rests_on_the_frame(client: TestClient) -> None:
    capture = audited(client)
    page = client.get(f"/captures/{capture}/frames/48").text

    assert "<title>Frame 48 – " in page
    assert ">root cause</span>" in page
    assert "/rules/TCP-ALL-PORTS-FAIL" in page
    assert "Transmission Control Protocol, Src Port: 40956, Dst Port: 4321, Seq: 0, Len: 0</summary>" in page
    # Destination port 4321 is 0x10e1, at byte 36: 14 of Ethernet, 20 of IPv4, 2 of the source port.
    assert 'data-name="tcp.dstport" data-at="36" data-size="2" data-part="0">Destination Port: 4321' in page
    assert re.search(r"^0020  .{12}10 e1", page, re.MULTILINE)
    assert "frame.number == 48" in page
    assert 'rel="next"' in page


@pytest.mark.needs_tshark
def test_a_line_that_speaks_of_another_frame_leads_to_it(client: TestClient) -> None:
    capture = audited(client)
    page = client.get(f"/captures/{capture}/frames/47").text
    assert f'<a href="/captures/{capture}/frames/46">Request In: 46</a>' in page


@pytest.mark.needs_tshark
def test_a_script_gets_the_same_as_json(client: TestClient) -> None:
    capture = audited(client)
    told = client.get(f"/api/captures/{capture}/frames/47").json()

    assert (told["frame"]["number"], told["frame"]["time"][:10]) == (47, "2026-11-21")
    assert [layer["name"] for layer in told["frame"]["layers"]] == ["frame", "eth", "ip", "udp", "dns"]
    assert len(bytes.fromhex(told["frame"]["data"])) == told["frame"]["length"] == 92
    assert told["proves"][-1]["what"] == "timeline"
    assert (told["next"], told["display_filter"], told["note"]) == (48, "frame.number == 47", None)


@pytest.mark.needs_tshark
def test_a_frame_is_dissected_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = audited(client)
    first = client.get(f"/captures/{capture}/frames/5").text
    monkeypatch.setattr(frames, "run_dissect", None)
    assert client.get(f"/captures/{capture}/frames/5").text == first


def test_what_another_version_kept_is_made_again(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = audited(client)
    monkeypatch.setenv("PATH", "/nonexistent")
    kept = client.app.state.site.settings.captures / capture / "frames"  # type: ignore[attr-defined]
    kept.mkdir()
    empty = b'{"schema": "pcapaudit/frames/1", "frames": [], "dissector": null, "note": null}'
    for content in (
        b"{}",
        b"\xff",
        empty,
        b'{"schema": "pcapaudit/frames/1", "frames": [{"odd": 1}], "dissector": null}',
    ):
        (kept / "47.json").write_bytes(content)
        assert "port 53 to port" in client.get(f"/captures/{capture}/frames/47").text


def test_a_frame_that_is_not_there_is_said_on_a_page_and_in_json(client: TestClient) -> None:
    capture = audited(client)
    for number in ("0", "327", "-1", "abc", "1e2", "٣", "9" * 5000, "47.json", " 5"):
        page = client.get(f"/captures/{capture}/frames/{number}")
        told = client.get(f"/api/captures/{capture}/frames/{number}")
        assert (page.status_code, told.status_code) == (404, 404), number
        assert "this capture has frames 1 to 326" in page.text
        assert told.json()["error"].endswith("this capture has frames 1 to 326")


def test_there_is_no_frame_before_the_analysis_is_done(client: TestClient) -> None:
    capture = upload(client, b"", "odd.pcap").json()["id"]
    assert client.get(f"/captures/{capture}/frames/1").status_code == 303
    assert client.get(f"/api/captures/{capture}/frames/1").status_code == 409
    assert client.get("/captures/nothing/frames/1").status_code == 404


def test_without_tshark_the_page_says_what_to_install_and_shows_the_bytes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = audited(client)
    monkeypatch.setenv("PATH", "/nonexistent")
    page = client.get(f"/captures/{capture}/frames/47").text
    assert "Debian: apt install tshark" in page
    assert "port 53 to port" in page
    assert "0020  24 65 00 35" in page
    # The next time tshark may be there.
    kept = client.app.state.site.settings.captures / capture / "frames"  # type: ignore[attr-defined]
    assert list(kept.iterdir()) == []


def test_a_job_that_fails_is_said_without_the_server_s_paths(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = audited(client)
    monkeypatch.setattr(frames, "_PATIENCE_S", 0.01)
    told = client.get(f"/api/captures/{capture}/frames/5")
    assert told.status_code == 503
    assert told.json()["error"] == "this frame could not be read: not done after 0.01 s: stopped"


@pytest.mark.needs_tshark
def test_strings_of_the_wire_are_text_on_the_page(client: TestClient, tmp_path: Path) -> None:
    script = (
        "0.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n1.0 dev > cloud:4321 CONNECT\n60.0 switch > * WATCH"
    )
    rows = [(f.time_ns, f.data, f.wire_len) for f in play_script(script)]
    # UDP to a port of syslog: tshark shows the message.
    message = f"<13>{EVIL}\u202e\x1b[2J".encode()
    head = bytes.fromhex("02000a000001 02000a000005 0800".replace(" ", ""))
    size = 28 + len(message)
    ip = bytes([0x45, 0]) + size.to_bytes(2, "big") + bytes.fromhex("0001 0000 40 11 0000 0a000005 0a000001")
    udp = (514).to_bytes(2, "big") * 2 + (size - 20).to_bytes(2, "big") + bytes(2)
    data = head + ip + udp + message
    path = tmp_path / "evil.pcap"
    write_pcap(path, [*rows, (rows[-1][0] + 1, data, len(data))])
    capture = audited(client, path)

    page = client.get(f"/captures/{capture}/frames/{len(rows) + 1}").text
    assert "Syslog message" in page
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
