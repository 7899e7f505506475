from __future__ import annotations

import pytest

from tests.engine.tables.support import pick, records_of

DEV, GW = "02:00:0a:00:00:05", "02:00:0a:00:00:01"


def test_a_request_knows_its_reply() -> None:
    request, reply = records_of("0.0 dev > * ARP? 10.0.0.1\n0.002 gw > dev ARP! 10.0.0.1", "arp")

    assert pick(request, "kind", "orig_mac", "orig_h", "resp_h") == ("request", DEV, "10.0.0.5", "10.0.0.1")
    assert pick(request, "is_answered", "reply_frame", "frame") == (True, 2, 1)
    assert request["rtt_s"] == pytest.approx(0.002)
    assert pick(reply, "kind", "orig_mac", "resp_mac", "is_answered", "rtt_s") == ("reply", GW, DEV, None, None)


def test_a_reply_belongs_to_the_last_request_before_it() -> None:
    rows = records_of("0.0 dev > * ARP? 10.0.0.1\n1.0 dev > * ARP? 10.0.0.1\n1.1 gw > dev ARP! 10.0.0.1", "arp")
    assert [row["is_answered"] for row in rows] == [False, True, None]


def test_a_reply_to_somebody_else_or_for_another_address_answers_nothing() -> None:
    script = (
        "0.0 dev > * ARP? 10.0.0.1\n0.1 pc > * ARP? 10.0.0.1\n0.2 gw > pc ARP! 10.0.0.1\n0.3 gw > dev ARP! 10.0.0.44"
    )
    assert [row["is_answered"] for row in records_of(script, "arp")] == [False, True, None, None]


def test_probes_and_announcements_have_names_of_their_own() -> None:
    probe, announcement = records_of("0.0 dev > * ARP? 10.0.0.5 probe\n1.0 dev > * ANNOUNCE", "arp")
    assert pick(probe, "kind", "orig_h", "is_answered") == ("probe", None, False)
    assert pick(announcement, "kind", "orig_h", "is_answered") == ("announcement", "10.0.0.5", None)


def test_a_capture_without_arp_has_no_rows() -> None:
    assert records_of("0.0 dev:1 > cloud:2 UDP 9", "arp") == []
