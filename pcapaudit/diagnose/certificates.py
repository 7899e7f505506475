"""Certificates that a device was shown: valid, made out to the right name, and the server's own?

Only TLS 1.2 and older shows them (RFC 5246, section 7.4.2); TLS 1.3 encrypts them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.domains import registered_domain
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.makers import is_near
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.silence import end_by, said_unseen
from pcapaudit.flows.said import Said
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import (
    CertificateFacts,
    Event,
    NtpMessage,
    Packet,
    TlsAlert,
    TlsCertificates,
    TlsClientHello,
    TlsRecords,
)
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import readable

MAX_FLOWS = 2000
"""Connections of the whole capture that are read for certificates, of those that can be read."""
EARLIEST_NS = 1_104_537_600_000_000_000
"""2005-01-01: a capture clock before that is wrong (CAP-CLOCK-JUMP)."""
REFUSALS = frozenset({42, 46, 48})

PRODUCTS = (
    "fortigate", "fortinet", "zscaler", "palo alto", "sophos", "check point", "blue coat", "bluecoat", "proxysg",
    "netskope", "barracuda", "watchguard", "sonicwall", "forcepoint", "websense", "cisco umbrella", "iboss",
    "mcafee web gateway", "skyhigh secure web", "lightspeed", "smoothwall", "untangle", "securly", "contentkeeper",
    "clearswift", "trend micro web", "kerio control", "ipfire", "pfsense", "opnsense", "squid", "mitmproxy",
    "web gateway", "webfilter", "web filter", "content filter", "inspection", "intercept", "decrypt", "proxy",
    "firewall", "security gateway", "secure gateway",
)  # fmt: skip
"""Words of an issuer that name a product for inspection, or its business, lower case."""


AUTHORITIES = (
    "let's encrypt", "isrg", "digicert", "globalsign", "sectigo", "comodo", "usertrust", "amazon", "starfield",
    "godaddy", "go daddy", "google trust services", "entrust", "identrust", "geotrust", "thawte", "rapidssl",
    "symantec", "verisign", "cybertrust", "baltimore", "microsoft", "apple", "buypass", "zerossl", "ssl.com",
    "ssl corp", "certum", "asseco", "actalis", "quovadis", "swisssign", "telesec", "t-systems",
    "deutsche telekom", "d-trust", "harica", "secom", "twca", "chunghwa", "trustwave", "affirmtrust",
    "network solutions", "gandi", "trustasia", "cfca", "izenpe", "certigna", "dhimyotis", "certinomis",
    "firmaprofesional", "accv", "fnmt", "camerfirma", "microsec", "e-szigno", "netlock", "disig", "telia",
    "certsign", "oiste", "wisekey", "hongkong post", "gdca", "naver", "emsign", "emudhra", "atos", "cloudflare",
    "dfn", "geant", "terena", "cpanel", "unizeto", "securetrust", "startcom", "teliasonera", "trust provider",
    "encryption everywhere", "alphassl", "fastly", "certainly", "postsignum", "kpn", "government",
)  # fmt: skip
"""Words of the names of public certificate authorities, lower case: they sign for everybody."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A certificate chain that a server showed the device, and for which name (None: it asked for none)."""

    attempt: Attempt
    at: Packet
    sni: str | None
    chain: tuple[CertificateFacts, ...]

    @property
    def leaf(self) -> CertificateFacts:
        """The certificate of the server itself."""
        return self.chain[0]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is wrong with a certificate: the rest of a sentence, the likely cause and its kind."""

    text: str
    cause: str
    kind: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign that a certificate was made by a box on the way, its weight and the frame that shows it."""

    text: str
    weight: int
    frame: int | None = None


def offers_of(attempts: Iterable[Attempt]) -> list[Offer]:
    """The visible certificates of outward attempts, one a connection."""
    found = []
    for attempt in attempts:
        event = _shown(attempt.events)
        if event is not None and attempt.need.direction == "out":
            found.append(Offer(attempt, event.at, _asked(attempt.events), event.chain))
    return found


def _shown(events: Iterable[Event]) -> TlsCertificates | None:
    return next((e for e in events if isinstance(e, TlsCertificates) and not e.from_client and e.chain), None)


def _asked(events: Iterable[Event]) -> str | None:
    name = next((e.sni for e in events if isinstance(e, TlsClientHello) and e.sni), None)
    return name.lower().rstrip(".") if name else None


def end_of_handshake(offer: Offer) -> Packet | None:
    """The packet by which the device ended the handshake: its alert, else its FIN or RST; None when it did not."""
    alerts = (e for e in offer.attempt.events if isinstance(e, TlsAlert) and e.from_client)
    alert = next((e.at for e in alerts if e.code in REFUSALS), None)
    if alert is not None:
        return alert
    flow = offer.attempt.flow
    closed, by_server = end_by(flow, offer.at, device=True), end_by(flow, offer.at, device=False)
    if closed is None or (by_server is not None and by_server.frame < closed.frame):
        return None
    return None if _went_on(offer, closed) else closed


def _went_on(offer: Offer, closed: Packet) -> bool:
    """Whether the handshake was completed before the close, or what the device said until then is not in the capture.

    A visible certificate means TLS 1.2 or older, where application records come behind the handshake only.
    """
    is_completed = any(e.application for e in offer.attempt.events if isinstance(e, TlsRecords))
    return is_completed or said_unseen(offer.attempt.flow, closed)


# --- validity ---------------------------------------------------------------------------------


def doubt_about(facts: Facts, offer: Offer) -> Doubt | None:
    """Why a certificate is not valid here and now; None when nothing speaks against it.

    Judged by the capture's clock, unless that is wrong by the answers of time servers in the capture.
    """
    leaf, now = offer.leaf, offer.at.time_ns
    if has_trusted_clock(facts):
        if leaf.not_after_ns < now:
            text = f"ran out on {readable(leaf.not_after_ns)}"
            return Doubt(text, "the owner of the server or of an inspection box must renew it", "server")
        if leaf.not_before_ns > now:
            text = f"is valid only from {readable(leaf.not_before_ns)} on"
            return Doubt(text, "the certificate was made with a wrong clock, or too early", "server")
    if offer.sni is not None and leaf.names and not _covers(leaf.names, offer.sni):
        names = ", ".join(leaf.names[:3]) + (", …" if len(leaf.names) > 3 else "")
        cause = "a portal, a filter or another server answers"
        return Doubt(f"is made out to {names}, not to {offer.sni}", cause, "middlebox")
    return None


def has_trusted_clock(facts: Facts) -> bool:
    """Whether the capture's time stamps may judge dates: no time server in it says otherwise."""
    if facts.start_ns < EARLIEST_NS or facts.clock.steps:
        return False
    limit = ns(facts.params.clock_bad)
    return _largest_error_ns(facts.traffic.ntp, facts.traffic.memo) <= limit


def _largest_error_ns(messages: Said[NtpMessage], memo: dict[str, Any]) -> int:
    """How far any time server's clock is from that of the capture; looked for once per capture."""
    known: int | None = memo.get("clock_error")
    if known is None:
        said = messages.saying(lambda m: m.mode == 4 and 0 < m.stratum < 16 and m.leap != 3)
        errors = (abs(m.transmit_ns - m.at.time_ns) for m in said if m.transmit_ns is not None)
        known = memo["clock_error"] = max(errors, default=0)
    return known


def is_name_for(pattern: str, host: str) -> bool:
    """Whether a name of a certificate covers a host.

    A star stands for exactly one label and only at the left. Source: RFC 6125, section 6.4.
    """
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern == host:
        return True
    label, _, rest = host.partition(".")
    return pattern.startswith("*.") and bool(label) and "." in rest and pattern[2:] == rest


# --- inspection -------------------------------------------------------------------------------


def inspection_signs(facts: Facts, offer: Offer) -> list[Sign]:
    """Signs that the certificate comes from a box on the way and not from the vendor's server."""
    signs = []
    issuer = offer.leaf.issuer
    # Inspection copies the server's name; a page of refusal comes under the box's own (TLS-CERT-INVALID).
    is_imitated = offer.sni is None or _covers(offer.leaf.names, offer.sni)
    product = next((p for p in PRODUCTS if p in issuer.lower()), None)
    if product is not None and is_imitated:
        signs.append(Sign(f"its issuer is {issuer!r}", 30, offer.at.frame))
    other = _same_key_elsewhere(facts, offer)
    if other is not None:
        text = f"the same key stands for {other.name} at {ip_text(other.address)} (frame {other.frame})"
        signs.append(Sign(text, 40, other.frame))
    signer = _same_signer_elsewhere(facts, offer) if other is None and is_imitated else None
    if signer is not None:
        text = f"its issuer {issuer!r} also signs for {signer.name} at {ip_text(signer.address)} (frame {signer.frame})"
        signs.append(Sign(text, 30, signer.frame))
    near = _made_nearby(facts, offer)
    if near is not None:
        signs.append(Sign(f"{near}; its issuer {issuer!r} is no public authority", 25, offer.at.frame))
    return signs


def _made_nearby(facts: Facts, offer: Offer) -> str | None:
    """Why a certificate that is right in name and time seems to come from a box nearby; None when it does not.

    One with another name is a portal's or a filter's own, no copy of the server's.
    """
    if offer.sni is None or is_public_authority(offer.leaf.issuer) or doubt_about(facts, offer) is not None:
        return None
    return is_near(facts, offer.attempt.flow, offer.at)


@dataclass(frozen=True, slots=True)
class _Shown:
    """One certificate that anybody in the capture was shown."""

    name: str
    address: bytes
    names: tuple[str, ...]
    frame: int


_ByText: TypeAlias = dict[str, list[_Shown]]
_NOTHING: Sequence[_Shown] = ()


def _same_key_elsewhere(facts: Facts, offer: Offer) -> _Shown | None:
    """The same public key in another certificate, for an unrelated domain at another address."""
    return _unrelated(facts, offer, _shown_to_anybody(facts.traffic)[0].get(offer.leaf.key_sha256, _NOTHING))


def _same_signer_elsewhere(facts: Facts, offer: Offer) -> _Shown | None:
    """The same issuer, no public authority, in a certificate for an unrelated domain at another address."""
    issuer = offer.leaf.issuer
    if offer.leaf.is_self_issued or is_public_authority(issuer):
        return None
    return _unrelated(facts, offer, _shown_to_anybody(facts.traffic)[1].get(issuer, _NOTHING))


def is_public_authority(issuer: str) -> bool:
    """Whether an issuer's name is that of an authority that signs for everybody."""
    lower = issuer.lower()
    return not lower.strip() or any(word in lower for word in AUTHORITIES)


def _unrelated(facts: Facts, offer: Offer, shown: Sequence[_Shown]) -> _Shown | None:
    """The first certificate that stands for an unrelated domain at another address, and not for both at once."""
    name = offer.sni or offer.attempt.host
    if name is None:
        return None
    # A device is shown one certificate thousands of times; the lists of what is shown stay where they are.
    case = _unrelated, id(shown), name, offer.attempt.address, offer.leaf.names
    if case not in facts.worked_out:
        facts.worked_out[case] = _find_unrelated(facts, offer, name, shown)
    found: _Shown | None = facts.worked_out[case]
    return found


def _find_unrelated(facts: Facts, offer: Offer, name: str, shown: Sequence[_Shown]) -> _Shown | None:
    own = registered_domain(name)
    own_addresses = {s.address for s in shown if registered_domain(s.name) == own} | {offer.attempt.address}
    for other in shown:
        unrelated = registered_domain(other.name) != own and not facts.needs_name(other.name, required=False)
        is_shared = _covers(other.names, name) or _covers(offer.leaf.names, other.name)
        if unrelated and not is_shared and other.address not in own_addresses:
            return other
    return None


def _covers(names: Iterable[str], host: str) -> bool:
    return any(is_name_for(n, host) for n in names)


def _shown_to_anybody(traffic: Traffic) -> tuple[_ByText, _ByText]:
    """Public key of a leaf, and its issuer -> where it was shown first, over the capture's connections."""
    known: tuple[_ByText, _ByText] | None = traffic.memo.get("certificates")
    if known is None:
        keys: dict[str, dict[tuple[object, ...], _Shown]] = defaultdict(dict)
        issuers: dict[str, dict[tuple[object, ...], _Shown]] = defaultdict(dict)
        for index in np.flatnonzero(traffic.spoken.read)[:MAX_FLOWS].tolist():
            events = traffic.conversation(index)
            event, name = _shown(events), _asked(events)
            if event is not None and name is not None:
                leaf = event.chain[0]
                shown = _Shown(name, event.at.src, leaf.names, event.at.frame)
                keys[leaf.key_sha256].setdefault((name, shown.address, leaf.names), shown)
                issuers[leaf.issuer].setdefault((name, shown.address, leaf.names), shown)
        known = traffic.memo["certificates"] = _lists(keys), _lists(issuers)
    return known


def _lists(table: Mapping[str, Mapping[tuple[object, ...], _Shown]]) -> _ByText:
    return {text: list(shown.values()) for text, shown in table.items()}
