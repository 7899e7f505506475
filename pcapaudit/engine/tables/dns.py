"""DNS: a row for each question to one resolver, answered or not."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.dissect.dns import rcode_name
from pcapaudit.engine.tables.cells import MAX_LISTED, ends_of, frames_of, span_s
from pcapaudit.engine.tables.declare import ENDS, MARKS, TS, Column, Kind, Row, Table
from pcapaudit.flows.exchanges import DnsQuery, pair_dns
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import DnsMessage, DnsRecord

_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 35: "NAPTR",
    43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 64: "SVCB", 65: "HTTPS", 99: "SPF", 255: "ANY", 257: "CAA",
}  # fmt: skip

TABLE = Table(
    "dns",
    "DNS",
    "One row for each question to one resolver, repeats with the same id included; unanswered questions are rows, too."
    " Messages that are no queries (NOTIFY, UPDATE) are left out.",
    (
        TS,
        *ENDS,
        Column("transport", Kind.CATEGORY, "udp or tcp", "", "proto"),
        Column("trans_id", Kind.INTEGER, "id of question and answer", "", "trans_id"),
        Column("query", Kind.TEXT, "name asked for, lower case", "", "query"),
        Column("qtype", Kind.INTEGER, "type asked for", "", "qtype"),
        Column("qtype_name", Kind.CATEGORY, "its name (IANA), TYPEn without one", "", "qtype_name"),
        Column("is_answered", Kind.TRUTH, "an answer was seen"),
        Column("rcode", Kind.INTEGER, "response code of the last answer", "", "rcode"),
        Column("rcode_name", Kind.CATEGORY, "its name (IANA)", "", "rcode_name"),
        Column("is_rejected", Kind.TRUTH, "answered with a code other than NOERROR"),
        Column("rtt_s", Kind.NUMBER, "from the first transmission to the first answer", "s", "rtt"),
        Column("answers", Kind.TEXTS, "addresses and names of the last answer, else types", "", "answers"),
        Column("ttls_s", Kind.INTEGERS, "time to live of each of them", "s", "TTLs"),
        Column("answer_count", Kind.INTEGER, "records that the last answer says it has"),
        Column("is_authoritative", Kind.TRUTH, "AA of the last answer", "", "AA"),
        Column("is_truncated", Kind.TRUTH, "TC of the last answer", "", "TC"),
        Column("has_recursion", Kind.TRUTH, "RA of the last answer", "", "RA"),
        Column("extended_error", Kind.INTEGER, "its extended error (RFC 8914)"),
        Column("retries", Kind.INTEGER, "transmissions of the question after the first"),
        Column("query_frames", Kind.FRAMES, "transmissions of the question"),
        Column("answer_frames", Kind.FRAMES, "answers"),
        *MARKS,
    ),
    log="dns",
)  # fmt: skip


def read(traffic: Traffic) -> Iterator[Row]:
    """The rows in order of their first frame."""
    found = [
        query
        for asker, messages in traffic.dns_by_asker.items()
        for lookup in pair_dns(messages, frozenset((asker,)))
        for query in lookup.queries
    ]
    found.sort(key=lambda query: query.frames[0])
    return map(_row, found)


def _row(query: DnsQuery) -> Row:
    asked = query.sent[0] if query.sent else None
    first = query.answers[0] if query.answers else None
    either = asked or first
    assert either is not None  # noqa: S101 - a query has a message
    question, answer = (None if m is None else m.at for m in (asked, first))
    known = ends_of(question, answer)
    return (
        either.at.time_ns if question is None or answer is None else min(question.time_ns, answer.time_ns),
        *known.ends,
        either.transport,
        either.id,
        query.name or None,
        query.kind,
        type_name(query.kind),
        *_said(query.answers[-1] if query.answers else None, span_s(question, answer)),
        max(0, len(query.sent) - 1),
        frames_of(m.at for m in query.sent),
        frames_of(m.at for m in query.answers),
        *known.marks,
    )


def _said(answer: DnsMessage | None, rtt_s: float | None) -> Row:
    """The cells from ``is_answered`` to ``extended_error``."""
    if answer is None:
        return (False, None, None, False, None, (), (), None, None, None, None, None)
    shown = answer.answers[:MAX_LISTED]
    return (
        True,
        answer.rcode,
        rcode_name(answer.rcode),
        answer.rcode != 0,
        rtt_s,
        tuple(map(_data, shown)),
        tuple(record.ttl for record in shown),
        answer.answer_count,
        answer.is_authoritative,
        answer.is_truncated,
        answer.recursion_available,
        answer.extended_error,
    )


def _data(record: DnsRecord) -> str:
    if isinstance(record.data, bytes):
        return ip_text(record.data)
    return record.data if record.data is not None else type_name(record.kind) or ""


def type_name(kind: int) -> str | None:
    """The IANA mnemonic of a record type, ``TYPEn`` for one without (RFC 3597); None for 0, which is unknown."""
    return _TYPES.get(kind, f"TYPE{kind}") if kind else None
