"""TLS: silence, resets, alerts, certificates and other protocols where a handshake should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.certificates import Offer, doubt_about, end_of_handshake, inspection_signs, offers_of
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.handshakes import broken_off
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.proof import TLS13
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.resets import POSSIBLE, judge_reset
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.silence import by_service, end_by, first_answer_after, is_silent, is_swallowed, said_unseen
from pcapaudit.flows.flow import FIN, RST, Flow
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.events import (
    Packet,
    TlsAlert,
    TlsCertificateRequest,
    TlsCertificates,
    TlsClientHello,
    TlsNotTls,
    TlsRecords,
    TlsServerHello,
)
from pcapaudit.model.words import Outcome, Stage

HELLO_WAIT_S = 10.0
"""A server that has not greeted back after this time is not going to (catalogue, TLS-NO-SERVERHELLO)."""
PATIENCE_S = 2.0
"""A device that closes earlier than this had other reasons than the silence."""
FATAL = 2
CLOSE_NOTIFY, USER_CANCELED = 0, 90
CERTIFICATE_CODES = frozenset({42, 43, 44, 45, 46, 48, 113})
"""Alerts by which a client refuses the server's certificate (RFC 8446, section 6.2)."""
CLIENT_CERTIFICATE_CODES = frozenset({40, 42, 116})
CLOCK_CODES = frozenset({42, 45})
ALERT_SIZE, MIN_HIDDEN = 19, 2
"""Bytes of an encrypted alert, and how often such a record must be seen: one may be anything."""
MAX_FLOWS = 200
"""Flows of one address that are read for another name that passes."""

ALERTS = {
    10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip
"""Names of RFC 8446, section 6 (44 and 113 also RFC 6066)."""

_DAMAGE = ("a box on the way damages the handshake, or one of the two stacks is broken", "middlebox")
SERVER_MEANS: dict[int, tuple[str, str]] = {
    10: _DAMAGE, 20: _DAMAGE, 22: _DAMAGE, 47: _DAMAGE, 50: _DAMAGE, 51: _DAMAGE, 109: _DAMAGE, 110: _DAMAGE,
    40: ("no cipher that both accept, or the device's certificate is refused", "device"),
    42: ("the device's own certificate is refused", "registration"),
    45: ("the device's own certificate has expired, or a clock is wrong", "registration"),
    46: ("the device's own certificate is refused", "registration"),
    48: ("the device's own certificate is signed by nobody the server knows", "registration"),
    49: ("the server's access list does not hold this device", "registration"),
    70: ("the server, or an inspection proxy, wants another TLS version than the device's firmware offers", "device"),
    71: ("the server wants stronger ciphers than the device's firmware offers", "device"),
    80: ("fault inside the server or a proxy", "server"),
    86: ("a retry with an older version after an earlier failure", "device"),
    112: ("the server does not know the host name: DNS led to a wrong server, or the name has moved", "dns"),
    115: ("the device's key is not registered", "registration"),
    116: ("the server wants a certificate of the device and gets none", "registration"),
    120: ("the server accepts none of the application protocols offered (ALPN)", "device"),
}  # fmt: skip


def alert_name(code: int) -> str:
    """``alert 48 (unknown_ca)``; a code that no RFC names stays a number."""
    return f"alert {code} ({ALERTS[code]})" if code in ALERTS else f"alert {code}"


def greeting(attempt: Attempt) -> TlsClientHello | None:
    """The ClientHello that the device sent last on this connection, behind an upgrade, too."""
    hellos = [e for e in attempt.events if isinstance(e, TlsClientHello) and attempt.flow.is_from_orig(e.at)]
    return hellos[-1] if hellos else None


@once
def _greeted(facts: Facts) -> list[tuple[Attempt, TlsClientHello]]:
    """Outward attempts on which the device said ClientHello and no handshake was completed."""
    open_ended = (a for a in facts.attempts_saying(TlsClientHello) if not a.has(Stage.TLS))
    pairs = ((a, greeting(a)) for a in open_ended if a.transport == "tcp" and a.need.direction == "out")
    return [(a, h) for a, h in pairs if h is not None]


def _times(attempts: Sequence[Attempt]) -> str:
    return "once" if len(attempts) == 1 else f"{len(attempts)} times"


@rule("TLS-NO-SERVERHELLO", stage=Stage.TLS, outcomes="F", evidence=Evidence.ABSENCE)
def no_server_hello(facts: Facts) -> Iterator[Fired]:
    """The server does not greet back.

    **Seen**: the device sends its ClientHello, on a fresh connection or behind an accepted upgrade, and the
    far side sends no byte for 10 s, or until the device gives up.

    **Means**: TLS inspection or application control holds the connection, a proxy in front has no way to
    the server, or the server is overloaded.

    **Not this rule**: the ClientHello itself is repeated and never acknowledged (TCP-DATA-BLACKHOLE,
    MTU-BLACKHOLE); the far side closes at once (TLS-RST-AFTER-SNI).

    **Ask the network team**: exempt the host from TLS inspection and application control; check the MTU.
    """
    silent = {a.flow.index: h for a, h in _greeted(facts) if _is_ignored(facts, a, h)}
    for group in by_service([a for a, _ in _greeted(facts) if a.flow.index in silent]):
        hellos = [silent[a.flow.index] for a in group]
        yield facts.finding(
            "TLS-NO-SERVERHELLO",
            Stage.TLS,
            f"{where(group[0])} takes the TLS greeting {_times(group)} and never answers it",
            [p for a, h in zip(group, hellos, strict=True) for p in _course(a.flow, h)],
            attempts=group,
            decisive=[h.at.frame for h in hellos],
            tries=len(group),
            has_contrast=_other_name_passes(facts, group[0], hellos[0]) is not None,
            causes=_causes_of_silence(hellos),
        )


def _is_ignored(facts: Facts, attempt: Attempt, hello: TlsClientHello) -> bool:
    if is_swallowed(attempt.flow, hello.at) or is_swallowed(attempt.flow, hello.first):
        return False
    return is_silent(facts, attempt, hello.at, wait_s=HELLO_WAIT_S, patience_s=PATIENCE_S)


def _course(flow: Flow, hello: TlsClientHello) -> list[Packet]:
    """The greeting and how the connection ended."""
    ends = (end_by(flow, hello.at, device=True), end_by(flow, hello.at, device=False))
    return [hello.at, *(p for p in ends if p is not None)]


def _causes_of_silence(hellos: Sequence[TlsClientHello]) -> list[Cause]:
    why = "the connection opens, the greeting arrives, no answer comes"
    causes = [Cause("TLS inspection or application control holds the connection", 20, why, "filter")]
    if any(h.size > 1400 for h in hellos):
        text = f"the greeting needs two packets ({max(h.size for h in hellos)} bytes)"
        causes.append(Cause("a box on the way mishandles a greeting over two packets", 15, text, "middlebox"))
    return [*causes, Cause("the server or a proxy in front of it is overloaded", 10, why, "server")]


def _other_name_passes(facts: Facts, attempt: Attempt, hello: TlsClientHello) -> Packet | None:
    """The server's greeting to another name (or to none) at the same address, in the whole capture."""
    for index in facts.traffic.flows_by_address.get(attempt.address, [])[:MAX_FLOWS]:
        events = facts.traffic.conversation(index) if index != attempt.flow.index else []
        other = any(isinstance(e, TlsClientHello) and e.is_complete and e.sni != hello.sni for e in events)
        answer = next((e.at for e in events if isinstance(e, TlsServerHello)), None)
        if other and answer is not None and answer.src == attempt.address:
            return answer
    return None


@rule("TLS-RST-AFTER-SNI", stage=Stage.TLS, outcomes="F", evidence=Evidence.ABSENCE)
def reset_after_name(facts: Facts) -> Iterator[Fired]:
    """The connection is cut as soon as the host name was sent.

    **Seen**: right behind the device's ClientHello a RST or FIN comes from the far side, without a byte.

    **Means**: a web filter read the host name and cut the connection; or the server rejects without an
    alert, or does not speak TLS.

    **Not this rule**: the device closed first; an alert says why (TLS-ALERT-SERVER).

    **Ask the network team**: allow this host name in web filter and application control for the device.
    """
    cut = [(a, h, p) for a, h in _greeted(facts) for p in (_cut(a.flow, h),) if p is not None]
    table = {a.flow.index: (h, p) for a, h, p in cut}
    for group in by_service([a for a, _, _ in cut]):
        hellos, ends = zip(*(table[a.flow.index] for a in group), strict=True)
        score, causes, frames = _weigh_cuts(facts, group, ends)
        other = _other_name_passes(facts, group[0], hellos[0])
        if other is not None:
            text = f"another name at {ip_text(group[0].address)} passes (frame {other.frame})"
            causes = [*causes, Cause("a filter on the host name", 25, text, "filter")]
        name = f" for {hellos[0].sni}" if hellos[0].sni else ""
        how = "resets" if ends[0].flags & RST else "closes"
        yield facts.finding(
            "TLS-RST-AFTER-SNI",
            Stage.TLS,
            f"{where(group[0])} {how} the connection right after the TLS greeting{name}, {_times(group)}",
            [p for h, end in zip(hellos, ends, strict=True) for p in (h.at, end)],
            attempts=group,
            decisive=[hellos[0].at.frame, ends[0].frame, *([other.frame] if other else []), *frames[:4]],
            tries=len(group),
            is_agreed=score >= POSSIBLE,
            has_contrast=other is not None,
            causes=sorted(causes, key=lambda c: -c.weight),
            facts={"sni": hellos[0].sni, "score": score},
        )


def _cut(flow: Flow, hello: TlsClientHello) -> Packet | None:
    """The far side's RST or FIN that answers the greeting within 10 s, before anything else happened."""
    end = end_by(flow, hello.at, device=False)
    if end is None or end.time_ns - hello.at.time_ns > ns(HELLO_WAIT_S) or end.payload_len:
        return None
    given_up = end_by(flow, hello.at, device=True)
    answer = first_answer_after(flow, hello.at)
    is_first = given_up is None or given_up.frame > end.frame
    return end if is_first and (answer is None or answer.frame > end.frame) else None


def _weigh_cuts(facts: Facts, group: Sequence[Attempt], ends: Sequence[Packet]) -> tuple[int, list[Cause], list[int]]:
    """Score, causes and frames of the reset that looks most like a box's (catalogue, section 7.3)."""
    resets = [(a, p) for a, p in zip(group, ends, strict=True) if p.flags & RST]
    if not resets:
        why = "it ends the connection in good order, without an alert"
        return 0, [Cause("the server or a proxy rejects the greeting, or does not speak TLS", 15, why, "server")], []
    verdict = max((judge_reset(facts, a.flow, p) for a, p in resets[:MAX_FLOWS]), key=lambda v: v.score)
    return verdict.score, list(verdict.causes), list(verdict.frames)


@rule("TLS-ALERT-SERVER", stage=Stage.TLS, outcomes="F", evidence=Evidence.EXPLICIT)
def alert_by_server(facts: Facts) -> Iterator[Fired]:
    """The server refuses the handshake with an alert.

    **Seen**: a readable fatal alert from the far side; its code tells the reason.

    **Means**: by code: TLS version too old (70), host name unknown (112), the device's certificate missing or
    refused (116, 42, 40 after a certificate request), application protocol refused (120).

    **Not this rule**: close_notify, which ends a connection in good order; an alert by the device
    (TLS-ALERT-CLIENT).

    **Ask the network team**: is there a TLS inspection or a minimum version on a proxy; else ask the vendor.
    """
    refused = [(a, e) for a, _ in _greeted(facts) for e in (_server_alert(a),) if e is not None]
    table = {a.flow.index: e for a, e in refused}
    for group in by_service([a for a, _ in refused]):
        alerts = [table[a.flow.index] for a in group]
        last = alerts[-1]
        yield facts.finding(
            "TLS-ALERT-SERVER",
            Stage.TLS,
            f"{where(group[0])} refuses TLS with {alert_name(last.code)}, {_times(group)}",
            [p for a, e in zip(group, alerts, strict=True) for p in (*(h.at for h in (greeting(a),) if h), e.at)],
            attempts=group,
            decisive=[alerts[0].at.frame, last.at.frame],
            tries=len(group),
            causes=_server_alert_causes(facts, group[-1], last),
            facts={"alert": last.code},
        )


def _server_alert(attempt: Attempt) -> TlsAlert | None:
    return next(
        (
            e
            for e in attempt.events
            if isinstance(e, TlsAlert)
            and not e.from_client
            and e.level == FATAL
            and e.code not in (CLOSE_NOTIFY, USER_CANCELED)
        ),
        None,
    )


def _server_alert_causes(facts: Facts, attempt: Attempt, alert: TlsAlert) -> list[Cause]:
    text, kind = SERVER_MEANS.get(alert.code, ("the server refuses the handshake", "server"))
    asked = any(isinstance(e, TlsCertificateRequest) for e in attempt.events)
    if asked and alert.code in CLIENT_CERTIFICATE_CODES:
        text, kind = "the device's own certificate is missing or refused", "registration"
    causes = [Cause(text, 30, f"{alert_name(alert.code)} in frame {alert.at.frame}", kind)]
    opening = attempt.flow.syn_acks[:1]
    if opening and abs(opening[0].ttl - alert.at.ttl) >= facts.params.ttl_delta:
        why = f"its TTL is {alert.at.ttl}, the SYN-ACK of the same connection has {opening[0].ttl}"
        causes.insert(0, Cause("a box on the way sent it", 40, why, "middlebox"))
    return causes


@rule("TLS-CERT-INVALID", stage=Stage.TLS, outcomes="F", evidence=Evidence.EXPLICIT)
def certificate_invalid(facts: Facts) -> Iterator[Fired]:
    """The server's certificate is out of date, or made out to another name.

    **Seen**: a visible certificate (TLS 1.2 and older) whose validity does not hold at the capture's time, or
    none of whose names fits the one that the device asked for; no application data follows.

    **Means**: the owner of the server or of an inspection box must renew it; for a wrong name: a portal, a
    filter or another server answers.

    **Not this rule**: the device carries on all the same; the capture's own clock is wrong (the answers of
    time servers tell); the device names no host.

    **Ask the network team**: which box answers under this address.
    """
    offers = offers_of(facts.attempts_saying(TlsCertificates))
    doubtful = [(o, d) for o in offers for d in (doubt_about(facts, o),) if d is not None]
    doubtful = [(o, d) for o, d in doubtful if not o.attempt.has(Stage.TLS) and end_of_handshake(o) is not None]
    table = {o.attempt.flow.index: (o, d) for o, d in doubtful}
    for group in by_service([o.attempt for o, _ in doubtful]):
        offers = [table[a.flow.index][0] for a in group]
        doubt = table[group[-1].flow.index][1]
        refusals = [e.at for a in group for e in (_client_alert(a),) if e is not None]
        yield facts.finding(
            "TLS-CERT-INVALID",
            Stage.TLS,
            f"the certificate of {where(group[0])} {doubt.text}",
            [p for o in offers for p in (o.at, *(e for e in (end_of_handshake(o),) if e))],
            attempts=group,
            decisive=[offers[0].at.frame, *(p.frame for p in refusals[:1])],
            tries=len(group),
            is_agreed=bool(refusals),
            causes=[Cause(doubt.cause, 30, doubt.text, doubt.kind)],
        )


@rule("TLS-ALERT-CLIENT", stage=Stage.TLS, outcomes="F", evidence=Evidence.EXPLICIT)
def alert_by_device(facts: Facts) -> Iterator[Fired]:
    """The device refuses the server's certificate.

    **Seen**: an alert of the device about the certificate (42 to 46, 48, 113), and no application data. In TLS 1.3
    some stacks encrypt it: then a single encrypted record of the device as short as an alert, right behind the
    server's flight, and its close, or the close alone (any version), twice or more; that is a weaker sign.

    **Means**: TLS inspection shows the device a certificate it does not trust (48), its list of certificate
    authorities is too old (48 without any sign of inspection), or its clock is wrong (45, 42).

    **Not this rule**: close_notify; an alert by the server (TLS-ALERT-SERVER).

    **Ask the network team**: exempt the vendor's hosts from TLS inspection; else a firmware update is needed.
    """
    refused = [(a, e.at, e.code) for a, _ in _greeted(facts) for e in (_client_alert(a),) if e is not None]
    hidden = [(a, p, None) for a, _ in _greeted(facts) for p in (_hidden_alert(a) or broken_off(a),) if p is not None]
    table: dict[int, tuple[Packet, int | None]] = {a.flow.index: (p, code) for a, p, code in (*hidden, *refused)}
    for group in by_service([a for a, _ in _greeted(facts) if a.flow.index in table]):
        alerts = [table[a.flow.index] for a in group]
        last, code = alerts[-1]
        is_hidden = code is None
        if is_hidden and (len(group) < MIN_HIDDEN or (not last.payload_len and _has_worked(facts, group[0]))):
            continue
        silent = "what looks like an encrypted alert" if last.payload_len else "a close and no word"
        how = alert_name(code) if code is not None else silent
        yield facts.finding(
            "TLS-ALERT-CLIENT",
            Stage.TLS,
            f"the device refuses the certificate of {where(group[0])} with {how}, {_times(group)}",
            [p for a, (at, _) in zip(group, alerts, strict=True) for p in (*_offered_at(a), at)],
            attempts=group,
            decisive=[alerts[0][0].frame, last.frame],
            tries=len(group),
            causes=_client_alert_causes(facts, group[-1], code),
            facts={"alert": code},
            adjust=-25 if is_hidden else 0,
        )


def _has_worked(facts: Facts, attempt: Attempt) -> bool:
    """Whether TLS to the same service was good at any time: then a mere close has other reasons."""
    same = (a for a in facts.attempts if a.need is attempt.need and a.port == attempt.port and a.host == attempt.host)
    return any(a.has(Stage.TLS) for a in same)


def _hidden_alert(attempt: Attempt) -> Packet | None:
    """The record by which a device seems to refuse in TLS 1.3: its only encrypted one, an alert's size, then a close.

    Two bytes of alert, one of type and a tag of at most 16 (RFC 8446, section 5.2); a Finished is larger.
    """
    greeted = any(isinstance(e, TlsServerHello) and e.version >= TLS13 for e in attempt.events)
    records = [e for e in attempt.events if isinstance(e, TlsRecords)]
    own = next((e for e in records if e.from_client), None)
    server = next((e for e in records if not e.from_client), None)
    if not greeted or own is None or server is None or own.last_application is None or not server.application:
        return None
    is_short = own.application == 1 and own.last_application_size <= ALERT_SIZE
    closed = end_by(attempt.flow, own.last_application, device=True)
    with_it = own.last_application.flags & (FIN | RST)
    if not is_short or (closed is not None and said_unseen(attempt.flow, closed)):
        return None
    return own.last_application if closed is not None or with_it else None


def _client_alert(attempt: Attempt) -> TlsAlert | None:
    return next(
        (e for e in attempt.events if isinstance(e, TlsAlert) and e.from_client and e.code in CERTIFICATE_CODES), None
    )


def _offered_at(attempt: Attempt) -> list[Packet]:
    """Where the certificate came, or in TLS 1.3 (which hides it) the server's greeting."""
    shown = [e.at for e in attempt.events if isinstance(e, TlsCertificates) and not e.from_client]
    return shown[:1] or [e.at for e in attempt.events if isinstance(e, TlsServerHello)][:1]


def _client_alert_causes(facts: Facts, attempt: Attempt, code: int | None) -> list[Cause]:
    offers = [o for o in offers_of([attempt]) if o.chain]
    signs = [s for o in offers for s in inspection_signs(facts, o)]
    causes = [Cause("TLS inspection: the certificate is not the vendor's", 40, s.text, "middlebox") for s in signs[:1]]
    if code in CLOCK_CODES:
        valid = [o for o in offers if doubt_about(facts, o) is None]
        why = "the certificate is valid at the time of the capture" if valid else "the certificate is not visible"
        causes.append(Cause("the device's clock is wrong", 30 if valid else 15, why, "device"))
    if code == 43:
        causes.append(Cause("the firmware does not know this type of key", 30, "the device says so", "device"))
    if not signs:
        why = "no sign of inspection in the certificate" if offers else "the certificate is encrypted or was not seen"
        causes.append(Cause("the device's list of certificate authorities is too old", 20, why, "device"))
        causes.append(Cause("TLS inspection", 0 if offers else 15, why, "middlebox"))
    return sorted(causes, key=lambda c: -c.weight)


@rule("TLS-INTERCEPT", stage=Stage.TLS, outcomes="Fn", evidence=Evidence.HEURISTIC)
def intercepted(facts: Facts) -> Iterator[Fired]:
    """A box on the way shows a certificate of its own.

    **Seen**: a visible certificate (TLS 1.2 and older) whose issuer names an inspection product, or whose
    public key also stands for an unrelated domain at another address, or whose issuer, which is no public
    authority, signs for such a domain, too; the device then ends the handshake.

    **Means**: TLS inspection replaces the server's certificate, and the device does not trust the box.

    **Not this rule**: one certificate that names both domains, or one shared address (a content network);
    a common issuer alone, because public authorities sign for everybody; TLS 1.3, which hides the certificate.
    Where data still flows both ways it is only a remark.

    **Ask the network team**: exempt the vendor's hosts from TLS inspection.
    """
    offers = offers_of(facts.attempts_saying(TlsCertificates))
    suspected = [(o, s) for o in offers for s in (inspection_signs(facts, o),) if s]
    table = {o.attempt.flow.index: (o, s) for o, s in suspected}
    for group in by_service([o.attempt for o, _ in suspected]):
        for accepted in (False, True):
            part = [a for a in group if a.has(Stage.TLS) is accepted]
            part = part if accepted else [a for a in part if end_of_handshake(table[a.flow.index][0])]
            if part:
                yield _intercepted(facts, part, [table[a.flow.index][0] for a in part], accepted=accepted)


def _intercepted(facts: Facts, group: Sequence[Attempt], offers: Sequence[Offer], *, accepted: bool) -> Fired:
    signs = inspection_signs(facts, offers[-1])
    refusals = [e.at for a in group for e in (_client_alert(a),) if e is not None]
    close = "" if accepted else ", and the device ends the handshake"
    return facts.finding(
        "TLS-INTERCEPT",
        Stage.TLS,
        f"the certificate shown for {where(group[0])} is not the vendor's: {signs[0].text}{close}",
        [p for o in offers for p in (o.at, *(e for e in (end_of_handshake(o),) if e))],
        outcome=Outcome.NOTE if accepted else Outcome.FAILED,
        attempts=group,
        decisive=[offers[0].at.frame, *(p.frame for p in refusals[:1]), *(s.frame for s in signs if s.frame)][:8],
        tries=len(group),
        is_agreed=bool(refusals) or len(signs) > 1,
        causes=[Cause("TLS inspection on a firewall or proxy", s.weight, s.text, "middlebox") for s in signs],
        facts={"issuer": offers[-1].leaf.issuer},
    )


@rule("TLS-NO-TLS", stage=Stage.TLS, outcomes="F", evidence=Evidence.EXPLICIT)
def no_tls(facts: Facts) -> Iterator[Fired]:
    """Something that is no TLS answers the device's TLS greeting.

    **Seen**: the far side's first bytes after a ClientHello are readable text of another protocol.

    **Means**: a captive portal or proxy answers with its own page, or another service listens on the port.

    **Not this rule**: the device itself does not speak TLS on this port (SEN-12).

    **Ask the network team**: what answers on this port: portal, proxy, or a wrong forwarding.
    """
    wrong = [(a, e) for a, _ in _greeted(facts) for e in a.events if isinstance(e, TlsNotTls)]
    table = {a.flow.index: e for a, e in wrong}
    for group in by_service([a for a, _ in wrong]):
        answers = [table[a.flow.index] for a in group]
        text = answers[0].text
        yield facts.finding(
            "TLS-NO-TLS",
            Stage.TLS,
            f"{where(group[0])} answers the TLS greeting with something else: {text!r}",
            [p for a, e in zip(group, answers, strict=True) for p in (*(h.at for h in (greeting(a),) if h), e.at)],
            attempts=group,
            decisive=[answers[0].at.frame],
            tries=len(group),
            is_agreed=text.startswith(("HTTP/1.", "<")),
            causes=_no_tls_causes(text),
            facts={"first_line": text},
        )


def _no_tls_causes(text: str) -> list[Cause]:
    if text.startswith(("HTTP/1.", "<")):
        return [Cause("a captive portal or proxy answers with a web page", 30, "the answer is HTTP", "middlebox")]
    return [Cause("another service listens on this port", 20, "the answer is no TLS", "server")]
