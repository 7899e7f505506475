"""Makes guessing slow: an address that showed too many wrong secrets has to wait."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_FAILURES = 10
"""Wrong secrets of one address in one span."""
SPAN_S = 60.0
_MAX_ADDRESSES = 1000
"""Addresses that are remembered; the oldest is forgotten."""
_IPV6_SITE_BITS = 64
"""One person has this whole network to choose addresses from (RFC 4291, section 2.5.4)."""


class Throttle:
    """Counts the wrong secrets of each address; what is asked while it is shut counts no more."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._spans: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_shut(self, address: str) -> bool:
        """Whether an address has to wait before it may try again."""
        begin, failures = self._spans.get(_person(address), (0.0, 0))
        return failures >= MOST_FAILURES and self._now() < begin + SPAN_S

    def note_failure(self, address: str) -> None:
        """Count a wrong secret."""
        person, now = _person(address), self._now()
        begin, failures = self._spans.pop(person, (now, 0))
        self._spans[person] = (begin, failures + 1) if now < begin + SPAN_S else (now, 1)
        if len(self._spans) > _MAX_ADDRESSES:
            self._spans.popitem(last=False)


def _person(address: str) -> str:
    """What stands for one person: the address, of IPv6 its network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, _IPV6_SITE_BITS), strict=False))
