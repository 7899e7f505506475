from __future__ import annotations

from collections.abc import Mapping
from threading import Thread
from typing import Any

import pytest

from pcapaudit.station import outlet as module
from pcapaudit.station.outlet import Counts, Outlet, RefusedError, UnreachedError, say_event

DAY_S = 86_400.0


class Fake:
    """A receiver with a list of faults to come, and all that an outlet says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *faults: Exception | None) -> None:
        self.faults = list(faults)
        self.sent: list[Mapping[str, Any]] = []
        self.notes: list[str] = []
        self.settled: list[int] = []
        self.waits: list[float] = []
        self.last_waits: list[float] = []
        self.now_s = 0.0
        self.outlet = Outlet(
            "webhook https://x",
            self.send,
            note=self.notes.append,
            settle=self.settled.append,
            clock=lambda: self.now_s,
        )
        monkeypatch.setattr(self.outlet, "_pause", self.wait)

    def send(self, number: int | None, event: Mapping[str, Any]) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        self.sent.append({**event, "number": number})

    def wait(self, seconds: float, *, was_over: bool) -> None:
        (self.last_waits if was_over else self.waits).append(seconds)
        self.now_s += seconds

    def deliver(self, *numbers: int) -> None:
        """Let these events go out, as long as it takes: the end only comes when all are settled."""
        for number in numbers:
            self.outlet.put(number, {"event": "lost"})
        worker = Thread(target=self.outlet.work)
        worker.start()
        while set(self.settled) < set(numbers):
            assert worker.is_alive()
        self.outlet.finish()
        worker.join()


def test_an_event_is_a_sentence_that_begins_with_what_is_watched() -> None:
    assert say_event({"event": "lost", "text": "x is offline\x1b"}, "eth1") == "eth1: x is offline\\x1b"
    assert say_event({"event": "lost", "text": "x is offline"}, "-") == "x is offline"
    assert say_event({"event": "lost", "text": None}, "eth1") == "eth1: lost"


def test_events_go_out_in_order_and_are_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch)
    fake.deliver(1, 2, 3)
    assert [sent["number"] for sent in fake.sent] == fake.settled == [1, 2, 3]
    assert fake.outlet.counts == Counts(sent=3, failed=0, waiting=0)
    assert fake.notes == []


def test_one_that_is_not_taken_is_tried_again_later_and_later_and_the_next_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = Fake(monkeypatch, *[UnreachedError("no answer") for _ in range(8)])
    fake.deliver(1, 2)
    assert fake.waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert [sent["number"] for sent in fake.sent] == [1, 2]
    assert fake.notes == [
        "webhook https://x: no answer; it is tried again, and what comes meanwhile waits",
        "webhook https://x: works again",
    ]


def test_a_receiver_may_ask_for_a_longer_wait_but_not_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(
        monkeypatch, UnreachedError("later", 20.0), UnreachedError("later", 7200.0), UnreachedError("later", 0.0)
    )
    fake.deliver(1)
    assert fake.waits == [20.0, 300.0, 4.0]


def test_one_that_is_refused_is_given_up_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, RefusedError("answers HTTP 404"))
    fake.deliver(1, 2)
    assert fake.outlet.counts == Counts(sent=1, failed=1, waiting=0)
    assert fake.settled == [1, 2]
    assert fake.notes == ["webhook https://x: answers HTTP 404; an event was not delivered, 1 so far"]


def test_many_refusals_are_one_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, *[RefusedError("no")] * 50, UnreachedError("later", 61.0), RefusedError("no"))
    fake.deliver(*range(1, 53))
    assert [note[-8:] for note in fake.notes if "not delivered" in note] == ["1 so far", "1 so far"]
    assert "51 so far" in fake.notes[-2]


def test_one_that_failed_for_a_day_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, *[UnreachedError("no answer")] * 1446)
    fake.deliver(1)
    assert fake.outlet.counts == Counts(sent=0, failed=1, waiting=0)
    assert DAY_S <= fake.now_s < DAY_S + 60


def test_when_too_many_wait_the_oldest_go_and_a_line_in_their_place_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    fake = Fake(monkeypatch)
    for number in range(1, 6):
        fake.outlet.put(number, {"event": "lost"})
    assert fake.settled == [1, 2]
    assert fake.outlet.counts == Counts(sent=0, failed=2, waiting=3)
    fake.outlet.finish()
    fake.outlet.work()
    assert [(sent["event"], sent["number"]) for sent in fake.sent] == [
        ("missed", None),
        ("lost", 3),
        ("lost", 4),
        ("lost", 5),
    ]
    assert fake.sent[0]["count"] == 2


def test_what_was_lost_before_is_told_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch)
    fake.outlet.miss(7)
    fake.outlet.finish()
    fake.outlet.work()
    assert fake.sent[0]["count"] == 7
    assert fake.outlet.counts.failed == 7
    assert fake.notes == ["webhook https://x: events that could not be kept until now: 7; 7 not delivered so far"]


@pytest.mark.parametrize(
    ("faults", "settled", "waits"),
    [
        ([], [1, 2, 3], []),
        ([None, UnreachedError("HTTP 500")], [1, 2, 3], [1.0]),
        ([None, UnreachedError("HTTP 503", 300.0)], [1, 2, 3], [1.0]),
        ([None, UnreachedError("no answer"), UnreachedError("no answer")], [1], [1.0]),
    ],
)
def test_at_the_end_an_event_gets_a_second_try_and_the_first_that_fails_twice_is_the_last(
    faults: list[Exception | None], settled: list[int], waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(monkeypatch, *faults)
    for number in (1, 2, 3):
        fake.outlet.put(number, {"event": "lost"})
    fake.outlet.finish()
    fake.outlet.work()
    assert fake.settled == settled
    assert (fake.waits, fake.last_waits) == ([], waits)


def test_the_end_wakes_one_that_waits_for_its_next_try() -> None:
    tries: list[int] = []

    def send(_number: int | None, _event: Mapping[str, Any]) -> None:
        tries.append(1)
        if len(tries) == 1:
            # Between the first try and the wait after it.
            outlet.finish()
        raise UnreachedError("no answer", 300.0)

    outlet = Outlet("x", send, note=lambda _text: None, settle=lambda _number: None)
    outlet.put(1, {"event": "lost"})
    outlet.work()
    assert len(tries) == 2
