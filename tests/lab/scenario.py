"""The words of a scenario: who is on the site, what is broken, what must be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import yaml

Verdict = Literal["healthy", "degraded", "failed", "undecided"]


@dataclass(frozen=True, slots=True)
class Box:
    """One emulated box: its program, its place on the site, and when it is switched on."""

    role: str
    program: str
    mac: str
    ip: str
    """The address its DHCP reservation holds; with ``is_served`` False it gets none."""
    starts_s: float = 3.0
    lan: int = 0
    is_served: bool = True
    has_ipv6: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an audit must say about one box; written before the run, from the story alone."""

    box: Box
    signature: str
    verdict: Verdict = "healthy"
    stage: str | None = None
    """First failed stage."""
    rule: str | None = None
    """Root cause, a rule id of the catalogue."""
    led: str | None = None
    is_recognisable: bool = True
    """False when nothing on the wire names the product: the engineer must say what the box is."""


@dataclass(frozen=True, slots=True)
class Check:
    """A symptom that must be in the file: how many frames a Wireshark display filter may match."""

    display_filter: str
    at_least: int = 0
    at_most: int | None = None

    def accepts(self, frames: int) -> bool:
        """Say whether this number of matching frames is what the scenario promises."""
        return frames >= self.at_least and (self.at_most is None or frames <= self.at_most)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One site, one story, one capture."""

    name: str
    title: str
    """One line for the list of samples."""
    story: str
    firewall: str
    """What the firewall (and its DHCP and DNS server) did, in words."""
    boxes: tuple[Box, ...]
    expected: tuple[Expected, ...]
    checks: tuple[Check, ...]
    seconds: float = 75.0
    drops: tuple[str, ...] = ()
    """nftables rules placed before the firewall's ordinary ones."""
    resolver_options: tuple[str, ...] = ()
    """Further options of dnsmasq."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names that a vendor's DNS knows for this site alone."""

    @property
    def bystanders(self) -> tuple[Box, ...]:
        """Boxes of which an audit may say nothing bad: the unjudged and the healthy ones."""
        guilty = [known.box for known in self.expected if known.verdict != "healthy"]
        return tuple(box for box in self.boxes if box not in guilty and box.lan == 0)


def truth_text(scenario: Scenario) -> str:
    """Give the truth of a scenario as YAML, to stand beside its capture."""
    truth = {
        "scenario": scenario.name,
        "capture": f"{scenario.name}.pcapng",
        "story": scenario.story,
        "firewall": scenario.firewall,
        "vantage": "lan",
        "devices": [_device_truth(known) for known in scenario.expected],
        "must_not_accuse": [box.mac for box in scenario.bystanders],
    }
    return yaml.safe_dump(truth, sort_keys=False, width=110, allow_unicode=True)


def _device_truth(known: Expected) -> dict[str, str | bool | None]:
    return {
        "role": known.box.role,
        "mac": known.box.mac,
        "ip": known.box.ip if known.box.is_served else None,
        "signature": known.signature,
        "recognisable": known.is_recognisable,
        "verdict": known.verdict,
        "first_failed_stage": known.stage,
        "rule": known.rule,
        "led": known.led,
    }
