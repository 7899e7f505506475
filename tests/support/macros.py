"""Words that stand for several lines of a packet script. Each gives plain lines, played like written ones."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.line import Line
from tests.support.player import Player

Step = tuple[int, str]
"""Nanoseconds after the macro's own time, and the line without its time."""
Macro = Callable[[Player, Line], list[Step]]
MACROS: dict[str, Macro] = {}
MS = 1_000_000


def macro(*names: str) -> Callable[[Macro], Macro]:
    """Register what expands the lines with one of these words."""

    def register(expand: Macro) -> Macro:
        for name in names:
            MACROS[name] = expand
        return expand

    return register


def _rest(line: Line) -> str:
    """Give all words and options of the line as text again, for the first line it expands to."""
    words = [*line.take_rest(), *(f'{key}="{value}"' for key, value in line.options.items())]
    line.options = {}
    return " ".join(words)


def _ends(line: Line) -> tuple[str, str]:
    """Give both endpoints as they were written."""
    return _endpoint(line.src.name, line.sport), _endpoint(line.dst.name, line.dport)


def _endpoint(name: str, port: int | None) -> str:
    if port is None:
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


@macro("BOOT")
def expand_boot(player: Player, line: Line) -> list[Step]:
    """``dev > gw BOOT [router= dns= lease= …]``: DISCOVER to ACK, an announcement, ARP for the gateway."""
    device, server, options = line.src.name, line.dst.name, _rest(line)
    gateway = player.world.gateway.name
    return [
        (0, f"{device} > * DHCP DISCOVER"),
        (2 * MS, f"{server} > {device} DHCP OFFER {options}"),
        (4 * MS, f"{device} > * DHCP REQUEST"),
        (6 * MS, f"{server} > {device} DHCP ACK {options}"),
        (50 * MS, f"{device} > * ANNOUNCE"),
        *((60 * MS + at, text) for at, text in _arp_steps(device, gateway)),
    ]


def _arp_steps(asker: str, owner: str) -> list[Step]:
    return [(0, f"{asker} > * ARP? {owner}"), (MS // 2, f"{owner} > {asker} ARP!")]


@macro("ARP")
def expand_arp(player: Player, line: Line) -> list[Step]:
    """``dev > gw ARP``: who has the gateway's address, and its answer."""
    del player
    return _arp_steps(line.src.name, line.dst.name)


@macro("LOOKUP")
def expand_lookup(player: Player, line: Line) -> list[Step]:
    """``dev > gw LOOKUP gk.sensorist.com A 54.229.203.190 [ttl= …]``: query and answer."""
    name, kind = line.take_next("a name"), line.take_next("a type")
    query_words = [word for word in ("edns",) if line.take(word)]
    src, dst = _ends(line)
    rtt = player.world.rtt_ns(line.src, line.dst)
    return [
        (0, f"{src} > {dst} DNS? {name} {kind} {' '.join(query_words)}"),
        (rtt, f"{line.dst.name} > {line.src.name} DNS! {name} {kind} {_rest(line)}"),
    ]


@macro("NTP")
def expand_ntp(player: Player, line: Line) -> list[Step]:
    """``dev > ntp NTP``: query and answer."""
    src, dst = _ends(line)
    rtt = player.world.rtt_ns(line.src, line.dst)
    return [(0, f"{src} > {dst} NTP?"), (rtt, f"{line.dst.name} > {line.src.name} NTP! {_rest(line)}")]


@macro("CONNECT")
def expand_connect(player: Player, line: Line) -> list[Step]:
    """``dev > cloud:443 CONNECT [new]``: SYN, SYN-ACK, ACK."""
    src, dst = _ends(line)
    rtt = player.world.rtt_ns(line.src, line.dst)
    return [(0, f"{src} > {dst} SYN {_rest(line)}"), (rtt, f"{dst} > {src} SYN-ACK"), (rtt + MS, f"{src} > {dst} ACK")]


@macro("EXCHANGE")
def expand_exchange(player: Player, line: Line) -> list[Step]:
    """``dev > cloud:4321 EXCHANGE 120 400``: data, its acknowledgement with an answer, an acknowledgement."""
    out, back = line.take_next("bytes out"), line.take_next("bytes back")
    src, dst = _ends(line)
    rtt = player.world.rtt_ns(line.src, line.dst)
    return [(0, f"{src} > {dst} DATA {out}"), (rtt, f"{dst} > {src} DATA {back}"), (rtt + MS, f"{src} > {dst} ACK")]


@macro("CLOSE")
def expand_close(player: Player, line: Line) -> list[Step]:
    """``dev > cloud:443 CLOSE``: FIN, FIN, ACK."""
    src, dst = _ends(line)
    rtt = player.world.rtt_ns(line.src, line.dst)
    return [(0, f"{src} > {dst} FIN"), (rtt, f"{dst} > {src} FIN"), (rtt + MS, f"{src} > {dst} ACK")]


@macro("TLS12")
def expand_tls12(player: Player, line: Line) -> list[Step]:
    """``dev > cloud:443 TLS12 sni=NAME [issuer= …] [data=2]``: handshake on an open connection, then exchanges."""
    hello, count = _hello(line, "1.2"), line.pop_int("data", 2)
    src, dst = _ends(line)
    rtt = player.world.rtt_ns(line.src, line.dst)
    steps = [
        (0, f"{src} > {dst} {hello}"),
        (rtt, f"{dst} > {src} TLS server-hello version=1.2"),
        (rtt + MS, f"{dst} > {src} TLS cert {_rest(line)}"),
        (rtt + 2 * MS, f"{dst} > {src} TLS done"),
        (rtt + 4 * MS, f"{src} > {dst} TLS key-exchange"),
        (rtt + 5 * MS, f"{src} > {dst} TLS finished"),
        (2 * rtt + 5 * MS, f"{dst} > {src} TLS finished"),
    ]
    return steps + _encrypted(src, dst, count, start=2 * rtt + 8 * MS, rtt=rtt)


@macro("TLS13")
def expand_tls13(player: Player, line: Line) -> list[Step]:
    """``dev > cloud:443 TLS13 sni=NAME [data=2]``: handshake on an open connection, then exchanges."""
    hello, count = _hello(line, "1.3,1.2"), line.pop_int("data", 2)
    src, dst = _ends(line)
    rtt = player.world.rtt_ns(line.src, line.dst)
    steps = [
        (0, f"{src} > {dst} {hello}"),
        (rtt, f"{dst} > {src} TLS server-hello version=1.3"),
        (rtt + MS, f"{dst} > {src} TLS hidden 1200"),
        (rtt + 4 * MS, f"{src} > {dst} TLS hidden 69"),
    ]
    return steps + _encrypted(src, dst, count, start=rtt + 6 * MS, rtt=rtt)


def _hello(line: Line, versions: str) -> str:
    sni, alpn = line.pop("sni"), line.pop("alpn")
    return f"TLS hello sni={sni} versions={versions}" + (f" alpn={alpn}" if alpn else "")


def _encrypted(src: str, dst: str, count: int, *, start: int, rtt: int) -> list[Step]:
    steps: list[Step] = []
    for at in range(count):
        begin = start + at * (rtt + 3 * MS)
        steps += [(begin, f"{src} > {dst} TLS data 240"), (begin + rtt, f"{dst} > {src} TLS data 180")]
    return [*steps, (start + count * (rtt + 3 * MS), f"{src} > {dst} ACK")]


@macro("WATCH")
def expand_watch(player: Player, line: Line) -> list[Step]:
    """``switch > * WATCH``: a spanning tree hello; shows only that the capture went on until here."""
    del player, line
    return [(0, "switch > * STP")]
