from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.model.errors import UsageError
from pcapaudit.report.serialize import serialize
from pcapaudit.watch.record import MOST_DEVICES, keep_device, read_record
from pcapaudit.watch.state import Watch
from tests.support.reports import any_report
from tests.support.watches import OTHER, PATIENCE, UP, Play, at_ns, down, store_and_read


def make_plain() -> Any:
    """The record of a watch of two devices, one of which flaps, as JSON."""
    play = Play()
    for _ in range(4):
        play.hear()
        play.show([down(), OTHER])
        play.show([UP, OTHER])
    return json.loads(serialize(play.watch.record()))


def test_a_record_read_again_is_the_same() -> None:
    plain = make_plain()
    assert [device["flaps"] for device in plain["devices"]] == [4, 0]
    assert json.loads(serialize(read_record(plain))) == plain


def test_a_record_of_a_watch_that_saw_nothing_yet_makes_one_that_saw_nothing_yet() -> None:
    record = store_and_read(Watch(PATIENCE))
    assert record.now_ns is None
    assert Watch(PATIENCE, record).note(at_ns(0), []) == []


def test_what_a_record_keeps_of_a_report_cites_no_frame() -> None:
    watch = Watch(PATIENCE)
    watch.note(at_ns(0), [down()])
    (device,) = watch.record().devices
    assert device.report.summary == down().summary
    assert '"frames"' not in serialize(device)


@settings(deadline=None, max_examples=30)
@given(any_report())
def test_any_device_of_a_report_is_kept(report: Any) -> None:
    watch = Watch(PATIENCE)
    # A device whose time of failure is no time comes from no report of ours.
    watch.note(at_ns(0), [device for device in report.devices if device.since is None])
    kept = watch.record()
    assert store_and_read(watch) == kept
    assert kept.devices == tuple(keep_device(device) for device in kept.devices)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda plain: plain.update(version=2), "$.version: expected 1, found 2"),
        (lambda plain: plain.update(version="1" * 1000), "$.version: expected 1, found '111"),
        (lambda plain: plain.update(now_ns="noon"), "$.now_ns: expected int, found str"),
        (lambda plain: plain.update(now_ns=None), "$.devices[0]: a time that cannot be"),
        (lambda plain: plain.update(gap_ns=1 << 64), "$: a time that cannot be"),
        (lambda plain: plain.update(dropped=-1), "$.dropped: numbers of frames that cannot be"),
        (lambda plain: plain.update(devices=plain["devices"] * MOST_DEVICES), "$.devices: more than 10,000"),
        (lambda plain: plain.update(devices=plain["devices"] * 2), "$.devices[2]: this device was there before"),
        (lambda plain: plain["devices"][0].update(flaps=-1), "$.devices[0]: numbers that cannot be"),
        (lambda plain: plain["devices"][0].update(losses=[10**40]), "$.devices[0]: a time that cannot be"),
        (lambda plain: plain["devices"][0].update(told_ns=10**40), "$.devices[0]: numbers that cannot be"),
        (lambda plain: plain["devices"][1].update(heard_ns=plain["now_ns"] + 1), "$.devices[1]: a time that cannot be"),
        (
            lambda plain: plain["devices"][0]["shown"].update(verdict="sick"),
            "$.devices[0].shown.verdict: 'sick' is none",
        ),
    ],
)
def test_a_record_that_no_watch_wrote_is_refused_with_the_place(spoil: Callable[[Any], None], said: str) -> None:
    plain = make_plain()
    spoil(plain)
    with pytest.raises(UsageError) as caught:
        read_record(plain)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.data())
def test_whatever_is_written_into_a_record_it_is_refused_or_a_watch_goes_on_from_it(data: st.DataObject) -> None:
    plain = make_plain()
    place = data.draw(st.sampled_from([plain, plain["devices"][0], plain["devices"][1], plain["devices"][0]["report"]]))
    key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(JSON)
    try:
        record = read_record(plain)
    except UsageError:
        return
    play = Play(Watch(PATIENCE, record))
    play.now_s = 3600
    told = play.show([UP, OTHER], 700) + play.show([], 700, every_s=30) + play.show(down())
    assert all(event.as_dict() for event in told)
    store_and_read(play.watch)
    assert play.watch.rows()
