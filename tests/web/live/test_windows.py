from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.web.app import build_app
from pcapaudit.web.captures.wishes import WishError
from pcapaudit.web.live.windows import Span, read_span
from pcapaudit.web.settings import Live, Settings
from tests.web.live.support import blind, fill_ring, lost, status, telling, wait_for_status
from tests.web.process import wait_until
from tests.web.support import BLINKING, TOKEN, audited, wait_for

S = 10**9
NOON_NS = 1_767_268_800 * S
"""2026-01-01T12:00:00Z."""
AFTER_SAMPLE = "2026-11-21T12:05:00Z"
WHOLE = {"from": "2026-11-21T12:00:00Z", "to": AFTER_SAMPLE}


@pytest.fixture
def live(tmp_path: Path) -> Live:
    """A watch that stands behind the sample."""
    return telling(tmp_path, [lost(), status(at=AFTER_SAMPLE)])


@pytest.fixture
def site(settings: Settings, live: Live) -> Iterator[TestClient]:
    """The server of that watch, whose ring is empty."""
    with TestClient(build_app(replace(settings, live=live)), follow_redirects=False) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wait_for_status(client)
        yield client


# --- which window is meant --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, (-900, 0)),
        ({"from": "2026-01-01T11:00:00Z"}, (-3600, 0)),
        ({"to": "2026-01-01T11:30"}, (-2700, -1800)),
        ({"from": "2026-01-01T12:50:00+01:00", "to": "2026-01-01T11:59:30.5Z"}, (-600, -29.5)),
        ({"from": "2026-01-01 11:00", "to": "2026-01-01T13:00:00"}, (-3600, 0)),
        ({"around": "2026-01-01T11:30:00Z"}, (-2100, -1200)),
        ({"around": "2026-01-01T11:59:00Z"}, (-360, 0)),
        ({"around": "", "from": "", "to": ""}, (-900, 0)),
    ],
)
def test_a_window_is_read_and_ends_now_at_the_latest(fields: dict[str, str], seconds: tuple[float, float]) -> None:
    span = read_span(fields, NOON_NS)
    found = [(span.from_ns - NOON_NS) / S, (span.to_ns - NOON_NS) / S]
    assert found == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"from": "yesterday"}, "from", "expected a time such as"),
        ({"to": "2026-02-30T00:00:00Z"}, "to", "expected a time such as"),
        ({"around": "9" * 4000}, "around", "expected a time such as"),
        ({"from": "2026-01-01T11:00:00Z", "to": "2026-01-01T11:00:00Z"}, "from", "begin before it ends"),
        ({"from": "2026-01-01T12:30:00Z", "to": "2026-01-01T13:00:00Z"}, "from", "12:00:00\\+00:00"),
        ({"around": "2030-01-01T00:00:00Z"}, "from", "after the newest frame"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(fields: dict[str, str], field: str, reason: str) -> None:
    with pytest.raises(WishError, match=reason) as refused:
        read_span(fields, NOON_NS)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("span", "name"),
    [
        (Span(NOON_NS, NOON_NS + 900 * S), "eth1 2026-01-01 12:00–12:15 UTC"),
        (Span(NOON_NS + 5 * S, NOON_NS + 900 * S + 1), "eth1 2026-01-01 12:00:05–12:15:00 UTC"),
        (Span(NOON_NS - 86400 * S, NOON_NS), "eth1 2025-12-31 12:00–2026-01-01 12:00 UTC"),
    ],
)
def test_the_name_says_which_window_it_is(span: Span, name: str) -> None:
    assert span.name("eth1") == name


# --- out of the ring --------------------------------------------------------------------------------------


def test_a_window_of_all_gives_the_verdict_of_the_file(site: TestClient, live: Live) -> None:
    fill_ring(live, BLINKING)
    capture = site.post("/api/live/window", json={**WHOLE, "led": "blinking red"}).json()["id"]
    assert wait_for(site, capture)[-1]["state"] == "done"
    whole = audited(site, led="blinking red")

    cut, file = (site.get(f"/api/captures/{one}/report").json() for one in (capture, whole))
    same = ("verdict", "since", "summary", "root_cause", "stages", "mac", "signature")
    assert [cut["devices"][0][name] for name in same] == [file["devices"][0][name] for name in same]
    assert cut["captures"][0]["counters"]["frames"] == file["captures"][0]["counters"]["frames"]
    assert cut["captures"][0]["source"] == "eth1 2026-11-21 12:03:06–12:05:00 UTC"


def take(settings: Settings, live: Live, body: dict[str, str]) -> tuple[dict[str, Any], CaptureNotes]:
    """The capture of a window, when its watch has told everything; and what the file says besides its frames."""
    with TestClient(build_app(replace(settings, live=live))) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wait_until(lambda: wait_for_status(client)["status"]["at"] == AFTER_SAMPLE)
        capture = client.post("/api/live/window", json=body).json()["id"]
        told = client.get(f"/api/captures/{capture}").json()
    notes = CaptureNotes()
    for _ in open_capture(settings.captures / capture / "capture", notes=notes):
        pass
    return told, notes


def test_what_the_watch_knows_goes_into_the_capture(settings: Settings, tmp_path: Path) -> None:
    """When frames were lost, and until when the wire was watched."""
    seen = [status(at="2026-11-21T12:03:00Z"), status(at="2026-11-21T12:03:30Z", dropped=12)]
    live = telling(tmp_path, [*seen, status(at=AFTER_SAMPLE, dropped=12)])
    fill_ring(live, BLINKING)
    _, notes = take(settings, live, WHOLE)
    assert (notes.dropped, notes.watched_until_ns) == (12, 1_795_262_700 * S)


@pytest.mark.parametrize(
    ("since", "until", "name"),
    [
        ("2026-11-21T12:03:20Z", "2026-11-21T12:03:50Z", "eth1 2026-11-21 12:03:50–12:05:00 UTC"),
        ("2026-11-21T12:04:20Z", "2026-11-21T12:04:50Z", "eth1 2026-11-21 12:03:06–12:04:20 UTC"),
    ],
)
def test_no_report_goes_over_a_gap(settings: Settings, tmp_path: Path, since: str, until: str, name: str) -> None:
    """Whoever was not answered in a time that nobody watched would look as if he had no answer."""
    live = telling(tmp_path, [blind(event="sighted", since=since, at=until), status(at=AFTER_SAMPLE)])
    fill_ring(live, BLINKING)
    told, _ = take(settings, live, {**WHOLE, "note": "look at this"})
    said = [text.replace("T", " ").replace("Z", "+00:00") for text in (since, until)]
    assert told["name"] == name
    assert told["note"] == (
        f"look at this\nNothing was watched from {said[0]} to {said[1]}; this is the longest part beside."
    )


def test_a_window_in_which_nothing_was_watched_is_refused(settings: Settings, tmp_path: Path) -> None:
    gap = blind(event="sighted", since="2026-11-21T12:03:00Z", at=AFTER_SAMPLE)
    live = telling(tmp_path, [gap, status(at=AFTER_SAMPLE)])
    fill_ring(live, BLINKING)
    with TestClient(build_app(replace(settings, live=live))) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wait_for_status(client)
        answer = client.post("/api/live/window", json={"from": "2026-11-21T12:03:30Z", "to": "2026-11-21T12:04:00Z"})
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("nothing was watched between 2026-11-21 12:03:30+00:00")


def test_the_same_window_is_the_same_capture(site: TestClient, live: Live) -> None:
    fill_ring(live, BLINKING)
    first, second = (site.post("/api/live/window", json=WHOLE) for _ in range(2))
    other = site.post("/api/live/window", json={**WHOLE, "led": "off"})
    assert (first.status_code, second.status_code, other.status_code) == (201, 200, 201)
    assert second.json() == {"id": first.json()["id"], "known": True}
    assert other.json()["id"] != first.json()["id"]


def test_a_ring_that_does_not_hold_the_window_says_what_it_holds(
    site: TestClient, live: Live, settings: Settings
) -> None:
    def refused(span: dict[str, str]) -> tuple[int, str]:
        answer = site.post("/api/live/window", json=span)
        return answer.status_code, answer.json()["error"]

    assert refused(WHOLE) == (404, "the ring holds no frame yet")
    fill_ring(live, BLINKING)
    early = {"from": "2026-11-21T11:00:00Z", "to": "2026-11-21T12:00:00Z"}
    assert refused(early) == (404, "the ring holds frames from 2026-11-21 12:03:06+00:00 on; what came before is gone")
    late = {"from": "2026-11-21T12:04:55Z", "to": AFTER_SAMPLE}
    assert refused(late) == (404, "no frame came between 2026-11-21 12:04:55+00:00 and 2026-11-21 12:05:00+00:00")
    assert list(settings.incoming.iterdir()) == []
    assert site.get("/api/captures").json()["total"] == 0


def test_a_window_is_as_large_as_an_upload_at_most(settings: Settings, live: Live) -> None:
    fill_ring(live, BLINKING)
    with TestClient(build_app(replace(settings, live=live, max_upload=10_000))) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wait_for_status(client)
        answer = client.post("/api/live/window", json=WHOLE)
    assert answer.status_code == 413
    assert "larger than 10000 bytes" in answer.json()["error"]
    assert list(settings.incoming.iterdir()) == []


def test_the_newest_file_may_end_within_a_record(site: TestClient, live: Live) -> None:
    fill_ring(live, BLINKING)
    newest = max(live.ring.iterdir())
    newest.write_bytes(newest.read_bytes()[:-30])
    capture = site.post("/api/live/window", json=WHOLE).json()["id"]
    assert wait_for(site, capture)[-1]["state"] == "done"
    (told,) = site.get(f"/api/captures/{capture}/report").json()["captures"]
    assert told["counters"]["frames"] == 325
    assert not any(item["rule"] == "CAP-TRUNCATED-FILE" for item in told["health"])
