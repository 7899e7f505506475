"""Packets and bytes of each flow beside those that tshark lists as conversations."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.capture import open_capture
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.scan import Scanner

pytestmark = [pytest.mark.needs_captures, pytest.mark.needs_tshark, pytest.mark.slow]

NOT_PLAIN = ("damaged/", "encapsulation/")
"""Folders in which tshark lists the outer headers of tunnels as well, or nothing for a header that is cut."""

PROTOCOLS = {"TCP": 6, "UDP": 17}
UNITS = {"bytes": 1, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
_SIDE = r"\s+(\d+) (\d+) (bytes|kB|MB|GB)"
_MOST = 1 << 40
_LINE = re.compile(rf"(\S+)\s+<->\s+(\S+){_SIDE}{_SIDE}\s")

Way = tuple[int, str, int, str, int]
"""IP protocol, source and its port, target and its port."""


@dataclass(slots=True)
class Counted:
    """One direction. Bytes lie between two numbers: tshark rounds them down from 10,000 on, our log leaves bulk out."""

    packets: int = 0
    least: int = 0
    most: int = 0

    def add(self, packets: int, least: int, most: int) -> None:
        self.packets += packets
        self.least += least
        self.most += most

    def agrees_with(self, other: Counted) -> bool:
        return self.packets == other.packets and self.least <= other.most and other.least <= self.most


Table = dict[Way, Counted]


def ask_tshark(tool: str, path: Path) -> Table:
    """What tshark counts in each direction; it is told to take each fragment by itself, as the scan does."""
    options = ["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    command = [tool, *options, "-r", str(path), "-q", "-z", "conv,tcp", "-z", "conv,udp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    table: Table = defaultdict(Counted)
    proto = 0
    for line in done.stdout.splitlines():
        proto = PROTOCOLS.get(line.partition(" Conversations")[0], proto)
        if found := _LINE.match(line):
            a, b = map(_endpoint, found.group(1, 2))
            for (src, dst), numbers in (((b, a), found.group(3, 4, 5)), ((a, b), found.group(6, 7, 8))):
                packets, size, unit = int(numbers[0]), int(numbers[1]), UNITS[numbers[2]]
                if packets:
                    table[proto, *src, *dst].add(packets, size * unit, (size + 1) * unit - 1)
    return dict(table)


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return str(ip_address(address.partition("%")[0])), int(port)


def count_ourselves(path: Path) -> Table:
    """The same from the scan: a flow's packets, and the wire lengths of the frames that the log has of it."""
    wire: list[int] = []
    scanner = Scanner()
    for batch in open_capture(str(path), notes=CaptureNotes()):
        wire += batch.wire
        scanner.feed(batch)
    result = scanner.result()
    octets: Counter[tuple[int, int]] = Counter()
    for flow, side, frame in result.rows[["flow", "side", "frame"]].tolist():
        octets[flow, side] += wire[frame - 1]
    table: Table = defaultdict(Counted)
    for index, flow in enumerate(result.flows):
        if flow["proto"] in PROTOCOLS.values() and not flow["portless"]:
            a, b = ((_address(flow, side), int(flow[f"{side}_port"])) for side in "ab")
            for side, (src, dst) in enumerate(((a, b), (b, a))):
                packets, size = int(flow[f"{'ab'[side]}_pkts"]), octets[index, side]
                if packets:
                    table[int(flow["proto"]), *src, *dst].add(packets, size, _MOST if flow["rows_left_out"] else size)
    return dict(table)


def _address(flow: Any, side: str) -> str:
    high, low = int(flow[f"{side}_hi"]), int(flow[f"{side}_lo"])
    return str(ip_address(low) if flow["family"] == 4 else ip_address(high.to_bytes(8, "big") + low.to_bytes(8, "big")))


def test_every_flow_has_the_packets_and_bytes_that_tshark_counts(
    shared_captures: Path, require_tool: Callable[[str], str]
) -> None:
    truth = json.loads((shared_captures / "truth.json").read_text(encoding="utf-8"))
    has_any = {name for name in truth if truth[name]["tcp_endpoint_pairs"] + truth[name]["udp_endpoint_pairs"]}
    paths = [shared_captures / name for name in sorted(has_any) if not name.startswith(NOT_PLAIN)]
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(partial(ask_tshark, require_tool("tshark")), paths))

    unlike = []
    for path, theirs in zip(paths, told, strict=True):
        ours = count_ourselves(path)
        ways = sorted(ours.keys() | theirs.keys())
        none = Counted()
        unlike += [(path.name, way) for way in ways if not ours.get(way, none).agrees_with(theirs.get(way, none))]

    assert unlike == []
    assert sum(map(len, told)) > 3000
