"""A capture, judged: which devices are in it, what each one's verdict is, how healthy the capture is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pcapaudit.catalog.identify import Identified, Identifier
from pcapaudit.catalog.schema import Signature
from pcapaudit.diagnose.capture_info import capture_info
from pcapaudit.diagnose.choice import choose_hosts
from pcapaudit.diagnose.contrast import served_flows
from pcapaudit.diagnose.crew import Alone, Crew
from pcapaudit.diagnose.document import device_report
from pcapaudit.diagnose.facts import OF_THE_HOST, Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.health.registry import View, all_checks, caps_for, examine_capture, examine_device, in_order
from pcapaudit.diagnose.params import Params
from pcapaudit.diagnose.registry import all_rules
from pcapaudit.diagnose.traits import count_contacts, forget_contacts, traits_of
from pcapaudit.diagnose.twins import is_outer_face
from pcapaudit.diagnose.verdict import Diagnosis, diagnose_device
from pcapaudit.flows.hosts import Host, find_hosts
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, mac_text, parse_ip, parse_mac
from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import BusyHost, CaptureInfo, DeviceReport, HealthItem, NearMiss, Said
from pcapaudit.model.words import Identification, Stage, Verdict

GoOn: TypeAlias = Callable[[int, int], bool]
Tell: TypeAlias = Callable[[DeviceReport], None]

ALONE = Alone()
BUSIEST = 10
_WORKED_OUT = frozenset(name for name, value in vars(Facts).items() if isinstance(value, cached_property))
DECLINE = 4
LEFT_ALONE = frozenset({"LINK-8021X", "LINK-NOT-HEARD", "LINK-WRONG-VLAN", "ARP-GW-NO-REPLY", "ND-GW-NO-REPLY"})
"""Rules that say, when they are the cause, that a device has no network at all."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of every capture of an audit.

    ``values`` are the engineer's values for the signatures' parameters; ``overrides`` those
    thresholds that he set himself (they beat the signature's own).
    """

    signatures: Sequence[Signature]
    params: Params = field(default_factory=Params)
    overrides: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, int] = field(default_factory=dict)
    signature: str | None = None
    device: str | None = None
    all_devices: bool = False
    said: Said = field(default_factory=lambda: Said(None, None))
    why: bool = False


@dataclass(frozen=True, slots=True)
class CaptureAnalysis:
    """One capture's share of the report."""

    info: CaptureInfo
    devices: tuple[DeviceReport, ...]
    hosts: tuple[BusyHost, ...]
    nearest: tuple[NearMiss, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """A capture and its hosts, none of them judged yet.

    Attributes:
        traffic: The capture, on a clock that was never set.
        hosts: Those that are looked at.
        left_out: So many more may be devices.
        busiest: Those of all that sent most, the first one first.
    """

    traffic: Traffic
    hosts: Sequence[Host]
    left_out: int
    busiest: Sequence[Host]

    def look_ahead(self) -> None:
        """Work out what is asked of the capture for most hosts, before copies of this process would each do it."""
        traffic, naming = self.traffic, self.traffic.naming
        count_contacts(traffic)
        served_flows(traffic)
        # Tables are made when they are first looked at, or with the first question that is put to them.
        _ = naming.by_asker, naming.answers_from, naming.answers_about, naming.names
        _ = traffic.dhcp_by_client, traffic.flows_to
        traffic.ntp_of(())
        traffic.icmp_of(())
        traffic.arp_questions(b"")
        for flow in np.flatnonzero(traffic.spoken.read)[:1].tolist():
            traffic.conversation(flow)
        all_rules()
        all_checks()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A host and what it was recognised as. ``number``: its place among the hosts."""

    number: int
    facts: Facts
    identified: Identified
    is_named: bool
    """The engineer named this very host."""


def analyse(
    traffic: Traffic, request: Request, capture: int, go_on: GoOn | None = None, tell: Tell | None = None
) -> CaptureAnalysis:
    """Judge every device of a capture, in this process alone; see ``judge``."""
    return judge(survey(traffic, request), request, capture, go_on, tell)


def survey(traffic: Traffic, request: Request) -> Survey:
    """Find the hosts of a capture."""
    steady = traffic.on_steady_clock()
    found = find_hosts(steady)
    hosts, left_out = choose_hosts(steady, found, lambda host: _is_named(host, request.device))
    busiest = sorted(found, key=lambda h: (-h.frames, h.first_frame))[:BUSIEST]
    return Survey(steady, hosts, left_out, busiest)


def judge(
    surveyed: Survey,
    request: Request,
    capture: int,
    go_on: GoOn | None = None,
    tell: Tell | None = None,
    crew: Crew = ALONE,
) -> CaptureAnalysis:
    """Judge every device of a capture.

    Args:
        surveyed: The capture.
        request: What is asked.
        capture: Index of the capture in the report.
        go_on: Asked before each device, with the numbers judged and to judge; False ends it with those judged.
        tell: Told each device of the report as it is judged; what comes later changes nothing of it.
        crew: Who does it.
    """
    traffic, hosts = surveyed.traffic, surveyed.hosts
    candidates = _recognise(traffic, hosts, request, crew)
    known = {c.number: (_facts_for(c, request), c) for c in _choose(candidates, request)}
    chosen = {number: (f, c) for number, (f, c) in known.items() if _may_be_listed(f, c, request)}
    for c in candidates:
        _forget(c.facts)
    named = "the device" if request.device is not None else "the product" if request.signature is not None else None
    view = View(traffic, [f for f, _ in chosen.values()], request.params, surveyed.left_out, named)
    items = examine_capture(view)
    judged = crew.gather(_Judge(chosen, view, items, request, capture), list(chosen))
    devices: list[DeviceReport] = []
    macs: set[str] = set()
    for count, (own_facts, _) in enumerate(chosen.values()):
        if go_on is not None and not go_on(count, len(chosen)):
            break
        own, device = next(judged)
        items += own
        if device is not None:
            devices.append(device)
            macs |= {mac_text(own_facts.mac)} if own_facts.mac is not None else set()
            if tell is not None:
                tell(device)
    info = capture_info(traffic, [i for i in in_order(items) if i.device is None or i.device in macs])
    return CaptureAnalysis(info, tuple(devices), _busy(surveyed.busiest, capture), _nearest(candidates, request))


def _recognise(traffic: Traffic, hosts: Sequence[Host], request: Request, crew: Crew) -> list[_Candidate]:
    """What each host is; from here on the capture knows which addresses are devices."""
    identifier = Identifier(request.signatures)
    facts = [Facts(traffic, host, hosts, None, None, request.params, request.values) for host in hosts]

    def identify(number: int) -> Identified:
        found = identifier.identify(traits_of(facts[number]))
        _forget(facts[number], but_for=OF_THE_HOST)
        return found

    identified = crew.share(identify, range(len(hosts)))
    candidates = [_Candidate(n, facts[n], i, _is_named(hosts[n], request.device)) for n, i in enumerate(identified)]
    forget_contacts(traffic)
    traffic.memo["service_hosts"] = _service_hosts(candidates)
    traffic.memo["hosts_by_vendor"] = _hosts_by_vendor(candidates)
    return candidates


class _Judge:
    """Judges a device, by its number, and gives up what was made for it.

    Args:
        chosen: The devices worth it.
        view: What the health checks look at.
        items: What they say of the capture as a whole.
        request: What is asked.
        capture: Index of the capture in the report.
    """

    def __init__(
        self,
        chosen: Mapping[int, tuple[Facts, _Candidate]],
        view: View,
        items: Iterable[HealthItem],
        request: Request,
        capture: int,
    ) -> None:
        self._chosen = chosen
        self._view = view
        self._shared = tuple(items)
        self._request = request
        self._capture = capture
        self._last = _last_devices(view.traffic, {number: facts for number, (facts, _) in chosen.items()})

    def __call__(self, number: int) -> tuple[list[HealthItem], DeviceReport | None]:
        """The capture's health for the device, and its report if it is to be listed."""
        request, (facts, candidate) = self._request, self._chosen[number]
        own = examine_device(self._view, facts)
        judged = diagnose_device(facts, caps_for(facts, [*self._shared, *own]), is_witnessed=request.why)
        is_listed = _is_listed(judged, candidate, request)
        report = device_report(judged, candidate.identified, self._capture, request.said) if is_listed else None
        flows = np.array(facts.flows, np.int64)
        self._view.traffic.forget(flows[self._last[flows] == number].tolist(), (facts.addresses, facts.mac))
        _forget(facts)
        return own, report


def _last_devices(traffic: Traffic, devices: Mapping[int, Facts]) -> npt.NDArray[np.uint32]:
    """Per flow: which of the devices is the last that takes part in it; nobody reads the flow behind that one."""
    last = np.zeros(len(traffic.result.flows), np.uint32)
    for number, facts in devices.items():
        last[np.array(facts.flows, np.int64)] = number
    return last


def _forget(facts: Facts, *, but_for: frozenset[str] = frozenset()) -> None:
    """Give up what was worked out of a device's packets; of hundreds in a capture one is judged at a time."""
    for name in (_WORKED_OUT - but_for) & vars(facts).keys():
        del vars(facts)[name]


def _is_named(host: Host, device: str | None) -> bool:
    if device is None:
        return False
    try:
        return parse_ip(device) in host.addresses
    except ValueError:
        pass
    try:
        return host.mac == parse_mac(device)
    except ValueError:
        raise UsageError(f"--device {device}: neither a MAC nor an IP address") from None


def _service_hosts(candidates: Sequence[_Candidate]) -> frozenset[bytes]:
    """Addresses of recognised devices."""
    return frozenset(a for c in candidates if c.identified.signature for a in c.facts.host.addresses)


def _hosts_by_vendor(candidates: Sequence[_Candidate]) -> dict[str, frozenset[bytes]]:
    """Vendor -> addresses of its recognised devices: the peers that its others look for (NEXUS for the iPad)."""
    found: dict[str, frozenset[bytes]] = {}
    for c in candidates:
        vendor, _, _ = (c.identified.signature or "").partition("/")
        found[vendor] = found.get(vendor, frozenset()) | frozenset(c.facts.host.addresses)
    return found


def _choose(candidates: Sequence[_Candidate], request: Request) -> list[_Candidate]:
    """Candidates worth a diagnosis: the named one alone, or the recognised ones and those in trouble."""
    if request.device is not None:
        return [c for c in candidates if c.is_named]
    usable = [c for c in candidates if not c.facts.host.is_router and not is_outer_face(c.facts.traffic, c.facts.host)]
    if request.signature is not None and not any(c.identified.signature == request.signature for c in usable):
        return _likeliest(usable, request)
    return usable


def _likeliest(usable: Sequence[_Candidate], request: Request) -> list[_Candidate]:
    """The engineer says what the device is, nothing in the capture does: the host that comes nearest."""
    scored = [(_resemblance(_with_signature(c, request)), c) for c in usable]
    best = max((score for score, _ in scored), default=0)
    if best:
        return [c for score, c in scored if score == best][:1]
    silent = [c for c in usable if c.facts.dhcp and c.facts.lease is None]
    return silent if len(silent) == 1 else []


def _resemblance(facts: Facts) -> int:
    """How much of what the host did fits the signature; names count only where the signature knows its names."""
    is_nameless = facts.signature is not None and facts.signature.walks_servers
    return len(facts.attempts) + (0 if is_nameless else 2 * len(facts.needed_lookups))


def _with_signature(candidate: _Candidate, request: Request) -> Facts:
    signature = next(s for s in request.signatures if s.id == request.signature)
    return candidate.facts.taken_for(signature, Identification.ENGINEER, request.params)


def _facts_for(c: _Candidate, request: Request) -> Facts:
    """Facts under the signature that the engineer named or the packets show."""
    said = request.signature if (c.is_named or c.identified.signature in (None, request.signature)) else None
    wanted = said if said is not None and _may_be(c, request) else c.identified.signature
    signature = next((s for s in request.signatures if s.id == wanted), None)
    kind = c.identified.kind if wanted == c.identified.signature else None
    if kind is Identification.ADDRESS and (said is not None or c.is_named):
        # An old address alone is a guess; the engineer's word is not.
        kind = Identification.ENGINEER
    if signature is not None and kind is None:
        kind = Identification.ENGINEER
    own = {n: v for n, v in (signature.thresholds if signature else {}).items() if n not in request.overrides}
    return c.facts.taken_for(signature, kind, request.params.changed(own))


def _may_be(c: _Candidate, request: Request) -> bool:
    """Whether the engineer's signature is meant for this host."""
    return c.is_named or c.identified.signature == request.signature or bool(_likeliest([c], request))


def _may_be_listed(facts: Facts, c: _Candidate, request: Request) -> bool:
    """Whether a diagnosis is worth its time; for the servers behind a router, which only answer, it is not."""
    if facts.signature is not None or facts.mac is not None or c.is_named:
        return True
    return request.all_devices and bool(facts.outward_flows)


def _is_listed(d: Diagnosis, c: _Candidate, request: Request) -> bool:
    """Which devices the report lists (contract: devices that match no signature)."""
    if request.signature is not None and request.device is None:
        return d.facts.signature is not None and d.facts.signature.id == request.signature
    if d.facts.signature is not None or c.is_named or request.all_devices:
        return True
    if d.verdict is not Verdict.FAILED or d.facts.mac is None or d.root is None:
        return False
    return _has_no_network(d.root.fired, d.facts)


def _has_no_network(fired: Fired, facts: Facts) -> bool:
    """Reasons to list a device that matches no signature: no usable lease, no gateway, no name at all."""
    is_declined = fired.rule == "ARP-DUP-IP" and any(c.of_kind(DECLINE) for c in facts.dhcp)
    return fired.stage in (Stage.DHCP, Stage.DNS) or fired.rule in LEFT_ALONE or is_declined


def _busy(hosts: Sequence[Host], capture: int) -> tuple[BusyHost, ...]:
    return tuple(
        BusyHost(
            mac_text(h.mac) if h.mac is not None else None,
            tuple(ip_text(a) for a in h.addresses),
            h.frames,
            None,
            capture,
        )
        for h in hosts
    )


def _nearest(candidates: Sequence[_Candidate], request: Request) -> tuple[NearMiss, ...]:
    """Products that are there though another was asked for, then those of which some sign was: each once."""
    found: dict[str, NearMiss] = {}
    for c in candidates:
        own = c.identified.signature
        if own is not None and request.signature not in (None, own):
            found[own] = NearMiss(own, c.identified.by)
    for c in candidates:
        for near in c.identified.nearest:
            found.setdefault(near.signature, near)
    return tuple(found.values())[:5]
