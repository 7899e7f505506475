"""Frames by hand, and a scan that runs compiled and interpreted and demands the same of both."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np

from pcapaudit.model.frames import FrameBatch
from pcapaudit.scan import Bounds, Scanner, ScanResult, is_compiled
from pcapaudit.scan.blob import Blob
from pcapaudit.scan.loading import load_interpreted

DEVICE, GATEWAY, OTHER = bytes.fromhex("020000000005"), bytes.fromhex("0200000000fe"), bytes.fromhex("020000000009")
A, B = bytes([10, 0, 0, 5]), bytes([54, 229, 203, 190])
A6, B6 = bytes.fromhex("20010db8000000000000000000000005"), bytes.fromhex("20010db80000000000000000000000fe")
MS = 1_000_000
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def eth(payload: bytes, kind: int = 0x0800, *, src: bytes = DEVICE, dst: bytes = GATEWAY) -> bytes:
    """Ethernet II, not padded."""
    return dst + src + struct.pack(">H", kind) + payload


def tag(vlan: int, payload: bytes, kind: int = 0x0800) -> bytes:
    """What follows the type 0x8100."""
    return struct.pack(">HH", vlan, kind) + payload


def ip4(
    payload: bytes,
    proto: int = 17,
    *,
    src: bytes = A,
    dst: bytes = B,
    ttl: int = 64,
    ident: int = 1,
    part: int = 0x4000,
    total: int | None = None,
    options: bytes = b"",
) -> bytes:
    """An IPv4 packet; ``part`` is the word of flags and offset, the checksum is left 0."""
    header = 20 + len(options)
    length = header + len(payload) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x40 | header // 4, 0, length, ident, part, ttl, proto, 0)
    return head + src + dst + options + payload


def ip6(payload: bytes, proto: int = 17, *, hops: int = 64, length: int | None = None) -> bytes:
    """An IPv6 packet; extension headers are part of the payload."""
    size = len(payload) if length is None else length
    return struct.pack(">IHBB", 0x60000000, size, proto, hops) + A6 + B6 + payload


def udp(payload: bytes = b"data", *, sport: int = 40000, dport: int = 8844, length: int | None = None) -> bytes:
    """A UDP datagram without checksum."""
    return struct.pack(">HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def tcp(
    flags: int,
    payload: bytes = b"",
    *,
    seq: int = 1000,
    ack: int = 0,
    sport: int = 50000,
    dport: int = 443,
    window: int = 64240,
    options: bytes = b"",
) -> bytes:
    """A TCP segment without checksum."""
    words = 5 + len(options) // 4
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, words << 4, flags, window, 0, 0) + options + payload


def sent(segment: bytes, ident: int = 1, **how: Any) -> bytes:
    """A TCP segment of the device in its frame."""
    return eth(ip4(segment, 6, ident=ident, **how))


def received(segment: bytes, ident: int = 1, **how: Any) -> bytes:
    """A TCP segment to the device in its frame."""
    return eth(ip4(segment, 6, src=B, dst=A, ident=ident, **how), src=GATEWAY, dst=DEVICE)


def talk(flows: int, each: int) -> list[bytes]:
    """Datagrams of several flows in turn."""
    return [eth(ip4(udp(sport=40000 + f), ident=n * flows + f + 1)) for n in range(each) for f in range(flows)]


def stream(count: int, size: int, port: int = 443) -> list[bytes]:
    """Segments of the device, one after another."""
    return [sent(tcp(ACK, bytes(size), seq=1000 + n * size, dport=port), n % 65535 + 1) for n in range(count)]


def udp_flow(count: int, port: int = 8844) -> list[bytes]:
    """Datagrams of the device, each with an identification of its own."""
    return [eth(ip4(udp(dport=port), ident=n % 65535 + 1)) for n in range(count)]


def batch(
    frames: Sequence[bytes],
    *,
    link: int = 1,
    times: Sequence[int] | None = None,
    wire: Sequence[int] | None = None,
    first_frame: int = 1,
    around: bytes = b"",
) -> FrameBatch:
    """Put frames into a batch, a millisecond apart unless told; ``around`` stands between any two."""
    data = bytearray(around)
    offsets = array("q")
    for frame in frames:
        offsets.append(len(data))
        data += frame + around
    sizes = array("I", [len(frame) for frame in frames])
    stamps = array("q", times if times is not None else [MS * (first_frame + i) for i in range(len(frames))])
    return FrameBatch(
        data=memoryview(bytes(data)),
        first_frame=first_frame,
        offset=memoryview(offsets),
        captured=memoryview(sizes),
        wire=memoryview(array("I", wire) if wire is not None else sizes),
        time_ns=memoryview(stamps),
        link=memoryview(array("H", [link] * len(frames))),
    )


@cache
def scanners() -> tuple[Callable[..., Any], ...]:
    """Every form of the scanner that this machine has: always the interpreted, the compiled if built."""
    plain = load_interpreted().Scanner
    return (Scanner, plain) if is_compiled() else (plain,)


def scan_batches(batches: Iterable[FrameBatch], bounds: Bounds | None = None) -> ScanResult:
    """Scan with every form there is; they must agree in all that they say, and the last result with any other."""
    forms = [make(bounds=bounds) for make in scanners()]
    ended = scanners()[0](bounds=bounds)
    for each in batches:
        for scanner in (*forms, ended):
            scanner.feed(each)
    results = [*(scanner.result() for scanner in forms), ended.conclude()]
    for other in results[1:]:
        assert not differences(results[0], other)
    found: ScanResult = results[0]
    return found


def scan(frames: Sequence[bytes], *, bounds: Bounds | None = None, **how: Any) -> ScanResult:
    """Scan frames of one batch, see ``batch``."""
    return scan_batches([batch(frames, **how)], bounds)


def differences(one: ScanResult, other: ScanResult) -> list[str]:
    """Name the fields in which two results differ."""
    return [field.name for field in fields(one) if not _equal(getattr(one, field.name), getattr(other, field.name))]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Blob):
        return bool(one[:] == other[:])
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else bool(one == other)
