"""Which directions, and which side of the network, a capture shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import frame_span, judged, name_of, remark, watched_s
from pcapaudit.diagnose.vantage import vantage_of
from pcapaudit.flows.flow import ACK, RST, SYN, TCP
from pcapaudit.flows.hosts import find_bindings
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.report import HealthItem
from pcapaudit.model.words import Vantage

MAX_LOOKED_AT = 200
"""One-sided flows of a device that are opened; two are enough for a remark."""
GROUP_BIT = 1 << 40
"""In a MAC address as a number: broadcast or multicast (IEEE 802)."""
BUSIEST = 10


@health_check("CAP-ONEWAY", by_device=True)
def one_way(view: View) -> Iterator[HealthItem]:
    """Only one direction of the device was captured.

    **Seen**: twenty unicast frames or more of the device and next to none to it, or the other way round. It is
    proven when the device acknowledges data, or uses answers, that are not in the capture.

    **Effect**: "no answer came" counts only where the device itself shows that it got none; return traffic is
    judged by what the device acknowledges.

    **Ask for**: a mirror of both directions (rx and tx) of the device's port.
    """
    for facts in judged(view.devices):
        seen = facts.visibility
        if seen.missing is not None:
            side = "to" if seen.missing == "inbound" else "of"
            yield remark(
                "CAP-ONEWAY",
                f"frames {side} {name_of(facts)} are {'' if seen.is_proven else 'probably '}not mirrored: {seen.why}",
                seen.frames,
                effect="silence proves nothing unless the device itself repeats its question",
                advice="Mirror both directions (rx and tx) of the device's port.",
                is_proven=seen.is_proven,
                facts=facts,
            )


@health_check("CAP-PARTIAL-DIR", by_device=True)
def partly_one_way(view: View) -> Iterator[HealthItem]:
    """One direction is missing for a part of the traffic.

    **Seen**: frames to and from the device are there, yet in two connections or more one side acknowledges data
    of a side that is not in the capture at all: half a trunk is mirrored, or the way back is another one.

    **Effect**: silence in such connections proves nothing.

    **Ask for**: a mirror of both directions of the device's own port.
    """
    for facts in judged(view.devices):
        if facts.visibility.missing is None:
            frames = _acknowledged_unseen(facts)
            if len(frames) >= 2:
                yield remark(
                    "CAP-PARTIAL-DIR",
                    f"{len(frames)} connections of {name_of(facts)} are there in one direction only",
                    frames,
                    effect="silence in connections of this kind proves nothing",
                    advice="Mirror both directions of the device's own port, not a part of a trunk.",
                    facts=facts,
                )


def _one_sided(traffic: Traffic) -> npt.NDArray[np.bool_]:
    """Which are TCP flows with packets of one side only that go beyond SYN and RST; found once per capture."""
    known: npt.NDArray[np.bool_] | None = traffic.memo.get("one_sided")
    if known is None:
        flows = traffic.result.flows
        alone = (flows["b_pkts"] == 0) | (flows["a_pkts"] == 0)
        flags = flows["a_flags"] | flows["b_flags"]
        known = traffic.memo["one_sided"] = (flows["proto"] == TCP) & alone & ((flags & ACK) > 0)
    return known


def _acknowledged_unseen(facts: Facts) -> list[int]:
    """One frame of each flow in which somebody acknowledges what the capture does not hold."""
    flows = np.array(facts.flows, np.int64)
    one_sided = flows[_one_sided(facts.traffic)[flows]][:MAX_LOOKED_AT]
    if not len(one_sided):
        return []
    frames = _advancing(facts.traffic)[one_sided]
    found: list[int] = frames[frames > 0].tolist()
    return found


def _advancing(traffic: Traffic) -> npt.NDArray[np.uint32]:
    """For each one-sided flow whose acknowledgments advance the frame of the last one, else 0; found once."""
    known: npt.NDArray[np.uint32] | None = traffic.memo.get("advancing")
    if known is None:
        known = traffic.memo["advancing"] = _find_advancing(traffic)
    return known


def _find_advancing(traffic: Traffic) -> npt.NDArray[np.uint32]:
    rows, order = traffic.result.rows, traffic.digests.order
    is_ack = (rows["flags"][order] & (ACK | RST | SYN)) == ACK
    acks = order[is_ack & _one_sided(traffic)[rows["flow"][order]]]
    flows, begins = np.unique(rows["flow"][acks], return_index=True)
    found = np.zeros(len(traffic.result.flows), np.uint32)
    if len(acks):
        numbers = rows["ack"][acks]
        # One late segment may stand alone; an acknowledgment that advances cannot.
        does_advance = np.maximum.reduceat(numbers, begins) > np.minimum.reduceat(numbers, begins)
        last = acks[np.append(begins[1:], len(acks)) - 1]
        found[flows[does_advance]] = rows["frame"][last[does_advance]]
    return found


@health_check("CAP-WRONG-PORT")
def wrong_port(view: View) -> Iterator[HealthItem]:
    """The mirror shows what a switch floods, not the device's port.

    **Seen**: broadcasts and multicasts of three hosts or more for half a minute, and not one conversation with
    unicast frames both ways.

    **Effect**: everything after the address is not observed.

    **Ask for**: a mirror of the switch port of the device, or of the router.
    """
    pairs = view.traffic.result.pairs
    has_macs = (pairs["smac"] > 0) & (pairs["dmac"] > 0)
    is_group = has_macs & ((pairs["dmac"] & np.uint64(GROUP_BIT)) > 0)
    is_single = has_macs & ~is_group
    flooded, single = int(pairs["frames"][is_group].sum()), int(pairs["frames"][is_single].sum())
    if flooded < 20 or single * 4 > flooded or watched_s(view.traffic) < 30:
        return
    shouting = set(pairs["smac"][is_group].tolist())
    ways = set(zip(pairs["smac"][is_single].tolist(), pairs["dmac"][is_single].tolist(), strict=True))
    if len(shouting) < 3 or any((there, here) in ways for here, there in ways if here != there):
        return
    yield remark(
        "CAP-WRONG-PORT",
        f"{flooded} broadcast and multicast frames of {len(shouting)} hosts, {single} unicast frames, "
        "no conversation in both directions",
        pairs["first_frame"][is_group][:10].tolist(),
        effect="only what is broadcast can be judged: DHCP and ARP",
        advice="Mirror the switch port of the device or of the router.",
        is_proven=len(shouting) >= 5 and single == 0,
    )


@health_check("CAP-NAT-SIDE", by_device=True)
def outside_view(view: View) -> Iterator[HealthItem]:
    """The frames were taken outside the address translation.

    **Seen**: the vendor's flows come from a public address behind a router; the device's own MAC is not there.

    **Effect**: link, DHCP, ARP and local DNS of the device cannot be seen; several devices may share the address;
    source ports are the router's.

    **Ask for**: a capture on the device's side of the firewall; together with this one it tells filter from server.
    """
    for facts in view.devices:
        if facts.signature is not None and vantage_of(facts) is Vantage.WAN and facts.address is not None:
            yield remark(
                "CAP-NAT-SIDE",
                f"{ip_text(facts.address)} is a public address behind a router: this is the outside of the firewall",
                [facts.host.first_frame, facts.host.last_frame],
                effect="address, link and local DNS of the device are not observable; several may share this address",
                advice="Capture on the device's side of the firewall; the two together tell filter from server.",
                is_proven=len(view.traffic.result.pairs) > 0,
            )


@health_check("CAP-WRONG-DEVICE")
def no_device(view: View) -> Iterator[HealthItem]:
    """No host of the capture is a known product.

    **Seen**: nothing that any host asks for or connects to matches a signature; or the device or product that was
    named is not there.

    **Effect**: without a signature only the general ladder can be judged.

    **Ask for**: a capture that holds the device, or its MAC and product (``--device``, ``--signature``).
    """
    span = frame_span(view.traffic)
    if span and all(f.signature is None for f in view.devices):
        lack = "no host matches a signature"
        if view.named is not None:
            lack = f"{view.named} that was named {'matches no signature' if view.devices else 'is not in this capture'}"
        yield remark(
            "CAP-WRONG-DEVICE",
            f"{lack}; the busiest are {', '.join(_busiest(view.traffic)) or 'without an address'}",
            span,
            effect="no service of a product can be judged",
            advice="Capture at the port of the device, or say which it is (--device) and which product (--signature).",
            is_proven=False,
        )


def _busiest(traffic: Traffic) -> list[str]:
    """MACs of the ten hosts that sent most frames; addresses where the link layer has no MAC."""
    pairs = traffic.result.pairs
    macs, numbers = np.unique(pairs["smac"], return_inverse=True)
    frames = np.bincount(numbers, weights=pairs["frames"], minlength=len(macs)).astype(np.int64)
    known = zip(macs.tolist(), frames.tolist(), strict=True)
    sent = Counter({mac_text(mac.to_bytes(6, "big")): count for mac, count in known if mac})
    for b in find_bindings(traffic) if not sent else ():
        sent[ip_text(b.address)] += b.frames
    return sorted(sent, key=lambda name: (-sent[name], name))[:BUSIEST]
