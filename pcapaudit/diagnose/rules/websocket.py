"""Websocket: upgrades that are refused, answered wrongly, or lose their headers on the way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.makers import is_near, named_proxy
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.rules.http import Answer, answers_of, is_page, is_upgrade
from pcapaudit.diagnose.silence import by_service
from pcapaudit.model.events import HttpResponse, Packet
from pcapaudit.model.words import Stage

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
SWITCHING = 101
REFUSALS = frozenset({200, 400, 403, 404, 405, 426, 500, 501, 502, 503, 504})
ORDINARY = frozenset({200, 400, 404})
"""Answers of a server that took the request for a plain GET."""


def expected_accept(key: str) -> str:
    """The value of Sec-WebSocket-Accept that belongs to a key. Source: RFC 6455, section 4.2.2."""
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _upgrades(facts: Facts) -> list[Answer]:
    """The last answer to an upgrade request on each connection of the device."""
    found = []
    for attempt in facts.attempts:
        asked = [f for f in answers_of(attempt) if is_upgrade(f.request)]
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
    return response.status in ORDINARY and is_data and not response.upgrade and by_proxy


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
    404, without an Upgrade header, with the mark of a proxy (Via) or from nearby.

    **Means**: the proxy does not forward the headers Upgrade and Connection.

    **Not this rule**: the server itself does not know the path: no mark of a proxy (WS-UPGRADE-REJECTED).
    From the device's side nobody sees what the proxy forwards: only a capture on both sides makes it certain.

    **Ask the network team**: the proxy must forward Upgrade and Connection to this host.
    """
    stripped = [f for f in _upgrades(facts) if is_refusal(f) and is_stripped(facts, f)]
    for attempts, answers in _groups(stripped):
        response = answers[-1].response
        why = named_proxy(response) or is_near(facts, attempts[-1].flow, response.at) or ""
        how = f"HTTP {response.status} as if it were an ordinary request ({why})"
        cause = Cause("a proxy does not forward the websocket headers", 30, why, "middlebox")
        yield _fire(facts, "WS-UPGRADE-STRIPPED", attempts, answers, how, [cause])
