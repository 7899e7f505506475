"""PostgreSQL: encryption refused, errors at start-up, no answer to the first request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.silence import by_service, end_by, is_acknowledged, is_silent
from pcapaudit.model.events import Packet, PostgresMessage, TlsClientHello
from pcapaudit.model.words import Outcome, Stage

WAIT_S = 10.0
PATIENCE_S = 2.0
QUESTIONS = frozenset({"ssl_request", "gss_request", "startup"})

SQLSTATES = {
    "28000": ("the server does not let this device, user or address in", "registration"),
    "28P01": ("the password is wrong", "registration"),
    "3D000": ("the database does not exist", "server"),
    "53300": ("the server has too many connections", "server"),
    "57P03": ("the server is starting up", "server"),
    "57P01": ("the server is shutting down", "server"),
}
"""Errors at start-up and what they mean (PostgreSQL manual, appendix "Error Codes")."""


def _messages(attempt: Attempt) -> list[PostgresMessage]:
    return [e for e in attempt.events if isinstance(e, PostgresMessage)]


@once
def _spoken(facts: Facts) -> list[tuple[Attempt, list[PostgresMessage]]]:
    """Outward attempts on which PostgreSQL was spoken, with what was said in the clear."""
    spoken = facts.attempts_saying(PostgresMessage)
    return [(a, _messages(a)) for a in spoken if a.transport == "tcp" and a.need.direction == "out"]


def _refusal(said: Sequence[PostgresMessage]) -> PostgresMessage | None:
    return next((m for m in said if m.kind == "ssl_refused"), None)


@rule("PG-SSL-REFUSED", stage=Stage.APP, outcomes="Fn", evidence=Evidence.EXPLICIT)
def ssl_refused(facts: Facts) -> Iterator[Fired]:
    """The database refuses encryption.

    **Seen**: the device's SSLRequest is answered by ``N``, and the device closes without another byte. Where
    it goes on in plain text instead, user and database are readable on the wire: a remark.

    **Means**: the server has TLS switched off, or a box in front of it answers; the agent needs encryption
    (WSC-11).

    **Not this rule**: newer clients that start TLS at once send no SSLRequest.

    **Ask the network team**: does anything answer for the database; the server's owner must switch TLS on.
    """
    refused = [(a, m) for a, said in _spoken(facts) for m in (_refusal(said),) if m is not None]
    table = {a.flow.index: m for a, m in refused}
    for group in by_service([a for a, _ in refused]):
        plain = [a for a in group if _goes_on_in_clear(a)]
        ended = [a for a in group if a not in plain and _ends_after(a, table[a.flow.index].at)]
        if ended:
            yield _ssl_refused(facts, ended, [table[a.flow.index].at for a in ended])
        if plain:
            yield _in_clear(facts, plain)


def _goes_on_in_clear(attempt: Attempt) -> bool:
    return any(m.kind == "startup" for m in _messages(attempt))


def _ends_after(attempt: Attempt, refusal: Packet) -> bool:
    """Whether the device closed, or was closed, after the refusal without sending anything more."""
    flow = attempt.flow
    went_on = any(p.frame > refusal.frame for p in flow.sent_data)
    closed = end_by(flow, refusal, device=True) or end_by(flow, refusal, device=False)
    return closed is not None and not went_on


def _ssl_refused(facts: Facts, attempts: Sequence[Attempt], refusals: Sequence[Packet]) -> Fired:
    asked = [m.at for a in attempts for m in _messages(a) if m.kind == "ssl_request"]
    opening = attempts[-1].flow.syn_acks[:1]
    causes = [Cause("the database server has TLS switched off", 20, "it answers N to the SSLRequest", "server")]
    if opening and abs(opening[0].ttl - refusals[-1].ttl) >= facts.params.ttl_delta:
        why = f"its TTL is {refusals[-1].ttl}, the SYN-ACK of the same connection has {opening[0].ttl}"
        causes.insert(0, Cause("a box on the way answered", 40, why, "middlebox"))
    times = "" if len(attempts) == 1 else f", {len(attempts)} times"
    return facts.finding(
        "PG-SSL-REFUSED",
        Stage.APP,
        f"{where(attempts[0])} answers N to the request for encryption, the device gives up{times}",
        [*asked, *refusals],
        attempts=attempts,
        decisive=[refusals[0].frame, refusals[-1].frame],
        tries=len(attempts),
        causes=causes,
    )


def _in_clear(facts: Facts, attempts: Sequence[Attempt]) -> Fired:
    shown = [m.at for a in attempts for m in _messages(a) if m.kind in ("ssl_refused", "startup")]
    return facts.finding(
        "PG-SSL-REFUSED",
        Stage.APP,
        f"{where(attempts[0])} refuses encryption and the device goes on in plain text: user and database are readable",
        shown,
        outcome=Outcome.NOTE,
        attempts=attempts,
        tries=len(attempts),
        causes=[Cause("the database server has TLS switched off", 20, "it answers N to the SSLRequest", "server")],
    )


@rule("PG-ERROR", stage=Stage.APP, outcomes="F", evidence=Evidence.EXPLICIT)
def database_error(facts: Facts) -> Iterator[Fired]:
    """The database refuses the session with an error.

    **Seen**: an error message of the server before the session is ready; its SQLSTATE tells the reason.

    **Means**: login refused (28000, 28P01), no such database (3D000), too many connections (53300), the
    server is starting up (57P03).

    **Not this rule**: errors of single statements later on; anything inside TLS, which is not visible.

    **Ask the network team**: nothing is to be done in the network; ask the vendor or the database's owner.
    """
    failing = [(a, m) for a, said in _spoken(facts) for m in (_start_error(said),) if m is not None]
    failing = [(a, m) for a, m in failing if not any(isinstance(e, TlsClientHello) for e in a.events)]
    table = {a.flow.index: m for a, m in failing}
    for group in by_service([a for a, _ in failing]):
        errors = [table[a.flow.index] for a in group]
        state = errors[-1].sqlstate
        text, kind = SQLSTATES.get(state or "", ("the server refuses the session", "server"))
        code = f"SQLSTATE {state}" if state else "an error without SQLSTATE"
        times = "" if len(group) == 1 else f", {len(group)} times"
        yield facts.finding(
            "PG-ERROR",
            Stage.APP,
            f"{where(group[0])} refuses the database session: {code} ({text}){times}",
            [m.at for a in group for m in _messages(a)],
            attempts=group,
            decisive=[errors[0].at.frame, errors[-1].at.frame],
            tries=len(group),
            causes=[Cause(text, 30, code, kind)],
            facts={"sqlstate": state},
        )


def _start_error(said: Sequence[PostgresMessage]) -> PostgresMessage | None:
    """The error that ended the start-up: none when the session became ready, or a second request followed it."""
    if any(m.kind == "ready" for m in said):
        return None
    errors = [m for m in said if m.kind == "error"]
    if not errors or any(m.from_client and m.at.frame > errors[-1].at.frame for m in said):
        return None
    return errors[-1]


@rule("PG-NO-REPLY", stage=Stage.APP, outcomes="F", evidence=Evidence.ABSENCE)
def no_reply(facts: Facts) -> Iterator[Fired]:
    """The database takes the first request and stays silent.

    **Seen**: the connection stands, the device's SSLRequest (or start-up message) is acknowledged, and no
    byte comes back within 10 s, or until the device gives up.

    **Means**: a firewall's inspection does not know PostgreSQL and holds the connection, or a proxy accepts
    and cannot reach the database.

    **Not this rule**: the request is never acknowledged (TCP-DATA-BLACKHOLE); a client that starts TLS at
    once (TLS-NO-SERVERHELLO).

    **Ask the network team**: open TCP 5432 as plain TCP, without application inspection.
    """
    asked = [(a, m.at) for a, said in _spoken(facts) for m in (_open_question(said),) if m is not None]
    silent = [(a, p) for a, p in asked if is_acknowledged(a.flow, p)]
    silent = [(a, p) for a, p in silent if is_silent(facts, a, p, wait_s=WAIT_S, patience_s=PATIENCE_S)]
    table = {a.flow.index: p for a, p in silent}
    for group in by_service([a for a, _ in silent]):
        times = "" if len(group) == 1 else f", {len(group)} times"
        why = "the connection opens and the request is acknowledged, but not a byte comes back"
        yield facts.finding(
            "PG-NO-REPLY",
            Stage.APP,
            f"{where(group[0])} takes the first database request and never answers{times}",
            [table[a.flow.index] for a in group],
            attempts=group,
            tries=len(group),
            causes=[
                Cause("inspection that does not know PostgreSQL holds the connection", 20, why, "filter"),
                Cause("a proxy cannot reach the database behind it", 15, why, "server"),
            ],
        )


def _open_question(said: Sequence[PostgresMessage]) -> PostgresMessage | None:
    """The device's first request when nothing of the server follows."""
    if any(not m.from_client for m in said):
        return None
    return next((m for m in said if m.kind in QUESTIONS), None)
