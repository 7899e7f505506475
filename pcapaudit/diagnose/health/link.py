"""What lies around the packets: tags, tunnels, link types, and the work of a network card."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import field

import numpy as np

from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import count, frame_span, frames_where, judged, name_of, remark, share
from pcapaudit.flows.packets import packed_address
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.linktypes import name_of as link_name
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import HealthItem
from pcapaudit.scan.columns import NO_VLAN, Table, Tunnel
from pcapaudit.scan.result import ScanResult

TUNNELS: Mapping[int, str] = {
    Tunnel.PPPOE: "PPPoE",
    Tunnel.MPLS: "MPLS",
    Tunnel.GRE: "GRE",
    Tunnel.ERSPAN: "ERSPAN",
    Tunnel.VXLAN: "VXLAN",
    Tunnel.GENEVE: "Geneve",
    Tunnel.IP_IN_IP: "IP in IP",
    Tunnel.PSEUDOWIRE: "MPLS pseudowire",
}
COOKED = frozenset({113, 276})
"""Linux cooked captures: the header names the sender's MAC at most, never the receiver's."""
BARE = frozenset({0, 9, 12, 14, 50, 101, 108, 204, 228, 229})
"""Link types without any MAC."""
LARGEST_JUMBO = 9_216
GROUP_BIT = 1 << 40
SOME_SHARE = 0.01
WRONG_SHARE = 0.9
"""Of one host's checksums (catalogue, CAP-OFFLOAD-CSUM)."""
PARTIAL_SUMS = 3
"""Wrong checksums that hold the pseudo-header's sum: by chance one in 65,535 does."""
PLAIN_SUMS = 10
"""Checksums that must agree where nothing but their being wrong tells of the card."""


@dataclass(slots=True)
class _Tags:
    """VLAN ids of the unicast frames of one MAC, each with its first frame; None is untagged."""

    sent: dict[int | None, int] = field(default_factory=dict)
    received: dict[int | None, int] = field(default_factory=dict)


@health_check("CAP-VLAN", by_device=True)
def vlan_tags(view: View) -> Iterator[HealthItem]:
    """The device appears under several VLAN tags.

    **Seen**: frames of one MAC carry two VLAN ids; or only one of its two directions is tagged. Tags as such
    are taken off and need no remark.

    **Effect**: none on the verdicts; it may show a trunk, a port in the wrong VLAN, or a mirror that tags one
    direction.

    **Ask for**: the VLAN that the device's port should be in.
    """
    tags = _tags_by_mac(view.traffic)
    for facts in judged(view.devices):
        own = tags.get(facts.mac) if facts.mac is not None and not facts.host.behind_router else None
        text = _tag_trouble(own) if own is not None else None
        if own is not None and text is not None:
            yield remark(
                "CAP-VLAN",
                f"{name_of(facts)} {text}",
                [*own.sent.values(), *own.received.values()],
                effect="tags are taken off; the frames are judged as if they were in one network",
                advice="Check which VLAN the device's port belongs to, and whether the mirror tags one direction.",
                is_proven=False,
                facts=facts,
            )


def _tags_by_mac(traffic: Traffic) -> dict[bytes, _Tags]:
    """Tags of every MAC; gathered once per capture."""
    known: dict[bytes, _Tags] | None = traffic.memo.get("tags")
    if known is not None:
        return known
    table: dict[bytes, _Tags] = defaultdict(_Tags)
    traffic.memo["tags"] = table
    pairs = traffic.result.pairs
    single = pairs[(pairs["smac"] > 0) & (pairs["dmac"] > 0) & ((pairs["dmac"] & np.uint64(GROUP_BIT)) == 0)]
    for mac, tag, frame in _first_frames(single, "smac"):
        table[mac].sent[tag] = frame
    for mac, tag, frame in _first_frames(single, "dmac"):
        table[mac].received[tag] = frame
    return table


def _first_frames(pairs: Table, name: str) -> Iterator[tuple[bytes, int | None, int]]:
    """Each MAC of a column of addresses with each VLAN, None for none, and the first frame of both; in file order."""
    places = np.sort(np.unique(pairs[name] << np.uint64(16) | pairs["vlan"], return_index=True)[1])
    columns = (pairs[n][places].tolist() for n in (name, "vlan", "first_frame"))
    for mac, vlan, frame in zip(*columns, strict=True):
        yield mac.to_bytes(6, "big"), None if vlan == NO_VLAN else vlan, frame


def _tag_trouble(tags: _Tags) -> str | None:
    ids = sorted({t for t in (*tags.sent, *tags.received) if t is not None})
    if len(ids) > 1:
        return f"appears in the VLANs {', '.join(map(str, ids))}"
    if ids and tags.sent and tags.received and (None in tags.sent) != (None in tags.received):
        tagged = "what it sends" if ids[0] in tags.sent else "what it receives"
        return f"carries VLAN {ids[0]} in one direction only: {tagged}"
    return None


@health_check("CAP-ENCAP")
def encapsulated(view: View) -> Iterator[HealthItem]:
    """The packets lie inside something else, or in a link type that hides part of them.

    **Seen**: tunnels (ERSPAN, GRE, VXLAN, PPPoE, MPLS and others) in a noticeable share of the frames; Linux
    cooked or raw IP captures, which lack MAC addresses; frames of a link type that cannot be read.

    **Effect**: the innermost packet is judged. Where MACs are missing, hosts are told apart by address alone;
    frames that cannot be read are counted and left out.

    **Ask for**: a capture on an Ethernet interface, where one is to be had (not on ``any``).
    """
    result = view.traffic.result
    yield from _tunnels(view.traffic)
    yield from _without_macs(view.traffic)
    if result.undecoded_links:
        names = ", ".join(f"{link_name(n)} ({n})" for n in sorted(result.undecoded_links))
        unread = sum(frames for frames, _ in result.undecoded_links.values())
        yield remark(
            "CAP-ENCAP",
            f"{count(unread, 'frame')} of a link type that cannot be read: {names}",
            [first for _, first in result.undecoded_links.values()],
            effect="these frames are left out",
            advice="Capture on an Ethernet interface.",
        )


def _tunnels(traffic: Traffic) -> Iterator[HealthItem]:
    result = traffic.result
    frames = result.counters["frames"]
    common = {bit: inside for bit, inside in result.tunnels.items() if inside >= SOME_SHARE * frames}
    if common:
        parts = ", ".join(f"{TUNNELS.get(bit, str(bit))} in {inside}" for bit, inside in sorted(common.items()))
        yield remark(
            "CAP-ENCAP",
            f"packets are carried inside others: {parts} of {frames} frames",
            _inside(traffic, common),
            effect="the innermost packet is judged",
        )


def _inside(traffic: Traffic, tunnels: Mapping[int, int]) -> list[int]:
    mask = sum(tunnels)
    found = frames_where(traffic, (traffic.result.rows["tunnel"] & mask) > 0)
    return found or [p.first_frame for p in traffic.result.outer_pairs] or frame_span(traffic)[:1]


def _without_macs(traffic: Traffic) -> Iterator[HealthItem]:
    links = [n for n in traffic.notes.link_types if n in COOKED or n in BARE]
    span = frame_span(traffic)
    if links and span:
        names = ", ".join(dict.fromkeys(link_name(n) for n in links))
        lacking = "no MAC addresses" if set(links) & BARE else "no destination MAC addresses"
        yield remark(
            "CAP-ENCAP",
            f"captured as {names}: there are {lacking}",
            span,
            effect="hosts are told apart by address alone; broadcast and unicast cannot always be told apart",
            advice="Capture on the Ethernet interface itself, not on 'any'.",
        )


@health_check("CAP-OFFLOAD-BIG")
def offloaded(view: View) -> Iterator[HealthItem]:
    """Packets are larger than the wire can carry: the network card cuts them later.

    **Seen**: Ethernet frames whose IP packet exceeds 1,500 bytes, of one host only or larger than any jumbo frame
    (9,216), or with an IP length of zero. The capture was made on one of the two ends.

    **Effect**: one such packet stands for several segments; nothing is said about packet sizes (MTU).

    **Ask for**: a mirror port, or ``ethtool -K IFACE tso off gso off gro off`` on the capturing host.
    """
    result = view.traffic.result
    odd = result.oddities
    largest = int(result.rows["ip_len"].max()) if len(result.rows) else 0
    is_proven = odd.total_length_zero.count > 0 or (odd.oversize_frames.count > 0 and largest > LARGEST_JUMBO)
    if not is_proven and len(odd.oversize) != 1:
        return
    yield remark(
        "CAP-OFFLOAD-BIG",
        f"{_oversize_text(result)} larger than an Ethernet frame can be",
        [*odd.oversize_frames.frames, *odd.total_length_zero.frames],
        effect="packet sizes are the card's, not the wire's: nothing is said about MTU",
        advice="Capture on a mirror port, or switch segmentation offload off on the capturing host.",
        is_proven=is_proven,
    )


def _oversize_text(result: ScanResult) -> str:
    odd = result.oddities
    packets = count(odd.oversize_frames.count + odd.total_length_zero.count, "packet")
    senders = ", ".join(mac_text(m.to_bytes(6, "big")) for m in sorted(odd.oversize)[:3])
    return packets + (f" of {senders}" if senders else "")


@health_check("CAP-OFFLOAD-CSUM")
def unfinished_sums(view: View) -> Iterator[HealthItem]:
    """Checksums are wrong because the network card computes them later.

    **Seen**: more than 90 % of the TCP and UDP checksums of one host are wrong; and they hold the sum of the
    pseudo-header alone, which a driver leaves for the card to complete, or those of all other hosts are right. The
    first 64 whole packets behind each address are verified.

    **Effect**: none: such packets left the card in order, and none is left out for its checksum.

    **Ask for**: a mirror port, or ``ethtool -K IFACE tx off`` on the capturing host.
    """
    hosts = _sums_by_sender(view.traffic)
    everyone = _Sums("", 0, sum(h.verified for h in hosts), sum(h.wrong for h in hosts))
    unfinished = [h for h in hosts if _is_unfinished(h, everyone)]
    if not unfinished:
        return
    names = ", ".join(h.name for h in unfinished[:3])
    wrong, verified = sum(h.wrong for h in unfinished), sum(h.verified for h in unfinished)
    yield remark(
        "CAP-OFFLOAD-CSUM",
        f"{wrong} of {verified} verified checksums of {names}{' and others' if len(unfinished) > 3 else ''} are wrong: "
        "left for the network card",
        [h.first_frame for h in unfinished],
        effect="no packet is left out for its checksum",
        advice="Nothing to do; a mirror port shows the checksums of the wire.",
    )


@dataclass(slots=True)
class _Sums:
    """Checksums of the packets that one MAC sent (one address, where the link layer shows no MAC)."""

    name: str
    first_frame: int
    verified: int = 0
    wrong: int = 0
    partial: int = 0


def _sums_by_sender(traffic: Traffic) -> list[_Sums]:
    table: dict[str, _Sums] = {}
    for b in traffic.result.bindings[traffic.result.bindings["sums"] > 0]:
        mac = int(b["smac"])
        name = (
            mac_text(mac.to_bytes(6, "big"))
            if mac
            else ip_text(packed_address(int(b["family"]), int(b["hi"]), int(b["lo"])))
        )
        own = table.setdefault(name, _Sums(name, int(b["first_frame"])))
        own.verified += int(b["sums"])
        own.wrong += int(b["wrong_sums"])
        own.partial += int(b["partial_sums"])
    return list(table.values())


def _is_unfinished(own: _Sums, everyone: _Sums) -> bool:
    """Whether a host's wrong checksums are its card's business; damage on the way hits frames at random."""
    if own.wrong <= WRONG_SHARE * own.verified:
        return False
    if own.partial >= PARTIAL_SUMS and own.partial > WRONG_SHARE * own.wrong:
        return True
    others = everyone.verified - own.verified
    good = others - (everyone.wrong - own.wrong)
    return own.verified >= PLAIN_SUMS and good >= PLAIN_SUMS and good > WRONG_SHARE * others


@health_check("CAP-MALFORMED")
def malformed(view: View) -> Iterator[HealthItem]:
    """Some packets do not keep the form of their protocol.

    **Seen**: headers that end early, lengths that cannot be, tunnels more than eight deep.

    **Effect**: such packets are counted and left out; the rest is judged.

    **Ask for**: the file as it was captured, if it went through a tool that edits packets.
    """
    result = view.traffic.result
    total = result.counters["malformed_packets"]
    if total:
        worst = sorted(result.malformed.items(), key=lambda item: (-item[1].count, item[0]))
        reasons = ", ".join(f"{reason} ({seen.count})" for reason, seen in worst[:3])
        yield remark(
            "CAP-MALFORMED",
            f"{count(total, 'malformed packet')} ({share(total, result.counters['frames'])}): {reasons}",
            [frame for _, seen in worst for frame in seen.frames[:3]],
            effect="these packets are left out",
        )
