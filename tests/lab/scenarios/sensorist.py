"""Oscar TempLog / Sensorist gateway."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import SENSORIST
from tests.lab.scenario import Check, Expected, Scenario
from tests.lab.scenarios.cast import GATEWAY, OFFICE, PASSES_ALL, lease, payload_to, syn

_CURIOUS = replace(OFFICE, settings={"portal": "my.oscartemplog.se"})
_LATE = replace(OFFICE, starts_s=12.0)
_UNSERVED = replace(GATEWAY, is_served=False)

HEALTHY = Scenario(
    name="sensorist-healthy",
    title="Oscar TempLog gateway boots and keeps its cloud connection",
    story="The gateway gets its lease, finds the cloud and uploads; each sample is confirmed.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, GATEWAY),
    expected=(Expected(GATEWAY, "sensorist/gateway", led="green"),),
    checks=(lease(GATEWAY), lease(OFFICE), Check(payload_to(GATEWAY, 4321), at_least=3)),
)

BLINKING_RED = Scenario(
    name="sensorist-blinking-red",
    title="the firewall drops 443 and 4321 of this gateway; a PC reaches the same server on 443",
    story="The gateway has a lease and DNS, but no answer on either port. A PC on the same LAN opens the"
    " vendor's web site, which is on one of the two server addresses.",
    firewall="drops TCP 443 and 4321 from the gateway without a word; lets all else out",
    boxes=(_CURIOUS, GATEWAY),
    expected=(
        Expected(
            *(GATEWAY, "sensorist/gateway", "failed", "connect", "TCP-ALL-PORTS-FAIL", "blinking red"),
            endpoints=(":4321", ":443"),
        ),
    ),
    checks=(
        lease(GATEWAY),
        Check(syn(GATEWAY, 4321), at_least=8),
        Check(syn(GATEWAY, 443), at_least=8),
        Check(f"(tcp || icmp) && ip.dst == {GATEWAY.ip}", at_most=0),
        Check(f"dns.a && ip.dst == {GATEWAY.ip}", at_least=3),
        Check(f"{payload_to(OFFICE, 443)} && ip.src == {SENSORIST[1]}", at_least=2),
    ),
    seconds=110,
    drops=(f"ip saddr {GATEWAY.ip} tcp dport {{ 443, 4321 }} drop",),
)

NO_DHCP = Scenario(
    name="sensorist-no-dhcp",
    title="the gateway asks for an address and gets none; a PC gets one",
    story="The DHCP server ignores this gateway's hardware address. A PC switched on later gets a lease.",
    firewall="its DHCP server ignores the gateway; lets everything out",
    boxes=(_LATE, _UNSERVED),
    expected=(
        Expected(_UNSERVED, "sensorist/gateway", "failed", "dhcp", "DHCP-NO-OFFER", "solid red", is_recognisable=False),
    ),
    checks=(
        lease(OFFICE),
        Check(f"dhcp.option.dhcp == 1 && dhcp.hw.mac_addr == {GATEWAY.mac}", at_least=5),
        Check(f"dhcp.option.dhcp == 2 && dhcp.hw.mac_addr == {GATEWAY.mac}", at_most=0),
    ),
    seconds=90,
)
