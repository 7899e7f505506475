"""Small words of which the rows are made."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from pcapaudit.engine.tables.declare import Row
from pcapaudit.flows.community import community_id
from pcapaudit.flows.flow import Flow
from pcapaudit.flows.zeek import uid
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.events import Packet

NS = 1_000_000_000
MAX_LISTED = 256
"""Values that one cell lists at most; the first ones."""


def mac_cell(mac: bytes | None) -> str | None:
    """A MAC address as text."""
    return None if mac is None else mac_text(mac)


def ip_cell(address: bytes | None) -> str | None:
    """An address as text; None for none, and for the unspecified one of IPv4, which stands for none."""
    return None if not address or address == bytes(4) else ip_text(address)


def span_s(first: Packet | None, later: Packet | None) -> float | None:
    """Seconds from one packet to a later one; None where one of them is missing."""
    return None if first is None or later is None else (later.time_ns - first.time_ns) / NS


def frames_of(packets: Iterable[Packet]) -> tuple[int, ...]:
    """Their frame numbers, at most ``MAX_LISTED``."""
    return tuple(at.frame for at in islice(packets, MAX_LISTED))


class Ends(NamedTuple):
    """Who asked whom.

    Attributes:
        ends: The cells of ``declare.ENDS``.
        marks: Those of ``declare.MARKS``, for a connection of ``declare.FLOW_MARKS``.
    """

    ends: Row
    marks: Row


def ends_of(question: Packet | None, answer: Packet | None) -> Ends:
    """The ends of an exchange of datagrams, from its question, or else from its answer (at least one is there)."""
    at = question or answer
    assert at is not None  # noqa: S101 - every exchange has a message
    named = (at.src, at.sport, at.smac, at.dst, at.dport, at.dmac)
    orig, orig_p, orig_mac, resp, resp_p, resp_mac = named if question is not None else named[3:] + named[:3]
    known = name_flow(at.proto, orig, orig_p, resp, resp_p)
    ends = (ip_text(orig), orig_p, ip_text(resp), resp_p)
    return Ends(ends, (mac_cell(orig_mac), mac_cell(resp_mac), at.vlan, known))


@lru_cache(maxsize=65_536)
def name_flow(proto: int, orig: bytes, orig_p: int, resp: bytes, resp_p: int) -> str:
    """The Community ID of two ends."""
    return community_id(proto, orig, orig_p, resp, resp_p)


def connection_of(flow: Flow) -> Ends:
    """The ends of a TCP connection."""
    (orig, orig_p), (resp, resp_p) = flow.orig, flow.resp
    known = name_flow(flow.proto, orig, orig_p, resp, resp_p)
    marks = (
        mac_cell(flow.orig_side.mac),
        mac_cell(flow.resp_side.mac),
        flow.vlan,
        known,
        uid(flow.proto, flow.orig, flow.resp, flow.first_ns, flow.first_frame),
    )
    return Ends((ip_text(orig), orig_p, ip_text(resp), resp_p), marks)
