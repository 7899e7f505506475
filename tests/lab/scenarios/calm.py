"""Nothing is wrong, though it looks odd: transparent proxies, logins, plain databases, servers that close by reset."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import (
    ALSOENERGY,
    ALSOENERGY_KIOSK,
    KEY2ACT_DATABASES,
    NEXUS_NAME,
)
from tests.lab.firewall import lan_address
from tests.lab.scenario import Box, Check, Event, Expected, Helper, Scenario
from tests.lab.scenarios.cast import AGENT, IPAD, KIOSK, LAN_PROXY, LOGGER, NEXUS, OFFICE, PASSES_ALL, lease, payload_to
from tests.lab.servers import programs

_NOISY = replace(OFFICE, settings={"noise": "much"})
_PROXY = f"{lan_address(0)}:{programs.PROXY_PORT}"


def _story(
    name: str,
    title: str,
    box: Box,
    signature: str,
    *checks: Check,
    firewall: str = PASSES_ALL,
    helpers: tuple[Helper, ...] = (),
    drops: tuple[str, ...] = (),
    events: tuple[Event, ...] = (),
    servers: dict[str, str] | None = None,
) -> Scenario:
    return Scenario(
        name=f"calm-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; every request is served. A PC beside it fails at many things.",
        firewall=firewall,
        boxes=(_NOISY, box),
        expected=(Expected(box, signature),),
        checks=(lease(box), *checks),
        seconds=80 + box.starts_s,
        helpers=helpers,
        drops=drops,
        events=events,
        servers=servers or {},
    )


_PLAIN_KIOSK = replace(KIOSK, settings={"ways": "plain"})
TRANSPARENT_SQUID = _story(
    "transparent-squid",
    "the kiosk's HTTP passes a transparent squid",
    _PLAIN_KIOSK,
    "alsoenergy/kiosk",
    Check(f'http.response.line contains "squid" && ip.dst == {KIOSK.ip}', at_least=3),
    Check(f"http.response.code == 200 && ip.dst == {KIOSK.ip}", at_least=3),
    firewall="sends HTTP through a transparent proxy that lets everything pass",
    helpers=(programs.squid("http_port 8081 intercept", "http_access allow all"),),
    events=(programs.turn('iifname "lan*" tcp dport 80 redirect to :8081'),),
)
_PASS_ON = f"""frontend tls
  bind :3132
  mode tcp
  default_backend vendor
backend vendor
  mode tcp
  server vendor {ALSOENERGY}:443"""
_TWO_HOSTS = replace(LOGGER, settings={"hosts": "maki.alsoenergy.com servlet.alsoenergy.com", "tls": "1.3"})
TRANSPARENT_HAPROXY = _story(
    "transparent-haproxy",
    "the datalogger's HTTPS passes a transparent haproxy that reads nothing",
    _TWO_HOSTS,
    "alsoenergy/logger",
    Check(payload_to(LOGGER, 443), at_least=9),
    firewall="sends the datalogger's HTTPS through a proxy that lets everything pass",
    helpers=(programs.haproxy(programs.FIREWALL, _PASS_ON),),
    events=(programs.turn(f'iifname "lan*" ip saddr {LOGGER.ip} tcp dport 443 redirect to :3132'),),
)
_PROXIED_KIOSK = replace(KIOSK, settings={"ways": "plain", "client": "curl", "proxy": _PROXY})
PROXIED_KIOSK = _story(
    "kiosk-by-proxy",
    "the kiosk names whole URLs to the site's proxy",
    _PROXIED_KIOSK,
    "alsoenergy/kiosk",
    Check(f'http.request.uri contains "http://" && ip.src == {KIOSK.ip}', at_least=3),
    Check(f"http.response.code == 200 && ip.dst == {KIOSK.ip}", at_least=3),
    firewall="offers a proxy that lets everything pass",
    helpers=(programs.squid("http_access allow all"),),
)
_PROXIED_WITH_LOGIN = replace(KIOSK, settings={**_PROXIED_KIOSK.settings, "login": "site:lab-only"})
PROXIED_WITH_LOGIN = _story(
    "kiosk-by-proxy-with-login",
    "the site's proxy wants a login, and the kiosk has one",
    _PROXIED_WITH_LOGIN,
    "alsoenergy/kiosk",
    Check(f"http.response.code == 407 && ip.dst == {KIOSK.ip}", at_least=3),
    Check(f"http.response.code == 200 && ip.dst == {KIOSK.ip}", at_least=3),
    firewall="offers a proxy that wants a login",
    helpers=(
        programs.squid(
            "auth_param basic program /usr/lib/squid/basic_fake_auth",
            "acl known proxy_auth REQUIRED",
            "http_access allow known",
            "http_access deny all",
        ),
    ),
)
_PLAIN_AGENT = replace(AGENT, settings={**AGENT.settings, "database": "prefer"}, starts_s=18)
DATABASE_IN_CLEAR = _story(
    "database-in-clear",
    "PostgreSQL has no TLS, and the agent goes on in plain text",
    _PLAIN_AGENT,
    "wennsoft/miniagent",
    Check(f"pgsql && ip.src == {KEY2ACT_DATABASES[0]} && ip.dst == {AGENT.ip}", at_least=3),
    helpers=(programs.postgres(KEY2ACT_DATABASES[0], "ssl=off"),),
    servers={f"{address}:5432": "none" for address in KEY2ACT_DATABASES},
)
CLOSED_BY_RESET = _story(
    "server-closes-by-reset",
    "the vendor's server answers each request and closes by a reset",
    _PLAIN_KIOSK,
    "alsoenergy/kiosk",
    Check(f"http.response.code == 200 && ip.dst == {KIOSK.ip}", at_least=3),
    Check(f"tcp.flags.reset == 1 && tcp.srcport == 80 && ip.dst == {KIOSK.ip}", at_least=3),
    servers={f"{ALSOENERGY_KIOSK}:80": "http-reset"},
)
OLD_TABLET = replace(
    _story(
        "ipad-and-nexus-tls-1.2",
        "iPad and NEXUS hold a websocket inside TLS by a library, with long pauses",
        replace(IPAD, settings={"client": "library", "every_s": "25"}),
        "skala/ipad",
        Check(payload_to(IPAD, 9001), at_least=4),
    ),
    boxes=(_NOISY, NEXUS, replace(IPAD, settings={"client": "library", "every_s": "25"})),
    expected=(
        Expected(replace(IPAD, settings={"client": "library", "every_s": "25"}), "skala/ipad"),
        Expected(NEXUS, "skala/nexus"),
    ),
    names={NEXUS_NAME: NEXUS.ip},
)
LOGIN_FIRST = _story(
    "kiosk-asked-for-a-login",
    "nginx wants a login of the kiosk's curl, gets it, and serves",
    replace(KIOSK, settings={"ways": "plain", "client": "curl", "account": "kiosk:lab-only"}),
    "alsoenergy/kiosk",
    Check(f"http.response.code == 401 && ip.dst == {KIOSK.ip}", at_least=3),
    Check(f"http.response.code == 200 && ip.dst == {KIOSK.ip}", at_least=3),
    helpers=(
        programs.nginx(
            programs.INTERNET,
            f"{ALSOENERGY_KIOSK}:80",
            'if ($http_authorization = "") { add_header WWW-Authenticate "Basic realm=kiosk" always; return 401; }'
            " default_type application/json; return 200 ok;",
        ),
    ),
    servers={f"{ALSOENERGY_KIOSK}:80": "none"},
)

_LAN_PROXY = f"{LAN_PROXY.ip}:{programs.PROXY_PORT}"
_LAN_PROXIED = replace(LOGGER, settings={"proxy": _LAN_PROXY}, starts_s=8.0)
PROXY_ON_THE_LAN = replace(
    _story(
        "proxy-on-the-lan",
        "datalogger and PC go out by a proxy that is a box of the LAN",
        _LAN_PROXIED,
        "alsoenergy/logger",
        Check(f'http.request.method == "CONNECT" && ip.src == {LOGGER.ip}', at_least=4),
        Check(f"{payload_to(LAN_PROXY, 443)} && ip.src == {ALSOENERGY}", at_least=2),
    ),
    boxes=(LAN_PROXY, replace(OFFICE, settings={"proxy": _LAN_PROXY}, starts_s=7.0), _LAN_PROXIED),
)

ALL = (
    PROXY_ON_THE_LAN,
    TRANSPARENT_SQUID,
    TRANSPARENT_HAPROXY,
    PROXIED_KIOSK,
    PROXIED_WITH_LOGIN,
    DATABASE_IN_CLEAR,
    CLOSED_BY_RESET,
    OLD_TABLET,
    LOGIN_FIRST,
)
