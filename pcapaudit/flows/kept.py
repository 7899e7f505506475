"""Whose packets are not all kept: what the scan's bounds left out, by host (CAP-TABLE-FULL)."""

from __future__ import annotations

from collections import Counter

from pcapaudit.flows.hosts import Host
from pcapaudit.flows.packets import packed_address, packed_mac
from pcapaudit.flows.traffic import Traffic
from pcapaudit.scan.columns import Table

_SIDES = ("a", "b")


def is_kept_in_part(traffic: Traffic, host: Host) -> bool:
    """Whether packets of a host that say something are in the capture and not kept."""
    known: frozenset[bytes | None] | None = traffic.memo.get("kept_in_part")
    if known is None:
        known = traffic.memo["kept_in_part"] = frozenset(_macs(traffic) | _addresses(traffic))
    return not known.isdisjoint([host.mac, *host.addresses])


def _macs(traffic: Traffic) -> set[bytes | None]:
    """Link addresses of which ARP, 802.1X and the like was left out, or what they said without having an address."""
    pairs, flows = traffic.result.pairs, traffic.result.flows
    lossy = [pairs[name][pairs["lost"] > 0] for name in ("smac", "dmac")]
    for side in _SIDES:
        is_nobody = (flows["lost"] > 0) & (flows[f"{side}_hi"] == 0) & (flows[f"{side}_lo"] == 0)
        lossy.append(flows[f"{side}_mac"][is_nobody])
    return {packed_mac(mac) for macs in lossy for mac in macs.tolist()} - {None}


def _addresses(traffic: Traffic) -> set[bytes | None]:
    """Both ends of each flow of which something was left out.

    Where the table of flows was full, whoever sent more packets than its flows count, too: the packets of a flow that
    is not kept are counted with their sender alone.
    """
    result = traffic.result
    lossy = result.flows[result.flows["lost"] > 0]
    found: set[bytes | None] = {address for side in _SIDES for address in _packed(lossy, f"{side}_")}
    return found | _senders_of_more(result.bindings, result.flows) if result.left_out["flows"] else found


def _senders_of_more(bindings: Table, flows: Table) -> set[bytes]:
    sent, counted = Counter[bytes](), Counter[bytes]()
    for address, packets in zip(_packed(bindings), bindings["frames"].tolist(), strict=True):
        sent[address] += packets
    for side in _SIDES:
        for address, packets in zip(_packed(flows, f"{side}_"), flows[f"{side}_pkts"].tolist(), strict=True):
            counted[address] += packets
    return {address for address, packets in sent.items() if packets > counted[address]}


def _packed(table: Table, side: str = "") -> list[bytes]:
    """The addresses of a table, one a row."""
    return list(map(packed_address, *(table[name].tolist() for name in ("family", f"{side}hi", f"{side}lo"))))
