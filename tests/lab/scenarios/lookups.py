"""Name resolution that fails in every way the catalogue knows, or seems to."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import NEXUS_NAME
from tests.lab.scenario import Box, Check, Event, Expected, Helper, Scenario
from tests.lab.scenarios.cast import (
    AGENT,
    GATEWAY,
    IPAD,
    LOGGER,
    NEXUS,
    OFFICE,
    PASSES_ALL,
    POOL,
    any_tcp_answer,
    from_port,
    gateway_fails,
    lease,
    payload_to,
    pool_fails,
    to_port,
)

_CLOUD_NAMES = ("gk.sensorist.com", "gk.sensorist.net")
_GLIBC_GATEWAY = replace(GATEWAY, settings={"dhcp": "dhclient"})
_NIMBLE_GATEWAY = replace(GATEWAY, settings={"dns_wait": "2", "dns_tries": "3", "dns_new_id": "1"})
_NIMBLE_POOL = replace(POOL, settings={"dns_wait": "3", "dns_tries": "3", "dns_new_id": "1", "dhcp": "dhcpcd"})
_EDNS_GATEWAY = replace(GATEWAY, settings={"edns": "1", "dns_wait": "3"})
_NO_CONNECTION = Check(f"(tcp || udp.port == 8844) && ip.addr in {{{GATEWAY.ip}, {POOL.ip}}}", at_most=0)
_LIST = tuple(f"c{number}.ezecontrol.com" for number in range(1, 9))


def answers(box: Box, rcode: int) -> str:
    """Filter for the DNS answers that a box gets with a result code."""
    return f"dns.flags.response == 1 && dns.flags.rcode == {rcode} && ip.dst == {box.ip}"


def unbound(*more: str, modules: str = "iterator") -> tuple[Helper, ...]:
    """Let unbound answer names instead of dnsmasq, which goes on giving leases."""
    lines = (
        *("server:", "interface: 10.20.36.1", "do-daemonize: no", 'chroot: ""', 'username: ""', 'pidfile: ""'),
        *('directory: "{folder}"', "use-syslog: no", "do-not-query-localhost: no"),
        *("access-control: 10.20.36.0/24 allow", "do-ip6: no", 'logfile: ""', f'module-config: "{modules}"', *more),
        *("forward-zone:", 'name: "."', "forward-addr: 8.8.8.8"),
    )
    config = "\n".join(lines) + "\n"
    return (Helper("fw", "unbound", ("unbound", "-d", "-c", "{folder}/unbound.conf"), config),)


_ROOT_KEY = ". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
"""The root's key signing key of 2017, as IANA publishes it."""

_NO_DNSMASQ_NAMES = ("--port=0", "--dhcp-option=6,10.20.36.1")

PUBLIC_SILENT = Scenario(
    name="sensorist-public-dns-dropped",
    title="the lease names public resolvers, the firewall drops DNS to them",
    story="The gateway asks 8.8.8.8 and 1.1.1.1 in turn and hears nothing; its queries keep id and port.",
    firewall="drops DNS of the gateway to the outside; its DHCP server names 8.8.8.8 and 1.1.1.1",
    boxes=(OFFICE, _GLIBC_GATEWAY),
    expected=(gateway_fails("dns", "DNS-NO-REPLY", "8.8.8.8", "1.1.1.1", *_CLOUD_NAMES, box=_GLIBC_GATEWAY),),
    checks=(
        lease(GATEWAY),
        Check(to_port(GATEWAY, 53), at_least=6),
        Check(from_port(GATEWAY, 53), at_most=0),
        _NO_CONNECTION,
    ),
    drops=(f"ip saddr {GATEWAY.ip} meta l4proto {{ tcp, udp }} th dport 53 drop",),
    resolver_options=("--dhcp-option=6,8.8.8.8,1.1.1.1",),
)

LOCAL_SILENT = Scenario(
    name="tek-local-dns-silent",
    title="the site's resolver ignores the controller; a PC is answered",
    story="The resolver's own filter drops the controller's queries without a word.",
    firewall="drops DNS of the controller to its own resolver; answers the PC",
    boxes=(OFFICE, _NIMBLE_POOL),
    expected=(pool_fails("dns", "DNS-NO-REPLY", "10.20.36.1", *_LIST, box=_NIMBLE_POOL),),
    checks=(
        lease(POOL),
        Check(to_port(POOL, 53), at_least=6),
        Check(from_port(POOL, 53), at_most=0),
        Check(f"dns.a && ip.dst == {OFFICE.ip}", at_least=2),
        _NO_CONNECTION,
    ),
    gate_drops=(f"ip saddr {POOL.ip} udp dport 53 drop",),
)

REFUSED = Scenario(
    name="tek-dns-refused",
    title="the resolver refuses the controller's address",
    story="The resolver's access list does not allow the controller: each query is answered with REFUSED.",
    firewall="its resolver (unbound) refuses queries of the controller's address",
    boxes=(OFFICE, POOL),
    expected=(pool_fails("dns", "DNS-REFUSED", "10.20.36.1", *_LIST),),
    checks=(lease(POOL), Check(answers(POOL, 5), at_least=3), Check(answers(OFFICE, 0), at_least=2), _NO_CONNECTION),
    resolver_options=_NO_DNSMASQ_NAMES,
    helpers=unbound(f"access-control: {POOL.ip}/32 refuse"),
)

SERVFAIL = Scenario(
    name="alsoenergy-logger-dns-servfail",
    title="the resolver trusts no answer of the internet's DNS and says SERVFAIL",
    story="DNSSEC validation fails for everything: each name the datalogger asks for is answered with SERVFAIL.",
    firewall="its resolver (unbound) validates and forwards to a server that strips signatures",
    boxes=(LOGGER,),
    expected=(
        Expected(
            *(LOGGER, "alsoenergy/logger", "failed", "dns", "DNS-SERVFAIL"),
            endpoints=("10.20.36.1", "streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com"),
            is_recognisable=True,
        ),
    ),
    checks=(lease(LOGGER), Check(answers(LOGGER, 2), at_least=4), Check(f"tcp && ip.src == {LOGGER.ip}", at_most=0)),
    resolver_options=_NO_DNSMASQ_NAMES,
    helpers=unbound(f'trust-anchor: "{_ROOT_KEY}"', modules="validator iterator"),
)

NXDOMAIN = Scenario(
    name="sensorist-dns-nxdomain",
    title="a block list of the site's resolver says that the cloud's names do not exist",
    story="Both names of the cloud are answered with NXDOMAIN; everything else resolves.",
    firewall="its resolver answers NXDOMAIN for sensorist.com and sensorist.net",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("dns", "DNS-NXDOMAIN", "10.20.36.1", *_CLOUD_NAMES),),
    checks=(
        lease(GATEWAY),
        Check(answers(GATEWAY, 3), at_least=4),
        Check(answers(OFFICE, 0), at_least=2),
        _NO_CONNECTION,
    ),
    resolver_options=("--address=/sensorist.com/", "--address=/sensorist.net/"),
)

NULL_ADDRESS = Scenario(
    name="tek-dns-null-address",
    title="a block list of the site's resolver gives 0.0.0.0 for the controller's servers",
    story="Every server name resolves to 0.0.0.0; the controller has nowhere to send to.",
    firewall="its resolver answers 0.0.0.0 for ezecontrol.com",
    boxes=(OFFICE, POOL),
    expected=(pool_fails("dns", "DNS-SINKHOLE", "0.0.0.0", "10.20.36.1", *_LIST),),
    checks=(
        lease(POOL),
        Check(f"dns.a == 0.0.0.0 && ip.dst == {POOL.ip}", at_least=3),
        Check(f"udp.port == 8844 && ip.addr == {POOL.ip}", at_most=0),
    ),
    resolver_options=("--address=/ezecontrol.com/0.0.0.0",),
)

SINKHOLE = Scenario(
    name="sensorist-dns-sinkhole",
    title="the site's resolver sends the cloud's names to the firewall itself, which refuses",
    story="Both names resolve to the firewall's LAN address; it answers each SYN with a reset.",
    firewall="its resolver answers its own address for sensorist.com and sensorist.net",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("dns", "DNS-SINKHOLE", "10.20.36.1", *_CLOUD_NAMES),),
    checks=(
        lease(GATEWAY),
        Check(f"dns.a == 10.20.36.1 && ip.dst == {GATEWAY.ip}", at_least=3),
        Check(f"tcp.flags.reset == 1 && ip.dst == {GATEWAY.ip}", at_least=3),
    ),
    resolver_options=("--address=/sensorist.com/10.20.36.1", "--address=/sensorist.net/10.20.36.1"),
)

STALE = Scenario(
    name="skala-ipad-stale-record",
    title="the name of the NEXUS still gives its old address",
    story="The NEXUS has a new lease; the vendor's DNS still knows the old one. The iPad asks the link for the old"
    " address and nobody answers. The NEXUS itself is well.",
    firewall=PASSES_ALL,
    boxes=(NEXUS, IPAD),
    expected=(
        Expected(IPAD, "skala/ipad", "failed", "dns", "DNS-STALE-ANSWER", endpoints=(NEXUS_NAME, "10.20.36.199")),
        Expected(NEXUS, "skala/nexus"),
    ),
    checks=(
        lease(IPAD),
        lease(NEXUS),
        Check(f"dns.a == 10.20.36.199 && ip.dst == {IPAD.ip}", at_least=2),
        Check(f"arp.opcode == 1 && arp.dst.proto_ipv4 == 10.20.36.199 && eth.src == {IPAD.mac}", at_least=6),
        Check("arp.opcode == 2 && arp.src.proto_ipv4 == 10.20.36.199", at_most=0),
    ),
    seconds=90,
    names={NEXUS_NAME: "10.20.36.199"},
)

REBINDING_UNBOUND = Scenario(
    name="skala-ipad-rebinding-unbound",
    title="another resolver's rebinding protection strips the address of the NEXUS",
    story="NEXUS and iPad are well and on one LAN; unbound removes private addresses from answers.",
    firewall="its resolver (unbound, private-address) removes private addresses from answers",
    boxes=(NEXUS, IPAD),
    expected=(
        Expected(
            *(IPAD, "skala/ipad", "failed", "dns", "DNS-REBIND-FILTERED"),
            endpoints=(NEXUS_NAME, "10.20.36.1"),
        ),
        Expected(NEXUS, "skala/nexus"),
    ),
    checks=(
        lease(IPAD),
        Check(f'dns.qry.name == "{NEXUS_NAME}" && dns.flags.response == 1 && ip.dst == {IPAD.ip}', at_least=2),
        Check(f"dns.a == {NEXUS.ip} && ip.dst == {IPAD.ip}", at_most=0),
    ),
    resolver_options=_NO_DNSMASQ_NAMES,
    helpers=unbound("private-address: 10.0.0.0/8"),
    names={NEXUS_NAME: NEXUS.ip},
)

SECOND_HELPS = Scenario(
    name="sensorist-second-dns-helps",
    title="the first resolver of the lease is silent, the second answers: the gateway works",
    story="Each name costs some seconds at 8.8.8.8, then the site's own resolver gives it.",
    firewall="drops DNS of the gateway to the outside; its DHCP server names 8.8.8.8 and itself",
    boxes=(OFFICE, _NIMBLE_GATEWAY),
    expected=(Expected(_NIMBLE_GATEWAY, "sensorist/gateway", led="green"),),
    checks=(
        lease(GATEWAY),
        Check(f"{to_port(GATEWAY, 53)} && ip.dst == 8.8.8.8", at_least=3),
        Check("ip.src == 8.8.8.8 && ip.dst == 10.20.36.0/24", at_most=0),
        Check(payload_to(GATEWAY, 4321), at_least=3),
    ),
    drops=("ip daddr 8.8.8.8 udp dport 53 drop",),
    resolver_options=("--dhcp-option=6,8.8.8.8,10.20.36.1",),
)

AGENT_PARTIAL = Scenario(
    name="wennsoft-8888-dropped",
    title="8.8.8.8 and the ping are blocked, the site's resolver answers: healthy by design",
    story="The MiniAgent waits a minute for its ping, asks both resolvers and works with one.",
    firewall="drops DNS to 8.8.8.8 and every ping",
    boxes=(OFFICE, replace(AGENT, settings={**AGENT.settings, "dns_wait": "1"})),
    expected=(Expected(replace(AGENT, settings={**AGENT.settings, "dns_wait": "1"}), "wennsoft/miniagent"),),
    checks=(
        lease(AGENT),
        Check(f"icmp.type == 8 && ip.src == {AGENT.ip}", at_least=10),
        Check(f"icmp.type == 0 && ip.dst == {AGENT.ip}", at_most=0),
        Check(f"{to_port(AGENT, 53)} && ip.dst == 8.8.8.8", at_least=3),
        Check("ip.src == 8.8.8.8", at_most=0),
        Check(payload_to(AGENT, 5432), at_least=3),
    ),
    seconds=115,
    drops=("ip daddr 8.8.8.8 udp dport 53 drop", "icmp type echo-request drop"),
)

EDNS_DROPPED = Scenario(
    name="sensorist-edns-dropped",
    title="the firewall drops DNS answers with EDNS; the gateway asks again without and works",
    story="Each name is first asked with EDNS, twice in vain, then without, and answered.",
    firewall="drops DNS answers that carry an additional section; its DHCP server names 8.8.8.8",
    boxes=(OFFICE, _EDNS_GATEWAY),
    expected=(Expected(_EDNS_GATEWAY, "sensorist/gateway", "degraded", None, "DNS-EDNS-DROP", "green"),),
    checks=(
        lease(GATEWAY),
        Check(f"dns.resp.type == 41 && ip.src == {GATEWAY.ip}", at_least=2),
        Check(f"dns.resp.type == 41 && ip.dst == {GATEWAY.ip}", at_most=0),
        Check(f"dns.a && ip.dst == {GATEWAY.ip}", at_least=1),
        Check(payload_to(GATEWAY, 4321), at_least=2),
    ),
    # The count of additional records stands in the last two bytes of the DNS header.
    drops=(f"ip daddr {GATEWAY.ip} udp sport 53 @th,144,16 != 0 drop",),
    resolver_options=("--dhcp-option=6,8.8.8.8",),
)

TCP53_BLOCKED = Scenario(
    name="sensorist-dns-tcp-blocked",
    title="the answer is too long for UDP and TCP 53 is blocked",
    story="The cloud's names have many addresses; the resolver truncates its answer, and its TCP port does not answer.",
    firewall="drops TCP 53 to its own resolver without a word",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("dns", "DNS-TRUNCATED", "10.20.36.1", *_CLOUD_NAMES),),
    checks=(
        lease(GATEWAY),
        Check(f"dns.flags.truncated == 1 && ip.dst == {GATEWAY.ip}", at_least=2),
        Check(f"tcp.dstport == 53 && ip.src == {GATEWAY.ip}", at_least=6),
        Check(any_tcp_answer(GATEWAY, 53), at_most=0),
    ),
    gate_drops=("tcp dport 53 drop",),
    resolver_options=tuple(
        f"--host-record={name},54.229.118.{last}" for name in _CLOUD_NAMES for last in range(10, 50)
    ),
)

TRANSPARENT = Scenario(
    name="wennsoft-dns-intercepted",
    title="the firewall answers in the name of 8.8.8.8, and rightly: healthy",
    story="A transparent DNS proxy takes the queries to 8.8.8.8 and gives the right answers from the LAN.",
    firewall="redirects all DNS to its own resolver",
    boxes=(OFFICE, AGENT),
    expected=(Expected(AGENT, "wennsoft/miniagent"),),
    checks=(
        lease(AGENT),
        Check(f"dns.a && ip.src == 8.8.8.8 && ip.ttl == 64 && ip.dst == {AGENT.ip}", at_least=3),
        Check(payload_to(AGENT, 5432), at_least=3),
    ),
    events=(
        Event(
            -1,
            "fw",
            (
                *("nft", "add table ip proxy; add chain ip proxy pre { type nat hook prerouting priority -100; };"),
                *("add rule ip proxy pre udp dport 53 dnat to 10.20.36.1",),
            ),
        ),
    ),
)

ALL = (
    PUBLIC_SILENT,
    LOCAL_SILENT,
    REFUSED,
    SERVFAIL,
    NXDOMAIN,
    NULL_ADDRESS,
    SINKHOLE,
    STALE,
    REBINDING_UNBOUND,
    SECOND_HELPS,
    AGENT_PARTIAL,
    EDNS_DROPPED,
    TCP53_BLOCKED,
    TRANSPARENT,
)
