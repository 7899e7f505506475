from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapaudit.model.words import Stage, Verdict
from pcapaudit.watch.events import Event, Kind, say, say_frames

NOON_NS = 1_767_268_800_000_000_000
"""2026-01-01 12:00:00 UTC."""
LOST = Event(
    Kind.LOST,
    NOON_NS,
    device="Sensorist / Oscar TempLog gateway",
    mac="02:00:00:00:00:05",
    address="10.0.0.5",
    verdict=Verdict.FAILED,
    stage=Stage.CONNECT,
    rule="TCP-SYN-TIMEOUT",
    since="2026-01-01T11:59:35.000000Z",
    summary="No answer from gk.sensorist.com on TCP 4321.",
    frames=(31, 38),
)


def test_a_loss_is_one_sentence_with_since_and_why() -> None:
    assert say(LOST) == (
        "Sensorist / Oscar TempLog gateway 10.0.0.5 is offline since 11:59:35, at connect:"
        " No answer from gk.sensorist.com on TCP 4321"
    )
    assert say_frames(LOST) == "frames 31, 38"


def test_a_json_line_holds_what_belongs_to_its_kind() -> None:
    told = LOST.as_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["event"], told["at"], told["frames"]) == ("lost", "2026-01-01T12:00:00.000000Z", [31, 38])
    assert {"count", "period_s", "lasted_s"}.isdisjoint(told)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Event(Kind.SEEN, 0, address="10.0.0.5", verdict=Verdict.HEALTHY), "10.0.0.5 is there and works"),
        (Event(Kind.RECOVERED, 0, address="10.0.0.5", lasted_s=125), "10.0.0.5 works again, after 2 min 5 s"),
        (Event(Kind.CHANGED, 0, verdict=Verdict.DEGRADED, summary="Slow."), "is now degraded: Slow"),
        (
            Event(Kind.FLAPPING, 0, count=3, period_s=40.0),
            "was lost 3 times, every 40 s; only the end of this will be told",
        ),
        (
            Event(Kind.SETTLED, 0, count=9, lasted_s=400.0, verdict=Verdict.FAILED),
            "was lost 9 times in 6 min 40 s and stays offline",
        ),
        (Event(Kind.SILENT, 0, lasted_s=600.0), "has not been heard for 10 min"),
        (Event(Kind.BACK, 0, lasted_s=7200.0), "is heard again, after 2 h 0 min"),
        (
            Event(Kind.FORGOTTEN, 0, address="10.0.0.5", lasted_s=7 * 86_400),
            "10.0.0.5 was offline and has not been heard for 7 days; it is watched no more",
        ),
        (
            Event(Kind.BLIND, 0, since="2026-01-01T11:59:35.000000Z", summary="the interface is down"),
            "nothing can be seen since 11:59:35: the interface is down; nothing is claimed until it can",
        ),
        (
            Event(Kind.SIGHTED, 0, lasted_s=180, summary="the interface was down"),
            "nothing could be seen for 3 min: the interface was down; nothing is claimed over this gap",
        ),
        (
            Event(Kind.DROPPED, 0, count=12_000),
            "12,000 frames were lost while capturing; nothing is claimed over this gap",
        ),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Event) else "",
)
def test_every_kind_has_its_sentence(event: Event, said: str) -> None:
    assert say(event) == said


def test_no_kind_is_without_a_sentence() -> None:
    assert all(say(Event(kind, NOON_NS, count=1)) for kind in Kind)


def test_every_kind_stands_in_the_documentation() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "live.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {kind for kind in Kind if not any(f"`{kind}`" in row for row in rows)} == set()
