"""LINK and GATEWAY: faults of the site itself that no device can do anything about: a loop, two gateways.

Neither row is in the diagnosis catalogue. Both are what administrators look for first when devices drop off by the
dozen, and a capture proves either by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.params import ns
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.rivals import is_on_link
from pcapaudit.flows.flow import Flow
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_virtual_router_mac, mac_text
from pcapaudit.model.events import ArpMessage, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

LOOP_COPIES, LOOP_S = 500, 1.0
"""A mirror copies a broadcast once for each of its ports, some dozen times within a millisecond; no stack asks the same
by ARP a hundred times a second. In a loop a frame comes back thousands of times a second."""
ALTERNATIONS = 3
"""As for ARP-DUP-IP: one change is a replacement or a failover."""
LOST_TRIES = 3
GROUP_BIT = 1 << 40


@dataclass(frozen=True, slots=True)
class Loop:
    """Broadcasts that go round: how many, how often all together, and the frames of the first one's first and last."""

    broadcasts: int
    copies: int
    first: Packet
    frames: tuple[int, ...]


@rule("LINK-LOOP", stage=Stage.LINK, outcomes="d", evidence=Evidence.BEHAVIOUR)
def switching_loop(facts: Facts) -> Iterator[Fired]:
    """Broadcasts go round in a loop of the wiring.

    **Seen**: the same broadcast, byte for byte, five hundred times or more, over a second or longer.

    **Means**: two switch ports are joined with each other and nothing blocks one of them. Each broadcast goes round
    until the loop is opened; small devices drown in it.

    **Not this rule**: a mirror of many ports copies every broadcast some dozen times, but at once (CAP-DUP); a host
    that repeats its question sends a new frame each time, seconds apart.

    **Ask the network team**: find the loop (a patch cable between two wall sockets, a small switch plugged in twice);
    switch on spanning tree and loop guard at the access ports.
    """
    loop = find_loop(facts.traffic)
    if loop is not None:
        yield facts.finding(
            "LINK-LOOP",
            Stage.LINK,
            f"{loop.broadcasts} broadcast{'s go' if loop.broadcasts > 1 else ' goes'} round and round, "
            f"{loop.copies} copies in all",
            [loop.first],
            outcome=Outcome.DEGRADED,
            decisive=loop.frames,
            independent=loop.broadcasts,
            tries=loop.copies,
            causes=[Cause("two ports of the site's switches are joined in a loop", 40, "one frame keeps coming")],
        )


def find_loop(traffic: Traffic) -> Loop | None:
    """The loop that broadcasts of a capture show; looked for once."""
    if "loop" not in traffic.memo:
        traffic.memo["loop"] = _find_loop(traffic)
    known: Loop | None = traffic.memo["loop"]
    return known


def _find_loop(traffic: Traffic) -> Loop | None:
    """Copies by the frame that they repeat, over ARP and whatever else is broadcast."""
    columns = ("frame", "time_ns", "dup_of", "dmac")
    tables = [t[[*columns]] for t in (traffic.result.arps, traffic.result.rows)]
    copies = [t[(t["dup_of"] > 0) & ((t["dmac"].astype(np.uint64) & np.uint64(GROUP_BIT)) > 0)] for t in tables]
    origins = np.concatenate([t["dup_of"] for t in copies]).astype(np.int64)
    if len(origins) < LOOP_COPIES:
        return None
    order = np.argsort(origins, kind="stable")
    numbers, begins, counts = np.unique(origins[order], return_index=True, return_counts=True)
    times = np.concatenate([t["time_ns"] for t in copies])[order]
    frames = np.concatenate([t["frame"] for t in copies])[order]
    lasted = np.maximum.reduceat(times, begins) - np.minimum.reduceat(times, begins)
    found = np.flatnonzero((counts >= LOOP_COPIES) & (lasted >= ns(LOOP_S)))
    first = _packet_of(traffic, int(numbers[found[0]])) if len(found) else None
    if first is None:
        return None
    last = int(np.maximum.reduceat(frames, begins)[found[0]])
    return Loop(len(found), int(counts[found].sum()), first, (first.frame, last))


def _packet_of(traffic: Traffic, frame: int) -> Packet | None:
    """The logged packet with this frame number, or the ARP packet."""
    at = int(np.searchsorted(traffic.result.rows["frame"], frame))
    if at < len(traffic.result.rows) and int(traffic.result.rows["frame"][at]) == frame:
        return traffic.packet(at)
    return next((m.at for m in traffic.arp if m.at.frame == frame), None)


# --- two gateways ---------------------------------------------------------------------------------


@rule("ARP-GW-CONFLICT", stage=Stage.GATEWAY, outcomes="Fdn", evidence=Evidence.BEHAVIOUR)
def gateway_conflict(facts: Facts) -> Iterator[Fired]:
    """Another box claims the gateway's address.

    **Seen**: two MACs say in turn, three times or more, that the gateway's address is theirs. The device fails by it
    when its packets go to the one behind which nothing answers.

    **Means**: somebody gave the router's address to another box (a printer, a camera, a second router), or a box
    poses as the gateway. Which one a device believes changes with every answer.

    **Not this rule**: routers that share a virtual MAC (VRRP, HSRP); one change, which is a replacement or a failover
    (PATH-SWITCH); a router that answers from two network cards of its own: then both ways work, and it is a remark; the
    router of another VLAN that has the same address.

    **Ask the network team**: find the second MAC at its switch port and give that box another address; keep the
    router's address out of the DHCP pool.
    """
    if facts.gateway is None:
        return
    said, turns = _claims_on(facts, facts.gateway)
    if len(turns) < ALTERNATIONS:
        return
    lost, has_way_out = _lost_at(facts, {m.sender_mac for m in said})
    owners = ", ".join(dict.fromkeys(mac_text(m.sender_mac) for m in said))
    yield facts.finding(
        "ARP-GW-CONFLICT",
        Stage.GATEWAY,
        f"the gateway {ip_text(facts.gateway)} is claimed by {owners} in turn{_losses(lost)}",
        [m.at for pair in turns for m in pair],
        outcome=_outcome(lost, has_way_out=has_way_out),
        decisive=[f.first_frame for f in lost[:3]],
        independent=len(turns),
        target=Target(None, facts.gateway, None, None),
        began_ns=_latest(lost, turns),
        causes=[Cause("another box has the gateway's address", 35, f"{len(turns)} changes of the owner")],
    )


_Claims = tuple[Sequence[ArpMessage], Sequence[tuple[ArpMessage, ArpMessage]]]


def _claims_on(facts: Facts, gateway: bytes) -> _Claims:
    """Who said that a gateway's address is his, and each change from one to the other; found once per VLAN."""
    known: dict[tuple[bytes, int | None], _Claims] = facts.traffic.memo.setdefault("gateway_claims", {})
    key = gateway, facts.host.vlan
    if key not in known:
        owners = [mac for mac in facts.traffic.arp_owners.get(gateway, ()) if not is_virtual_router_mac(mac)]
        told = facts.traffic.arps_from(gateway) if len(owners) > 1 else ()
        said = [m for m in told if m.sender_mac in owners and is_on_link(facts, m)]
        known[key] = said, [(a, b) for a, b in pairwise(said) if a.sender_mac != b.sender_mac]
    return known[key]


def _lost_at(facts: Facts, owners: set[bytes]) -> tuple[list[Flow], bool]:
    """Connections beyond the gateway that were lost at an owner behind which nothing answers, and whether the last
    connection of all got an answer.
    """
    far = [f for f in facts.outward_flows if f.sent and facts.is_off_link(f.resp[0]) and f.sent[0].dmac in owners]
    good = {f.sent[0].dmac for f in far if f.received}
    lost = [f for f in far if not f.received and f.sent[0].dmac not in good]
    # Somebody else must be answered, else it is no matter of which box has the address.
    return (lost if good and facts.sees_inbound else []), bool(far) and bool(far[-1].received)


def _outcome(lost: Sequence[Flow], *, has_way_out: bool) -> Outcome:
    if sum(len(f.sent) for f in lost) < LOST_TRIES:
        return Outcome.NOTE
    return Outcome.DEGRADED if has_way_out else Outcome.FAILED


def _losses(lost: Sequence[Flow]) -> str:
    return f"; {len(lost)} of the device's connections went to the wrong one" if lost else ""


def _latest(lost: Sequence[Flow], turns: Sequence[tuple[ArpMessage, ArpMessage]]) -> int:
    return max((f.first_ns for f in lost), default=turns[-1][1].at.time_ns)
