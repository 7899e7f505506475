"""Both sides of a TCP connection, in packets, with and without their beginning, with and without a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pcapaudit.dissect import conversation, dns, ftp, http, postgres, tls, websocket
from pcapaudit.dissect.stream import Stream
from pcapaudit.flows.streams import Segment, assemble
from pcapaudit.model.events import Event, Malformed, Packet
from tests.fuzz import seeds as real

TCP = 6
PORTS = (443, 80, 21, 53, 5432, 8080, 4321, 8844)
READERS: tuple[Callable[[Stream, Stream], list[Event | Malformed]], ...] = (
    dns.read,
    ftp.read,
    http.read,
    postgres.read,
    tls.read,
    websocket.read,
)
HEAD = 5
"""Bytes that say how the rest is dealt out: reader, port, beginnings and gap, size of a packet, share of the sides."""
A, B = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 1])


def seeds() -> Iterator[bytes]:
    """Every form of conversation that the captures hold, read as its port and its first bytes say."""
    for orig, resp, port in real.conversations():
        both = orig + resp
        share = 255 * len(orig) // max(1, len(both))
        yield bytes((255, PORTS.index(port) if port in PORTS else 0, 3, 64, share)) + both


def try_one(data: bytes) -> None:
    """Read one conversation; the events come in the order of the frames."""
    if len(data) < HEAD:
        return
    reader, port, form, size, share = data[:HEAD]
    both = data[HEAD:]
    cut = len(both) * share // 255
    orig = make_stream(both[:cut], A, 1, 4 * size + 1, form)
    resp = make_stream(both[cut:], B, 2, 4 * size + 1, form >> 1)
    if reader < len(READERS):
        events = READERS[reader](orig, resp)
    else:
        events = conversation.read(orig, resp, port=PORTS[port % len(PORTS)])
    frames = [event.at.frame for event in events]
    assert frames == sorted(frames)


def make_stream(data: bytes, src: bytes, first: int, size: int, form: int) -> Stream:
    """Deal bytes out to packets of a size; bit 0 of the form: from the first byte, bit 2: a packet is missing.

    Frames of the two sides alternate, so that the events of both have to be put in order.
    """
    segments = []
    for number, begin in enumerate(range(0, len(data), size)):
        piece = data[begin : begin + size]
        if form & 4 and number == 2:
            continue
        frame = first + 2 * number
        at = Packet(frame, frame, src, 40000, B, 443, TCP, payload_len=len(piece), seq=1 + begin, flags=24)
        segments.append(Segment(at, piece))
    return assemble(segments, 0 if form & 1 else None)
