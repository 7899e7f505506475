"""What a case may do to the frames of a script: cut, thin out, copy, as real captures are cut and copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.support import wire
from tests.support.player import Frame
from tests.support.world import Host, World, parse_duration

Frames = list[Frame]


def sort_by_time(frames: Sequence[Frame]) -> Frames:
    """Give the frames in the order of their times; equal times keep the order of the script."""
    return sorted(frames, key=lambda frame: frame.time_ns)


def keep_window(frames: Sequence[Frame], first_ns: int, last_ns: int) -> Frames:
    """Give the frames between two moments, both included."""
    return [frame for frame in frames if first_ns <= frame.time_ns <= last_ns]


def leave_out(frames: Sequence[Frame], names: Sequence[str]) -> Frames:
    """Give the frames without those named by number (from 1) or label. Raises ValueError for an unknown name."""
    wanted = {resolve(frames, name) for name in names}
    return [frame for number, frame in enumerate(frames, start=1) if number not in wanted]


def drop_matching(frames: Sequence[Frame], texts: Sequence[str]) -> Frames:
    """Give the frames whose line of script contains none of the texts. Raises ValueError when a text hits nothing."""
    for text in texts:
        if not any(text in frame.text for frame in frames):
            raise ValueError(f"drop: no line contains {text!r}")
    return [frame for frame in frames if not any(text in frame.text for text in texts)]


def keep_direction(frames: Sequence[Frame], mac: bytes, direction: str) -> Frames:
    """Give what a mirror of one direction shows of a device: ``out`` loses unicast to it, ``in`` all frames from it.

    ``none`` undoes what a case inherited.

    Raises:
        ValueError: The direction is none of these.
    """
    tests: dict[str, Callable[[Frame], bool]] = {
        "out": lambda frame: frame.dst_mac != mac,
        "in": lambda frame: frame.src_mac != mac,
        "none": lambda _: True,
    }
    if direction not in tests:
        raise ValueError(f"one_way: {direction!r} is none of out, in, none")
    return [frame for frame in frames if tests[direction](frame)]


def copy_each(frames: Sequence[Frame], after_ns: int) -> Frames:
    """Give every frame twice, the copy later, byte for byte: a mirror that copies at both ends of a link."""
    copies = [replace(frame, time_ns=frame.time_ns + after_ns, label=None) for frame in frames]
    return sort_by_time([*frames, *copies])


def copy_routed(frames: Sequence[Frame], after_ns: int, world: World) -> Frames:
    """Give every packet that crosses the router a second time, as a mirror of both its sides shows it.

    What leaves is seen again later with a TTL one lower; what comes in was seen earlier with one more.
    """
    copies = [copy for frame in frames for copy in _across(frame, after_ns, world)]
    return sort_by_time([*frames, *copies])


_ROUTER_OUT, _ROUTER_NEXT = bytes.fromhex("025e00000001"), bytes.fromhex("025e00000002")


def _across(frame: Frame, after_ns: int, world: World) -> Iterator[Frame]:
    if int.from_bytes(frame.data[12:14], "big") != wire.ETHER_IPV4:
        return
    size = int.from_bytes(frame.data[16:18], "big")
    packet = frame.data[14 : 14 + size]
    if world.is_far(packet[16:20]):
        yield _moved(frame, after_ns, (_ROUTER_OUT, _ROUTER_NEXT), wire.routed(packet))
    elif world.is_far(packet[12:16]):
        yield _moved(frame, -after_ns, (_ROUTER_NEXT, _ROUTER_OUT), wire.routed(packet, hops=-1))


def _moved(frame: Frame, after_ns: int, macs: tuple[bytes, bytes], packet: bytes) -> Frame:
    src, dst = macs
    data = wire.ethernet(dst, src, wire.ETHER_IPV4, packet)
    moved = replace(frame, time_ns=frame.time_ns + after_ns, data=data, wire_len=len(data), label=None)
    return replace(moved, src_mac=src, dst_mac=dst)


def copy_translated(frames: Sequence[Frame], world: World, outside: Host, after_ns: int = 50_000) -> Frames:
    """Give every packet that crosses the router a second time, as both sides of an address translation show it.

    Outside, the inner address is that of ``outside``; ports stay, the TTL is one lower on the way out.
    """
    copies = [_renamed(copy, world, outside.address) for frame in frames for copy in _across(frame, after_ns, world)]
    return sort_by_time([*frames, *copies])


def _renamed(frame: Frame, world: World, address: bytes) -> Frame:
    """One outer packet, its inner address replaced."""
    packet = frame.data[14 : 14 + int.from_bytes(frame.data[16:18], "big")]
    goes_out = world.is_far(packet[16:20])
    ends = address + packet[16:20] if goes_out else packet[12:16] + address
    renamed = wire.resummed(packet[:12] + ends + packet[20:])
    data = wire.ethernet(frame.data[:6], frame.data[6:12], wire.ETHER_IPV4, renamed)
    return replace(frame, data=data, wire_len=len(data))


def leave_sums(frames: Sequence[Frame], mac: bytes) -> Frames:
    """Give the frames of one host as its own capture shows them: TCP and UDP checksums left for the network card."""
    return [_unfinished(f) if f.src_mac == mac and f.data[12:14] == b"\x08\0" else f for f in frames]


def _unfinished(frame: Frame) -> Frame:
    size = int.from_bytes(frame.data[16:18], "big")
    packet = wire.resummed(frame.data[14 : 14 + size], partial=True)
    return replace(frame, data=frame.data[:14] + packet + frame.data[14 + size :])


def step_clock(frames: Sequence[Frame], words: Sequence[str], start_ns: int) -> Frames:
    """Give the frames as a capturing host dates them whose clock is set by ``words[1]`` at ``words[0]``."""
    at, step = (parse_duration(word) for word in words)
    return [replace(f, time_ns=f.time_ns + (step if f.time_ns >= start_ns + at else 0)) for f in frames]


def cut_each(frames: Sequence[Frame], snaplen: int) -> Frames:
    """Give every frame cut to ``snaplen`` bytes; its length on the wire stays."""
    return [replace(frame, data=frame.data[:snaplen]) for frame in frames]


def tag_each(frames: Sequence[Frame], vlan: int) -> Frames:
    """Give every frame with an 802.1Q tag, as the mirror of a trunk shows it."""
    tag = wire.ETHER_VLAN.to_bytes(2, "big") + vlan.to_bytes(2, "big")
    return [
        replace(frame, data=frame.data[:12] + tag + frame.data[12:], wire_len=frame.wire_len + 4) for frame in frames
    ]


def resolve(frames: Sequence[Frame], name: str) -> int:
    """Give the number (from 1) of the frame with this label, or the number itself.

    Raises:
        ValueError: No frame has the label.
    """
    if name.isdigit():
        return int(name)
    for number, frame in enumerate(frames, start=1):
        if frame.label == name:
            return number
    raise ValueError(
        f"no frame is labelled {name!r}; labels are {', '.join(f.label for f in frames if f.label) or 'none'}"
    )
