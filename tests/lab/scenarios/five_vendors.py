"""A whole site: devices of five vendors and two office PCs on one wire, with none, one or two of them cut off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

from tests.lab.address_book import NEXUS_NAME
from tests.lab.scenario import Box, Check, Expected, Scenario
from tests.lab.scenarios.cast import AGENT, GATEWAY, LOGGER, NEXUS, OFFICE, POOL, SECOND_OFFICE, lease, payload_to

_SECOND_OFFICE = replace(SECOND_OFFICE, starts_s=9.0)
_REJECT = "reject with icmp type admin-prohibited"


@dataclass(frozen=True, slots=True)
class _Member:
    """One vendor's device on the site, and what cuts it off."""

    vendor: str
    box: Box
    signature: str
    match: str
    """nftables: its traffic to its service."""
    sent: str
    """Wireshark: its attempts at the service."""
    answer: Check
    """When it works."""
    silent_rule: str
    """Root cause where its packets are dropped without a word."""
    endpoint: str
    led: tuple[str | None, str | None] = (None, None)
    """Working, cut off."""

    def expected(self, fate: str) -> Expected:
        """What an audit must say of it when it is ``healthy``, ``dropped`` or ``rejected``."""
        if fate == "healthy":
            return Expected(self.box, self.signature, led=self.led[0])
        rule = self.silent_rule if fate == "dropped" else "ICMP-ADMIN"
        return Expected(*(self.box, self.signature, "failed", "connect", rule, self.led[1]), endpoints=(self.endpoint,))

    def checks(self, fate: str) -> tuple[Check, ...]:
        """The symptoms of its fate."""
        if fate == "healthy":
            return (lease(self.box), self.answer)
        none = replace(self.answer, at_least=0, at_most=0)
        errors = Check(f"icmp.code == 13 && ip.dst == {self.box.ip}", at_least=2 if fate == "rejected" else 0)
        return (lease(self.box), Check(self.sent, at_least=3), none, errors)


def _syns(box: Box, ports: str) -> str:
    return f"tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == {box.ip} && tcp.dstport in {{{ports}}}"


def _placed(box: Box, second: float) -> Box:
    return replace(box, starts_s=second)


_GATEWAY, _POOL, _AGENT, _LOGGER, _NEXUS = (
    _placed(box, 2.0 + number) for number, box in enumerate((GATEWAY, POOL, AGENT, LOGGER, NEXUS))
)

_MEMBERS = (
    _Member(
        "sensorist",
        _GATEWAY,
        "sensorist/gateway",
        f"ip saddr {_GATEWAY.ip} tcp dport {{ 443, 4321 }}",
        _syns(_GATEWAY, "443, 4321"),
        Check(f"ip.dst == {_GATEWAY.ip} && tcp.srcport in {{443, 4321}} && tcp.len > 0", at_least=3),
        "TCP-ALL-PORTS-FAIL",
        "gk.sensorist.com",
        ("green", "blinking red"),
    ),
    _Member(
        "tek",
        _POOL,
        "tek/pool-ems",
        f"ip saddr {_POOL.ip} udp dport 8844",
        f"ip.src == {_POOL.ip} && udp.dstport == 8844",
        Check(f"ip.dst == {_POOL.ip} && udp.srcport == 8844 && !icmp", at_least=4),
        "UDP-SERVER-WALK",
        ":8844",
    ),
    _Member(
        "wennsoft",
        _AGENT,
        "wennsoft/miniagent",
        f"ip saddr {_AGENT.ip} tcp dport 5432",
        _syns(_AGENT, "5432"),
        Check(payload_to(_AGENT, 5432), at_least=6),
        "TCP-SYN-TIMEOUT",
        ":5432",
    ),
    _Member(
        "alsoenergy",
        _LOGGER,
        "alsoenergy/logger",
        f"ip saddr {_LOGGER.ip} tcp dport 443",
        _syns(_LOGGER, "443"),
        Check(payload_to(_LOGGER, 443), at_least=6),
        "TCP-SYN-TIMEOUT",
        ":443",
    ),
    _Member(
        "skala",
        _NEXUS,
        "skala/nexus",
        f"ip saddr {_NEXUS.ip} tcp dport 443",
        _syns(_NEXUS, "443"),
        Check(payload_to(_NEXUS, 443), at_least=6),
        "TCP-SYN-TIMEOUT",
        ":443",
    ),
)


def _site(fates: dict[str, str]) -> Scenario:
    """Build the site; members without a fate are healthy."""
    broken = [member for member in _MEMBERS if member.vendor in fates]
    ordered = (*broken, *(member for member in _MEMBERS if member.vendor not in fates))
    names = " and ".join(fates)
    told = "; ".join(
        f"{'drops' if fate == 'dropped' else 'rejects by ICMP'} what {vendor}'s device sends to its service"
        for vendor, fate in fates.items()
    )
    return Scenario(
        name=f"site-{'-'.join(fates)}-broken" if fates else "site-healthy",
        title=f"five vendors and two office PCs on one wire; {names or 'none'} cut off",
        story="All boxes start within seconds on one switch. Who is not named works undisturbed.",
        firewall=f"{told or 'lets everything out'}; lets all else out",
        boxes=(OFFICE, *(member.box for member in _MEMBERS), _SECOND_OFFICE),
        expected=tuple(member.expected(fates.get(member.vendor, "healthy")) for member in ordered),
        checks=tuple(check for member in ordered for check in member.checks(fates.get(member.vendor, "healthy"))),
        seconds=100,
        names={NEXUS_NAME: NEXUS.ip},
        drops=tuple(f"{m.match} {'drop' if fates[m.vendor] == 'dropped' else _REJECT}" for m in broken),
    )


_VENDORS = tuple(member.vendor for member in _MEMBERS)

ALL = (
    _site({}),
    *(_site({vendor: "dropped"}) for vendor in _VENDORS),
    *(_site({one: "dropped", other: "rejected"}) for one, other in combinations(_VENDORS, 2)),
)

SAMPLE = next(scenario for scenario in ALL if scenario.name == "site-sensorist-tek-broken")
"""The site that is shown to users: one device hears nothing, the other is refused."""
