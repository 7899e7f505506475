from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bench.peers import OURS, PEERS, YARDSTICK, Peer, interpreted


def test_every_peer_reads_the_capture_it_is_given() -> None:
    for peer in PEERS:
        assert "x.pcap" in " ".join(peer.command(Path("x.pcap")).words), peer.name


def test_the_yardstick_and_ours_are_among_them() -> None:
    assert {YARDSTICK, OURS} <= {peer.name for peer in PEERS}


def test_what_is_not_here_is_left_out() -> None:
    assert not Peer("none", "", ("x",), program="no-such-program").is_here
    assert not Peer("none", "", ("x",), module="no_such_module").is_here


def test_every_peer_that_is_here_tells_its_version() -> None:
    assert [peer.name for peer in PEERS if peer.is_here and not peer.version()] == []


def test_the_interpreted_one_has_no_machine_code_and_audits(tmp_path: Path, checkout: Path) -> None:
    command = interpreted(tmp_path).command(checkout / "samples" / "sensorist-blinking-red.pcapng")
    assert not list(tmp_path.rglob("*.so"))
    done = subprocess.run(command.words, capture_output=True, text=True, check=True)
    assert [device["signature"] for device in json.loads(done.stdout)["devices"]] == ["sensorist/gateway"]
    assert "compiled scan is missing" in done.stderr
