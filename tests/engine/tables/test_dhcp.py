from __future__ import annotations

import pytest

from tests.engine.tables.support import pick, records_of

OFFERED = "ip=10.0.0.77 router=10.0.0.1 dns=10.0.0.2"


def test_an_exchange_is_one_row_from_discover_to_ack() -> None:
    script = f"""
    0.0 dev > * DHCP DISCOVER hostname=pump class=acme
    0.5 gw > dev DHCP OFFER {OFFERED}
    0.6 dev > * DHCP REQUEST
    0.8 gw > dev DHCP ACK {OFFERED}
    """
    (row,) = records_of(script, "dhcp")

    assert pick(row, "msg_types", "outcome") == (("DISCOVER", "OFFER", "REQUEST", "ACK"), "ack")
    assert pick(row, "orig_mac", "resp_h", "assigned_h") == ("02:00:0a:00:00:05", "10.0.0.1", "10.0.0.77")
    assert pick(row, "routers", "dns_servers") == (("10.0.0.1",), ("10.0.0.2",))
    assert pick(row, "discovers", "requests", "frames") == (1, 1, (1, 2, 3, 4))
    assert row["first_answer_s"] == pytest.approx(0.5)
    assert row["duration_s"] == pytest.approx(0.8)


def test_a_client_that_nobody_answers_is_one_row_with_its_repeats() -> None:
    (row,) = records_of("0.0 dev > * DHCP DISCOVER\n4.0 dev > * DHCP DISCOVER\n12.0 dev > * DHCP DISCOVER", "dhcp")

    assert pick(row, "outcome", "discovers", "resp_h", "assigned_h", "first_answer_s") == (
        "unanswered",
        3,
        None,
        None,
        None,
    )


def test_what_follows_an_end_is_another_row_also_with_the_same_number() -> None:
    script = f"""
    0.0 dev > * DHCP DISCOVER
    0.1 gw > dev DHCP OFFER {OFFERED}
    0.2 dev > * DHCP REQUEST
    0.3 gw > dev DHCP NAK
    9.0 dev > * DHCP DISCOVER
    """
    assert [row["outcome"] for row in records_of(script, "dhcp")] == ["nak", "unanswered"]
