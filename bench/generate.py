"""Captures for measuring: large, like a mirror port's, and the same bytes for the same arguments."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from bench.stories import FIN, SYN, Step, Story

SPAN_S = 7200.0
BEGIN_S = 1_790_000_000
_BATCH = 50_000
_ETHERNET, _IP, _TCP, _UDP = 14, 20, 20, 8
Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Template:
    """The bytes of one step without addresses, ports and numbers."""

    frame: Bytes
    is_out: bool
    is_tcp: bool
    sent_before: tuple[int, int]
    """Bytes that the client and the server sent before, SYN and FIN counted."""


def write_capture(
    path: Path, stories: Sequence[Story], flows: int, frames: int, *, seed: int, block: bool = False
) -> int:
    """Write a capture and give the number of its frames.

    Args:
        path: File to write.
        stories: What the flows tell, by their shares.
        flows: Flows in all.
        frames: Where to stop, at the latest.
        seed: The same seed gives the same bytes.
        block: pcapng instead of pcap.
    """
    rng = np.random.default_rng(seed)
    shares = np.array([s.share for s in stories])
    told = rng.choice(len(stories), flows, p=shares / shares.sum())
    start = np.sort(rng.random(flows)) * SPAN_S
    flow, step, time = _schedule(stories, told, start)
    order = np.argsort(time, kind="stable")[:frames]
    templates = [[_template(s, i) for i in range(len(s.steps))] for s in stories]
    with path.open("wb") as out:
        out.write(_pcapng_header() if block else struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for at in range(0, len(order), _BATCH):
            part = order[at : at + _BATCH]
            _write_batch(out, templates, told, flow[part], step[part], time[part], block=block)
    return len(order)


def _schedule(stories: Sequence[Story], told: Numbers, start: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Flow, step and time (s) of every frame, flow by flow."""
    flows, steps, times = [], [], []
    for number, story in enumerate(stories):
        own = np.flatnonzero(told == number)
        count = len(story.steps)
        flows.append(np.repeat(own, count))
        steps.append(np.tile(np.arange(count), len(own)))
        times.append(np.repeat(start[own], count) + np.tile([s.after_s for s in story.steps], len(own)))
    return np.concatenate(flows), np.concatenate(steps), np.concatenate(times)


def _template(story: Story, index: int) -> _Template:
    before = [0, 0]
    for earlier in story.steps[:index]:
        if earlier.flags is not None:
            before[not earlier.is_out] += len(earlier.payload) + bool(earlier.flags & (FIN | SYN))
    step = story.steps[index]
    if step.flags == SYN:
        # A SYN that is tried again has the number of the first one.
        before = [0, 0]
    is_tcp = step.flags is not None
    transport = _transport(story, step)
    total = _IP + len(transport) + len(step.payload)
    ip = struct.pack(">BBHHHBBH8x", 0x45, 0, total, 0, 0x4000, 64 if step.is_out else 49, 6 if is_tcp else 17, 0)
    raw = bytes(12) + b"\x08\x00" + ip + transport + step.payload
    return _Template(np.frombuffer(raw, np.uint8), step.is_out, is_tcp, (before[0], before[1]))


def _transport(story: Story, step: Step) -> bytes:
    ports = (0, story.port) if step.is_out else (story.port, 0)
    if step.flags is None:
        return struct.pack(">HHHH", *ports, _UDP + len(step.payload), 0)
    return struct.pack(">HHIIBBHHH", *ports, 0, 0, 0x50, step.flags, 64240, 0, 0)


def _write_batch(
    out: BinaryIO,
    templates: Sequence[Sequence[_Template]],
    told: Numbers,
    flow: Numbers,
    step: Numbers,
    time: Numbers,
    *,
    block: bool,
) -> None:
    pieces: list[bytes] = [b""] * len(flow)
    kinds = told[flow] * 1000 + step
    for kind in np.unique(kinds):
        own = np.flatnonzero(kinds == kind)
        template = templates[kind // 1000][kind % 1000]
        rows = _fill(template, flow[own])
        for at, row in zip(own.tolist(), rows, strict=True):
            pieces[at] = row.tobytes()
    out.writelines(_record(stamp, piece, block=block) for stamp, piece in zip(time.tolist(), pieces, strict=True))


def _record(stamp: float, frame: bytes, *, block: bool) -> bytes:
    micros = round(stamp * 1e6)
    if not block:
        return struct.pack("<4I", BEGIN_S + micros // 1_000_000, micros % 1_000_000, len(frame), len(frame)) + frame
    padded = frame + bytes(-len(frame) % 4)
    high, low = divmod(BEGIN_S * 1_000_000 + micros, 1 << 32)
    length = len(padded) + 32
    return (
        struct.pack("<8I", 6, length, 0, high, low, len(frame), len(frame), 0)[:28] + padded + struct.pack("<I", length)
    )


def _pcapng_header() -> bytes:
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    return section + struct.pack("<IIHHII", 1, 20, 1, 0, 262144, 20)


def _fill(template: _Template, flow: Numbers) -> Bytes:
    """One row a flow: the template with the flow's addresses, ports, numbers and checksum."""
    rows = np.broadcast_to(template.frame, (len(flow), len(template.frame))).copy()
    host, port = flow % 400, 32768 + (flow * 7919) % 28000
    client = np.stack([np.full_like(host, 10), host // 250, host % 250, np.full_like(host, 7)], axis=1).astype(np.uint8)
    server = np.stack([np.full_like(host, 54), flow // 60000 % 200, flow // 250 % 240, flow % 250], axis=1).astype(
        np.uint8
    )
    device, gateway = _macs(host), np.broadcast_to(np.frombuffer(b"\x02\x1f\x77\x00\x00\x01", np.uint8), (len(flow), 6))
    near, far = (client, server) if template.is_out else (server, client)
    rows[:, 0:6], rows[:, 6:12] = (gateway, device) if template.is_out else (device, gateway)
    rows[:, 26:30], rows[:, 30:34] = near, far
    at = _ETHERNET + _IP + (0 if template.is_out else 2)
    rows[:, at : at + 2] = _big_endian(port, ">u2")
    if template.is_tcp:
        own, other = template.sent_before if template.is_out else template.sent_before[::-1]
        base = (flow * 2654435761) % (1 << 31)
        rows[:, 38:42] = _big_endian(base + own, ">u4")
        rows[:, 42:46] = _big_endian(base + other, ">u4")
    rows[:, 24:26] = _big_endian(_header_checksum(rows), ">u2")
    return rows


def _macs(host: Numbers) -> Bytes:
    zeros = np.zeros_like(host)
    return np.stack([zeros + 2, zeros, zeros, zeros + 9, host // 256, host % 256], axis=1).astype(np.uint8)


def _big_endian(values: Numbers, kind: str) -> Bytes:
    return np.frombuffer(values.astype(kind).tobytes(), np.uint8).reshape(len(values), -1)


def _header_checksum(rows: Bytes) -> Numbers:
    """The IPv4 header checksum (RFC 791, section 3.1)."""
    words = rows[:, _ETHERNET : _ETHERNET + _IP].reshape(len(rows), -1, 2).astype(np.uint32)
    total = (words[:, :, 0] << 8 | words[:, :, 1]).sum(axis=1)
    total = (total & 0xFFFF) + (total >> 16)
    checksum: Numbers = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return checksum
