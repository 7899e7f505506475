"""What to ask of whom: the forms of the catalogue, section 14.5a, filled from the capture.

Unknown fields are left out, never guessed.
"""

from __future__ import annotations

from dataclasses import replace

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fields import (
    Situation,
    far_sides,
    mirror_point,
    say_device,
    say_place,
    say_seen,
    say_source,
    search_times,
)
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.forms import Form, forms_for
from pcapaudit.model.far_side import end_sentence, say_far_sides, say_list, say_ports, say_service
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Ask, FarSide, Remedy
from pcapaudit.model.times import say_moment
from pcapaudit.model.words import Action, Addressee

BOTH_ENDS = {Addressee.FIREWALL, Addressee.VENDOR}, {Addressee.FIREWALL, Addressee.SITE}
"""Addressees that are asked side by side where the capture leaves filter and server undecided."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Remedies of one finding, likelier addressee first, and the vendor facts they cite."""

    remedies: tuple[Remedy, ...] = ()
    cites: tuple[str, ...] = ()


def advise(facts: Facts, fired: Fired, situation: Situation | None = None) -> Advice:
    """Fill the forms that fit a finding.

    The vendor's own remedy (from the signature) leads; the form for the team that can act follows.
    """
    forms = forms_for(fired)
    own, cites = _vendor_words(facts, fired)
    lead = [Remedy(forms[0].to if forms else Addressee.SITE, own)] if own else []
    asks = [_fill(form, facts, fired, situation or Situation()) for form in forms]
    if {form.to for form in forms} in BOTH_ENDS and any(ask.action is Action.ALLOW for ask in asks):
        asks = [_with_test(ask) for ask in asks]
    filled = [Remedy(form.to, _write(form, ask, facts), ask) for form, ask in zip(forms, asks, strict=True)]
    return Advice((*lead, *filled), cites)


def _vendor_words(facts: Facts, fired: Fired) -> tuple[str, tuple[str, ...]]:
    """The signature's remedy for the rule, else for the stage."""
    if facts.signature is None:
        return "", ()
    remedy = facts.signature.remedies.get(fired.rule) or facts.signature.remedies.get(str(fired.stage))
    if remedy is None:
        return "", ()
    return remedy.text.strip(), tuple(remedy.source)


def _fill(form: Form, facts: Facts, fired: Fired, situation: Situation) -> Ask:
    return Ask(
        action=form.action,
        device=say_source(facts),
        what=form.sentence(facts, fired),
        flows=_flows(form, facts, fired),
        seen=say_seen(facts, fired),
        seen_at=mirror_point(facts, situation),
        remarks=tuple(form.remarks(facts, fired, situation)),
        search_in=form.log,
        search_at=search_times(facts, fired) if form.log else (),
        hint=form.advice(facts, fired),
    )


def _flows(form: Form, facts: Facts, fired: Fired) -> tuple[FarSide, ...]:
    sides = far_sides(facts, fired) if form.has_flows else ()
    if not form.is_by_proxy:
        return sides
    return tuple(replace(far, addresses=(), resolved_at=None, ports=()) for far in sides)


def _with_test(ask: Ask) -> Ask:
    """The request with what one test decides: the capture does not tell a filter from a server that is down."""
    far = ask.flows[0] if ask.flows else None
    where = f" and try {far.host or say_list(far.addresses[:1])} on {say_service(far)}" if far else ""
    test = (
        f"One test decides between the firewall and the far side: connect a PC to the same port with the same "
        f"address{where}, or capture outside the firewall at the same time."
    )
    return replace(ask, hint=f"{ask.hint} {test}" if ask.hint else test)


def _write(form: Form, ask: Ask, facts: Facts) -> str:
    """The parts as sentences about one device."""
    sentences = [_write_request(ask, facts), f"Seen{f' at {ask.seen_at}' if ask.seen_at else ''}: {ask.seen}."]
    sentences += ask.remarks
    if form.log:
        when = ", ".join(say_moment(t) for t in ask.search_at)
        sentences.append(f"Please search {form.log} for {ask.device}{say_ports(ask.flows)} at {when}.")
    return " ".join([*sentences, *([ask.hint] if ask.hint else [])])


def _write_request(ask: Ask, facts: Facts) -> str:
    device = say_device(facts) + say_place(facts)
    if ask.flows:
        far = say_far_sides(ask.flows, is_for_rule=ask.action.makes_rule)
        return f"{end_sentence(ask.what)} From {device} to {far}."
    return end_sentence(f"For {device}: {ask.what[:1].lower()}{ask.what[1:]}")
