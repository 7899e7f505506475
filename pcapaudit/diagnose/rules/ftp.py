"""FTP: a control connection that fails, and data connections that do not come about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.opened import opened_to
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.proof import TRANSFERS, transfer_done
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.resets import POSSIBLE, judge_reset
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.silence import by_service, end_by, is_silent
from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.model.addresses import ip_text, is_private, is_public
from pcapaudit.model.events import FtpCommand, FtpReply, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

FTP_PORT = 21
BANNER_WAIT_S = 30.0
"""Servers that ask for the client's name first (ident, reverse DNS) greet late, but not this late."""
BANNER_PATIENCE_S = 5.0
"""Devices that give up after this time count when they do so again and again."""
LOGGED_IN, NOT_AVAILABLE, NOT_LOGGED_IN = 230, 421, 530
TLS_ACCEPTED = 234
NO_DATA = frozenset({425, 426})
"""RFC 959, 4.2.2: can't open data connection; connection closed, transfer aborted."""
CALL_REFUSED = frozenset({500, 501, 504, 522})
"""Replies by which servers refuse to call back somewhere: 500 and 501 of most, 522 for an address family."""
CALL_WAIT_S, CALL_PATIENCE_S = 30.0, 5.0
"""A server calls back within a round trip; devices give up after 5 s or more."""
LOWEST_DATA_PORT = 1024
STUCK_COPIES = 4
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Session:
    """One control connection."""

    attempt: Attempt
    replies: tuple[FtpReply, ...]
    commands: tuple[FtpCommand, ...]

    @property
    def is_protected(self) -> bool:
        """Whether the dialogue went on inside TLS (RFC 4217)."""
        return any(r.code == TLS_ACCEPTED for r in self.replies)

    def reply_after(self, at: Packet, codes: frozenset[int]) -> FtpReply | None:
        """The first reply with one of these codes behind a packet."""
        return next((r for r in self.replies if r.code in codes and r.at.frame >= at.frame), None)


@dataclass(frozen=True, slots=True)
class Offer:
    """A data endpoint that the server announced, and up to which frame it held."""

    session: Session
    reply: FtpReply
    endpoint: tuple[bytes, int]
    until_frame: int


@dataclass(frozen=True, slots=True)
class Vain:
    """Data connections that did not come about for one offer (None: announced inside TLS)."""

    session: Session
    offer: Offer | None
    flows: tuple[Flow, ...]
    error: FtpReply | None

    @property
    def packets(self) -> list[Packet]:
        """What the device sent in vain."""
        return [p for f in self.flows for p in (f.syns if not f.is_established else f.sent_data)]


@once
def sessions(facts: Facts) -> list[Session]:
    """Control connections of the device."""
    speaking = {a.flow.index for kind in (FtpReply, FtpCommand) for a in facts.attempts_saying(kind)}
    found = []
    for attempt in facts.attempts:
        is_ftp = attempt.endpoint.app == "ftp" or attempt.port == FTP_PORT or attempt.flow.index in speaking
        if is_ftp and attempt.transport == "tcp" and attempt.need.direction == "out":
            replies = tuple(e for e in attempt.events if isinstance(e, FtpReply))
            found.append(Session(attempt, replies, tuple(e for e in attempt.events if isinstance(e, FtpCommand))))
    return found


# --- control ----------------------------------------------------------------------------------------


@rule("FTP-CONTROL-FAIL", stage=Stage.APP, outcomes="F", evidence=Evidence.EXPLICIT)
def control_fails(facts: Facts) -> Iterator[Fired]:
    """The FTP server does not let the device in.

    **Seen**: the connection stands but no greeting (220) comes within 30 s, or the server says 421 before the
    login, or 530 to it.

    **Means**: a firewall's FTP inspection holds the dialogue; the server is overloaded (421); user or password
    are wrong (530).

    **Not this rule**: a slow greeting; 421 that ends an idle session; a login that succeeds at the second try.

    **Ask the network team**: the firewall's FTP helper; for 530 the vendor must check the account.
    """
    every = sessions(facts)
    refused = [(s, r) for s in every for r in (_refused_login(s),) if r is not None]
    table = {s.attempt.flow.index: r for s, r in refused}
    for group in by_service([s.attempt for s, _ in refused]):
        replies = [table[a.flow.index] for a in group]
        yield _login_refused(facts, group, replies)
    mute = [s.attempt for s in every if not s.replies and not s.commands]
    for group in by_service([a for a in mute if _is_mute(facts, a, BANNER_PATIENCE_S)]):
        if len(group) > 1 or _is_mute(facts, group[0], BANNER_WAIT_S):
            yield _no_greeting(facts, group)


def _refused_login(session: Session) -> FtpReply | None:
    """421 before any login, or a 530 that no login follows."""
    entered = [r.at.frame for r in session.replies if r.code == LOGGED_IN]
    for reply in reversed(session.replies):
        is_refusal = reply.code == NOT_LOGGED_IN or (reply.code == NOT_AVAILABLE and not entered)
        if is_refusal and not any(f > reply.at.frame for f in entered):
            return reply
    return None


def _login_refused(facts: Facts, group: Sequence[Attempt], replies: Sequence[FtpReply]) -> Fired:
    code = replies[-1].code
    times = "" if len(group) == 1 else f", {len(group)} times"
    text, cause, kind = (
        ("refuses the login", "user or password are wrong, or the account is closed", "registration")
        if code == NOT_LOGGED_IN
        else ("is not available", "the server is overloaded or shutting down", "server")
    )
    return facts.finding(
        "FTP-CONTROL-FAIL",
        Stage.APP,
        f"{where(group[0])} {text} ({code}){times}",
        [r.at for r in replies],
        attempts=group,
        decisive=[replies[0].at.frame, replies[-1].at.frame],
        tries=len(group),
        causes=[Cause(cause, 30, f"reply {code} in frame {replies[-1].at.frame}", kind)],
        facts={"code": code},
    )


def _is_mute(facts: Facts, attempt: Attempt, patience_s: float) -> bool:
    opened = attempt.flow.established_at
    if opened is None or any(p.time_ns - opened.time_ns < ns(patience_s) for p in attempt.flow.sent_data):
        return False
    return is_silent(facts, attempt, opened, wait_s=BANNER_WAIT_S, patience_s=patience_s)


def _no_greeting(facts: Facts, group: Sequence[Attempt]) -> Fired:
    times = "" if len(group) == 1 else f", {len(group)} times"
    why = "the connection opens, and no 220 comes"
    return facts.finding(
        "FTP-CONTROL-FAIL",
        Stage.APP,
        f"{where(group[0])} accepts the connection and never greets{times}",
        [p for a in group for p in (*a.tries[:1], *((a.flow.closed_at,) if a.flow.closed_at else ()))],
        attempts=group,
        tries=len(group),
        causes=[
            Cause("a firewall's FTP inspection or a proxy holds the dialogue", 20, why, "filter"),
            Cause("the server waits for something else (ident, reverse DNS), or is overloaded", 15, why, "server"),
        ],
        # Silence, not a refusal: the class of the rule is that of its replies.
        adjust=int(Evidence.ABSENCE) - int(Evidence.EXPLICIT),
    )


# --- data -------------------------------------------------------------------------------------------


def _announced(session: Session) -> list[Offer]:
    """Announced endpoints (227, 229), each until the next one."""
    replies = [(r, r.data_endpoint) for r in session.replies if r.data_endpoint is not None]
    ends = [*(r.at.frame for r, _ in replies[1:]), NEVER]
    return [Offer(session, r, endpoint, end) for (r, endpoint), end in zip(replies, ends, strict=False)]


def _offers(session: Session) -> list[Offer]:
    """Announced endpoints after the last good transfer."""
    done = transfer_done(session.attempt.events)
    return [o for o in _announced(session) if done is None or o.reply.at.frame > done.frame]


def _data_flows(facts: Facts, offer: Offer, address: bytes) -> list[Flow]:
    """The device's connections to the announced port at an address while the offer held."""
    flows = opened_to(facts, (address, offer.endpoint[1]), offer.reply.at.frame)
    return [f for f in flows if f.syns and f.first_frame < offer.until_frame]


def _is_dead(flow: Flow) -> bool:
    """Whether a data connection did not open, or swallowed all that the device sent."""
    if not flow.is_established:
        return not flow.syn_acks
    first = flow.sent_data[:1]
    copies = sum(1 for p in flow.sent_data if first and p.seq == first[0].seq)
    return copies >= STUCK_COPIES and len(flow.unacked_data) == len(flow.sent_data)


def _is_refused(facts: Facts, flow: Flow) -> bool:
    """Whether a reset or an ICMP error answered."""
    return flow.refusal is not None or flow.index in _reported(facts)


@once
def _reported(facts: Facts) -> frozenset[int | None]:
    """Flows that ICMP errors speak of."""
    return frozenset(e.flow for e in facts.icmp_errors)


def _vain(facts: Facts, offer: Offer, address: bytes) -> Vain | None:
    flows = _data_flows(facts, offer, address)
    if not flows or not all(_is_dead(f) for f in flows):
        return None
    return Vain(offer.session, offer, tuple(flows), offer.session.reply_after(offer.reply.at, NO_DATA))


def _hidden_vain(facts: Facts, session: Session) -> Vain | None:
    """Behind a protected control connection nobody sees the port: high ports of the same server while it lasts."""
    control = session.attempt.flow
    if not session.is_protected:
        return None
    behind = opened_to(facts, control.resp[0], control.first_frame)
    flows = [f for f in behind if f.resp[1] >= LOWEST_DATA_PORT and f.syns and f.first_ns <= control.last_ns]
    if not flows or not all(_is_dead(f) for f in flows):
        return None
    return Vain(session, None, tuple(flows), None)


def _counts(facts: Facts, vain: Sequence[Vain]) -> bool:
    """Gate G3: somebody said no, or enough tries were left unanswered for long enough."""
    if any(v.error for v in vain) or any(_is_refused(facts, f) or f.is_established for v in vain for f in v.flows):
        return True
    tries = sorted((p for v in vain for p in v.packets), key=lambda p: p.frame)
    return len(facts.counted(tries, facts.params.syn_wait)) >= facts.params.syn_min_tries


def _by_service(vain: Sequence[Vain]) -> Iterator[list[Vain]]:
    table: dict[int, list[Vain]] = {}
    for v in vain:
        table.setdefault(v.session.attempt.flow.index, []).append(v)
    for group in by_service([own[0].session.attempt for own in table.values()]):
        yield [v for a in group for v in table[a.flow.index]]


@rule("FTP-DATA-BLOCKED", stage=Stage.APP, outcomes="F", evidence=Evidence.BEHAVIOUR)
def data_blocked(facts: Facts) -> Iterator[Fired]:
    """The login works, the data connection does not.

    **Seen**: the server announces a port (227, 229); the device's SYNs to it stay unanswered or are refused,
    or its data is swallowed; the control connection then says 425 or 426, or nothing.

    **Means**: the firewall lets port 21 out but not the server's passive ports. The vendor's paper names port
    21 only (X-12). Where the dialogue is encrypted, the firewall's FTP helper cannot read the port.

    **Not this rule**: no SYN at all (active mode, or a capture of port 21 only); the announced address is
    not the server's (FTP-PASV-PRIVATE); a transfer that later succeeds.

    **Ask the network team**: allow the server's passive port range out, or switch on the FTP helper.
    """
    vain = []
    for session in sessions(facts):
        server = session.attempt.address
        vain += [v for o in _offers(session) for v in (_vain(facts, o, server),) if v is not None]
        hidden = _hidden_vain(facts, session)
        vain += [hidden] if hidden is not None else []
    for part in _by_service(vain):
        if _counts(facts, part):
            yield _data_finding(facts, "FTP-DATA-BLOCKED", part, _blocked_causes(facts, part))


def _data_finding(facts: Facts, rule_id: str, part: Sequence[Vain], causes: Sequence[Cause]) -> Fired:
    attempts = list({v.session.attempt.flow.index: v.session.attempt for v in part}.values())
    tries = [p for v in part for p in v.packets]
    offers = [v.offer.reply.at for v in part if v.offer is not None]
    errors = [v.error.at for v in part if v.error is not None]
    ends = dict.fromkeys(f.resp for v in part for f in v.flows)
    places = ", ".join(f"{ip_text(a)}:{p}" for a, p in list(ends)[:3]) + (", …" if len(ends) > 3 else "")
    code = next((v.error.code for v in part if v.error is not None), None)
    return facts.finding(
        rule_id,
        Stage.APP,
        f"the control connection to {where(attempts[0])} stands, but {_what_failed(facts, part)} at its data port "
        f"({places})" + (f"; the server says {code}" if code else ""),
        [*offers, *tries, *errors, *_refusals(part)],
        attempts=attempts,
        decisive=[p.frame for p in (*offers[:1], *tries[:1], *tries[-1:], *errors[:1])],
        tries=len(tries),
        independent=len(ends),
        is_agreed=bool(errors),
        causes=causes,
        facts={"ports": sorted({p for _, p in ends})},
    )


def _refusals(part: Sequence[Vain]) -> list[Packet]:
    return [f.refusal for v in part for f in v.flows if f.refusal is not None]


def _what_failed(facts: Facts, part: Sequence[Vain]) -> str:
    flows = [f for v in part for f in v.flows]
    if any(f.is_established for f in flows):
        return "no data gets through"
    syns = sum(len(f.syns) for f in flows)
    if any(_is_refused(facts, f) for f in flows):
        return f"{syns} SYN are refused"
    return f"{syns} SYN stay unanswered"


def _blocked_causes(facts: Facts, part: Sequence[Vain]) -> list[Cause]:
    why = "the control connection works, the data port does not"
    causes = [Cause("the firewall does not let the server's passive ports out", 35, why, "filter")]
    if any(v.session.is_protected for v in part):
        text = "the firewall's FTP helper cannot read the encrypted dialogue"
        causes.append(Cause(text, 25, "AUTH TLS accepted", "filter"))
    resets = [(f, f.refusal) for v in part for f in v.flows if f.refusal is not None]
    if resets:
        verdict = judge_reset(facts, *resets[-1])
        if verdict.score < POSSIBLE:
            causes.insert(0, Cause("the server itself refuses the announced port", 40, verdict.why, "server"))
    return sorted(causes, key=lambda c: -c.weight)


@rule("FTP-PASV-PRIVATE", stage=Stage.APP, outcomes="Fn", evidence=Evidence.BEHAVIOUR)
def passive_private(facts: Facts) -> Iterator[Fired]:
    """The server announces an address at which it cannot be reached.

    **Seen**: 227 names another address than the server's (often a private one), and the device connects there
    in vain.

    **Means**: the server stands behind address translation and does not know its public address.

    **Not this rule**: the device ignores the address and uses the server's own: only a remark; the announced
    address answers.

    **Ask the network team**: the server must announce its public address; EPSV avoids the matter (RFC 2428).
    """
    offers = [o for s in sessions(facts) for o in _offers(s) if o.endpoint[0] != s.attempt.address]
    vain = [v for o in offers for v in (_vain(facts, o, o.endpoint[0]),) if v is not None]
    for part in _by_service(vain):
        if _counts(facts, part):
            address = ip_text(part[0].flows[0].resp[0])
            why = f"227 names {address}, the server is {ip_text(part[0].session.attempt.address)}"
            cause = Cause("the server announces an address behind its own translation", 40, why, "server")
            yield _data_finding(facts, "FTP-PASV-PRIVATE", part, [cause])
    foreign = [o for s in sessions(facts) for o in _announced(s) if o.endpoint[0] != s.attempt.address]
    ignored = [o for o in foreign if _works_at_server(facts, o)]
    if ignored:
        yield _harmless(facts, ignored)


def _works_at_server(facts: Facts, offer: Offer) -> bool:
    """Whether the device went to the control server's address instead, and got a connection."""
    return any(f.is_established for f in _data_flows(facts, offer, offer.session.attempt.address))


def _harmless(facts: Facts, offers: Sequence[Offer]) -> Fired:
    attempts = list({o.session.attempt.flow.index: o.session.attempt for o in offers}.values())
    return facts.finding(
        "FTP-PASV-PRIVATE",
        Stage.APP,
        f"{where(attempts[0])} announces {ip_text(offers[0].endpoint[0])} for data; the device ignores that, harmless",
        [o.reply.at for o in offers],
        outcome=Outcome.NOTE,
        attempts=attempts,
        tries=len(offers),
    )


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be called back that came to nothing."""

    session: Session
    command: FtpCommand
    end: Packet
    how: str
    is_said: bool
    """Whether the server said so; else the device waited in vain and gave up."""


@rule("FTP-ACTIVE-NAT", stage=Stage.APP, outcomes="F", evidence=Evidence.EXPLICIT)
def active_behind_nat(facts: Facts) -> Iterator[Fired]:
    """The device tells the server a private address to call back.

    **Seen**: PORT or EPRT with a private address is refused at once (500, 501), because it is not where the
    device seems to be; or it is accepted (200) and then the server says 425, or the device waits in vain and
    gives up. No SYN of the server arrives.

    **Means**: the router translates addresses but not those inside FTP: the server cannot call back.

    **Not this rule**: the server's SYN arrives at the device; a server inside the same site; a device that goes
    on in passive mode, or that had tried it in vain before (FTP-DATA-BLOCKED, FTP-PASV-PRIVATE).

    **Ask the network team**: switch on the FTP helper of the router, or let the device use passive mode.
    """
    calls = {s.attempt.flow.index: c for s in sessions(facts) for c in _vain_calls(facts, s)}
    for group in by_service([c.session.attempt for c in calls.values()]):
        part = [calls[a.flow.index] for a in group]
        last = next((c for c in reversed(part) if c.is_said), part[-1])
        address, port = last.command.data_endpoint or (b"", 0)
        yield facts.finding(
            "FTP-ACTIVE-NAT",
            Stage.APP,
            f"the device asks {where(group[0])} to call back at the private address {ip_text(address)}:{port}; "
            f"{last.how}",
            [p for c in part for p in (c.command.at, c.end)],
            attempts=group,
            decisive=[last.command.at.frame, last.end.frame],
            tries=len(part),
            causes=[
                Cause(
                    "address translation without an FTP helper",
                    40,
                    f"frame {last.command.at.frame} names it",
                    "filter",
                )
            ],
            # Without a word of the server it is the device's own giving up (ground rule G1).
            adjust=0 if last.is_said else int(Evidence.BEHAVIOUR) - int(Evidence.EXPLICIT),
        )


def _vain_calls(facts: Facts, session: Session) -> list[Call]:
    """The last request to be called back at a private address, if no transfer and no other mode followed."""
    server = session.attempt.address
    done = transfer_done(session.attempt.events)
    asked = [c for c in session.commands if c.data_endpoint is not None]
    if not asked or not is_public(server):
        return []
    command = asked[-1]
    endpoint = command.data_endpoint
    went_on = any(c.verb in ("PASV", "EPSV") and c.at.frame > command.at.frame for c in session.commands)
    is_over = done is not None and done.frame > command.at.frame
    if endpoint is None or not is_private(endpoint[0]) or went_on or is_over or _is_called(facts, server, endpoint[1]):
        return []
    if _is_fallback(facts, session, command):
        return []
    call = _refused_call(session, command) or _failed_call(session, command) or _awaited_call(facts, session, command)
    return [call] if call is not None else []


def _is_fallback(facts: Facts, session: Session, command: FtpCommand) -> bool:
    """Whether the device asks only because passive mode had failed: then that is what must be mended."""
    before = [o for o in _offers(session) if o.reply.at.frame < command.at.frame]
    places = [(o, address) for o in before for address in (session.attempt.address, o.endpoint[0])]
    vain = [v for o, address in places for v in (_vain(facts, o, address),) if v is not None]
    return bool(vain) and _counts(facts, vain)


def _refused_call(session: Session, command: FtpCommand) -> Call | None:
    """The reply to PORT itself is a refusal (RFC 959, 5.4; RFC 2428, section 2)."""
    first = next((r for r in session.replies if r.at.frame > command.at.frame), None)
    if first is None or first.code not in CALL_REFUSED:
        return None
    return Call(session, command, first.at, f"the server refuses that with {first.code}", is_said=True)


def _failed_call(session: Session, command: FtpCommand) -> Call | None:
    error = session.reply_after(command.at, NO_DATA)
    if error is None or session.reply_after(command.at, frozenset({200})) is None:
        return None
    return Call(session, command, error.at, f"the server says {error.code}", is_said=True)


def _awaited_call(facts: Facts, session: Session, command: FtpCommand) -> Call | None:
    """PORT was accepted, a transfer asked for, and the device gave up or the capture went on for long."""
    transfer = next((c for c in session.commands if c.verb in TRANSFERS and c.at.frame > command.at.frame), None)
    if transfer is None or session.reply_after(command.at, frozenset({200})) is None:
        return None
    given_up = end_by(session.attempt.flow, transfer.at, device=True)
    if given_up is None:
        has_waited = facts.has_waited(transfer.at.time_ns, CALL_WAIT_S)
        return Call(session, command, transfer.at, "no call comes", is_said=False) if has_waited else None
    if given_up.time_ns - transfer.at.time_ns < ns(CALL_PATIENCE_S):
        return None
    return Call(session, command, given_up, "no call comes, and the device gives up", is_said=False)


def _is_called(facts: Facts, server: bytes, port: int) -> bool:
    """Whether a connection between server and data port is in the capture, whichever side seems to open it."""
    flows = (facts.traffic.flow(i) for i in facts.traffic.flows_by_address.get(server, ()))
    ends = ((f.orig, f.resp) for f in flows if f.proto == TCP)
    return any((a[0] == server and b[1] == port) or (b[0] == server and a[1] == port) for a, b in ends)
