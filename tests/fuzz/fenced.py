"""Hostile frames through the compiled scan, each in a heap buffer of exactly its size; run below a sanitizer.

    LD_PRELOAD=libasan.so python tests/fuzz/fenced.py --first 0 --cases 1000 --seed 1

``sanitizer.py`` builds what this needs and runs it. Around each buffer the sanitizer lays forbidden bytes, so that a
read outside a frame ends the process. The number of the case in hand stands in the file that ``--at`` names.
"""

from __future__ import annotations

import argparse
import ctypes
import random
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# The package comes from the sanitizer's build, which PYTHONPATH names; the rest of the checkout stands behind it.
sys.path.append(str(CHECKOUT))

from pcapaudit.capture import open_capture  # noqa: E402 - the checkout must be found first
from pcapaudit.capture.writer import write_pcap  # noqa: E402
from pcapaudit.diagnose.analysis import Request  # noqa: E402
from pcapaudit.engine.auditor import Auditor  # noqa: E402
from pcapaudit.engine.options import AuditOptions  # noqa: E402
from pcapaudit.engine.run import make_request  # noqa: E402
from pcapaudit.flows.spoken import WANTED  # noqa: E402
from pcapaudit.model.errors import CaptureError  # noqa: E402
from pcapaudit.model.frames import CaptureNotes, FrameBatch  # noqa: E402
from pcapaudit.scan import Bounds, Scanner, is_compiled  # noqa: E402
from tests.fuzz.damage import damage  # noqa: E402
from tests.fuzz.frames import Case, make_case, wrap_ip4  # noqa: E402

WHOLE_EVERY = 25
"""Of so many cases one is judged to the end, through all compiled parts; the others end with the scan's tables."""
TIGHT = Bounds(
    max_flows=7, thin_rows=13, max_rows=40, max_tails=2, max_handed_bytes=3000, max_pairs=3, max_bindings=4, max_arps=2
)

_libc = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_libc.free.restype, _libc.free.argtypes = None, [ctypes.c_void_p]


@contextmanager
def fenced(case: Case, first_frame: int = 1) -> Iterator[FrameBatch]:
    """A batch whose data are the heap from the first to the last buffer; only the frames in it may be read."""
    places = [_libc.malloc(len(frame)) for frame in case.frames]
    for place, frame in zip(places, case.frames, strict=True):
        ctypes.memmove(place, frame, len(frame))
    base = min(places)
    span = max(place + len(frame) for place, frame in zip(places, case.frames, strict=True)) - base
    heap = memoryview((ctypes.c_ubyte * max(1, span)).from_address(base)).cast("B")
    try:
        yield FrameBatch(
            data=heap,
            first_frame=first_frame,
            offset=_column("q", [place - base for place in places]),
            captured=_column("I", [len(frame) for frame in case.frames]),
            wire=_column("I", case.wire),
            time_ns=_column("q", case.times),
            link=_column("H", case.links),
        )
    finally:
        for place in places:
            _libc.free(place)


def _column(code: str, values: Sequence[int]) -> memoryview:
    return memoryview(array(code, values))


def scan_case(case: Case, dice: random.Random) -> None:
    """Scan a case in one or several batches, whose frames are gone when the next comes, with wide or tight tables."""
    scanner = Scanner(bounds=TIGHT if dice.random() < 0.2 else None, wanted=WANTED)
    size = dice.choice((1, 7, *[len(case.frames)] * 8))
    for start in range(0, len(case.frames), size):
        end = start + size
        part = Case(case.frames[start:end], case.wire[start:end], case.times[start:end], case.links[start:end])
        with fenced(part, start + 1) as batch:
            scanner.feed(batch)
    counters = scanner.result().counters
    assert scanner.conclude().counters == counters
    assert counters["frames"] == len(case.frames)
    assert counters["arp"] + counters["ipv4"] + counters["ipv6"] + counters["no_ip"] == counters["frames"]


@cache
def _request() -> Request:
    return make_request(AuditOptions(all_devices=True))


def walk_case(case: Case, dice: random.Random) -> None:
    """Write the frames into a file, damage it, walk it in pieces, and judge what it gave."""
    file = BytesIO()
    write_pcap(file, zip(case.times, case.frames, case.wire, strict=True), link=case.links[0])
    data = file.getvalue() if dice.random() < 0.3 else damage(file.getvalue(), dice)
    notes = CaptureNotes()
    auditor = Auditor(_request(), notes)
    try:
        for batch in open_capture(BytesIO(data), notes=notes, batch_bytes=dice.choice((1, 100, 1 << 20))):
            auditor.feed(batch)
    except CaptureError:
        return
    auditor.snapshot()


def read_outside() -> None:
    """Tell the scan of eight bytes more than a frame has, to see that the fence stands; never comes back."""
    lying = wrap_ip4(17, bytes(8))
    case = Case([lying[:-8], bytes(200), bytes(200)], [60] * 3, [0] * 3, [1] * 3)
    with fenced(case) as batch:
        sizes = [len(lying) if size == len(case.frames[0]) else size for size in batch.captured]
        Scanner().feed(replace(batch, captured=_column("I", sizes)))


def run_cases(wish: argparse.Namespace) -> int:
    """Try cases until their number or the time is up; how many."""
    stop = time.monotonic() + wish.seconds if wish.seconds else float("inf")
    number: int = wish.first
    with wish.at.open("w", encoding="ascii") as at:
        while number < wish.first + wish.cases and time.monotonic() < stop:
            at.seek(0)
            at.write(f"{number}\n")
            at.flush()
            case = make_case(wish.seed, number)
            dice = random.Random(f"how {wish.seed}/{number}")
            scan_case(case, dice)
            if number % WHOLE_EVERY == 0:
                walk_case(case, dice)
            number += 1
    return number - int(wish.first)


def main() -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=0, help="time to try for (default: until the cases are done)")
    parser.add_argument("--at", type=Path, required=True, help="file for the number of the case in hand")
    parser.add_argument("--outside", action="store_true", help="read outside a frame, which must end the process")
    wish = parser.parse_args()
    if not is_compiled():
        print("the scan is not compiled")
        return 2
    if wish.outside:
        read_outside()
        return 0
    print(f"frames: {run_cases(wish)} cases, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
