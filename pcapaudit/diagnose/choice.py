"""Which hosts are looked at: a capture of a whole site holds thousands, most of them servers of the internet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pcapaudit.flows.hosts import Host
from pcapaudit.flows.numbering import roles_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_public

MAX_HOSTS = 2000
"""Hosts that are looked at as possible devices."""
_NAMED, _ON_THE_LINK, _BEYOND, _SERVER = range(4)
"""How much a host looks like a device, the likeliest first: the engineer names it, its MAC is here, a router stands
between; a public server that only answers is none."""


class Choice(NamedTuple):
    """The hosts that are looked at, in order of first appearance."""

    hosts: Sequence[Host]
    left_out: int
    """Others that may be devices, too."""


def choose_hosts(traffic: Traffic, found: Sequence[Host], is_named: Callable[[Host], bool]) -> Choice:
    """Choose those that are likeliest to be devices, of like ones the earliest.

    Args:
        traffic: The capture.
        found: All of its hosts, in order of first appearance.
        is_named: Whether the engineer asked for this host.
    """
    if len(found) <= MAX_HOSTS:
        return Choice(found, 0)
    callers = _callers(traffic)
    standings = np.array([_NAMED if is_named(host) else _standing(host, callers) for host in found])
    chosen = np.sort(np.argsort(standings, kind="stable")[:MAX_HOSTS])
    left_out = np.delete(standings, chosen)
    return Choice([found[place] for place in chosen.tolist()], int(np.count_nonzero(left_out < _SERVER)))


def _callers(traffic: Traffic) -> frozenset[bytes]:
    """Addresses that opened a flow."""
    numbers: list[int] = np.unique(roles_of(traffic).originators).tolist()
    return frozenset(traffic.numbering.addresses[number] for number in numbers)


def _standing(host: Host, callers: frozenset[bytes]) -> int:
    if host.mac is not None:
        return _ON_THE_LINK
    is_server = all(is_public(address) and address not in callers for address in host.addresses)
    return _SERVER if is_server else _BEYOND
