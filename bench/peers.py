"""What is compared: pcapaudit, and tools that read captures, each with its command."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

YARDSTICK = "tcpdump"
"""Its SYN filter is 1.0: the least work that still looks at every frame."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool. ``program`` must be on the path, or ``module`` installed; ``{file}`` stands for the capture."""

    name: str
    does: str
    words: tuple[str, ...]
    program: str | None = None
    module: str | None = None
    largest: int | None = None
    """Frames beyond which it is left out, because it would take too long."""

    @property
    def is_here(self) -> bool:
        """Whether it can be run on this machine."""
        has_program = self.program is None or shutil.which(self.program) is not None
        return has_program and (self.module is None or importlib.util.find_spec(self.module) is not None)

    def command(self, capture: Path) -> list[str]:
        """Its words for one capture."""
        return [word.format(file=capture) for word in self.words]


_DPKT = "import sys,dpkt\nfor t,b in dpkt.pcap.Reader(open(sys.argv[1],'rb')):\n e=dpkt.ethernet.Ethernet(b)"
_SCAPY = "import sys\nfrom scapy.utils import PcapReader\nfor p in PcapReader(sys.argv[1]): p.getlayer('TCP')"
_NFSTREAM = "import sys\nfrom nfstream import NFStreamer\nfor f in NFStreamer(source=sys.argv[1],n_dissections=0): pass"

PEERS: tuple[Peer, ...] = (
    Peer(
        "pcapaudit audit",
        "the whole diagnosis, as JSON",
        (sys.executable, "-m", "pcapaudit", "audit", "--fail-on", "never", "--format", "json", "{file}"),
    ),
    Peer(
        YARDSTICK,
        "prints the SYNs",
        ("tcpdump", "-nr", "{file}", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"),
        "tcpdump",
    ),
    Peer("softflowd", "exports flows", ("softflowd", "-D", "-r", "{file}", "-n", "127.0.0.1:9"), "softflowd"),
    Peer("tcptrace", "TCP connections", ("tcptrace", "-n", "{file}"), "tcptrace"),
    Peer("argus", "flow records", ("argus", "-X", "-r", "{file}", "-w", "-"), "argus"),
    Peer("ndpiReader", "flows and protocols", ("ndpiReader", "-q", "-i", "{file}"), "ndpiReader"),
    Peer(
        "tshark conversations",
        "tcp and udp tables",
        ("tshark", "-nqr", "{file}", "-z", "conv,tcp", "-z", "conv,udp"),
        "tshark",
    ),
    Peer("nfstream", "flow objects", (sys.executable, "-c", _NFSTREAM, "{file}"), module="nfstream"),
    Peer("dpkt loop", "decodes each frame", (sys.executable, "-c", _DPKT, "{file}"), module="dpkt"),
    Peer("scapy", "decodes each frame", (sys.executable, "-c", _SCAPY, "{file}"), module="scapy", largest=100_000),
)


def peers_for(capture: Path, frames: int) -> dict[str, Sequence[str]]:
    """Name -> command of every peer that is here and can take so many frames. The dpkt loop reads pcap alone."""
    usable = [p for p in PEERS if p.is_here and (p.largest is None or frames <= p.largest)]
    return {p.name: p.command(capture) for p in usable if p.module != "dpkt" or capture.suffix == ".pcap"}
