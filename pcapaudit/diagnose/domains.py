"""The part of a name that one owner registered, after the public suffix list."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList


def _suffixes(name: str) -> PublicSuffixList:
    """The part of the list that can speak of a name: to read all of it takes longer than a small capture does."""
    top = name.rstrip(".").rpartition(".")[2].lower()
    is_plain = top.isascii() and not top.startswith("xn--")
    return _suffixes_below(top if _lines_below(top) else "-") if is_plain else _all_suffixes()


@cache
def _all_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _suffixes_below(top: str) -> PublicSuffixList:
    """Suffixes of one top-level domain; none for one that the list does not have."""
    lines = _lines_below(top)
    return PublicSuffixList(lines, accept_encoded_idn=not all(map(str.isascii, lines)))


@lru_cache(maxsize=4096)
def _lines_below(top: str) -> list[str]:
    """The list's lines that speak of one top-level domain; looked for, because all lines are many thousands."""
    if not top.replace("-", "").isalnum():
        return []
    text, found = _text(), list[str]()
    at = text.find(f"{top}\n")
    while at >= 0:
        line = text[text.rfind("\n", 0, at) + 1 : at + len(top)]
        if line.rpartition(".")[2] == top and not line.startswith("//"):
            found.append(line)
        at = text.find(f"{top}\n", at + 1)
    return found


@cache
def _text() -> str:
    return Path(PSLFILE).read_text(encoding="utf-8") + "\n"


@lru_cache(maxsize=65536)
def is_public_name(name: str) -> bool:
    """Whether the name can exist in the public DNS: not a local suffix, not a reverse lookup."""
    return not name.endswith(".arpa") and _suffixes(name).privatesuffix(name, accept_unknown=False) is not None


@lru_cache(maxsize=65536)
def registered_domain(name: str) -> str:
    """``gk.sensorist.com`` -> ``sensorist.com``; a bare suffix or single label stays as it is."""
    return _suffixes(name).privatesuffix(name) or name
