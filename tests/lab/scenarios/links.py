"""The last metres: switch port, link, neighbours and the gateway."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import LAN6, NEXUS_NAME, SITES6
from tests.lab.scenario import Box, Check, Event, Expected, Helper, PortGuard, Scenario
from tests.lab.scenarios.addresses import message, odd_server
from tests.lab.scenarios.cast import (
    GATEWAY,
    IPAD,
    LOGGER,
    NEXUS,
    OFFICE,
    PASSES_ALL,
    POOL,
    from_port,
    gateway_fails,
    lease,
    payload_to,
    pool_fails,
    syn,
    to_port,
)

_GUARDED = replace(GATEWAY, is_served=False, guard=PortGuard(every_s=15))
_BYPASSED = replace(GATEWAY, settings={"dhcp": "dhclient"}, guard=PortGuard(every_s=10, requests=3, opens=True))
_CHATTY_POOL = replace(POOL, is_served=False, has_ipv6=True, starts_s=5.0)
_SLOW_PORT_LOGGER = replace(LOGGER, starts_s=4.0)
_ASKS_IDENTITY = "eap.code == 1 && eth.dst == 01:80:c2:00:00:03"


def _asks_for(box: Box, address: str) -> str:
    return f"arp.opcode == 1 && arp.dst.proto_ipv4 == {address} && eth.src == {box.mac}"


def _answers_for(address: str) -> str:
    return f"arp.opcode == 2 && arp.src.proto_ipv4 == {address}"


PORT_8021X = Scenario(
    name="sensorist-8021x-port",
    title="the switch port demands 802.1X, which the gateway cannot do",
    story="The port asks for an identity every 15 seconds and lets nothing else through; the gateway's requests for an"
    " address are not heard. A PC on an open port gets its lease.",
    firewall=PASSES_ALL,
    boxes=(replace(OFFICE, starts_s=8.0), _GUARDED),
    expected=(replace(gateway_fails("link", "LINK-8021X", box=_GUARDED), is_recognisable=False),),
    checks=(
        lease(OFFICE),
        Check(_ASKS_IDENTITY, at_least=4),
        Check(f"eapol && eth.src == {GATEWAY.mac}", at_most=0),
        Check(message(GATEWAY, 1), at_least=4),
        Check(message(GATEWAY, 2), at_most=0),
    ),
)

MAC_BYPASS = Scenario(
    name="sensorist-mac-bypass",
    title="the port asks for an identity three times, then allows the gateway by its hardware address",
    story="MAC authentication bypass: thirty seconds of silence, then an ordinary lease and a connection.",
    changes_s=(0, 60),
    firewall=PASSES_ALL,
    boxes=(OFFICE, _BYPASSED),
    expected=(Expected(_BYPASSED, "sensorist/gateway", led="green"),),
    checks=(
        Check(_ASKS_IDENTITY, at_least=3),
        Check(message(GATEWAY, 1), at_least=3),
        lease(GATEWAY),
        Check(payload_to(GATEWAY, 4321), at_least=2),
    ),
    seconds=90,
)

_EARLY_PC = replace(OFFICE, starts_s=0.0)

PORT_SECURITY = Scenario(
    name="tek-port-security",
    title="the switch lets nothing of the controller through; its neighbours are served",
    story="Port security knows another hardware address. The controller asks for an address and for routers in vain; a"
    " PC gets both at once.",
    firewall="serves the PC, by IPv6 as well; the switch drops all frames of and to the controller",
    boxes=(_EARLY_PC, _CHATTY_POOL),
    expected=(replace(pool_fails("link", "LINK-NOT-HEARD", box=_CHATTY_POOL), is_recognisable=False),),
    checks=(
        lease(OFFICE),
        Check(message(POOL, 1), at_least=3),
        Check(f"icmpv6.type == 133 && eth.src == {POOL.mac}", at_least=2),
        Check("icmpv6.type == 134 && frame.time_relative < 20", at_least=1),
        Check(f"eth.dst == {POOL.mac}", at_most=0),
    ),
    has_ipv6=True,
    resolver_options=("--enable-ra", "--dhcp-range=::,constructor:lan0,ra-only,64", "--ra-param=lan0,600,1800"),
    switch_drops=(f"ether saddr {POOL.mac} drop", 'oifname "port2" drop'),
)

SPANNING_TREE = Scenario(
    name="alsoenergy-logger-spanning-tree",
    title="the switch port listens and learns for thirty seconds before it forwards",
    story="The datalogger's first requests for an address are lost while the port only listens; then all is well.",
    changes_s=(0, 110),
    firewall=PASSES_ALL,
    boxes=(_SLOW_PORT_LOGGER,),
    expected=(Expected(_SLOW_PORT_LOGGER, "alsoenergy/logger"),),
    checks=(
        Check("stp", at_least=5),
        Check(message(LOGGER, 1), at_least=3),
        lease(LOGGER),
        Check(payload_to(LOGGER, 443), at_least=4),
    ),
    seconds=90,
    # The uplink learns in four seconds, before the capture; the boxes' ports take the usual thirty.
    events=(
        Event(-4, "sw0", ("ip", "link", "set", "br0", "type", "bridge", "forward_delay", "200", "stp_state", "1")),
        Event(-3, "sw0", ("sleep", "6")),
        Event(-2, "sw0", ("ip", "link", "set", "br0", "type", "bridge", "forward_delay", "1500")),
    ),
)

GATEWAY_ABSENT = Scenario(
    name="sensorist-gateway-silent",
    title="the default gateway of the lease is not there",
    story="The DHCP server names 10.20.36.254 as router; no such box exists. Names resolve on the LAN.",
    firewall="its DHCP server names a router that does not exist",
    boxes=(OFFICE, GATEWAY),
    also_hurt=(OFFICE,),
    expected=(gateway_fails("gateway", "ARP-GW-NO-REPLY"),),
    checks=(
        lease(GATEWAY),
        Check(_asks_for(GATEWAY, "10.20.36.254"), at_least=6),
        Check(_answers_for("10.20.36.254"), at_most=0),
        Check(f"dns.a && ip.dst == {GATEWAY.ip}", at_least=2),
        Check(f"tcp && ip.src == {GATEWAY.ip}", at_most=0),
    ),
    resolver_options=("--dhcp-option=3,10.20.36.254",),
)

GATEWAY_IGNORES = Scenario(
    name="tek-gateway-ignores",
    title="the gateway answers ARP of everybody but the controller",
    story="The controller has its lease and asks for its gateway's hardware address again and again; a PC is answered.",
    firewall="does not answer ARP of the controller",
    boxes=(OFFICE, POOL),
    expected=(pool_fails("gateway", "ARP-GW-NO-REPLY"),),
    checks=(
        lease(POOL),
        Check(_asks_for(POOL, "10.20.36.1"), at_least=6),
        Check(f"{_answers_for('10.20.36.1')} && eth.dst == {POOL.mac}", at_most=0),
        Check(f"{_answers_for('10.20.36.1')} && eth.dst == {OFFICE.mac}", at_least=1),
        Check(f"dns && ip.src == {POOL.ip}", at_most=0),
    ),
    events=(
        Event(
            -1,
            "fw",
            (
                *("nft", "add table arp deaf; add chain arp deaf in { type filter hook input priority 0; };"),
                *(f"add rule arp deaf in arp saddr ether {POOL.mac} drop;",),
                *("add chain arp deaf out { type filter hook output priority 0; };",),
                *(f"add rule arp deaf out arp daddr ip {POOL.ip} drop",),
            ),
        ),
    ),
)

_TWIN = Box(
    *("label printer", "twin", "02:9c:93:4e:61:09", "10.20.36.103"),
    starts_s=20.0,
    settings={"fixed": f"{GATEWAY.ip}/24 10.20.36.1", "every": "7"},
)

TWIN_ADDRESS = Scenario(
    name="sensorist-duplicate-address",
    title="a printer with a fixed address uses the gateway's address",
    story="Twenty seconds in, a printer announces the gateway's address as its own, again and again. The firewall sends"
    " the cloud's answers to whoever spoke last; the printer refuses what it does not know.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, GATEWAY, _TWIN),
    expected=(gateway_fails("gateway", "ARP-DUP-IP"),),
    checks=(
        lease(GATEWAY),
        Check(f"arp.src.proto_ipv4 == {GATEWAY.ip} && arp.src.hw_mac == {_TWIN.mac}", at_least=4),
        Check(f"tcp.flags.reset == 1 && eth.src == {_TWIN.mac}", at_least=1),
    ),
    seconds=100,
    changes_s=(18.0, 100.0),
)

_EARLY_TWIN = replace(_TWIN, starts_s=0.5, settings={**_TWIN.settings, "every": "600"})
_PROBER = replace(GATEWAY, settings={"probes": "1"}, starts_s=4.0)

DECLINED = Scenario(
    name="sensorist-address-declined",
    title="the gateway finds its leased address in use and declines it, every time",
    story="A printer with a fixed address sits on the only address that the DHCP server gives. The gateway probes, gets"
    " an answer and declines; the server offers the same address again.",
    firewall="its DHCP server goes on offering an address that was declined; lets everything out",
    boxes=(_PROBER, _EARLY_TWIN),
    expected=(replace(gateway_fails("gateway", "ARP-DUP-IP", box=_PROBER), is_recognisable=False),),
    checks=(
        Check(message(GATEWAY, 4), at_least=2),
        Check(f"{_answers_for(GATEWAY.ip)} && eth.src == {_TWIN.mac}", at_least=2),
        Check(f"ip.src == {GATEWAY.ip} && eth.src == {GATEWAY.mac}", at_most=0),
    ),
    serves_dhcp=False,
    helpers=odd_server("plain", GATEWAY),
)

DECLINED_ONCE = Scenario(
    name="sensorist-address-declined-once",
    title="the gateway declines an address in use and gets another: healthy",
    story="A printer with a fixed address sits on the address reserved for the gateway. It probes, declines and gets"
    " another address, which works.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _PROBER, _EARLY_TWIN),
    expected=(Expected(_PROBER, "sensorist/gateway", led="green"),),
    checks=(
        Check(message(GATEWAY, 4), at_least=1),
        Check(message(GATEWAY, 5), at_least=2),
        Check(f"tcp.len > 0 && tcp.srcport == 4321 && eth.dst == {GATEWAY.mac}", at_least=2),
    ),
    # The address that it declines is the fault; with the next lease it is over.
    changes_s=(4.0, 30.0),
)

_LONELY_NEXUS, _LONELY_IPAD = replace(NEXUS, is_isolated=True), replace(IPAD, is_isolated=True)

ISOLATED = Scenario(
    name="skala-ipad-isolated",
    title="client isolation keeps the iPad from its NEXUS on the same LAN",
    story="Both talk to the internet, but the access point lets no frame pass from one to the other: the iPad's ARP"
    " requests for the NEXUS stay unanswered.",
    firewall="lets everything out; the switch isolates its ports from each other",
    boxes=(_LONELY_NEXUS, _LONELY_IPAD),
    expected=(
        Expected(
            *(_LONELY_IPAD, "skala/ipad", "failed", "connect", "ARP-PEER-NO-REPLY"),
            endpoints=(NEXUS.ip, NEXUS_NAME, ":9001"),
        ),
        Expected(_LONELY_NEXUS, "skala/nexus"),
    ),
    checks=(
        lease(IPAD),
        lease(NEXUS),
        Check(_asks_for(IPAD, NEXUS.ip), at_least=6),
        Check(f"{_answers_for(NEXUS.ip)} && eth.dst == {IPAD.mac}", at_most=0),
        Check(payload_to(NEXUS, 443), at_least=4),
        Check(payload_to(IPAD, 443), at_least=2),
    ),
    names={NEXUS_NAME: NEXUS.ip},
)

_RESTARTING = replace(GATEWAY, boots_again_s=(21.0, 39.0, 57.0, 75.0))

REBOOTS = Scenario(
    name="sensorist-reboots",
    title="the gateway starts again every eighteen seconds",
    story="The gateway gets its lease, connects, uploads, loses power without a word and starts over.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _RESTARTING),
    expected=(gateway_fails("link", "DEV-REBOOT-LOOP", box=_RESTARTING),),
    checks=(
        Check(message(GATEWAY, 5), at_least=4),
        Check(payload_to(GATEWAY, 4321), at_least=4),
        Check(f"tcp.flags.fin == 1 && ip.src == {GATEWAY.ip}", at_most=0),
    ),
    seconds=93,
    changes_s=(3.0, 93.0),
)

_LOOSE_GATEWAY = replace(GATEWAY, settings={"dhcp": "dhcpcd", "answer_wait": "40", "every": "1"})
_LOOSE_AT_S = (20.0, 36.0, 52.0, 68.0)

LOOSE_CABLE = Scenario(
    name="sensorist-loose-cable",
    title="the gateway's link goes down for two seconds, again and again; its connection lives on",
    story="Every sixteen seconds the link is lost for two. The gateway uploads each second, asks for its address again"
    " each time and keeps its connection to the cloud.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _LOOSE_GATEWAY),
    expected=(Expected(_LOOSE_GATEWAY, "sensorist/gateway", "degraded", None, "LINK-FLAP", "green"),),
    checks=(
        Check(message(GATEWAY, 3), at_least=4),
        Check(message(GATEWAY, 5), at_least=4),
        Check(payload_to(GATEWAY, 4321), at_least=4),
        Check(syn(GATEWAY, 4321), at_least=1, at_most=1),
    ),
    seconds=90,
    events=tuple(
        Event(at_s, "sw0", ("ip", "link", "set", "port2", state))
        for down_s in _LOOSE_AT_S
        for at_s, state in ((down_s, "down"), (down_s + 2.0, "up"))
    ),
    changes_s=(18.0, 90.0),
)

_GONE = "10.20.37.140"
_FAR_PC = Box("far PC", "office", "02:7a:31:c4:05:57", "10.20.37.155", starts_s=1.0, lan=1)

FAR_PEER_GONE = Scenario(
    name="skala-ipad-far-nexus-gone",
    title="the NEXUS is on another subnet and does not answer there",
    story="The iPad goes to the address of the NEXUS by the firewall, which finds nobody there and says so after three"
    " seconds. The iPad's cloud works.",
    firewall="routes between the two subnets; reports host unreachable when nobody answers its ARP",
    boxes=(OFFICE, IPAD, _FAR_PC),
    expected=(
        Expected(*(IPAD, "skala/ipad", "failed", "connect", "ICMP-UNREACH"), endpoints=(":9001", NEXUS_NAME, _GONE)),
    ),
    checks=(
        lease(IPAD),
        Check(syn(IPAD, 9001), at_least=4),
        Check(f"icmp.type == 3 && icmp.code == 1 && ip.dst == {IPAD.ip}", at_least=2),
        Check(payload_to(IPAD, 443), at_least=4),
    ),
    names={NEXUS_NAME: _GONE},
)

_ONCE = replace(POOL, boots_again_s=(40.0,))

ONE_REBOOT = Scenario(
    name="tek-one-reboot",
    title="the controller is switched off and on once: healthy",
    story="A power cycle in the middle; before and after it the controller exchanges messages with its server.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _ONCE),
    expected=(Expected(_ONCE, "tek/pool-ems"),),
    checks=(Check(message(POOL, 5), at_least=2), Check(from_port(POOL, 8844), at_least=4)),
)

_SITES = ("www.city-weather.example", "mail.office-suite.example")
_MODERN_PC = Box(
    *("modern PC", "modern-pc", "02:7a:31:c4:05:66", "10.20.36.166"),
    starts_s=1.0,
    has_ipv6=True,
    settings={
        "resolver": f"{LAN6}::1",
        "sites": ",".join(f"{name}={address}" for name, address in zip(_SITES, SITES6, strict=True)),
    },
)

IPV6_ONLY = Scenario(
    name="tek-ipv6-only-network",
    title="the network speaks IPv6 alone; the controller asks for an IPv4 address in vain",
    story="Routers announce an IPv6 prefix and a PC works by it. There is no DHCP server and no IPv4 on the wire.",
    firewall="announces an IPv6 prefix and its resolver; has no DHCP server for IPv4",
    boxes=(_MODERN_PC, replace(POOL, is_served=False, starts_s=5.0)),
    expected=(
        replace(
            pool_fails("dhcp", "DHCP-IPV6-ONLY", box=replace(POOL, is_served=False, starts_s=5.0)),
            is_recognisable=False,
        ),
    ),
    checks=(
        Check("icmpv6.type == 134", at_least=1),
        Check(f"tcp.len > 0 && tcp.srcport == 443 && eth.dst == {_MODERN_PC.mac} && ipv6", at_least=4),
        Check(message(POOL, 1), at_least=4),
        Check("dhcp.option.dhcp == 2", at_most=0),
    ),
    seconds=90,
    serves_dhcp=False,
    has_ipv6=True,
    helpers=tuple(
        Helper(
            *("inet", name),
            ("openssl", "s_server", "-accept", f"[{address}]:443", "-cert", f"{{folder}}/{name}.pem", "-www", "-quiet"),
        )
        for name, address in zip(_SITES, SITES6, strict=True)
    ),
    resolver_options=(
        *("--enable-ra", "--dhcp-range=::,constructor:lan0,ra-only,64", "--ra-param=lan0,10,1800"),
        *(f"--host-record={name},{address}" for name, address in zip(_SITES, SITES6, strict=True)),
    ),
)

_WRONG_NET = replace(POOL, is_served=False, settings={"fixed": "192.168.50.20/24 192.168.50.1 192.168.50.1"})

WRONG_NET = Scenario(
    name="tek-fixed-address-of-another-net",
    title="the controller has a fixed address of another network",
    story="The controller uses 192.168.50.20 and asks for a gateway that is not here; all others use 10.20.36.0/24.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _WRONG_NET),
    expected=(replace(pool_fails("gateway", "ARP-OFFLINK", box=_WRONG_NET), is_recognisable=False),),
    checks=(
        Check(_asks_for(POOL, "192.168.50.1"), at_least=6),
        Check(_answers_for("192.168.50.1"), at_most=0),
        Check(f"{to_port(POOL, 8844)}", at_most=0),
        Check(syn(OFFICE, 443), at_least=2),
    ),
)

ALL = (
    PORT_8021X,
    MAC_BYPASS,
    PORT_SECURITY,
    SPANNING_TREE,
    GATEWAY_ABSENT,
    GATEWAY_IGNORES,
    TWIN_ADDRESS,
    DECLINED,
    DECLINED_ONCE,
    ISOLATED,
    REBOOTS,
    ONE_REBOOT,
    LOOSE_CABLE,
    FAR_PEER_GONE,
    IPV6_ONLY,
    WRONG_NET,
)
