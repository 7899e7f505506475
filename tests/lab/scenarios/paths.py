"""Lines that lose, delay, forget, switch over or swallow what is too long."""

from __future__ import annotations

from dataclasses import replace

from tests.lab import address_book
from tests.lab.address_book import ALSOENERGY, ALSOENERGY_STREAMER, KEY2ACT_APPLICATION, KEY2ACT_DATABASES
from tests.lab.scenario import Check, Event, Expected, Helper, Line, Scenario
from tests.lab.scenarios.cast import (
    AGENT,
    GATEWAY,
    LOGGER,
    OFFICE,
    POOL,
    from_port,
    gateway_fails,
    lease,
    payload_to,
    pool_fails,
    to_port,
)

_SYSCTL = ("sysctl", "-qw")
_STRICT = "net.netfilter.nf_conntrack_tcp_loose=0"
_IDLE_GATEWAY = replace(GATEWAY, settings={"every": "24", "keepalive": "0", "answer_wait": "9", "pause": "1"})
_IDLE_POOL = replace(POOL, settings={"every": "18", "tries": "4", "reply_wait": "2"})
_CLOUD_SYN = f"tcp.flags == 0x02 && ip.src == {GATEWAY.ip}"

IDLE_TCP = Scenario(
    name="sensorist-nat-forgets-tcp",
    title="the firewall forgets the gateway's connection while it is idle",
    story="The gateway uploads every 24 seconds without keep-alives; the firewall forgets a TCP connection after ten"
    " seconds and drops what belongs to none. Each upload after a pause gets no answer, a new connection works.",
    firewall="forgets TCP connections after 10 s and drops packets of unknown ones",
    boxes=(OFFICE, _IDLE_GATEWAY),
    expected=(Expected(_IDLE_GATEWAY, "sensorist/gateway", "failed", "persist", "NAT-IDLE-TIMEOUT", "green"),),
    checks=(
        lease(GATEWAY),
        Check(f"tcp.analysis.retransmission && tcp.len > 0 && ip.src == {GATEWAY.ip}", at_least=8),
        Check(payload_to(GATEWAY, 4321), at_least=1),
        Check(payload_to(GATEWAY, 443), at_least=1),
        Check(f"tcp.flags.reset == 1 && ip.dst == {GATEWAY.ip}", at_most=0),
    ),
    seconds=115,
    drops=("ct state invalid drop",),
    events=(Event(-1, "fw", (*_SYSCTL, "net.netfilter.nf_conntrack_tcp_timeout_established=10", _STRICT)),),
)

IDLE_RESET = replace(
    IDLE_TCP,
    name="sensorist-nat-resets-idle-tcp",
    title="the firewall forgets the gateway's connection while it is idle and resets it",
    story="The gateway uploads every 24 seconds without keep-alives; the firewall forgets a TCP connection after ten"
    " seconds and resets what belongs to none. Each upload after a pause is reset at once, a new connection works.",
    firewall="forgets TCP connections after 10 s and resets packets of unknown ones",
    checks=(
        lease(GATEWAY),
        Check(f"tcp.flags.reset == 1 && ip.ttl == 64 && ip.dst == {GATEWAY.ip}", at_least=3),
        Check(payload_to(GATEWAY, 4321), at_least=1),
        Check(payload_to(GATEWAY, 443), at_least=1),
    ),
    drops=("ct state invalid meta l4proto tcp reject with tcp reset",),
)

SURVIVING_KEEPALIVE = Scenario(
    name="sensorist-keepalive-holds",
    title="a keep-alive each six seconds holds the connection in a firewall that forgets after ten",
    story="The gateway uploads once in a minute; its keep-alives are answered in between.",
    firewall="forgets TCP connections after 10 s and drops packets of unknown ones",
    boxes=(OFFICE, replace(GATEWAY, settings={"every": "60"})),
    expected=(Expected(replace(GATEWAY, settings={"every": "60"}), "sensorist/gateway", led="green"),),
    checks=(
        lease(GATEWAY),
        Check(f"tcp.analysis.keep_alive && ip.src == {GATEWAY.ip}", at_least=8),
        Check(_CLOUD_SYN, at_least=1, at_most=1),
    ),
    seconds=90,
    drops=("ct state invalid drop",),
    events=(Event(-1, "fw", (*_SYSCTL, "net.netfilter.nf_conntrack_tcp_timeout_established=10", _STRICT)),),
)

IDLE_UDP = Scenario(
    name="tek-nat-forgets-udp",
    title="the firewall forgets the controller's UDP flow while it is idle and does not let it go on",
    story="The controller speaks every 18 seconds; the firewall forgets a UDP flow after eight and refuses the same"
    " ports afterwards. After four tries the controller goes to the next server from a new port and is answered.",
    firewall="forgets UDP flows after 8 s and drops datagrams that would go on with a forgotten one",
    boxes=(OFFICE, _IDLE_POOL),
    expected=(Expected(_IDLE_POOL, "tek/pool-ems", "degraded", rule="NAT-IDLE-TIMEOUT"),),
    checks=(
        lease(POOL),
        Check(to_port(POOL, 8844), at_least=12),
        Check(from_port(POOL, 8844), at_least=3),
    ),
    seconds=100,
    drops=(
        "ct state new udp dport 8844 ip saddr . udp sport . ip daddr @seen drop",
        "ct state new udp dport 8844 add @seen { ip saddr . udp sport . ip daddr }",
    ),
    events=(
        Event(
            -1,
            "fw",
            (
                *_SYSCTL,
                *("net.netfilter.nf_conntrack_udp_timeout=8", "net.netfilter.nf_conntrack_udp_timeout_stream=8"),
            ),
        ),
    ),
)

_OTHER_HOPS = "; ".join(
    f"add rule ip far out ip saddr {address} ip ttl set {57 - address_book.hops_away(address)}"
    for address in address_book.ALL_ADDRESSES
)
_SWITCHES_S = 42.0
_WAITING_GATEWAY = replace(GATEWAY, settings={"answer_wait": "8"})

_WAITING_GATEWAY = replace(GATEWAY, settings={"answer_wait": "8"})

FAILOVER = Scenario(
    name="sensorist-uplink-failover",
    title="the site's uplink switches to another provider in the middle of a session",
    story="At 42 s the firewall changes to its second line: another public address, longer delays, more routers. The"
    " open connection is not answered any more; the gateway opens a new one, which works.",
    firewall="changes its uplink at 42 s and keeps no state across it",
    boxes=(OFFICE, _WAITING_GATEWAY),
    expected=(Expected(_WAITING_GATEWAY, "sensorist/gateway", "degraded", None, "PATH-SWITCH", "green"),),
    checks=(
        lease(GATEWAY),
        Check(_CLOUD_SYN, at_least=2),
        Check(payload_to(GATEWAY, 4321), at_least=2),
        Check(f"{payload_to(GATEWAY, 443)} or {payload_to(GATEWAY, 4321)}", at_least=4),
    ),
    seconds=100,
    events=(
        Event(-1, "inet", ("ip", "route", "add", "95.100.7.9", "dev", "wan0")),
        Event(_SWITCHES_S, "line", line=Line(extra_s=0.06)),
        Event(_SWITCHES_S, "fw", ("ip", "address", "del", "62.20.10.2", "peer", "62.20.10.1", "dev", "wan0")),
        Event(_SWITCHES_S, "fw", ("ip", "address", "add", "95.100.7.9", "peer", "62.20.10.1", "dev", "wan0")),
        Event(_SWITCHES_S, "fw", ("ip", "route", "replace", "default", "via", "62.20.10.1")),
        Event(
            _SWITCHES_S,
            "inet",
            (
                *("nft", "add table ip far; add chain ip far in { type filter hook prerouting priority 0; };"),
                *("add rule ip far in ip saddr 62.20.10.2 drop;",),
                *("add chain ip far out { type filter hook output priority 10; };", _OTHER_HOPS),
            ),
        ),
    ),
    changes_s=(_SWITCHES_S, 70.0),
)

_BUSY_GATEWAY = replace(GATEWAY, settings={"every": "2", "keepalive": "0"})
_WORDY_LOGGER = replace(LOGGER, settings={"body": "3600"})

MTU_OUT = Scenario(
    name="alsoenergy-logger-mtu-out",
    title="long packets to the internet vanish; the datalogger's uploads get stuck",
    story="The line swallows packets above 1300 bytes on the way out and no router says so. Handshakes pass, uploads of"
    " 3600 bytes are repeated without an answer.",
    firewall="lets everything out; the line behind it drops packets above 1300 bytes without a word",
    boxes=(OFFICE, _WORDY_LOGGER),
    expected=(Expected(_WORDY_LOGGER, "alsoenergy/logger", "failed", "app", "MTU-BLACKHOLE", endpoints=(":443",)),),
    checks=(
        lease(LOGGER),
        Check(f"tcp.analysis.retransmission && ip.len > 1300 && ip.src == {LOGGER.ip}", at_least=6),
        Check(f"icmp && ip.dst == {LOGGER.ip}", at_most=0),
        Check(f"tls.handshake.type == 20 or tls.change_cipher_spec && ip.dst == {LOGGER.ip}", at_least=1),
    ),
    seconds=100,
    line=Line(longest_out=1300),
)

_MANY_NAMES = ",".join(f"DNS:site-{number:03}.alsoenergy.com" for number in range(130))
_SERVED = f"{ALSOENERGY}, {ALSOENERGY_STREAMER}"

MTU_IN = Scenario(
    name="alsoenergy-logger-mtu-in",
    title="long packets from the internet vanish; the server's certificate never arrives",
    story="The line swallows packets above 1300 bytes on the way in. The server's certificate has many names and needs"
    " several full segments, which never come.",
    firewall="lets everything out; the line behind it drops packets above 1300 bytes on the way in",
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger", "failed", "tls", "MTU-BLACKHOLE", endpoints=(":443",)),),
    checks=(
        lease(LOGGER),
        Check(f"tls.handshake.type == 1 && ip.src == {LOGGER.ip}", at_least=2),
        Check(f"tls.handshake.type == 11 && ip.dst == {LOGGER.ip}", at_most=0),
        Check(f"ip.len > 1300 && ip.dst == {LOGGER.ip}", at_most=0),
        Check(f"tcp.analysis.lost_segment && ip.dst == {LOGGER.ip}", at_least=2),
    ),
    seconds=100,
    line=Line(longest_in=1300),
    helpers=(
        Helper(
            *("inet", "wordy"),
            (
                *("openssl", "s_server", "-accept", "44300", "-www", "-quiet"),
                *("-cert", "{folder}/wordy.crt", "-key", "{folder}/wordy.key"),
            ),
        ),
    ),
    events=(
        Event(
            -2,
            "inet",
            (
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-keyout", "{folder}/wordy.key", "-out", "{folder}/wordy.crt", "-subj", "/CN=site.alsoenergy.com"),
                *("-addext", f"subjectAltName={_MANY_NAMES}"),
            ),
        ),
        Event(
            -1,
            "inet",
            (
                *("nft", "add table ip wordy; add chain ip wordy pre { type nat hook prerouting priority -100; };"),
                *(f"add rule ip wordy pre ip daddr {{ {_SERVED} }} tcp dport 443 redirect to :44300",),
            ),
        ),
    ),
)

LOSSY = Scenario(
    name="sensorist-lossy-line",
    title="the line loses three packets of ten",
    story="The gateway uploads every two seconds. Everything arrives in the end, with repetitions in both directions.",
    firewall="lets everything out; the line behind it loses 30 % of all packets",
    boxes=(OFFICE, _BUSY_GATEWAY),
    expected=(Expected(_BUSY_GATEWAY, "sensorist/gateway", "degraded", None, "PATH-LOSS", "green"),),
    checks=(
        lease(GATEWAY),
        Check(f"tcp.analysis.retransmission && ip.src == {GATEWAY.ip}", at_least=8),
        Check(f"tcp.len > 0 && ip.dst == {GATEWAY.ip}", at_least=8),
    ),
    seconds=110,
    line=Line(loss=0.3),
)

_BRISK_POOL = replace(POOL, settings={"every": "6", "reply_wait": "4"})
_PERSEVERING = replace(POOL, settings={"every": "4", "tries": "5", "reply_wait": "2"})

LOSSY_UDP = Scenario(
    name="tek-lossy-line",
    title="the line loses three packets of ten; the controller repeats and goes on",
    story="About every second request stays without an answer; the controller repeats it and stays with its server.",
    firewall="lets everything out; the line behind it loses 30 % of all packets",
    boxes=(OFFICE, _PERSEVERING),
    expected=(Expected(_PERSEVERING, "tek/pool-ems", "degraded", rule="PATH-LOSS"),),
    checks=(lease(POOL), Check(to_port(POOL, 8844), at_least=12), Check(from_port(POOL, 8844), at_least=6)),
    seconds=90,
    line=Line(loss=0.3),
)

_NAMES = {
    "appservice-01.connect.key2act.io": KEY2ACT_APPLICATION,
    "db-01.connect.key2act.io": KEY2ACT_DATABASES[0],
    "db-02.connect.key2act.io": KEY2ACT_DATABASES[1],
    "pool.ntp.org": address_book.TIME_SERVERS[0],
}
_WAITING = "Waiting for network connection..."
"""What the MiniAgent logs while its ping gets no answer (WSC-21)."""
_FAST_AGENT = replace(AGENT, settings={**AGENT.settings, "dns_wait": "1"})

UPLINK_DOWN = Scenario(
    name="wennsoft-uplink-down",
    title="the line behind the firewall is dead; the firewall itself is well",
    story="The firewall answers ARP and names it knows; nothing comes back from outside: not ping, not DNS of 8.8.8.8,"
    " not time, not the application server.",
    firewall="is up; its uplink is dead",
    boxes=(OFFICE, _FAST_AGENT),
    also_hurt=(OFFICE,),
    expected=(Expected(_FAST_AGENT, "wennsoft/miniagent", "failed", "gateway", "GW-BLACKHOLE", _WAITING),),
    checks=(
        lease(AGENT),
        Check(f"icmp.type == 8 && ip.src == {AGENT.ip}", at_least=5),
        Check(f"dns.a && ip.src == 10.20.36.1 && ip.dst == {AGENT.ip}", at_least=2),
        Check(f"tcp.flags == 0x02 && ip.src == {AGENT.ip}", at_least=3),
        Check(f"ip.dst == {AGENT.ip} && !(ip.src == 10.20.36.1)", at_most=0),
    ),
    seconds=118,
    line=Line(loss=1.0),
    resolver_options=tuple(f"--host-record={name},{address}" for name, address in _NAMES.items()),
)

_POOL_RECORDS = tuple(
    f"--host-record={name},{addresses[0]}"
    for name, addresses in address_book.NAMES.items()
    if name.endswith("ezecontrol.com")
)

SLOW = Scenario(
    name="tek-answers-too-late",
    title="every server answers, but later than the controller waits",
    story="The line takes eight seconds there and back. The controller waits six, closes its port and goes to the next"
    " server; each answer reaches a closed port.",
    firewall="lets everything out; the line behind it takes four seconds each way",
    boxes=(OFFICE, POOL),
    # A try that the device itself gives up counts as unanswered (G3); what comes later is no answer to it.
    expected=(pool_fails("connect", "UDP-SERVER-WALK", ":8844"),),
    checks=(
        lease(POOL),
        Check(to_port(POOL, 8844), at_least=9),
        Check(from_port(POOL, 8844), at_least=7),
        Check(f"icmp.type == 3 && icmp.code == 3 && ip.src == {POOL.ip}", at_least=6),
    ),
    seconds=90,
    line=Line(extra_s=4.0),
    resolver_options=_POOL_RECORDS,
)

_IMPATIENT_GATEWAY = replace(GATEWAY, settings={"connect_wait": "2", "pause": "1"})

SLOW_TCP = Scenario(
    name="sensorist-answers-too-late",
    title="the cloud answers each SYN, but later than the gateway waits",
    story="The line takes five seconds there and back. The gateway gives each connection two seconds and closes; the"
    " answer reaches a closed port and is reset.",
    firewall="lets everything out; the line behind it takes two and a half seconds each way",
    boxes=(OFFICE, _IMPATIENT_GATEWAY),
    expected=(gateway_fails("connect", "TCP-ALL-PORTS-FAIL", ":443", ":4321", box=_IMPATIENT_GATEWAY),),
    checks=(
        lease(GATEWAY),
        Check(_CLOUD_SYN, at_least=8),
        Check(f"tcp.flags == 0x12 && ip.dst == {GATEWAY.ip}", at_least=6),
        Check(f"tcp.flags.reset == 1 && ip.src == {GATEWAY.ip}", at_least=6),
        Check(f"tcp.len > 0 && ip.src == {GATEWAY.ip}", at_most=0),
    ),
    seconds=90,
    line=Line(extra_s=2.5),
    resolver_options=tuple(
        f"--host-record={name},{address}"
        for name, address in zip(("gk.sensorist.com", "gk.sensorist.net"), address_book.SENSORIST, strict=True)
    ),
)

SLOW_BUT_FINE = Scenario(
    name="tek-answers-slowly",
    title="a satellite line: every answer takes four seconds, and the controller waits",
    story="The line takes two seconds each way; the controller waits six and stays with its server.",
    firewall="lets everything out; the line behind it takes two seconds each way",
    boxes=(OFFICE, POOL),
    expected=(Expected(POOL, "tek/pool-ems"),),
    checks=(lease(POOL), Check(to_port(POOL, 8844), at_least=3), Check(from_port(POOL, 8844), at_least=3)),
    line=Line(extra_s=2.0),
)

RULE_APPEARS = Scenario(
    name="tek-rule-appears",
    title="all is well until a firewall rule for UDP 8844 appears",
    story="The controller works for forty seconds; then the firewall drops its datagrams, and it walks in vain.",
    firewall="drops UDP 8844 from 40 s on",
    boxes=(OFFICE, _BRISK_POOL),
    expected=(pool_fails("connect", "UDP-SERVER-WALK", ":8844", box=_BRISK_POOL),),
    checks=(lease(POOL), Check(from_port(POOL, 8844), at_least=4), Check(to_port(POOL, 8844), at_least=12)),
    seconds=100,
    events=(Event(40.0, "fw", ("nft", "insert", "rule", "ip", "site", "faults", "udp", "dport", "8844", "drop")),),
    changes_s=(36.0, 60.0),
)

RULE_REMOVED = Scenario(
    name="sensorist-rule-removed",
    title="both ports are dropped at first; then the rule is taken out and the gateway connects",
    story="For forty seconds nothing comes back; then the firewall lets the gateway out, and it is healthy at the end.",
    firewall="drops TCP 443 and 4321 until 40 s",
    boxes=(OFFICE, GATEWAY),
    expected=(Expected(GATEWAY, "sensorist/gateway", led="green"),),
    checks=(
        lease(GATEWAY),
        Check(_CLOUD_SYN, at_least=6),
        Check(f"{payload_to(GATEWAY, 443)} or {payload_to(GATEWAY, 4321)}", at_least=2),
    ),
    seconds=90,
    drops=("tcp dport { 443, 4321 } drop",),
    events=(Event(40.0, "fw", ("nft", "flush", "chain", "ip", "site", "faults")),),
    changes_s=(3.0, 60.0),
)

_ONE_HOST_LOGGER = replace(LOGGER, settings={"hosts": "maki.alsoenergy.com"})

SOME_ADDRESSES = Scenario(
    name="alsoenergy-logger-one-address-dropped",
    title="the name has two addresses, the firewall drops one of them; every other upload works",
    story="The resolver turns the two addresses of the name; the datalogger takes the first of each answer.",
    firewall="drops everything to one of the two addresses of maki.alsoenergy.com",
    boxes=(OFFICE, _ONE_HOST_LOGGER),
    expected=(Expected(_ONE_HOST_LOGGER, "alsoenergy/logger"),),
    checks=(
        lease(LOGGER),
        Check(f"tcp.flags == 0x02 && ip.src == {LOGGER.ip} && ip.dst == {ALSOENERGY_STREAMER}", at_least=4),
        Check(f"ip.src == {ALSOENERGY_STREAMER}", at_most=0),
        Check(f"tcp.len > 0 && ip.src == {ALSOENERGY} && ip.dst == {LOGGER.ip}", at_least=6),
    ),
    seconds=110,
    drops=(f"ip daddr {ALSOENERGY_STREAMER} drop",),
    resolver_options=tuple(
        f"--host-record=maki.alsoenergy.com,{address}" for address in (ALSOENERGY, ALSOENERGY_STREAMER)
    ),
)

ALL = (
    IDLE_TCP,
    IDLE_RESET,
    SURVIVING_KEEPALIVE,
    SOME_ADDRESSES,
    IDLE_UDP,
    FAILOVER,
    MTU_OUT,
    MTU_IN,
    LOSSY,
    LOSSY_UDP,
    UPLINK_DOWN,
    SLOW,
    SLOW_TCP,
    SLOW_BUT_FINE,
    RULE_APPEARS,
    RULE_REMOVED,
)
