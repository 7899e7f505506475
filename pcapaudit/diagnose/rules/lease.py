"""DHCP beyond one exchange: leases that come late, renewals that fail, relays whose server is silent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.flows.exchanges import DhcpCycle
from pcapaudit.model.addresses import BROADCAST_V4, ip_text, mac_text
from pcapaudit.model.events import DhcpMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage

DISCOVER, REQUEST, ACK = 1, 3, 5
REPLY = 2
"""BOOTP op of everything that a server sends (RFC 2131, section 2)."""
SERVER_PORT = 67
NOT_SET = bytes(4)
MAX_LATE_S = 50.0
"""From the first DISCOVER on, what a late switch port explains (catalogue: DHCP-LATE-START).

By time alone: RFC 2131's gaps put four tries into it, udhcpc's put ten into spanning tree's 30 s (measured).
"""
OWN_CHECK_S = 5.0
"""A server pings an address before it offers it (RFC 2131, section 3.1) and takes up to 3 s; that is no late port."""
MAX_RELAYS = 8
"""Relays, and servers behind each, that are looked at for one client; a site has one or two."""
OTHERS = 2
ALIKE = 0.25
SAME_TERM = 0.4
"""Share of the lease: renewals nearer to each other are tries of one renewal, which is due at half of the lease."""
PAST_END_S = 5.0
"""A packet this long after the lease's end shows that the lease was renewed; less may be the clients' clock."""


# --- late ---------------------------------------------------------------------------------------------------


@rule("DHCP-LATE-START", stage=Stage.DHCP, outcomes="n", evidence=Evidence.BEHAVIOUR)
def late_start(facts: Facts) -> Iterator[Fired]:
    """The first requests for an address are lost, a later one of the same start is served.

    **Seen**: DISCOVERs without an offer in the first 50 seconds of a start, then OFFER and ACK.

    **Means**: the switch port does not forward yet (spanning tree listens and learns for 30 s), it waits for
    802.1X before it tries the MAC, or the relay is slow. The device works; each start costs that time.

    **Not this rule**: no offer comes at all (DHCP-NO-OFFER); the offer comes within 5 s, as long as a server
    may check the address before it offers it.

    **Ask the network team**: edge port (portfast) on this switch port.
    """
    late = [(c, lost) for c in facts.dhcp if (lost := _lost_discovers(c))]
    if not late:
        return
    delays = [c.offers[0].at.time_ns - c.discovers[0].at.time_ns for c, _ in late]
    lost = late[0][1]
    yield facts.finding(
        "DHCP-LATE-START",
        Stage.DHCP,
        f"the first {len(lost)} DISCOVERs stayed unanswered, the lease came after {duration(delays[0] / 1e9)}",
        [p for c, early in late for p in (*(m.at for m in early), c.offers[0].at, *_ack_of(c))],
        outcome=Outcome.NOTE,
        began_ns=lost[-1].at.time_ns,
        independent=len(lost),
        is_agreed=len(delays) > 1 and max(delays) - min(delays) <= ALIKE * max(delays),
        facts={"delays_s": [round(d / 1e9, 1) for d in delays[:10]]},
    )


def _lost_discovers(cycle: DhcpCycle) -> list[DhcpMessage]:
    """DISCOVERs of a cycle that got a lease, sent before the one that was answered; none when it was not late."""
    if cycle.ack is None or not cycle.offers or not cycle.discovers:
        return []
    offer, first = cycle.offers[0].at, cycle.discovers[0].at
    before = [m for m in cycle.discovers if m.at.frame < offer.frame]
    lost = before[:-1]
    is_late = first.time_ns + ns(OWN_CHECK_S) <= offer.time_ns <= first.time_ns + ns(2 * MAX_LATE_S)
    is_early = all(m.at.time_ns - first.time_ns <= ns(MAX_LATE_S) for m in lost)
    return lost if is_late and is_early else []


def _ack_of(cycle: DhcpCycle) -> list[Packet]:
    return [] if cycle.ack is None else [cycle.ack.at]


# --- renewals -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Renewal:
    """One lease that the client tries to prolong: its tries, the lease's ACK if seen, and what ended the tries."""

    tries: tuple[DhcpMessage, ...]
    lease: DhcpMessage | None
    end: DhcpMessage | None
    """The first message after the tries that is none of them; None when nothing follows."""

    @property
    def has_rebinding(self) -> bool:
        """Whether the client asks everybody: the server that gave the lease did not answer (RFC 2131, 4.4.5)."""
        return any(m.at.dst == BROADCAST_V4 for m in self.tries)


@rule("DHCP-RENEW-FAIL", stage=Stage.DHCP, outcomes="Fd", evidence=Evidence.BEHAVIOUR)
def renew_fail(facts: Facts) -> Iterator[Fired]:
    """The lease is not renewed.

    **Seen**: the device asks to keep its address, first the server, then everybody, and no ACK comes; at
    the end of the lease it falls silent or starts over.

    **Means**: the server has moved or is down, or a firewall between the subnets drops unicast DHCP.

    **Not this rule**: the device goes on past the end of its lease: then the ACK came and was only not
    mirrored; one lost try that the next one makes good.

    **Ask the network team**: UDP 67 and 68 between the device's subnet and the DHCP server; the server itself.
    """
    for renewal in _renewals(facts):
        counted = facts.counted([m.at for m in renewal.tries], facts.params.dhcp_wait, last_activity_ns=_next(renewal))
        if len(counted) < facts.params.dhcp_min_tries or not _is_refused(facts, renewal):
            continue
        ends_ns = _lease_end(renewal)
        if ends_ns is not None and _sends_between(facts, ends_ns + ns(PAST_END_S), _next(renewal) or facts.end_ns):
            continue
        # What the device still gets while the lease runs repairs nothing.
        over = [renewal.end.at.time_ns] if renewal.end is not None and _starts_over(renewal) else []
        lost_ns = min([t for t in (ends_ns,) if t is not None and t <= facts.end_ns] + over, default=None)
        yield _failed_renewal(facts, renewal, counted, lost_ns=lost_ns)


def _renewals(facts: Facts) -> list[_Renewal]:
    """The runs of renewing REQUESTs (ciaddr set) between two answers of a server."""
    runs: list[_Renewal] = []
    tries: list[DhcpMessage] = []
    lease: DhcpMessage | None = None
    for message in (m for c in facts.dhcp for m in c.messages):
        if message.kind == REQUEST and message.ciaddr != NOT_SET:
            tries.append(message)
            continue
        if tries:
            runs.append(_Renewal(tuple(tries), lease, message))
            tries = []
        lease = message if message.kind == ACK else lease
    return [*runs, _Renewal(tuple(tries), lease, None)] if tries else runs


def _next(renewal: _Renewal) -> int | None:
    return renewal.end.at.time_ns if renewal.end is not None and renewal.end.op != REPLY else None


def _is_refused(facts: Facts, renewal: _Renewal) -> bool:
    """Whether the tries are for one renewal, so that the first ones failed: not renewals whose ACKs are unseen."""
    if renewal.end is not None and renewal.end.kind not in (DISCOVER, ACK):
        return False
    if renewal.has_rebinding or _starts_over(renewal):
        return True
    lease_s = renewal.lease.lease_s if renewal.lease is not None else None
    if lease_s:
        gaps = [b.at.time_ns - a.at.time_ns for a, b in pairwise(renewal.tries)]
        return all(gap < ns(SAME_TERM * lease_s) for gap in gaps)
    return facts.sees_inbound and len({m.xid for m in renewal.tries}) == 1


def _starts_over(renewal: _Renewal) -> bool:
    return renewal.end is not None and renewal.end.kind == DISCOVER


def _lease_end(renewal: _Renewal) -> int | None:
    """When the lease runs out: its length from the ACK on (RFC 2131, 4.4.1); None where either is not in the file."""
    lease = renewal.lease
    return lease.at.time_ns + ns(lease.lease_s) if lease is not None and lease.lease_s else None


def _sends_between(facts: Facts, since_ns: int, until_ns: int) -> bool:
    flows = (f for f in facts.outward_flows if f.last_ns >= since_ns and f.first_ns <= until_ns)
    return any(since_ns < p.time_ns <= until_ns for f in flows for p in f.sent)


def _failed_renewal(facts: Facts, renewal: _Renewal, counted: Sequence[Packet], *, lost_ns: int | None) -> Fired:
    tries, end = renewal.tries, renewal.end
    is_kept = end is not None and end.kind == ACK
    outcome = Outcome.NOTE if is_kept else (Outcome.DEGRADED if lost_ns is None else Outcome.FAILED)
    what = "answered at last" if is_kept else ("the lease still runs" if lost_ns is None else "and the lease is lost")
    server = next((m.at.dst for m in tries if m.at.dst != BROADCAST_V4), None)
    asked = f" to {ip_text(server)}" if server is not None else ""
    return facts.finding(
        "DHCP-RENEW-FAIL",
        Stage.DHCP,
        f"{len(counted)} requests{asked} to keep {ip_text(tries[0].ciaddr)} unanswered, {what}",
        [*(m.at for m in tries), *([renewal.lease.at] if renewal.lease else []), *([end.at] if end else [])],
        outcome=outcome,
        began_ns=max(tries[-1].at.time_ns, lost_ns or 0),
        tries=len(tries),
        independent=len(counted),
        is_agreed=renewal.has_rebinding,
        target=Target(None, server, "udp", SERVER_PORT) if server is not None else None,
        causes=_renewal_causes(renewal, is_kept=is_kept),
    )


def _renewal_causes(renewal: _Renewal, *, is_kept: bool) -> list[Cause]:
    if is_kept and renewal.has_rebinding:
        why = f"the broadcast is answered (frame {renewal.end.at.frame if renewal.end else 0}), the unicasts are not"
        return [Cause("a filter drops unicast DHCP between the subnets", 35, why, "filter")]
    why = "neither the server nor anybody else answers"
    return [Cause("the DHCP server is gone, or UDP 67/68 to it is filtered", 20, why, "dhcp")]


# --- relays -------------------------------------------------------------------------------------------------


@rule("DHCP-RELAY-NO-REPLY", stage=Stage.DHCP, outcomes="Fn", evidence=Evidence.BEHAVIOUR)
def relay_unanswered(facts: Facts) -> Iterator[Fired]:
    """The relay passes the request on, and the DHCP server does not answer.

    **Seen**: two or more DISCOVERs or REQUESTs of this client on their way from a relay to the server, and
    nothing comes back for them; the client repeats.

    **Means**: the server has no scope for the relay's subnet, a firewall between the two drops UDP 67, or
    the server has no route back.

    **Not this rule**: another server of the relay's list answers, a note; the client goes on with a REQUEST,
    so an offer came that the mirror did not show.

    **Ask the network team**: the scope for the relay's address, the server's route back to it, UDP 67 between both.
    """
    if facts.mac is None:
        return
    messages = facts.traffic.dhcp_by_client.get(facts.mac, [])
    for giaddr, relayed in _by_relay(messages).items():
        yield from _silent_servers(facts, giaddr, relayed, messages)


def _by_relay(messages: Sequence[DhcpMessage]) -> dict[bytes, list[DhcpMessage]]:
    """Requests that relays passed on, by the relay's address; of more than eight relays the first ones."""
    table: dict[bytes, list[DhcpMessage]] = {}
    for m in messages:
        is_relayed = m.op != REPLY and m.giaddr != NOT_SET and m.kind in (DISCOVER, REQUEST)
        if is_relayed and (m.giaddr in table or len(table) < MAX_RELAYS):
            table.setdefault(m.giaddr, []).append(m)
    return table


def _silent_servers(
    facts: Facts, giaddr: bytes, relayed: Sequence[DhcpMessage], messages: Sequence[DhcpMessage]
) -> Iterator[Fired]:
    asked = {r.xid for r in relayed}
    answers = [m for m in messages if m.op == REPLY and m.xid in asked]
    spoke = {address for m in answers for address in (m.at.src, m.server_id)}
    newest = max(m.at.time_ns for m in messages)
    in_vain = _asked_in_vain(relayed, messages)
    for server in list(dict.fromkeys(m.at.dst for m in in_vain))[:MAX_RELAYS]:
        tries = [m.at for m in in_vain if m.at.dst == server]
        counted = facts.counted(tries, facts.params.dhcp_wait, last_activity_ns=newest)
        if server in spoke or len(counted) < facts.params.dhcp_min_tries:
            continue
        contrast = _served_by(facts, server)
        yield facts.finding(
            "DHCP-RELAY-NO-REPLY",
            Stage.DHCP,
            f"relay {ip_text(giaddr)} passes {len(counted)} requests on to {ip_text(server)}, which does not answer",
            counted,
            outcome=Outcome.NOTE if answers else Outcome.FAILED,
            began_ns=counted[-1].time_ns,
            independent=len(counted),
            has_contrast=contrast is not None,
            decisive=[contrast.at.frame] if contrast is not None else [],
            target=Target(None, server, "udp", SERVER_PORT),
            causes=[_relay_cause(giaddr, contrast)],
            facts={"giaddr": ip_text(giaddr)},
        )


def _asked_in_vain(relayed: Sequence[DhcpMessage], messages: Sequence[DhcpMessage]) -> list[DhcpMessage]:
    """Requests that nothing came of: DISCOVERs that no REQUEST follows, else REQUESTs that were repeated."""
    taken = {m.xid for m in messages if m.kind == REQUEST and m.server_id is not None}
    open_discovers = [m for m in relayed if m.kind == DISCOVER and m.xid not in taken]
    return open_discovers or [m for m in relayed if m.kind == REQUEST]


def _served_by(facts: Facts, server: bytes) -> DhcpMessage | None:
    """An OFFER or ACK of the same server for another client."""
    known: dict[bytes | None, list[DhcpMessage]] | None = facts.traffic.memo.get("dhcp_served")
    if known is None:
        known = facts.traffic.memo["dhcp_served"] = _first_answers(facts.traffic.dhcp)
    return next((m for m in known.get(server, ()) if m.chaddr != facts.mac), None)


def _first_answers(messages: Sequence[DhcpMessage]) -> dict[bytes | None, list[DhcpMessage]]:
    """Server -> its first OFFER or ACK for each of the first two clients: one of them is another one."""
    table: dict[bytes | None, list[DhcpMessage]] = {}
    for m in messages:
        for server in {m.at.src, m.server_id} if m.kind in (2, ACK) else ():
            own = table.setdefault(server, [])
            if len(own) < OTHERS and all(x.chaddr != m.chaddr for x in own):
                own.append(m)
    return table


def _relay_cause(giaddr: bytes, served: DhcpMessage | None) -> Cause:
    if served is None:
        why = "it answers nobody in this capture"
        return Cause("the server is down, or UDP 67 between relay and server is filtered", 15, why, "dhcp")
    where = f"frame {served.at.frame}"
    if served.giaddr == giaddr:
        why = f"it serves {mac_text(served.chaddr)} of the same relay ({where})"
        return Cause("the server does not serve this client: filter, reservation, full pool", 35, why, "dhcp")
    why = f"it serves {mac_text(served.chaddr)} elsewhere ({where})"
    return Cause("the server has no scope for this relay's subnet, or no route back to it", 35, why, "dhcp")
