"""CONNECT over UDP: silence, walks along a server list, replies from elsewhere, datagrams of another shape.

UDP has no handshake: the first reply proves connection and way back at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt, series_of
from pcapaudit.diagnose.causes import silence_causes
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.odds import may_be_lost
from pcapaudit.diagnose.once import once
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.refusals import errors_by_flow
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.twins import answer_outside
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.flows.flow import TCP, UDP, Flow
from pcapaudit.flows.numbering import is_one_of
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_unicast
from pcapaudit.model.events import Packet
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage, Vantage

MIN_SERVERS = 2
MAX_PATIENCE = 4
"""Datagrams of one attempt in silence, assumed: beyond that the device goes on because it is answered."""
REST_S, REST_FACTOR = 5.0, 2
"""A pause between two exchanges: no shorter than an idle time (catalogue, idle_gap), and twice what follows it."""
MAX_STRAYS, MAX_PACKETS = 500, 20
"""Flows of the device that are searched for replies from elsewhere, and packets of each."""


@once
def datagram_attempts(facts: Facts, need: Need) -> list[Attempt]:
    """Attempts over UDP that the device began and that ask for an answer."""
    attempts = facts.attempts_of(need) if need.direction == "out" and need.expects_answer else []
    return [a for a in attempts if a.transport == "udp" and a.tries]


def silent_runs(facts: Facts, attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    """Attempts in a row without any reply in time or ICMP error; an answered one in between ends the run."""
    refused = errors_by_flow(facts.icmp_errors)
    runs: list[list[Attempt]] = [[]]
    for attempt in attempts:
        is_answered = attempt.flow.received and not attempt.is_late
        is_answered = is_answered or answer_outside(facts.traffic, attempt.flow) is not None
        if is_answered or attempt.flow.index in refused:
            runs.append([])
        else:
            runs[-1].append(attempt)
    return [r for r in runs if r]


def _counted(facts: Facts, run: Sequence[Attempt], everything: Sequence[Attempt]) -> tuple[list[Packet], list[Attempt]]:
    """Datagrams that count as unanswered (G3), and the attempts they belong to."""
    newest = max(a.last_try_ns for a in everything)
    tries = sorted((p for a in run for p in a.tries), key=lambda p: p.frame)
    counted = facts.counted(tries, facts.params.udp_wait, last_activity_ns=newest)
    frames = {p.frame for p in counted}
    return counted, [a for a in run if frames & set(a.frames)]


def _span(packets: Sequence[Packet]) -> str:
    return duration((packets[-1].time_ns - packets[0].time_ns) / 1e9)


# --- silence ----------------------------------------------------------------------------------------


@rule("UDP-SERVER-WALK", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.BEHAVIOUR)
def server_walk(facts: Facts) -> Iterator[Fired]:
    """The device walks along its list of servers, and none replies.

    **Seen**: datagrams to two or more servers of the list, each time from a new source port, and no reply
    to any of them since. That the device moves on is its own word that it got nothing.

    **Means**: a filter or the uplink: all servers cannot be down at once. A server that does not accept
    the device stays silent as well (TEK-19). Replies that come when the device has already moved on are
    none to it: then the line is slower than it waits.

    **Not this rule**: one server replied: that ends the walk; replies arrive where the frames were taken
    and the walk goes on all the same (RETURN-NOT-DELIVERED); an ICMP error says who refuses; nothing that the
    gateway sends to the device is in the capture, and it stays with one server as if it were answered.

    **Ask the network team**: allow the device out on this UDP port to any address, with the replies.
    """
    for need in facts.needs:
        run = _walk(facts, need)
        if not run:
            continue
        counted, attempts = _counted(facts, run, datagram_attempts(facts, need))
        if len(counted) < facts.params.udp_min_tries or not _is_walk(attempts):
            continue
        causes = silence_causes(facts, attempts)
        yield facts.finding(
            "UDP-SERVER-WALK",
            Stage.CONNECT,
            f"{len(attempts)} attempts at {_servers(attempts)} on UDP {attempts[0].port} "
            f"in {_span(counted)}, {_outcome(attempts)}",
            counted,
            attempts=attempts,
            target=Target(None, None, "udp", attempts[0].port),
            causes=causes.ranked,
            has_contrast=causes.has_contrast,
            decisive=causes.frames,
            tries=len(counted),
            facts={"servers": len(_names(attempts)), "wraps": attempts[-1].address == attempts[0].address},
        )


def _outcome(attempts: Sequence[Attempt]) -> str:
    late = [a.flow.received[0].time_ns - a.last_try_ns for a in attempts if a.is_late]
    if not late:
        return "no reply to any"
    return f"no reply in time; {len(late)} came, {min(late) / 1e9:.1f} s or more after the request: too late"


def _walk(facts: Facts, need: Need) -> list[Attempt]:
    """The silent attempts since the last reply, of a product that walks along a list (TEK-04)."""
    if not _is_walker(facts):
        return []
    attempts = datagram_attempts(facts, need)
    runs = silent_runs(facts, attempts)
    if not runs or attempts[-1] is not runs[-1][-1] or _strays(facts, runs[-1]) or _stays(facts, runs[-1]):
        return []
    return runs[-1]


def _is_walker(facts: Facts) -> bool:
    return facts.signature is not None and facts.signature.walks_servers


def _stays(facts: Facts, run: Sequence[Attempt]) -> bool:
    """Whether replies are not in the capture, and the device stays with one server longer than with another.

    It has the same patience with each one that is silent (TEK-04), and not much: a new attempt takes a new port
    (TEK-13); the last may have been cut short. Nor does it
    slow down first: who rests on one port and then asks again at a quicker pace had an answer before the rest.
    """
    patience = min([MAX_PATIENCE, *(len(a.tries) for a in run[:-1])]) if run[:-1] else 1
    if facts.visibility.sees_inbound:
        # Others on the link are there in both directions; the router need not be (CAP-PARTIAL-DIR).
        patience = MAX_PATIENCE
    does_stay = any(len(a.tries) > patience or _rests(a) for a in run)
    return does_stay and not (facts.visibility.sees_inbound and _hears_next_hop(facts, run))


def _hears_next_hop(facts: Facts, run: Sequence[Attempt]) -> bool:
    """Whether any frame to the device comes from where its datagrams go: the gateway, or the server itself."""
    pairs, hops = facts.traffic.result.pairs, {p.dmac for a in run for p in a.tries}
    if facts.mac is None or None in hops:
        return True
    own, macs = int.from_bytes(facts.mac, "big"), [int.from_bytes(m, "big") for m in hops if m is not None]
    return bool(np.any((pairs["dmac"] == np.uint64(own)) & np.isin(pairs["smac"], np.array(macs, np.uint64))))


def _rests(attempt: Attempt) -> bool:
    gaps = [b.time_ns - a.time_ns for a, b in pairwise(attempt.tries)]
    return any(a >= ns(REST_S) and b * REST_FACTOR <= a for a, b in pairwise(gaps))


def _is_walk(attempts: Sequence[Attempt]) -> bool:
    """Whether the attempts went to several servers from several ports."""
    ports = {a.flow.orig[1] for a in attempts}
    return len(_names(attempts)) >= MIN_SERVERS and len(ports) >= MIN_SERVERS


def _names(attempts: Sequence[Attempt]) -> list[str]:
    """The servers: addresses, or names where several lead to fewer addresses."""
    addresses = list(dict.fromkeys(ip_text(a.address) for a in attempts))
    hosts = list(dict.fromkeys(a.host for a in attempts if a.host))
    return hosts if len(hosts) > len(addresses) else addresses


def _servers(attempts: Sequence[Attempt]) -> str:
    names = _names(attempts)
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{len(names)} servers ({shown})"


@rule("UDP-NO-REPLY", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.ABSENCE)
def no_reply(facts: Facts) -> Iterator[Fired]:
    """The service never replies to the device's datagrams.

    **Seen**: two or more datagrams to one server and port, none back, time left for a reply, and frames
    to the device visible.

    **Means**: blocked on the way, or the server does not accept this device (TEK-19): both look the same.

    **Not this rule**: the device moves on to other servers (UDP-SERVER-WALK); an ICMP error comes back;
    only one direction is in the capture, or nothing that the gateway sends to the device, which goes on with one
    server as if it were answered; datagrams that expect no answer.

    **Ask the network team**: allow this UDP port out, with its replies; then ask the vendor whether the
    device is registered.
    """
    if not facts.sees_inbound:
        return
    for need in facts.needs:
        attempts = datagram_attempts(facts, need)
        if _is_walker(facts) and _stays(facts, attempts):
            continue
        walked = _walk(facts, need)
        if walked and _is_walk(_counted(facts, walked, attempts)[1]):
            mine = {a.flow.index for a in walked}
            attempts = [a for a in attempts if a.flow.index not in mine]
        for series in series_of(attempts):
            yield from _silent_server(facts, series.attempts, attempts)


def _silent_server(facts: Facts, series: Sequence[Attempt], everything: Sequence[Attempt]) -> Iterator[Fired]:
    for run in silent_runs(facts, series):
        counted, attempts = _counted(facts, run, everything)
        is_enough = len(counted) >= facts.params.udp_min_tries and not may_be_lost(facts, len(counted))
        if not is_enough or _strays(facts, attempts):
            continue
        causes = silence_causes(facts, attempts)
        yield facts.finding(
            "UDP-NO-REPLY",
            Stage.CONNECT,
            f"{len(counted)} datagrams to {where(attempts[0])} in {_span(counted)}, no reply",
            counted,
            attempts=attempts,
            causes=causes.ranked,
            has_contrast=causes.has_contrast,
            decisive=causes.frames,
            tries=len(counted),
        )


# --- replies from elsewhere -------------------------------------------------------------------------


@rule("UDP-WRONG-SOURCE", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.HEURISTIC)
def wrong_source(facts: Facts) -> Iterator[Fired]:
    """The reply comes from an address or port that the device did not ask.

    **Seen**: after a datagram that stays unanswered, another endpoint sends to exactly its source port.

    **Means**: broken address translation, or a load balancer that answers in its own name; the device
    throws such replies away.

    **Not this rule**: multicast, or a conversation of its own that the device takes part in.

    **Ask the network team**: the translation rule of the firewall; else the vendor's load balancer.
    """
    for need in facts.needs:
        silent = [a for run in silent_runs(facts, datagram_attempts(facts, need)) for a in run]
        strays = _strays(facts, silent)
        if not strays:
            continue
        attempts = [a for a in silent if any(p.dport == a.flow.orig[1] for p in strays)]
        first = strays[0]
        yield facts.finding(
            "UDP-WRONG-SOURCE",
            Stage.CONNECT,
            f"{where(attempts[0])} was asked, "
            f"{ip_text(first.src)} port {first.sport} replies ({len(strays)} datagrams)",
            [*(a.tries[0] for a in attempts), *strays],
            attempts=attempts,
            decisive=[p.frame for p in strays],
            is_agreed=any(
                m.quoted is not None and m.quoted.src == first.src and m.at.src in facts.addresses
                for m in facts.traffic.icmp_of(facts.addresses)
            ),
            causes=[
                Cause(
                    "address translation or a load balancer changes the source", 30, f"frame {first.frame}", "middlebox"
                )
            ],
        )


def _strays(facts: Facts, attempts: Sequence[Attempt]) -> list[Packet]:
    """Datagrams from elsewhere to the source port of a silent attempt, soon after one of its tries."""
    by_port = {a.flow.orig[1]: a for a in attempts if not a.flow.received}
    found: list[Packet] = []
    if not by_port:
        return found
    for flow in _one_sided(facts)[:MAX_STRAYS]:
        for packet in flow.packets[:MAX_PACKETS]:
            asked = by_port.get(packet.dport)
            if asked is not None and _is_reply_like(packet, asked, ns(facts.params.udp_wait)):
                found.append(packet)
    return found


def _is_reply_like(packet: Packet, asked: Attempt, wait_ns: int) -> bool:
    is_new = (packet.src, packet.sport) != asked.flow.resp and is_unicast(packet.dst)
    alike = packet.src == asked.flow.resp[0] or packet.sport == asked.flow.resp[1]
    return is_new and alike and _was_asked(asked.tries, packet.time_ns, wait_ns)


def _was_asked(tries: Sequence[Packet], time_ns: int, wait_ns: int) -> bool:
    """Whether the last try before a time lies no longer ago than the wait."""
    before = bisect_right(tries, time_ns, key=lambda p: p.time_ns)
    return before > 0 and time_ns - tries[before - 1].time_ns <= wait_ns


def _one_sided(facts: Facts) -> list[Flow]:
    """UDP flows in which only the far side speaks to the device."""
    flows = (facts.traffic.flow(i) for i in facts.flows if facts.traffic.ends(i)[4] == UDP)
    return [f for f in flows if f.packets and all(p.dst in facts.addresses for p in f.packets)]


# --- shape --------------------------------------------------------------------------------------------


@rule("UDP-SHAPE", stage=Stage.CONNECT, outcomes="n", evidence=Evidence.HEURISTIC)
def shape(facts: Facts) -> Iterator[Fired]:
    """Some traffic does not look like this product's.

    **Seen**: a datagram size or source port outside the vendor's range (TEK-12, TEK-14), or a transport
    that the product never uses (TEK-10).

    **Means**: perhaps another program on the same port, or not the device that it is taken for.

    **Not this rule**: frames taken outside an address translation, which chooses its own ports.

    **Ask the network team**: nothing; check again which device this is.
    """
    signature = facts.signature
    if signature is None or vantage_of(facts) is not Vantage.LAN or facts.host.behind_router:
        return
    parts = _fragments(facts.traffic)
    odd = [_odd_datagram(need, a, parts) for need in facts.needs for a in datagram_attempts(facts, need)]
    wrong = [pair for pair in odd if pair is not None]
    forbidden = {TCP if f.transport == "tcp" else UDP for f in signature.forbids}
    outward = facts.outward_flows
    strangers = outward.where(outward.has_sent & is_one_of(outward.protocols, forbidden))
    if not wrong and not strangers:
        return
    texts = list(dict.fromkeys(text for _, text in wrong))
    if strangers:
        first = strangers[0]
        texts.append(
            f"{'TCP' if first.proto == TCP else 'UDP'} to {ip_text(first.resp[0])}:{first.resp[1]}, "
            "which this product never uses"
        )
    packets = [p for p, _ in wrong] + [f.sent[0] for f in strangers]
    yield facts.finding(
        "UDP-SHAPE",
        Stage.CONNECT,
        "; ".join(texts[:3]),
        packets,
        outcome=Outcome.NOTE,
        target=Target(None, packets[0].dst, "tcp" if packets[0].proto == TCP else "udp", packets[0].dport),
        causes=[Cause("another device or program than the one it is taken for", 15, texts[0], "device")],
    )


def _fragments(traffic: Traffic) -> frozenset[int]:
    """Frames that hold a part of an IP datagram; found once per capture."""
    known: frozenset[int] | None = traffic.memo.get("fragment_frames")
    if known is None:
        rows = traffic.result.rows
        known = traffic.memo["fragment_frames"] = frozenset(rows["frame"][rows["fragment"] > 0].tolist())
    return known


def _odd_datagram(need: Need, attempt: Attempt, parts: frozenset[int]) -> tuple[Packet, str] | None:
    """The first datagram of an attempt that is out of the need's ranges, and why."""
    ports, sizes = need.source_ports, need.payload
    first = attempt.tries[0]
    cut = next((p for p in attempt.tries if p.frame in parts), None)
    if cut is not None and sizes is not None:
        return cut, "a datagram comes in fragments, which messages of this size never need"
    if ports is not None and not ports.low <= attempt.flow.orig[1] <= ports.high:
        return first, f"source port {attempt.flow.orig[1]} is outside {ports.low}-{ports.high}"
    if sizes is None:
        return None
    # The paper does not say whether the 8-byte UDP header counts: both readings are allowed.
    odd = next((p for p in attempt.tries if not sizes.low - 8 <= p.payload_len <= sizes.high), None)
    return None if odd is None else (odd, f"a datagram of {odd.payload_len} bytes is outside {sizes.low}-{sizes.high}")
