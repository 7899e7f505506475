"""METER SKALA: NEXUS, iPad and station PC."""

from __future__ import annotations

from tests.lab.address_book import NEXUS_NAME
from tests.lab.scenario import Check, Expected, Scenario
from tests.lab.scenarios.cast import (
    FAR_NEXUS,
    IPAD,
    NEXUS,
    OFFICE,
    PASSES_ALL,
    STATION_PC,
    any_tcp_answer,
    lease,
    payload_to,
    syn,
)

_LOCAL_NAME = {NEXUS_NAME: NEXUS.ip}
_ASKED = f'dns.qry.name == "{NEXUS_NAME}" && ip.dst == {IPAD.ip}'
_CLOUD_WORKS = Check(payload_to(IPAD, 443), at_least=4)

NEXUS_HEALTHY = Scenario(
    name="skala-nexus-healthy",
    title="SKALA NEXUS keeps its cloud conversations; a station PC works beside it",
    story="The NEXUS sets its clock, posts readings, holds a websocket and its IoT session."
    " A PC uses the station's site.",
    firewall=PASSES_ALL,
    boxes=(NEXUS, STATION_PC),
    expected=(Expected(NEXUS, "skala/nexus"), Expected(STATION_PC, "skala/pc")),
    checks=(
        lease(NEXUS),
        Check(payload_to(NEXUS, 443), at_least=12),
        Check(f"ntp && ip.dst == {NEXUS.ip}", at_least=1),
        Check(
            f'tls.handshake.extensions_server_name == "iot-prod.skalacontrol.com" && ip.src == {NEXUS.ip}', at_least=1
        ),
        Check(payload_to(STATION_PC, 443), at_least=6),
    ),
    names=_LOCAL_NAME,
)

IPAD_HEALTHY = Scenario(
    name="skala-ipad-healthy",
    title="SKALA iPad finds its NEXUS on the same LAN and talks to it on 9001",
    story="The vendor's DNS gives the private address of the NEXUS; the iPad opens a websocket inside TLS there.",
    firewall=PASSES_ALL,
    boxes=(NEXUS, IPAD),
    expected=(Expected(IPAD, "skala/ipad"), Expected(NEXUS, "skala/nexus")),
    checks=(
        lease(IPAD),
        Check(f"{_ASKED} && dns.a == {NEXUS.ip}", at_least=1),
        Check(f"{payload_to(IPAD, 9001)} && ip.src == {NEXUS.ip}", at_least=6),
        _CLOUD_WORKS,
    ),
    names=_LOCAL_NAME,
)

IPAD_DROPPED = Scenario(
    name="skala-ipad-9001-dropped",
    title="iPad and NEXUS are on two subnets and the firewall between drops 9001",
    story="The iPad knows the address of the NEXUS, which is on another subnet that this mirror does not see, and"
    " gets no answer on 9001. Its cloud works.",
    firewall="routes between the two subnets and drops TCP 9001 there without a word; lets all else through",
    boxes=(OFFICE, IPAD, FAR_NEXUS),
    expected=(
        Expected(IPAD, "skala/ipad", "failed", "connect", "TCP-SYN-TIMEOUT", endpoints=(f"{FAR_NEXUS.ip}:9001",)),
    ),
    checks=(
        lease(IPAD),
        Check(f"{_ASKED} && dns.a == {FAR_NEXUS.ip}", at_least=2),
        Check(syn(IPAD, 9001), at_least=8),
        Check(any_tcp_answer(IPAD, 9001), at_most=0),
        _CLOUD_WORKS,
    ),
    seconds=90,
    drops=("tcp dport 9001 drop",),
    names={NEXUS_NAME: FAR_NEXUS.ip},
)

IPAD_REBINDING = Scenario(
    name="skala-ipad-rebinding-filter",
    title="the site's resolver strips the private address of the NEXUS from the answer",
    story="NEXUS and iPad are well and on one LAN, but the name of the NEXUS resolves to nothing:"
    " rebinding protection.",
    firewall="lets everything through; its resolver removes private addresses from answers of the internet's DNS",
    boxes=(NEXUS, IPAD),
    expected=(
        Expected(IPAD, "skala/ipad", "failed", "dns", "DNS-REBIND-FILTERED", endpoints=(NEXUS_NAME,)),
        Expected(NEXUS, "skala/nexus"),
    ),
    checks=(
        lease(IPAD),
        Check(f"{_ASKED} && dns.qry.type == 1 && dns.flags.rcode == 0 && dns.count.answers == 0", at_least=4),
        Check(f"{_ASKED} && dns.a", at_most=0),
        Check(syn(IPAD, 9001), at_most=0),
        _CLOUD_WORKS,
    ),
    resolver_options=("--stop-dns-rebind",),
    names=_LOCAL_NAME,
)
