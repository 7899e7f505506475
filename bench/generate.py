"""Captures for measuring: large, like a mirror port's, and the same bytes for the same arguments."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import headers
from bench.headers import Bytes, Frames, Numbers
from bench.stories import ACK, ARP, FIN, OPENING_S, SYN, Mark, Mix, Step, Story, server_address

SPAN_S = 7200.0
BEGIN_S = 1_790_000_000
CLIENTS = 400
_BATCH = 250_000
_RESOLVER = 0x0A14_FE01
_TAGGED, _SIX = 0.12, 0.08
_SHAPES = [
    headers.layout(transport, has_tag=bool(variant & 1), is_six=bool(variant & 2))
    for transport in range(4)
    for variant in range(4)
]
_HEADER_LENGTH = np.array([shape.itemsize for shape in _SHAPES])
_PCAP = np.dtype([("s", "<u4"), ("us", "<u4"), ("captured", "<u4"), ("length", "<u4")])
_PCAPNG = np.dtype([(name, "<u4") for name in ("type", "total", "interface", "high", "low", "captured", "length")])


@dataclass(frozen=True, slots=True)
class _Script:
    """The steps of all stories, one after the other, as columns."""

    steps: Sequence[Step]
    first: Numbers
    parts: Numbers
    """Steps of opening, lap and closing of each story."""
    is_out: Numbers
    flags: Numbers
    length: Numbers
    transport: Numbers
    after_s: Numbers
    part: Numbers
    sent: Numbers
    """Sequence numbers that client and server have used before each step, in the first lap."""
    lap_sent: Numbers
    """What a lap of each story adds to them."""


@dataclass(frozen=True, slots=True)
class _Flows:
    """One row for each flow."""

    story: Numbers
    start: Numbers
    laps: Numbers
    lap_s: Numbers
    host: Numbers
    server: Numbers
    own_port: Numbers
    port: Numbers
    vlan: Numbers
    is_six: Numbers


@dataclass(frozen=True, slots=True)
class _Table:
    """One row for each frame, in the order of time."""

    flow: Numbers
    step: Numbers
    lap: Numbers
    micros: Numbers

    def part(self, begin: int) -> _Table:
        rows = slice(begin, begin + _BATCH)
        return _Table(self.flow[rows], self.step[rows], self.lap[rows], self.micros[rows])


def write_capture(path: Path, mix: Mix, flows: int, frames: int, *, seed: int, block: bool = False) -> int:
    """Write a capture and give the number of its frames.

    Args:
        path: File to write.
        mix: What the flows tell.
        flows: Flows in all, ARP not counted.
        frames: How many are wanted, but for some laps; there are more if the flows do not fit in.
        seed: The same seed gives the same bytes.
        block: pcapng instead of pcap.
    """
    rng = np.random.default_rng(seed)
    stories = (*mix.stories, ARP)
    script = _write_script(stories)
    cast = _cast_flows(stories, script, flows, frames, mix.asked, rng)
    table = _schedule(script, cast)
    noise = rng.integers(0, 256, 8 << 20, dtype=np.uint8)
    with path.open("wb") as out:
        out.write(_pcapng_header() if block else struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for begin in range(0, len(table.flow), _BATCH):
            _make_batch(script, cast, table.part(begin), begin, noise, block=block).tofile(out)
    return len(table.flow)


# --- who says what when ----------------------------------------------------------------------------


def _write_script(stories: Sequence[Story]) -> _Script:
    steps = [(story, step) for story in stories for step in story.steps]
    parts = np.array([[len(story.opening), len(story.lap), len(story.closing)] for story in stories])
    sent, lap_sent = zip(*(_count_sent(story) for story in stories), strict=True)
    return _Script(
        steps=[step for _, step in steps],
        first=np.cumsum(parts.sum(axis=1)) - parts.sum(axis=1),
        parts=parts,
        is_out=np.array([step.is_out for _, step in steps]),
        flags=np.array([step.flags for _, step in steps]),
        length=np.array([len(step.payload) + step.noise for _, step in steps]),
        transport=np.array([_transport_of(story, step) for story, step in steps]),
        after_s=np.array([step.after_s for _, step in steps]),
        part=np.repeat(np.tile([0, 1, 2], len(stories)), parts.ravel()),
        sent=np.concatenate(sent),
        lap_sent=np.array(lap_sent),
    )


def _transport_of(story: Story, step: Step) -> int:
    if story.kind == "tcp":
        return headers.TCP_OPENING if step.flags & SYN else headers.TCP_LATER
    return headers.UDP if story.kind == "udp" else headers.ARP


def _count_sent(story: Story) -> tuple[Numbers, Numbers]:
    """Sequence numbers used before each step by (client, server), and those that one lap uses."""
    used = np.zeros((len(story.steps) + 1, 2), np.int64)
    for number, step in enumerate(story.steps):
        used[number + 1] = used[number]
        used[number + 1, 0 if step.is_out else 1] += (
            len(step.payload) + step.noise + bool(story.kind == "tcp" and step.flags & (FIN | SYN))
        )
    begin, end = len(story.opening), len(story.opening) + len(story.lap)
    lap = used[end] - used[begin]
    used[end:] -= lap
    for number, step in enumerate(story.steps):
        if step.flags == SYN:
            # A SYN that is tried again has the number of the first one.
            used[number] = 0
    return used[:-1], lap


def _cast_flows(
    stories: Sequence[Story], script: _Script, flows: int, frames: int, asked: float, rng: np.random.Generator
) -> _Flows:
    shares = np.array([story.share for story in stories])
    told = rng.choice(len(stories), flows, p=shares / shares.sum())
    told = np.concatenate([told, np.full(int(frames * asked / 2), len(stories) - 1)])
    count = len(told)
    site = np.array([-1 if story.site is None else story.site for story in stories])[told]
    own_port = np.array([story.own_port or 0 for story in stories])[told]
    laps = _share_out(stories, script, told, frames, rng)
    return _Flows(
        story=told,
        start=np.concatenate([np.sort(rng.random(part)) * SPAN_S for part in (flows, count - flows)]),
        laps=laps,
        lap_s=np.array([story.lap_s for story in stories])[told] * (1.0 + rng.exponential(0.5, count)),
        host=rng.integers(0, CLIENTS, count),
        server=np.where(site < 0, _RESOLVER, server_address(0, 0) + (site << 8) + np.arange(count) % 4),
        own_port=np.where(own_port > 0, own_port, rng.integers(32768, 60999, count)),
        port=np.array([story.port for story in stories])[told],
        vlan=np.where(rng.random(count) < _TAGGED, rng.integers(10, 40, count), 0),
        is_six=rng.random(count) < _SIX,
    )


def _share_out(
    stories: Sequence[Story], script: _Script, told: Numbers, frames: int, rng: np.random.Generator
) -> Numbers:
    """Laps of each flow, so that there are as many frames as wanted; few flows get most of them."""
    size = script.parts[told, 1]
    left = max(0, frames - int(script.parts[:, [0, 2]].sum(axis=1)[told].sum()))
    weight = np.array([story.weight for story in stories])
    tellers = np.maximum(np.bincount(told, minlength=len(stories)), 1)
    wanted = rng.lognormal(0.0, 1.4, len(told)) * (weight / tellers)[told]
    ends = np.floor(np.cumsum(wanted / max(wanted.sum(), 1e-9) * left / np.maximum(size, 1)) + 0.5)
    laps: Numbers = np.diff(ends, prepend=0.0).astype(np.int64) * (size > 0)
    return laps


def _schedule(script: _Script, cast: _Flows) -> _Table:
    opening, size, closing = script.parts[cast.story].T
    counts = opening + size * cast.laps + closing
    flow = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(flow)) - np.repeat(np.cumsum(counts) - counts, counts)
    into, size, laps = place - opening[flow], np.maximum(size, 1)[flow], cast.laps[flow]
    lap = np.clip(into // size, 0, laps)
    # What comes after the last lap stands in the script right behind the first one.
    is_past = (into >= 0) & (lap == laps)
    own_size = script.parts[cast.story, 1][flow]
    step = script.first[cast.story][flow] + place - lap * own_size + np.where(is_past, own_size, 0)
    lap = np.where(own_size > 0, lap, 0)
    part = script.part[step]
    time = cast.start[flow] + script.after_s[step] + np.where(part > 0, OPENING_S, 0.0) + lap * cast.lap_s[flow]
    order = np.argsort(time, kind="stable")
    return _Table(
        flow[order].astype(np.int32),
        step[order].astype(np.int32),
        lap[order].astype(np.int32),
        np.rint(time[order] * 1e6).astype(np.int64) + BEGIN_S * 1_000_000,
    )


# --- bytes -----------------------------------------------------------------------------------------


def _make_batch(script: _Script, cast: _Flows, table: _Table, begin: int, noise: Bytes, *, block: bool) -> Bytes:
    transport = script.transport[table.step]
    is_six = cast.is_six[table.flow] & (transport != headers.ARP)
    shape = transport * 4 + is_six * 2 + (cast.vlan[table.flow] > 0)
    length = _HEADER_LENGTH[shape] + script.length[table.step]
    record, trailer = (_PCAPNG.itemsize, 4) if block else (_PCAP.itemsize, 0)
    padded = length + -length % 4 if block else length
    at = np.cumsum(record + padded + trailer) - padded - trailer
    data = np.resize(noise, int(at[-1] + padded[-1] + trailer))
    (_put_pcapng if block else _put_pcap)(data, at, table.micros, length)
    for number in np.unique(shape):
        own = np.flatnonzero(shape == number)
        _put(data, at[own], headers.build(_SHAPES[number], _describe(script, cast, table, own, begin)))
    _put_payloads(data, at + _HEADER_LENGTH[shape], script, cast, table)
    return data


def _describe(script: _Script, cast: _Flows, table: _Table, own: Numbers, begin: int) -> Frames:
    flow, step = table.flow[own], table.step[own]
    is_out, flags = script.is_out[step], script.flags[step]
    sent = script.sent[step] + script.lap_sent[cast.story[flow]] * table.lap[own][:, None]
    sent += np.stack([flow * 7919 + 1000, flow * 15485863 + 77], axis=1, dtype=np.int64)
    return Frames(
        is_out=is_out,
        host=cast.host[flow],
        client=_client_of(cast.host[flow]),
        server=cast.server[flow],
        own_port=cast.own_port[flow],
        port=cast.port[flow],
        vlan=cast.vlan[flow],
        flags=flags,
        length=script.length[step],
        seq=np.where(is_out, sent[:, 0], sent[:, 1]) & 0xFFFFFFFF,
        ack=np.where(flags & ACK, np.where(is_out, sent[:, 1], sent[:, 0]), 0) & 0xFFFFFFFF,
        ident=begin + own,
        millis=(table.micros[own] // 1000) & 0xFFFFFFFF,
    )


def _client_of(host: Numbers) -> Numbers:
    address: Numbers = 0x0A14_0001 + (host // 250 << 8) + host % 250
    return address


def _put(data: Bytes, at: Numbers, rows: Bytes) -> None:
    data[at[:, None] + np.arange(rows.shape[1])] = rows


def _put_payloads(data: Bytes, at: Numbers, script: _Script, cast: _Flows, table: _Table) -> None:
    """Write what has a meaning; the rest of a payload stays noise."""
    values: dict[Mark, Callable[[Numbers], Bytes]] = {
        "ident": lambda flow: headers.big_endian(flow & 0xFFFF, 2),
        "client": lambda flow: headers.big_endian(_client_of(cast.host[flow]), 4),
        "mac": lambda flow: headers.mac_of(cast.host[flow]),
    }
    order = np.argsort(table.step, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(table.step[order])) + 1):
        step = script.steps[table.step[own[0]]]
        if step.payload:
            said = np.frombuffer(step.payload, np.uint8)
            _put(data, at[own], np.broadcast_to(said, (len(own), len(said))))
        for offset, mark in step.marks:
            _put(data, at[own] + offset, values[mark](table.flow[own]))


def _put_pcap(data: Bytes, at: Numbers, micros: Numbers, length: Numbers) -> None:
    rows = np.empty(len(at), _PCAP)
    rows["s"], rows["us"] = np.divmod(micros, 1_000_000)
    rows["captured"] = rows["length"] = length
    _put(data, at - _PCAP.itemsize, rows.view(np.uint8).reshape(len(at), -1))


def _put_pcapng(data: Bytes, at: Numbers, micros: Numbers, length: Numbers) -> None:
    rows = np.empty(len(at), _PCAPNG)
    padded = length + -length % 4
    rows["type"], rows["interface"], rows["total"] = 6, 0, _PCAPNG.itemsize + padded + 4
    rows["high"], rows["low"] = np.divmod(micros, 1 << 32)
    rows["captured"] = rows["length"] = length
    _put(data, at - _PCAPNG.itemsize, rows.view(np.uint8).reshape(len(at), -1))
    for pad in range(1, 4):
        own = padded - length >= pad
        data[(at + padded - pad)[own]] = 0
    _put(data, at + padded, rows["total"].copy().view(np.uint8).reshape(-1, 4))


def _pcapng_header() -> bytes:
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    return section + struct.pack("<IIHHII", 1, 20, 1, 0, 262144, 20)
