"""Who drops it? The causes of silence, ranked by what else the capture shows.

Source: catalogue, section 7.2. Weights order the causes; they never change a stage's state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field, replace

import numpy as np
import numpy.typing as npt

from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause
from pcapaudit.diagnose.twins import twins_of
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.flows import layout
from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.flows.latest import received_since
from pcapaudit.flows.numbering import is_one_of, numbering_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_inside, is_private, is_public
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Vantage

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]

WEB_PORTS = frozenset({80, 443})
MAX_CALLS = 20_000
"""Flows to a service that are looked at for contrast, the latest."""


@dataclass(slots=True)
class Causes:
    """Ranked causes, whether another host or port works in the same file, and the frames that show it."""

    ranked: list[Cause] = field(default_factory=list)
    has_contrast: bool = False
    frames: list[int] = field(default_factory=list)


def silence_causes(facts: Facts, attempts: Sequence[Attempt]) -> Causes:
    """Weigh what may swallow these unanswered attempts (all of one need).

    Args:
        facts: The device.
        attempts: Its unanswered attempts; may be empty, then nothing is known.
    """
    result = Causes()
    if not attempts:
        return result
    outage = list(_came_back(facts, attempts))
    for sign in SIGNS:
        if sign is _other_hosts and outage:
            # Others reach the server only after an outage that hit them, too: no contrast.
            continue
        for cause, frames, is_contrast in outage if sign is _came_back else sign(facts, attempts):
            result.ranked.append(replace(cause, is_contrast=True) if is_contrast else cause)
            result.frames.extend(frames)
            result.has_contrast |= is_contrast
    if not result.ranked:
        result.ranked = _undecided(attempts)
    result.ranked.sort(key=lambda c: -c.weight)
    return result


def outage_causes(facts: Facts, attempts: Sequence[Attempt]) -> list[Cause]:
    """An outage at the server, where these failed attempts and other hosts' show one that is over; else nothing."""
    return [cause for cause, _, _ in _came_back(facts, attempts)]


@dataclass(frozen=True, slots=True)
class _Calls:
    """Some TCP flows: rows of the flow table, and columns with an entry a flow."""

    flows: _Numbers
    first_ns: _Numbers
    is_opened: _Flags
    is_answered: _Flags
    is_established: _Flags

    def where(self, mask: _Flags) -> _Calls:
        """Those for which the mask is true."""
        flags = [column[mask] for column in (self.is_opened, self.is_answered, self.is_established)]
        return _Calls(self.flows[mask], self.first_ns[mask], *flags)


Sign = Callable[[Facts, Sequence[Attempt]], Iterable[tuple[Cause, list[int], bool]]]


def _since(facts: Facts, attempts: Sequence[Attempt]) -> int:
    """Since when a success elsewhere is a contrast: where the service worked before, only after it broke."""
    began = attempts[0].began_ns
    own = facts.attempts_of(attempts[0].need)
    return began if any(a.answered_ns is not None and a.answered_ns < began for a in own) else 0


def _undecided(attempts: Sequence[Attempt]) -> list[Cause]:
    """Filter or server: for 80 and 443 the server first, for other ports the filter (catalogue 7.2)."""
    why = "nothing else in the capture tells them apart; a capture outside the firewall decides"
    filtered = Cause("a firewall drops it", 0, why, "filter")
    down = Cause("the server is down", 0, why, "server")
    return [down, filtered] if {a.port for a in attempts} <= WEB_PORTS else [filtered, down]


def _other_hosts(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """Another host of the LAN reaches the same server and port."""
    since_ns = _since(facts, attempts)
    for address, transport, port in dict.fromkeys((a.address, a.transport, a.port) for a in attempts):
        contrast = facts.reached_by_others(address, transport, port, since_ns=since_ns)
        if contrast is not None:
            text = f"{ip_text(contrast.address)} reaches {ip_text(address)}:{port} (frame {contrast.frame})"
            yield (
                Cause("a filter on this device (MAC, address or VLAN policy)", 35, text, "device_filter"),
                [contrast.frame],
                True,
            )
            return


def _other_hosts_fail(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """Another host fails on the same server and port, too."""
    for address, port in dict.fromkeys((a.address, a.port) for a in attempts):
        calls = _calls_of_others(facts, address, port)
        silent = calls.flows[calls.is_opened & ~calls.is_answered]
        if len(silent):
            flow = facts.traffic.flow(int(silent[0]))
            text = f"{ip_text(flow.orig[0])} gets no answer there either (frame {flow.first_frame})"
            yield Cause("the server is down, or a filter for the whole site", 15, text, "server"), [], False
            return


def _calls_of_others(facts: Facts, address: bytes, port: int) -> _Calls:
    """TCP flows of other hosts to a service, as far as they are among the latest."""
    calls = _calls_to(facts.traffic, address, port)
    return calls.where(~numbering_of(facts.traffic).involves(facts.addresses, calls.flows))


def _calls_to(traffic: Traffic, address: bytes, port: int) -> _Calls:
    """The latest TCP flows to a service; found once per capture."""
    known: dict[tuple[bytes, int], _Calls] = traffic.memo.setdefault("calls", {})
    if (address, port) not in known:
        known[address, port] = _read_calls(traffic, traffic.flows_to.get((TCP, address, port), [])[-MAX_CALLS:])
    return known[address, port]


def _read_calls(traffic: Traffic, calls: Sequence[int]) -> _Calls:
    flows = np.array(calls, np.int64)
    words = traffic.digests.table[flows]
    return _Calls(
        flows,
        traffic.result.flows["first_ns"][flows],
        words[:, layout.SYNS] > 0,
        words[:, layout.SIDE + layout.PACKETS] > 0,
        words[:, layout.STATE] & layout.ESTABLISHED > 0,
    )


def _own_success(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """The device reaches the same server on another port, or another server on the same port."""
    targets = {(a.address, a.port) for a in attempts}
    addresses, ports = {a.address for a in attempts}, {a.port for a in attempts}
    since = _since(facts, attempts)
    outward = facts.outward_flows.seen_to_connect
    is_there, is_alike = outward.leads_to(addresses.__contains__), is_one_of(outward.ports, ports)
    is_target = is_there & is_alike
    is_target[is_target] = [target in targets for target in outward.where(is_target).targets]
    there = received_since(facts.traffic, outward.places[is_there & ~is_target], since)
    alike = received_since(facts.traffic, outward.places[is_alike & ~is_target & outward.leads_to(is_public)], since)
    on_another_port = next(there, -1)
    elsewhere = next((index for index in alike if index != on_another_port), -1)
    for index in sorted({on_another_port, elsewhere} - {-1}):
        flow = facts.traffic.flow(index)
        (address, port), frame = flow.resp, flow.first_frame
        if index == on_another_port:
            text = f"the device reaches {ip_text(address)} on port {port} (frame {frame})"
            yield Cause("a port filter, or that one service is down", 25, text, "filter"), [frame], True
        else:
            text = f"the device reaches {ip_text(address)} on the same port {port} (frame {frame})"
            yield Cause("an address filter, or the server or its route is down", 15, text, "filter"), [frame], True


def _everything_fails(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """No host of the file gets anything back from beyond the gateway."""
    if _hears_outside(facts.traffic):
        return
    if any(is_public(f.resp[0]) for h in facts.others for f in _opened_by(facts, h.addresses)):
        yield (
            Cause(
                "the uplink or the gateway is down", 40, "no host gets anything back from beyond the gateway", "uplink"
            ),
            [],
            False,
        )


def _hears_outside(traffic: Traffic) -> bool:
    """Whether any packet of a public address is in the capture; found once per capture."""
    known: bool | None = traffic.memo.get("hears_outside")
    if known is None:
        numbering, flows = numbering_of(traffic), traffic.result.flows
        is_far = numbering.is_far
        spoke = (is_far[numbering.a] & (flows["a_pkts"] > 0)) | (is_far[numbering.b] & (flows["b_pkts"] > 0))
        known = traffic.memo["hears_outside"] = bool(spoke.any())
    return known


def _opened_by(facts: Facts, addresses: Iterable[bytes]) -> Iterable[Flow]:
    for address in addresses:
        for index in facts.traffic.flows_by_address.get(address, [])[:50]:
            flow = facts.traffic.flow(index)
            if flow.orig[0] == address:
                yield flow


def _resolver_policy(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """A public resolver stays silent for this device while the local one answers."""
    queries = [q for lookup in facts.lookups for q in lookup.queries]
    silent = [q for q in queries if is_public(q.resolver) and q.sent and not q.answers]
    answered = [q for q in queries if is_private(q.resolver) and q.answers]
    public_ok = any(is_public(q.resolver) and q.answers for q in queries)
    if len(silent) >= 2 and answered and not public_ok:
        where = f"{ip_text(silent[0].resolver)} (frame {silent[0].frames[0]})"
        text = f"DNS to {where} gets no answer either, the local resolver answers"
        yield (
            Cause("a policy that denies this device or its VLAN everything", 25, text, "policy"),
            [silent[0].frames[0]],
            False,
        )


def _stale_list(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """Only addresses that are not in the vendor's paper fail, those of the paper work."""
    need = attempts[0].need
    if not need.addresses:
        return
    own = facts.attempts_of(need)
    addresses = {a.address for a in (*own, *attempts)}
    listed = {address for address in addresses if any(is_inside(address, net) for net in need.addresses)}
    if any(a.address in listed for a in attempts):
        return
    if any(a.address in listed and a.answered_ns is not None for a in own):
        text = "addresses of the vendor's paper answer, newer ones do not"
        yield Cause("an allow-list by address that is out of date", 30, text, "address_list"), [], False


def _some_addresses(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """Always the same addresses of one name fail while others of it work."""
    host = attempts[0].host
    own = [a for a in facts.attempts_of(attempts[0].need) if host and a.host == host]
    # A connection whose data is unacknowledged at its end has broken as well.
    works = {a.address for a in own if a.answered_ns is not None and not a.flow.unacked_data}
    fails = {a.address for a in attempts}
    if works and not works & fails:
        text = f"{ip_text(min(works))} of the same name works, {', '.join(sorted(ip_text(f) for f in fails))} does not"
        yield Cause("a reputation, country or address filter", 20, text, "filter"), [], False


def _late_answers(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """These attempts, or SYNs of other flows, are answered seconds late: loss or congestion."""
    late = next((a for a in attempts if a.is_late), None)
    if late is not None:
        text = (
            f"{ip_text(late.address)} does answer, when the device has given up (frame {late.flow.received[0].frame})"
        )
        yield Cause("the line is slower than the device waits", 60, text, "loss"), [late.flow.received[0].frame], False
        return
    outward = facts.outward_flows
    is_insisting = facts.traffic.marks.insisting[outward.places]
    for flow in outward.where(is_insisting & outward.is_accepted & outward.is_established)[:1]:
        where = f"{ip_text(flow.resp[0])}:{flow.resp[1]}"
        text = f"{where} answers only after {len(flow.syns)} SYN (frame {flow.syn_acks[0].frame})"
        yield Cause("packet loss or congestion", 30, text, "loss"), [flow.syn_acks[0].frame], False


def _worked_before(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """The same service worked earlier in the file."""
    began, own = attempts[0].began_ns, facts.attempts_of(attempts[0].need)
    before = next((a for a in reversed(own) if a.answered_ns is not None and a.answered_ns < began), None)
    if before is not None:
        last = before.flow.last_answer
        frame = last.frame if last is not None else before.flow.last_frame
        yield (
            Cause(
                "a rule change or an outage at that time", 10, f"the service still answered in frame {frame}", "filter"
            ),
            [frame],
            False,
        )


def _came_back(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """The service fails and then works again, for this device and for the others that call it at the same time."""
    began, ended = attempts[0].began_ns, max(a.last_try_ns for a in attempts)
    own = facts.attempts_of(attempts[0].need)
    if not any(a.answered_ns for a in own[bisect_right(own, ended, key=lambda a: a.began_ns) :]):
        return
    targets = dict.fromkeys((a.address, a.port) for a in attempts)
    later: list[int] = []
    meanwhile: list[int] = []
    for calls in (_calls_of_others(facts, address, port) for address, port in targets):
        is_meanwhile = calls.is_opened & (began <= calls.first_ns) & (calls.first_ns <= ended)
        if (is_meanwhile & calls.is_established).any():
            return
        meanwhile += calls.flows[is_meanwhile].tolist()
        later += calls.flows[calls.is_established & (calls.first_ns > ended)][:1].tolist()
    if not later or not meanwhile:
        return
    traffic = facts.traffic
    failed = {traffic.flow(index).orig[0] for index in meanwhile}
    text = f"it fails for {len(failed) + 1} hosts and works for them again later"
    frame = traffic.flow(later[0]).first_frame
    yield Cause("maintenance or an outage at the server", 30, text, "server"), [frame], False


def _beyond_the_firewall(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """The mirror is outside the firewall, or on both sides of it: is the attempt seen there?"""
    twins = twins_of(facts.traffic)
    forwarded = next((twins.by_inner[a.flow.index] for a in attempts if a.flow.index in twins.by_inner), None)
    is_outside = vantage_of(facts) is Vantage.WAN
    if forwarded is not None or is_outside:
        frame = forwarded.frames[0][1] if forwarded is not None else attempts[0].frames[0]
        text = f"the firewall lets it out (frame {frame})"
        yield Cause("not the firewall: the server is down, or the route to it", 60, text, "server"), [frame], False
        return
    own = next((i for i in facts.flows if i in twins.by_inner), None) if twins.by_inner else None
    if own is not None:
        frame = twins.by_inner[own].frames[0][1]
        text = f"other connections of the device come out of the firewall (frame {frame}), this one does not"
        yield Cause("the firewall drops it", 80, text, "filter"), [frame], True


def _not_registered(facts: Facts, attempts: Sequence[Attempt]) -> Iterable[tuple[Cause, list[int], bool]]:
    """A server that discards without a word looks like a filter (TEK-19)."""
    if attempts[0].transport == "udp" and not any(a.is_late for a in attempts):
        text = "the server discards messages it does not accept without any reply; both look the same"
        yield Cause("a filter on UDP", 15, "no reply to any datagram", "filter"), [], False
        yield Cause("the server does not accept this device (not registered)", 5, text, "registration"), [], False


SIGNS: tuple[Sign, ...] = (
    _other_hosts,
    _other_hosts_fail,
    _own_success,
    _everything_fails,
    _resolver_policy,
    _stale_list,
    _some_addresses,
    _late_answers,
    _worked_before,
    _came_back,
    _beyond_the_firewall,
    _not_registered,
)
