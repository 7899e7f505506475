"""How every flow went, in the letters of Zeek's ``conn.log``: worked out in the columns of the packet log.

Nearly all packets of a flow change neither its state nor the letters of its history. Those that may are picked for all
flows at once; what they say is read flow by flow, and equal stories once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pcapaudit.flows import layout
from pcapaudit.flows.flow import ACK, COPY_NS, FIN, RST, SYN, TCP, UDP
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.records import dataclass
from pcapaudit.scan.columns import Table

_LETTERS = "SHFRDTAW"
"""SYN, SYN-ACK, FIN, RST, payload, payload again, bare ACK, zero window: bits 0 to 7 of a packet's letters."""
_S, _H, _F, _R, _D, _T, _A, _W = (1 << bit for bit in range(len(_LETTERS)))
_IS_RESP, _HAS_DATA = 1 << 5, 1 << 6
"""Beside the low five TCP flags of a picked packet."""
_HALF, _WRAP = 1 << 31, 1 << 32
_INACTIVE, _PARTIAL, _SYN_SENT, _SYN_ACK_SENT, _ESTABLISHED, _CLOSED, _RESET = range(7)
_ABSENT = (_INACTIVE, _PARTIAL)

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_Octets = npt.NDArray[np.uint8]


class Histories:
    """The stories of all flows of a capture.

    Args:
        traffic: The capture.

    Attributes:
        states: How each flow went: S0, SF, REJ, RSTO, ... Source: Zeek, base/protocols/conn, ``conn_state``.
        letters: What was seen of each side, a letter at its first occurrence; capitals are the originator's, ``^`` in
            front says that the first packet is the responder's. None for other protocols than TCP and UDP.
        payloads: Bytes of the originator and of the responder of each flow. TCP by sequence number, so that a
            retransmission adds nothing; the plain sum where packets were left out of the log.
    """

    def __init__(self, traffic: Traffic) -> None:
        log = _Log(traffic)
        flows = traffic.result.flows
        self.payloads = _payloads(flows, log)
        picked = np.flatnonzero(log.is_telling())
        codes = (log.flags[picked].astype(np.uint16) | log.marks[picked]) << 8 | log.letters[picked]
        told, size = codes.astype("<u2").tobytes(), codes.itemsize
        bounds = (np.searchsorted(log.flow[picked], np.arange(len(flows) + 1)) * size).tolist()
        heard = [(log.counted(flows, "pkts", side) > 0).tolist() for side in (0, 1)]
        self.states: list[str] = []
        self.letters: list[str | None] = []
        for index, proto in enumerate(flows["proto"].tolist()):
            story = told[bounds[index] : bounds[index + 1]]
            self.states.append(_state_of(proto, story, is_asked=heard[0][index], is_answered=heard[1][index]))
            self.letters.append(_letters_of(story) if proto in (TCP, UDP) and story else None)


class _Log:
    """The packets of all flows, flow by flow, marked duplicates left out; as columns."""

    def __init__(self, traffic: Traffic) -> None:
        digests = traffic.digests
        order, rows = digests.order, traffic.result.rows
        count = len(traffic.result.flows)
        self.from_b = (digests.table[:, layout.STATE] & layout.FROM_B).astype(np.uint8)
        self.flow: _Numbers = np.repeat(np.arange(count), np.diff(digests.bounds))
        self.is_resp: _Flags = rows["side"][order] != self.from_b[self.flow]
        self.flags: _Octets = (rows["flags"][order] & 0x1F).astype(np.uint8)
        self.size: _Numbers = rows["payload_len"][order].astype(np.int64)
        self.seq: _Numbers = rows["seq"][order].astype(np.int64)
        self._time = rows["time_ns"][order]
        self._is_data = digests.is_data[order] > 0
        is_tcp = (traffic.result.flows["proto"] == TCP)[self.flow]
        self.letters: _Octets = np.where(is_tcp, self._tcp_letters(rows["window"][order]), np.uint8(_D))
        self.marks = (self.is_resp * np.uint16(_IS_RESP)) | ((self.size > 0) * np.uint16(_HAS_DATA))

    def counted(self, flows: Table, name: str, side: int) -> npt.NDArray[np.integer]:
        """A counter of the flow table for the originators (side 0) or the responders (1)."""
        return np.where(self.from_b == side, flows[f"a_{name}"], flows[f"b_{name}"])

    def is_telling(self) -> _Flags:
        """The packets that bring a new letter to their side, or may change a state.

        Beside those with SYN, FIN or RST these are the first of each side, and the first behind such a one.
        """
        is_turn = (self.flags & (SYN | FIN | RST)) > 0
        turns = np.cumsum(is_turn)
        kept = is_turn.copy()
        for side in (False, True):
            own = np.flatnonzero(self.is_resp == side)
            kept[own[_is_new(self.flow[own]) | _is_new(turns[own])]] = True
            for bit in range(len(_LETTERS)):
                having = own[(self.letters[own] >> bit) & 1 > 0]
                kept[having[_is_new(self.flow[having])]] = True
        return kept

    def _tcp_letters(self, window: npt.NDArray[np.uint16]) -> _Octets:
        is_syn, is_ack = (self.flags & SYN) > 0, (self.flags & ACK) > 0
        found = _S * (is_syn & ~is_ack) | _H * (is_syn & is_ack)
        found |= _F * ((self.flags & FIN) > 0) | _R * ((self.flags & RST) > 0)
        found |= _A * ((found == 0) & (self.size == 0) & is_ack)
        found |= _D * (self.size > 0) | _T * self._is_again()
        found |= _W * ((window == 0) & ((self.flags & (SYN | RST)) == 0))
        return found.astype(np.uint8)

    def _is_again(self) -> _Flags:
        """Data that repeat the same number and size; nearer than 5 ms it is a mirror's copy that nothing marks."""
        places = np.flatnonzero(self._is_data & (self.size > 0))
        keys = (self.size[places], self.seq[places], self.is_resp[places], self.flow[places])
        order = np.lexsort((places, *keys))
        sorted_places = places[order]
        is_same = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
        times = self._time[sorted_places]
        found = np.zeros(len(self.flow), np.bool_)
        found[sorted_places[1:][is_same & (times[1:] - times[:-1] >= COPY_NS)]] = True
        return found


def _is_new(values: npt.NDArray[Any]) -> _Flags:
    """Which values differ from the one before."""
    return np.concatenate([np.ones(min(1, len(values)), np.bool_), values[1:] != values[:-1]])


def _payloads(flows: Table, log: _Log) -> tuple[_Numbers, _Numbers]:
    """Payload bytes of the originators and of the responders."""
    has_sum = (flows["proto"] != TCP) | (flows["rows_left_out"] > 0)
    by_number = _reached(log, len(flows))
    orig, resp = (np.where(has_sum, log.counted(flows, "payload", side), by_number[side]) for side in (0, 1))
    return orig.astype(np.int64), resp.astype(np.int64)


def _reached(log: _Log, count: int) -> _Numbers:
    """How far the sequence numbers of each side of each flow went, from its SYN or else from its first data on."""
    is_syn, has_data = (log.flags & SYN) > 0, log.size > 0
    # What is written last stays: the first of each, and a SYN before data.
    base = np.zeros((2, count), np.int64)
    for places, step in ((np.flatnonzero(has_data)[::-1], 0), (np.flatnonzero(is_syn)[::-1], 1)):
        base[log.is_resp[places].astype(np.intp), log.flow[places]] = log.seq[places] + step
    data = np.flatnonzero(has_data)
    side, flow = log.is_resp[data].astype(np.intp), log.flow[data]
    ends = (log.seq[data] + log.size[data] - base[side, flow] + _HALF) % _WRAP - _HALF
    found = np.zeros((2, count), np.int64)
    np.maximum.at(found, (side, flow), ends)
    return found


# --- one story ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _letters_of(story: bytes) -> str:
    seen: dict[str, None] = {}
    for letters, marks in zip(story[::2], story[1::2], strict=True):
        for bit, letter in enumerate(_LETTERS):
            if letters >> bit & 1:
                seen[letter.lower() if marks & _IS_RESP else letter] = None
    return ("^" if story[1] & _IS_RESP else "") + "".join(seen)


def _state_of(proto: int, story: bytes, *, is_asked: bool, is_answered: bool) -> str:
    if proto == UDP:
        return ("SF" if is_answered else "S0") if is_asked else "SHR"
    return _tcp_state(story) if proto == TCP else "OTH"


@dataclass(slots=True)
class _End:
    """One side of a TCP connection, in the states that Zeek tells apart."""

    state: int = _INACTIVE
    before: int = _INACTIVE
    has_data: bool = False

    def become(self, state: int) -> None:
        self.before, self.state = self.state, state


@lru_cache(maxsize=4096)
def _tcp_state(story: bytes) -> str:
    orig, resp = _replay(story)
    if resp.state == _RESET:
        return _when_refused(orig, is_empty=not orig.has_data and not resp.has_data)
    return _when_not_refused(orig.state, resp.state)


def _when_refused(orig: _End, *, is_empty: bool) -> str:
    """The responder's reset was the last word of its side."""
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


def _replay(story: bytes) -> tuple[_End, _End]:
    """Both sides after the last packet of the flow."""
    orig, resp = _End(), _End()
    for marks in story[1::2]:
        is_orig = not marks & _IS_RESP
        end, peer = (orig, resp) if is_orig else (resp, orig)
        end.has_data = end.has_data or bool(marks & _HAS_DATA)
        if end.state == _INACTIVE:
            _awake(end, peer, marks, is_orig=is_orig)
        else:
            _go_on(end, peer, marks)
    return orig, resp


def _awake(end: _End, peer: _End, flags: int, *, is_orig: bool) -> None:
    """The first packet of a side."""
    if flags & SYN and is_orig:
        end.become(_SYN_ACK_SENT if flags & ACK else _SYN_SENT)
    elif flags & SYN:
        if peer.state == _SYN_SENT:
            peer.become(_ESTABLISHED)
        end.become(_ESTABLISHED)
    if flags & FIN:
        end.become(_CLOSED)
    if flags & RST:
        end.become(_RESET)
    # Some stacks acknowledge a SYN before they answer it; that is no connection caught half-way.
    is_early_ack = not is_orig and not flags & _HAS_DATA and peer.state == _SYN_SENT
    if end.state == _INACTIVE and not is_early_ack:
        end.become(_PARTIAL)


def _go_on(end: _End, peer: _End, flags: int) -> None:
    """A later packet of a side."""
    if end.state == _CLOSED:
        # Both sides said good-bye: a late reset changes nothing.
        if flags & RST and peer.state != _CLOSED:
            end.become(_RESET)
        return
    if end.state == _RESET:
        return
    if end.state == _PARTIAL and peer.state == _INACTIVE and flags & (SYN | ACK) == SYN:
        end.become(_SYN_SENT)
    if flags & RST:
        end.become(_RESET)
    elif flags & FIN:
        end.become(_CLOSED)
        if peer.state == _RESET and peer.before == _CLOSED:
            peer.become(_CLOSED)
