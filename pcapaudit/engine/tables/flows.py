"""Flows: a row for each conversation, as Zeek's conn.log has it, with MAC addresses, VLAN and frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pcapaudit.engine.tables.cells import NS, mac_cell
from pcapaudit.engine.tables.declare import COMMUNITY_ID, ENDS, MACS, TS, VLAN, Cell, Column, Kind, Row, Table
from pcapaudit.flows import layout, zeek
from pcapaudit.flows.community import ICMP, ICMP6
from pcapaudit.flows.flow import TCP
from pcapaudit.flows.histories import Histories
from pcapaudit.flows.packets import Ends, packed_mac
from pcapaudit.flows.rows import openings
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import Event
from pcapaudit.scan.columns import NO_VLAN
from pcapaudit.scan.columns import Table as Scanned

TABLE = Table(
    "flows",
    "Flows",
    "One row for each flow: both directions of one conversation (TCP: of one connection).",
    (
        TS,
        Column("uid", Kind.TEXT, "unique in the capture, made from the flow alone", "", "uid"),
        *ENDS,
        Column("proto", Kind.CATEGORY, "tcp, udp, icmp, unknown_transport", "", "proto"),
        Column("service", Kind.CATEGORY, "protocol that was read: dns, ssl (TLS), http, ...", "", "service"),
        Column("duration_s", Kind.NUMBER, "from the first packet to the last", "s", "duration"),
        Column("orig_bytes", Kind.INTEGER, "payload of the originator; TCP by sequence number", "bytes", "orig_bytes"),
        Column("resp_bytes", Kind.INTEGER, "payload of the responder, likewise", "bytes", "resp_bytes"),
        Column("conn_state", Kind.CATEGORY, "how it went, in Zeek's letters: S0, SF, REJ, ...", "", "conn_state"),
        Column("history", Kind.TEXT, "what was seen of each side, in Zeek's letters, each once", "", "history"),
        Column("orig_pkts", Kind.INTEGER, "packets of the originator, copies included", "packets", "orig_pkts"),
        Column("orig_ip_bytes", Kind.INTEGER, "their IP lengths", "bytes", "orig_ip_bytes"),
        Column("resp_pkts", Kind.INTEGER, "packets of the responder, copies included", "packets", "resp_pkts"),
        Column("resp_ip_bytes", Kind.INTEGER, "their IP lengths", "bytes", "resp_ip_bytes"),
        COMMUNITY_ID,
        Column("first_frame", Kind.FRAME, "its first frame"),
        Column("last_frame", Kind.FRAME, "its last frame"),
        *MACS,
        VLAN,
        Column("handshake_s", Kind.NUMBER, "from the one SYN to the SYN-ACK; None where a SYN was repeated", "s"),
        Column("orig_retrans", Kind.INTEGER, "retransmissions of the originator, SYNs included", "packets"),
        Column("resp_retrans", Kind.INTEGER, "retransmissions of the responder", "packets"),
        Column("orig_ttl_min", Kind.INTEGER, "smallest TTL or hop limit of the originator's packets", "hops"),
        Column("orig_ttl_max", Kind.INTEGER, "largest", "hops"),
        Column("resp_ttl_min", Kind.INTEGER, "smallest of the responder's packets", "hops"),
        Column("resp_ttl_max", Kind.INTEGER, "largest: a second value betrays a second sender", "hops"),
    ),
    log="conn",
)  # fmt: skip

_STEP = 65_536
"""Flows whose numbers are worked out at a time."""
_Numbers = tuple[int, int, Row, Row]


class FlowRows:
    """The rows of one capture, flow after flow: numbers are worked out for many flows at once.

    Args:
        traffic: The capture.
    """

    def __init__(self, traffic: Traffic) -> None:
        self._icmp = zeek.first_icmp(traffic)
        self._numbers = _numbers(traffic)

    def next_row(self, ends: Ends, messages: Sequence[Event]) -> Row:
        """The next flow.

        Args:
            ends: Address and port of its originator and of its responder, IP protocol.
            messages: What its sides said (TCP).
        """
        orig, orig_p, resp, resp_p, proto = ends
        first_ns, first_frame, counted, seen = next(self._numbers)
        first = self._icmp.get((proto, frozenset((orig, resp)))) if proto in (ICMP, ICMP6) else None
        orig_port, resp_port, is_one_way = zeek.ports(proto, (orig, orig_p), (resp, resp_p), first)
        return (
            first_ns,
            zeek.uid(proto, (orig, orig_p), (resp, resp_p), first_ns, first_frame),
            ip_text(orig),
            orig_port,
            ip_text(resp),
            resp_port,
            zeek.PROTOCOLS.get(proto, "unknown_transport"),
            zeek.service(proto, orig_p, resp_p, messages),
            *counted,
            zeek.flow_community_id(proto, orig, orig_port, resp, resp_port, is_one_way=is_one_way),
            first_frame,
            *seen,
        )


def turned_ends(traffic: Traffic) -> Iterator[Ends]:
    """Both ends of every flow, the originator first."""
    is_from_b = (traffic.digests.table[:, layout.STATE] & layout.FROM_B).tolist()
    for index, turned in enumerate(is_from_b):
        a, a_port, b, b_port, proto = traffic.ends(index)
        yield (b, b_port, a, a_port, proto) if turned else (a, a_port, b, b_port, proto)


def _numbers(traffic: Traffic) -> Iterator[_Numbers]:
    """Of each flow: time and frame of the first packet, ``duration_s`` to ``resp_ip_bytes``, ``last_frame`` and on."""
    told, handshakes = Histories(traffic), _handshakes(traffic)
    is_from_b = (traffic.digests.table[:, layout.STATE] & layout.FROM_B) > 0
    for start in range(0, len(is_from_b), _STEP):
        part = slice(start, start + _STEP)
        table = _Turned(traffic.result.flows[part], is_from_b[part])
        payloads = (column[part].tolist() for column in told.payloads)
        yield from zip(
            table.column("first_ns"),
            table.column("first_frame"),
            zip(
                table.durations(), *payloads, told.states[part], told.letters[part],
                *(column for pair in zip(table.both("pkts"), table.both("bytes"), strict=True) for column in pair),
                strict=True,
            ),
            zip(table.column("last_frame"), *table.links(), handshakes[part], *table.ways(), strict=True),
            strict=True,
        )  # fmt: skip


class _Turned:
    """Some rows of the scan's table of flows, from originator to responder; columns as plain values."""

    def __init__(self, table: Scanned, is_from_b: npt.NDArray[np.bool_]) -> None:
        self._table = table
        self._is_from_b = is_from_b

    def column(self, name: str) -> list[int]:
        """A column that has no side."""
        values: list[int] = self._table[name].tolist()
        return values

    def both(self, name: str) -> list[list[int]]:
        """A column of the originators and of the responders."""
        a, b = self._table[f"a_{name}"], self._table[f"b_{name}"]
        return [np.where(self._is_from_b, *pair).tolist() for pair in ((b, a), (a, b))]

    def durations(self) -> list[float | None]:
        """Seconds from the first to the last packet to the microsecond, never negative; None for a single packet."""
        spans = np.maximum(self._table["last_ns"] - self._table["first_ns"], 0) // 1000 / 1_000_000
        is_long = (self._table["a_pkts"] + self._table["b_pkts"] > 1).tolist()
        return [span if long else None for span, long in zip(spans.tolist(), is_long, strict=True)]

    def links(self) -> list[Iterable[Cell]]:
        """MAC addresses of both sides and VLAN."""
        macs = [map(_mac, column) for column in self.both("mac")]
        return [*macs, (None if vlan == NO_VLAN else vlan for vlan in self.column("vlan"))]

    def ways(self) -> list[Iterable[Cell]]:
        """Retransmissions of both sides, for TCP alone, and the smallest and largest hop limit of each."""
        is_tcp = (self._table["proto"] == TCP).tolist()
        again = [[n if tcp else None for n, tcp in zip(c, is_tcp, strict=True)] for c in self.both("retrans")]
        hops = zip(self.both("ttl_min"), self.both("ttl_max"), strict=True)
        return [*again, *([value or None for value in column] for pair in hops for column in pair)]


def _handshakes(traffic: Traffic) -> list[float | None]:
    """Seconds from the one SYN of each flow to the SYN-ACK, None where one of them is missing."""
    flows, asked, answers = openings(traffic, np.arange(len(traffic.result.flows)))
    times = traffic.result.rows["time_ns"]
    found: list[float | None] = [None] * len(traffic.result.flows)
    for flow, span in zip(flows.tolist(), ((times[answers] - times[asked]) / NS).tolist(), strict=True):
        found[flow] = span
    return found


def _mac(value: int) -> str | None:
    return mac_cell(packed_mac(value))
