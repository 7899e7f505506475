"""Finds the same device in two reports: by its MAC, else by its address and product, or as somebody says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from pcapaudit.model.addresses import mac_text, parse_mac
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import DeviceReport, Report


class MatchedBy(StrEnum):
    """By what a device of one report is that of another."""

    MAC = "mac"
    ADDRESS = "address"
    ENGINEER = "engineer"


@dataclass(frozen=True, slots=True)
class Pair:
    """One device in two reports."""

    before: DeviceReport
    after: DeviceReport
    matched_by: MatchedBy


@dataclass(frozen=True, slots=True)
class Pairs:
    """The devices in both reports, and those in one alone."""

    both: tuple[Pair, ...]
    only_before: tuple[DeviceReport, ...]
    only_after: tuple[DeviceReport, ...]


def pair_devices(before: Report, after: Report, names: Sequence[str] = ()) -> Pairs:
    """Which device of one report is which of the other, in the order of the first.

    A device that a report has more than once, in several captures, is taken from the latest of them.

    Args:
        before: The earlier report.
        after: The later one.
        names: None of them pairs all devices. One, a MAC or IP address, pairs that device alone. Two pair the device of
            the first name in ``before`` with that of the second in ``after``, whatever their MACs are.
    """
    if names:
        return _pair_named(before, after, names[0], names[-1])
    olds, news = _latest(before), _latest(after)
    both = list(_pair_all(olds, news))
    paired = [id(device) for pair in both for device in (pair.before, pair.after)]
    return Pairs(
        tuple(both),
        tuple(d for d in olds if id(d) not in paired),
        tuple(d for d in news if id(d) not in paired),
    )


def find_named(report: Report, name: str) -> DeviceReport | None:
    """The device of a MAC (in any spelling) or IP address; the one of the latest capture, None when there is none."""
    try:
        wanted = mac_text(parse_mac(name))
    except ValueError:
        wanted = name.casefold()
    return next((d for d in _latest(report) if wanted in (d.mac, *d.addresses)), None)


def _pair_named(before: Report, after: Report, old: str, new: str) -> Pairs:
    one, other = find_named(before, old), find_named(after, new)
    if one is None or other is None:
        return Pairs((), () if one is None else (one,), () if other is None else (other,))
    is_same = one.mac is not None and one.mac == other.mac
    return Pairs((Pair(one, other, MatchedBy.MAC if is_same else MatchedBy.ENGINEER),), (), ())


def _pair_all(olds: Sequence[DeviceReport], news: Sequence[DeviceReport]) -> Iterator[Pair]:
    """Pairs by MAC; of what is left, by address and product where one side does not know the MAC."""
    by_mac = {d.mac: d for d in reversed(news) if d.mac is not None}
    taken = {d.mac for d in olds} & set(by_mac)
    by_address: dict[tuple[str, str | None], DeviceReport] = {}
    for device in reversed(news):
        if device.mac is None or device.mac not in taken:
            by_address.update({(address, device.signature): device for address in device.addresses})
    used: set[int] = set()
    for old in olds:
        if old.mac is not None and old.mac in by_mac:
            yield Pair(old, by_mac[old.mac], MatchedBy.MAC)
            continue
        keys = ((address, old.signature) for address in old.addresses)
        new = next((by_address[key] for key in keys if key in by_address), None)
        # Two MACs that are known and differ are two devices, whatever address they use.
        if new is not None and id(new) not in used and None in (old.mac, new.mac):
            used.add(id(new))
            yield Pair(old, new, MatchedBy.ADDRESS)


def _latest(report: Report) -> list[DeviceReport]:
    """The devices, each once: the one of the capture that began last."""
    firsts = [capture.first or "" for capture in report.captures]
    chosen: dict[object, DeviceReport] = {}
    for number, device in enumerate(report.devices):
        key = device.mac or (device.addresses, device.signature) if device.mac or device.addresses else number
        known = chosen.get(key)
        if known is None or firsts[known.capture] < firsts[device.capture]:
            chosen[key] = device
    return list(chosen.values())
