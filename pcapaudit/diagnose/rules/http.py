"""HTTP in the clear: portals, block pages, errors, and proxies that refuse to connect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.domains import is_public_name, registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.makers import is_near, named_proxy
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.silence import by_service
from pcapaudit.flows.flow import Flow
from pcapaudit.model.addresses import ip_text, is_inside, is_link_local, is_private, parse_ip
from pcapaudit.model.events import HttpRequest, HttpResponse, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

REDIRECTS = frozenset({302, 303, 307})
LOGIN_NEEDED = 511
"""Network Authentication Required (RFC 6585, section 6)."""
BLOCKED = frozenset({403, 451})
REFUSALS = frozenset({401, 403, 407, 500, 502, 503, 504})
"""Errors that say why a service is not had; others count only where nothing else was ever answered."""
UNAVAILABLE = 503
MAX_FOLLOWED = 200
"""Connections of a device that are read for the place where a redirect led it."""
UPLOADS = frozenset({"POST", "PUT"})
LOGIN_WORDS = (b"login", b"log in", b"log-in", b"sign in", b"signin", b"password", b"portal", b"hotspot", b"guest")
"""Words at the begin of a portal's page (its title stands there), lower case."""
BLOCK_WORDS = (b"blocked", b"denied", b"forbidden", b"not allowed", b"restricted", b"filter")
"""The same of a web filter's page."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A final response on a connection of the device, with the request it answers where that is known."""

    attempt: Attempt
    request: HttpRequest | None
    response: HttpResponse


def answers_of(attempt: Attempt) -> list[Answer]:
    """Final responses of one connection, in order; each with its request (RFC 9112, section 9.3.2)."""
    requests = [e for e in attempt.events if isinstance(e, HttpRequest)]
    finals = [e for e in attempt.events if isinstance(e, HttpResponse) and (e.status >= 200 or e.status == 101)]
    padded: list[HttpRequest | None] = [*requests, *([None] * len(finals))]
    return [Answer(attempt, request, response) for request, response in zip(padded, finals, strict=False)]


def is_upgrade(request: HttpRequest | None) -> bool:
    """Whether a request asks for a websocket (RFC 6455, section 4.1)."""
    return request is not None and "websocket" in (request.upgrade or "").lower()


def wants_upgrade(facts: Facts, answer: Answer) -> bool:
    """Whether an answer belongs to a websocket's request: that says so, or is cut or lost where only such are sent."""
    is_unread = answer.request is None or answer.attempt.flow.index in facts.traffic.cut_flows
    return is_upgrade(answer.request) or (is_unread and answer.attempt.endpoint.app == "websocket")


def is_page(response: HttpResponse) -> bool:
    """Whether the answer is a page for people, not data for a device."""
    return "html" in (response.content_type or "").lower() or response.body_prefix.lstrip()[:1] == b"<"


@once
def _all_answers(facts: Facts) -> list[Answer]:
    """Every response to the device on connections of its needs, a proxy's answer to CONNECT left out."""
    outward = (a for a in facts.attempts_saying(HttpResponse) if a.transport == "tcp" and a.need.direction == "out")
    found = (answer for a in outward for answer in answers_of(a))
    return [f for f in found if f.request is None or f.request.method != "CONNECT"]


def _evidence(answers: Sequence[Answer]) -> list[Packet]:
    return [p for f in answers for p in (*((f.request.at,) if f.request else ()), f.response.at)]


def _groups(answers: Sequence[Answer]) -> Iterator[list[Answer]]:
    """Answers by service, in order of the connections."""
    unique = list({f.attempt.flow.index: f.attempt for f in answers}.values())
    for group in by_service(unique):
        yield [f for a in group for f in answers if f.attempt is a]


def _attempts(answers: Sequence[Answer]) -> list[Attempt]:
    return list({f.attempt.flow.index: f.attempt for f in answers}.values())


# --- portal ------------------------------------------------------------------------------------


@rule("CAPTIVE-PORTAL", stage=Stage.APP, outcomes="F", evidence=Evidence.EXPLICIT)
def captive_portal(facts: Facts) -> Iterator[Fired]:
    """A portal asks for a login where the vendor's server should answer.

    **Seen**: a plain HTTP request to a vendor's host is answered by 511, by a redirect (302, 303, 307) to a
    bare or private address, or by one to another registered domain, again and again or with a second sign: two
    of the vendor's hosts lead to the same place, the answer comes from nearby, the lease names a portal. Or the
    vendor's name leads to an address inside the site, where a page for people answers with 200; or an upload is
    answered with 200 by a page from nearby whose begin speaks of a login.

    **Means**: the network lets nobody out before a person has logged in at its portal; a device cannot.

    **Not this rule**: the vendor's own redirect, to HTTPS or within its domains; a single one to a stranger
    without any second sign; a proxy's block page (HTTP-BLOCK-PAGE).

    **Ask the network team**: exempt the device's MAC address from the portal.
    """
    everything = _all_answers(facts)
    caught = [Caught(f, portal) for f in everything for portal in (_portal(facts, f),) if portal and not _went_on(f)]
    stores = _stores(facts) if caught else frozenset()
    caught = [c for c in caught if c.portal not in stores]
    served = {id(f.attempt.need) for f in everything if f.response.status < 300}
    for answers in _groups([c.answer for c in caught]):
        part = [c for c in caught if any(c.answer is f for f in answers)]
        signs = _portal_signs(facts, part[-1], caught)
        is_steady = len(part) > 1 and id(part[-1].answer.attempt.need) not in served
        if signs or is_steady:
            yield _portal_finding(facts, part, signs)


@dataclass(frozen=True, slots=True)
class Caught:
    """An answer that leads away from the vendor, and where to."""

    answer: Answer
    portal: str


def _portal_signs(facts: Facts, caught: Caught, every: Sequence[Caught]) -> list[str]:
    """What else speaks for a portal than that the answer leads to a stranger."""
    response, flow = caught.answer.response, caught.answer.attempt.flow
    hosts = {c.answer.attempt.host or c.answer.attempt.address for c in every if c.portal == caught.portal}
    offered = next((c.ack.portal_uri for c in facts.dhcp if c.ack is not None and c.ack.portal_uri), None)
    near = is_near(facts, flow, response.at)
    address = as_address(caught.portal)
    known = [a for a, names in facts.names.items() if caught.portal in names]
    signs = [
        ("status 511 says so", response.status == LOGIN_NEEDED),
        (f"the answer leads to the bare address {caught.portal}", address is not None),
        (f"{caught.portal} has an address inside the site", any(is_local_address(a) for a in known)),
        (f"{len(hosts)} hosts lead to {caught.portal}", len(hosts) > 1),
        (f"the lease names the portal {offered}", offered is not None),
        (near or "", near is not None),
    ]
    return [text for text, holds in signs if holds]


def _portal_finding(facts: Facts, part: Sequence[Caught], signs: Sequence[str]) -> Fired:
    answers = [c.answer for c in part]
    attempts, portal = _attempts(answers), part[-1].portal
    return facts.finding(
        "CAPTIVE-PORTAL",
        Stage.APP,
        f"{where(attempts[0])} is answered by a portal (HTTP {answers[-1].response.status}, {portal})",
        _evidence(answers),
        attempts=attempts,
        decisive=[f.response.at.frame for f in (answers[0], answers[-1])],
        tries=len(answers),
        is_agreed=len(signs) > 1,
        causes=[Cause("a captive portal", 40, "; ".join(signs) or f"every answer leads to {portal}", "middlebox")],
        facts={"portal": portal},
    )


def _went_on(answer: Answer) -> bool:
    """Whether the same connection still gave a good answer later."""
    later = (f.response for f in answers_of(answer.attempt) if f.response.at.frame > answer.response.at.frame)
    return any(r.status < 300 and not (r.body_prefix and r.body_prefix == answer.response.body_prefix) for r in later)


def _portal(facts: Facts, answer: Answer) -> str | None:
    """Where a response leads when it is a portal's: a host name, or what it says of itself."""
    response = answer.response
    if response.status == LOGIN_NEEDED:
        return "login required"
    asked = _asked_host(answer)
    if _is_page_inside(answer, asked):
        return ip_text(response.at.src)
    if _is_told_page(facts, answer, LOGIN_WORDS):
        return "a login page"
    if response.status not in REDIRECTS or not response.location:
        return None
    target = _host_of(response.location)
    if target is None or asked is None or target == asked:
        return None
    return target if _is_foreign(facts, asked, target) else None


def _is_page_inside(answer: Answer, asked: str | None) -> bool:
    """Whether a page for people comes from inside the site in the place of a public server."""
    response, need = answer.response, answer.attempt.need
    # A request with a whole URL goes to a proxy of the site on purpose (RFC 9112, section 3.2.2).
    is_proxied = answer.request is not None and "://" in answer.request.target
    is_stranger = is_local_address(response.at.src) and not need.expects_private_address and not is_proxied
    return response.status == 200 and is_page(response) and is_stranger and asked is not None and is_public_name(asked)


def is_local_address(address: bytes) -> bool:
    """Private or link-local: an address inside the site."""
    return is_private(address) or is_link_local(address)


def _is_told_page(facts: Facts, answer: Answer, words: Sequence[bytes]) -> bool:
    """Whether an upload to a public server is answered with 200 by a page from nearby that begins with such words.

    Words alone prove nothing, and a transparent proxy is near as well: only both together, where no page belongs.
    """
    response, request = answer.response, answer.request
    is_upload = request is not None and request.method in UPLOADS and "://" not in request.target
    if response.status != 200 or not is_upload or is_near(facts, answer.attempt.flow, response.at) is None:
        return False
    begin = response.body_prefix.lower()
    return b"<" in begin[:1] and any(word in begin for word in words)


def _stores(facts: Facts) -> frozenset[str]:
    """Hosts that gave the device something else than pages for people: where a vendor keeps its files, no portal."""
    found: set[str] = set()
    outward = facts.outward_flows
    for flow in outward.where(facts.traffic.spoken.http[outward.places])[-MAX_FOLLOWED:]:
        events = facts.traffic.conversation(flow.index)
        if any(isinstance(e, HttpResponse) and e.status == 200 and not is_page(e) for e in events):
            asked = (_host_of(f"//{e.host}") for e in events if isinstance(e, HttpRequest) and e.host)
            found |= {host for host in asked if host}
    return frozenset(found)


def _asked_host(answer: Answer) -> str | None:
    said = _host_of(f"//{answer.request.host}") if answer.request is not None and answer.request.host else None
    return answer.attempt.host or said


def _host_of(url: str) -> str | None:
    """Host of an absolute URL, lower case; None for a relative or broken one."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host.rstrip(".") if host else None


def _is_foreign(facts: Facts, asked: str, target: str) -> bool:
    """Whether a redirect leaves the vendor: to a bare address, or to a domain that is none of its needs.

    Portals are often addressed by a number, also a public one that they borrow.
    """
    address = as_address(target)
    if address is not None:
        listed = any(is_inside(address, net) for need in facts.needs for net in need.addresses)
        return (
            not listed
            and asked not in facts.names.get(address, ())
            and all(a.address != address for a in facts.attempts)
        )
    # One owner often holds his name under several suffixes (gk.sensorist.com, gk.sensorist.net).
    own, other = (registered_domain(n).partition(".")[0] for n in (asked, target))
    return own != other and not facts.needs_name(target, required=False)


def as_address(host: str) -> bytes | None:
    """Packed form of a bare address, None for a name."""
    try:
        return parse_ip(host)
    except ValueError:
        return None


# --- block page ----------------------------------------------------------------------------------


@rule("HTTP-BLOCK-PAGE", stage=Stage.APP, outcomes="F", evidence=Evidence.HEURISTIC)
def block_page(facts: Facts) -> Iterator[Fired]:
    """A web filter's page comes instead of the vendor's answer.

    **Seen**: a page of HTML with 403 or 451 (or 200 in answer to an upload) from nearer than the server: its
    TTL is not that of the connection, or says that a public address is next door; headers may name a proxy.

    **Means**: a web filter blocks the host or its category.

    **Not this rule**: the vendor's own 403, from far away or without a page (HTTP-ERROR); a redirect to a
    portal (CAPTIVE-PORTAL).

    **Ask the network team**: allow this host, or its category, in the web filter for the device.
    """
    blocked = [f for f in _all_answers(facts) if not wants_upgrade(facts, f) and _is_blocked(facts, f)]
    for answers in _groups(blocked):
        attempts, last = _attempts(answers), answers[-1].response
        near = is_near(facts, attempts[-1].flow, last.at) or ""
        proxy = next((p for f in answers for p in (named_proxy(f.response),) if p), None)
        named = f" ({proxy})" if proxy else ""
        yield facts.finding(
            "HTTP-BLOCK-PAGE",
            Stage.APP,
            f"requests to {where(attempts[0])} are answered by a block page: HTTP {last.status} from nearby{named}",
            _evidence(answers),
            attempts=attempts,
            decisive=[f.response.at.frame for f in (answers[0], answers[-1])],
            tries=len(answers),
            is_agreed=proxy is not None,
            causes=[Cause("a web filter blocks the host or its category", 40, near, "filter")],
            facts={"status": last.status},
        )


def _is_blocked(facts: Facts, answer: Answer) -> bool:
    response, flow = answer.response, answer.attempt.flow
    if not is_page(response) or is_near(facts, flow, response.at) is None or _went_on(answer):
        return False
    if response.status in BLOCKED:
        return True
    if _is_told_page(facts, answer, BLOCK_WORDS):
        return True
    is_upload = answer.request is not None and answer.request.method in UPLOADS
    is_own = response.status == 200 and is_upload and _is_other_sender(facts, flow, response.at)
    return is_own and not _is_told_page(facts, answer, LOGIN_WORDS)


def _is_other_sender(facts: Facts, flow: Flow, answer: Packet) -> bool:
    """Whether the server opened the connection and something nearer answered on it."""
    return bool(flow.syn_acks) and answer.ttl - flow.syn_acks[-1].ttl >= facts.params.ttl_delta


# --- errors ----------------------------------------------------------------------------------------


@rule("HTTP-ERROR", stage=Stage.APP, outcomes="Fd", evidence=Evidence.EXPLICIT)
def http_error(facts: Facts) -> Iterator[Fired]:
    """The service answers with errors.

    **Seen**: two or more requests in a row answered by 401, 403, 407, 500, 502, 503 or 504 (by another error
    only where the service never answers well), and no success after them on the same connection.

    **Means**: 401, 403: the device is not registered; 407: a proxy wants a login; 5xx: fault or load at the
    vendor, or a proxy that cannot reach it. Via, the Server header and the TTL tell who made the answer.

    **Not this rule**: one 401 that a login follows; 503 with Retry-After alone, which is load and only
    degrades; a page from a box nearby (HTTP-BLOCK-PAGE); a websocket request (WS-UPGRADE-REJECTED).

    **Ask the network team**: 407: let the device bypass the proxy; else the vendor, with MAC and serial number.
    """
    everything = [f for f in _all_answers(facts) if not _belongs_elsewhere(facts, f) and not _goes_on_unread(f)]
    for answers in _groups(everything):
        errors = _trailing_errors(answers)
        if len(errors) < 2:
            continue
        attempts, last = _attempts(errors), errors[-1].response
        is_load = all(f.response.status == UNAVAILABLE and f.response.retry_after for f in errors)
        yield facts.finding(
            "HTTP-ERROR",
            Stage.APP,
            f"{where(attempts[0])} answers {_statuses(errors)}",
            _evidence(errors),
            outcome=Outcome.DEGRADED if is_load and _ever_served(facts, attempts[0].need) else Outcome.FAILED,
            attempts=attempts,
            decisive=[f.response.at.frame for f in (errors[0], errors[-1])],
            tries=len(errors),
            causes=_error_causes(facts, errors[-1]),
            facts={"status": last.status},
        )


def _ever_served(facts: Facts, need: Need) -> bool:
    return any(a.answered_ns is not None for a in facts.attempts_of(need))


def _goes_on_unread(answer: Answer) -> bool:
    """Whether request and answer followed on the same connection that nobody could read (cut frames)."""
    read = answers_of(answer.attempt)
    if not read or read[-1].response is not answer.response:
        return False
    flow, end = answer.attempt.flow, answer.response.at.frame
    asked = next((p for p in flow.sent_data if p.frame > end), None)
    # Of a long connection the first request after it may be missing, the last answer is not.
    since = end if flow.left_out else asked.frame if asked is not None else flow.last_frame
    return asked is not None and any(p.frame > since for p in flow.received_data)


def _belongs_elsewhere(facts: Facts, answer: Answer) -> bool:
    """Whether another rule speaks of this answer: websocket (but for its login), portal, block page."""
    if wants_upgrade(facts, answer) and answer.response.status != 401:
        return True
    return answer.response.status == LOGIN_NEEDED or _is_blocked(facts, answer)


def _trailing_errors(answers: Sequence[Answer]) -> list[Answer]:
    """Errors after the last success of the service, on whatever connection that was."""
    ordered = sorted(answers, key=lambda f: f.response.at.frame)
    good = [i for i, f in enumerate(ordered) if f.response.status < 400]
    tail = ordered[good[-1] + 1 :] if good else ordered
    return [f for f in tail if f.response.status in REFUSALS or not good]


def _statuses(errors: Sequence[Answer]) -> str:
    counts: dict[int, int] = {}
    for f in errors:
        counts[f.response.status] = counts.get(f.response.status, 0) + 1
    return ", ".join(
        f"HTTP {status} {count} times" if count > 1 else f"HTTP {status}" for status, count in counts.items()
    )


def _error_causes(facts: Facts, error: Answer) -> list[Cause]:
    response = error.response
    proxy = named_proxy(response)
    near = is_near(facts, error.attempt.flow, response.at)
    if response.status == 407:
        return [Cause("a proxy wants a login", 40, proxy or "status 407", "middlebox")]
    causes = []
    if proxy or near:
        causes.append(
            Cause("a proxy on the way made the answer", 30, "; ".join(t for t in (proxy, near) if t), "middlebox")
        )
    if response.status in (401, 403):
        causes.append(Cause("the vendor does not know this device", 25, f"HTTP {response.status}", "registration"))
    else:
        why = f"HTTP {response.status}" + (f", Retry-After {response.retry_after}" if response.retry_after else "")
        says_when = response.status == UNAVAILABLE and response.retry_after is not None
        text = "maintenance or load at the vendor's server" if says_when else "fault or load at the vendor's server"
        causes.append(Cause(text, 30 if says_when else 20, why, "server"))
    return causes
