"""The process that runs tshark, through pyshark: small, limited, and with nothing of the user's settings.

pyshark has an event loop of its own, which does not go together with one that runs already (a notebook's, a server's):
hence a process. Standard input holds the request, standard output the answer, both JSON (``Request``, ``Answer``).
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from pcapaudit.deep.pdml import MAX_FIELDS, Numbering, Row, count_fields, read_frame_fields, read_packet, read_rows
from pcapaudit.model.records import dataclass

MOST_FIELDS = 40_000
"""Lines of all trees of one request."""
_BROKEN_SINCE = (3, 14)
"""Python that has no child watchers any more, without which pyshark 0.6 does not start; tshark is then run directly."""
_MAX_FILE = 256 << 20
_COLUMNS = 'gui.column.format:"No.","%m","Source","%s","Destination","%d","Protocol","%p","Info","%i"'
_PACKET_END = b"</packet>"
_NUMBER = re.compile(rb'<field name="num" [^>]*?show="(\d{1,10})"')
_CREATOR = re.compile(rb'<psml [^>]*creator="wireshark/([0-9A-Za-z.+-]{1,40})"')
_GRACE_S = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted.

    Attributes:
        tshark: Path of the program.
        capture: Path of the small capture.
        wanted: Number in it -> number in the capture it was cut out of, for the frames that are wanted.
        numbers: The same for all its frames.
        data: Number in it -> the frame's bytes (hexadecimal), for the wanted ones.
        seconds: Processor time and time that the process may take.
        memory_bytes: Address space that it, and tshark, may take.
    """

    tshark: str
    capture: str
    wanted: Mapping[str, int]
    numbers: Mapping[str, int]
    data: Mapping[str, str]
    seconds: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Tree:
    """One frame's layers as JSON has them, and its line in the list of packets."""

    number: int
    layers: list[dict[str, Any]]
    parts: list[dict[str, str]]
    left_out: int
    row: Row | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it, what made it, and what tshark said if it did not read the whole capture."""

    trees: list[Tree]
    dissector: str
    complaint: str | None


def main() -> None:
    """Read the request, limit this process and what it starts, answer."""
    request = Request(**json.load(sys.stdin))
    _limit(request)
    json.dump(asdict(answer(request)), sys.stdout)


def answer(request: Request) -> Answer:
    """Dissect the frames of a request."""
    chosen = f"frame.number in {{{','.join(request.wanted)}}}"
    complaints: list[str] = []
    with ThreadPoolExecutor() as pool:
        listing = pool.submit(_run, request.tshark, *_read_words(request, "psml", chosen), "-o", _COLUMNS)
        fields = pool.submit(_run, request.tshark, "-G", "fields")
        packets = list(_read_packets(request, chosen, complaints))
    complaints += [_complain_of(run) for run in (listing.result(), fields.result()) if run.returncode]
    numbering = Numbering({int(n): to for n, to in request.numbers.items()}, read_frame_fields(fields.result().stdout))
    rows = {row.number: row for row in read_rows(listing.result().stdout, numbering)}
    creator = _CREATOR.search(listing.result().stdout)
    dissector = f"tshark of Wireshark {creator[1].decode()}" if creator else "tshark"
    trees = list(_make_trees(request, packets, numbering, rows))
    return Answer(trees, dissector, complaints[0] if complaints else None)


def _make_trees(
    request: Request, packets: list[bytes], numbering: Numbering, rows: Mapping[int, Row]
) -> Iterator[Tree]:
    """A tree for each wanted frame among the packets."""
    room = MOST_FIELDS
    for packet in packets:
        stated = _NUMBER.search(packet)
        place = stated[1].decode() if stated else ""
        if place not in request.wanted:
            continue
        number, data = request.wanted[place], bytes.fromhex(request.data[place])
        read = read_packet(packet, data, numbering, min(room, MAX_FIELDS))
        room -= count_fields(read.layers)
        parts = [{"name": part.name, "data": part.data.hex()} for part in read.parts]
        yield Tree(number, [asdict(layer) for layer in read.layers], parts, read.left_out, rows.get(number))


def _complain_of(run: subprocess.CompletedProcess[bytes]) -> str:
    return _complain(run.returncode, run.stderr.decode("utf-8", "replace"))


def _complain(status: int, said: str) -> str:
    """How tshark ended, with its last words but for those on who runs it."""
    words = [line for line in said.splitlines() if line.strip() and not line.startswith("Running as user")]
    return f"tshark ended with status {status}" + (f": {words[-1].strip()[:300]}" if words else "")


def _read_packets(request: Request, chosen: str, complaints: list[str]) -> Iterator[bytes]:
    """The packets' details as XML, through pyshark where it runs."""
    if sys.version_info < _BROKEN_SINCE and find_spec("pyshark") is not None:
        yield from _read_by_pyshark(request, chosen, complaints)
    else:
        yield from _read_directly(request, chosen, complaints)


def _read_by_pyshark(request: Request, chosen: str, complaints: list[str]) -> Iterator[bytes]:
    # Loaded here: it brings lxml along, and may not be there.
    from pyshark import FileCapture  # noqa: PLC0415
    from pyshark.tshark.output_parser.tshark_xml import TsharkXmlParser  # noqa: PLC0415

    class Whole(TsharkXmlParser):  # type: ignore[misc]  # pyshark has no types
        """Keeps a packet as tshark wrote it: pyshark's own layers forget which field stands below which."""

        def _parse_single_packet(self, packet: bytes) -> bytes:
            return packet

    class WholeCapture(FileCapture):  # type: ignore[misc]  # as above
        def _setup_tshark_output_parser(self) -> Whole:
            return Whole()

        async def _cleanup_subprocess(self, process: asyncio.subprocess.Process) -> None:
            # pyshark's own kills tshark at the end of its output; if it ends by itself meanwhile, its status is lost.
            status = await process.wait()
            if status:
                complaints.append(_complain(status, self._last_error_line or ""))

    # A loop of its own: what pyshark would set up otherwise, newer Pythons have no longer.
    loop = asyncio.new_event_loop()
    capture = WholeCapture(
        request.capture,
        keep_packets=False,
        tshark_path=request.tshark,
        eventloop=loop,
        # As its display_filter, but without asking tshark for its version first.
        custom_parameters=["-Y", chosen],
    )
    try:
        yield from capture
    finally:
        capture.close()
        loop.close()


def _read_directly(request: Request, chosen: str, complaints: list[str]) -> Iterator[bytes]:
    """The same by tshark alone."""
    details = _run(request.tshark, *_read_words(request, "pdml", chosen))
    if details.returncode:
        complaints.append(_complain_of(details))
    for piece in details.stdout.split(_PACKET_END)[:-1]:
        yield piece[piece.find(b"<packet>") :] + _PACKET_END


def _read_words(request: Request, form: str, chosen: str) -> list[str]:
    return ["-n", "-r", request.capture, "-T", form, "-Y", chosen]


def _run(*words: str) -> subprocess.CompletedProcess[bytes]:
    """What a program writes."""
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _limit(request: Request) -> None:
    """Bound what this process and those it starts may use; the alarm ends it should its parent be gone."""
    for kind, most in (
        (resource.RLIMIT_AS, request.memory_bytes),
        (resource.RLIMIT_CPU, request.seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _MAX_FILE),
    ):
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    signal.alarm(request.seconds + _GRACE_S)


if __name__ == "__main__":
    main()
