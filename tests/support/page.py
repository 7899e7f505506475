"""A page as a person reads it: its words, and its tags for those who want to know."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset({"meta", "br", "link", "img", "input", "circle", "line", "path"})
_INLINE = frozenset({"a", "abbr", "b", "code", "em", "small", "span", "strong"})
"""Tags that do not part the words around them."""
_MUTE = frozenset({"script", "style"})


class Page(HTMLParser):
    """Text, tags and attributes of a page; fails on a tag that is closed out of turn."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        self.feed(markup)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        """All words, with one blank between them."""
        return " ".join("".join(self._texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and that it is open."""
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that holds nothing."""
        self.tags.append((tag, dict(attrs)))
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag."""
        assert self.open.pop() == tag
        self._part(tag)

    def handle_data(self, data: str) -> None:
        """Note words; style and script have none."""
        if not _MUTE & set(self.open):
            self._texts.append(data)

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self._texts.append(" ")
