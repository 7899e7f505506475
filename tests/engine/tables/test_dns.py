from __future__ import annotations

import pytest

from pcapaudit.engine.tables.dns import type_name
from tests.engine.tables.support import START_NS, pick, records_of


def test_a_lookup_is_a_row_with_its_answer() -> None:
    (row,) = records_of(
        "1.0 dev > gw DNS? a.example A id=77\n1.25 gw > dev DNS! a.example A 192.0.2.1 192.0.2.2 ttl=60", "dns"
    )

    assert pick(row, "ts", "orig_h", "resp_h", "resp_p") == (START_NS + 10**9, "10.0.0.5", "10.0.0.1", 53)
    assert pick(row, "transport", "trans_id", "query", "qtype", "qtype_name") == ("udp", 77, "a.example", 1, "A")
    assert pick(row, "is_answered", "rcode", "rcode_name", "is_rejected") == (True, 0, "NOERROR", False)
    assert pick(row, "answers", "ttls_s", "answer_count") == (("192.0.2.1", "192.0.2.2"), (60, 60), 2)
    assert row["rtt_s"] == pytest.approx(0.25)
    assert pick(row, "query_frames", "answer_frames", "retries") == ((1,), (2,), 0)
    assert pick(row, "orig_mac", "resp_mac") == ("02:00:0a:00:00:05", "02:00:0a:00:00:01")


def test_a_question_without_an_answer_is_a_row_with_its_repeats() -> None:
    (row,) = records_of("0.0 dev > gw DNS? a.example AAAA\n5.0 dev > gw DNS? a.example AAAA again", "dns")

    assert pick(row, "is_answered", "retries", "query_frames", "answer_frames") == (False, 1, (1, 2), ())
    assert pick(row, "rcode", "rcode_name", "rtt_s", "answers") == (None, None, None, ())


def test_an_answer_without_its_question_keeps_asker_and_resolver_apart() -> None:
    (row,) = records_of("0.0 dev > gw DNS? a.example A unseen\n0.1 gw > dev DNS! a.example A rcode=3", "dns")

    assert pick(row, "orig_h", "resp_h", "resp_p", "rcode_name") == ("10.0.0.5", "10.0.0.1", 53, "NXDOMAIN")
    assert pick(row, "is_rejected", "query_frames", "answer_frames", "rtt_s") == (True, (), (1,), None)


def test_a_name_behind_another_is_shown_with_it() -> None:
    (row,) = records_of("0.0 dev > gw LOOKUP a.example A 192.0.2.1 cname=b.example", "dns")
    assert row["answers"] == ("b.example", "192.0.2.1")


def test_rows_stand_in_the_order_of_their_frames_whoever_asked() -> None:
    script = """
    0.0 dev > gw LOOKUP a.example A 192.0.2.1
    1.0 pc > gw LOOKUP b.example A 192.0.2.2
    2.0 dev > gw LOOKUP c.example A 192.0.2.3
    """
    assert [row["query"] for row in records_of(script, "dns")] == ["a.example", "b.example", "c.example"]


@pytest.mark.parametrize(("kind", "name"), [(1, "A"), (65, "HTTPS"), (65280, "TYPE65280"), (0, None)])
def test_a_type_has_its_name_and_an_unknown_one_its_number(kind: int, name: str | None) -> None:
    assert type_name(kind) == name
