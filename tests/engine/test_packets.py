from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pcapaudit.engine.packets import COLUMNS, Packets, join, read_packets, say_flags

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def _fields(path: Path, *names: str) -> list[list[str]]:
    words = ["tshark", "-n", "-r", str(path), "-Y", "(ip || ipv6) && !icmp && !icmpv6", "-T", "fields"]
    words += [word for name in names for word in ("-e", name)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.needs_tshark
@pytest.mark.parametrize("name", ["skala-nexus-healthy", "site-sensorist-tek-broken"])
def test_every_packet_is_there_with_the_values_that_tshark_shows(name: str) -> None:
    path = SAMPLES / f"{name}.pcapng"
    found = read_packets([str(path)], lambda p: p.proto != "icmp")
    names = ("frame.number", "eth.src", "eth.dst", "ip.ttl", "tcp.srcport", "tcp.len", "tcp.window_size_value")
    shown = _fields(path, *names)
    assert found.frame.tolist() == [int(row[0]) for row in shown]
    assert found.smac.tolist() == [row[1] for row in shown]
    assert found.dmac.tolist() == [row[2] for row in shown]
    told = [(n, row) for n, row in enumerate(shown) if row[3] and row[4]]
    assert [found.ttl[n] for n, _ in told] == [int(row[3]) for _, row in told]
    assert [found.sport[n] for n, _ in told] == [int(row[4]) for _, row in told]
    assert [found.payload_len[n] for n, _ in told] == [int(row[5]) for _, row in told]
    assert [found.window[n] for n, _ in told] == [int(row[6]) for _, row in told]


def test_the_first_so_many_and_no_frame_beyond_the_last_one() -> None:
    path = str(SAMPLES / "tek-healthy.pcapng")
    whole = read_packets([path])
    assert read_packets([path], None, 5).frame.tolist() == whole.frame[:5].tolist()
    until = int(whole.frame[20])
    assert read_packets([path], until=until).frame.tolist() == [n for n in whole.frame.tolist() if n <= until]


def test_no_packet_has_every_column() -> None:
    empty = join([])
    assert len(empty) == 0
    assert isinstance(empty, Packets)
    assert {"ts", "frame", "src"} <= set(COLUMNS)


@pytest.mark.parametrize(
    ("flags", "letters"), [(0x02, "S"), (0x12, "SA"), (0x04, "R"), (0x19, "AFP"), (-1, ""), (0, "")]
)
def test_flags_are_letters(flags: int, letters: str) -> None:
    assert say_flags(flags) == letters
