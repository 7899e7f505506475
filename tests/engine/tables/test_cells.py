from __future__ import annotations

from pcapaudit.engine.tables.cells import MAX_LISTED, ends_of, frames_of, ip_cell, mac_cell, span_s
from pcapaudit.model.events import Packet

QUERY = Packet(7, 1_000_000_000, b"\x0a\0\0\5", 5000, b"\x0a\0\0\1", 53, 17, b"\2\0\0\0\0\5", b"\2\0\0\0\0\1", 20)
ANSWER = Packet(8, 1_500_000_000, b"\x0a\0\0\1", 53, b"\x0a\0\0\5", 5000, 17, b"\2\0\0\0\0\1", b"\2\0\0\0\0\5", 20)


def test_question_and_answer_name_the_same_ends() -> None:
    assert ends_of(QUERY, ANSWER) == ends_of(None, ANSWER) == ends_of(QUERY, None)
    assert ends_of(None, ANSWER).ends == ("10.0.0.5", 5000, "10.0.0.1", 53)
    assert ends_of(None, ANSWER).marks[:3] == ("02:00:00:00:00:05", "02:00:00:00:00:01", 20)


def test_what_is_not_there_is_none() -> None:
    assert mac_cell(None) is None
    assert [ip_cell(a) for a in (None, b"", bytes(4))] == [None, None, None]
    assert span_s(QUERY, None) is None
    assert span_s(QUERY, ANSWER) == 0.5


def test_a_list_of_frames_is_bounded() -> None:
    assert frames_of([QUERY] * (MAX_LISTED + 5)) == (7,) * MAX_LISTED
