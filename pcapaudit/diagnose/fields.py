"""The fields of a request, taken from a finding: who, where to, what was seen, where to search.

Source: catalogue, section 14.5a. Unknown fields are left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.certificates import offers_of
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.proof import Proof
from pcapaudit.diagnose.switchport import port_of, switch_ports
from pcapaudit.diagnose.twins import twins_of
from pcapaudit.flows.clock import Clock
from pcapaudit.model.addresses import ip_text, is_public, mac_text
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import FarSide, SwitchPort
from pcapaudit.model.words import STAGES, Stage, State

DNS = 53
MAX_FAR = 50
"""Names, addresses or ports of one far side that are kept: a device may be made to try without end."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What stands around a finding: where the capture was taken, and what the device's stages came to."""

    mirror_point: str | None = None
    stages: Mapping[Stage, Proof] = field(default_factory=dict)


# --- the device -----------------------------------------------------------------------------------


def say_device(facts: Facts) -> str:
    """The device for a sentence: ``10.0.0.5 (MAC aa:…, VLAN 10)``, or by its MAC while it has no address."""
    mac = f"MAC {mac_text(facts.mac)}" if facts.mac is not None else ""
    number = _vlan(facts)
    vlan = f"VLAN {number}" if number is not None else ""
    if facts.address is None:
        return "the device with " + ", ".join(part for part in (mac, vlan) if part) if mac else "the device"
    details = ", ".join(part for part in (mac, vlan) if part)
    return ip_text(facts.address) + (f" ({details})" if details else "")


def say_source(facts: Facts) -> str:
    """By what a log knows the device: its address, else its MAC."""
    return ip_text(facts.address) if facts.address is not None else (mac_text(facts.mac) if facts.mac else "the device")


def say_place(facts: Facts) -> str:
    """`` on sw1, port 7`` where the device's own switch port is known, else nothing."""
    own = port_of(facts)
    return f" on {_say_port(own)}" if own is not None and own.port else ""


def _vlan(facts: Facts) -> int | None:
    """The VLAN that the device's frames name, else the one that its switch port announces."""
    port = port_of(facts)
    return facts.host.vlan if facts.host.vlan is not None or port is None else port.vlan


def _say_port(port: SwitchPort) -> str:
    return f"{port.name or 'the switch'}, port {port.port}"


def mirror_point(facts: Facts, situation: Situation) -> str | None:
    """Where the capture was taken: as the engineer said, else the one port that announces itself."""
    if situation.mirror_point:
        return situation.mirror_point
    ports = switch_ports(facts.traffic)
    return _say_port(ports[0]) if len(ports) == 1 and ports[0].port and port_of(facts) is None else None


# --- the far side -----------------------------------------------------------------------------------


def far_sides(facts: Facts, fired: Fired) -> tuple[FarSide, ...]:
    """Where the finding's attempts went: one for each name, in order of the attempts."""
    if not fired.attempts:
        return _target_side(facts, fired)
    by_name: dict[tuple[str, str, str | None], list[Attempt]] = {}
    for a in fired.attempts:
        by_name.setdefault((a.need.id, a.transport, a.host), []).append(a)
    known = list(by_name.items())[:MAX_FAR]
    return tuple(_side(facts, attempts, transport, host, fact) for (fact, transport, host), attempts in known)


def _side(facts: Facts, attempts: Sequence[Attempt], transport: str, host: str | None, fact: str) -> FarSide:
    addresses = tuple(dict.fromkeys(ip_text(a.address) for a in attempts))[:MAX_FAR]
    ports = tuple(sorted({a.port for a in attempts}))[:MAX_FAR]
    return FarSide(host, addresses, _resolved_at(facts, host), transport, ports, fact)


def _target_side(facts: Facts, fired: Fired) -> tuple[FarSide, ...]:
    """The far side of a finding without attempts; of one about names the resolver."""
    target = fired.target
    if fired.stage is Stage.DNS and target.address is not None:
        # The host of such a finding is the name that was asked for; the far side is the resolver.
        return tuple(FarSide(None, (ip_text(target.address),), None, way, (DNS,), None) for way in ("udp", "tcp"))
    if target.host is None and target.address is None:
        return ()
    addresses = (ip_text(target.address),) if target.address is not None else ()
    ports = (target.port,) if target.port is not None else ()
    fact = fired.need.id if fired.need is not None else None
    return (FarSide(target.host, addresses, _resolved_at(facts, target.host), target.transport, ports, fact),)


def _resolved_at(facts: Facts, host: str | None) -> str | None:
    """When the device was last told an address of this name."""
    answers = (m.at.time_ns for q in facts.lookups if q.name == host for r in q.resolved for m in r.answers)
    last = max(answers, default=None)
    return facts.clock.rfc3339(last) if last is not None else None


# --- what was seen ------------------------------------------------------------------------------------


def say_seen(facts: Facts, fired: Fired) -> str:
    """The evidence in one sentence: what, how often, from when to when, in which frames."""
    count = f"{fired.independent} {'attempt' if fired.independent == 1 else 'attempts'} " if fired.attempts else ""
    what = fired.summary.rstrip(".")
    return f"{what}{'; ' if count else ', '}{count}{_window(fired, facts.clock)} ({_frames(fired)})"


def _window(fired: Fired, clock: Clock) -> str:
    first, last = clock.readable(fired.first_ns), clock.readable(fired.last_ns)
    return f"at {first}" if first == last else f"from {first} to {last}"


def _frames(fired: Fired) -> str:
    return f"{'frame' if len(fired.frames) == 1 else 'frames'} {', '.join(str(f) for f in fired.frames)}"


def search_times(facts: Facts, fired: Fired) -> tuple[str, ...]:
    """When to look into a log: the first, a middle and the last attempt."""
    times = [a.began_ns for a in fired.attempts] or [fired.first_ns, fired.last_ns]
    return tuple(dict.fromkeys(facts.clock.rfc3339(t) for t in (times[0], times[len(times) // 2], times[-1])))


def contrast(_facts: Facts, fired: Fired, _situation: Situation) -> list[str]:
    """What works beside what fails."""
    works = dict.fromkeys(c.because for c in fired.causes if c.is_contrast)
    return [f"For contrast: {'; '.join(works)}."] if works else []


def offered_certificate(facts: Facts, fired: Fired, situation: Situation) -> list[str]:
    """For who inspects TLS: whose certificate the device was shown last, where it is visible."""
    shown = [offer for offer in offers_of(fired.attempts) if offer.chain][-1:]
    told = [
        f"At {facts.clock.readable(o.at.time_ns)} it was offered a certificate"
        f" issued by {o.leaf.issuer!r} (frame {o.at.frame})."
        for o in shown
    ]
    return told + contrast(facts, fired, situation)


def proven_network(facts: Facts, fired: Fired, situation: Situation) -> list[str]:
    """For the vendor: the stages before that work, with their frames, and the site's public address."""
    before = STAGES[: STAGES.index(fired.stage)]
    good = [(s, situation.stages[s]) for s in before if s in situation.stages]
    told = [_say_stage(s, p) for s, p in good if p.state is State.OK]
    site = _public_address(facts)
    return [
        *([f"The network is good up to there: {', '.join(told)}."] if told else []),
        *([f"The site's public address is {site}."] if site else []),
    ]


def _say_stage(stage: Stage, proof: Proof) -> str:
    frames = [str(f) for f in proof.frames]
    ends = dict.fromkeys((frames[0], frames[-1])) if frames else {}
    return f"{stage} ({'frames' if len(ends) > 1 else 'frame'} {' and '.join(ends)})" if ends else str(stage)


def _public_address(facts: Facts) -> str | None:
    """The address that the site's router gives the device's connections, where the capture shows both sides."""
    twins = twins_of(facts.traffic).by_inner
    outer = (facts.traffic.flow(twins[i].outer).orig[0] for i in facts.flows if i in twins)
    return next((ip_text(a) for a in outer if is_public(a)), None)
