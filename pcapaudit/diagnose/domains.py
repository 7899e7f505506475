"""The part of a name that one owner registered, after the public suffix list."""

from __future__ import annotations

from functools import lru_cache

from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=65536)
def is_public_name(name: str) -> bool:
    """Whether the name can exist in the public DNS: not a local suffix, not a reverse lookup."""
    return not name.endswith(".arpa") and _suffixes().privatesuffix(name, accept_unknown=False) is not None


@lru_cache(maxsize=65536)
def registered_domain(name: str) -> str:
    """``gk.sensorist.com`` -> ``sensorist.com``; a bare suffix or single label stays as it is."""
    return _suffixes().privatesuffix(name) or name
