"""ICMP errors about the device: which ones count, which attempts they stop, and how to speak of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.quoted import IcmpError
from pcapaudit.flows.exchanges import OVERTAKING_NS
from pcapaudit.flows.flow import TCP, UDP
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import IcmpMessage
from pcapaudit.model.records import dataclass


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the device sent on one flow: first time of each sequence number and of each IP identification."""

    sequences: Mapping[int, int]
    identifications: Mapping[int, int]
    first_ns: int
    is_whole: bool

    def holds(self, message: IcmpMessage) -> bool:
        """Whether one of the packets is the one that an error quotes; addresses and ports are known to fit."""
        quoted, until_ns = message.quoted, message.at.time_ns + OVERTAKING_NS
        if quoted is None or self.first_ns > until_ns:
            return False
        if quoted.tcp_seq is not None and self.sequences.get(quoted.tcp_seq, until_ns + 1) <= until_ns:
            return True
        has_no_mark = len(quoted.src) == 16 and quoted.tcp_seq is None
        return not self.is_whole or has_no_mark or self.identifications.get(quoted.ip_id, until_ns + 1) <= until_ns


@once
def matched_errors(facts: Facts) -> list[IcmpError]:
    """Errors that quote a packet of the device which is in the file (catalogue, section 4: validation)."""
    sent: dict[int, _Sent] = {}
    found = []
    for error in facts.icmp_errors:
        if error.flow is None or error.message.at.src in facts.addresses:
            continue
        if error.flow not in sent:
            sent[error.flow] = _sent_on(facts, error.flow)
        if sent[error.flow].holds(error.message):
            found.append(error)
    return found


def _sent_on(facts: Facts, index: int) -> _Sent:
    flow = facts.traffic.flow(index)
    own = [p for p in reversed(flow.packets) if p.src in facts.addresses]
    first = min((p.time_ns for p in own), default=flow.last_ns + 2 * OVERTAKING_NS)
    return _Sent({p.seq: p.time_ns for p in own}, {p.ip_id: p.time_ns for p in own}, first, not flow.left_out)


def errors_by_flow(errors: Iterable[IcmpError]) -> dict[int, list[IcmpError]]:
    """Errors of each flow, in frame order."""
    table: dict[int, list[IcmpError]] = {}
    for error in errors:
        if error.flow is not None:
            table.setdefault(error.flow, []).append(error)
    return table


def is_stopped(attempt: Attempt, errors: Sequence[IcmpError]) -> bool:
    """Whether an attempt got nowhere after these errors: errors on a working flow are soft (RFC 1122, 4.2.3.9)."""
    times = [e.message.at.time_ns for e in errors if e.flow == attempt.flow.index]
    if not times or (attempt.flow.is_established and attempt.flow.proto == TCP):
        return False
    return not any(p.time_ns >= times[0] for p in attempt.flow.received) and (
        not attempt.flow.received or len(times) > 1
    )


def has_foreign_ttl(facts: Facts, message: IcmpMessage) -> bool:
    """Whether all TCP and UDP packets of the sender's address came from another distance."""
    flows = [facts.traffic.flow(i) for i in facts.traffic.flows_by_address.get(message.at.src, [])[:50]]
    ttls = [p.ttl for f in flows for p in f.packets if p.src == message.at.src and p.proto in (TCP, UDP)]
    return bool(ttls) and all(abs(t - message.at.ttl) >= facts.params.ttl_delta for t in ttls)


def delay_ns(facts: Facts, error: IcmpError) -> int:
    """Time from the first transmission of the quoted packet to the error."""
    quoted = error.message.quoted
    if quoted is None or error.flow is None:
        return 0
    sent = [
        p
        for p in facts.traffic.flow(error.flow).packets
        if p.src == quoted.src and p.time_ns <= error.message.at.time_ns + OVERTAKING_NS
    ]
    same = [p for p in sent if (p.seq == quoted.tcp_seq if quoted.tcp_seq is not None else p.ip_id == quoted.ip_id)]
    return max(0, error.message.at.time_ns - (same or sent)[0].time_ns) if sent else 0


def name_senders(errors: Sequence[IcmpError]) -> str:
    """Who sent the errors: addresses in order of first appearance."""
    return ", ".join(dict.fromkeys(ip_text(e.message.at.src) for e in errors[:50]))


def count_errors(errors: Sequence[IcmpError]) -> str:
    """How many errors of which type and codes, for a sentence."""
    codes = sorted({e.message.code for e in errors})
    noun = "ICMP error" if len(errors) == 1 else "ICMP errors"
    return f"{len(errors)} {noun} (type {errors[0].message.type} code {'/'.join(map(str, codes))})"


def name_target(error: IcmpError) -> str:
    """Address, transport and port that the quoted packet was for."""
    quoted = error.message.quoted
    if quoted is None:
        return "?"
    transport = {TCP: "TCP", UDP: "UDP"}.get(quoted.proto, f"protocol {quoted.proto}")
    return f"{ip_text(quoted.dst)} {transport} {quoted.dport or 0}"


def describe_errors(errors: Sequence[IcmpError]) -> dict[str, object]:
    """Facts for the report: who said it, with which codes, and about which family."""
    return {
        "family": errors[0].message.family,
        "codes": sorted({e.message.code for e in errors}),
        "senders": list(dict.fromkeys(ip_text(e.message.at.src) for e in errors[:50])),
        "errors": len(errors),
    }
