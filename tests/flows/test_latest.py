from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcapaudit.flows.latest import answered_ns, last_received_ns, last_sent_ns, received_since
from tests.support.scene import read_capture, traffic_of
from tests.support.transforms import copy_each, keep_direction
from tests.support.world import START_NS

MAC = bytes.fromhex("02000a000005")
SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.pcapng"))
TALK = """
0.0  dev:50001 > cloud:4321 CONNECT
1.0  dev:50001 > cloud:4321 DATA 100
2.0  cloud:4321 > dev:50001 DATA 20
3.0  dev:50001 > cloud:4321 ACK
"""


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_the_last_reply_is_the_last_received_packet(path: Path) -> None:
    traffic = read_capture(path)

    for index in range(len(traffic.result.flows)):
        received = traffic.flow(index).received
        assert last_received_ns(traffic, index) == (received[-1].time_ns if received else 0)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_the_last_word_is_the_last_sent_packet(path: Path) -> None:
    traffic = read_capture(path)
    flows = np.arange(len(traffic.result.flows))

    sent = [traffic.flow(index).sent for index in flows.tolist()]
    assert last_sent_ns(traffic, flows).tolist() == [packets[-1].time_ns if packets else 0 for packets in sent]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_who_was_heard_since_a_time_was_last_heard_then_or_later(path: Path) -> None:
    traffic = read_capture(path)
    flows = np.arange(len(traffic.result.flows))

    times = [last_received_ns(traffic, index) for index in flows.tolist()]
    for since_ns in {0, *times[::7]}:
        heard = [index for index, time_ns in enumerate(times) if time_ns >= since_ns]
        assert list(received_since(traffic, flows, since_ns)) == heard


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_an_answer_comes_last_with_the_last_reply(path: Path) -> None:
    traffic = read_capture(path)
    flows = np.arange(len(traffic.result.flows))

    for index, time_ns in zip(flows.tolist(), answered_ns(traffic, flows), strict=True):
        last = traffic.flow(index).last_answer
        assert time_ns == (last_received_ns(traffic, index) or (last.time_ns if last is not None else 0))


def test_of_an_answer_unseen_the_word_of_who_asked_counts() -> None:
    alone = traffic_of(TALK, lambda frames: keep_direction(frames, MAC, "out"))

    assert list(answered_ns(alone, np.array([0]))) == [START_NS + 3_000_000_000]


def test_a_marked_copy_is_not_heard() -> None:
    traffic = traffic_of(TALK, lambda frames: copy_each(frames, 1000))

    assert list(received_since(traffic, np.array([0]), START_NS + 2_000_000_000)) == [0]
    assert not list(received_since(traffic, np.array([0]), START_NS + 2_000_000_001))


def test_a_marked_copy_is_no_reply_and_no_word() -> None:
    traffic = traffic_of(TALK, lambda frames: copy_each(frames, 1000))

    assert last_received_ns(traffic, 0) == START_NS + 2_000_000_000
    assert last_sent_ns(traffic, np.array([0])).tolist() == [START_NS + 3_000_000_000]


def test_silence_has_no_time() -> None:
    assert last_received_ns(traffic_of("0.0 dev:50001 > cloud:4321 SYN"), 0) == 0


def test_who_opened_a_flow_and_is_not_heard_has_no_time() -> None:
    alone = traffic_of(TALK, lambda frames: copy_each(keep_direction(frames, MAC, "in"), 1000))

    assert not alone.flow(0).sent
    assert last_sent_ns(alone, np.array([0])).tolist() == [0]


def test_the_responder_is_whom_the_opening_shows() -> None:
    """The SYN is not in the capture: the first packet is the responder's."""
    traffic = traffic_of(TALK, lambda frames: frames[1:])

    assert traffic.flow(0).orig[1] == 50001
    assert last_received_ns(traffic, 0) == START_NS + 2_000_000_000
