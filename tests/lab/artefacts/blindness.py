"""What a capture can miss: a direction, frames, bytes of a frame, its beginning or its end."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from tests.lab.artefacts.tape import Frame, Mac, Tape

Change = Callable[[Tape], Tape]

_SYN_ONLY = 0x02
_SYN_ACK_RST_FIN = 0x17


def only_sent_by(macs: frozenset[Mac]) -> Change:
    """Give the mirror of what boxes send: the receive side of their switch ports."""
    return lambda tape: tape.where(lambda frame: frame.data[6:12] in macs)


def only_received_by(macs: frozenset[Mac]) -> Change:
    """Give the mirror of what boxes get: the send side of their switch ports, broadcasts of others included."""
    return lambda tape: tape.where(
        lambda frame: frame.data[:6] in macs or (bool(frame.data[0] & 1) and frame.data[6:12] not in macs)
    )


def nothing_sent_by(mac: Mac) -> Change:
    """Leave out what one box sends; at the router's port, all that comes in from outside."""
    return lambda tape: tape.where(lambda frame: frame.data[6:12] != mac)


def nothing_sent_to(mac: Mac) -> Change:
    """Leave out what is addressed to one box alone."""
    return lambda tape: tape.where(lambda frame: frame.data[:6] != mac)


def lossy(share: float, seed: int) -> Change:
    """Give a mirror that loses frames at random."""

    def lose(tape: Tape) -> Tape:
        dice = random.Random(seed)
        return tape.where(lambda _: dice.random() >= share)

    return lose


def bursty(share: float, seed: int) -> Change:
    """Give a mirror that loses frames in rows of ten, as an overrun buffer does."""

    def lose(tape: Tape) -> Tape:
        dice = random.Random(seed)
        gone = [dice.random() < share for _ in range(len(tape.frames) // 10 + 1)]
        return Tape(tuple(f for number, f in enumerate(tape.frames) if not gone[number // 10]), tape.link)

    return lose


def one_of(share: int) -> Change:
    """Give a sampled capture: every ``share``-th frame."""
    return lambda tape: Tape(tape.frames[::share], tape.link)


def cut_to(snaplen: int) -> Change:
    """Give frames cut to so many bytes; their length on the wire is still told."""
    return lambda tape: tape.each(lambda frame: Frame(frame.time_ns, frame.data[:snaplen], frame.wire))


def repeated(gap_ns: int, change: Callable[[Frame], Frame] = lambda frame: frame) -> Change:
    """Give every frame twice, the copy ``gap_ns`` later and changed."""

    def repeat(tape: Tape) -> Tape:
        pairs = ((f, change(Frame(f.time_ns + gap_ns, f.data, f.wire))) for f in tape.frames)
        return Tape(tuple(sorted((f for pair in pairs for f in pair), key=lambda f: f.time_ns)), tape.link)

    return repeat


def shuffled(within_ns: int, seed: int) -> Change:
    """Give the frames with their own times, but in the order in which hasty queues hand them over."""

    def shuffle(tape: Tape) -> Tape:
        dice = random.Random(seed)
        keyed = sorted(
            (f.time_ns + dice.randint(-within_ns // 2, within_ns // 2), n) for n, f in enumerate(tape.frames)
        )
        return Tape(tuple(tape.frames[n] for _, n in keyed), tape.link)

    return shuffle


def restamped(within_ns: int, seed: int) -> Change:
    """Give the frames in an order that is wrong by as much, under times that pretend it was so."""

    def restamp(tape: Tape) -> Tape:
        dice = random.Random(seed)
        moved = (Frame(f.time_ns + dice.randint(-within_ns, within_ns), f.data, f.wire) for f in tape.frames)
        return Tape(tuple(sorted(moved, key=lambda f: f.time_ns)), tape.link)

    return restamp


def shifted(by_ns: int) -> Change:
    """Give the same capture by another clock."""
    return lambda tape: tape.each(lambda frame: Frame(frame.time_ns + by_ns, frame.data, frame.wire))


def stepped(by_ns: int) -> Change:
    """Give the same frames in their order under a clock that is set in the middle of the capture's length."""

    def step(tape: Tape) -> Tape:
        middle_ns = (tape.frames[0].time_ns + tape.frames[-1].time_ns) // 2
        return tape.each(lambda f: f if f.time_ns < middle_ns else Frame(f.time_ns + by_ns, f.data, f.wire))

    return step


def syns_of(tape: Tape, macs: frozenset[Mac]) -> list[int]:
    """Give the positions of connection attempts that these boxes make (untagged IPv4)."""
    return [n for n, frame in enumerate(tape.frames) if frame.data[6:12] in macs and _flags(frame) == _SYN_ONLY]


def handshakes_done(tape: Tape, macs: frozenset[Mac]) -> list[int]:
    """Give the positions where a connection of these boxes is answered by SYN and ACK."""
    return [n for n, frame in enumerate(tape.frames) if frame.data[:6] in macs and _flags(frame) == 0x12]


def _flags(frame: Frame) -> int:
    """TCP's SYN, ACK, RST and FIN flags of an untagged IPv4 frame; 0 for anything else."""
    data = frame.data
    if data[12:14] != b"\x08\x00" or len(data) < 54 or data[23] != 6 or struct.unpack_from(">H", data, 20)[0] & 0x1FFF:
        return 0
    return data[14 + (data[14] & 15) * 4 + 13] & _SYN_ACK_RST_FIN
