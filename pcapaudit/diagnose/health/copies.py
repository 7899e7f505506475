"""Frames that are in the capture more than once: the mirror copies them, or covers both sides of a router."""

from __future__ import annotations

from collections.abc import Iterator

from pcapaudit.diagnose.health.registry import View, health_check
from pcapaudit.diagnose.health.remarks import count, frames_where, remark, share
from pcapaudit.diagnose.twins import twins_of
from pcapaudit.model.report import HealthItem
from pcapaudit.scan.columns import NO_FLOW, Copy

ENOUGH_SHARE = 0.05
ENOUGH = 3
"""Fewer copies are chance, not the mirror's habit."""


@health_check("CAP-DUP")
def mirrored_twice(view: View) -> Iterator[HealthItem]:
    """The mirror delivers frames twice.

    **Seen**: more than one frame in twenty is there again, equal byte for byte from the IP header on, with the
    same IP identification and TTL, a fraction of a second later. A retransmission comes later and has another
    identification.

    **Effect**: the second copies are counted, but no rule reads them; frame numbers are those of the file.

    **Ask for**: a mirror of one port in both directions, instead of several ports or whole VLANs.
    """
    same, frames = view.traffic.result.oddities.same, view.traffic.result.counters["frames"]
    if same.count >= ENOUGH and same.count > ENOUGH_SHARE * frames:
        yield remark(
            "CAP-DUP",
            f"{same.count} frames ({share(same.count, frames)}) are copies of an earlier one",
            [frame for pair in same.pairs for frame in pair],
            effect="copies are marked: rules leave them out and take them for no retransmission",
            advice="Mirror one port in both directions; do not mirror both ends of the same link.",
        )


@health_check("CAP-DUP-ID0")
def atomic_copies(view: View) -> Iterator[HealthItem]:
    """Packets without an IP identification are taken for copies.

    **Seen**: equal packets with IP identification 0, or IPv6 ones, which have none, within 5 ms, in a capture
    where at least twenty other copies prove that the mirror makes them (RFC 6864).

    **Effect**: they are left out as copies; two equal resets of a middlebox would be left out as well.

    **Ask for**: a mirror that delivers each frame once.
    """
    rows = view.traffic.result.rows
    mask = (rows["dup_kind"] == Copy.SAME) & (rows["ip_id"] == 0) & (rows["flow"] != NO_FLOW)
    found = int(mask.sum())
    if found:
        yield remark(
            "CAP-DUP-ID0",
            f"{count(found, 'packet')} without an IP identification taken for copies: other packets provably are",
            frames_where(view.traffic, mask),
            effect="a box that really sends the same packet twice within 5 ms is counted once",
            is_proven=False,
        )


@health_check("CAP-DUP-ROUTED")
def both_sides_of_a_router(view: View) -> Iterator[HealthItem]:
    """The mirror covers both sides of a router.

    **Seen**: the same datagrams twice, the second with a lower TTL and other MAC addresses.

    **Effect**: the copy behind the router is left out of the counts that rules use; it proves that the router
    forwarded the packet.

    **Ask for**: nothing; this is worth keeping.
    """
    routed = view.traffic.result.oddities.routed
    if routed.count >= ENOUGH:
        yield remark(
            "CAP-DUP-ROUTED",
            f"{routed.count} packets are there before and behind a router, which forwarded them",
            [frame for pair in routed.pairs for frame in pair],
            effect="only the first copy is judged",
        )


@health_check("CAP-DUP-NAT")
def both_sides_of_a_nat(view: View) -> Iterator[HealthItem]:
    """The mirror covers both sides of an address translation.

    **Seen**: the same TCP segments (initial sequence number, size, flags) to the same server twice within a
    tenth of a second, from another source address or port and with a lower TTL, or UDP datagrams of the same sizes;
    three packets or more agree.

    **Effect**: the outer flow is the inner one, translated: it is another host only in appearance. It proves
    that the firewall let the packet out.

    **Ask for**: nothing; this is worth keeping.
    """
    pairs = list(twins_of(view.traffic).by_inner.values())
    agreeing = sum(len(pair.frames) for pair in pairs)
    if agreeing >= ENOUGH:
        yield remark(
            "CAP-DUP-NAT",
            f"{count(len(pairs), 'connection')} seen both inside and outside of an address translation",
            [frame for pair in pairs for twin in pair.frames[:2] for frame in twin],
            effect="flows of the outer address repeat those of the device",
        )
