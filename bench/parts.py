"""What is measured, in parts that can be run alone; each gives rows of figures."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench import where, wire
from bench.generate import write_capture
from bench.measure import Patience, measure_all
from bench.peers import OURS, PEERS, YARDSTICK, Peer, interpreted
from bench.stories import BULK, SITE, Mix

FLOW_FRAMES = 50
"""Frames of a mean flow of the site."""
RATES = (100_000, 310_000, 0)
WIRE_S = 60.0
_BY_NAME = {peer.name: peer for peer in PEERS}
_PAIR = (_BY_NAME[OURS], _BY_NAME[YARDSTICK])
_SOURCES = ("generate.py", "headers.py", "stories.py")


@dataclass(frozen=True, slots=True)
class Capture:
    """A file and what is in it; ``kind`` is the name that rows give it."""

    kind: str
    path: Path
    frames: int
    flows: int

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class Row:
    """What one tool took for one capture on so many processors; for a room of pcapaudit, ``tool`` is its name."""

    part: str
    capture: str
    tool: str
    frames: int
    flows: int
    size: int
    cpus: int
    seconds: float
    cpu_s: float = 0.0
    peak_bytes: int = 0
    was_ended: bool = False
    seen: int = 0
    """On a wire: frames that the tool read, of the ``frames`` that were sent in ``seconds``."""
    dropped: int = 0
    """Frames of which it says that they were lost."""
    late_s: float = 0.0
    """From the last frame to its result."""
    sender_s: float = 0.0
    """Processor time of the sender."""

    @property
    def frame_s(self) -> float:
        """Seconds for each frame."""
        return self.seconds / self.frames


@dataclass(frozen=True, slots=True)
class Bench:
    """How large the captures are, where they are kept, how long a tool may take."""

    frames: int
    folder: Path
    patience: Patience
    rates: tuple[int, ...] = RATES
    """Frames a second on a wire; 0 for as many as go."""
    wire_s: float = WIRE_S
    """How long a wire carries frames at a rate."""

    def make(self, kind: str, mix: Mix, frames: int, flows: int, *, block: bool = False) -> Capture:
        """A capture, written unless it is there from before."""
        name = f"{kind}-{frames}-{flows}-{_fingerprint()}.{'pcapng' if block else 'pcap'}"
        path = self.folder / name
        count = path.with_suffix(path.suffix + ".count")
        if not count.is_file():
            print(f"writing {name}", flush=True)
            written = write_capture(path, mix, flows, frames, seed=1, block=block)
            count.write_text(str(written))
        return Capture(kind, path, int(count.read_text()), flows)

    def site(self, frames: int, flows: int | None = None, *, block: bool = False) -> Capture:
        """A capture of a site's mirror port."""
        return self.make("site", SITE, frames, flows or max(1, frames // FLOW_FRAMES), block=block)

    def patient(self) -> Bench:
        """The same with more rounds: differences between short runs drown in noise otherwise."""
        return replace(self, patience=replace(self.patience, rounds=3 * self.patience.rounds))

    def drop_old_captures(self) -> None:
        """Remove what an earlier generator wrote."""
        for path in self.folder.glob("*-*-*.pcap*"):
            if _fingerprint() not in path.name:
                path.unlink()

    def compare(self, part: str, capture: Capture, peers: Iterable[Peer], cpus: int) -> Iterator[Row]:
        """Measure tools on one capture."""
        print(f"{part}: {capture.path.name} on {cpus} processor{'s' if cpus > 1 else ''}", flush=True)
        _warm(capture.path)
        commands = {peer.name: peer.command(capture.path) for peer in peers if peer.is_here}
        for name, m in measure_all(commands, self.patience, cpus=cpus).items():
            about = (part, capture.kind, name, capture.frames, capture.flows, capture.size, cpus)
            yield Row(*about, m.seconds, m.cpu_s, m.peak_bytes, m.was_ended)

    def compare_all(self, part: str, capture: Capture, cpus: int) -> Iterator[Row]:
        """Measure every peer; those that cannot take so many frames, on a part of the site and one processor."""
        yield from self.compare(part, capture, [p for p in PEERS if (p.part or capture.frames) >= capture.frames], cpus)
        for peer in PEERS:
            if cpus == 1 and peer.part is not None and peer.part < capture.frames:
                yield from self.compare(part, self.site(peer.part), [peer], cpus)


def _fingerprint() -> str:
    own = Path(__file__).parent
    return hashlib.sha256(b"".join((own / name).read_bytes() for name in _SOURCES)).hexdigest()[:8]


def _warm(path: Path) -> None:
    """Bring a file into the page cache."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


# --- the parts -------------------------------------------------------------------------------------


def _measure_site(bench: Bench) -> Iterator[Row]:
    capture = bench.site(bench.frames)
    for cpus in (1, 2):
        yield from bench.compare_all("site", capture, cpus)


def _measure_full(bench: Bench) -> Iterator[Row]:
    frames = bench.frames // 3
    capture = bench.make("full", BULK, frames, max(1, frames // 500))
    peers = [peer for peer in PEERS if peer.part is None]
    yield from bench.compare("full", capture, peers, 1)
    yield from bench.compare("full", capture, _PAIR, 2)


def _measure_format(bench: Bench) -> Iterator[Row]:
    for block in (False, True):
        capture = bench.site(bench.frames, block=block)
        named = Capture("pcapng" if block else "pcap", capture.path, capture.frames, capture.flows)
        yield from bench.compare("format", named, _PAIR, 1)


def _measure_small(bench: Bench) -> Iterator[Row]:
    yield from bench.compare("small", bench.site(2_000, 120), PEERS, 1)


def _measure_interpreted(bench: Bench) -> Iterator[Row]:
    peers = (*_PAIR, interpreted(bench.folder / "interpreted"), _BY_NAME["dpkt loop"])
    yield from bench.compare("interpreted", bench.site(bench.frames // 30), peers, 1)


def _measure_frames(bench: Bench) -> Iterator[Row]:
    bench = bench.patient()
    yield from bench.compare("frames", bench.site(2_000), _PAIR, 1)
    frames = 10_000
    while frames * 3 <= bench.frames * 10:
        yield from bench.compare("frames", bench.site(frames), _PAIR, 1)
        frames *= 10


def _measure_flows(bench: Bench) -> Iterator[Row]:
    bench = bench.patient()
    flows = 100
    while flows * 3 <= bench.frames:
        # Short as most of its flows are, a site with so many has at least five frames for each.
        yield from bench.compare("flows", bench.site(max(bench.frames // 3, flows * 5), flows), _PAIR, 1)
        flows *= 10


def _measure_rooms(bench: Bench) -> Iterator[Row]:
    capture = bench.site(bench.frames // 5)
    for room, seconds in where.measure_rooms(capture.path).items():
        yield Row("rooms", capture.kind, room, capture.frames, capture.flows, capture.size, 1, seconds)


def _measure_wire(bench: Bench) -> Iterator[Row]:
    if os.geteuid() != 0 or shutil.which("tcpreplay") is None:
        print("wire: needs root and tcpreplay", flush=True)
        return
    for rate in bench.rates:
        capture = bench.site(round((rate or max(bench.rates)) * bench.wire_s))
        _warm(capture.path)
        print(f"wire: {capture.path.name} at {rate or 'any number of'} frames a second", flush=True)
        for reader in wire.READERS:
            if reader.is_here:
                run = wire.watch(reader, capture.path, rate, limit_s=bench.patience.limit_s)
                row = _wire_row(reader.name, rate, run, capture)
                print(f"  {reader.name:26}{row.frames / row.seconds:11,.0f} a second, {row.seen:,} seen", flush=True)
                yield row


def _wire_row(name: str, rate: int, run: wire.Run, capture: Capture) -> Row:
    """What a run on a wire gave, with the rate that was wanted in the place of the capture's name."""
    about = ("wire", str(rate), name, run.sent, capture.flows, capture.size, os.cpu_count() or 1)
    seen, dropped = (run.count.seen, run.count.dropped) if run.count else (0, 0)
    measured = (run.sending_s, run.cpu_s, run.peak_bytes, run.count is None)
    return Row(*about, *measured, seen, dropped, run.late_s, run.sender_cpu_s)


PARTS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "site": _measure_site,
    "full": _measure_full,
    "format": _measure_format,
    "small": _measure_small,
    "interpreted": _measure_interpreted,
    "frames": _measure_frames,
    "flows": _measure_flows,
    "rooms": _measure_rooms,
    "wire": _measure_wire,
}
