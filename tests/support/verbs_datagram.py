"""Verbs over UDP: plain datagrams, DNS, NTP."""

from __future__ import annotations

import struct

from tests.support import wire
from tests.support.line import Line
from tests.support.player import Player, Query, verb
from tests.support.wire_services import KINDS, Dns, Record, dns, ntp, ntp_time
from tests.support.wire_streams import noise

_DNS_PORT, _NTP_PORT = 53, 123
_KISS_REFIDS = frozenset({"DENY", "RSTR", "RATE", "INIT", "STEP"})


@verb("UDP")
def play_datagram(player: Player, line: Line) -> None:
    """``dev:30001 > server:8844 UDP 64``: so many bytes that look random, or ``text="…"``."""
    text = line.pop("text")
    body = text.encode() if text else noise(_size(line), f"udp {player.memory.count()}")
    player.send_udp(line, body)


def _size(line: Line) -> int:
    text = line.take_next("a number of bytes")
    if not text.isdigit():
        raise line.where.error(f"{line.verb} {text}: {text!r} is no number of bytes")
    return int(text)


@verb("DNS?")
def play_dns_query(player: Player, line: Line) -> None:
    """``dev > gw DNS? NAME A [again] [edns] [tcp] [id=7]``; ``again`` keeps id and port, as a stub's retry does."""
    name, kind = _question(line)
    key = (line.src.address, line.dst.address, name.lower(), kind)
    query = player.memory.queries.get(key) if line.take("again") else None
    if query is None:
        ident = line.pop_int("id", 0x4000 + player.memory.count())
        is_tcp = line.take("tcp")
        ports = (line.sport or player.ports.allocate(wire.UDP, line.src.address), line.dport or _DNS_PORT)
        query = Query(ident, ports, line.take("edns"), is_tcp)
        player.memory.queries[key] = query
    _send_dns(player, line, dns(name, kind, Dns(query.id, has_edns=query.has_edns)), query)


@verb("DNS!")
def play_dns_answer(player: Player, line: Line) -> None:
    """``gw > dev DNS! NAME A 54.229.203.190 [ttl=60]``, or ``empty``, ``rcode=3``; ``soa``, ``ede=15``, ``tc``.

    Answers the last query of that name and type between the two, with its id and ports.
    ``cname=other.example`` puts an alias in front of the addresses.
    """
    name, kind = _question(line)
    key = (line.dst.address, line.src.address, name.lower(), kind)
    query = player.memory.queries.get(key)
    if query is None:
        raise line.where.error(f"DNS!: {line.dst.name} asked {line.src.name} for no {name} {kind}")
    message = Dns(
        id=line.pop_int("id", query.id),
        is_response=True,
        rcode=line.pop_int("rcode", 0),
        has_soa=line.take("soa"),
        is_truncated=line.take("tc"),
        has_edns=query.has_edns or line.take("edns"),
        ede=line.pop_int("ede", -1) if "ede" in line.options else None,
        answers=_answers(line, name, kind),
    )
    _check_says_something(line, message)
    back = Query(query.id, (query.ports[1], query.ports[0]), query.has_edns, query.is_tcp)
    _send_dns(player, line, dns(name, kind, message), back)


def _question(line: Line) -> tuple[str, str]:
    name, kind = line.take_next("a name"), line.take_next("a type such as A")
    if kind not in KINDS:
        raise line.where.error(f"{line.verb} {name}: {kind!r} is no record type; known are {', '.join(KINDS)}")
    return name, kind


def _answers(line: Line, name: str, kind: str) -> tuple[Record, ...]:
    ttl, alias = line.pop_int("ttl", 60), line.pop("cname")
    flags = {"empty", "soa", "tc", "edns", "no-df"}
    data = [word for word in line.words if word not in flags]
    line.words = [word for word in line.words if word in flags]
    head = (Record(name, "CNAME", alias, ttl),) if alias else ()
    return (*head, *(Record(alias or name, kind, text, ttl) for text in data))


def _check_says_something(line: Line, message: Dns) -> None:
    is_empty = line.take("empty")
    if not (message.answers or message.rcode or is_empty or message.is_truncated):
        raise line.where.error("DNS! without data: write an address, rcode=, tc, or empty")


def _send_dns(player: Player, line: Line, body: bytes, query: Query) -> None:
    if query.is_tcp:
        line.sport, line.dport = line.sport or _known_port(player, line, 0), line.dport or _known_port(player, line, 1)
        player.send_stream(line, struct.pack(">H", len(body)) + body)
        return
    player.send_udp(line, body, ports=query.ports)


def _known_port(player: Player, line: Line, at: int) -> int | None:
    known = player.ports.find(wire.TCP, (line.src.address, line.sport), (line.dst.address, line.dport))
    return known[at] if known else None


@verb("NTP?")
def play_ntp_query(player: Player, line: Line) -> None:
    """``dev > ntp NTP? [offset=-3600] [random]``: the client's clock may be wrong, or its stamp random (RFC 9109)."""
    own = player.start_ns + line.time_ns + _seconds(line, "offset")
    stamp = noise(8, f"ntp {player.memory.count()}") if line.take("random") else ntp_time(own)
    player.memory.clocks[(line.src.address, line.dst.address)] = stamp
    near = line.sport or player.ports.allocate(wire.UDP, line.src.address)
    body = ntp(3, [bytes(8), bytes(8), bytes(8), stamp])
    player.send_udp(line, body, ports=(near, line.dport or _NTP_PORT))


@verb("NTP!")
def play_ntp_answer(player: Player, line: Line) -> None:
    """``ntp > dev NTP! [stratum=2] [li=0] [kod=RATE] [offset=0]``: answers the last query between the two."""
    key = (line.dst.address, line.src.address)
    if key not in player.memory.clocks:
        raise line.where.error(f"NTP!: {line.dst.name} asked {line.src.name} for no time")
    moment = ntp_time(player.start_ns + line.time_ns + _seconds(line, "offset"))
    kiss = line.pop("kod")
    if kiss and kiss not in _KISS_REFIDS:
        raise line.where.error(f"kod={kiss} is unknown; known are {', '.join(sorted(_KISS_REFIDS))}")
    stratum = line.pop_int("stratum", 0 if kiss else 2)
    leap = line.pop_int("li", 3 if kiss else 0)
    body = ntp(
        4,
        [moment, player.memory.clocks[key], moment, moment],
        stratum=stratum,
        leap=leap,
        refid=kiss.encode() or b"\x0a\0\0\1",
    )
    known = player.ports.find(wire.UDP, (key[1], line.sport or _NTP_PORT), (key[0], line.dport))
    player.send_udp(line, body, ports=known or (_NTP_PORT, _NTP_PORT))


def _seconds(line: Line, option: str) -> int:
    text = line.pop(option, "0")
    try:
        return round(float(text) * 1_000_000_000)
    except ValueError:
        raise line.where.error(f"{option}={text} is no number of seconds") from None
