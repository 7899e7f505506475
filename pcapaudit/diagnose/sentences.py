"""The sentences over a device: its verdict in one line, what to do when undecided, LED against capture."""

from __future__ import annotations

from pcapaudit.diagnose.encrypted import uses_encrypted_dns
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.ladder import OWN_STAGES
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.diagnose.verdict import Diagnosis, Weighed
from pcapaudit.model.addresses import ip_text
from pcapaudit.model.far_side import say_list
from pcapaudit.model.report import IndicatorState, Said
from pcapaudit.model.words import Identification, IndicatorKind, Outcome, Role, Stage, State, Vantage, Verdict

SILENCE = frozenset({"TCP-SYN-TIMEOUT", "TCP-ALL-PORTS-FAIL"})
UDP_SILENCE = frozenset({"UDP-NO-REPLY", "UDP-SERVER-WALK"})
STILL = frozenset({"SVC-NO-ATTEMPT", "SILENT-AFTER-OK"})
"""Rules on a device that is still although nothing stops it."""
EARLY_S = 60.0
"""Tries within this time of the capture's beginning may be the rest of an older row."""

CONFLICTS = {
    # Said LED or log (lower case, contained) -> stages of which one must have failed (catalogue, section 14.5).
    "solid red": (Stage.LINK, Stage.DHCP),
    "blinking red": (Stage.GATEWAY, Stage.DNS, Stage.CONNECT, Stage.TLS, Stage.APP, Stage.RETURN),
    "could not resolve host": (Stage.DNS,),
    "waiting for network connection": (Stage.GATEWAY,),
}


def headline(d: Diagnosis) -> str:
    """The verdict in one sentence."""
    if d.verdict is Verdict.HEALTHY:
        return _healthy(d)
    if d.is_refused:
        return _refused(d.facts)
    if d.verdict is Verdict.UNDECIDED:
        return "No fault seen; " + (_open(d) or "the capture does not show whether its service works") + "."
    if d.root is None:
        return "A required service does not work."
    text = d.root.fired.summary.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _refused(facts: Facts) -> str:
    if facts.is_kept_in_part:
        return "No diagnosis: the capture is too large to keep all that this device said."
    return "No diagnosis: most of the traffic is not in the capture."


def _healthy(d: Diagnosis) -> str:
    working = [n for n in d.needs if n.need.required and n.answered_ns is not None]
    if not working:
        return "The network answers this device."
    last = max(working, key=lambda n: n.answered_ns or 0)
    where = max(last.attempts, key=lambda a: a.answered_ns or 0)
    return f"Its service answers: {where.host or ip_text(where.address)}, {where.transport.upper()} {where.port}."


def _open(d: Diagnosis) -> str:
    missing = [n.need.what for n in d.needs if n.need.required and n.state in (State.NOT_OBSERVED, State.NOT_REACHED)]
    return f"not observed: {', '.join(dict.fromkeys(missing))}" if missing else ""


def limits_of(w: Weighed, d: Diagnosis) -> list[str]:
    """What the capture cannot tell about a cause (catalogue, section 14.4), in whole sentences."""
    fired, said = w.fired, list[str]()
    if w.role is not Role.CAUSE:
        return said
    is_open = bool(fired.causes) and not any(c.weight for c in fired.causes)
    if fired.rule in SILENCE and is_open and vantage_of(d.facts) is Vantage.LAN:
        said.append("Unanswered beyond the mirror point: filter or server. A capture outside the firewall decides.")
    if fired.rule in UDP_SILENCE:
        said.append("No reply: blocked on the way, or the server does not accept this device. Both look the same.")
    if d.verdict is Verdict.FAILED and _began_before(fired, d):
        said.append("The capture begins after the failure: what started it is not in it.")
    return said


def _began_before(fired: Fired, d: Diagnosis) -> bool:
    """Whether the device was already trying in vain when the capture began: no boot, no success, tries at once."""
    worked = any(n.answered_ns is not None for n in d.needs if n.need.required)
    early = fired.first_ns - d.facts.start_ns <= ns(EARLY_S)
    return fired.stage not in OWN_STAGES and early and not worked and not d.facts.has_boot and not d.facts.lookups


def next_step(d: Diagnosis) -> str | None:
    """What to capture, or which option to give; only for an undecided device."""
    if d.verdict is not Verdict.UNDECIDED:
        return None
    facts = d.facts
    if d.facts.is_kept_in_part:
        return "Audit a shorter window (--since, --until), or capture this device alone (ether host, then its MAC)."
    if d.is_refused:
        return "Capture every frame of the device's port (mirror or tap): this one has lost most of them."
    if facts.visibility.missing == "inbound":
        return (
            "Only one direction was captured; whether replies came back is unknown. "
            "Mirror both directions (rx and tx) of the device's port."
        )
    if facts.identification == Identification.ADDRESS or facts.signature is None:
        return "This may be the device: say its MAC or vendor (--device, --signature)."
    if any(n.attempts and not n.failing for n in d.needs if n.state is State.NOT_OBSERVED):
        return "The capture sees too little to decide an attempt: capture 10 minutes and power-cycle the device."
    if d.stages[Stage.DNS].state is State.NOT_OBSERVED and uses_encrypted_dns(facts) and not facts.attempts:
        return "Name resolution is encrypted: switch that off on the device, capture again for 10 minutes."
    silent = [f for w in d.findings if w.outcome is Outcome.UNDECIDABLE for f in (w.fired,)]
    if silent:
        advice = f"{silent[0].summary.rstrip('.')}: capture 10 minutes, power-cycle the device after starting."
        return " ".join([advice, *_other_way(silent[0], facts)])
    tried = any(n.attempts for n in d.needs)
    if not tried:
        return "The device tried nothing while captured: start the capture, power-cycle the device, wait 10 minutes."
    return "Start the capture, then power-cycle the device, wait 10 minutes."


def _other_way(silent: Fired, facts: Facts) -> list[str]:
    """What the signature says of silence: some products have a second way out, which no capture of the LAN shows."""
    remedies = facts.signature.remedies if facts.signature is not None else {}
    words = remedies.get(silent.rule) or (remedies.get("SVC-NO-ATTEMPT") if silent.rule in STILL else None)
    return [words.text.strip()] if words is not None and silent.rule in STILL else []


def said_note(d: Diagnosis, shown: IndicatorState | None, said: Said) -> str | None:
    """What the engineer's statement says against the capture; None when nothing was said or they agree."""
    text = " ".join(t for t in (said.led, said.log) if t).lower()
    if not text:
        return None
    if "green" in text:
        return _green_note(d)
    expected = next((stages for words, stages in CONFLICTS.items() if words in text), None)
    if expected is None:
        return None
    failed = [s for s, p in d.stages.items() if p.state is State.FAILED]
    if any(s in expected for s in failed):
        return None
    if failed:
        led = f"; the LED must be {shown.state}" if shown else ""
        return f"The capture says {failed[0]} failed, which is another picture than the one reported{led}."
    return "The capture shows no such fault: it was taken after recovery, at another time, or of another device."


def unheard_note(d: Diagnosis, led: str | None) -> str | None:
    """That nothing was made of an LED, because it is no state that the product's paper knows, or may be several.

    None when there is no such table, or the LED was held against the capture.
    """
    lines = d.facts.signature.indicators if d.facts.signature is not None else ()
    known = list(dict.fromkeys(line.shows for line in lines if line.kind == IndicatorKind.LED))
    seen = (led or "").lower()
    if not seen or not known or any(words in seen for words in ("green", *CONFLICTS)):
        return None
    if sum(state.lower() in seen or seen in state.lower() for state in known) == 1:
        return None
    return f'Nothing was made of "{led}": what the paper knows of the LED is {say_list(known)}.'


def _green_note(d: Diagnosis) -> str | None:
    if d.verdict is not Verdict.FAILED:
        return None
    since = f" since {d.facts.clock.readable(d.since_ns)}" if d.since_ns is not None else ""
    return f"A green LED was reported, but the capture shows a failure{since}: the LED was read at another time."
