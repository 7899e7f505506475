"""TIME: time servers that stay silent, refuse, do not know the time, or are not believed.

Soft: at most degraded, but for a wrong clock that makes the device refuse good certificates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.diagnose.certificates import doubt_about, offers_of
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.odds import may_be_lost
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.exchanges import NtpPoll
from pcapaudit.flows.flow import UDP
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_public, is_unicast
from pcapaudit.model.events import NtpMessage, Packet, TlsAlert
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage

NTP_PORT = 123
SERVER = 4
"""Mode of an answer (RFC 5905, figure 10)."""
MIN_POLLS = 2
KISSES = {b"DENY": "denies access", b"RSTR": "denies access by policy", b"RATE": "is asked too often"}
"""Kiss codes that refuse service (RFC 5905, section 7.4); INIT, STEP and the like refuse nothing."""
UNSYNCHRONISED = 3
"""Leap indicator 3: the clock is not synchronised (RFC 5905, figure 9)."""
STRATA = range(1, 16)
CERTIFICATE_ALERTS = frozenset({42, 45, 46})
"""What a client says of a good certificate when its own clock is wrong (catalogue 8.1)."""
STEADY_S = 1.0
"""How much a running clock may stray from the capture's between two polls."""


def time_outcome(facts: Facts, failed_ns: int) -> Outcome:
    """How much a failing time server matters to this device.

    Args:
        facts: The device.
        failed_ns: When it last failed.

    Returns:
        DEGRADED where the signature requires the time and no server gave it later, else NOTE.
    """
    needs_time = any(n.required and any(e.app == "ntp" for e in n.endpoints) for n in facts.needs)
    healed = any(is_good(p) and p.query.at.time_ns >= failed_ns for p in facts.polls)
    return Outcome.DEGRADED if needs_time and not healed else Outcome.NOTE


def is_good(poll: NtpPoll) -> bool:
    """Whether the poll got the time: a valid answer of a synchronised server."""
    answer = poll.answer
    return poll.is_valid and answer is not None and answer.stratum in STRATA and answer.leap != UNSYNCHRONISED


def _asked(facts: Facts) -> list[NtpPoll]:
    """Polls of single servers that no ICMP error explains (ICMP-ADMIN and its like do)."""
    refused = {
        e.message.quoted.dst
        for e in facts.icmp_errors
        if e.message.quoted is not None and e.message.quoted.dport == NTP_PORT and e.message.quoted.proto == UDP
    }
    return [p for p in facts.polls if is_unicast(p.server) and p.server not in refused]


@rule("NTP-NO-REPLY", stage=Stage.TIME, outcomes="dn", evidence=Evidence.ABSENCE)
def no_reply(facts: Facts) -> Iterator[Fired]:
    """No time server answers.

    **Seen**: two or more client packets to UDP 123 without an answer, time left for one, frames to the
    device visible, and no server that gives the time afterwards.

    **Means**: UDP 123 is blocked; sometimes only packets whose source port is 123 too.

    **Not this rule**: one dead member of a pool while another answers; a refusal by ICMP (ICMP-ADMIN).

    **Ask the network team**: allow outbound UDP 123 with its replies, or name a local server in DHCP
    option 42.
    """
    polls = _asked(facts)
    silent = _silent_polls(polls)
    counted = facts.counted([p.query.at for p in silent], facts.params.ntp_wait)
    if len(counted) < MIN_POLLS or not _would_be_seen(facts, silent) or may_be_lost(facts, len(counted)):
        return
    servers = list(dict.fromkeys(p.server for p in silent))
    contrast = next((c for s in servers for c in [facts.reached_by_others(s, "udp", NTP_PORT)] if c is not None), None)
    yield facts.finding(
        "NTP-NO-REPLY",
        Stage.TIME,
        f"{len(counted)} NTP queries to {_list(servers)} unanswered",
        counted,
        outcome=time_outcome(facts, counted[-1].time_ns),
        decisive=[contrast.frame] if contrast is not None else [],
        independent=len(servers),
        has_contrast=contrast is not None,
        target=Target(None, servers[0], "udp", NTP_PORT),
        causes=_silence_causes(facts, counted, servers, contrast.frame if contrast is not None else None),
    )


def _would_be_seen(facts: Facts, polls: Sequence[NtpPoll]) -> bool:
    """Whether answers to these polls would be in the capture.

    A mirror that shows what the site's own hosts say, and nothing that comes in from outside, shows no far server's.
    """
    if not facts.sees_inbound:
        return False
    return _comes_in(facts.traffic) or not all(is_public(p.server) for p in polls)


def _comes_in(traffic: Traffic) -> bool:
    """Whether anything from outside the site answers in this capture; found once."""
    known: bool | None = traffic.memo.get("comes_in")
    if known is None:
        known = traffic.memo["comes_in"] = any(is_public(address) for _, address, _ in traffic.answered_flows)
    return known


def _silent_polls(polls: Sequence[NtpPoll]) -> list[NtpPoll]:
    """Unanswered polls after the last answer of any server; a server that was always silent counts
    only if none ever answered, because a pool may have dead members.
    """
    answered = [p for p in polls if p.answer is not None]
    if not answered:
        return list(polls)
    last = answered[-1].query.at.frame
    known = {p.server for p in answered}
    return [p for p in polls if p.query.at.frame > last and p.server in known]


def _silence_causes(
    facts: Facts, packets: Sequence[Packet], servers: Sequence[bytes], other: int | None
) -> list[Cause]:
    if other is not None:
        text = f"another host gets the time from it (frame {other})"
        return [Cause("a filter on this device", 35, text, "device_filter", is_contrast=True)]
    told = _answers_on_other_ports(facts.traffic) if all(p.sport == NTP_PORT for p in packets) else {}
    foreign = next((m for address, m in told.items() if address not in facts.addresses), None)
    if foreign is not None:
        text = (
            f"the device asks from port 123; a host that asks from another port is answered (frame {foreign.at.frame})"
        )
        return [Cause("a filter on source port 123", 30, text, "filter")]
    if len(servers) > 1:
        return [Cause("UDP 123 is blocked", 25, f"{len(servers)} servers are silent", "filter")]
    return [Cause("UDP 123 is blocked, or that one server is down", 15, "only one server was asked", "filter")]


def _answers_on_other_ports(traffic: Traffic) -> dict[bytes, NtpMessage]:
    """Host -> the first answer of a time server to it on a port that is not 123; found once."""
    known: dict[bytes, NtpMessage] | None = traffic.memo.get("ntp_on_other_ports")
    if known is None:
        known = traffic.memo["ntp_on_other_ports"] = {}
        for m in traffic.ntp:
            if m.mode == SERVER and m.at.dport != NTP_PORT:
                known.setdefault(m.at.dst, m)
    return known


def _list(addresses: Sequence[bytes]) -> str:
    more = f" and {len(addresses) - 4} more" if len(addresses) > 4 else ""
    return ", ".join(ip_text(a) for a in addresses[:4]) + more


@rule("NTP-KOD", stage=Stage.TIME, outcomes="dn", evidence=Evidence.EXPLICIT)
def kiss_of_death(facts: Facts) -> Iterator[Fired]:
    """The time server refuses to serve.

    **Seen**: answers of stratum 0 with the kiss code DENY, RSTR or RATE.

    **Means**: RATE: the site, often many devices behind one address, asks too often; DENY and RSTR: the
    server does not serve this network.

    **Not this rule**: the codes INIT and STEP, with which a server only says that it is starting
    (NTP-UNSYNC); an answer that does not echo the question.

    **Ask the network team**: run a time server of their own, or point the device to another one.
    """
    kissed = [
        p
        for p in facts.polls
        if p.is_valid and p.answer is not None and p.answer.stratum == 0 and p.answer.reference_id in KISSES
    ]
    if not kissed:
        return
    answers = [p.answer for p in kissed if p.answer is not None]
    words = ", ".join(dict.fromkeys(m.reference_id.decode("ascii") for m in answers))
    yield facts.finding(
        "NTP-KOD",
        Stage.TIME,
        f"time server {_list(_sources(answers))} refuses with {words} ({_times(answers)})",
        [p.at for p in (*(p.query for p in kissed), *answers)],
        outcome=time_outcome(facts, kissed[-1].query.at.time_ns),
        decisive=[m.at.frame for m in answers],
        independent=len(answers),
        target=Target(None, answers[-1].at.src, "udp", NTP_PORT),
        causes=[Cause(f"the server {KISSES[answers[-1].reference_id]}", 35, f"kiss code {words}", "server")],
    )


@rule("NTP-UNSYNC", stage=Stage.TIME, outcomes="dn", evidence=Evidence.EXPLICIT)
def unsynchronised(facts: Facts) -> Iterator[Fired]:
    """The time server does not know the time itself.

    **Seen**: two or more answers with leap indicator 3 or stratum 0 or 16, and no good one later.

    **Means**: the local time server has lost its own source; clients do not take its time.

    **Not this rule**: one such answer while a server starts; a refusal by kiss code (NTP-KOD).

    **Ask the network team**: repair the time server, usually its own way to UDP 123.
    """
    bad = [
        p
        for p in facts.polls
        if p.is_valid and not is_good(p) and p.answer is not None and p.answer.reference_id not in KISSES
    ]
    if len(bad) < MIN_POLLS:
        return
    answers = [p.answer for p in bad if p.answer is not None]
    yield facts.finding(
        "NTP-UNSYNC",
        Stage.TIME,
        f"time server {_list(_sources(answers))} is not synchronised itself ({_times(answers)})",
        [p.at for p in (*(p.query for p in bad), *answers)],
        outcome=time_outcome(facts, bad[-1].query.at.time_ns),
        decisive=[m.at.frame for m in answers],
        independent=len(answers),
        target=Target(None, answers[-1].at.src, "udp", NTP_PORT),
        causes=[Cause("the time server has lost its own source", 35, "its answers say so", "server")],
    )


def _sources(answers: Sequence[NtpMessage]) -> list[bytes]:
    return list(dict.fromkeys(m.at.src for m in answers))


def _times(answers: Sequence[NtpMessage]) -> str:
    return "1 answer" if len(answers) == 1 else f"{len(answers)} answers"


@rule("NTP-OFFSET-LARGE", stage=Stage.TIME, outcomes="Fdn", evidence=Evidence.STATISTICAL)
def offset_large(facts: Facts) -> Iterator[Fired]:
    """The device's clock stays wrong although it is given the time.

    **Seen**: in two polls one after the other the device's clock is off by more than the limit, and it
    runs on steadily between them: it does not apply the answers. Where the device then refuses good
    certificates as expired or bad (alerts 42, 45, 46), its clock is the fault and not the certificates.

    **Means**: certificates look expired or not yet valid to the device; an empty clock battery or a
    firmware fault.

    **Not this rule**: the next query shows the right time (power loss, then repaired); a client that
    puts random numbers into its time stamp (RFC 9109 and data minimisation), which does not run with time.

    **Ask the network team**: nothing; fix the device's clock first.
    """
    polls = [p for p in facts.polls if is_good(p) and offset_ns(p) is not None]
    last = polls[-2:]
    if len(last) < MIN_POLLS or not _runs_steadily(last[0], last[1]):
        return
    offsets = [offset_ns(p) or 0 for p in last]
    if min(abs(o) for o in offsets) < ns(facts.params.clock_bad):
        return
    alert = _refuses_good_certificate(facts)
    packets = [m.at for p in last for m in (p.query, p.answer) if m is not None]
    behind = "behind" if offsets[-1] > 0 else "ahead"
    yield facts.finding(
        "NTP-OFFSET-LARGE",
        Stage.TIME,
        f"the device's clock is {duration(abs(offsets[-1]) / 1e9)} {behind} and stays so after the server's answers",
        [*packets, *([alert.at] if alert is not None else [])],
        outcome=time_outcome(facts, packets[-1].time_ns + 1) if alert is None else Outcome.FAILED,
        began_ns=packets[-1].time_ns,
        independent=len(last),
        is_agreed=alert is not None,
        target=Target(None, last[-1].server, "udp", NTP_PORT),
        causes=[
            Cause("the device does not apply the time it is given", 30, "two polls show the same wrong clock", "device")
        ],
        facts={"offset_s": round(offsets[-1] / 1e9, 3)},
    )


def _refuses_good_certificate(facts: Facts) -> TlsAlert | None:
    """The device's last word on a certificate, if all its words are such refusals and no service answers it.

    A certificate that is not good by the capture's clock explains the refusal by itself.
    """
    if any(a.answered_ns is not None for a in facts.attempts if a.need.required and a.transport == "tcp"):
        return None
    if any(doubt_about(facts, offer) is not None for offer in offers_of(facts.attempts)):
        return None
    alerts = [e for a in facts.attempts for e in a.events if isinstance(e, TlsAlert) and e.from_client and e.level == 2]
    return alerts[-1] if alerts and all(e.code in CERTIFICATE_ALERTS for e in alerts) else None


def offset_ns(poll: NtpPoll) -> int | None:
    """Server clock minus client clock in ns; None when a time stamp is missing.

    T4 is the client's transmit time stamp plus the time that the capture saw pass.
    Source: RFC 5905, section 8.
    """
    answer, t1 = poll.answer, poll.query.transmit_ns
    if answer is None or t1 is None or answer.receive_ns is None or answer.transmit_ns is None:
        return None
    t4 = t1 + (answer.at.time_ns - poll.query.at.time_ns)
    return ((answer.receive_ns - t1) + (answer.transmit_ns - t4)) // 2


def _runs_steadily(first: NtpPoll, second: NtpPoll) -> bool:
    """Whether the client's time stamp moved on with the capture's clock between two polls."""
    if first.query.transmit_ns is None or second.query.transmit_ns is None:
        return False
    own = second.query.transmit_ns - first.query.transmit_ns
    real = second.query.at.time_ns - first.query.at.time_ns
    return real > 0 and abs(own - real) < ns(STEADY_S)
