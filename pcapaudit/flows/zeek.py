"""Flows as lines of Zeek's ``conn.log``: the same column names, the same letters for how each one went."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from pcapaudit.flows.community import ICMP, ICMP6, SCTP, community_id, icmp_ports
from pcapaudit.flows.flow import ACK, FIN, RST, SYN, TCP, UDP, Flow
from pcapaudit.flows.streams import distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import (
    DnsMessage,
    Event,
    FtpCommand,
    FtpReply,
    HttpRequest,
    HttpResponse,
    IcmpMessage,
    Packet,
    PostgresMessage,
    TlsClientHello,
    TlsRecords,
    TlsServerHello,
)
from pcapaudit.model.records import dataclass

PROTOCOLS: Mapping[int, str] = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMP6: "icmp"}
_WITH_PORTS = frozenset({*PROTOCOLS, SCTP})
"""Protocols whose Community ID needs ports; those of SCTP are not read."""
UDP_SERVICES: Mapping[int, str] = {53: "dns", 67: "dhcp", 68: "dhcp", 123: "ntp"}
"""UDP ports whose payload is dissected as that protocol."""
_SPOKEN: Mapping[type, str] = {
    DnsMessage: "dns",
    FtpCommand: "ftp",
    FtpReply: "ftp",
    HttpRequest: "http",
    HttpResponse: "http",
    PostgresMessage: "postgresql",
    TlsClientHello: "ssl",
    TlsRecords: "ssl",
    TlsServerHello: "ssl",
}
_INACTIVE, _PARTIAL, _SYN_SENT, _SYN_ACK_SENT, _ESTABLISHED, _CLOSED, _RESET = range(7)
_ABSENT = (_INACTIVE, _PARTIAL)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def flow_records(traffic: Traffic) -> Iterator[dict[str, object]]:
    """One record a flow (see ``flow_record``), in order of the first frame."""
    icmp = _first_icmp(traffic)
    for index in range(len(traffic.result.flows)):
        flow = traffic.flow(index)
        if flow.proto == TCP:
            messages: Sequence[Event] = traffic.conversation(index)
        else:
            messages = icmp.get((flow.proto, frozenset((flow.orig[0], flow.resp[0]))), ())
        yield flow_record(flow, messages)


def flow_record(flow: Flow, messages: Sequence[Event] = ()) -> dict[str, object]:
    """One flow as a line of ``conn.log``; ``None`` is unknown.

    Args:
        flow: The flow.
        messages: What its sides said (TCP), or its ICMP messages, the first of which gives type and code in
            place of the ports. Without them ``service``, and for ICMP the ports and the Community ID, are unknown.

    ``uid`` depends on the flow alone. ``orig_bytes`` and ``resp_bytes`` of TCP are counted by sequence number, so
    a retransmission adds nothing. ``first_frame``, ``last_frame`` and ``community_id`` are not Zeek's own.

    Source: Zeek, base/protocols/conn.
    """
    orig_port, resp_port, is_one_way = _ports(flow, messages)
    return {
        "ts": _seconds(flow.first_ns),
        "uid": _uid(flow),
        "id.orig_h": ip_text(flow.orig[0]),
        "id.orig_p": orig_port,
        "id.resp_h": ip_text(flow.resp[0]),
        "id.resp_p": resp_port,
        "proto": PROTOCOLS.get(flow.proto, "unknown_transport"),
        "service": _service(flow, messages),
        "duration": _duration(flow),
        "orig_bytes": _stream_bytes(flow, flow.sent, flow.orig_side.payload),
        "resp_bytes": _stream_bytes(flow, flow.received, flow.resp_side.payload),
        "conn_state": conn_state(flow),
        "history": history(flow),
        "orig_pkts": flow.orig_side.packets,
        "orig_ip_bytes": flow.orig_side.ip_bytes,
        "resp_pkts": flow.resp_side.packets,
        "resp_ip_bytes": flow.resp_side.ip_bytes,
        "community_id": _community_id(flow, orig_port, resp_port, is_one_way=is_one_way),
        "first_frame": flow.first_frame,
        "last_frame": flow.last_frame,
    }


def _first_icmp(traffic: Traffic) -> dict[tuple[int, frozenset[bytes]], list[Event]]:
    """The first ICMP message of each address pair."""
    table: dict[tuple[int, frozenset[bytes]], list[Event]] = {}
    for m in traffic.icmp:
        table.setdefault((m.at.proto, frozenset((m.at.src, m.at.dst))), [m])
    return table


# --- columns --------------------------------------------------------------------------------------


def _seconds(time_ns: int) -> float:
    """Seconds since the epoch, to the microsecond: a double holds no more."""
    return (time_ns // 1000) / 1_000_000


def _duration(flow: Flow) -> float | None:
    """Seconds from the first to the last packet, never negative; None for a single packet."""
    if flow.orig_side.packets + flow.resp_side.packets < 2:
        return None
    return max(0, flow.last_ns - flow.first_ns) // 1000 / 1_000_000


def _uid(flow: Flow) -> str:
    """Eighteen letters and digits, ``C`` in front, made from what identifies the flow in its capture."""
    named = f"{flow.proto}|{flow.orig[0].hex()}|{flow.orig[1]}|{flow.resp[0].hex()}|{flow.resp[1]}"
    digest = hashlib.sha256(f"{named}|{flow.first_ns}|{flow.first_frame}".encode()).digest()
    value, letters = int.from_bytes(digest[:13], "big"), []
    for _ in range(17):
        value, rest = divmod(value, len(_DIGITS))
        letters.append(_DIGITS[rest])
    return "C" + "".join(letters)


def _ports(flow: Flow, messages: Sequence[Event]) -> tuple[int | None, int | None, bool]:
    """Ports, or what ICMP has in their place, and whether the flow has one direction by nature."""
    if flow.proto in (TCP, UDP):
        return flow.orig[1], flow.resp[1], False
    first = next((m for m in messages if isinstance(m, IcmpMessage)), None)
    if first is None:
        return None, None, False
    source, target, is_one_way = icmp_ports(flow.proto, first.type, first.code)
    return (source, target, is_one_way) if first.at.src == flow.orig[0] else (target, source, is_one_way)


def _community_id(flow: Flow, orig_port: int | None, resp_port: int | None, *, is_one_way: bool) -> str | None:
    if flow.proto in _WITH_PORTS and (orig_port is None or resp_port is None):
        return None
    return community_id(flow.proto, flow.orig[0], orig_port or 0, flow.resp[0], resp_port or 0, is_one_way=is_one_way)


def _service(flow: Flow, messages: Sequence[Event]) -> str | None:
    """The protocol that was dissected; ``ssl`` is Zeek's word for TLS."""
    if flow.proto == UDP:
        return UDP_SERVICES.get(flow.resp[1]) or UDP_SERVICES.get(flow.orig[1])
    return next((_SPOKEN[type(m)] for m in messages if type(m) in _SPOKEN), None)


def _stream_bytes(flow: Flow, packets: Sequence[Packet], counted: int) -> int:
    """Payload bytes of one side, TCP by sequence number; the plain sum where packets were left out of the log."""
    data = [p for p in packets if p.payload_len]
    if flow.proto != TCP or flow.left_out or not data:
        return counted if flow.proto != TCP or flow.left_out else 0
    syn = next((p for p in packets if p.flags & SYN), None)
    base = data[0].seq if syn is None else (syn.seq + 1) % (1 << 32)
    return max(distance((p.seq + p.payload_len) % (1 << 32), base) for p in data)


# --- how it went ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _End:
    """One side of a TCP connection, in the states that Zeek tells apart."""

    state: int = _INACTIVE
    before: int = _INACTIVE

    def become(self, state: int) -> None:
        self.before, self.state = self.state, state


def conn_state(flow: Flow) -> str:
    """How the flow went, in Zeek's letters: S0, SF, REJ, RSTO, ...

    Source: Zeek, base/protocols/conn, ``conn_state``.
    """
    if flow.proto == UDP:
        heard = flow.resp_side.packets > 0
        return ("SF" if heard else "S0") if flow.orig_side.packets else "SHR"
    if flow.proto != TCP:
        return "OTH"
    orig, resp = _replay(flow)
    if resp.state == _RESET:
        return _when_refused(flow, orig)
    return _when_not_refused(orig.state, resp.state)


def _when_refused(flow: Flow, orig: _End) -> str:
    """The responder's reset was the last word of its side."""
    is_empty = not flow.sent_data and not flow.received_data
    if orig.state in (_SYN_SENT, _SYN_ACK_SENT) or (orig.state == _RESET and is_empty):
        return "REJ"
    return "RSTRH" if orig.state in _ABSENT else "RSTR"


def _when_not_refused(orig: int, resp: int) -> str:
    if orig == _RESET:
        return "RSTOS0" if resp in _ABSENT else "RSTO"
    if orig == _CLOSED:
        return "SF" if resp == _CLOSED else "SH" if resp in _ABSENT else "S2"
    if resp == _CLOSED:
        return "SHR" if orig in _ABSENT else "S3"
    if orig == resp == _ESTABLISHED:
        return "S1"
    return "S0" if (orig, resp) == (_SYN_SENT, _INACTIVE) else "OTH"


def _replay(flow: Flow) -> tuple[_End, _End]:
    """Both sides after the last packet of the flow."""
    orig, resp = _End(), _End()
    for p in flow.packets:
        is_orig = flow.is_from_orig(p)
        end, peer = (orig, resp) if is_orig else (resp, orig)
        if end.state == _INACTIVE:
            _awake(end, peer, p, is_orig=is_orig)
        else:
            _go_on(end, peer, p)
    return orig, resp


def _awake(end: _End, peer: _End, p: Packet, *, is_orig: bool) -> None:
    """The first packet of a side."""
    if p.flags & SYN and is_orig:
        end.become(_SYN_ACK_SENT if p.flags & ACK else _SYN_SENT)
    elif p.flags & SYN:
        if peer.state == _SYN_SENT:
            peer.become(_ESTABLISHED)
        end.become(_ESTABLISHED)
    if p.flags & FIN:
        end.become(_CLOSED)
    if p.flags & RST:
        end.become(_RESET)
    # Some stacks acknowledge a SYN before they answer it; that is no connection caught half-way.
    is_early_ack = not is_orig and not p.payload_len and peer.state == _SYN_SENT
    if end.state == _INACTIVE and not is_early_ack:
        end.become(_PARTIAL)


def _go_on(end: _End, peer: _End, p: Packet) -> None:
    """A later packet of a side."""
    if end.state == _CLOSED:
        # Both sides said good-bye: a late reset changes nothing.
        if p.flags & RST and peer.state != _CLOSED:
            end.become(_RESET)
        return
    if end.state == _RESET:
        return
    if end.state == _PARTIAL and peer.state == _INACTIVE and p.flags & (SYN | ACK) == SYN:
        end.become(_SYN_SENT)
    if p.flags & RST:
        end.become(_RESET)
    elif p.flags & FIN:
        end.become(_CLOSED)
        if peer.state == _RESET and peer.before == _CLOSED:
            peer.become(_CLOSED)


def history(flow: Flow) -> str | None:
    """What was seen of each side, a letter at its first occurrence; capitals are the originator's.

    S SYN, H SYN-ACK, A pure acknowledgment, D payload, F FIN, R RST, T retransmitted payload, W zero window; ``^``
    in front: the first packet is the responder's. None for other protocols than TCP and UDP.
    """
    if flow.proto not in (TCP, UDP) or not flow.packets:
        return None
    again = {p.frame for side in (flow.sent_data, flow.received_data) for p in flow.retransmissions(side)}
    seen: dict[str, None] = {}
    for p in flow.packets:
        letters = _letters(p, is_again=p.frame in again) if flow.proto == TCP else "D"
        for letter in letters if flow.is_from_orig(p) else letters.lower():
            seen[letter] = None
    return ("" if flow.is_from_orig(flow.packets[0]) else "^") + "".join(seen)


def _letters(p: Packet, *, is_again: bool) -> str:
    flags = p.flags
    letters = ("H" if flags & ACK else "S") if flags & SYN else ""
    letters += "F" * bool(flags & FIN) + "R" * bool(flags & RST)
    if p.payload_len:
        letters += "DT" if is_again else "D"
    elif not letters and flags & ACK:
        letters += "A"
    if not p.window and not flags & (SYN | RST):
        letters += "W"
    return letters
