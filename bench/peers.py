"""What is compared: pcapaudit, and tools that read captures, each with its command."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.measure import Command

OURS = "pcapaudit audit"
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
    fine: tuple[int, ...] = (0,)
    part: int | None = None
    """Frames that it is given at most, because it would take too long for all."""
    tells_version: str = "--version"

    @property
    def is_here(self) -> bool:
        """Whether it can be run on this machine."""
        has_program = self.program is None or shutil.which(self.program) is not None
        return has_program and (self.module is None or importlib.util.find_spec(self.module) is not None)

    def command(self, capture: Path) -> Command:
        """What to run for one capture."""
        return Command([word.format(file=capture) for word in self.words], self.fine)

    def version(self) -> str:
        """What it says of itself; empty if it says nothing that looks like a version."""
        if self.module is not None:
            return version(self.module)
        words = [*self.words[:3], "--version"] if self.program is None else [self.program, self.tells_version]
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        return found[0] if found else ""


_DPKT = "import sys,dpkt\nfor t,b in dpkt.pcap.Reader(open(sys.argv[1],'rb')):\n e=dpkt.ethernet.Ethernet(b)"
_SCAPY = "import sys\nfrom scapy.utils import PcapReader\nfor p in PcapReader(sys.argv[1]): p.getlayer('TCP')"
_NFSTREAM = "import sys\nfrom nfstream import NFStreamer\nfor f in NFStreamer(source=sys.argv[1],n_dissections=0): pass"
_NETVERDICT = "import sys\nfrom netverdict.cli import main\nsys.exit(main())"
_INTERPRETED = (
    "import runpy,sys\nsys.path.insert(0, sys.argv.pop(1))\nrunpy.run_module('pcapaudit', run_name='__main__')"
)
_AUDIT = ("audit", "--fail-on", "never", "--format", "json", "{file}")
# An audit that finds no device has done its work, too (report contract).
_AUDITED = (0, 3)

PEERS: tuple[Peer, ...] = (
    Peer(OURS, "the whole diagnosis, as JSON", (sys.executable, "-m", "pcapaudit", *_AUDIT), fine=_AUDITED),
    Peer(
        YARDSTICK,
        "prints the SYNs",
        ("tcpdump", "-nr", "{file}", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"),
        "tcpdump",
    ),
    Peer(
        "softflowd",
        "exports flows",
        ("softflowd", "-D", "-r", "{file}", "-n", "127.0.0.1:9"),
        "softflowd",
        tells_version="-h",
    ),
    Peer("tcptrace", "TCP connections", ("tcptrace", "-n", "{file}"), "tcptrace", tells_version="-version"),
    Peer("argus", "flow records", ("argus", "-X", "-r", "{file}", "-w", "-"), "argus", tells_version="-h"),
    Peer("ndpiReader", "flows and protocols", ("ndpiReader", "-q", "-i", "{file}"), "ndpiReader", tells_version="-h"),
    Peer(
        "tshark",
        "tables of TCP and UDP conversations",
        ("tshark", "-nqr", "{file}", "-z", "conv,tcp", "-z", "conv,udp"),
        "tshark",
    ),
    Peer("nfstream", "flow objects", (sys.executable, "-c", _NFSTREAM, "{file}"), module="nfstream"),
    Peer("dpkt loop", "decodes each frame", (sys.executable, "-c", _DPKT, "{file}"), module="dpkt"),
    Peer("scapy", "decodes each frame", (sys.executable, "-c", _SCAPY, "{file}"), module="scapy", part=30_000),
    Peer(
        "netverdict",
        "verdict on each TCP connection, as JSON",
        (sys.executable, "-c", _NETVERDICT, "analyze", "--json", "{file}"),
        module="netverdict",
        fine=(0, 1),
        part=100_000,
    ),
)


def interpreted(folder: Path) -> Peer:
    """Pcapaudit without machine code: a copy of its sources in ``folder``, made here."""
    root = Path(__file__).resolve().parents[1]
    for name in ("pcapaudit", "signatures"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    words = (sys.executable, "-c", _INTERPRETED, str(folder), *_AUDIT)
    return Peer(f"{OURS}, interpreted", "the same without a compiler", words, fine=_AUDITED)
