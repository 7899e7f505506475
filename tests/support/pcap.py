"""Write a pcap file, so that other tools can read what a script made."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

ETHERNET, RAW_IP, COOKED = 1, 101, 113


def write_pcap(path: Path, frames: Iterable[tuple[int, bytes, int]], *, link: int = ETHERNET) -> None:
    """Write (time ns, bytes, length on the wire) as pcap with nanosecond times. Source: draft-ietf-opsawg-pcap."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link))
        for time_ns, data, wire_len in frames:
            out.write(struct.pack("<IIII", *divmod(time_ns, 1_000_000_000), len(data), wire_len) + data)
