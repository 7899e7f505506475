from __future__ import annotations

import pytest

from tests.engine.tables.support import pick, records_of


def test_a_question_has_its_answer_beside_it_and_the_clocks_are_compared() -> None:
    (row,) = records_of("0.0 dev > cloud NTP? offset=-3600\n0.2 cloud > dev NTP! stratum=2", "ntp")

    assert pick(row, "mode", "is_answered", "is_valid", "stratum", "leap") == (3, True, True, 2, 0)
    assert pick(row, "query_frame", "answer_frame", "orig_h") == (1, 2, "10.0.0.5")
    assert row["rtt_s"] == pytest.approx(0.2)
    assert row["client_offset_s"] == pytest.approx(-3600, abs=0.01)
    assert row["server_offset_s"] == pytest.approx(0, abs=0.2)


def test_a_question_without_an_answer_is_a_row() -> None:
    (row,) = records_of("0.0 dev > cloud NTP?", "ntp")
    assert pick(row, "is_answered", "is_valid", "stratum", "ref_id", "rtt_s", "answer_frame") == (
        False, None, None, None, None, None,
    )  # fmt: skip


def test_a_kiss_code_is_told_in_letters() -> None:
    (row,) = records_of("0.0 dev > cloud NTP?\n0.1 cloud > dev NTP! kod=RATE", "ntp")
    assert pick(row, "stratum", "ref_id") == (0, "RATE")


def test_an_answer_without_its_question_is_a_row_of_the_asker() -> None:
    (row,) = records_of("0.0 dev > cloud NTP? unseen\n0.1 cloud > dev NTP!", "ntp")
    assert pick(row, "mode", "orig_h", "resp_h", "resp_p") == (4, "10.0.0.5", "54.229.203.190", 123)
    assert pick(row, "query_frame", "answer_frame", "is_answered") == (None, 1, None)
