"""ICMP errors about the packets of a device, and the flows that these belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pcapaudit.flows.exchanges import OVERTAKING_NS
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import IcmpMessage, QuotedPacket
from pcapaudit.model.records import dataclass

ICMP_ERRORS = {4: frozenset({3, 11}), 6: frozenset({1, 2, 3})}
"""ICMP types that quote the packet they complain about: RFC 792, RFC 4443."""

_Ends = tuple[int, frozenset[tuple[bytes, int]]]
"""IP protocol and both endpoints."""


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error about a packet of the device; ``flow`` is None when no packet in the file matches."""

    message: IcmpMessage
    flow: int | None


def errors_about(traffic: Traffic, addresses: frozenset[bytes]) -> list[IcmpError]:
    """ICMP errors that quote a packet of a device, in frame order (catalogue, section 4: validation).

    Args:
        traffic: The capture.
        addresses: Every address of the device.
    """
    quoting = [
        (m, m.quoted)
        for m in traffic.icmp_of(addresses)
        if m.quoted is not None and m.type in ICMP_ERRORS[m.family] and m.quoted.src in addresses
    ]
    flows = _flows_by_ends(traffic, addresses) if quoting else {}
    return [IcmpError(m, _flow_of(traffic, flows, quoted, m.at.time_ns)) for m, quoted in quoting]


def _flows_by_ends(traffic: Traffic, addresses: frozenset[bytes]) -> Mapping[_Ends, list[int]]:
    table: dict[_Ends, list[int]] = defaultdict(list)
    for index in sorted({i for a in addresses for i in traffic.flows_by_address.get(a, ())}):
        a, a_port, b, b_port, proto = traffic.ends(index)
        table[proto, frozenset({(a, a_port), (b, b_port)})].append(index)
    return table


def _flow_of(traffic: Traffic, flows: Mapping[_Ends, list[int]], quoted: QuotedPacket, time_ns: int) -> int | None:
    """The latest flow before an error that the quoted packet belongs to."""
    ends = frozenset({(quoted.src, quoted.sport or 0), (quoted.dst, quoted.dport or 0)})
    found = flows.get((quoted.proto, ends), ())
    return next((i for i in reversed(found) if traffic.flow(i).first_ns <= time_ns + OVERTAKING_NS), None)
