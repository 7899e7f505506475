"""Packets, streams and small captures for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dpkt
from hypothesis import strategies as st

from pcapaudit.dissect.stream import Stream
from pcapaudit.flows.streams import Segment, assemble
from pcapaudit.model.events import Packet

CLIENT, SERVER = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 1])
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
_SYN, _ACK = 2, 16


def packet(
    frame: int = 1, *, proto: int = UDP, payload_len: int = 0, src: bytes = CLIENT, dst: bytes = SERVER
) -> Packet:
    """Give a packet of the made-up device."""
    return Packet(frame, frame * 1_000_000, src, 40000, dst, 53, proto, payload_len=payload_len)


def whole(payload: bytes, *, proto: int = UDP) -> Packet:
    """Give the packet that carries the payload uncut."""
    return packet(proto=proto, payload_len=len(payload))


def stream(
    *chunks: bytes, frames: Iterable[int] | None = None, is_from_start: bool = True, src: bytes = CLIENT
) -> Stream:
    """Give a stream of one chunk per packet; ``frames`` numbers the packets, from 1 when left out."""
    numbers = iter(frames) if frames is not None else iter(range(1, len(chunks) + 1))
    offsets = [sum(map(len, chunks[:n])) for n in range(len(chunks))]
    packets = [packet(next(numbers), proto=TCP, payload_len=len(chunk), src=src) for chunk in chunks]
    known = [p.frame for p in packets]
    return Stream(b"".join(chunks), offsets, known, packets, is_from_start=is_from_start, is_complete=True)


EMPTY = stream()


def kinds(events: Iterable[object]) -> list[str]:
    """Give the class names of the events."""
    return [type(event).__name__ for event in events]


@dataclass
class _Side:
    isn: int | None = None
    segments: list[Segment] = field(default_factory=list)


@dataclass
class Reading:
    """A plain pcap file of Ethernet frames: datagrams in order, TCP put together per connection."""

    datagrams: list[tuple[Packet, bytes]] = field(default_factory=list)
    sides: dict[tuple[bytes, int, bytes, int], _Side] = field(default_factory=dict)
    openers: list[tuple[bytes, int, bytes, int]] = field(default_factory=list)

    def connections(self) -> Iterator[tuple[Stream, Stream, int]]:
        """Give originator's stream, responder's stream and the responder's port of each 5-tuple."""
        for key in self.openers:
            back = (key[2], key[3], key[0], key[1])
            yield self._stream(key), self._stream(back), key[3]

    def _stream(self, key: tuple[bytes, int, bytes, int]) -> Stream:
        side = self.sides.get(key, _Side())
        return assemble(side.segments, side.isn)


def read_capture(path: Path) -> Reading:
    """Read a classic pcap file of link type Ethernet, VLAN tags included; fragments and tunnels are left out."""
    reading = Reading()
    with path.open("rb") as file:
        for number, (time_s, data) in enumerate(dpkt.pcap.Reader(file), start=1):
            frame = dpkt.ethernet.Ethernet(data)
            _add(reading, number, round(float(time_s) * 1e9), frame)
    return reading


def _add(reading: Reading, number: int, time_ns: int, frame: Any) -> None:
    ip = frame.data
    if not isinstance(ip, dpkt.ip.IP | dpkt.ip6.IP6):
        return
    upper = ip.data
    if isinstance(upper, dpkt.udp.UDP):
        at = _packet(number, time_ns, ip, upper.sport, upper.dport, max(0, upper.ulen - 8))
        reading.datagrams.append((at, bytes(upper.data)))
    elif isinstance(upper, dpkt.icmp.ICMP | dpkt.icmp6.ICMP6):
        reading.datagrams.append((_packet(number, time_ns, ip, 0, 0, len(upper)), bytes(upper)))
    elif isinstance(upper, dpkt.tcp.TCP):
        _add_tcp(reading, _packet(number, time_ns, ip, upper.sport, upper.dport, _tcp_size(ip)), upper)


def _tcp_size(ip: Any) -> int:
    header = int(ip.data.off) * 4
    if isinstance(ip, dpkt.ip.IP):
        return max(0, int(ip.len) - int(ip.hl) * 4 - header)
    return len(ip.data.data)


def _packet(number: int, time_ns: int, ip: Any, sport: int, dport: int, size: int) -> Packet:
    proto = int(ip.p)
    return Packet(number, time_ns, bytes(ip.src), sport, bytes(ip.dst), dport, proto, payload_len=size)


def _add_tcp(reading: Reading, at: Packet, segment: Any) -> None:
    key = (at.src, at.sport, at.dst, at.dport)
    back = (at.dst, at.dport, at.src, at.sport)
    if key not in reading.sides and back not in reading.sides:
        is_answer = bool(segment.flags & _SYN and segment.flags & _ACK)
        reading.openers.append(back if is_answer else key)
    side = reading.sides.setdefault(key, _Side())
    if segment.flags & _SYN and side.isn is None:
        side.isn = int(segment.seq)
    data = bytes(segment.data)[: at.payload_len]
    if data:
        with_seq = Packet(
            at.frame,
            at.time_ns,
            at.src,
            at.sport,
            at.dst,
            at.dport,
            TCP,
            payload_len=at.payload_len,
            seq=int(segment.seq),
        )
        side.segments.append(Segment(with_seq, data))


def hostile(*samples: bytes) -> st.SearchStrategy[bytes]:
    """Give any bytes, and the samples with a few octets changed and cut somewhere."""
    return st.binary(max_size=400) | st.sampled_from(samples).flatmap(_mutated)


def _mutated(sample: bytes) -> st.SearchStrategy[bytes]:
    changes = st.lists(st.tuples(st.integers(0, max(0, len(sample) - 1)), st.integers(0, 255)), max_size=6)
    return st.builds(_mutate, st.just(sample), changes, st.integers(0, len(sample)))


def _mutate(sample: bytes, changes: list[tuple[int, int]], size: int) -> bytes:
    data = bytearray(sample)
    for position, value in changes:
        if data:
            data[position] = value
    # Half of all sizes keep the whole message: a fault in its middle is worth as much as a cut.
    return bytes(data[: size * 2])


def hostile_streams(*samples: bytes) -> st.SearchStrategy[Stream]:
    """Give streams of hostile bytes in one to three packets, with and without their first byte."""
    packets = {"first": st.integers(0, 60), "second": st.integers(0, 60), "frames": st.permutations([1, 2, 3])}
    return st.builds(_split, hostile(*samples), is_from_start=st.booleans(), **packets)


def _split(data: bytes, *, first: int, second: int, is_from_start: bool, frames: list[int]) -> Stream:
    chunks = [chunk for chunk in (data[:first], data[first : first + second], data[first + second :]) if chunk]
    return stream(*chunks, frames=frames, is_from_start=is_from_start)
