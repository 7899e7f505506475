"""Everything a rule may ask about one device: its exchanges, its attempts, the gates, the neighbours.

One ``Facts`` is made per device and handed to every rule. It computes lazily and judges
nothing; rules turn it into findings with ``finding``.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import nlargest
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from pcapaudit.catalog.schema import Need, Signature
from pcapaudit.diagnose.attempts import Attempt, Binder, Series, series_of
from pcapaudit.diagnose.contrast import Contrast, served_flows
from pcapaudit.diagnose.fired import Details, Fired, Target, choose_frames, display_filter
from pcapaudit.diagnose.params import Params, ns
from pcapaudit.diagnose.quoted import IcmpError, errors_about
from pcapaudit.flows.arps import ArpQuestion
from pcapaudit.flows.clock import Clock
from pcapaudit.flows.discovery import discovery_of, is_on_link
from pcapaudit.flows.exchanges import (
    AAAA,
    A,
    DhcpCycle,
    Lookup,
    NtpPoll,
    Ping,
    dhcp_cycles,
    names_by_address,
    pair_ntp,
    pair_pings,
)
from pcapaudit.flows.flow import TCP, UDP
from pcapaudit.flows.groups import by_parts
from pcapaudit.flows.hosts import Host
from pcapaudit.flows.kept import is_kept_in_part
from pcapaudit.flows.latest import answered_ns, received_since
from pcapaudit.flows.naming import Asked
from pcapaudit.flows.numbering import numbering_of
from pcapaudit.flows.outward import Outward
from pcapaudit.flows.owned import opened_flows, owned_flows
from pcapaudit.flows.traffic import Traffic
from pcapaudit.flows.visibility import Visibility, hears_unseen, judge_visibility
from pcapaudit.model.addresses import (
    is_inside,
    is_link_local,
    is_public,
    network,
)
from pcapaudit.model.events import DhcpMessage, Event, Packet
from pcapaudit.model.words import Identification, Outcome, Stage

OF_THE_HOST = frozenset({"addresses", "flows"})
"""Facts that are the same whatever a device is taken for, and small."""
_FEW, _FIRST = 64, 8
"""So many flows are looked at first, where the first that fits is wanted: of all to a service, of the device's own."""


class Facts:
    """One device in one capture.

    Args:
        traffic: The capture.
        host: The box.
        hosts: All boxes of the capture.
        signature: What it is taken for; None for the general ladder.
        identification: By what it was recognised.
        params: Thresholds, the signature's overrides applied.
        values: The engineer's values for the signature's parameters.
    """

    def __init__(
        self,
        traffic: Traffic,
        host: Host,
        hosts: Sequence[Host],
        signature: Signature | None,
        identification: Identification | None,
        params: Params,
        values: Mapping[str, int],
    ) -> None:
        self.traffic = traffic
        self.host = host
        self.hosts = hosts
        self.signature = signature
        self.identification = identification
        self.params = params
        self.values = values
        self.is_lossy = False
        """Set by capture health (CAP-LOSS, CAP-IFACE-DROPS)."""
        self.is_duplicated = False
        """Set by capture health: duplicates that could not be told from repeats (CAP-DUP)."""

    def taken_for(self, signature: Signature | None, identification: Identification | None, params: Params) -> Facts:
        """The same device under a signature; what does not depend on that is not worked out again."""
        other = Facts(self.traffic, self.host, self.hosts, signature, identification, params, self.values)
        vars(other).update({name: value for name, value in vars(self).items() if name in OF_THE_HOST})
        return other

    # --- who and when ---------------------------------------------------------------------------

    @property
    def mac(self) -> bytes | None:
        """The device's MAC; None behind a router."""
        return self.host.mac

    @cached_property
    def addresses(self) -> frozenset[bytes]:
        """Every address the device used."""
        return frozenset(self.host.addresses)

    @cached_property
    def address(self) -> bytes | None:
        """The address it used last and most ordinarily: IPv4 before IPv6, link-local only if there is no other."""
        v4 = [a for a in self.host.addresses if len(a) == 4]
        usable = [a for a in v4 if not is_link_local(a)]
        leased = [c.ack.yiaddr for c in self.dhcp if c.ack is not None and c.ack.yiaddr in v4]
        if leased:
            return leased[-1]
        known = usable or v4 or [a for a in self.host.addresses if not is_link_local(a)] or list(self.host.addresses)
        return known[-1] if known else None

    @property
    def clock(self) -> Clock:
        """What dates a moment as the file does."""
        return self.traffic.clock

    @property
    def start_ns(self) -> int:
        """First time stamp of the capture."""
        return self.traffic.start_ns

    @property
    def end_ns(self) -> int:
        """The wire was watched until then."""
        return self.traffic.end_ns

    @property
    def is_outside_view(self) -> bool:
        """Whether a router stands between the device and the mirror: its own network is not in view."""
        return self.host.behind_router and (self.mac is None or (self.address is not None and is_public(self.address)))

    @cached_property
    def goes_out_unseen(self) -> bool:
        """One-sided capture in which the device sends to far addresses: it must know its way there."""
        return self.visibility.missing == "inbound" and any(map(is_public, self.outward_flows.far))

    @cached_property
    def has_boot(self) -> bool:
        """Whether the device's start lies in the window (a DISCOVER, or a REQUEST that is no renewal)."""
        return any(c.discovers or (c.requests and not c.is_renewal) for c in self.dhcp)

    # --- exchanges ------------------------------------------------------------------------------

    @cached_property
    def flows(self) -> Sequence[int]:
        """Flows of the device, by address and (where both are known) by MAC."""
        return owned_flows(self.traffic, self.addresses, self.mac)

    @cached_property
    def lookups(self) -> list[Lookup]:
        """DNS lookups of the device."""
        return self.traffic.lookups_of(self.addresses, self.mac)

    @cached_property
    def names(self) -> ChainMap[bytes, list[str]]:
        """Address -> names known for it: the device's own lookups, else what other hosts were told."""
        own = {a: list(dict.fromkeys(n for n, _ in found)) for a, found in self._told.items()}
        # One table for all devices of the capture; a copy for each would grow with hosts times names.
        return ChainMap(self._and_translated(own), self.traffic.names)

    @cached_property
    def asked(self) -> list[Asked]:
        """The lookups of the device in short."""
        return self.traffic.naming.asked_by(self.addresses, self.mac)

    @cached_property
    def names_told(self) -> dict[bytes, list[str]]:
        """Address -> names that the device was told it for, by its lookups in short."""
        own: dict[bytes, dict[str, None]] = {}
        for name, address in ((asked.name, address) for asked in self.asked for address in asked.told):
            own.setdefault(address, {})[name] = None
        return self._and_translated({address: list(names) for address, names in own.items()})

    def _and_translated(self, own: dict[bytes, list[str]]) -> dict[bytes, list[str]]:
        """The same, and the names of those IPv6 addresses that stand for an IPv4 address behind a NAT64."""
        return own | {six: names for four, names in own.items() for six in self.traffic.translations.get(four, ())}

    @cached_property
    def _told(self) -> dict[bytes, list[tuple[str, Packet]]]:
        return names_by_address(self.lookups)

    @cached_property
    def dhcp(self) -> list[DhcpCycle]:
        """DHCP cycles of the device."""
        return dhcp_cycles(self.traffic.dhcp_by_client.get(self.mac, []), self.mac) if self.mac is not None else []

    @cached_property
    def lease(self) -> DhcpMessage | None:
        """The last ACK the device got."""
        return next((c.ack for c in reversed(self.dhcp) if c.ack is not None), None)

    @cached_property
    def arps(self) -> list[ArpQuestion]:
        """What the device asked by ARP."""
        return self.traffic.arp_questions(self.mac) if self.mac is not None else []

    @cached_property
    def polls(self) -> list[NtpPoll]:
        """NTP polls of the device."""
        return pair_ntp(self.traffic.ntp_of(self.addresses), self.addresses)

    @cached_property
    def pings(self) -> list[Ping]:
        """Echo requests of the device."""
        return pair_pings(self.traffic.icmp_of(self.addresses), self.addresses)

    @cached_property
    def icmp_errors(self) -> list[IcmpError]:
        """ICMP errors that quote a packet of the device, in frame order (catalogue, section 4: validation)."""
        return errors_about(self.traffic, self.addresses)

    def errors_about(self, attempt: Attempt) -> list[IcmpError]:
        """ICMP errors about one attempt."""
        return self._errors_by_flow.get(attempt.flow.index, [])

    @cached_property
    def _errors_by_flow(self) -> dict[int, list[IcmpError]]:
        table: dict[int, list[IcmpError]] = {}
        for error in self.icmp_errors:
            if error.flow is not None:
                table.setdefault(error.flow, []).append(error)
        return table

    # --- the network around ------------------------------------------------------------------------

    @cached_property
    def gateway(self) -> bytes | None:
        """Address of the default gateway: DHCP option 3, else the owner of the MAC that off-link frames go to."""
        for cycle in reversed(self.dhcp):
            if cycle.ack is not None and cycle.ack.routers:
                return cycle.ack.routers[0]
        mac = self.gateway_mac
        if mac is None:
            return None
        said = self.traffic.arp_address_of(mac)
        # A stack checks a neighbour that it knows by a request to its MAC alone (RFC 1122, 2.3.2.1).
        asked = (q.target for q in self.arps if any(m.at.dmac == mac for m in q.requests))
        return said or next(asked, None) or discovery_of(self.traffic).routers.get(mac)

    @cached_property
    def gateway_mac(self) -> bytes | None:
        """MAC that the device's off-link frames go to."""
        outward = self.outward_flows
        sent = (Outward(self.traffic, part) for part in by_parts(outward.places[outward.has_sent], _FIRST))
        beyond = (flow for part in sent for flow in part.where(part.leads_to(self._is_far_off)))
        return next((mac for flow in beyond for mac in (flow.sent[0].dmac,) if mac is not None), None)

    def _is_far_off(self, address: bytes) -> bool:
        return is_public(address) and (len(address) == 4 or self.is_off_link(address))

    @cached_property
    def outward_flows(self) -> Outward:
        """TCP and UDP flows that the device opened, in order; DHCP left out."""
        return opened_flows(self.traffic, self.addresses, self.flows)

    @cached_property
    def called(self) -> frozenset[bytes]:
        """Addresses to which the device opened a TCP connection, or tried to."""
        outward = self.outward_flows
        return frozenset(outward.where((outward.protocols == TCP) & outward.has_opening).far)

    @cached_property
    def leads_beyond(self) -> npt.NDArray[np.bool_]:
        """For each of the outward flows whether it leads beyond the gateway."""
        return self.outward_flows.leads_to(self.is_off_link)

    @cached_property
    def flows_beyond(self) -> Outward:
        """Those of the outward flows that lead beyond the gateway."""
        return self.outward_flows.where(self.leads_beyond)

    @cached_property
    def heard_beyond_ns(self) -> list[int]:
        """When each of these was last answered, ascending; of a far side that is not seen the device's word counts."""
        return sorted(filter(None, answered_ns(self.traffic, self.flows_beyond.places)))

    def is_off_link(self, address: bytes) -> bool:
        """Whether an address lies beyond the gateway: outside the lease's subnet, or public when no lease is known."""
        known = self._off_link.get(address)
        if known is None:
            known = self._off_link[address] = self._lies_beyond(address)
        return known

    @cached_property
    def _off_link(self) -> dict[bytes, bool]:
        return {}

    def _lies_beyond(self, address: bytes) -> bool:
        if self.lease is not None and self.lease.mask is not None and len(address) == 4:
            return not is_inside(address, network(self.lease.yiaddr, self.lease.mask))
        if len(address) == 16 and is_on_link(self.traffic, self.addresses, address):
            return False
        return is_public(address)

    @cached_property
    def others(self) -> list[Host]:
        """Other hosts of the LAN (routers left out)."""
        return [h for h in self.hosts if h is not self.host and not h.is_router and h.mac is not None]

    @cached_property
    def others_last_ns(self) -> int:
        """When another host was last seen."""
        latest: list[Host] | None = self.traffic.memo.get("latest_hosts")
        if latest is None:
            latest = self.traffic.memo["latest_hosts"] = nlargest(2, self.hosts, key=lambda h: h.last_ns)
        return next((h.last_ns for h in latest if h != self.host), 0)

    def reached_by_others(self, address: bytes, transport: str, port: int, *, since_ns: int = 0) -> Contrast | None:
        """Another host's two-way flow to the same server and port that was answered then or later, if there is one."""
        proto = TCP if transport == "tcp" else UDP
        flows = np.array(served_flows(self.traffic).get((proto, address, port), ()), np.int64)
        index = next(self._received_by_others(flows, since_ns), None)
        if index is None:
            return None
        flow = self.traffic.flow(index)
        return Contrast(flow.orig[0], address, port, flow.received[0].frame)

    def _received_by_others(self, flows: npt.NDArray[np.int64], since_ns: int) -> Iterator[int]:
        """Those of some flows that are not the device's and were answered then or later, in order."""
        for part in by_parts(flows, _FEW):
            is_own = numbering_of(self.traffic).involves(self.addresses, part)
            yield from received_since(self.traffic, part[~is_own], since_ns)

    # --- attempts -----------------------------------------------------------------------------------

    @cached_property
    def attempts(self) -> list[Attempt]:
        """Attempts at the services of the signature, in order; empty without a signature."""
        if self.signature is None:
            return []
        certain = self.identification == Identification.ENGINEER
        binder = Binder(self.traffic, self.signature, self.names, self.values, is_certain=certain, told=self._told)
        return binder.attempts(self.flows, self.addresses)

    @cached_property
    def series(self) -> list[Series]:
        """Attempts grouped by endpoint."""
        return series_of(self.attempts)

    def attempts_of(self, need: Need) -> list[Attempt]:
        """Attempts of one need."""
        return self._attempts_by_need.get(id(need), [])

    @cached_property
    def _attempts_by_need(self) -> dict[int, list[Attempt]]:
        table: dict[int, list[Attempt]] = {}
        for attempt in self.attempts:
            table.setdefault(id(attempt.need), []).append(attempt)
        return table

    def attempts_saying(self, kind: type[Event]) -> list[Attempt]:
        """Attempts on which a message of this class was read."""
        return self._attempts_by_message.get(kind, [])

    @cached_property
    def _attempts_by_message(self) -> dict[type[Event], list[Attempt]]:
        table: dict[type[Event], list[Attempt]] = {}
        for attempt in self.attempts:
            for kind in dict.fromkeys(map(type, attempt.events)):
                table.setdefault(kind, []).append(attempt)
        return table

    @cached_property
    def worked_out(self) -> dict[Any, Any]:
        """What rules work out of the device for one another (``once``)."""
        return {}

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """Needs of the signature."""
        return self.signature.needs if self.signature is not None else ()

    @cached_property
    def needed_lookups(self) -> list[Lookup]:
        """Lookups (A and AAAA) of names that a need of the signature mentions.

        A signature whose servers have no known names (TEK) takes every name for one of them:
        such a device asks for nothing else.
        """
        if self.signature is None:
            return []
        nameless = self.signature.walks_servers
        patterns = [p for need in self.needs for p in need.hosts]
        return [
            q for q in self.lookups if q.kind in (A, AAAA) and (nameless or any(p.matches(q.name) for p in patterns))
        ]

    def needs_name(self, name: str, *, required: bool = True) -> bool:
        """Whether a (required) need mentions the name."""
        if self.signature is not None and self.signature.walks_servers:
            return True
        return any(p.matches(name) for need in self.needs if need.required or not required for p in need.hosts)

    # --- gates --------------------------------------------------------------------------------------

    @property
    def is_kept_in_part(self) -> bool:
        """Whether packets of the device that say something are in the capture and not kept (CAP-TABLE-FULL)."""
        return is_kept_in_part(self.traffic, self.host)

    @cached_property
    def visibility(self) -> Visibility:
        """Which directions of the device the capture holds."""
        return judge_visibility(self.traffic, self.host, self.flows, self._used_unseen_answers(), self.params.vis_min)

    def _used_unseen_answers(self) -> Iterator[int]:
        """First frames of flows to public addresses after a name was asked whose answer is not in the file.

        A name that was asked again got no answer (ground rule G1): the device has its address from elsewhere.
        """
        asked = [lookup.queries[0] for lookup in self.lookups if len(lookup.sent) == 1]
        if not asked or any(q.answers for lookup in self.lookups for q in lookup.queries):
            return
        first, outward = min(q.began_ns for q in asked), self.outward_flows
        is_near = (outward.first_ns >= first) & (outward.first_ns <= first + ns(60))
        for flow in outward.where(is_near & outward.leads_to(is_public)):
            if flow.resp[1] not in (53, 123):
                yield flow.first_frame

    def has_waited(self, since_ns: int, wait_s: float) -> bool:
        """Whether the capture goes on for that many seconds after the time."""
        return self.end_ns - since_ns >= ns(wait_s)

    def counted(self, tries: Sequence[Packet], wait_s: float, *, last_activity_ns: int | None = None) -> list[Packet]:
        """The tries that count as unanswered (ground rule G3).

        A try counts when the device itself tried again later (``last_activity_ns`` or a later
        entry), or when the capture went on long enough after it.
        """
        newest = max([last_activity_ns or 0, *(p.time_ns for p in tries)])
        return [p for p in tries if p.time_ns < newest or self.has_waited(p.time_ns, wait_s)]

    @cached_property
    def sees_inbound(self) -> bool:
        """Gate G2: frames to the device would have been seen, from far away too, and at least some were."""
        is_open = self.visibility.received >= self.params.vis_min and self.visibility.sees_inbound
        return is_open and not hears_unseen(self.outward_flows)

    # --- findings -----------------------------------------------------------------------------------

    def finding(
        self, rule: str, stage: Stage, summary: str, packets: Iterable[Packet], **details: Unpack[Details]
    ) -> Fired:
        """Make a finding from its packets (at least one).

        Args:
            rule: Catalogue id.
            stage: Stage that it stops or speaks of.
            summary: The evidence in one sentence, without a full stop.
            packets: Packets that show it, in any order.
            **details: See ``Details``; what is left out follows from attempts and packets.
        """
        ordered = sorted(packets, key=lambda p: p.frame)
        attempts = tuple(details.get("attempts", ()))
        first = attempts[0] if attempts else None
        times = [p.time_ns for p in ordered]
        target = details.get("target") or (
            Target(first.host, first.address, first.transport, first.port) if first is not None else Target()
        )
        return Fired(
            rule=rule,
            stage=stage,
            outcome=details.get("outcome", Outcome.FAILED),
            summary=summary,
            frames=choose_frames(ordered, decisive=details.get("decisive", ())),
            first_ns=min(times),
            last_ns=max(times),
            began_ns=details.get("began_ns") or max((a.began_ns for a in attempts), default=max(times)),
            attempts=attempts,
            need=details.get("need") or (first.need if first is not None else None),
            target=target,
            lookups=tuple(details.get("lookups", ())),
            tries=details.get("tries") or len(ordered),
            independent=details.get("independent") or max(1, len(attempts)),
            has_contrast=details.get("has_contrast", False),
            is_agreed=details.get("is_agreed", False),
            is_optional=details.get("is_optional", False),
            causes=list(details.get("causes", ())),
            facts=dict(details.get("facts", {})),
            detail=details.get("detail"),
            filter=display_filter(self.address, self.mac, target, {a.port for a in attempts}),
            adjust=details.get("adjust", 0),
        )
