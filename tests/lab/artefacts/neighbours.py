"""Other hosts' traffic to lay over a capture: it must change nothing for the devices of the lab."""

from __future__ import annotations

from pathlib import Path

from tests.lab.artefacts.tape import Frame, Tape, in_time_order
from tests.support.faults import Where
from tests.support.player import Player
from tests.support.script import play
from tests.support.world import World

_HERE = Where(Path(__file__).name, "neighbours", 1)

_CHATTER = """
0.4 repeat 12 every 7.0:
  0.0 printer > * ANNOUNCE 10.20.36.61
  0.3 desk > * ARP? 10.20.36.61
  0.301 printer > desk ARP! 10.20.36.61
  0.4 desk:5353 > 224.0.0.251:5353 UDP 90
  0.8 desk:138 > *:138 UDP 201
  1.2 desk:1900 > 239.255.255.250:1900 UDP 133
  2.0 desk > printer:9100 CONNECT new
  2.1 desk > printer:9100 EXCHANGE 700 40
  2.9 desk > printer:9100 CLOSE
  5.0 desk:161 > printer:161 UDP 43
  5.1 printer:161 > desk:161 UDP 80
"""
"""A desk PC and a printer with fixed addresses of the same subnet, which never leave it."""

_OTHER_NETWORK = """
0.2 phone > router BOOT
1.2 repeat 9 every 9.0:
  0.0 phone > router LOOKUP voice.telephony.example A 198.51.100.20
  0.1 phone > 198.51.100.20:5061 CONNECT new
  0.2 phone > 198.51.100.20:5061 TLS12 sni=voice.telephony.example names=voice.telephony.example issuer="Public CA"
  0.9 phone > 198.51.100.20:5061 CLOSE
  2.0 phone > 198.51.100.21 NTP
"""
"""A telephone in a VLAN of its own, with its own router, resolver and way out."""


def _played(text: str, world: World, start_ns: int) -> tuple[Frame, ...]:
    player = Player(world, start_ns=start_ns, seed="neighbours")
    play(player, text.strip("\n"), _HERE)
    return in_time_order(Frame(frame.time_ns, frame.data, frame.wire_len) for frame in player.frames)


def _until_the_end(tape: Tape, others: tuple[Frame, ...]) -> Tape:
    end_ns = tape.frames[-1].time_ns
    return Tape(in_time_order(tape.frames, (frame for frame in others if frame.time_ns <= end_ns)), tape.link)


def with_chatter(tape: Tape) -> Tape:
    """Add a desk PC and a printer of the same subnet that talk to each other only."""
    hosts = {"desk": "10.20.36.60", "printer": "10.20.36.61"}
    world = World(hosts, lan=("10.20.36.0/24",))
    return _until_the_end(tape, _played(_CHATTER, world, tape.frames[0].time_ns))


def with_other_network(tape: Tape) -> Tape:
    """Add a telephone with its own network in VLAN 77 of the same trunk."""
    hosts = {
        "router": {"ip": "10.77.0.1", "vlan": "77"},
        "phone": {"ip": "10.77.0.20", "vlan": "77"},
    }
    world = World(hosts, lan=("10.77.0.0/24",), gateway="router")
    return _until_the_end(tape, _played(_OTHER_NETWORK, world, tape.frames[0].time_ns))
