"""The capture's DNS: who asked for which name, and what was answered; worked out in columns for all hosts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pcapaudit.dissect.dns import rcode_name
from pcapaudit.flows.exchanges import Lookup, pair_dns
from pcapaudit.flows.numbering import Numbering
from pcapaudit.flows.said import COLUMNS, NOBODY, Grouped, Parties, Said
from pcapaudit.model.events import DnsMessage
from pcapaudit.model.records import dataclass
from pcapaudit.scan.result import ScanResult

MAX_LOOKED_UP = 20_000
"""Messages of DNS lookups that are kept at one time; those of the host asked for longest ago are given up first."""

_Numbers = npt.NDArray[np.uint32]
_Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Asked:
    """A name and type that a host asked for: a ``Lookup`` in short.

    Attributes:
        frames: Frames of the questions, in order.
        times: Their times (ns).
        told: The addresses that were answered.
    """

    name: str
    frames: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    told: dict[bytes, None] = field(default_factory=dict)


class Naming:
    """The DNS messages of one capture, marked duplicates left out.

    Args:
        result: The scan's tables.
        numbering: The addresses of the capture.
        said: What came over UDP, in frame order.
        over_tcp: What came over TCP.
    """

    def __init__(
        self, result: ScanResult, numbering: Numbering, said: Said[DnsMessage], over_tcp: Sequence[DnsMessage]
    ) -> None:
        self._rows = result.rows
        parties = Parties(result, numbering, said.columns["row"])
        self._addresses, self._number = parties.addresses, parties.number
        order, self.said = _merged(said, self._rows["frame"][said.columns["row"]], over_tcp)
        self._src = np.append(parties.src, _numbers(parties.number(m.at.src) for m in over_tcp))[order]
        self._dst = np.append(parties.dst, _numbers(parties.number(m.at.dst) for m in over_tcp))[order]
        self._is_answer = _flags(m.is_response for m in self.said.readings)[self.said.columns["reading"]]
        self._lookups: OrderedDict[tuple[frozenset[bytes], bytes | None], list[Lookup]] = OrderedDict()
        self._kept = 0

    @cached_property
    def by_asker(self) -> Grouped[bytes, DnsMessage]:
        """Messages by the address that asked: the sender of a question, the receiver of an answer."""
        asker = np.where(self._is_answer, self._dst, self._src)
        return Grouped(self.said, np.arange(len(asker)), asker, self._addresses, self._number)

    @cached_property
    def answers_from(self) -> Grouped[bytes, DnsMessage]:
        """Answers by the address that gave them."""
        places = np.flatnonzero(self._is_answer)
        return Grouped(self.said, places, self._src[places], self._addresses, self._number)

    @cached_property
    def answers_about(self) -> Grouped[str | None, DnsMessage]:
        """Answers by the name asked for; None for those that do not repeat it."""
        names: dict[str | None, int] = {}
        of_reading = _numbers(names.setdefault(m.question, len(names)) for m in self.said.readings)
        places = np.flatnonzero(self._is_answer)
        numbers = of_reading[self.said.columns["reading"][places]]
        return Grouped(self.said, places, numbers, list(names), lambda name: names.get(name, -1))

    @cached_property
    def names(self) -> dict[bytes, list[str]]:
        """Address -> the names that were asked for it, by whichever host, in order of the answers."""
        table: dict[bytes, dict[str, None]] = {}
        for m, _ in self.said.counted():
            for record in m.answers:
                if isinstance(record.data, bytes) and m.question:
                    table.setdefault(record.data, {})[m.question] = None
        return {address: list(names) for address, names in table.items()}

    # --- of a host ------------------------------------------------------------------------

    def lookups_of(self, addresses: frozenset[bytes], mac: bytes | None) -> list[Lookup]:
        """DNS lookups of a host by its addresses; where its MAC is given, what another MAC said is left out."""
        known = self._lookups.get((addresses, mac))
        if known is None:
            found: Iterable[DnsMessage] = self.by_asker.under(addresses)
            if mac is not None:
                near = (mac, None)
                found = (m for m in found if m.at.smac in near or m.at.dmac in near)
            known = self._lookups[addresses, mac] = pair_dns(found, addresses)
            self._kept += _count(known)
            while self._kept > MAX_LOOKED_UP and len(self._lookups) > 1:
                self._kept -= _count(self._lookups.popitem(last=False)[1])
        return known

    def forget(self, addresses: frozenset[bytes], mac: bytes | None) -> None:
        """Give up the lookups of a host."""
        self._kept -= _count(self._lookups.pop((addresses, mac), ()))

    def asked_by(self, addresses: frozenset[bytes], mac: bytes | None) -> list[Asked]:
        """The lookups of the host in short, in the same order; no message is made for them, where none is odd."""
        columns = self.said.columns[self.by_asker.places(addresses)]
        if self._is_odd[columns["reading"]].any():
            return [_in_short(lookup) for lookup in self.lookups_of(addresses, mac)]
        columns = columns[self._is_lookup[columns["reading"]] & self._is_near(columns["row"], mac)]
        found: dict[tuple[str, int], Asked] = {}
        for number, frame, time_ns in self._moments(columns):
            reading = self.said.readings[number]
            asked = reading.question or "", reading.kind
            known = found.get(asked)
            if known is None:
                known = found[asked] = Asked(asked[0])
            if reading.is_response:
                known.told |= dict.fromkeys(r.data for r in reading.answers if isinstance(r.data, bytes))
            else:
                known.frames.append(frame)
                known.times.append(time_ns)
        return list(found.values())

    def _moments(self, columns: npt.NDArray[np.void]) -> Iterable[tuple[int, int, int]]:
        """Reading, frame and time of messages."""
        times = (self._rows[name][columns["row"]].tolist() for name in ("frame", "time_ns"))
        return zip(columns["reading"].tolist(), *times, strict=True)

    def _is_near(self, rows: _Numbers, mac: bytes | None) -> _Flags:
        """Which packets come from or go to the MAC, as far as MACs are there."""
        if mac is None:
            return np.ones(len(rows), np.bool_)
        own, found = np.uint64(int.from_bytes(mac, "big")), np.zeros(len(rows), np.bool_)
        for name in ("smac", "dmac"):
            macs = self._rows[name][rows]
            found |= (macs == own) | (macs == 0)
        return found

    @cached_property
    def _is_odd(self) -> _Flags:
        """Per reading: it stands for a message by itself, or needs its question to be understood."""
        return _flags(m.at is not NOBODY or (m.is_response and m.question is None) for m in self.said.readings)

    @cached_property
    def _is_lookup(self) -> _Flags:
        """Per reading: it asks, or is asked, for a name."""
        return _flags(m.opcode == 0 for m in self.said.readings)


def counters_of(said: Said[DnsMessage], over_tcp: Iterable[DnsMessage]) -> dict[str, int | dict[str, int]]:
    """How many questions and answers there are, and the answers' response codes."""
    counted = [*said.counted(), *((m, 1) for m in over_tcp)]
    rcodes: dict[str, int] = {}
    for m, count in counted:
        if m.is_response:
            name = rcode_name(m.rcode)
            rcodes[name] = rcodes.get(name, 0) + count
    responses = sum(rcodes.values())
    return {
        "dns_queries": sum(count for _, count in counted) - responses,
        "dns_responses": responses,
        "dns_rcodes": dict(sorted(rcodes.items())),
    }


def _merged(
    said: Said[DnsMessage], frames: _Numbers, others: Sequence[DnsMessage]
) -> tuple[npt.NDArray[np.intp], Said[DnsMessage]]:
    """All messages in frame order, and the places from which they come there."""
    order = np.argsort(np.append(frames, _numbers(m.at.frame for m in others)), kind="stable")
    columns = np.zeros(len(others), COLUMNS)
    columns["reading"] = np.arange(len(others)) + len(said.readings)
    merged = Said(said.packet, [*said.readings, *others], np.concatenate([said.columns, columns])[order])
    return order, merged


def _in_short(lookup: Lookup) -> Asked:
    told = (r.data for q in lookup.queries for m in q.answers for r in m.answers)
    return Asked(
        lookup.name,
        [m.at.frame for m in lookup.sent],
        [m.at.time_ns for m in lookup.sent],
        dict.fromkeys(address for address in told if isinstance(address, bytes)),
    )


def _count(lookups: Collection[Lookup]) -> int:
    """Messages of some lookups."""
    return sum(len(k.sent) + len(k.answers) for k in lookups)


def _numbers(found: Iterable[int]) -> _Numbers:
    return np.fromiter(found, np.uint32)


def _flags(found: Iterable[bool]) -> _Flags:
    return np.fromiter(found, np.bool_)
