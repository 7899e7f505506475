"""How traffic that a request speaks of is written: names and addresses, transport, ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pcapaudit.model.addresses import is_public, parse_ip
from pcapaudit.model.report import FarSide

SHOWN = 12
"""Names or addresses that are written out; a request with more says how many."""


def say_far_sides(sides: Iterable[FarSide], *, is_for_rule: bool) -> str:
    """``a.example, b.example (resolved on 2026-01-01 to 192.0.2.1), TCP 443 and 4321``.

    Names of one service stand together; what is unknown is left out.

    Args:
        sides: The traffic.
        is_for_rule: Somebody makes a rule of it, so that it says by what the rule should know the traffic.
    """
    groups: dict[tuple[object, ...], list[FarSide]] = {}
    for far in sides:
        groups.setdefault((far.host is None, far.transport, far.ports, far.fact), []).append(far)
    return "; ".join(_say_group(group, is_for_rule) for group in groups.values())


def _say_group(group: Sequence[FarSide], is_for_rule: bool) -> str:  # noqa: FBT001 - passed on
    addresses = list(dict.fromkeys(address for far in group for address in far.addresses))
    hosts = [far.host for far in group if far.host is not None]
    where = say_list(hosts) + _say_resolved(group[0], addresses, is_for_rule) if hosts else say_list(addresses)
    return ", ".join(part for part in (where, say_service(group[0])) if part)


def say_service(far: FarSide) -> str:
    """Transport and ports: ``TCP 443 and 4321``; an empty text when they are unknown."""
    if far.transport is None or not far.ports:
        return ""
    return f"{far.transport.upper()} {join_and([str(p) for p in far.ports])}"


def say_list(items: Sequence[str]) -> str:
    """The first of many, and how many more there are."""
    more = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def join_and(words: Sequence[str], word: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = words or ("",)
    return f"{', '.join(first)} {word} {last}" if first else last


def say_ports(sides: Iterable[FarSide]) -> str:
    """To search a log by, after an address: ``, port 443 or 4321,``; an empty text when no port is known."""
    ports = sorted({port for far in sides for port in far.ports})
    return f", port {join_and([str(p) for p in ports], 'or')}," if ports else ""


def _say_resolved(far: FarSide, addresses: Sequence[str], is_for_rule: bool) -> str:  # noqa: FBT001 - passed on
    if not addresses:
        return ""
    told = f"resolved on {far.resolved_at[:10]} to" if far.resolved_at else "at"
    is_moving = is_for_rule and any(map(_is_public, addresses))
    change = "; they may change, so by name or by port, not by address" if is_moving else ""
    fact = f": {far.fact}" if far.fact and change else ""
    return f" ({told} {say_list(addresses)}{change}{fact})"


def is_beyond(far: FarSide) -> bool:
    """Whether it lies beyond the site: no address of it is one that any site may use for itself."""
    return all(map(_is_public, far.addresses))


def _is_public(address: str) -> bool:
    try:
        return is_public(parse_ip(address))
    except ValueError:
        return False


def end_sentence(text: str) -> str:
    """The text with a full stop, unless it ends with one or asks."""
    return text if text.endswith((".", "?")) else f"{text}."
