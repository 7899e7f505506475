from __future__ import annotations

from pathlib import Path

from bench.peers import PEERS, YARDSTICK, Peer, peers_for


def test_every_peer_reads_the_capture_it_is_given() -> None:
    for peer in PEERS:
        assert "x.pcap" in " ".join(peer.command(Path("x.pcap"))), peer.name


def test_the_yardstick_is_one_of_them() -> None:
    assert YARDSTICK in {peer.name for peer in PEERS}


def test_what_is_not_here_is_left_out() -> None:
    assert not Peer("none", "", ("x",), program="no-such-program").is_here
    assert not Peer("none", "", ("x",), module="no_such_module").is_here


def test_what_cannot_take_a_capture_is_left_out() -> None:
    assert "dpkt loop" in peers_for(Path("x.pcap"), 10)
    assert "dpkt loop" not in peers_for(Path("x.pcapng"), 10)
    assert "scapy" not in peers_for(Path("x.pcap"), 10_000_000)
