from __future__ import annotations

from collections.abc import Sequence

import pytest

from pcapaudit.flows.flow import Flow
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from tests.support.player import Frame
from tests.support.scene import traffic_of

DEV, CLOUD = bytes([10, 0, 0, 5]), bytes([54, 229, 203, 190])
HANDSHAKE = "0.0 dev:50000 > cloud:4321 CONNECT\n"


def only_flow(script: str, *, mirror: str = "both", skip: int = 0) -> Flow:
    """The one TCP or UDP flow of a script; ``mirror`` out: what the device sends; ``skip``: first frames missing."""

    def change(frames: list[Frame]) -> list[Frame]:
        kept = [f for f in frames if mirror == "both" or f.src_mac == bytes.fromhex("02000a000005")]
        return kept[skip:]

    traffic = traffic_of(script, change)
    indices = [i for i in range(len(traffic.result.flows)) if traffic.ends(i)[4] in (6, 17)]
    assert len(indices) == 1
    return traffic.flow(indices[0])


def frames(packets: Sequence[Packet]) -> list[int]:
    return [p.frame for p in packets]


# --- who opened it --------------------------------------------------------------------------------

ORIENTATION = {
    "the sender of the SYN": ("0.0 dev:50000 > cloud:4321 SYN", 0, DEV),
    "the receiver of a SYN-ACK whose SYN is missing": (HANDSHAKE, 1, DEV),
    "the high port, when a server's packet is seen first": (
        HANDSHAKE + "1.0 cloud > dev DATA 10\n1.1 dev > cloud ACK",
        3,
        DEV,
    ),
    "the first sender of datagrams that go both ways": (
        "0.0 dev:30001 > cloud:8844 UDP 64\n0.1 cloud > dev UDP 40",
        0,
        DEV,
    ),
    "the client of an answer without a question": ("0.0 cloud:53 > dev:50000 UDP 64", 0, DEV),
}


@pytest.mark.parametrize(("script", "skip", "opener"), ORIENTATION.values(), ids=ORIENTATION)
def test_the_originator_is(script: str, skip: int, opener: bytes) -> None:
    assert only_flow(script, skip=skip).orig[0] == opener


def test_a_flow_from_the_middle_can_be_looked_at_from_either_end() -> None:
    flow = only_flow("0.0 cloud:4000 > dev:2000 DATA 10\n0.1 dev > cloud ACK")

    turned = flow.seen_from(DEV)

    assert (flow.orig[0], turned.orig[0]) == (CLOUD, DEV)
    assert frames(turned.sent) == frames(flow.received) == [2]
    assert turned.orig_side == flow.resp_side
    assert flow.seen_from(b"\x01\x02\x03\x04") is flow


# --- how far it got -------------------------------------------------------------------------------

SYNS = "0.0 dev:50000 > cloud:4321 SYN\n"
OPENING = {
    "nothing came back": (SYNS + "1.0 dev:50000 > cloud:4321 SYN", "both", False),
    "the SYN-ACK was not acknowledged": (SYNS + "0.1 cloud:4321 > dev:50000 SYN-ACK", "both", False),
    "the handshake is complete": (HANDSHAKE, "both", True),
    "the far side was not mirrored, but the device goes on": (HANDSHAKE, "out", True),
    "it was refused": (SYNS + "0.1 cloud:4321 > dev:50000 RST", "both", False),
    "it is older than the capture and carries data": ("0.0 dev:50000 > cloud:4321 DATA 10", "both", True),
    "a lone reset is all there is": ("0.0 cloud:4321 > dev:50000 RST", "both", False),
}


@pytest.mark.parametrize(("script", "mirror", "expected"), OPENING.values(), ids=OPENING)
def test_established_is_judged_when(script: str, mirror: str, *, expected: bool) -> None:
    assert only_flow(script, mirror=mirror).is_established is expected


def test_the_handshake_ends_with_the_devices_acknowledgment() -> None:
    flow = only_flow(HANDSHAKE)

    assert flow.established_at is not None
    assert flow.established_at.frame == 3
    assert (frames(flow.syns), frames(flow.syn_acks)) == ([1], [2])


def test_each_syn_with_the_same_number_is_a_repeat() -> None:
    flow = only_flow(SYNS + "1.0 dev:50000 > cloud:4321 SYN\n3.0 dev:50000 > cloud:4321 SYN")

    assert frames(flow.syns) == [1, 2, 3]
    assert frames(flow.retransmissions(flow.sent)) == [2, 3]


def test_an_equal_segment_within_five_milliseconds_is_a_copy_and_no_repeat() -> None:
    flow = only_flow(HANDSHAKE + "1.0 dev > cloud DATA 10\n1.004 dev > cloud AGAIN\n1.2 dev > cloud AGAIN")

    assert frames(flow.retransmissions(flow.sent)) == [6]


def test_another_syn_number_on_the_same_ports_is_another_flow() -> None:
    traffic = traffic_of(SYNS + "1.0 dev:50000 > cloud:4321 SYN new seq=77")

    assert len(traffic.result.flows) == 2
    assert [len(traffic.flow(i).syns) for i in (0, 1)] == [1, 1]


REFUSALS = {
    "a reset to the SYN": ("0.1 cloud:4321 > dev:50000 RST", 2),
    "a reset after the SYN-ACK is none": ("0.1 cloud:4321 > dev:50000 SYN-ACK\n9.0 cloud:4321 > dev:50000 RST", None),
    "a reset by the device itself is none": (
        "0.1 cloud:4321 > dev:50000 SYN-ACK\n0.2 dev:50000 > cloud:4321 RST",
        None,
    ),
    "the reset that is faster than the real answer": (
        "0.1 cloud:4321 > dev:50000 RST\n0.2 cloud:4321 > dev:50000 SYN-ACK",
        2,
    ),
}


@pytest.mark.parametrize(("rest", "frame"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is(rest: str, frame: int | None) -> None:
    refusal = only_flow(SYNS + rest).refusal

    assert (refusal.frame if refusal else None) == frame


def test_a_reset_of_a_running_connection_is_no_refusal() -> None:
    flow = only_flow(HANDSHAKE + "1.0 cloud > dev RST")

    assert flow.refusal is None
    assert flow.first_rst is not None


# --- data -----------------------------------------------------------------------------------------

ANSWERS = {
    "what the device confirmed": (HANDSHAKE + "1.0 dev > cloud EXCHANGE 120 60", "both", 0, 60),
    "the same seen from one side": (HANDSHAKE + "1.0 dev > cloud EXCHANGE 120 60", "out", 0, 60),
    "nothing while its number stands still": (
        HANDSHAKE + "1.0 dev > cloud DATA 120\n2.0 dev > cloud AGAIN",
        "both",
        0,
        0,
    ),
    "not the answer that never reached it": (
        HANDSHAKE
        + "1.0 dev > cloud DATA 120\n1.1 cloud > dev DATA 60 lost\n2.0 dev > cloud AGAIN\n2.1 cloud > dev AGAIN lost",
        "both",
        0,
        0,
    ),
    "not a FIN": (HANDSHAKE + "1.0 dev > cloud DATA 9\n1.1 cloud > dev FIN\n1.2 dev > cloud ACK", "both", 0, 0),
    "not a FIN that was not mirrored": (
        HANDSHAKE + "1.0 dev > cloud DATA 9\n1.1 cloud > dev FIN\n1.2 dev > cloud ACK",
        "out",
        0,
        0,
    ),
    "the data before a FIN": (HANDSHAKE + "1.0 dev > cloud EXCHANGE 9 30\n2.0 dev > cloud CLOSE", "both", 0, 30),
    "in the middle, what was seen and confirmed": (
        HANDSHAKE + "1.0 cloud > dev DATA 40\n1.1 dev > cloud ACK\n1.2 dev > cloud DATA 9",
        "both",
        3,
        40,
    ),
    "in the middle, nothing that was not confirmed": (
        HANDSHAKE + "1.0 dev > cloud DATA 9\n1.1 cloud > dev DATA 40 lost\n2.0 dev > cloud AGAIN",
        "both",
        3,
        0,
    ),
    "all datagrams of the other side": ("0.0 dev:30001 > cloud:8844 UDP 64\n0.1 cloud > dev UDP 40", "both", 0, 40),
}


@pytest.mark.parametrize(("script", "mirror", "skip", "count"), ANSWERS.values(), ids=ANSWERS)
def test_bytes_that_arrived_are(script: str, mirror: str, skip: int, count: int) -> None:
    flow = only_flow(script, mirror=mirror, skip=skip)
    flow = flow if flow.has_opening else flow.seen_from(DEV)

    assert flow.answered_bytes == count


def test_keep_alive_probes_are_no_data() -> None:
    # RFC 9293, section 3.8.4: one byte, or none, below the next sequence number.
    flow = only_flow(
        HANDSHAKE + '1.0 dev > cloud DATA 10\n60.0 dev > cloud KEEPALIVE\n120.0 dev > cloud DATA text="x" seq=-1'
    )

    assert frames(flow.sent_data) == [4]


def test_a_keep_alive_probe_before_any_data_is_no_data() -> None:
    flow = only_flow(HANDSHAKE + '60.0 dev > cloud DATA text="x" seq=-1')

    assert flow.sent_data == []


def test_two_way_data_needs_both_sides() -> None:
    assert only_flow(HANDSHAKE + "1.0 dev > cloud EXCHANGE 9 9").has_two_way_data
    assert not only_flow(HANDSHAKE + "1.0 dev > cloud DATA 9\n1.1 cloud > dev ACK").has_two_way_data


def test_first_and_last_answer_are_the_far_sides_payload() -> None:
    flow = only_flow(HANDSHAKE + "1.0 dev > cloud EXCHANGE 9 9\n5.0 dev > cloud EXCHANGE 9 9")

    assert flow.first_answer is not None
    assert flow.last_answer is not None
    assert (flow.first_answer.frame, flow.last_answer.frame) == (5, 8)


def test_answers_that_were_not_mirrored_are_known_by_the_devices_numbers() -> None:
    flow = only_flow(HANDSHAKE + "1.0 dev > cloud EXCHANGE 9 9\n5.0 dev > cloud EXCHANGE 9 9", mirror="out")

    # SYN, ACK, data, ACK of the first answer, data, ACK of the second.
    assert flow.first_answer is not None
    assert flow.last_answer is not None
    assert (flow.first_answer.frame, flow.last_answer.frame) == (4, 6)


def test_data_that_nobody_confirmed_is_named() -> None:
    flow = only_flow(
        HANDSHAKE + "1.0 dev > cloud DATA 10\n1.1 cloud > dev ACK\n2.0 dev > cloud DATA 20\n3.0 dev > cloud AGAIN"
    )

    assert frames(flow.unacked_data) == [6, 7]
    assert flow.acked_sent is not None


@pytest.mark.parametrize(
    ("end", "frame"), [("1.0 dev > cloud FIN", 4), ("1.0 cloud > dev RST", 4), ("1.0 dev > cloud ACK", None)]
)
def test_a_flow_ends_with_its_first_fin_or_reset(end: str, frame: int | None) -> None:
    closed = only_flow(HANDSHAKE + end).closed_at

    assert (closed.frame if closed else None) == frame


def test_marked_copies_are_no_packets_of_the_story_but_count() -> None:
    traffic: Traffic = traffic_of(
        "0.0 dev:50000 > cloud:4321 SYN\n+40us dup\n0.1 cloud:4321 > dev:50000 SYN-ACK\n+40us dup"
    )
    flow = traffic.flow(0)

    assert (len(flow.syns), len(flow.syn_acks)) == (1, 1)
    assert (flow.orig_side.packets, flow.resp_side.packets) == (2, 2)


def test_numbers_go_on_around_the_end_of_the_sequence_space() -> None:
    flow = only_flow(
        "0.0 dev:50000 > cloud:4321 SYN\n0.1 cloud:4321 > dev:50000 SYN-ACK seq=4294967290\n"
        "0.2 dev:50000 > cloud:4321 ACK ack=4294967291\n"
        "0.3 dev:50000 > cloud:4321 DATA 5 ack=4294967291\n"
        "0.4 cloud:4321 > dev:50000 DATA 20 seq=4294967291\n0.5 dev:50000 > cloud:4321 ACK ack=15"
    )

    assert flow.is_established
    assert flow.answered_bytes == 20


# --- who waited in vain ---------------------------------------------------------------------------

REQUEST = HANDSHAKE + "1.0 dev > cloud DATA 120\n1.1 cloud > dev ACK\n"
GIVING_UP = {
    "a device that closes after ten seconds without an answer": (
        REQUEST + "11.0 dev > cloud FIN\n20.0 cloud > dev DATA 40",
        6,
    ),
    "nobody, where the device closes its half right behind the request": (
        REQUEST + "1.2 dev > cloud FIN\n20.0 cloud > dev DATA 40",
        None,
    ),
    "nobody, where the answer came first": (
        REQUEST + "2.0 cloud > dev DATA 40\n2.1 dev > cloud ACK\n11.0 dev > cloud FIN",
        None,
    ),
    "nobody, where the device acknowledges an answer that is not in the capture": (
        REQUEST + "2.0 cloud > dev DATA 40 unseen\n2.1 dev > cloud ACK\n11.0 dev > cloud FIN",
        None,
    ),
    "nobody, while the connection stands": (REQUEST, None),
}


@pytest.mark.parametrize(("script", "frame"), GIVING_UP.values(), ids=GIVING_UP)
def test_who_gave_up_is(script: str, frame: int | None) -> None:
    end = only_flow(script).gave_up
    assert (end.frame if end is not None else None) == frame


def test_the_first_number_of_a_server_whose_syn_ack_alone_is_missing_follows_from_the_acknowledgment() -> None:
    opening = "0.0 dev:50000 > cloud:4321 SYN\n0.1 cloud > dev SYN-ACK{}\n0.2 dev > cloud ACK\n"
    talk = "0.3 dev > cloud DATA 8\n0.4 cloud > dev DATA 1"

    whole, holed = only_flow(opening.format("") + talk), only_flow(opening.format(" unseen") + talk)

    assert holed.resp_isn == whole.resp_isn is not None


UNHEARD = {
    "what stands behind the last reply": (
        HANDSHAKE + "1.0 dev > cloud DATA 10\n1.1 cloud > dev ACK\n2.0 dev > cloud DATA 5",
        [6],
    ),
    "everything, when nothing ever came": ("0.0 dev:50000 > cloud:4321 SYN\n1.0 dev:50000 > cloud:4321 SYN", [1, 2]),
    "nothing, when the responder speaks last": (HANDSHAKE + "1.0 cloud > dev DATA 10", []),
}


@pytest.mark.parametrize(("script", "expected"), UNHEARD.values(), ids=UNHEARD)
def test_unheard_is(script: str, expected: list[int]) -> None:
    assert frames(only_flow(script).unheard) == expected


# --- long ones ------------------------------------------------------------------------------------

LONG = (
    HANDSHAKE
    + """
1.0   repeat 150 every 0.1:
  0.0   dev:50000 > cloud:4321 EXCHANGE 9 9
60.0  dev:50000 > cloud:4321 EXCHANGE 9 9
61.0  repeat 200 every 0.1:
  0.0   dev:50000 > cloud:4321 ACK
"""
)
"""3 packets, then 450, 3 after a pause (frames 454 to 456), and 200 that say nothing."""


def test_a_pause_is_known_also_where_the_packets_before_it_are_not_kept() -> None:
    flow = only_flow(LONG)
    after = next(p for p in flow.packets if p.frame == 454)

    assert flow.left_out
    # The last packet before it, the acknowledgment of the 150th exchange, comes 15.94 s after the start.
    assert round(flow.pause_before(after) / 1e9, 1) == 44.1
    assert len(flow.pauses) == len(flow.packets)
    assert sum(pause > 5e9 for pause in flow.pauses) == 1


def test_the_last_answer_of_a_long_flow_is_the_last_one() -> None:
    flow = only_flow(LONG)

    assert flow.last_answer is not None
    assert (flow.last_answer.frame, flow.received[-1].frame, flow.sent[-1].frame) == (455, 455, 656)
    assert flow.answered_bytes == 151 * 9


def test_the_first_packet_of_a_flow_has_no_pause_before_it() -> None:
    flow = only_flow(HANDSHAKE)

    assert flow.pause_before(flow.packets[0]) == 0
