"""Real bytes to begin with: the samples and the lab's captures, whole or cut into messages and conversations."""

from __future__ import annotations

import lzma
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.scan import Scanner, ScanResult
from pcapaudit.scan.columns import Kind

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = (CHECKOUT / "samples", CHECKOUT / "tests" / "lab" / "captures")

LONGEST = 4096
"""Bytes of a message or conversation that a target begins with; longer ones only slow the search down."""
MOST = 300


def capture_files() -> list[Path]:
    """The captures that the project brings along, in a stated order."""
    return [path for folder in FOLDERS for path in sorted(folder.glob("*.pcapng*"))]


def plain_bytes(path: Path) -> bytes:
    """A capture file with its compression taken off."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


@cache
def scans() -> tuple[ScanResult, ...]:
    """What the scan makes of each capture."""
    return tuple(_scan(plain_bytes(path)) for path in capture_files())


def _scan(data: bytes) -> ScanResult:
    scanner = Scanner()
    for batch in open_capture(BytesIO(data), notes=CaptureNotes()):
        scanner.feed(batch)
    return scanner.result()


def messages() -> dict[Kind, list[bytes]]:
    """Payloads of single datagrams and link-layer frames, by the dissector that gets them; unlike ones first."""
    found: dict[Kind, dict[int, bytes]] = defaultdict(dict)
    for result in scans():
        for index, kind in enumerate(result.handed["kind"].tolist()):
            payload = result.payload(index)
            if kind not in (Kind.TCP, Kind.FRAGMENT) and len(payload) <= LONGEST:
                found[Kind(kind)].setdefault(len(payload), payload)
    return {kind: list(by_length.values()) for kind, by_length in sorted(found.items())}


def conversations() -> Iterator[tuple[bytes, bytes, int]]:
    """What both sides of a TCP flow said in the order of its packets, and the responder's port; each form once."""
    seen: set[tuple[int, int, int]] = set()
    for result in scans():
        for flow, (orig, resp) in sorted(_said(result).items()):
            port = int(result.flows[flow]["b_port"])
            form = (port, len(orig).bit_length(), len(resp).bit_length())
            if form not in seen:
                seen.add(form)
                yield orig[:LONGEST], resp[:LONGEST], port


def _said(result: ScanResult) -> dict[int, tuple[bytes, bytes]]:
    sides: dict[int, tuple[list[bytes], list[bytes]]] = defaultdict(lambda: ([], []))
    for index, (row, kind) in enumerate(
        zip(result.handed["row"].tolist(), result.handed["kind"].tolist(), strict=True)
    ):
        if kind == Kind.TCP:
            entry = result.rows[row]
            sides[int(entry["flow"])][int(entry["side"])].append(result.payload(index))
    return {flow: (b"".join(orig), b"".join(resp)) for flow, (orig, resp) in sides.items()}


def write_seeds(folder: Path, seeds: Iterable[bytes]) -> None:
    """Put each seed into a file of its own, numbered, unless the folder holds an earlier search's finds already."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        return
    for number, seed in enumerate(seeds):
        (folder / f"{number:05}").write_bytes(seed)
