from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.diagnose.explain import Entry, all_entries, find_entry, rules_page
from pcapaudit.model.errors import UsageError

HEADINGS = ("**Seen**", "**Means**", "**Not this rule**", "**Ask the network team**")


def test_every_rule_explains_itself_under_the_four_headings() -> None:
    rules = [e for e in all_entries() if not e.id.startswith("CAP-")]

    poor = {e.id: [h for h in HEADINGS if h not in e.body] for e in rules}

    assert len(rules) > 50
    assert {rule: missing for rule, missing in poor.items() if missing} == {}


def test_ids_are_unique() -> None:
    ids = [e.id for e in all_entries()]

    assert sorted(set(ids)) == sorted(ids)


def test_an_entry_is_found_in_any_letter_case() -> None:
    assert find_entry("tcp-syn-timeout").id == "TCP-SYN-TIMEOUT"
    assert find_entry("cap-oneway").place == "capture health"


def test_a_typing_error_is_told_what_was_meant() -> None:
    with pytest.raises(UsageError, match="did you mean TCP-SYN-TIMEOUT"):
        find_entry("TCP-SYN-TIMEOT")


def test_the_page_of_rules_is_current(checkout: Path) -> None:
    assert (checkout / "docs" / "rules.md").read_text(encoding="utf-8") == rules_page()


def test_paragraphs_end_at_a_heading_or_a_blank_line() -> None:
    body = "**Seen**: a SYN,\n  nothing back.\n**Means**: it is dropped.\n\nA last remark.\n"

    assert list(Entry("X", "x", "here", body).paragraphs()) == [
        ("Seen", "a SYN, nothing back."),
        ("Means", "it is dropped."),
        ("", "A last remark."),
    ]
