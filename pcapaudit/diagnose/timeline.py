"""When a device asked whom, and what came back: the picture of its window, lane by lane.

A lane is one far side on one rung: the DHCP server, the gateway's ARP, a name, a time server, a service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from sys import intern

from pcapaudit.diagnose.attempts import Attempt, Series
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.verdict import Diagnosis
from pcapaudit.flows.arps import Moment
from pcapaudit.flows.clock import Clock
from pcapaudit.flows.exchanges import A, DhcpCycle, Lookup, NtpPoll
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import DhcpMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import TimelineLane, TimelineMark
from pcapaudit.model.words import MarkKind, Stage

MAX_LANES = 24
MAX_MARKS = 120
"""Marks of one lane; a picture shows no more."""

_Mark = tuple[Packet | Moment, MarkKind]
_DHCP_KINDS = {2: MarkKind.ANSWERED, 5: MarkKind.ANSWERED, 6: MarkKind.REFUSED}
_DHCP_CLIENT = frozenset({1, 3})


def timeline_of(d: Diagnosis) -> tuple[TimelineLane, ...]:
    """The lanes of one recognised device, at most ``MAX_LANES``; empty for a device without a signature."""
    if d.facts.signature is None:
        return ()
    shown: list[_Lane] = []
    for rung in (_dhcp_lanes, _gateway_lanes, _dns_lanes, _time_lanes, _service_lanes):
        shown += sorted((lane for lane in rung(d.facts) if lane.marks), key=lambda lane: lane.marks[0][0].frame)
        if len(shown) >= MAX_LANES:
            break
    clock = d.facts.clock
    parts = [part for lane in shown[:MAX_LANES] for part in _parted(lane, clock)]
    return tuple(part.written(clock) for part in parts[:MAX_LANES])


@dataclass(frozen=True, slots=True)
class _Lane:
    """A lane before it is written down: its marks by frame."""

    stage: Stage
    what: str
    marks: Sequence[_Mark]
    left_out: int = 0
    """Further marks that are not among them."""

    def written(self, clock: Clock) -> TimelineLane:
        """The lane as the report has it."""
        shown = _thinned(self.marks)
        marks = [TimelineMark(clock.rfc3339(packet.time_ns), packet.frame, kind) for packet, kind in shown]
        return TimelineLane(self.stage, self.what, tuple(marks), len(self.marks) - len(shown) + self.left_out)


def _parted(lane: _Lane, clock: Clock) -> Iterator[_Lane]:
    """A lane for each stretch between two steps of the clock: times on both sides of one cannot stand on one line."""
    if not clock.steps:
        yield lane
        return
    begins = [0, *(step.hop.frame for step in clock.steps)]
    for number, (begin, end) in enumerate(zip_longest(begins, begins[1:])):
        marks = [m for m in lane.marks if m[0].frame >= begin and (end is None or m[0].frame < end)]
        if marks:
            what = f"{lane.what}, clock set before frame {begin}" if number else lane.what
            yield _Lane(lane.stage, what, marks, lane.left_out if lane.marks[0] is marks[0] else 0)


def _dhcp_lanes(facts: Facts) -> Iterator[_Lane]:
    yield _lane(Stage.DHCP, "DHCP", (m for c in facts.dhcp for m in _dhcp_marks(c)))


def _gateway_lanes(facts: Facts) -> Iterator[_Lane]:
    """What was asked by ARP; these stand in order of the first request."""
    for question in facts.arps[:MAX_LANES]:
        is_gateway = question.target == facts.gateway
        # All devices of a network ask for the same addresses: one text of each is kept.
        what = intern(f"ARP for {'the gateway ' if is_gateway else ''}{ip_text(question.target)}")
        moments, left_out = question.moments(MAX_MARKS)
        asked = _asked(question.is_answered)
        marks = [(moment, MarkKind.ANSWERED if is_reply else asked) for moment, is_reply in moments]
        yield _Lane(Stage.GATEWAY, what, marks, left_out)


def _dns_lanes(facts: Facts) -> Iterator[_Lane]:
    for lookup in _telling(facts.needed_lookups):
        yield _lane(Stage.DNS, f"{lookup.name} by DNS", _dns_marks(lookup))


def _time_lanes(facts: Facts) -> Iterator[_Lane]:
    yield _lane(Stage.TIME, "NTP", (m for p in facts.polls for m in _ntp_marks(p)))


def _service_lanes(facts: Facts) -> Iterator[_Lane]:
    for series in facts.series:
        yield _lane(Stage.CONNECT, _far_side(series), (m for a in series.attempts for m in _attempt_marks(a)))


def _lane(stage: Stage, what: str, marks: Iterable[_Mark]) -> _Lane:
    return _Lane(stage, what, sorted(marks, key=lambda mark: mark[0].frame))


def _telling(lookups: Sequence[Lookup]) -> list[Lookup]:
    """Without questions for an IPv6 address that a name does not have: the same name has another one."""
    found = {k.name for k in lookups if k.resolved}
    return [k for k in lookups if k.kind == A or k.resolved or k.name not in found]


def _thinned(marks: Sequence[_Mark]) -> Sequence[_Mark]:
    """Evenly spread ones, the first and the last among them."""
    if len(marks) <= MAX_MARKS:
        return marks
    return [marks[round(i * (len(marks) - 1) / (MAX_MARKS - 1))] for i in range(MAX_MARKS)]


def _far_side(series: Series) -> str:
    first = series.first
    name = f"{first.host} " if first.host else ""
    return f"{name}{ip_text(first.address)} {first.transport.upper()} {first.port}"


def _asked(is_answered: bool) -> MarkKind:  # noqa: FBT001 - the one thing it is about
    return MarkKind.ASKED if is_answered else MarkKind.UNANSWERED


def _dhcp_marks(cycle: DhcpCycle) -> Iterator[_Mark]:
    is_answered = any(_comes_back(m) for m in cycle.messages)
    for message in cycle.messages:
        if message.kind in _DHCP_CLIENT:
            yield message.at, _asked(is_answered)
        elif message.kind in _DHCP_KINDS:
            yield message.at, _DHCP_KINDS[message.kind]


def _comes_back(message: DhcpMessage) -> bool:
    return message.kind in _DHCP_KINDS


def _dns_marks(lookup: Lookup) -> Iterator[_Mark]:
    for query in lookup.queries:
        yield from ((m.at, _asked(bool(query.answers))) for m in query.sent)
        kind = MarkKind.ANSWERED if query.addresses else MarkKind.REFUSED
        yield from ((m.at, kind) for m in query.answers)


def _ntp_marks(poll: NtpPoll) -> Iterator[_Mark]:
    yield poll.query.at, _asked(poll.answer is not None)
    if poll.answer is not None:
        yield poll.answer.at, MarkKind.ANSWERED if poll.is_valid else MarkKind.REFUSED


def _attempt_marks(attempt: Attempt) -> Iterator[_Mark]:
    """Its tries; the last answer of a service that served, else the first word of one that did not."""
    yield from ((p, _asked(not attempt.is_unanswered)) for p in attempt.tries)
    answer = attempt.flow.last_answer if attempt.answered_ns is not None else None
    if answer is not None:
        yield answer, MarkKind.ANSWERED
    elif attempt.flow.received:
        yield attempt.flow.received[-1], MarkKind.REFUSED if attempt.failed_at is not None else MarkKind.ANSWERED
