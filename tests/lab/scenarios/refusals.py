"""Firewalls and servers that drop, reset or reject: who said no, and to what."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import SENSORIST, SENSORIST_MOVED, TEK
from tests.lab.scenario import Check, Event, Expected, Scenario
from tests.lab.scenarios.cast import (
    AGENT,
    GATEWAY,
    LOGGER,
    OFFICE,
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

_FROM_GATEWAY = f"ip saddr {GATEWAY.ip} tcp dport {{ 443, 4321 }}"
_PORTS = (":443", ":4321")
_NEW_KERNEL = {"net.ipv4.tcp_syn_linear_timeouts": "4"}
_MODERN_GATEWAY = replace(GATEWAY, kernel=_NEW_KERNEL, settings={"connect_wait": "12", "dhcp": "dhclient"})
_HASTY_GATEWAY = replace(GATEWAY, settings={"connect_wait": "3", "pause": "1", "dhcp": "dhcpcd"})
_PATIENT_GATEWAY = replace(GATEWAY, settings={"answer_wait": "15"})
_DRAWING_GATEWAY = replace(GATEWAY, settings={"connect_wait": "4", "pause": "1"})
_STUBBORN_POOL = replace(POOL, settings={"reply_wait": "4", "tries": "3"})
_RESETS = f"tcp.flags.reset == 1 && ip.dst == {GATEWAY.ip}"
_NO_RESETS = Check(_RESETS, at_most=0)
_SYNS = (Check(syn(GATEWAY, 4321), at_least=3), Check(syn(GATEWAY, 443), at_least=3))


def _refuse(rule: str) -> Event:
    """Let the servers' own hosts refuse something from the start."""
    chain = "add table ip down; add chain ip down in { type filter hook input priority 0; }; add rule ip down in "
    return Event(-1, "inet", ("nft", chain + rule))


GATEWAY_RESET = Scenario(
    name="sensorist-reset-by-firewall",
    title="the firewall resets 443 and 4321 of the gateway",
    story="Each SYN of the gateway is answered at once by a reset that the firewall makes in the server's name.",
    firewall="rejects TCP 443 and 4321 of the gateway with a reset",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("connect", "TCP-RST-INJECTED", *_PORTS),),
    checks=(lease(GATEWAY), *_SYNS, Check(_RESETS, at_least=6), Check(f"{_RESETS} && ip.ttl < 64", at_most=0)),
    drops=(f"{_FROM_GATEWAY} reject with tcp reset",),
)

SERVER_REFUSES = Scenario(
    name="sensorist-refused-by-server",
    title="the cloud's server process is down: its host refuses both ports",
    story="The hosts of the cloud are up, but nothing listens there; their kernels answer each SYN with a reset.",
    firewall="lets everything out",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("connect", "TCP-SYN-RST", *_PORTS),),
    checks=(lease(GATEWAY), *_SYNS, Check(_RESETS, at_least=6), Check(f"{_RESETS} && ip.ttl > 60", at_most=0)),
    events=(_refuse(f"tcp dport {{ 443, 4321 }} ip daddr {{ {', '.join(SENSORIST)} }} reject with tcp reset"),),
)

GATEWAY_PROHIBITED = Scenario(
    name="sensorist-prohibited-by-firewall",
    title="the firewall rejects the gateway's connections with ICMP: administratively prohibited",
    story="Each SYN is answered by an ICMP error of the firewall, code 13.",
    firewall="rejects TCP 443 and 4321 of the gateway with ICMP code 13",
    boxes=(OFFICE, _MODERN_GATEWAY),
    expected=(gateway_fails("connect", "ICMP-ADMIN", *_PORTS, box=_MODERN_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(error_to(GATEWAY, 3, 13), at_least=4), _NO_RESETS),
    drops=(f"{_FROM_GATEWAY} reject with icmp type admin-prohibited",),
)

GATEWAY_REJECTED = Scenario(
    name="sensorist-rejected-by-firewall",
    title="the firewall rejects the gateway's connections with ICMP: port unreachable",
    story="Each SYN is answered by the firewall's own address with port unreachable, as some firewalls do by default.",
    firewall="rejects TCP 443 and 4321 of the gateway with its default answer",
    boxes=(OFFICE, _HASTY_GATEWAY),
    expected=(gateway_fails("connect", "ICMP-PORT-UNREACH-NEAR", *_PORTS, box=_HASTY_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(error_to(GATEWAY, 3, 3), at_least=4), _NO_RESETS),
    drops=(f"{_FROM_GATEWAY} reject with icmp type port-unreachable",),
)

NO_ROUTE = Scenario(
    name="sensorist-no-route",
    title="the firewall has no route to the cloud and says so",
    story="The firewall's routing table calls the cloud's networks unreachable; other sites work.",
    firewall="has an unreachable route for both server addresses",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("connect", "ICMP-UNREACH", *_PORTS),),
    checks=(lease(GATEWAY), *_SYNS, Check(error_to(GATEWAY, 3, 1), at_least=4), _NO_RESETS),
    events=tuple(Event(-1, "fw", ("ip", "route", "add", "unreachable", f"{address}/32")) for address in SENSORIST),
)

STACKS_DROPPED = Scenario(
    name="sensorist-dropped-new-kernel",
    title="silence on both ports, and a gateway whose kernel repeats its SYNs at even intervals",
    story="The firewall drops both ports. The gateway's kernel spaces its first SYNs evenly, a second apart.",
    firewall="drops TCP 443 and 4321 from the gateway without a word; lets all else out",
    boxes=(OFFICE, _MODERN_GATEWAY),
    expected=(gateway_fails("connect", "TCP-ALL-PORTS-FAIL", *_PORTS, box=_MODERN_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(f"(tcp || icmp) && ip.dst == {GATEWAY.ip}", at_most=0)),
    seconds=90,
    drops=(f"{_FROM_GATEWAY} drop",),
)

HASTY_DROPPED = Scenario(
    name="sensorist-dropped-hasty",
    title="silence on both ports, and a gateway that gives each try three seconds",
    story="The firewall drops both ports. The gateway never repeats a SYN for long but opens a new port.",
    firewall="drops TCP 443 and 4321 from the gateway without a word; lets all else out",
    boxes=(OFFICE, _HASTY_GATEWAY),
    expected=(gateway_fails("connect", "TCP-ALL-PORTS-FAIL", *_PORTS, box=_HASTY_GATEWAY),),
    checks=(lease(GATEWAY), *_SYNS, Check(f"(tcp || icmp) && ip.dst == {GATEWAY.ip}", at_most=0)),
    drops=(f"{_FROM_GATEWAY} drop",),
)

RETURN_DROPPED = Scenario(
    name="sensorist-return-dropped-by-firewall",
    title="the firewall lets the SYN out and drops what comes back",
    story="The cloud answers each SYN; the answers end at the firewall. On the LAN this looks like silence.",
    firewall="lets the gateway's packets out and drops their replies",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("connect", "TCP-ALL-PORTS-FAIL", *_PORTS),),
    checks=(lease(GATEWAY), *_SYNS, Check(any_tcp_answer(GATEWAY, 443), at_most=0)),
    seconds=90,
    drops=(f"ip daddr {GATEWAY.ip} tcp sport {{ 443, 4321 }} drop",),
)

RETURN_LOST_INSIDE = Scenario(
    name="sensorist-return-lost-inside",
    title="the cloud's answers pass the mirror and never reach the gateway",
    story="A box between mirror and gateway drops what comes from the cloud: the gateway repeats its SYNs, the"
    " server its answers.",
    firewall="lets everything out; the switch drops packets from the cloud on their way to the gateway",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("connect", "TCP-HALF-OPEN", *_PORTS),),
    checks=(
        lease(GATEWAY),
        *_SYNS,
        Check(f"tcp.flags == 0x12 && ip.dst == {GATEWAY.ip}", at_least=8),
        Check(f"tcp.flags == 0x10 && ip.src == {GATEWAY.ip}", at_most=0),
    ),
    seconds=90,
    switch_drops=(f"ip daddr {GATEWAY.ip} tcp sport {{ 443, 4321 }} drop",),
)

DATA_RETURN_DROPPED = Scenario(
    name="sensorist-data-swallowed",
    title="the handshake passes, then the firewall swallows everything",
    story="The firewall's application control lets a connection stand and drops all that follows, both ways.",
    firewall="drops every packet of the gateway's connections that carries data",
    boxes=(OFFICE, _PATIENT_GATEWAY),
    expected=(gateway_fails("app", "TCP-DATA-BLACKHOLE", *_PORTS, box=_PATIENT_GATEWAY),),
    checks=(
        lease(GATEWAY),
        Check(f"tcp.flags == 0x12 && ip.dst == {GATEWAY.ip}", at_least=2),
        Check(f"tcp.len > 0 && ip.src == {GATEWAY.ip} && tcp.dstport == 4321", at_least=4),
        Check(f"tcp.flags == 0x10 && ip.dst == {GATEWAY.ip}", at_most=0),
    ),
    seconds=90,
    drops=(f"ip saddr {GATEWAY.ip} tcp dport {{ 443, 4321 }} tcp flags & psh == psh drop",),
)

ONE_PORT = Scenario(
    name="sensorist-one-port-dropped",
    title="4321 is dropped, 443 works: healthy by design",
    story="The gateway tries 4321 in vain, then 443, where it stays connected.",
    firewall="drops TCP 4321 without a word",
    boxes=(OFFICE, GATEWAY),
    expected=(Expected(GATEWAY, "sensorist/gateway", led="green"),),
    checks=(
        lease(GATEWAY),
        Check(syn(GATEWAY, 4321), at_least=3),
        Check(any_tcp_answer(GATEWAY, 4321), at_most=0),
        Check(payload_to(GATEWAY, 443), at_least=3),
    ),
    drops=("tcp dport 4321 drop",),
)

STALE_ALLOW_LIST = Scenario(
    name="sensorist-stale-allow-list",
    title="the firewall allows the addresses of an old paper; the names have moved",
    story="The names resolve to an address that is not in the paper; the firewall allows only the old two.",
    firewall="allows TCP 443 and 4321 of the gateway to the two addresses of the paper and drops them to all others",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("connect", "TCP-ALL-PORTS-FAIL", *_PORTS, SENSORIST_MOVED),),
    checks=(
        lease(GATEWAY),
        *_SYNS,
        Check(f"dns.a == {SENSORIST_MOVED} && ip.dst == {GATEWAY.ip}", at_least=2),
        Check(any_tcp_answer(GATEWAY, 443), at_most=0),
    ),
    seconds=90,
    drops=(f"{_FROM_GATEWAY} ip daddr != {{ {', '.join(SENSORIST)} }} drop",),
    names=dict.fromkeys(("gk.sensorist.com", "gk.sensorist.net"), SENSORIST_MOVED),
)

ONE_ADDRESS = Scenario(
    name="sensorist-one-address-dropped",
    title="one of the two server addresses is dropped; the gateway gets through on the other",
    story="The name gives one of two addresses at random; the firewall drops one of them. Sooner or later the gateway"
    " draws the other and stays connected.",
    firewall="drops everything to one of the two server addresses",
    changes_s=(3, 60),
    boxes=(OFFICE, _DRAWING_GATEWAY),
    expected=(Expected(_DRAWING_GATEWAY, "sensorist/gateway", led="green"),),
    checks=(
        lease(GATEWAY),
        Check(f"tcp.flags == 0x02 && ip.dst == {SENSORIST[0]}", at_least=1),
        Check(f"ip.src == {SENSORIST[1]} && tcp.len > 0", at_least=2),
        Check(f"ip.src == {SENSORIST[0]}", at_most=0),
    ),
    seconds=90,
    drops=(f"ip daddr {SENSORIST[0]} drop",),
    # Its resolver turns the addresses, as round robin does: the dropped one comes first.
    resolver_options=(
        *(f"--address=/gk.sensorist.com/{SENSORIST[0]}",),
        *(f"--address=/gk.sensorist.net/{SENSORIST[1]}",),
    ),
)

POOL_REJECTED = Scenario(
    name="tek-rejected-by-firewall",
    title="the firewall rejects UDP 8844 with port unreachable",
    story="Each datagram is answered by an ICMP error from the firewall's own address.",
    firewall="rejects UDP 8844 with its default answer",
    boxes=(OFFICE, POOL),
    expected=(pool_fails("connect", "ICMP-PORT-UNREACH-NEAR", ":8844"),),
    checks=(
        lease(POOL),
        Check(to_port(POOL, 8844), at_least=6),
        Check(f"{error_to(POOL, 3, 3)} && ip.src == 10.20.36.1", at_least=4),
        Check(from_port(POOL, 8844), at_most=0),
    ),
    drops=("udp dport 8844 reject",),
)

POOL_PROHIBITED = Scenario(
    name="tek-prohibited-by-firewall",
    title="the firewall rejects UDP 8844 with ICMP: host prohibited",
    story="Each datagram is answered by an ICMP error of the firewall, code 10.",
    firewall="rejects UDP 8844 with ICMP code 10",
    boxes=(OFFICE, POOL),
    expected=(pool_fails("connect", "ICMP-ADMIN", ":8844"),),
    checks=(lease(POOL), Check(error_to(POOL, 3, 10), at_least=4), Check(from_port(POOL, 8844), at_most=0)),
    drops=("udp dport 8844 reject with icmp type host-prohibited",),
)

POOL_SERVERS_DOWN = Scenario(
    name="tek-refused-by-servers",
    title="the servers' processes are down: their hosts answer port unreachable",
    story="Every server host is up and says with its own address that nothing listens on 8844.",
    firewall="lets everything out",
    boxes=(OFFICE, POOL),
    expected=(pool_fails("connect", "ICMP-PORT-UNREACH-FAR", ":8844"),),
    checks=(
        lease(POOL),
        Check(f"{error_to(POOL, 3, 3)} && ip.src != 10.20.36.1", at_least=4),
        Check(from_port(POOL, 8844), at_most=0),
    ),
    events=(_refuse("udp dport 8844 reject"),),
)

POOL_RETURN_DROPPED = Scenario(
    name="tek-return-dropped-by-firewall",
    title="the firewall lets UDP 8844 out and drops the replies",
    story="The servers answer; the answers end at the firewall. The controller walks along its list.",
    firewall="lets UDP 8844 out and drops its replies",
    boxes=(OFFICE, _STUBBORN_POOL),
    expected=(pool_fails("connect", "UDP-SERVER-WALK", ":8844", box=_STUBBORN_POOL),),
    checks=(lease(POOL), Check(to_port(POOL, 8844), at_least=9), Check(from_port(POOL, 8844), at_most=0)),
    seconds=90,
    drops=(f"ip daddr {POOL.ip} udp sport 8844 drop",),
)

POOL_RETURN_LOST_INSIDE = Scenario(
    name="tek-return-lost-inside",
    title="the servers' replies pass the mirror and never reach the controller",
    story="A box between mirror and controller drops the replies; the controller walks on although each is answered.",
    firewall="lets everything out; the switch drops replies from port 8844 on their way to the controller",
    boxes=(OFFICE, POOL),
    expected=(pool_fails("return", "RETURN-NOT-DELIVERED", ":8844"),),
    checks=(
        lease(POOL),
        Check(to_port(POOL, 8844), at_least=9),
        Check(from_port(POOL, 8844), at_least=9),
        Check(f"icmp && ip.src == {POOL.ip}", at_most=0),
    ),
    seconds=90,
    switch_drops=(f"ip daddr {POOL.ip} udp sport 8844 drop",),
)

POOL_LIST_ENDS_WELL = Scenario(
    name="tek-third-server-answers",
    title="the first two servers of the list are silent, the third answers: healthy by design",
    story="The controller walks along its list as it is meant to, and stays with the first server that answers.",
    firewall="drops everything to two of the four server addresses",
    changes_s=(3, 45),
    boxes=(OFFICE, POOL),
    expected=(Expected(POOL, "tek/pool-ems"),),
    checks=(
        lease(POOL),
        *(Check(f"ip.dst == {address} && udp.dstport == 8844", at_least=1) for address in TEK[:2]),
        *(Check(f"ip.src == {address}", at_most=0) for address in TEK[:2]),
        Check(from_port(POOL, 8844), at_least=3),
    ),
    drops=(f"ip daddr {{ {', '.join(TEK[:2])} }} drop",),
)

LOGGER_RESET = Scenario(
    name="alsoenergy-logger-443-reset",
    title="the firewall resets the datalogger's HTTPS connections",
    story="Each SYN of the datalogger to port 443 is answered by a reset of the firewall; its time servers answer.",
    firewall="rejects TCP 443 of the datalogger with a reset",
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger", "failed", "connect", "TCP-RST-INJECTED", endpoints=(":443",)),),
    checks=(
        lease(LOGGER),
        Check(syn(LOGGER, 443), at_least=4),
        Check(f"tcp.flags.reset == 1 && ip.ttl == 64 && ip.dst == {LOGGER.ip}", at_least=4),
    ),
    drops=(f"ip saddr {LOGGER.ip} tcp dport 443 reject with tcp reset",),
)

AGENT_PROHIBITED = Scenario(
    name="wennsoft-licence-prohibited",
    title="the firewall rejects the MiniAgent's licence and application ports with ICMP code 9",
    story="Licence and application server are refused by the firewall; time and names work.",
    firewall="rejects TCP 57000 to 57999 of the MiniAgent with ICMP code 9",
    boxes=(OFFICE, AGENT),
    expected=(
        Expected(
            *(AGENT, "wennsoft/miniagent", "failed", "connect", "ICMP-ADMIN"),
            endpoints=(":57000", ":57001", ":57123"),
        ),
    ),
    checks=(lease(AGENT), Check(error_to(AGENT, 3, 9), at_least=4), Check(payload_to(AGENT, 57000), at_most=0)),
    drops=(f"ip saddr {AGENT.ip} tcp dport 57000-57999 reject with icmp type net-prohibited",),
)

ALL = (
    GATEWAY_RESET,
    SERVER_REFUSES,
    GATEWAY_PROHIBITED,
    GATEWAY_REJECTED,
    NO_ROUTE,
    STACKS_DROPPED,
    HASTY_DROPPED,
    RETURN_DROPPED,
    RETURN_LOST_INSIDE,
    DATA_RETURN_DROPPED,
    ONE_PORT,
    STALE_ALLOW_LIST,
    ONE_ADDRESS,
    POOL_REJECTED,
    POOL_PROHIBITED,
    POOL_SERVERS_DOWN,
    POOL_RETURN_DROPPED,
    POOL_RETURN_LOST_INSIDE,
    POOL_LIST_ENDS_WELL,
    LOGGER_RESET,
    AGENT_PROHIBITED,
)
