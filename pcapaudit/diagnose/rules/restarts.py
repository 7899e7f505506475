"""LINK: devices that start for ever, and links that come and go under connections that live on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.starts import Start, crossing, is_sleeper, reboots_of, starts_of
from pcapaudit.flows.flow import Flow
from pcapaudit.model.events import Packet
from pcapaudit.model.times import duration
from pcapaudit.model.words import Outcome, Stage

MIN_STARTS = 3
MAX_STARTS = 50
"""Starts that are held against every connection; a connection across one of them is enough."""
LEASE_SHARE = 0.45
"""A client that asks anew at half of its lease or later is no reboot, only a poor client."""
ALIKE = 0.25
LINK_SIGNS = frozenset({"discover", "reboot", "announcement", "eapol", "lldp"})
WAKING_SIGNS = frozenset({"eapol", "lldp"})
"""What does not come with waking up: a phone or computer asks for its address again and is silent before."""
LOST_BEFORE_S, LOST_AFTER_S = 60.0, 3.0
"""Where a connection that outlives a lost link shows the loss: TCP repeats what it sent meanwhile (RFC 6298)."""
CHANGE_S = 5.0
"""A switch tells of a port that comes or goes within its next hellos (IEEE 802.1D, 2 s)."""
PAUSE_S, PAUSE_FACTOR, MIN_DATA = 2.0, 3, 10
"""Silence that a lost link makes: as long as a port needs to come up again (IEEE 802.3, 28.3), and unlike the usual."""
REST_S = 30.0


@rule("DEV-REBOOT-LOOP", stage=Stage.LINK, outcomes="F", evidence=Evidence.BEHAVIOUR)
def reboot_loop(facts: Facts) -> Iterator[Fired]:
    """The device starts again and again.

    **Seen**: three or more starts (DISCOVER, or a request for its old address; a box with a fixed address
    announces it and looks for its gateway), each of which had an address and went on to its other work
    before the next one began.

    **Means**: power supply, watchdog, or the power budget of the switch port.

    **Not this rule**: renewals of a lease; a row of DISCOVERs without a lease (DHCP-NO-OFFER); connections
    that go on across the starts: then only the link went down (LINK-FLAP); a client that asks anew
    whenever half of its lease is over; a phone or computer that asks for its old address when it wakes.

    **Ask the network team**: PoE budget and log of the port; power supply of the device.
    """
    starts = reboots_of(facts)
    if len(starts) < MIN_STARTS or any(flows for _, flows in crossing(facts, starts[1 : MAX_STARTS + 1])):
        return
    pauses = [b.at.time_ns - a.at.time_ns for a, b in pairwise(starts)]
    lease_s = max((c.ack.lease_s or 0 for c in facts.dhcp if c.ack is not None), default=0)
    if lease_s and min(pauses) >= ns(LEASE_SHARE * lease_s):
        return
    first, last = starts[0].at, starts[-1].at
    leases = [c.ack.at for c in facts.dhcp if c.ack is not None and c.ack.at.time_ns >= first.time_ns]
    with_what = "with a lease each time" if leases else "with its address each time"
    yield facts.finding(
        "DEV-REBOOT-LOOP",
        Stage.LINK,
        f"the device started {len(starts)} times in {duration((last.time_ns - first.time_ns) / 1e9)}, {with_what}",
        [*(s.at for s in starts), *leases],
        decisive=[s.at.frame for s in starts],
        began_ns=last.time_ns,
        independent=len(starts),
        is_agreed=max(pauses) - min(pauses) <= ALIKE * max(pauses),
        causes=[
            Cause("power supply, watchdog or PoE budget", 30, "every start repeats the whole boot order", "device")
        ],
        facts={"starts": len(starts), "pauses_s": [round(p / 1e9, 1) for p in pauses[:10]]},
    )


@rule("LINK-FLAP", stage=Stage.LINK, outcomes="Fd", evidence=Evidence.STATISTICAL)
def link_flap(facts: Facts) -> Iterator[Fired]:
    """The link comes and goes while the device runs on.

    **Seen**: three or more starts on the link (announcement, request for the old address, EAPOL-Start, LLDP
    after silence) under TCP connections that live on across them, and packets lost around each: repeats, data that
    stays away for much longer than usual, or a spanning tree that changes at the same time.

    **Means**: cable, connector, speed or duplex, energy-efficient Ethernet, power budget of the port.

    **Not this rule**: every connection is new after each start (DEV-REBOOT-LOOP); a host that roams between
    radio cells or renews its announcements loses nothing; a phone or computer that wakes up; silence alone.

    **Ask the network team**: error and link counters of the port, another cable.
    """
    starts = starts_of(facts, WAKING_SIGNS if is_sleeper(facts) else LINK_SIGNS)[:MAX_STARTS]
    crossed = [(s, flows) for s, flows in crossing(facts, starts) if flows] if len(starts) >= MIN_STARTS else []
    if len(crossed) < MIN_STARTS:
        return
    changes = [b.at.time_ns for b in facts.traffic.spanning_tree if b.is_topology_change]
    lost = [(s, _loss_at(s, flows, changes)) for s, flows in crossed]
    flaps = [(s, packets) for s, packets in lost if packets is not None]
    if len(flaps) < MIN_STARTS:
        return
    last = flaps[-1][0].at
    pauses = [b.at.time_ns - a.at.time_ns for (a, _), (b, _) in pairwise(flaps)]
    yield facts.finding(
        "LINK-FLAP",
        Stage.LINK,
        f"the link came up {len(flaps)} times in {duration((last.time_ns - flaps[0][0].at.time_ns) / 1e9)}, "
        "under connections that live on",
        [p for s, packets in flaps for p in (s.at, *packets)],
        outcome=Outcome.DEGRADED if _is_answered_after(facts, last) else Outcome.FAILED,
        decisive=[s.at.frame for s, _ in flaps],
        began_ns=last.time_ns,
        independent=len(flaps),
        is_agreed=max(pauses) - min(pauses) > ALIKE * max(pauses),
        causes=[
            Cause("cable, connector, speed or power of the port", 30, "the device itself did not start anew", "device")
        ],
        facts={"starts": len(flaps), "pauses_s": [round(p / 1e9, 1) for p in pauses[:10]]},
    )


def _loss_at(start: Start, flows: Sequence[Flow], changes: Sequence[int]) -> list[Packet] | None:
    """Packets that show the loss around a start; empty when the switch or a supplicant tells it, None when nothing."""
    began = start.at.time_ns
    if "eapol" in start.kinds:
        return []
    if bisect_left(changes, began - ns(CHANGE_S)) < bisect_right(changes, began + ns(CHANGE_S)):
        return []
    near = [p for f in flows for side in (f.sent, f.received) for p in f.retransmissions(_near(side, began))]
    return near[:2] or next((gap for f in flows for gap in (_pause_at(f, began),) if gap), None)


def _pause_at(flow: Flow, began_ns: int) -> list[Packet] | None:
    """The device's data before and after a start, if it kept much longer silent than it does; None otherwise.

    A stack that sees its link go down may hold its data back: then nothing is repeated, it is only missing.
    """
    data = flow.sent_data
    at = bisect_left(data, began_ns, key=lambda p: p.time_ns)
    if not 0 < at < len(data) or len(data) < MIN_DATA:
        return None
    pause = data[at].time_ns - data[at - 1].time_ns
    if flow.left_out:
        pause = min(pause, flow.pause_before(data[at]))
    usual = median(b.time_ns - a.time_ns for a, b in pairwise(data))
    return [data[at - 1], data[at]] if pause >= max(ns(PAUSE_S), PAUSE_FACTOR * usual) else None


def _near(packets: Sequence[Packet], began_ns: int) -> list[Packet]:
    return [p for p in packets if began_ns - ns(LOST_BEFORE_S) <= p.time_ns <= began_ns + ns(LOST_AFTER_S)]


def _is_answered_after(facts: Facts, last: Packet) -> bool:
    """Whether the device gets an answer after the last start, or the capture ends too soon to tell."""
    back = any(p.time_ns > last.time_ns for f in facts.outward_flows for p in f.received[-1:])
    return back or not facts.has_waited(last.time_ns, REST_S)
