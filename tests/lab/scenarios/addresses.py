"""DHCP that fails, hesitates or lies."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.scenario import Box, Check, Expected, Helper, Scenario
from tests.lab.scenarios.cast import (
    AGENT,
    GATEWAY,
    LOGGER,
    OFFICE,
    PASSES_ALL,
    POOL,
    from_port,
    gateway_fails,
    lease,
    payload_to,
    pool_fails,
)

_NOBODY_ELSE = "its DHCP server is off; lets everything out"
_PREFIX = "10.20.36"
_SECOND_SERVER = "02:66:d1:c9:00:02"
_SECOND_WORDS = (
    "dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --port=0 --dhcp-leasefile=/dev/null"
    f" --bind-interfaces --interface=eth0 --dhcp-range={_PREFIX}.220,{_PREFIX}.239,255.255.255.0,1h --no-ping"
    f" --dhcp-option=3,{_PREFIX}.2 --dhcp-option=6,{_PREFIX}.2 --dhcp-authoritative"
)


def _second_server(more: str = "") -> Box:
    """A box with a DHCP server of its own that calls itself router and resolver, and is neither."""
    settings = {"fixed": f"{_PREFIX}.2/24 {_PREFIX}.1", "command": f"{_SECOND_WORDS} {more}".strip()}
    return Box("second DHCP server", "server", _SECOND_SERVER, f"{_PREFIX}.102", starts_s=0.5, settings=settings)


def message(box: Box, kind: int) -> str:
    """Filter for DHCP messages of or to a box; 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak."""
    return f"dhcp.option.dhcp == {kind} && dhcp.hw.mac_addr == {box.mac}"


def _unnamed(signature: str, box: Box, rule: str, led: str | None = None) -> Expected:
    """Give the verdict on a box that has no address yet, and so nothing that names it."""
    return Expected(box, signature, "failed", "dhcp", rule, led, is_recognisable=False)


def odd_server(habit: str, box: Box) -> tuple[Helper, ...]:
    """Let a DHCP server with a habit stand in for the firewall's own."""
    words = ("python3", "-m", "tests.lab.servers.dhcp", "lan0", f"{_PREFIX}.1", box.ip, habit)
    return (Helper("fw", "odd-dhcp", words),)


_IPV4LL_POOL = replace(POOL, settings={"dhcp": "dhcpcd"}, is_served=False)
_LATE_AGENT = replace(AGENT, starts_s=6.0, is_served=False, settings={**AGENT.settings, "dhcp": "dhclient"})
_STRICT_LOGGER = replace(LOGGER, settings={"dhcp": "dhclient", "dhcp_requires": "routers, domain-name-servers"})
_REFUSED_GATEWAY = replace(GATEWAY, is_served=False)
_MOVED_GATEWAY = replace(GATEWAY, settings={"dhcp": "dhclient", "old_lease": "192.168.8.77"})
_PROBING_GATEWAY = replace(GATEWAY, settings={"dhcp": "dhcpcd"})

NO_SERVER = Scenario(
    name="tek-no-dhcp-server",
    title="no DHCP server on the network; the controller gives itself a 169.254 address",
    story="Nobody answers the controller's requests. Its client falls back to a link-local address.",
    firewall=_NOBODY_ELSE,
    boxes=(_IPV4LL_POOL,),
    expected=(_unnamed("tek/pool-ems", _IPV4LL_POOL, "DHCP-NO-OFFER"),),
    checks=(
        Check(message(POOL, 1), at_least=3),
        Check("dhcp.option.dhcp == 2", at_most=0),
        Check(f"arp && eth.src == {POOL.mac} && arp.dst.proto_ipv4 == 169.254.0.0/16", at_least=1),
    ),
    serves_dhcp=False,
)

POOL_EMPTY = Scenario(
    name="wennsoft-dhcp-pool-empty",
    title="the only free address went to a PC; the MiniAgent gets none",
    story="The DHCP server has one address. The PC holds it; the MiniAgent's requests are heard and not answered.",
    firewall="its DHCP server has a pool of one address; lets everything out",
    boxes=(OFFICE, _LATE_AGENT),
    expected=(_unnamed("wennsoft/miniagent", _LATE_AGENT, "DHCP-NO-OFFER", "Waiting for network connection..."),),
    checks=(lease(OFFICE), Check(message(AGENT, 1), at_least=4), Check(message(AGENT, 2), at_most=0)),
    seconds=90,
    serves_dhcp=False,
    resolver_options=(f"--dhcp-range={OFFICE.ip},{OFFICE.ip},255.255.255.0,1h",),
)

NAK_LOOP = Scenario(
    name="sensorist-dhcp-nak-loop",
    title="the DHCP server offers an address and refuses it when the gateway asks for it, over and over",
    story="Each OFFER is followed by a REQUEST and a NAK.",
    firewall="its DHCP server refuses what it has offered",
    boxes=(_REFUSED_GATEWAY,),
    expected=(_unnamed("sensorist/gateway", _REFUSED_GATEWAY, "DHCP-NAK", "solid red"),),
    checks=(Check(message(GATEWAY, 6), at_least=3), Check(message(GATEWAY, 5), at_most=0)),
    serves_dhcp=False,
    helpers=odd_server("nak", GATEWAY),
)

NAK_THEN_LEASE = Scenario(
    name="sensorist-dhcp-nak-then-lease",
    title="the gateway comes from another network, is refused its old address once and gets a new one",
    story="The gateway asks for the address it had elsewhere; a NAK, then an ordinary lease and a connection.",
    changes_s=(0, 30),
    firewall=PASSES_ALL,
    resolver_options=("--dhcp-authoritative",),
    boxes=(OFFICE, _MOVED_GATEWAY),
    expected=(Expected(_MOVED_GATEWAY, "sensorist/gateway", led="green"),),
    checks=(lease(GATEWAY), Check(message(GATEWAY, 6), at_least=1), Check(payload_to(GATEWAY, 4321), at_least=3)),
)

NO_ACK = Scenario(
    name="tek-dhcp-no-ack",
    title="the DHCP server offers an address and never confirms it",
    story="OFFERs come, the controller's REQUESTs stay without an answer.",
    firewall="its DHCP server does not answer requests",
    boxes=(replace(POOL, is_served=False),),
    expected=(_unnamed("tek/pool-ems", replace(POOL, is_served=False), "DHCP-NO-ACK"),),
    checks=(
        Check(message(POOL, 2), at_least=1),
        Check(message(POOL, 3), at_least=2),
        Check("dhcp.option.dhcp == 5 or dhcp.option.dhcp == 6", at_most=0),
    ),
    serves_dhcp=False,
    helpers=odd_server("mute", POOL),
)

OFFER_IGNORED = Scenario(
    name="alsoenergy-logger-dhcp-offer-ignored",
    title="the offers lack router and name server; the datalogger does not take them",
    story="The datalogger needs a router and a name server with its address; the offers carry neither.",
    firewall="its DHCP server offers addresses without router and name server",
    boxes=(_STRICT_LOGGER,),
    expected=(_unnamed("alsoenergy/logger", _STRICT_LOGGER, "DHCP-OFFER-IGNORED"),),
    checks=(
        Check(message(LOGGER, 1), at_least=3),
        Check(message(LOGGER, 2), at_least=3),
        Check(message(LOGGER, 3), at_most=0),
    ),
    serves_dhcp=False,
    helpers=odd_server("bare", LOGGER),
)

NO_ROUTER = Scenario(
    name="tek-dhcp-no-router",
    title="the lease has no default gateway",
    story="The controller resolves names at the resolver on its LAN and cannot send anything out.",
    firewall="its DHCP server names no router",
    boxes=(OFFICE, POOL),
    also_hurt=(OFFICE,),
    expected=(pool_fails("dhcp", "DHCP-NO-ROUTER"),),
    checks=(
        lease(POOL),
        Check("dhcp.option.dhcp == 5 && dhcp.option.router", at_most=0),
        Check(f"dns.a && ip.dst == {POOL.ip}", at_least=2),
        Check(f"ip.src == {POOL.ip} && !(ip.dst == 10.20.36.0/24) && !(ip.dst == 255.255.255.255)", at_most=0),
    ),
    resolver_options=("--dhcp-option=3",),
)

GATEWAY_NO_ROUTER = replace(
    NO_ROUTER,
    name="sensorist-dhcp-no-router",
    story="The gateway resolves its names at the resolver on its LAN and cannot send anything out.",
    boxes=(OFFICE, _PROBING_GATEWAY),
    expected=(gateway_fails("dhcp", "DHCP-NO-ROUTER", box=_PROBING_GATEWAY),),
    checks=(
        lease(GATEWAY),
        Check("dhcp.option.dhcp == 5 && dhcp.option.router", at_most=0),
        Check(f"dns.a && ip.dst == {GATEWAY.ip}", at_least=2),
        Check(f"tcp && ip.src == {GATEWAY.ip}", at_most=0),
    ),
)

NO_DNS = Scenario(
    name="sensorist-dhcp-no-dns",
    title="the lease has no name server",
    story="The gateway has an address and a router, and nobody to ask for names: it sends nothing.",
    firewall="its DHCP server names no name server",
    boxes=(GATEWAY,),
    expected=(replace(gateway_fails("dhcp", "DHCP-NO-DNS"), is_recognisable=False),),
    checks=(
        lease(GATEWAY),
        Check("dhcp.option.dhcp == 5 && dhcp.option.domain_name_server", at_most=0),
        Check(f"dns && ip.src == {GATEWAY.ip}", at_most=0),
    ),
    resolver_options=("--dhcp-option=6",),
)

AGENT_NO_DNS = Scenario(
    name="wennsoft-dhcp-no-dns",
    title="the lease has no name server; the MiniAgent works with 8.8.8.8, as it always tries",
    story="The DHCP server names no resolver. The MiniAgent asks 8.8.8.8 in any case (WSC-13).",
    firewall="its DHCP server names no name server",
    boxes=(AGENT,),
    expected=(Expected(AGENT, "wennsoft/miniagent"),),
    checks=(
        lease(AGENT),
        Check("dhcp.option.dhcp == 5 && dhcp.option.domain_name_server", at_most=0),
        Check(f"dns.a && ip.src == 8.8.8.8 && ip.dst == {AGENT.ip}", at_least=2),
        Check(payload_to(AGENT, 5432), at_least=3),
    ),
    resolver_options=("--dhcp-option=6",),
)

ROGUE_LOSES = Scenario(
    name="sensorist-second-dhcp-slower",
    title="a second DHCP server offers other values, but the right one is faster",
    story="A box on the LAN offers itself as router and resolver, two seconds late. The gateway works.",
    firewall=PASSES_ALL,
    boxes=(_second_server("--dhcp-reply-delay=2"), OFFICE, GATEWAY),
    expected=(Expected(GATEWAY, "sensorist/gateway", "degraded", None, "DHCP-ROGUE", "green"),),
    checks=(
        lease(GATEWAY),
        Check(f"{message(GATEWAY, 2)} && dhcp.option.dhcp_server_id == {_PREFIX}.2", at_least=1),
        Check(payload_to(GATEWAY, 4321), at_least=3),
    ),
)

ROGUE_WINS = Scenario(
    name="tek-second-dhcp-wins",
    title="a second DHCP server is faster and names itself as router and resolver, which it is not",
    story="The controller takes the lease of an unauthorised server. Its queries go to that box, which refuses them.",
    firewall="its DHCP server answers two seconds late; lets everything out",
    boxes=(_second_server(), POOL),
    expected=(pool_fails("dhcp", "DHCP-ROGUE"),),
    checks=(
        Check(f"{message(POOL, 2)} && dhcp.option.dhcp_server_id == {_PREFIX}.1", at_least=1),
        Check(f"{message(POOL, 5)} && dhcp.option.dhcp_server_id == {_PREFIX}.2", at_least=1),
        Check(f"udp.dstport == 53 && eth.src == {POOL.mac} && !icmp", at_least=2),
        Check(from_port(POOL, 8844), at_most=0),
    ),
    resolver_options=("--dhcp-reply-delay=2",),
)

RELAY_SILENT = Scenario(
    name="sensorist-dhcp-relay-no-reply",
    title="the relay forwards the gateway's requests and the DHCP server does not answer it",
    story="A relay agent on the LAN sends each DISCOVER on to the server, which has no scope for this subnet.",
    firewall="drops DHCP from the relay; lets everything out",
    boxes=(
        Box(
            *("DHCP relay", "server", "02:66:d1:c9:00:03", f"{_PREFIX}.103"),
            starts_s=0.5,
            settings={
                "fixed": f"{_PREFIX}.3/24 {_PREFIX}.1",
                "command": f"dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --port=0"
                f" --dhcp-relay={_PREFIX}.3,62.20.10.1 --interface=eth0 --bind-interfaces",
            },
        ),
        _REFUSED_GATEWAY,
    ),
    expected=(_unnamed("sensorist/gateway", _REFUSED_GATEWAY, "DHCP-RELAY-NO-REPLY", "solid red"),),
    checks=(
        Check(f"{message(GATEWAY, 1)} && dhcp.ip.relay == {_PREFIX}.3", at_least=3),
        Check("dhcp.option.dhcp == 2", at_most=0),
    ),
    serves_dhcp=False,
    drops=("udp dport 67 drop",),
)

ALL = (
    NO_SERVER,
    POOL_EMPTY,
    NAK_LOOP,
    NAK_THEN_LEASE,
    NO_ACK,
    OFFER_IGNORED,
    NO_ROUTER,
    GATEWAY_NO_ROUTER,
    NO_DNS,
    AGENT_NO_DNS,
    ROGUE_LOSES,
    ROGUE_WINS,
    RELAY_SILENT,
)
