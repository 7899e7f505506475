from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pcapaudit.flows.contacts import FEW, INWARD, OUTWARD, TURNED, ContactTable, HostServices, Sum
from pcapaudit.model.addresses import parse_ip
from pcapaudit.model.traits import Contact
from tests.support.scene import traffic_of

DEV, PC, CLOUD = parse_ip("10.0.0.5"), parse_ip("10.0.0.9"), parse_ip("54.229.203.190")
SCRIPT = """
0.0  dev:50002 > cloud:4321 SYN
1.0  dev:50002 > cloud:4321 SYN
2.0  dev:50001 > cloud:4321 CONNECT
3.0  dev > cloud EXCHANGE 120 60
4.0  dev > cloud DATA 30
5.0  pc:40000 > dev:9001 CONNECT
6.0  pc > dev EXCHANGE 10 10
7.0  dev:30000 > 192.0.2.7:8844 UDP 40
8.0  dev:30000 > 192.0.2.7:8844 UDP 24
9.0  dev > 4.2.2.2 PING
"""


def table_of(script: str, *, by_hand: Sequence[int] = ()) -> ContactTable:
    traffic = traffic_of(script)
    left_out = np.zeros(len(traffic.result.flows), np.bool_)
    left_out[list(by_hand)] = True
    return ContactTable(traffic, left_out)


def services(table: ContactTable, address: bytes, *ways: int) -> dict[tuple[str, int], list[Contact]]:
    stretches = [s for s in table.stretches(address) if s.way in ways]
    found = HostServices(table, stretches, [address], (), lambda _, far: (far.hex(),))
    return {service: list(found[service]) for service in found}


def test_flows_to_one_service_of_one_far_side_are_one_contact() -> None:
    assert services(table_of(SCRIPT), DEV, OUTWARD) == {
        ("tcp", 4321): [
            Contact("tcp", CLOUD, 4321, (CLOUD.hex(),), 1, 3, 30, 120, 50001, 50002, answered=True),
        ],
        ("udp", 8844): [
            Contact("udp", parse_ip("192.0.2.7"), 8844, ("c0000207",), 16, 2, 24, 40, 30000, 30000, answered=False),
        ],
    }


def test_what_others_open_is_inward_with_their_ports() -> None:
    [found] = services(table_of(SCRIPT), DEV, INWARD)["tcp", 9001]

    assert (found.address, found.source_low, found.payload_low, found.payload_high) == (PC, 40000, 10, 10)
    assert services(table_of(SCRIPT), PC, OUTWARD)["tcp", 9001][0].address == DEV


def test_from_its_middle_a_flow_is_each_sides_own() -> None:
    table = table_of("0.0 cloud:4321 > dev:2000 DATA 10\n0.1 dev > cloud ACK")

    [own] = services(table, DEV, TURNED, OUTWARD)["tcp", 4321]
    [theirs] = services(table, CLOUD, TURNED, OUTWARD)["tcp", 2000]
    assert (own.address, own.source_low, own.payload_high) == (CLOUD, 2000, 0)
    assert (theirs.address, theirs.source_low, theirs.payload_high) == (DEV, 4321, 10)
    assert not services(table, DEV, INWARD)


def test_what_is_counted_by_hand_is_left_out_of_the_table_and_added_again() -> None:
    script = "0.0 dev:50001 > cloud:80 CONNECT\n1.0 dev > cloud DATA 30\n2.0 dev:50002 > cloud:80 SYN"
    whole, part = table_of(script), table_of(script, by_hand=[0])
    by_hand = part.sum_of(traffic_of(script).outline(0), CLOUD)

    merged = HostServices(part, part.stretches(DEV), [DEV], [(("tcp", 80), by_hand)], lambda _, __: ())
    alone = HostServices(part, (), [DEV], [(("tcp", 3128), by_hand)], lambda _, __: ())

    assert list(merged["tcp", 80]) == [c._replace(names=()) for c in services(whole, DEV, OUTWARD)["tcp", 80]]
    assert len(merged) == 1
    assert [c.first_frame for c in alone["tcp", 3128]] == [1]


def test_what_a_box_says_to_itself_is_no_contact_of_its_services() -> None:
    table = table_of("0.0 dev:50001 > pc:9001 CONNECT")
    both = [s for a in (DEV, PC) for s in table.stretches(a)]

    inbound = HostServices(table, (s for s in both if s.way == INWARD), [DEV, PC], (), lambda _, __: ())
    outward = HostServices(table, (s for s in both if s.way != INWARD), [DEV, PC], (), lambda _, __: ())

    assert list(inbound["tcp", 9001]) == []
    assert [c.address for c in outward["tcp", 9001]] == [PC]


def test_what_several_addresses_of_a_box_used_is_one_list_by_the_first_frame() -> None:
    script = """
    0.0 pc:50001 > 192.0.2.1:80 SYN
    1.0 dev:50002 > 192.0.2.2:80 SYN
    2.0 pc:50003 > 192.0.2.3:80 SYN
    3.0 dev:50004 > 192.0.2.1:80 SYN
    """
    table = table_of("\n".join(line.strip() for line in script.strip().splitlines()))
    both = [s for a in (DEV, PC) for s in table.stretches(a)]

    found = HostServices(table, both, [DEV, PC], (), lambda _, __: ())["tcp", 80]

    assert [(c.address[-1], c.first_frame, c.tries, c.source_low, c.source_high) for c in found] == [
        (1, 1, 2, 50001, 50004),
        (2, 2, 1, 50002, 50002),
        (3, 3, 1, 50003, 50003),
    ]


def test_contacts_are_made_a_few_at_a_time_and_once() -> None:
    table = table_of("\n".join(f"{n}.0 dev:{50000 + n} > 192.0.2.{n + 1}:80 SYN" for n in range(5 * FEW)))
    found = HostServices(table, table.stretches(DEV), [DEV], (), lambda _, __: ())["tcp", 80]

    first = next(iter(found))
    again = list(found)

    assert again[0] is first
    assert [c.first_frame for c in again] == list(range(1, 5 * FEW + 1))
    assert len(found) == len(again)


def test_an_address_that_two_boxes_use_has_stretches_of_each() -> None:
    table = table_of("0.0 dev:50001 > cloud:80 SYN\n1.0 dev:50002 > cloud:80 SYN from_mac=02:00:00:00:00:99")

    assert len({s.mac for s in table.stretches(DEV)}) == 2


def test_a_host_with_more_flows_than_any_device_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapaudit.flows.contacts.MAX_FLOWS", 3)
    table = table_of("\n".join(f"{n}.0 dev:{50000 + n} > cloud:80 SYN" for n in range(9)))

    assert services(table, DEV, OUTWARD)["tcp", 80][0].tries == 3


def test_who_sent_nothing_is_known_by_the_answers_alone() -> None:
    [stretch] = table_of("0.0 cloud:4321 > dev:2000 SYN-ACK").stretches(DEV)

    assert (stretch.way, stretch.has_sent) == (OUTWARD, False)


def test_a_capture_without_flows_has_no_contacts() -> None:
    assert table_of("0.0 switch > * STP").stretches(DEV) == ()


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 0, (30, 120)), (20, 500, (20, 500)), (40, 50, (30, 120))])
def test_sizes_of_two_sums_bound_all_payloads(low: int, high: int, expected: tuple[int, int]) -> None:
    both = Sum(1, 9, 2, 30, 120, 5, 6, 0).plus(Sum(1, 4, 3, low, high, 2, 3, 1))

    assert (both.payload_low, both.payload_high) == expected
    assert (both.first_frame, both.tries, both.source_low, both.source_high, both.answered) == (4, 5, 2, 6, 1)
