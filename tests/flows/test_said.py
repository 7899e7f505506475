from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.flows.said import COLUMNS, NOBODY, Grouped, Parties, Said, set_to
from pcapaudit.model.events import DnsMessage, NtpMessage, Packet
from tests.support.scene import traffic_of

WHOLE = DnsMessage(Packet(9, 9, b"\1", 1, b"\2", 2, 17), "udp", 77, is_response=True, rcode=0, question="w", kind=1)
READINGS = [
    DnsMessage(NOBODY, "udp", 0, is_response=False, rcode=0, question="a", kind=1),
    DnsMessage(NOBODY, "udp", 0, is_response=True, rcode=3, question="a", kind=1),
    WHOLE,
]


def packet(row: int) -> Packet:
    return Packet(row + 1, row, b"\1", 1, b"\2", 2, 17)


def said(*messages: tuple[int, int, int]) -> Said[DnsMessage]:
    return Said(packet, READINGS, np.array([*messages], COLUMNS))


MANY = said((0, 0, 5), (3, 1, 5), (4, 2, 0), (6, 1, 6))


def test_a_message_has_its_own_packet_and_transaction_id() -> None:
    expected = [
        READINGS[0]._replace(at=packet(0), id=5),
        READINGS[1]._replace(at=packet(3), id=5),
        WHOLE,
        READINGS[1]._replace(at=packet(6), id=6),
    ]

    assert list(MANY) == expected
    assert [MANY[i] for i in range(4)] == expected
    assert list(MANY[1:3]) == expected[1:3]
    assert expected == MANY
    assert expected[1:] != MANY


def test_an_id_is_that_of_dns_alone() -> None:
    reading = NtpMessage(NOBODY, 4, 3, 0, 0, b"", 1, 2, None, None, None)

    assert set_to(reading, packet(1), 7) == reading._replace(at=packet(1))


@given(st.lists(st.integers(0, 2), max_size=300))
def test_as_many_are_read_as_there_are(numbers: list[int]) -> None:
    found = said(*((row, number, row) for row, number in enumerate(numbers)))

    assert [m.question for m in found] == [READINGS[number].question for number in numbers]


def test_a_test_is_asked_once_for_each_reading() -> None:
    asked: list[DnsMessage] = []

    def test(m: DnsMessage) -> bool:
        asked.append(m)
        return m.is_response

    assert [m.at.frame for m in MANY.saying(test)] == [4, 9, 7]
    assert asked == READINGS


def test_the_different_things_are_counted_in_order_of_their_first_message() -> None:
    found = said((0, 1, 0), (1, 0, 0), (2, 1, 0))

    assert found.counted() == [(READINGS[1], 2), (READINGS[0], 1)]


def test_a_trimmed_one_knows_no_more_than_is_said() -> None:
    found = said((0, 2, 0), (1, 1, 9))

    assert found.trimmed() == found
    assert found.trimmed().readings == READINGS[1:]


def test_messages_stand_under_their_keys_in_frame_order() -> None:
    keys = ["x", "y", "z"]
    known = {key: number for number, key in enumerate(keys)}
    places, numbers = np.array([0, 0, 1, 2, 3]), np.array([2, 0, 2, 0, 2], np.uint32)
    found = Grouped(MANY, places, numbers, keys, lambda key: known.get(key, -1))

    assert {key: [m.at.frame for m in found[key]] for key in found} == {"z": [1, 4, 7], "x": [1, 9]}
    assert (list(found), len(found)) in ((["z", "x"], 2), (["x", "z"], 2))
    assert [m.at.frame for m in found.under(["x", "z", "nobody"])] == [1, 4, 9, 7]
    assert list(found.under(["y"])) == list(found.under([])) == []
    for missing in ("y", "nobody"):
        with pytest.raises(KeyError):
            found[missing]


def test_parties_are_those_of_the_packets() -> None:
    traffic = traffic_of("0.0 dev > gw LOOKUP a.example A 192.0.2.9\n1.0 pc > gw DNS? b.example A")
    parties = Parties(traffic.result, traffic.numbering, traffic.dns.columns["row"])

    ends = [(parties.addresses[a], parties.addresses[b]) for a, b in zip(parties.src, parties.dst, strict=True)]
    assert ends == [(m.at.src, m.at.dst) for m in traffic.dns]
    assert parties.number(b"\1\2\3\4") == -1
    assert parties.addresses[parties.number(b"")] == b""
