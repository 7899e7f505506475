from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import Cell as Given
from pcapaudit.engine.tables.store import stored_rows
from pcapaudit.web.tables.cells import Cell, View
from pcapaudit.web.tables.question import read_question
from pcapaudit.web.tables.rows import Contents, Found

DNS = TABLES["dns"]


def view_of(*given: tuple[str, str], empty: frozenset[str] = frozenset(), **cells: Given) -> View:
    """A page with one row, of which these cells are known."""
    row = tuple(cells.get(column.name) for column in DNS.columns)
    found = Found(list(stored_rows(DNS, [row])), 1, 1)
    values = {"rcode_name": [("NOERROR", 5), ("NX\u202e", 1)]}
    return View("ab12", read_question(DNS, given), found, Contents(empty, values), given)


def cell(view: View, name: str) -> Cell:
    return view.rows[0][[head.name for head in view.heads].index(name)]


def test_frames_lead_to_their_dissection_and_many_are_cut() -> None:
    view = view_of(query_frames=tuple(range(1, 21)), answer_frames=(7,))

    assert cell(view, "answer_frames").links == (("7", "/captures/ab12/frames/7"),)
    assert len(cell(view, "query_frames").links) == 12
    assert cell(view, "query_frames").has_more


def test_a_flow_is_one_click_away() -> None:
    ((text, href),) = cell(view_of(community_id="1:ab+c/d="), "community_id").links
    assert (text, urlsplit(href).path) == ("1:ab+c/d=", "/captures/ab12/tables/flows")
    assert parse_qsl(urlsplit(href).query) == [("community_id", "=1:ab+c/d=")]


def test_cells_read_as_people_write_them() -> None:
    view = view_of(
        ts=1_767_600_000_123_456_789, rtt_s=0.1234567, is_answered=False, answers=("192.0.2.1", "b.example"), qtype=28
    )
    names = ("ts", "rtt_s", "is_answered", "answers", "qtype", "query")
    assert [cell(view, name).text for name in names] == [
        "2026-01-05 08:00:00.123456", "0.123457", "no", "192.0.2.1, b.example", "28", "",
    ]  # fmt: skip


def test_long_and_odd_texts_are_cut_and_spelled_out() -> None:
    assert cell(view_of(query="\x1b[2J\u202e"), "query").text == "\\x1b[2J\\u202e"
    long = cell(view_of(query="x" * 200), "query")
    assert (len(long.text), long.text[-1], long.whole) == (90, "…", "x" * 200)


def test_a_click_on_a_header_sorts_and_the_next_one_turns_it_round() -> None:
    for given, sort, following in (((), None, "rtt_s"), (("sort", "rtt_s"), "ascending", "-rtt_s")):
        view = view_of(*([given] if given else []), ("query", "a b"), ("page", "3"))
        head = next(head for head in view.heads if head.name == "rtt_s")
        assert head.sort == sort
        assert sorted(parse_qsl(urlsplit(head.href).query)) == [("query", "a b"), ("sort", following)]


def test_pages_and_exports_keep_what_was_asked() -> None:
    view = view_of(("query", "a&b"), ("sort", "-ts"), ("page", "2"))
    assert parse_qsl(urlsplit(view.turn(3)).query) == [("query", "a&b"), ("sort", "-ts"), ("page", "3")]
    assert urlsplit(view.export("csv")).path == "/api/captures/ab12/tables/dns"
    assert parse_qsl(urlsplit(view.export("csv")).query) == [("query", "a&b"), ("sort", "-ts"), ("format", "csv")]


def test_what_was_asked_is_said_and_each_part_can_be_taken_back() -> None:
    view = view_of(("query", "=a.example"), ("q", "\u202e"), ("sort", "-rtt_s"), ("page", "4"))

    assert [said for said, _ in view.asked] == ["query =a.example", "contains \\u202e", "sorted by rtt_s, descending"]
    assert parse_qsl(urlsplit(view.asked[1][1]).query) == [("query", "=a.example"), ("sort", "-rtt_s")]


def test_categories_offer_their_values_and_keep_a_condition_of_ones_own() -> None:
    def choices(*given: tuple[str, str]) -> list[tuple[str, str]]:
        return list(next(head for head in view_of(*given).heads if head.name == "rcode_name").choices)

    assert choices() == [("=NOERROR", "NOERROR (5)"), ("=NX\u202e", "NX\\u202e (1)")]
    assert choices(("rcode_name", "!=NOERROR"))[-1] == ("!=NOERROR", "!=NOERROR")


def test_a_column_without_any_value_is_not_shown() -> None:
    view = view_of(empty=frozenset({"vlan"}))
    assert view.empty == ["vlan"]
    assert "vlan" not in [head.name for head in view.heads]
    assert len(view.rows[0]) == len(view.heads) == len(view.numbers) == len(DNS.columns) - 1
