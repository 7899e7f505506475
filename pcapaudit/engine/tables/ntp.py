"""NTP: a row for each question with its answer, and for what is neither."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.engine.tables.cells import NS, ends_of, span_s
from pcapaudit.engine.tables.declare import ENDS, MARKS, TS, Column, Kind, Row, Table
from pcapaudit.flows.exchanges import NtpPoll, pair_ntp
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import NtpMessage

CLIENT, SERVER = 3, 4
_PRINTABLE = range(0x20, 0x7F)

TABLE = Table(
    "ntp",
    "NTP",
    "One row for each client's question with its answer; answers without a question and messages of other modes"
    " (broadcast, control) are rows of their own.",
    (
        TS,
        *ENDS,
        Column("version", Kind.INTEGER, "version of the protocol", "", "version"),
        Column("mode", Kind.INTEGER, "3 client's question, 4 an answer alone, 5 broadcast, ...", "", "mode"),
        Column("is_answered", Kind.TRUTH, "question: an answer was seen"),
        Column("is_valid", Kind.TRUTH, "the answer repeats the question's time stamp (RFC 5905, section 8)"),
        Column("rtt_s", Kind.NUMBER, "from the question to the answer", "s"),
        Column("stratum", Kind.INTEGER, "of the answer: 1 primary, 16 not synchronised, 0 see ref_id", "", "stratum"),
        Column("leap", Kind.INTEGER, "leap indicator of the answer; 3: not synchronised"),
        Column("ref_id", Kind.TEXT, "reference or kiss code of the answer", "", "ref_id"),
        Column("client_transmit", Kind.TIME, "transmit time stamp of the question: the client's clock", "UTC"),
        Column("server_receive", Kind.TIME, "receive time stamp of the answer", "UTC", "rec_time"),
        Column("server_transmit", Kind.TIME, "transmit time stamp of the answer", "UTC", "xmt_time"),
        Column("client_offset_s", Kind.NUMBER, "the client's clock minus the capture's; stamps may be random", "s"),
        Column("server_offset_s", Kind.NUMBER, "the server's clock minus the capture's", "s"),
        Column("query_frame", Kind.FRAME, "frame of the question"),
        Column("answer_frame", Kind.FRAME, "frame of the answer, or of the message that is neither"),
        *MARKS,
    ),
    log="ntp",
)  # fmt: skip


def read(traffic: Traffic) -> Iterator[Row]:
    """The rows in order of their first frame."""
    by_client: dict[bytes, list[NtpMessage]] = {}
    for m in traffic.ntp:
        if m.mode in (CLIENT, SERVER):
            by_client.setdefault(m.at.src if m.mode == CLIENT else m.at.dst, []).append(m)
    polls = [poll for client, own in by_client.items() for poll in pair_ntp(own, frozenset((client,)))]
    answered = {poll.answer.at.frame for poll in polls if poll.answer is not None}
    found: list[tuple[int, Row]] = [(poll.query.at.frame, _row(poll)) for poll in polls]
    lone = (m for m in traffic.ntp if m.mode != CLIENT and m.at.frame not in answered)
    found += ((m.at.frame, _lone(m)) for m in lone)
    found.sort(key=lambda entry: entry[0])
    return (row for _, row in found)


def _row(poll: NtpPoll) -> Row:
    query, answer = poll.query, poll.answer
    at = query.at
    known = ends_of(at, answer.at if answer else None)
    return (
        at.time_ns,
        *known.ends,
        query.version,
        query.mode,
        answer is not None,
        poll.is_valid if answer else None,
        span_s(at, answer.at if answer else None),
        *_told(answer),
        query.transmit_ns,
        *_stamps(answer),
        (query.transmit_ns - at.time_ns) / NS if query.transmit_ns is not None else None,
        _server_offset_s(query, answer),
        at.frame,
        answer.at.frame if answer else None,
        *known.marks,
    )


def _lone(message: NtpMessage) -> Row:
    m, at = message, message.at
    known = ends_of(None, at) if m.mode == SERVER else ends_of(at, None)
    return (
        at.time_ns, *known.ends, m.version, m.mode, None, None, None, *_told(m), None, *_stamps(m), None, None, None,
        at.frame, *known.marks,
    )  # fmt: skip


def _told(answer: NtpMessage | None) -> Row:
    return (None, None, None) if answer is None else (answer.stratum, answer.leap, _reference(answer))


def _stamps(answer: NtpMessage | None) -> Row:
    return (None, None) if answer is None else (answer.receive_ns, answer.transmit_ns)


def _server_offset_s(query: NtpMessage, answer: NtpMessage | None) -> float | None:
    """The mean of both directions, so that the way to the server falls out (RFC 5905, section 8)."""
    if answer is None or answer.receive_ns is None or answer.transmit_ns is None:
        return None
    return ((answer.receive_ns - query.at.time_ns) + (answer.transmit_ns - answer.at.time_ns)) / 2 / NS


def _reference(message: NtpMessage) -> str:
    """Four letters for strata 0 and 1 (RFC 5905, section 7.3), else an address or a hash in its form."""
    data = message.reference_id
    if message.stratum > 1 or not all(octet in _PRINTABLE for octet in data.rstrip(b"\0")):
        return ip_text(data) if len(data) == 4 else data.hex()
    return data.rstrip(b"\0").decode("ascii")
