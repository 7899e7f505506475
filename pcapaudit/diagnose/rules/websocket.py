"""Websocket: upgrades that are refused, answered wrongly or stripped on the way, and websockets that do not last."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, choose_frames
from pcapaudit.diagnose.makers import is_near, named_proxy
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.rules.http import Answer, answers_of, is_page, is_upgrade, wants_upgrade
from pcapaudit.diagnose.rules.persist import is_even
from pcapaudit.diagnose.silence import by_service
from pcapaudit.model.addresses import is_public
from pcapaudit.model.events import HttpRequest, HttpResponse, Packet, WebsocketFrame
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
SWITCHING = 101
REFUSALS = frozenset({200, 400, 403, 404, 405, 426, 500, 501, 502, 503, 504})
CLOSE, PING = 8, 9
"""Opcodes: RFC 6455, section 11.8."""
CLOSE_CODES = {
    1002: "protocol error", 1003: "data not accepted", 1008: "policy", 1009: "message too big",
    1011: "error inside the server", 1013: "try again later",
}  # fmt: skip
"""Close codes that say what is wrong (RFC 6455, section 7.4.1; 1013: IANA)."""
MESSAGES = frozenset({0, 1, 2})
"""Opcodes of frames that carry the application's data (RFC 6455, section 11.8)."""
MAX_FLOWS = 500
"""Flows of a proxy that are read for the request it hands on."""
HAND_ON_S, SEEN_ON_BOTH_SIDES = 2.0, 25
"""A proxy hands a request on within this time; what that is worth in confidence."""
MIN_DROPS = 2
"""One lost connection that comes again is no trouble."""
PONG_S = 1.0
"""Whoever closes sooner after a ping did not wait for its pong."""
GIVEN_UP_S = 30.0
"""How long no websocket must work after the last drop to say that none does."""
PLAIN_SUCCESS = 200
ORDINARY = frozenset({PLAIN_SUCCESS, 400, 404})
"""Answers of a server that took the request for a plain GET."""


def expected_accept(key: str) -> str:
    """The value of Sec-WebSocket-Accept that belongs to a key. Source: RFC 6455, section 4.2.2."""
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


@once
def _upgrades(facts: Facts) -> list[Answer]:
    """The last answer to an upgrade request on each connection of the device."""
    found = []
    for attempt in facts.attempts_saying(HttpResponse):
        asked = [f for f in answers_of(attempt) if wants_upgrade(facts, f)]
        if asked and attempt.need.direction == "out":
            found.append(asked[-1])
    return found


def is_refusal(answer: Answer) -> bool:
    """Whether an answer to an upgrade request is no websocket: another status, or a wrong Accept."""
    response, request = answer.response, answer.request
    if response.status != SWITCHING:
        return response.status in REFUSALS
    key = request.websocket_key if request is not None else None
    return key is not None and (response.websocket_accept or "").strip() != expected_accept(key.strip())


def is_stripped(facts: Facts, answer: Answer) -> bool:
    """Whether the request seems to have arrived as a plain GET: a page or data, no Upgrade header, a proxy's mark."""
    response = answer.response
    is_data = is_page(response) or "json" in (response.content_type or "").lower()
    by_proxy = response.via is not None or is_near(facts, answer.attempt.flow, response.at) is not None
    # A success is no refusal: on the site's own network, where every answer is near, it takes the request for a GET.
    by_proxy = by_proxy or (response.status == PLAIN_SUCCESS and not is_public(answer.attempt.address))
    is_ordinary = response.status in ORDINARY and is_data and not response.upgrade and by_proxy
    return is_ordinary or is_missed(answer)


def is_missed(answer: Answer) -> bool:
    """Whether the server says that the request had no Upgrade, though the device's has: it was lost on the way."""
    request, response = answer.request, answer.response
    return is_upgrade(request) and response.status in (400, 426) and response.misses_upgrade


def _groups(answers: Sequence[Answer]) -> Iterator[tuple[list[Attempt], list[Answer]]]:
    table = {f.attempt.flow.index: f for f in answers}
    for group in by_service([f.attempt for f in answers]):
        yield group, [table[a.flow.index] for a in group]


def _evidence(answers: Sequence[Answer]) -> list[Packet]:
    return [p for f in answers for p in (*((f.request.at,) if f.request else ()), f.response.at)]


@rule("WS-UPGRADE-REJECTED", stage=Stage.APP, outcomes="F", evidence=Evidence.EXPLICIT)
def upgrade_rejected(facts: Facts) -> Iterator[Fired]:
    """The request for a websocket is refused.

    **Seen**: a readable request with ``Upgrade: websocket`` is answered by another status than 101, or by 101
    with a Sec-WebSocket-Accept that does not belong to the key.

    **Means**: 400: a header was lost; 403: origin, login or filter; 426: another version, or no websocket
    here; 502 to 504: a proxy cannot reach the server; a wrong Accept: a cache answered.

    **Not this rule**: 401, then a second request with credentials; a page that a proxy fetched with a plain
    GET (WS-UPGRADE-STRIPPED); a websocket inside TLS, of which nothing is visible.

    **Ask the network team**: let websockets pass the proxy or firewall to this host.
    """
    refused = [f for f in _upgrades(facts) if is_refusal(f) and not is_stripped(facts, f)]
    for attempts, answers in _groups(refused):
        last = answers[-1]
        yield _fire(facts, "WS-UPGRADE-REJECTED", attempts, answers, _how(last.response), _causes(facts, last))


def _fire(
    facts: Facts, rule_id: str, attempts: list[Attempt], answers: list[Answer], how: str, causes: list[Cause]
) -> Fired:
    is_stripping = rule_id == "WS-UPGRADE-STRIPPED"
    return facts.finding(
        rule_id,
        Stage.APP,
        f"{where(attempts[0])} does not open a websocket: {how}",
        _evidence(answers),
        attempts=attempts,
        decisive=[f.response.at.frame for f in (answers[0], answers[-1])],
        tries=max(2, len(answers)) if is_stripping else len(answers),
        # What the proxy forwards is not visible from the LAN: repeats add nothing (catalogue, cap at 60).
        independent=1 if is_stripping else len(attempts),
        causes=causes,
        facts={"status": answers[-1].response.status},
    )


def _how(response: HttpResponse) -> str:
    if response.status == SWITCHING:
        return "101, but its Sec-WebSocket-Accept does not belong to the key"
    text = f"HTTP {response.status}"
    return f"{text}, version {response.websocket_versions} wanted" if response.websocket_versions else text


def _causes(facts: Facts, answer: Answer) -> list[Cause]:
    response = answer.response
    proxy = named_proxy(response)
    near = is_near(facts, answer.attempt.flow, response.at)
    because = "; ".join(t for t in (proxy, near) if t) or _how(response)
    if response.status == SWITCHING:
        return [Cause("a cache or proxy answered instead of the server", 30, _how(response), "middlebox")]
    if response.status in (502, 503, 504):
        return [Cause("a proxy cannot reach the server behind it", 30, because, "server")]
    if proxy or near:
        return [Cause("a proxy or filter on the way refuses the upgrade", 30, because, "middlebox")]
    if response.status == 426:
        return [Cause("the server wants another version, or offers no websocket here", 25, because, "server")]
    return [Cause("the server refuses: path, origin or login", 20, because, "server")]


@rule("WS-UPGRADE-STRIPPED", stage=Stage.APP, outcomes="F", evidence=Evidence.ABSENCE)
def upgrade_stripped(facts: Facts) -> Iterator[Fired]:
    """A proxy on the way turns the websocket request into a plain GET.

    **Seen**: the device's request carries the websocket headers; a page or data comes back with 200, 400 or
    404, without an Upgrade header, with the mark of a proxy (Via) or from nearby; on the site's own network 200
    says so by itself. Or the server says (400, 426) that the request had no Upgrade header.

    **Means**: the proxy does not forward the headers Upgrade and Connection.

    **Not this rule**: the server itself does not know the path: no mark of a proxy (WS-UPGRADE-REJECTED).
    From the device's side nobody sees what the proxy forwards: only a capture on both sides makes it certain.

    **Ask the network team**: the proxy must forward Upgrade and Connection to this host.
    """
    stripped = [f for f in _upgrades(facts) if is_refusal(f) and is_stripped(facts, f)]
    for attempts, answers in _groups(stripped):
        response = answers[-1].response
        why = named_proxy(response) or is_near(facts, attempts[-1].flow, response.at) or "a success instead of 101"
        why = "the server misses the header Upgrade" if is_missed(answers[-1]) else why
        how = f"HTTP {response.status} as if it were an ordinary request ({why})"
        handed = next((q for f in answers for q in (_handed_on(facts, f),) if q is not None), None)
        if handed is not None:
            why = f"frame {handed.at.frame} hands it on without them"
        cause = Cause("a proxy does not forward the websocket headers", 30 if handed is None else 60, why, "middlebox")
        fired = _fire(facts, "WS-UPGRADE-STRIPPED", attempts, answers, how, [cause])
        if handed is not None:
            fired.frames = choose_frames(fired.frames, decisive=[handed.at.frame])
            fired.adjust += SEEN_ON_BOTH_SIDES
        yield fired


def _handed_on(facts: Facts, answer: Answer) -> HttpRequest | None:
    """The request behind the proxy, in a capture of both its sides: the same path, by another host, without Upgrade."""
    asked, flow = answer.request, answer.attempt.flow
    if asked is None:
        return None
    for index in facts.traffic.flows_by_address.get(flow.resp[0], ())[:MAX_FLOWS]:
        if index == flow.index or facts.traffic.outline(index).orig[0] in facts.addresses:
            continue
        for event in facts.traffic.conversation(index):
            is_like = isinstance(event, HttpRequest) and event.target == asked.target and not is_upgrade(event)
            if is_like and 0 <= event.at.time_ns - asked.at.time_ns <= ns(HAND_ON_S) and isinstance(event, HttpRequest):
                return event
    return None


# --- websockets that do not last ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drop:
    """A websocket that ended badly: how, the packets that show it, and who ended it.

    ``idle_ns`` is how long nothing had been said before, for one that was cut without a word and not young any more;
    such a drop counts only where another one is like it.
    """

    attempt: Attempt
    how: str
    packets: tuple[Packet, ...]
    kind: str
    idle_ns: int | None = None


@rule("WS-DROP", stage=Stage.PERSIST, outcomes="Fdn", evidence=Evidence.STATISTICAL)
def websocket_drop(facts: Facts) -> Iterator[Fired]:
    """The websocket opens and does not last.

    **Seen**: after an accepted upgrade (101) the far side ends the connection within ten seconds without a close
    frame, or again and again after the same idle time; a close frame says what is wrong (1002, 1003, 1008, 1009,
    1011, 1013); or a ping gets no pong, and the connection is reset or given up. Once is a remark; twice or more
    degrades, and fails where no later one works.

    **Means**: a proxy or firewall ends idle connections (regular times), or the server refuses by policy (1008)
    or fails inside (1011, 1013).

    **Not this rule**: a close frame with 1000 or 1001, or without code; the device's own way of closing; a
    websocket inside TLS, of which nothing is visible (CONN-FLAP, NAT-IDLE-TIMEOUT).

    **Ask the network team**: raise the idle time-out of proxy and firewall; for a close code ask the vendor.
    """
    found = [d for a in facts.attempts_saying(HttpResponse) for d in (_drop_of(facts, a),) if d is not None]
    for group in by_service([d.attempt for d in found]):
        indices = {a.flow.index for a in group}
        drops = _counting([d for d in found if d.attempt.flow.index in indices])
        if drops:
            yield _dropped(facts, drops)


def _drop_of(facts: Facts, attempt: Attempt) -> Drop | None:
    """How a websocket ended, if it ended badly; its end must be in the capture."""
    opened = next((f.response.at for f in _accepted(attempt)), None)
    if opened is None or attempt.need.direction != "out":
        return None
    frames = [e for e in attempt.of(WebsocketFrame) if isinstance(e, WebsocketFrame)]
    closing = next((f for f in frames if f.opcode == CLOSE), None)
    if closing is not None:
        return _told(attempt, opened, closing)
    end = attempt.flow.closed_at
    if end is None:
        return None
    ping = _unanswered_ping(frames, end)
    if ping is not None and _is_given_up(attempt, ping, end):
        who, kind = ("the device", "middlebox") if ping.from_client else ("the far side", "device")
        return Drop(attempt, f"a ping of {who} stays without pong", (opened, ping.at, end), kind)
    return None if attempt.flow.is_from_orig(end) else _cut_off(facts, attempt, opened, end)


def _accepted(attempt: Attempt) -> list[Answer]:
    answers = [f for f in answers_of(attempt) if is_upgrade(f.request)]
    return [f for f in answers if f.response.status == SWITCHING and not is_refusal(f)]


def _told(attempt: Attempt, opened: Packet, closing: WebsocketFrame) -> Drop | None:
    """A close frame that says why; None for the codes of an end in good order (RFC 6455, section 7.4.1)."""
    code = closing.close_code
    if code not in CLOSE_CODES:
        return None
    who = "the device" if closing.from_client else "the far side"
    how = f"{who} closes it with code {code} ({CLOSE_CODES[code]})"
    return Drop(attempt, how, (opened, closing.at), "device" if closing.from_client else "server")


def _is_given_up(attempt: Attempt, ping: WebsocketFrame, end: Packet) -> bool:
    """Whether a reset follows a ping, or the side that waited for the pong closes."""
    waited = end.time_ns - ping.at.time_ns >= ns(PONG_S) and ping.from_client is attempt.flow.is_from_orig(end)
    return waited or attempt.flow.first_rst is not None


def _unanswered_ping(frames: Sequence[WebsocketFrame], end: Packet) -> WebsocketFrame | None:
    """The last ping before the end that no pong of the other side follows."""
    ping = next((f for f in reversed(frames) if f.opcode == PING and f.at.frame < end.frame), None)
    if ping is None or any(f.at.frame > ping.at.frame and f.from_client is not ping.from_client for f in frames):
        return None
    return ping


def _cut_off(facts: Facts, attempt: Attempt, opened: Packet, end: Packet) -> Drop:
    """The far side ends it without a close frame: soon, or after some idle time."""
    life_ns = end.time_ns - opened.time_ns
    if life_ns < ns(facts.params.short_conn):
        how = f"the far side ends it after {duration(life_ns / 1e9)} without a close frame"
        return Drop(attempt, how, (opened, end), "server")
    said = [p.time_ns for p in (*attempt.flow.sent_data[-1:], *attempt.flow.received_data[-1:]) if p.frame < end.frame]
    idle_ns = end.time_ns - max(said, default=opened.time_ns)
    how = f"the far side ends it after {duration(idle_ns / 1e9)} without traffic"
    return Drop(attempt, how, (opened, end), "middlebox", idle_ns)


def _counting(drops: Sequence[Drop]) -> list[Drop]:
    """The drops that count: those after some idle time only where a time-out shows, by two of like length."""
    idle = sorted(d.idle_ns for d in drops if d.idle_ns is not None)
    regular = {t for a, b in pairwise(idle) if is_even([a, b]) for t in (a, b)}
    return [d for d in drops if d.idle_ns is None or d.idle_ns in regular]


def _dropped(facts: Facts, drops: Sequence[Drop]) -> Fired:
    last = drops[-1]
    times = "once" if len(drops) == 1 else f"{len(drops)} times"
    is_timer = last.idle_ns is not None
    cause = {
        "server": "the server ends the websocket",
        "device": "the device ends the websocket",
        "middlebox": "an idle time-out of a proxy or firewall",
    }[last.kind]
    return facts.finding(
        "WS-DROP",
        Stage.PERSIST,
        f"the websocket to {where(last.attempt)} does not last, {times}: {last.how}",
        [p for d in drops for p in d.packets],
        outcome=_drop_outcome(facts, drops),
        attempts=[d.attempt for d in drops],
        decisive=[d.packets[-1].frame for d in drops],
        is_agreed=is_timer,
        causes=[Cause(cause, 30, last.how, last.kind)],
        facts={"how": last.how},
    )


def _drop_outcome(facts: Facts, drops: Sequence[Drop]) -> Outcome:
    """One drop is a remark; more degrade, and fail where nothing answers after the last."""
    if len(drops) < MIN_DROPS:
        return Outcome.NOTE
    end = drops[-1].packets[-1].time_ns
    later = (a for a in facts.attempts_of(drops[-1].attempt.need) if a.answered_ns is not None or facts.is_lossy)
    answers = (a.flow.last_answer for a in later)
    if any(p is not None and p.time_ns > end for p in answers):
        return Outcome.DEGRADED
    if facts.has_waited(end, GIVEN_UP_S):
        return Outcome.FAILED
    # Each worked while it lasted (as with CONN-FLAP), and the capture ends before the next could.
    served = any(_has_served(d.attempt) for d in drops[-MIN_DROPS:])
    return Outcome.FAILED if len(drops) > MIN_DROPS and not served else Outcome.DEGRADED


def _has_served(attempt: Attempt) -> bool:
    """Whether messages went both ways on a websocket."""
    senders = {e.from_client for e in attempt.events if isinstance(e, WebsocketFrame) and e.opcode in MESSAGES}
    return len(senders) == 2
