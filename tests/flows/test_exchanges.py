from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.dissect import dns
from pcapaudit.flows.exchanges import (
    AAAA,
    A,
    DhcpCycle,
    Lookup,
    dhcp_cycles,
    names_by_address,
    pair_dns,
    pair_ntp,
    pair_pings,
)
from pcapaudit.model.events import DnsMessage, Packet
from tests.support.scene import traffic_of

DEV, GW = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 1])
MAC = bytes.fromhex("02000a000005")
OWN = frozenset({DEV})


def lookups(script: str) -> list[Lookup]:
    return pair_dns(traffic_of(script).dns, OWN)


def frames(messages: Sequence[object]) -> list[int]:
    return [m.at.frame for m in messages]  # type: ignore[attr-defined]


# --- DNS ------------------------------------------------------------------------------------------


def test_a_query_and_its_answer_are_one() -> None:
    [lookup] = lookups(
        "0.0 dev > gw DNS? gk.sensorist.com A\n0.1 gw > dev DNS! gk.sensorist.com A 54.229.203.190 54.229.68.147"
    )
    [query] = lookup.queries

    assert (lookup.name, lookup.kind, query.resolver) == ("gk.sensorist.com", A, GW)
    assert query.addresses == (bytes([54, 229, 203, 190]), bytes([54, 229, 68, 147]))
    assert (query.frames, query.rcode) == ([1, 2], 0)
    assert lookup.resolved == [query]


def test_a_stubs_retry_is_the_same_query() -> None:
    [lookup] = lookups(
        "0.0 dev > gw DNS? a.example A\n5.0 dev > gw DNS? a.example A again\n5.1 gw > dev DNS! a.example A 192.0.2.1"
    )

    assert [(frames(q.sent), frames(q.answers)) for q in lookup.queries] == [([1, 2], [3])]


def test_another_id_is_another_query_of_the_same_lookup() -> None:
    [lookup] = lookups(
        "0.0 dev > gw DNS? a.example A\n5.0 dev > gw DNS? a.example A\n5.1 gw > dev DNS! a.example A 192.0.2.1"
    )

    assert [(frames(q.sent), frames(q.answers)) for q in lookup.queries] == [([1], []), ([2], [3])]
    assert frames(lookup.sent) == [1, 2]
    assert frames(lookup.answers) == [3]


def test_the_two_address_types_and_two_resolvers_are_kept_apart() -> None:
    found = lookups(
        "0.0 dev > gw DNS? a.example A\n0.0 dev > gw DNS? a.example AAAA\n1.0 dev > 8.8.8.8 DNS? a.example A"
    )

    assert [(q.kind, len(q.queries)) for q in found] == [(A, 2), (AAAA, 1)]


def test_a_question_after_its_answer_is_a_new_one() -> None:
    [lookup] = lookups("0.0 dev > gw LOOKUP a.example A 192.0.2.1\n60.0 dev > gw DNS? a.example A again")

    assert [len(q.answers) for q in lookup.queries] == [1, 0]


def test_an_answer_without_its_question_stands_alone() -> None:
    [lookup] = lookups("0.0 dev > gw DNS? a.example A unseen\n0.1 gw > dev DNS! a.example A rcode=3")
    [query] = lookup.queries

    assert (query.sent, query.rcode, lookup.resolved) == ([], 3, [])
    assert query.began_ns == query.answers[0].at.time_ns


def test_queries_of_other_hosts_are_not_the_devices() -> None:
    assert lookups("0.0 pc > gw DNS? a.example A\n0.1 gw > pc DNS! a.example A 192.0.2.1") == []


def test_names_of_an_address_come_from_the_question_also_behind_an_alias() -> None:
    found = lookups(
        "0.0 dev > gw LOOKUP a.example A 192.0.2.1 cname=b.example\n1.0 dev > gw LOOKUP c.example A 192.0.2.1"
    )

    assert [name for name, _ in names_by_address(found)[bytes([192, 0, 2, 1])]] == ["a.example", "c.example"]


def message(name: str, *, is_response: bool, flags: int = 0) -> DnsMessage:
    """What the dissector makes of a question as it stands on the wire (RFC 1035, section 4)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    head = struct.pack(">HHHHHH", 0x1234, (0x8180 if is_response else 0x0100) | flags, 1, 0, 0, 0)
    src, dst, ports = (GW, DEV, (53, 40000)) if is_response else (DEV, GW, (40000, 53))
    found = dns.dissect(
        head + labels + b"\0\0\1\0\1", Packet(2 if is_response else 1, 0, src, ports[0], dst, ports[1], 17)
    )
    assert isinstance(found, DnsMessage)
    return found


def mixed_case(name: str) -> st.SearchStrategy[str]:
    return st.tuples(*(st.sampled_from((c.lower(), c.upper())) for c in name)).map("".join)


@given(asked=mixed_case("gk.sensorist.com"), answered=mixed_case("gk.sensorist.com"))
def test_letter_case_parts_no_answer_from_its_question(asked: str, answered: str) -> None:
    # RFC 1035, section 2.3.3, and RFC 4343: names match without regard to case.
    [lookup] = pair_dns([message(asked, is_response=False), message(answered, is_response=True)], OWN)

    assert [(len(q.sent), len(q.answers)) for q in lookup.queries] == [(1, 1)]
    assert lookup.name == "gk.sensorist.com"


def test_a_refusal_without_the_question_answers_the_query_with_its_id_and_ports() -> None:
    # unbound refuses with the twelve bytes of the header alone.
    head = struct.pack(">HHHHHH", 0x1234, 0x8105, 0, 0, 0, 0)
    refusal = dns.dissect(head, Packet(2, 0, GW, 53, DEV, 40000, 17))
    assert isinstance(refusal, DnsMessage)
    [lookup] = pair_dns([message("gk.sensorist.com", is_response=False), refusal], OWN)

    assert [(len(q.sent), q.rcode) for q in lookup.queries] == [(1, 5)]


def test_a_dynamic_update_is_no_question() -> None:
    assert pair_dns([message("corp.example", is_response=False, flags=5 << 11)], OWN) == []


# --- NTP ------------------------------------------------------------------------------------------


def test_a_poll_is_answered_by_the_packet_that_echoes_its_time() -> None:
    [poll] = pair_ntp(traffic_of("0.0 dev > 192.0.2.7 NTP?\n0.03 192.0.2.7 > dev NTP!").ntp, OWN)

    assert poll.answer is not None
    assert poll.is_valid
    assert poll.server == bytes([192, 0, 2, 7])


def test_a_late_answer_belongs_to_the_poll_that_it_echoes() -> None:
    messages = traffic_of(
        "0.0 dev:123 > 192.0.2.7:123 NTP?\n0.9 192.0.2.7:123 > dev:123 NTP!\n1.0 dev:123 > 192.0.2.7:123 NTP?\n"
        "1.1 192.0.2.7:123 > dev:123 NTP!"
    ).ntp
    late = [messages[0], messages[2], messages[1], messages[3]]

    assert [(p.query, p.answer, p.is_valid) for p in pair_ntp(late, OWN)] == [
        (messages[0], messages[1], True),
        (messages[2], messages[3], True),
    ]


def test_an_answer_that_echoes_nothing_is_not_valid() -> None:
    polls = pair_ntp(
        traffic_of(
            "0.0 dev:123 > 192.0.2.7:123 NTP?\n1.0 dev:123 > 192.0.2.7:123 NTP?\n1.1 192.0.2.7:123 > dev:123 NTP!"
        ).ntp,
        OWN,
    )

    assert [p.answer is not None for p in polls] == [False, True]
    assert not pair_ntp([polls[0].query, *(a for p in polls if (a := p.answer))], OWN)[0].is_valid


# --- DHCP -----------------------------------------------------------------------------------------


def cycles(script: str) -> list[DhcpCycle]:
    return dhcp_cycles(traffic_of(script).dhcp, MAC)


def test_four_messages_are_one_cycle() -> None:
    [cycle] = cycles("0.0 dev > gw BOOT")

    assert [m.kind for m in cycle.messages] == [1, 2, 3, 5]
    assert cycle.ack is not None
    assert cycle.ack.yiaddr == DEV
    assert not cycle.is_renewal


def test_repeated_discovers_are_one_cycle_and_a_new_start_another() -> None:
    found = cycles(
        "0.0 dev > * DHCP DISCOVER\n4.0 dev > * DHCP DISCOVER\n12.0 dev > gw BOOT\n100.0 dev > * DHCP DISCOVER new"
    )

    assert [len(c.discovers) for c in found] == [3, 1]
    assert [c.ack is not None for c in found] == [True, False]


def test_a_refusal_ends_the_cycle() -> None:
    found = cycles("0.0 dev > * DHCP REQUEST init-reboot\n0.1 gw > dev DHCP NAK\n0.2 dev > gw BOOT new")

    assert [(len(c.naks), c.ack is not None) for c in found] == [(1, False), (0, True)]


def test_a_renewal_is_a_cycle_of_its_own() -> None:
    found = cycles("0.0 dev > gw BOOT\n1800.0 dev > gw DHCP REQUEST renew\n1800.1 gw > dev DHCP ACK")

    assert [(c.is_renewal, c.ack is not None) for c in found] == [(False, True), (True, True)]


def test_messages_of_other_clients_are_left_out() -> None:
    assert cycles("0.0 pc > gw BOOT") == []


def test_what_a_relay_passes_on_is_not_the_clients_message() -> None:
    found = cycles(
        "0.0 dev > * DHCP DISCOVER\n0.1 gw > 10.9.0.1 DHCP DISCOVER for=dev giaddr=10.0.0.1\n4.0 dev > * DHCP DISCOVER"
    )

    assert [len(c.discovers) for c in found] == [2]


def test_an_inform_gives_no_lease() -> None:
    # RFC 2131, section 4.3.5: its ACK carries no address.
    found = cycles("0.0 dev > gw BOOT\n9.0 dev > * DHCP INFORM\n9.1 gw > dev DHCP ACK ip=0.0.0.0")

    assert [m.kind for c in found for m in c.messages] == [1, 2, 3, 5]


# --- ping -------------------------------------------------------------------------------------------


def test_each_ping_has_its_own_reply() -> None:
    pings = pair_pings(traffic_of("0.0 dev > 4.2.2.2 PING\n0.1 4.2.2.2 > dev PONG\n1.0 dev > 4.2.2.2 PING").icmp, OWN)

    assert [p.reply is not None for p in pings] == [True, False]
