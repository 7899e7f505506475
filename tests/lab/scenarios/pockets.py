"""The same faults once more, with boxes whose network stack is a microcontroller's and not Linux."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import TEK
from tests.lab.scenario import Check, Expected, Line, Scenario
from tests.lab.scenarios.addresses import message, odd_server
from tests.lab.scenarios.cast import (
    GATEWAY,
    OFFICE,
    PASSES_ALL,
    POOL,
    any_tcp_answer,
    error_to,
    from_port,
    gateway_fails,
    lease,
    payload_to,
    pool_fails,
    syn,
    to_port,
)

_SMALL_GATEWAY = replace(GATEWAY, program="sensorist-pocket")
_SMALL_POOL = replace(POOL, program="tek-pocket")
_UNSERVED_GATEWAY = replace(_SMALL_GATEWAY, is_served=False)
_UNSERVED_POOL = replace(_SMALL_POOL, is_served=False)
_PORTS = (":443", ":4321")
_FROM_GATEWAY = f"ip saddr {GATEWAY.ip} tcp dport {{ 443, 4321 }}"
_SYNS = (Check(syn(GATEWAY, 4321), at_least=3), Check(syn(GATEWAY, 443), at_least=3))


def _gateway(fault: str, title: str, firewall: str) -> Scenario:
    """Give a scenario of the small gateway that is healthy so far."""
    return Scenario(
        name=f"sensorist-pocket-{fault}",
        title=f"a microcontroller's stack: {title}",
        story="The gateway spaces its SYNs evenly, never announces its address and takes a new id for every try.",
        firewall=firewall,
        boxes=(OFFICE, _SMALL_GATEWAY),
        expected=(Expected(_SMALL_GATEWAY, "sensorist/gateway", led="green"),),
        checks=(lease(GATEWAY), Check(payload_to(GATEWAY, 443), at_least=3)),
    )


def _pool(fault: str, title: str, firewall: str) -> Scenario:
    """Give a scenario of the small controller that is healthy so far."""
    return Scenario(
        name=f"tek-pocket-{fault}",
        title=f"a microcontroller's stack: {title}",
        story="The controller sends no checksums, never announces its address and takes a new id for every try.",
        firewall=firewall,
        boxes=(OFFICE, _SMALL_POOL),
        expected=(Expected(_SMALL_POOL, "tek/pool-ems"),),
        checks=(lease(POOL), Check(from_port(POOL, 8844), at_least=3)),
    )


GATEWAY_HEALTHY = _gateway("healthy", "boot and upload", PASSES_ALL)
POOL_HEALTHY = _pool("healthy", "boot and messages", PASSES_ALL)

GATEWAY_DROPPED = replace(
    _gateway("dropped", "both ports are silent", "drops TCP 443 and 4321 of the gateway without a word"),
    expected=(gateway_fails("connect", "TCP-ALL-PORTS-FAIL", *_PORTS, box=_SMALL_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(f"(tcp || icmp) && ip.dst == {GATEWAY.ip}", at_most=0)),
    drops=(f"{_FROM_GATEWAY} drop",),
)

GATEWAY_RESET = replace(
    _gateway("reset", "the firewall resets both ports", "rejects TCP 443 and 4321 of the gateway with a reset"),
    expected=(gateway_fails("connect", "TCP-RST-INJECTED", *_PORTS, box=_SMALL_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(f"tcp.flags.reset == 1 && ip.dst == {GATEWAY.ip}", at_least=6)),
    drops=(f"{_FROM_GATEWAY} reject with tcp reset",),
)

GATEWAY_PROHIBITED = replace(
    _gateway("prohibited", "the firewall rejects with ICMP", "rejects TCP 443 and 4321 with ICMP code 13"),
    expected=(gateway_fails("connect", "ICMP-ADMIN", *_PORTS, box=_SMALL_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(error_to(GATEWAY, 3, 13), at_least=4)),
    drops=(f"{_FROM_GATEWAY} reject with icmp type admin-prohibited",),
)

GATEWAY_SWALLOWED = replace(
    _gateway("swallowed", "the handshake passes, data does not", "drops every data packet of the gateway"),
    expected=(gateway_fails("app", "TCP-DATA-BLACKHOLE", *_PORTS, box=_SMALL_GATEWAY),),
    checks=(
        lease(GATEWAY),
        Check(f"tcp.flags == 0x12 && ip.dst == {GATEWAY.ip}", at_least=2),
        Check(f"tcp.len > 0 && ip.src == {GATEWAY.ip}", at_least=6),
        Check(f"tcp.len > 0 && ip.dst == {GATEWAY.ip}", at_most=0),
    ),
    drops=(f"{_FROM_GATEWAY} tcp flags & psh == psh drop",),
)

GATEWAY_ONE_PORT = replace(
    _gateway("one-port-dropped", "443 is silent, 4321 works", "drops TCP 443 without a word"),
    checks=(
        lease(GATEWAY),
        Check(syn(GATEWAY, 443), at_least=3),
        Check(any_tcp_answer(GATEWAY, 443), at_most=0),
        Check(payload_to(GATEWAY, 4321), at_least=3),
    ),
    drops=(f"ip saddr {GATEWAY.ip} tcp dport 443 drop",),
)

GATEWAY_NO_DHCP = replace(
    _gateway("no-dhcp", "asks for an address and gets none", "its DHCP server ignores the gateway"),
    boxes=(replace(OFFICE, starts_s=12.0), _UNSERVED_GATEWAY),
    expected=(replace(gateway_fails("dhcp", "DHCP-NO-OFFER", box=_UNSERVED_GATEWAY), is_recognisable=False),),
    checks=(lease(OFFICE), Check(message(GATEWAY, 1), at_least=6), Check(message(GATEWAY, 2), at_most=0)),
)

GATEWAY_NAK_LOOP = replace(
    _gateway("nak-loop", "is offered an address and refused it", "its DHCP server refuses what it has offered"),
    boxes=(_UNSERVED_GATEWAY,),
    expected=(replace(gateway_fails("dhcp", "DHCP-NAK", box=_UNSERVED_GATEWAY), is_recognisable=False),),
    checks=(Check(message(GATEWAY, 6), at_least=3), Check(message(GATEWAY, 5), at_most=0)),
    seconds=30.0,
    serves_dhcp=False,
    helpers=odd_server("nak", GATEWAY),
)

GATEWAY_DNS_SILENT = replace(
    _gateway("dns-dropped", "no name is answered", "drops DNS of the gateway to its own resolver"),
    expected=(gateway_fails("dns", "DNS-NO-REPLY", "10.20.36.1", "gk.sensorist.com", box=_SMALL_GATEWAY),),
    checks=(lease(GATEWAY), Check(to_port(GATEWAY, 53), at_least=6), Check(from_port(GATEWAY, 53), at_most=0)),
    gate_drops=(f"ip saddr {GATEWAY.ip} udp dport 53 drop",),
)

GATEWAY_LOST_INSIDE = replace(
    _gateway("return-lost-inside", "answers pass the mirror only", "lets everything out; the switch drops the answers"),
    expected=(gateway_fails("connect", "TCP-HALF-OPEN", *_PORTS, box=_SMALL_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(f"tcp.flags == 0x12 && ip.dst == {GATEWAY.ip}", at_least=6)),
    switch_drops=(f"ip daddr {GATEWAY.ip} tcp sport {{ 443, 4321 }} drop",),
)

GATEWAY_SILENT_ROUTER = replace(
    _gateway("gateway-silent", "its default gateway is not there", "names a router that does not exist"),
    boxes=(OFFICE, _SMALL_GATEWAY),
    also_hurt=(OFFICE,),
    expected=(gateway_fails("gateway", "ARP-GW-NO-REPLY", box=_SMALL_GATEWAY),),
    checks=(
        lease(GATEWAY),
        Check(f"arp.opcode == 1 && arp.dst.proto_ipv4 == 10.20.36.254 && eth.src == {GATEWAY.mac}", at_least=6),
        Check(f"tcp && ip.src == {GATEWAY.ip}", at_most=0),
    ),
    resolver_options=("--dhcp-option=3,10.20.36.254",),
)

POOL_DROPPED = replace(
    _pool("dropped", "8844 is silent", "drops UDP 8844 without a word"),
    expected=(pool_fails("connect", "UDP-SERVER-WALK", ":8844", box=_SMALL_POOL),),
    checks=(lease(POOL), Check(to_port(POOL, 8844), at_least=8), Check(from_port(POOL, 8844), at_most=0)),
    drops=("udp dport 8844 drop",),
)

POOL_REJECTED = replace(
    _pool("rejected", "the firewall rejects 8844", "rejects UDP 8844 with its default answer"),
    expected=(pool_fails("connect", "ICMP-PORT-UNREACH-NEAR", ":8844", box=_SMALL_POOL),),
    checks=(lease(POOL), Check(error_to(POOL, 3, 3), at_least=4)),
    drops=("udp dport 8844 reject",),
)

POOL_LIST_ENDS_WELL = replace(
    _pool("third-server-answers", "two servers are silent, the third answers", "drops two of the four servers"),
    checks=(lease(POOL), Check(f"ip.dst == {TEK[0]}", at_least=1), Check(from_port(POOL, 8844), at_least=3)),
    drops=(f"ip daddr {{ {', '.join(TEK[:2])} }} drop",),
)

POOL_NO_DHCP = replace(
    _pool("no-dhcp", "asks for an address and gets none", "its DHCP server ignores the controller"),
    boxes=(replace(OFFICE, starts_s=12.0), _UNSERVED_POOL),
    expected=(replace(pool_fails("dhcp", "DHCP-NO-OFFER", box=_UNSERVED_POOL), is_recognisable=False),),
    checks=(lease(OFFICE), Check(message(POOL, 1), at_least=6), Check(message(POOL, 2), at_most=0)),
)

POOL_TOO_LATE = replace(
    _pool("answers-too-late", "answers come later than it waits", "lets everything out over a line of eight seconds"),
    expected=(pool_fails("connect", "UDP-SERVER-WALK", ":8844", box=_SMALL_POOL),),
    checks=(lease(POOL), Check(to_port(POOL, 8844), at_least=6), Check(from_port(POOL, 8844), at_least=5)),
    line=Line(extra_s=4.0),
    resolver_options=tuple(f"--host-record=c{number}.ezecontrol.com,{TEK[(number - 1) % 4]}" for number in range(1, 9)),
)

ALL = (
    GATEWAY_HEALTHY,
    GATEWAY_DROPPED,
    GATEWAY_RESET,
    GATEWAY_PROHIBITED,
    GATEWAY_SWALLOWED,
    GATEWAY_ONE_PORT,
    GATEWAY_NO_DHCP,
    GATEWAY_NAK_LOOP,
    GATEWAY_DNS_SILENT,
    GATEWAY_LOST_INSIDE,
    GATEWAY_SILENT_ROUTER,
    POOL_HEALTHY,
    POOL_DROPPED,
    POOL_REJECTED,
    POOL_LIST_ENDS_WELL,
    POOL_NO_DHCP,
    POOL_TOO_LATE,
)
