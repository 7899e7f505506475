"""The frames of every case are sound in the eyes of another tool: tshark finds nothing malformed in them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cases import Case, load_all
from tests.support.pcap import write_pcap

CASES = load_all()
STRICT = ("tcp.check_checksum", "udp.check_checksum", "ip.check_checksum")
BROKEN = "_ws.malformed || tcp.checksum.status == 0 || udp.checksum.status == 0 || ip.checksum.status == 0"


@pytest.mark.needs_tshark
def test_tshark_finds_every_whole_frame_well_formed(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    tshark = require_tool("tshark")
    broken = {}
    for stem in sorted({case.id.split("::")[0] for case in CASES}):
        cases = [case for case in CASES if case.id.startswith(f"{stem}::") and not _is_marred(case)]
        owners = [case.id for case in cases for _ in case.frames]
        file = tmp_path / f"{stem}.pcap"
        write_pcap(file, (frame for case in cases for frame in case.pcap_frames()))
        for number in _broken_frames(tshark, file):
            broken[f"{owners[number - 1]} (frame {number} of {stem})"] = number

    assert not broken


def _is_marred(case: Case) -> bool:
    """Whether the case shows frames as they were before the card, or cut: no other tool would call them sound."""
    is_cut = any(len(frame.data) < frame.wire_len for frame in case.frames)
    return is_cut or any(item.startswith("CAP-OFFLOAD-CSUM") for item in case.expectation.health)


def _broken_frames(tshark: str, file: Path) -> list[int]:
    options = [word for name in STRICT for word in ("-o", f"{name}:TRUE")]
    for guess in (
        "irc",
        "rtcp",
        "rtp",
    ):  # it takes the licence port 57000, and the random bytes of telemetry, for these
        options += ["--disable-protocol", guess]
    fields = ["-T", "fields", "-e", "frame.number"]
    done = subprocess.run(
        [tshark, "-n", "-r", file, *options, "-Y", BROKEN, *fields], capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]
