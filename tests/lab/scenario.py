"""The words of a scenario: who is on the site, what is broken, what must be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import yaml

Verdict = Literal["healthy", "degraded", "failed", "undecided"]


@dataclass(frozen=True, slots=True)
class PortGuard:
    """802.1X on a switch port: asks for an identity and lets nothing else pass until it opens."""

    every_s: float = 10.0
    requests: int = 3
    """How often it asks before it falls back to the hardware address; with ``opens`` False it asks for ever."""
    opens: bool = False
    """Whether the hardware address is allowed in the end (MAC authentication bypass)."""


@dataclass(frozen=True, slots=True)
class Line:
    """The long line between firewall and internet."""

    loss: float = 0.0
    """Share of packets that get lost, each way."""
    extra_s: float = 0.0
    """Travel time in each direction beside that of the far address."""
    longest_out: int = 65535
    """Longer IP packets towards the internet vanish without a word."""
    longest_in: int = 65535


@dataclass(frozen=True, slots=True)
class Event:
    """A command run at a second of the capture, or before it when ``at_s`` is negative."""

    at_s: float
    place: str
    """``fw``, ``inet``, ``sw0`` or ``line``."""
    words: tuple[str, ...] = ()
    """With ``{folder}`` for the folder of the run; none for ``line``."""
    line: Line | None = None
    """For ``line``: what it is like from now on."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A further program, mostly somebody's real server, that runs from before the first box to the end."""

    place: str
    name: str
    words: tuple[str, ...]
    """With ``{folder}`` for the folder of the run."""
    config: str = ""
    """Written to ``{folder}/<name>.conf`` before the start."""


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
    kernel: Mapping[str, str] = field(default_factory=dict)
    """Kernel parameters that make its network stack another one."""
    clock_shift: str = ""
    """How wrong its clock is, as libfaketime writes it: ``-3000d``."""
    boots_again_s: tuple[float, ...] = ()
    """When its power fails and comes back."""
    is_isolated: bool = False
    """Its switch port exchanges frames with no other isolated port, only with the uplink."""
    guard: PortGuard | None = None


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
    endpoints: tuple[str, ...] = ()
    """Far sides that the audit must blame, each as ``name``, ``address``, ``:port``, ``name:port`` or ``address:port``;
    one of them named is right. Empty where no far side is to blame, as with DHCP."""


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
    servers: Mapping[str, str] = field(default_factory=dict)
    """Servers that behave otherwise than the address book says: a kind of ``servers.internet`` by ``address:port``, or
    ``none`` where nobody listens."""
    gate_drops: tuple[str, ...] = ()
    """nftables rules for what is sent to the firewall itself."""
    switch_drops: tuple[str, ...] = ()
    """nftables rules (family bridge) between the ports of the switch; the mirror still sees what they drop."""
    serves_dhcp: bool = True
    """Whether the firewall's DHCP server runs."""
    has_ipv6: bool = False
    """Whether firewall and internet speak IPv6 as well."""
    line: Line = Line()
    helpers: tuple[Helper, ...] = ()
    events: tuple[Event, ...] = ()
    changes_s: tuple[float, float] | None = None
    """First and last second of what changes the truth inside the capture: a fault that begins, ends or moves. A part of
    the capture that ends or begins inside has another truth than ``expected``."""

    also_hurt: tuple[Box, ...] = ()
    """Boxes without a signature that the fault takes from the network as well; an audit may say so or not."""

    @property
    def bystanders(self) -> tuple[Box, ...]:
        """Boxes of which an audit may say nothing bad: the unjudged and the healthy ones."""
        guilty = [known.box for known in self.expected if known.verdict != "healthy"]
        return tuple(box for box in self.boxes if box not in (*guilty, *self.also_hurt) and box.lan == 0)


def truth_text(scenario: Scenario) -> str:
    """Give the truth of a scenario as YAML, to stand beside its capture."""
    truth = {
        "scenario": scenario.name,
        "capture": f"{scenario.name}.pcapng",
        "story": scenario.story,
        "firewall": scenario.firewall,
        "vantage": "lan",
        "changes_s": list(scenario.changes_s) if scenario.changes_s else None,
        "devices": [_device_truth(known) for known in scenario.expected],
        "also_hurt": [box.mac for box in scenario.also_hurt],
        "must_not_accuse": [box.mac for box in scenario.bystanders],
    }
    return yaml.safe_dump(truth, sort_keys=False, width=110, allow_unicode=True)


def _device_truth(known: Expected) -> dict[str, str | bool | list[str] | None]:
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
        "endpoints": list(known.endpoints),
    }
