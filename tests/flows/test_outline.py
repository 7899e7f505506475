from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pcapaudit.flows.flow import ACK, RST, SYN, TCP, Flow
from pcapaudit.flows.outline import Half, Outline
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from tests.support.player import Frame
from tests.support.scene import read_capture, traffic_of

SAMPLES = Path(__file__).parents[2] / "samples"
DEV = bytes([10, 0, 0, 5])
HANDSHAKE = "0.0 dev:50000 > cloud:4321 CONNECT\n1.0 dev > cloud EXCHANGE 20 300\n"


def half_of(packets: Sequence[Packet], *, is_tcp: bool) -> Half:
    """What the packets of one side come to, counted one by one."""
    sizes = [p.payload_len for p in packets if p.payload_len]
    flags = [(p.flags & (SYN | ACK), p.seq) for p in packets if is_tcp]
    return Half(
        packets=len(packets),
        syns=sum(1 for f, _ in flags if f == SYN),
        payload_low=min(sizes, default=0),
        payload_high=max(sizes, default=0),
        isn=next((seq for f, seq in flags if f == SYN), None),
        answer_isn=next((seq for f, seq in flags if f == SYN | ACK), None),
    )


def counted(flow: Flow) -> Outline:
    is_tcp = flow.proto == TCP
    sent, received = half_of(flow.sent, is_tcp=is_tcp), half_of(flow.received, is_tcp=is_tcp)
    return Outline(flow.index, flow.proto, flow.orig, flow.resp, sent, received, flow.first_frame)


def all_flows(traffic: Traffic) -> range:
    return range(len(traffic.result.flows))


SCRIPTS = {
    "a whole connection": HANDSHAKE,
    "a SYN sent three times": "\n".join(f"{t}.0 dev:50000 > cloud:4321 SYN" for t in range(3)),
    "a refusal": "0.0 dev:50000 > cloud:4321 SYN\n0.1 cloud > dev RST",
    "datagrams": "0.0 dev:30001 > cloud:8844 UDP 64\n1.0 dev > cloud UDP 0\n1.1 cloud > dev UDP 40",
    "an answer alone": "0.0 cloud:53 > dev:50000 UDP 64",
    "an echo": "0.0 dev > cloud PING",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("skip", [0, 1, 3])
def test_an_outline_says_what_its_packets_say(script: str, skip: int) -> None:
    def cut(frames: list[Frame]) -> list[Frame]:
        return frames[min(skip, len(frames) - 1) :]

    traffic = traffic_of(script, cut)

    for index in all_flows(traffic):
        assert traffic.outline(index) == counted(traffic.flow(index))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.pcapng")), ids=lambda p: p.stem)
def test_outlines_of_samples_say_what_their_packets_say(path: Path) -> None:
    traffic = read_capture(path)

    assert [traffic.outline(i) for i in all_flows(traffic)] == [counted(traffic.flow(i)) for i in all_flows(traffic)]


def test_the_opener_of_a_connection_seen_from_its_syn_ack_is_its_receiver() -> None:
    traffic = traffic_of(HANDSHAKE, lambda frames: frames[1:])

    assert traffic.outline(0).orig == (DEV, 50000)
    assert not traffic.outline(0).has_opening


def test_an_outline_can_be_looked_at_from_the_other_end() -> None:
    there = traffic_of("0.0 cloud:4000 > dev:2000 DATA 10\n0.1 dev > cloud ACK").outline(0)
    back = there.seen_from(DEV)

    assert (back.orig, back.resp, back.sent, back.received) == (there.resp, there.orig, there.received, there.sent)
    assert back.seen_from(DEV) is back


def test_a_reset_is_no_opening() -> None:
    traffic = traffic_of("0.0 cloud:4321 > dev:50000 RST")

    assert traffic.flow(0).packets[0].flags & RST
    assert not traffic.outline(0).has_opening
