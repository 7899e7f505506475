"""ARP: a row for each packet, worked out in the columns of the scan's table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pcapaudit.engine.tables.cells import NS
from pcapaudit.engine.tables.declare import TS, VLAN, Column, Kind, Row, Table
from pcapaudit.flows.arps import REQUEST
from pcapaudit.flows.packets import packed_address, packed_mac
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.scan.columns import NO_VLAN
from pcapaudit.scan.columns import Table as Scanned

REPLY = 2
_STEP = 65_536
"""Rows that are made at a time."""
_KINDS = ("request", "reply", "probe", "announcement", "other")

TABLE = Table(
    "arp",
    "ARP",
    "One row for each ARP packet.",
    (
        TS,
        Column("kind", Kind.CATEGORY, "request, reply, probe (asks without an address), announcement (its own), other"),
        Column("orig_mac", Kind.TEXT, "MAC address that the sender gives as its own"),
        Column("orig_h", Kind.TEXT, "address that the sender gives as its own; None for 0.0.0.0"),
        Column("resp_mac", Kind.TEXT, "target MAC address; None while it is asked for"),
        Column("resp_h", Kind.TEXT, "target address: what is asked for"),
        Column("link_orig_mac", Kind.TEXT, "source of the Ethernet header"),
        Column("link_resp_mac", Kind.TEXT, "destination of the Ethernet header"),
        Column("operation", Kind.INTEGER, "1 request, 2 reply (RFC 826)"),
        Column("is_answered", Kind.TRUTH, "request, probe: a reply came before the same host asked again"),
        Column("rtt_s", Kind.NUMBER, "until that reply", "s"),
        VLAN,
        Column("frame", Kind.FRAME, "frame of the packet"),
        Column("reply_frame", Kind.FRAME, "frame of that reply"),
    ),
)  # fmt: skip


def read(traffic: Traffic) -> Iterator[Row]:
    """The rows in order of their frames."""
    arps = traffic.result.arps
    arps = arps[arps["dup_of"] == 0]
    kinds, replies = _kinds(arps), _replies(arps)
    for start in range(0, len(arps), _STEP):
        part = slice(start, start + _STEP)
        yield from _rows(arps, part, kinds[part].tolist(), replies[part])


def _rows(arps: Scanned, part: slice, kinds: list[int], replies: npt.NDArray[np.int64]) -> Iterator[Row]:
    own, is_told = arps[part], replies >= 0
    rtts = (arps["time_ns"][replies] - own["time_ns"]) / NS
    columns = (
        own["time_ns"].tolist(),
        map(_KINDS.__getitem__, kinds),
        map(_mac, own["sender_mac"].tolist()),
        map(_address, own["sender_ip"].tolist()),
        map(_mac, own["target_mac"].tolist()),
        map(_address, own["target_ip"].tolist()),
        map(_mac, own["smac"].tolist()),
        map(_mac, own["dmac"].tolist()),
        own["op"].tolist(),
        (told if kind in (0, 2) else None for kind, told in zip(kinds, is_told.tolist(), strict=True)),
        (rtt if told else None for rtt, told in zip(rtts.tolist(), is_told.tolist(), strict=True)),
        (None if vlan == NO_VLAN else vlan for vlan in own["vlan"].tolist()),
        own["frame"].tolist(),
        (f if told else None for f, told in zip(arps["frame"][replies].tolist(), is_told.tolist(), strict=True)),
    )
    return zip(*columns, strict=True)


def _kinds(arps: Scanned) -> npt.NDArray[np.intp]:
    """Index of ``_KINDS`` for each packet (probe and announcement: RFC 5227, section 1.1)."""
    is_request, is_own = arps["op"] == REQUEST, (arps["sender_ip"] == arps["target_ip"]) & (arps["sender_ip"] > 0)
    conditions = [is_own, is_request & (arps["sender_ip"] == 0), is_request, arps["op"] == REPLY]
    found: npt.NDArray[np.intp] = np.select(conditions, [3, 2, 0, 1], 4)
    return found


def _replies(arps: Scanned) -> npt.NDArray[np.int64]:
    """For each request the place of its reply, -1 without one: the first to this host for this address behind it.

    Only up to the next request of this host for this address: what comes then belongs to that one.
    """
    is_request = (arps["op"] == REQUEST) & (arps["sender_ip"] != arps["target_ip"])
    is_reply = arps["op"] == REPLY
    hosts = np.where(is_request, arps["sender_mac"], arps["target_mac"])
    wanted = np.where(is_request, arps["target_ip"], arps["sender_ip"])
    places = np.flatnonzero(is_request | is_reply)
    order = places[np.lexsort((places, wanted[places], hosts[places]))]
    found = np.full(len(arps), -1, np.int64)
    if len(order) > 1:
        now, following = order[:-1], order[1:]
        is_same = (hosts[now] == hosts[following]) & (wanted[now] == wanted[following])
        is_pair = is_same & is_request[now] & is_reply[following]
        found[now[is_pair]] = following[is_pair]
    return found


def _mac(value: int) -> str | None:
    known = packed_mac(value)
    return None if known is None else mac_text(known)


def _address(value: int) -> str | None:
    return ip_text(packed_address(4, 0, value)) if value else None
