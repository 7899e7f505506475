"""What answers instead of the vendor over HTTP: portals, block pages, proxies, and the vendor's own errors."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import ALSOENERGY_KIOSK, NEXUS_NAME
from tests.lab.firewall import lan_address
from tests.lab.scenario import Box, Check, Event, Expected, Helper, Scenario
from tests.lab.scenarios.cast import KIOSK, LOGGER, NEXUS, OFFICE, PASSES_ALL, SECOND_OFFICE, lease, payload_to, syn
from tests.lab.servers import programs

_HOST = "www.alsoenergy.com"
_GATE = lan_address(0)
_PROXY = f"{_GATE}:{programs.PROXY_PORT}"
_PORTAL_NAME = "login.guest-lan.example"
_HTTP_TURNED = programs.turn('iifname "lan*" tcp dport 80 redirect to :8081')


def kiosk(**settings: str) -> Box:
    """A kiosk with settings of its own."""
    return replace(KIOSK, settings=settings)


def _is_answered(status: int, times: int = 3, box: Box = KIOSK) -> Check:
    return Check(f"http.response.code == {status} && ip.dst == {box.ip}", at_least=times)


def _story(
    name: str,
    title: str,
    rule: str | None,
    *checks: Check,
    box: Box,
    kind: str = "",
    helpers: tuple[Helper, ...] = (),
    drops: tuple[str, ...] = (),
    events: tuple[Event, ...] = (),
    options: tuple[str, ...] = (),
    firewall: str = PASSES_ALL,
) -> Scenario:
    """A kiosk that fails with a rule at stage APP, or does well when there is none."""
    verdict = Expected(box, "alsoenergy/kiosk")
    if rule:
        verdict = Expected(box, "alsoenergy/kiosk", "failed", "app", rule, endpoints=(_HOST,))
    return Scenario(
        name=f"web-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; the kiosk tries again and again.",
        firewall=firewall,
        boxes=(OFFICE, box),
        expected=(verdict,),
        checks=(lease(box), *checks),
        drops=drops,
        helpers=helpers,
        events=events,
        resolver_options=options,
        servers={f"{ALSOENERGY_KIOSK}:80": kind} if kind else {},
    )


PORTAL = _story(
    "portal-redirect",
    "a captive portal redirects HTTP to its login and resets HTTPS",
    "CAPTIVE-PORTAL",
    _is_answered(302),
    Check(f"tcp.srcport == 443 && tcp.flags.reset == 1 && ip.dst == {OFFICE.ip}", at_least=2),
    box=KIOSK,
    helpers=(
        programs.nginx(programs.FIREWALL, "8081", f"return 302 http://{_PORTAL_NAME}/login?for=$host$request_uri;"),
    ),
    drops=('iifname "lan*" tcp dport 443 reject with tcp reset',),
    events=(_HTTP_TURNED,),
    options=(f"--address=/{_PORTAL_NAME}/{_GATE}",),
    firewall="is a captive portal: redirects HTTP to its login page, resets HTTPS",
)
PORTAL_BY_ADDRESS = _story(
    "portal-address",
    "a captive portal redirects HTTP to the gateway's bare address and drops HTTPS",
    "CAPTIVE-PORTAL",
    _is_answered(307),
    box=kiosk(client="curl"),
    helpers=(programs.nginx(programs.FIREWALL, "8081", f"return 307 https://{_GATE}:4990/portal;"),),
    drops=('iifname "lan*" tcp dport 443 drop',),
    events=(_HTTP_TURNED,),
    firewall="is a captive portal: redirects HTTP to itself, drops HTTPS",
)
PORTAL_511 = _story(
    "portal-511",
    "a network wants a login and says so with 511",
    "CAPTIVE-PORTAL",
    _is_answered(511),
    box=kiosk(ways="plain"),
    helpers=(
        programs.nginx(
            programs.FIREWALL, "8081", 'default_type text/html; return 511 "<html><body>log in first</body></html>";'
        ),
    ),
    events=(_HTTP_TURNED,),
    firewall="answers all HTTP with 511",
)
BLOCK_PAGE = _story(
    "block-page-squid",
    "a transparent squid blocks the vendor's domain",
    "HTTP-BLOCK-PAGE",
    _is_answered(403),
    Check(f'http.response.line contains "squid" && ip.dst == {KIOSK.ip}', at_least=3),
    box=kiosk(ways="plain"),
    helpers=(
        programs.squid(
            "http_port 8081 intercept", "acl banned dstdomain .alsoenergy.com", "http_access deny banned",
            "http_access allow all",
        ),
    ),
    events=(_HTTP_TURNED,),
    firewall="sends HTTP through a transparent proxy that blocks alsoenergy.com",
)  # fmt: skip
BLOCK_PAGE_NGINX = _story(
    "block-page",
    "a web filter answers with its block page",
    "HTTP-BLOCK-PAGE",
    _is_answered(403),
    box=kiosk(ways="plain", client="curl"),
    helpers=(
        programs.nginx(
            programs.FIREWALL,
            "8081",
            'default_type text/html; return 403 "<html><body>Category blocked</body></html>";',
        ),
    ),
    events=(_HTTP_TURNED,),
    firewall="answers HTTP with the page of its web filter",
)
UNREGISTERED = _story(
    "vendor-403", "the vendor does not know this kiosk", "HTTP-ERROR", _is_answered(403),
    box=kiosk(ways="plain"), kind="http-403",
)  # fmt: skip
BROKEN_VENDOR = _story(
    "vendor-500", "the vendor's server has an internal error", "HTTP-ERROR", _is_answered(500),
    box=kiosk(ways="plain", client="curl"), kind="http-500",
)  # fmt: skip
BAD_GATEWAY = _story(
    "vendor-502", "the vendor's front cannot reach its backend", "HTTP-ERROR", _is_answered(502),
    box=kiosk(ways="plain"), kind="http-502",
)  # fmt: skip
MAINTENANCE = replace(
    _story(
        "maintenance-over",
        "the vendor is in maintenance for half a minute, then all is well",
        None,
        _is_answered(503),
        _is_answered(200, 2),
        box=kiosk(ways="plain"),
        kind="http-maintained",
    ),
    seconds=90,
    changes_s=(3, 60),
)
IN_MAINTENANCE = _story(
    "maintenance-lasts", "the vendor is in maintenance and stays there", "HTTP-ERROR", _is_answered(503),
    box=kiosk(ways="plain"), kind="http-503",
)  # fmt: skip
LOGIN_WANTED = replace(
    _story(
        "proxy-407",
        "the proxy that the kiosk uses wants a login",
        "HTTP-ERROR",
        _is_answered(407),
        box=kiosk(ways="plain", client="curl", proxy=_PROXY),
        helpers=(
            programs.squid(
                "auth_param basic program /usr/lib/squid/basic_fake_auth",
                "acl known proxy_auth REQUIRED",
                "http_access allow known",
                "http_access deny all",
            ),
        ),
        firewall="offers a proxy that wants a login",
    ),
)

_LOGGER_PLACES = ("streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com", _PROXY)


def _by_proxy(
    name: str, title: str, rule: str | None, *checks: Check, rules: tuple[str, ...], box: Box, firewall: str
) -> Scenario:
    """A datalogger that uses a proxy; PCs use it as well."""
    verdict = Expected(box, "alsoenergy/logger")
    if rule:
        verdict = Expected(box, "alsoenergy/logger", "failed", "app", rule, endpoints=_LOGGER_PLACES)
    pc = replace(OFFICE, settings={"proxy": _PROXY})
    return Scenario(
        name=f"web-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; the datalogger asks it for a tunnel to each of its hosts.",
        firewall=firewall,
        boxes=(pc, box),
        expected=(verdict,),
        checks=(lease(box), *checks),
        helpers=(programs.squid(*rules),),
        drops=('iifname "lan*" tcp dport { 80, 443 } drop',),
    )


def _logger(**settings: str) -> Box:
    return replace(LOGGER, settings={"proxy": _PROXY, **settings})


_LOGIN_RULES = (
    "auth_param basic program /usr/lib/squid/basic_fake_auth",
    f"acl pcs src {OFFICE.ip}",
    "acl known proxy_auth REQUIRED",
    "http_access allow pcs",
    "http_access allow known",
    "http_access deny all",
)
CONNECT_LOGIN = _by_proxy(
    "connect-407",
    "the proxy wants a login of the datalogger",
    "PROXY-CONNECT-REJECTED",
    _is_answered(407, box=LOGGER),
    rules=_LOGIN_RULES,
    box=_logger(),
    firewall="lets only its proxy out, which knows the PCs and wants a login of others",
)
CONNECT_FORBIDDEN = _by_proxy(
    "connect-403",
    "the proxy forbids the vendor's domain",
    "PROXY-CONNECT-REJECTED",
    _is_answered(403, box=LOGGER),
    rules=("acl banned dstdomain .alsoenergy.com", "http_access deny banned", "http_access allow all"),
    box=_logger(client="curl"),
    firewall="lets only its proxy out, which forbids alsoenergy.com",
)
CONNECT_UNREACHABLE = _by_proxy(
    "connect-5xx",
    "the proxy's own way to the vendor is dead",
    "PROXY-CONNECT-REJECTED",
    Check(f"http.response.code >= 500 && ip.dst == {LOGGER.ip}", at_least=3),
    rules=(
        "acl vendor dstdomain .alsoenergy.com", "cache_peer 127.0.0.1 parent 9 0 no-query default",
        "never_direct allow vendor", "connect_timeout 3 seconds", "forward_timeout 5 seconds", "http_access allow all",
    ),
    box=_logger(),
    firewall="lets only its proxy out, which hands alsoenergy.com to a dead parent",
)  # fmt: skip
CONNECT_WITH_LOGIN = _by_proxy(
    "connect-login-works",
    "the proxy wants a login and the datalogger has one",
    None,
    _is_answered(407, box=LOGGER),
    _is_answered(200, box=LOGGER),
    rules=_LOGIN_RULES,
    box=_logger(client="curl", login="site:lab-only"),
    firewall="lets only its proxy out, which wants a login",
)
CONNECT_HEALTHY = _by_proxy(
    "connect-works", "the datalogger uses the site's proxy", None, _is_answered(200, box=LOGGER),
    rules=("http_access allow all",), box=_logger(), firewall="lets only its proxy out",
)  # fmt: skip


def _proxy_only(name: str, verb: str, box: Box, signature: str, endpoints: tuple[str, ...]) -> Scenario:
    pcs = tuple(replace(pc, settings={"proxy": _PROXY}) for pc in (OFFICE, SECOND_OFFICE))
    return Scenario(
        name=f"web-proxy-only-{name}",
        title=f"the network lets only its proxy out, and the {box.role} cannot use one",
        story=f"Two PCs reach the outside through the proxy; the {box.role} goes directly and is {name}.",
        firewall=f"lets its proxy out; direct connections to 80 and 443 are {name}",
        boxes=(*pcs, box),
        expected=(Expected(box, signature, "failed", "connect", "PROXY-ONLY-NET", endpoints=endpoints),),
        checks=(
            lease(box),
            Check(syn(box, 443), at_least=4),
            Check(payload_to(box, 443), at_most=0),
            Check(f'http.request.method == "CONNECT" && ip.src == {OFFICE.ip}', at_least=2),
            Check(f'http.request.method == "CONNECT" && ip.src == {SECOND_OFFICE.ip}', at_least=2),
        ),
        seconds=90,
        names={NEXUS_NAME: NEXUS.ip},
        helpers=(programs.squid("http_access allow all"),),
        drops=(f'iifname "lan*" tcp dport {{ 80, 443 }} {verb}',),
    )


PROXY_ONLY = _proxy_only("dropped", "drop", LOGGER, "alsoenergy/logger", _LOGGER_PLACES[:3])
PROXY_ONLY_RESET = _proxy_only(
    "reset",
    "reject with tcp reset",
    NEXUS,
    "skala/nexus",
    ("skalacontrol.com", "websockets.skalacontrol.com", "iot-prod.skalacontrol.com"),
)

ALL = (
    PORTAL,
    PORTAL_BY_ADDRESS,
    PORTAL_511,
    BLOCK_PAGE,
    BLOCK_PAGE_NGINX,
    UNREGISTERED,
    BROKEN_VENDOR,
    BAD_GATEWAY,
    MAINTENANCE,
    IN_MAINTENANCE,
    LOGIN_WANTED,
    CONNECT_LOGIN,
    CONNECT_FORBIDDEN,
    CONNECT_UNREACHABLE,
    CONNECT_WITH_LOGIN,
    CONNECT_HEALTHY,
    PROXY_ONLY,
    PROXY_ONLY_RESET,
)
