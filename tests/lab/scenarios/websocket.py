"""The iPad's websocket to its NEXUS on 9001, in plain and over TLS: refused, stripped, cut, blocked and well."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import NEXUS_NAME, SKALA_SOCKETS
from tests.lab.scenario import Box, Check, Expected, Scenario
from tests.lab.scenarios.cast import (
    FAR_NEXUS,
    IPAD,
    NEXUS,
    OFFICE,
    PASSES_ALL,
    any_tcp_answer,
    lease,
    payload_to,
    syn,
)

_PLACE = (NEXUS_NAME, NEXUS.ip, f"{NEXUS_NAME}:9001", f"{NEXUS.ip}:9001", f"{FAR_NEXUS.ip}:9001")
_UPGRADE = f'http.request.line contains "websocket" && ip.src == {IPAD.ip}'


def _boxes(serves: str, **ipad: str) -> tuple[Box, Box]:
    return replace(NEXUS, settings={"serves": serves}), replace(IPAD, settings=ipad)


def _of_nexus(nexus: Box) -> Expected:
    """Judge the NEXUS: without its service it is broken; what it answers its iPad is the iPad's matter."""
    if nexus.settings.get("serves") == "nobody":
        return Expected(nexus, "skala/nexus", "failed", "connect", "TCP-SYN-RST", endpoints=(IPAD.ip, ":9001"))
    return Expected(nexus, "skala/nexus")


def _story(
    name: str,
    title: str,
    verdict: Expected,
    nexus: Box,
    *checks: Check,
    drops: tuple[str, ...] = (),
    seconds: float = 75,
    changes_s: tuple[float, float] | None = None,
    firewall: str = PASSES_ALL,
) -> Scenario:
    """An iPad and its NEXUS; only the iPad is judged, the NEXUS must not be accused."""
    return Scenario(
        name=f"websocket-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; the cloud of both works.",
        firewall=firewall,
        boxes=(OFFICE, nexus, verdict.box),
        expected=(verdict, *((_of_nexus(nexus),) if nexus.lan == 0 else ())),
        checks=(lease(verdict.box), Check(payload_to(IPAD, 443), at_least=4), *checks),
        seconds=seconds,
        drops=drops,
        names={NEXUS_NAME: nexus.ip},
        changes_s=changes_s,
    )


def _failing(name: str, title: str, serves: str, rule: str, *checks: Check, **ipad: str) -> Scenario:
    """A readable upgrade that fails at stage APP."""
    nexus, tablet = _boxes(serves, ways="plain", **ipad)
    known = Expected(tablet, "skala/ipad", "failed", "app", rule, endpoints=_PLACE)
    return _story(name, title, known, nexus, Check(_UPGRADE, at_least=3), *checks)


def _status(code: int) -> Check:
    return Check(f"http.response.code == {code} && tcp.srcport == 9001 && ip.dst == {IPAD.ip}", at_least=3)


FORBIDDEN = _failing("403", "nginx on the NEXUS forbids the websocket", "403", "WS-UPGRADE-REJECTED", _status(403))
VERSION = _failing(
    "426", "the NEXUS wants another upgrade", "426", "WS-UPGRADE-REJECTED", _status(426), client="library"
)
NO_BACKEND = _failing("502", "nginx on the NEXUS cannot reach its backend", "502", "WS-UPGRADE-REJECTED", _status(502))
STRIPPED = _failing(
    "stripped", "nginx before the websocket server does not forward the upgrade", "stripped", "WS-UPGRADE-STRIPPED",
    _status(200),
)  # fmt: skip


def _degraded(name: str, title: str, serves: str, rule: str, *checks: Check, **ipad: str) -> Scenario:
    """Connections that work for a while and are cut again and again: one or two such cuts alone prove nothing."""
    nexus, tablet = _boxes(serves, every_s="10", **ipad)
    return _story(
        name,
        title,
        Expected(tablet, "skala/ipad", "degraded", rule=rule, endpoints=_PLACE),
        nexus,
        *checks,
        seconds=110,
    )


IDLE_KILLED = _degraded(
    "idle-killed", "a proxy closes the quiet websocket after 6 s", "idle", "WS-DROP", _status(101), ways="plain"
)
CUT = _degraded(
    "cut", "the far side ends each websocket after 6 s", "cut", "WS-DROP", _status(101), ways="plain", client="library"
)
IDLE_KILLED_SAFE = _degraded(
    "tls-idle-killed",
    "a proxy closes the quiet websocket inside TLS after 6 s",
    "tls-idle",
    "CONN-FLAP",
    Check(syn(IPAD, 9001), 4),
)


def _unreadable(name: str, title: str, serves: str) -> Scenario:
    """Inside TLS nobody sees that the websocket is refused: what answers inside TLS works (X-02)."""
    nexus, tablet = _boxes(serves)
    known = Expected(tablet, "skala/ipad")
    return _story(name, title, known, nexus, Check(syn(IPAD, 9001), at_least=4), Check(_UPGRADE, at_most=0))


FORBIDDEN_SAFE = _unreadable("tls-403", "nginx forbids the websocket inside TLS", "tls-403")
STRIPPED_SAFE = _unreadable("tls-stripped", "nginx inside TLS does not forward the upgrade", "tls-stripped")


def _healthy(name: str, title: str, serves: str, *checks: Check, **ipad: str) -> Scenario:
    nexus, tablet = _boxes(serves, **ipad)
    return _story(name, title, Expected(tablet, "skala/ipad"), nexus, Check(payload_to(IPAD, 9001), 4), *checks)


HEALTHY_PLAIN = _healthy("healthy-plain", "iPad and NEXUS hold a plain websocket", "plain", ways="plain")
HEALTHY_LIBRARY = _healthy(
    "healthy-library", "both sides use a websocket library", "library", ways="plain", client="library"
)
HEALTHY_PROXY = _healthy("healthy-nginx", "nginx passes the websocket inside TLS", "tls-passed", client="library")

REFUSED = _story(
    "9001-refused",
    "nothing listens on 9001 of the NEXUS",
    Expected(IPAD, "skala/ipad", "failed", "connect", "TCP-SYN-RST", endpoints=_PLACE),
    replace(NEXUS, settings={"serves": "nobody"}),
    Check(f"tcp.srcport == 9001 && tcp.flags.reset == 1 && ip.dst == {IPAD.ip}", at_least=4),
)
_LONELY, _KEPT_APART = replace(IPAD, is_isolated=True), replace(NEXUS, is_isolated=True)
ISOLATED = _story(
    "9001-isolated",
    "the access point keeps iPad and NEXUS apart",
    Expected(_LONELY, "skala/ipad", "failed", "connect", "ARP-PEER-NO-REPLY", endpoints=_PLACE),
    _KEPT_APART,
    Check(f"arp.opcode == 1 && arp.src.hw_mac == {IPAD.mac} && arp.dst.proto_ipv4 == {NEXUS.ip}", at_least=3),
    Check(syn(IPAD, 9001), at_most=0),
)
REJECTED = _story(
    "9001-rejected",
    "the firewall between two subnets rejects 9001 by ICMP",
    Expected(IPAD, "skala/ipad", "failed", "connect", "ICMP-ADMIN", endpoints=_PLACE),
    FAR_NEXUS,
    Check(syn(IPAD, 9001), at_least=4),
    Check(f"icmp.type == 3 && icmp.code == 10 && ip.dst == {IPAD.ip}", at_least=4),
    drops=("tcp dport 9001 reject with icmp type host-prohibited",),
    firewall="routes between the two subnets and rejects TCP 9001 there",
)
RESET = _story(
    "9001-reset-by-firewall",
    "the firewall between two subnets answers 9001 with resets",
    Expected(IPAD, "skala/ipad", "failed", "connect", "TCP-SYN-RST", endpoints=_PLACE),
    FAR_NEXUS,
    Check(f"tcp.srcport == 9001 && tcp.flags.reset == 1 && ip.dst == {IPAD.ip}", at_least=4),
    drops=("tcp dport 9001 reject with tcp reset",),
    firewall="routes between the two subnets and answers TCP 9001 there with resets",
)
FAR_HEALTHY = _story(
    "9001-routed",
    "iPad and NEXUS are on two subnets, and the firewall lets 9001 pass",
    Expected(IPAD, "skala/ipad"),
    FAR_NEXUS,
    Check(payload_to(IPAD, 9001), at_least=4),
)
HALF_OPEN = _story(
    "9001-answers-lost",
    "the answers of the NEXUS are dropped between the two subnets",
    Expected(IPAD, "skala/ipad", "failed", "connect", "TCP-SYN-TIMEOUT", endpoints=_PLACE),
    FAR_NEXUS,
    Check(syn(IPAD, 9001), at_least=4),
    Check(any_tcp_answer(IPAD, 9001), at_most=0),
    drops=("tcp sport 9001 drop",),
    firewall="routes between the two subnets and drops what comes back from TCP 9001",
)
CLOUD_SOCKET_CUT = Scenario(
    name="websocket-cloud-cut",
    title="something ends the cloud websocket of a NEXUS every 6 s",
    story="The NEXUS opens its websocket inside TLS again and again; each lives equally long.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, NEXUS),
    expected=(
        Expected(NEXUS, "skala/nexus", "degraded", rule="CONN-FLAP", endpoints=("websockets.skalacontrol.com",)),
    ),
    names={NEXUS_NAME: NEXUS.ip},
    checks=(lease(NEXUS), Check(f"{syn(NEXUS, 443)} && ip.dst == {SKALA_SOCKETS}", at_least=4)),
    seconds=90,
    changes_s=(2, 84),
    servers={f"{SKALA_SOCKETS}:443": "https-websocket-cut"},
)

ALL = (
    FORBIDDEN,
    VERSION,
    NO_BACKEND,
    STRIPPED,
    IDLE_KILLED,
    CUT,
    IDLE_KILLED_SAFE,
    FORBIDDEN_SAFE,
    STRIPPED_SAFE,
    HEALTHY_PLAIN,
    HEALTHY_LIBRARY,
    HEALTHY_PROXY,
    REFUSED,
    ISOLATED,
    REJECTED,
    RESET,
    FAR_HEALTHY,
    HALF_OPEN,
    CLOUD_SOCKET_CUT,
)
