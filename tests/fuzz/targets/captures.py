"""Capture files: pcap, pcapng and five codecs, read in batches of a size that the input itself gives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Iterator
from io import BytesIO
from itertools import islice

import lz4.frame
import zstandard

from pcapaudit.capture import open_capture
from pcapaudit.capture.writer import write_pcap
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.scan import Scanner
from tests.fuzz import seeds as real
from tests.fuzz.damage import damage

ENOUGH = 8 << 20
"""Bytes of frames after which a file is left: a few bytes of a codec hold gigabytes."""
PACK = (bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress, lz4.frame.compress)
MAGICS = tuple(map(bytes.fromhex, ("a1b2c3d4", "4d3cb2a1", "34cdb2a1", "ab01001c", "1c0001ac")))
"""Of pcap and its variants, in both byte orders."""


def seeds() -> Iterator[bytes]:
    """The first frames of some captures as pcapng and as pcap, plain, behind each codec, under each magic number."""
    for number, path in enumerate(real.capture_files()[::6]):
        data = real.plain_bytes(path)
        records = _to_pcap(data, most=12)
        yield PACK[number % len(PACK)](data[:3000])
        yield PACK[-1 - number % len(PACK)](records)
        yield MAGICS[number % len(MAGICS)] + records[4:]


def _to_pcap(data: bytes, most: int) -> bytes:
    target = BytesIO()
    frames = (
        (time_ns, bytes(batch.data[at : at + size]), None)
        for batch in open_capture(BytesIO(data), notes=CaptureNotes())
        for at, size, time_ns in zip(batch.offset, batch.captured, batch.time_ns, strict=True)
    )
    write_pcap(target, islice(frames, most))
    return target.getvalue()


def try_one(data: bytes) -> None:
    """Read a file to its end or to its first fault; every frame lies in its batch, and numbers run on."""
    notes = CaptureNotes()
    size = (4, 64, 1000, 1 << 20)[len(data) % 4]
    scanner, next_frame, given = Scanner(), 1, 0
    try:
        for batch in open_capture(BytesIO(data), name="fuzzed", notes=notes, batch_bytes=size):
            assert batch.first_frame == next_frame
            next_frame += len(batch)
            given += len(batch.data)
            scanner.feed(batch)
            if given > ENOUGH:
                return
    except CaptureError:
        return
    assert notes.files[0].frames == next_frame - 1 == scanner.result().counters["frames"]


def change(data: bytes, dice: random.Random) -> bytes:
    """Damage a file as disks, networks, editors and enemies do."""
    return damage(data, dice)
