"""How much of the story a capture holds: when it begins and ends, what was cut or filtered away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import (
    count,
    frame_span,
    frames_where,
    judged,
    name_of,
    remark,
    share,
    watched_s,
)
from pcapaudit.diagnose.params import ns
from pcapaudit.flows.flow import ACK, TCP
from pcapaudit.flows.hosts import find_bindings
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import is_public
from pcapaudit.model.events import Packet
from pcapaudit.model.frames import FileNote
from pcapaudit.model.report import HealthItem
from pcapaudit.model.times import NS, duration

CUT_SHARE = 0.01
SNAPLEN_FULL = 65_535
"""From here up a snap length cuts no Ethernet frame; another tool did."""
BEGINNING_S = 60
"""A connection whose first packet comes later than this was idle: normal for a persistent one."""
LONG_ENOUGH_S = 120
FEW_TRIES = 3
FILTER_FRAMES = 10
BASIC_PORTS = (53, 67, 68, 546, 547)
RESTART = "Start the capture, then power-cycle the device and wait 10 minutes."
UNFILTERED = "Capture without a port filter; filter by the device's MAC only (ether host)."
TABLES = {
    "flows": "packets of later conversations",
    "rows": "packets in the log",
    "handed": "payload",
    "arps": "ARP packets",
    "pairs": "pairs of MAC addresses",
    "bindings": "addresses behind MACs",
}


@health_check("CAP-SNAPLEN")
def cut_frames(view: View) -> Iterator[HealthItem]:
    """Frames were captured shorter than they were.

    **Seen**: more than 1 % of the frames hold fewer bytes than the wire did.

    **Effect**: TLS, HTTP and DNS can be read up to the cut only; sizes come from the IP header.

    **Ask for**: full frames (``tcpdump -s 0``).
    """
    counters = view.traffic.result.counters
    cut, frames = counters["truncated_frames"], counters["frames"]
    if cut > CUT_SHARE * frames:
        limit = view.traffic.notes.snaplen
        shown = frames_where(view.traffic, view.traffic.result.rows["cut"] == 1)
        yield remark(
            "CAP-SNAPLEN",
            f"{cut} of {frames} frames are cut short"
            + (f" (snap length {limit})" if limit and limit < SNAPLEN_FULL else ""),
            shown or frame_span(view.traffic)[:1],
            effect="names and messages beyond the cut cannot be read",
            advice="Capture full frames (tcpdump -s 0).",
        )


@health_check("CAP-TRUNCATED-FILE")
def broken_file(view: View) -> Iterator[HealthItem]:
    """A file breaks off, or is damaged.

    **Seen**: a record or block that is shorter than its header says, or that cannot be.

    **Effect**: everything up to the fault is judged; what came after is unknown.

    **Ask for**: the whole file; it was cut while it was copied, or while it was still being written.
    """
    for note in view.traffic.notes.files:
        if note.truncated_at is not None:
            yield remark(
                "CAP-TRUNCATED-FILE",
                f"{PurePath(note.source).name} breaks off at byte {note.truncated_at}"
                + (f": {note.truncated_why}" if note.truncated_why else ""),
                _last_of(note, view.traffic),
                effect="what came after the fault is not judged",
                advice="Copy the file again, after the capture has been stopped.",
            )


def _last_of(note: FileNote, traffic: Traffic) -> list[int]:
    """The last frame read of a file; of the whole capture when the file gave none."""
    return [note.first_frame + note.frames - 1] if note.frames else frame_span(traffic)[-1:]


@health_check("CAP-MIDSTREAM", by_device=True)
def midstream(view: View) -> Iterator[HealthItem]:
    """The capture starts while the device's connections are already up.

    **Seen**: in the first minute a TCP connection of the device appears without its SYN.

    **Effect**: that the connection was set up is implied by the data on it; its DHCP and DNS are not observed.

    **Ask for**: start the capture, then power-cycle the device and wait ten minutes.
    """
    for facts in judged(view.devices):
        older = _older_flows(facts)
        if older:
            yield remark(
                "CAP-MIDSTREAM",
                f"{count(len(older), 'connection')} of {name_of(facts)} began before the capture",
                older,
                effect="how these connections were set up is not observed",
                advice=RESTART,
                facts=facts,
            )


def _older_flows(facts: Facts) -> list[int]:
    """First frames of the device's TCP flows that were up when the capture began; bare resets left out."""
    flows = np.array(facts.flows, np.int64)
    older = flows[_flows_from_before(facts.traffic)[flows]]
    frames: list[int] = facts.traffic.result.flows["first_frame"][older].tolist()
    return frames


def _flows_from_before(traffic: Traffic) -> npt.NDArray[np.bool_]:
    """Which are TCP flows that were up when the capture began; found once per capture."""
    known: npt.NDArray[np.bool_] | None = traffic.memo.get("flows_from_before")
    if known is None:
        flows = traffic.result.flows
        is_early = (flows["midstream"] > 0) & (flows["first_ns"] <= traffic.start_ns + ns(BEGINNING_S))
        has_ack = ((flows["a_flags"] | flows["b_flags"]) & ACK) > 0
        has_more = flows["a_pkts"].astype(np.int64) + flows["b_pkts"] > 1
        known = traffic.memo["flows_from_before"] = (flows["proto"] == TCP) & is_early & has_ack & has_more
    return known


@health_check("CAP-TAIL-CUT", by_device=True)
def tail_cut(view: View) -> Iterator[HealthItem]:
    """The capture ends while the device waits for an answer.

    **Seen**: an unanswered question of the device (SYN, datagram, DNS, DHCP, NTP) lies within its waiting time of
    the end.

    **Effect**: that try is left out of the count; the tries before it count.

    **Ask for**: a capture that goes on for some minutes after the device has tried.
    """
    for facts in judged(view.devices):
        late = _late_questions(facts) if facts.visibility.sees_inbound else []
        if late:
            rest = duration(max(0, facts.end_ns - min(p.time_ns for p in late)) / NS)
            yield remark(
                "CAP-TAIL-CUT",
                f"{name_of(facts)} asked {rest} before the end of the capture: too late for an answer",
                late,
                effect="these tries do not count as unanswered",
                advice="Let the capture run for some minutes after the device has tried.",
                facts=facts,
            )


def _late_questions(facts: Facts) -> list[Packet]:
    """Unanswered questions for which the capture left no time."""
    params = facts.params
    asked = [(p, params.syn_wait if p.proto == TCP else params.udp_wait) for p in _unanswered_tries(facts)]
    asked += [
        (q.sent[-1].at, params.dns_wait) for found in facts.lookups for q in found.queries if q.sent and not q.answers
    ]
    asked += [
        (c.messages[-1].at, params.dhcp_wait)
        for c in facts.dhcp[-1:]
        if c.ack is None and not c.naks and c.messages[-1].kind in (1, 3)
    ]
    asked += [(poll.query.at, params.ntp_wait) for poll in facts.polls if poll.answer is None]
    late = [p for p, wait_s in asked if not facts.has_waited(p.time_ns, wait_s)]
    return sorted(late, key=lambda p: p.frame)


def _unanswered_tries(facts: Facts) -> list[Packet]:
    """The last try of every attempt at a service that got nothing back."""
    return [
        a.tries[-1]
        for a in facts.attempts
        if a.tries
        and a.is_unanswered
        and a.need.direction == "out"
        and (a.need.expects_answer or a.transport == "tcp")
        and not facts.errors_about(a)
    ]


@health_check("CAP-TOO-SHORT", by_device=True)
def too_short(view: View) -> Iterator[HealthItem]:
    """The capture is too short to count on silence.

    **Seen**: it lasts less than two minutes, one retry cycle of most devices; or the device tried its services
    fewer than three times in all and got no answer.

    **Effect**: findings that rest on silence alone are at most "very likely" (60).

    **Ask for**: start the capture, then power-cycle the device and wait ten minutes.
    """
    span, length = frame_span(view.traffic), watched_s(view.traffic)
    effect = "findings that rest on silence alone are less sure"
    if span and length < LONG_ENOUGH_S:
        yield remark("CAP-TOO-SHORT", f"the capture lasts {duration(length)} only", span, effect=effect, advice=RESTART)
        return
    for facts in judged(view.devices):
        tries = [p for a in facts.attempts if a.need.direction == "out" for p in a.tries]
        if tries and len(tries) < FEW_TRIES and all(a.is_unanswered for a in facts.attempts):
            yield remark(
                "CAP-TOO-SHORT",
                f"{name_of(facts)} tried its services {count(len(tries), 'time')} only",
                tries,
                effect=effect,
                advice=RESTART,
                facts=facts,
            )


@health_check("CAP-FILTERED")
def filtered(view: View) -> Iterator[HealthItem]:
    """A capture filter hides DNS, ARP and DHCP.

    **Seen**: two minutes or more of traffic inside a site without a single ARP, DNS or DHCP packet; proven when
    the file states a filter on ports or protocols.

    **Effect**: names and addresses are not observed; nor is the data channel of FTP.

    **Ask for**: a capture without a port filter, at most ``ether host`` with the device's MAC.
    """
    traffic = view.traffic
    if _shows_basics(traffic):
        return
    stated = [f for f in traffic.notes.filters if _narrows(f)]
    if stated:
        text = f"the capture filter '{stated[0][:80]}' leaves out ARP, DNS and DHCP"
    elif watched_s(traffic) >= LONG_ENOUGH_S and _is_site_traffic(traffic):
        text = f"no ARP, DNS or DHCP packet in {duration(watched_s(traffic))}{_only_port(traffic)}"
    else:
        return
    yield remark(
        "CAP-FILTERED",
        text,
        frame_span(traffic),
        effect="DHCP, gateway and DNS are not observed",
        advice=UNFILTERED,
        is_proven=bool(stated),
    )


def _shows_basics(traffic: Traffic) -> bool:
    """Whether ARP, neighbour discovery, DNS or DHCP is in the capture."""
    flows = traffic.result.flows
    if traffic.result.counters["arp"] or any(np.isin(flows[f"{side}_port"], BASIC_PORTS).any() for side in "ab"):
        return True
    return any(m.family == 6 and m.type in range(133, 138) for m in traffic.icmp)


def _narrows(text: str) -> bool:
    """Whether a capture filter goes by more than hosts."""
    words = text.lower().replace("(", " ").replace(")", " ").split()
    return any(w in {"port", "portrange", "tcp", "udp", "icmp", "ip", "ip6", "not", "!", "proto"} for w in words)


def _is_site_traffic(traffic: Traffic) -> bool:
    """Whether hosts of a LAN talk over Ethernet: there ARP must come now and then."""
    pairs = traffic.result.pairs
    has_macs = bool(((pairs["smac"] != 0) & (pairs["dmac"] != 0)).any())
    packets = traffic.result.counters["ipv4"] + traffic.result.counters["ipv6"]
    return has_macs and packets >= FILTER_FRAMES and any(not is_public(b.address) for b in find_bindings(traffic))


def _only_port(traffic: Traffic) -> str:
    """That one service port is all there is, if so."""
    flows = traffic.result.flows
    served = {min(a, b) for a, b in zip(flows["a_port"].tolist(), flows["b_port"].tolist(), strict=True) if a and b}
    return f", and port {served.pop()} alone" if len(served) == 1 else ""


@health_check("CAP-TABLE-FULL")
def table_full(view: View) -> Iterator[HealthItem]:
    """The capture holds more than is kept of it.

    **Seen**: a table of the scan reached its bound (two million conversations or ``--max-flows``, twelve million logged
    packets, and so on), so that later entries were counted but not kept; or it shows more than two thousand hosts that
    may be devices (servers of the internet that only answer are none), of which those seen last were not looked at.

    **Effect**: no diagnosis is given of a device of which something was left out; one that speaks late may be missed.
    Numbers of conversations, messages and attempts are lower limits; those of frames and bytes are exact.

    **Ask for**: a capture of the device alone (``ether host``), or ``--since`` and ``--until`` around the trouble; of
    too many hosts, name the device (``--device``).
    """
    result = view.traffic.result
    full = {name: result.left_out.get(name, 0) for name, is_full in result.tables_full.items() if is_full}
    if full:
        parts = ", ".join(f"{lost} {TABLES.get(name, name)}" for name, lost in sorted(full.items()))
        yield remark(
            "CAP-TABLE-FULL",
            f"too large to keep whole; left out: {parts} ({share(max(full.values()), result.counters['frames'])})",
            frame_span(view.traffic)[-1:],
            effect="no diagnosis of a device of which something was left out; conversations, messages and attempts are"
            " at least as many as this report says",
            advice="Capture the device alone (ether host), or audit a shorter window (--since, --until).",
        )
    if view.left_out:
        yield remark(
            "CAP-TABLE-FULL",
            f"more hosts than are looked at: {count(view.left_out, 'host')} seen last may be devices, too",
            frame_span(view.traffic)[-1:],
            effect="a device among these is missing from this report",
            advice="Name the device (--device), or capture it alone (ether host).",
        )
