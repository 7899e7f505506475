from __future__ import annotations

from markdown_it import MarkdownIt

from pcapaudit.report.markup import code, items, safe, table


def kinds(text: str) -> set[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return {child.type for token in tokens for child in token.children or ()}


def test_safe_text_is_text_alone() -> None:
    assert kinds(safe("<b> [x](y) `z` **a** _b_ | # ~ $")) == {"text"}


def test_a_code_span_holds_backticks() -> None:
    (token,) = [c for t in MarkdownIt().parse(code("a``b`")) for c in t.children or ()]
    assert (token.type, token.content) == ("code_inline", "a``b`")


def test_a_bar_in_a_cell_opens_no_other() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(table(("a", "b"), [("x | y", "z")]))
    assert sum(token.type == "td_open" for token in tokens) == 2


def test_items_are_a_list() -> None:
    tokens = MarkdownIt().parse(items(["one", "# two"]))
    assert sum(token.type == "list_item_open" for token in tokens) == 2
