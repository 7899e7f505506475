from __future__ import annotations

import pytest

from tests.engine.tables.support import pick, records_of


def test_an_error_quotes_the_flow_that_it_is_about() -> None:
    script = "0.0 dev:5000 > cloud:9999 UDP 8\n0.1 gw > dev ICMP unreachable code=13"
    (row,), (flow, *_) = records_of(script, "icmp"), records_of(script, "flows")

    assert pick(row, "orig_h", "resp_h", "type", "code") == ("10.0.0.1", "10.0.0.5", 3, 13)
    assert pick(row, "quoted_orig_h", "quoted_orig_p", "quoted_resp_h", "quoted_resp_p") == pick(
        flow, "orig_h", "orig_p", "resp_h", "resp_p"
    )
    assert pick(row, "quoted_proto", "quoted_community_id") == ("udp", flow["community_id"])
    assert pick(row, "type_name", "is_answered", "frame") == ("destination unreachable", None, 2)


def test_an_echo_request_knows_its_reply() -> None:
    ping, pong, lost = records_of("0.0 dev > cloud PING\n0.25 cloud > dev PONG\n9.0 dev > cloud PING", "icmp")

    assert pick(ping, "type_name", "is_answered", "reply_frame") == ("echo request", True, 2)
    assert ping["rtt_s"] == pytest.approx(0.25)
    assert pick(pong, "type_name", "is_answered", "reply_frame") == ("echo reply", None, None)
    assert pick(lost, "is_answered", "rtt_s", "reply_frame") == (False, None, None)


def test_the_size_that_would_fit_is_told() -> None:
    (row,) = records_of("0.0 dev:5000 > cloud:9999 UDP 1400\n0.1 gw > dev ICMP too-big mtu=1280", "icmp")
    assert row["mtu_bytes"] == 1280


def test_neighbour_discovery_names_the_address_in_question() -> None:
    rows = records_of("0.0 fe80::5 > * NS fe80::1", "icmp")
    assert [pick(r, "family", "type", "target_h") for r in rows] == [(6, 135, "fe80::1")]
