from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.flows.arps import MAX_CLAIMS, ArpTable
from pcapaudit.model.events import ArpMessage
from pcapaudit.scan.columns import ARP_DTYPE, NO_VLAN
from tests.support.scene import traffic_of

DEV, GW, PC = (bytes([10, 0, 0, last]) for last in (5, 1, 9))
MAC, GW_MAC, PC_MAC = (bytes.fromhex(f"02000a0000{last}") for last in ("05", "01", "09"))

ARPS = {
    "a reply": ("0.0 dev > * ARP? gw\n0.1 gw > dev ARP!", 1),
    "nothing": ("0.0 dev > * ARP? gw\n1.0 dev > * ARP? gw", 0),
    "an announcement of the address": ("0.0 dev > * ARP? gw\n0.1 gw > * ANNOUNCE", 1),
    "a request that the address sends": ("0.0 dev > * ARP? gw\n0.1 gw > * ARP? pc", 1),
    "a request that the address sends to another host alone is none": ("0.0 dev > * ARP? gw\n0.1 gw > pc ARP? pc", 0),
    "a request that the address sends to this host alone": ("0.0 dev > * ARP? gw\n0.1 gw > dev ARP? dev", 1),
    "the reply to another host is none": ("0.0 dev > * ARP? gw\n0.1 gw > pc ARP!", 0),
    "what came before the question is none": ("0.0 gw > dev ARP!\n0.1 dev > * ARP? gw", 0),
}


@pytest.mark.parametrize(("script", "count"), ARPS.values(), ids=ARPS)
def test_an_arp_question_is_answered_by(script: str, count: int) -> None:
    [question] = traffic_of(script).arp_questions(MAC)

    assert (question.target, len(question.replies), question.is_answered) == (GW, count, count > 0)


def test_probes_and_announcements_ask_for_nobody() -> None:
    assert traffic_of("0.0 dev > * ARP? dev probe\n1.0 dev > * ANNOUNCE").arp_questions(MAC) == []


def test_a_question_knows_its_latest_request_and_its_last_reply() -> None:
    traffic = traffic_of("0.0 dev > * ARP? gw\n0.1 gw > dev ARP!\n3.0 dev > * ARP? gw\n0.2 gw > dev ARP!")
    [question] = traffic.arp_questions(MAC)

    assert question.newest_ns - traffic.start_ns == 3_000_000_000
    assert question.answered_ns - traffic.start_ns == 200_000_000
    assert [m.at.frame for m in (*question.requests, *question.replies)] == [1, 4, 2, 3]


def test_of_many_moments_some_are_given_evenly_spread() -> None:
    [question] = traffic_of("\n".join(f"{n}.0 dev > * ARP? gw" for n in range(9))).arp_questions(MAC)

    shown, left_out = question.moments(3)

    assert ([moment.frame for moment, _ in shown], left_out) == ([1, 5, 9], 6)


def test_some_packets_are_a_part_of_them() -> None:
    sent = traffic_of("0.0 dev > * ANNOUNCE\n1.0 dev > * ARP? gw\n2.0 dev > * ARP? pc").arps_of(MAC)

    assert (len(sent), sent[-1].target_ip, [m.at.frame for m in sent[:2]]) == (3, PC, [1, 2])


def test_packets_are_found_by_what_they_name() -> None:
    traffic = traffic_of(
        "0.0 dev > * ANNOUNCE\n1.0 dev > * ARP? gw\n1.1 gw > dev ARP!\n2.0 pc > * ARP? dev probe\n3.0 pc > * ARP? dev"
    )

    def frames(found: Iterable[ArpMessage]) -> list[int]:
        return [m.at.frame for m in found]

    assert frames(traffic.arps_of(MAC)) == [1, 2]
    assert frames(traffic.arps_of(PC_MAC)) == [4, 5]
    assert frames(traffic.arp_announcements(MAC)) == [1]
    assert frames(traffic.arp_probes(PC_MAC)) == [4]
    assert frames(traffic.arps_from(GW)) == [3]
    assert frames(traffic.arp_requests_for([DEV, GW])) == [1, 2, 4, 5]
    assert [address for address, _ in traffic.arp_uses(PC_MAC)] == [PC]
    assert [traffic.arp_address_of(mac) for mac in (PC_MAC, bytes(6))] == [PC, None]
    assert traffic.arp_owners == {DEV: {MAC}, GW: {GW_MAC}, PC: {PC_MAC}, bytes(4): {PC_MAC}}
    assert traffic.arp_claims == {MAC: {DEV}, GW_MAC: {GW}, PC_MAC: {PC}}
    assert sorted(traffic.arp_senders) == [(GW_MAC, None), (MAC, None), (PC_MAC, None)]


def test_other_kinds_of_addresses_have_no_arp() -> None:
    traffic = traffic_of("0.0 dev > * ARP? gw")

    assert not traffic.arps_from(bytes(12) + DEV)
    assert not traffic.arps_of(bytes(2) + MAC)
    assert not traffic.arps_of(None)
    assert not traffic.arp_requests_for([])
    assert traffic.arp_questions(bytes(2) + MAC) == []


SOME = st.integers(0, 3)
COLUMNS = ("op", "sender_mac", "target_mac", "sender_ip", "target_ip", "time_ns", "dmac")
LINK = st.sampled_from([0, 1, 2, 0xFFFFFFFFFFFF])
PACKETS = st.lists(st.tuples(st.integers(1, 2), SOME, SOME, SOME, SOME, st.integers(0, 5), LINK), max_size=25)


def table(packets: list[tuple[int, int, int, int, int, int, int]]) -> ArpTable:
    """ARP packets of a few boxes: the columns as above, the last one the destination in the link header."""
    rows = np.zeros(len(packets), ARP_DTYPE)
    rows["vlan"] = NO_VLAN
    for place, packet in enumerate(packets):
        rows["frame"][place] = place + 1
        for name, value in zip(COLUMNS, packet, strict=True):
            rows[name][place] = value
    return ArpTable(rows)


def read_one_by_one(
    messages: Iterable[ArpMessage], mac: bytes
) -> dict[bytes, tuple[list[ArpMessage], list[ArpMessage]]]:
    """Requests and replies by target, as RFC 826 and RFC 5227 tell a listener who goes from packet to packet."""
    found: dict[bytes, tuple[list[ArpMessage], list[ArpMessage]]] = {}
    for m in messages:
        is_alone = m.at.dmac is not None and not m.at.dmac[0] & 1
        is_shown_to_all = (m.op == 1 or m.sender_ip == m.target_ip) and not is_alone
        hearer = (m.at.dmac or bytes(6)) if m.op == 1 else m.target_mac
        if m.op == 1 and m.sender_mac == mac and m.sender_ip not in (m.target_ip, bytes(4)):
            found.setdefault(m.target_ip, ([], []))[0].append(m)
        elif m.sender_ip in found and m.sender_mac != mac and (is_shown_to_all or hearer == mac):
            found[m.sender_ip][1].append(m)
    return found


@given(packets=PACKETS, mac=SOME)
def test_questions_of_all_hosts_at_once_are_those_read_packet_by_packet(
    packets: list[tuple[int, int, int, int, int, int, int]], mac: int
) -> None:
    known = table(packets)
    expected = read_one_by_one(known.messages, mac.to_bytes(6, "big"))

    found = known.questions(mac.to_bytes(6, "big"))

    assert [(q.target, (list(q.requests), list(q.replies))) for q in found] == list(expected.items())
    for q in found:
        told = sorted([(m.at, False) for m in q.requests] + [(m.at, True) for m in q.replies])
        assert q.moments(60) == ([((at.frame, at.time_ns), is_reply) for at, is_reply in told], 0)
    assert [q.is_answered for q in found] == [bool(replies) for _, replies in expected.values()]
    assert [q.newest_ns for q in found] == [max(m.at.time_ns for m in asked) for asked, _ in expected.values()]
    assert [q.answered_ns for q in found] == [r[-1].at.time_ns if r else 0 for _, r in expected.values()]


def _claims(macs: Iterable[int]) -> ArpTable:
    table = np.zeros(len(found := list(macs)), ARP_DTYPE)
    table["sender_mac"], table["sender_ip"] = found, int.from_bytes(GW, "big")
    table["frame"] = np.arange(1, len(found) + 1)
    return ArpTable(table)


def test_rivals_for_an_address_are_all_there_as_long_as_they_are_few() -> None:
    assert [m.at.frame for m in _claims([1, 1, 2, 1]).rivalry(GW)] == [1, 2, 3, 4]


def test_of_a_box_that_repeats_its_claim_without_end_the_changes_are_kept() -> None:
    claims = _claims([1] * 500 + [2] + [1] * 500)

    assert [m.at.frame for m in claims.rivalry(GW)] == [1, 500, 501, 502, 1001]


def test_of_a_flood_of_rivals_the_first_and_the_last_are_kept() -> None:
    kept = [m.at.frame for m in _claims(range(5000)).rivalry(GW)]

    assert len(kept) == MAX_CLAIMS
    assert (kept[0], kept[-1]) == (1, 5000)
