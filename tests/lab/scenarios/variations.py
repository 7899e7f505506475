"""The same faults by other programs: what one server or client shows must not be all that an audit knows."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import ALSOENERGY, ALSOENERGY_FTP, ALSOENERGY_KIOSK, ALSOENERGY_STREAMER, NEXUS_NAME
from tests.lab.firewall import lan_address
from tests.lab.scenario import Check, Expected, Helper, Scenario
from tests.lab.scenarios.cast import (
    FAR_NEXUS,
    IPAD,
    KIOSK,
    LAN_PROXY,
    LOGGER,
    OFFICE,
    PASSES_ALL,
    UPLOADER,
    lease,
    payload_to,
    syn,
)
from tests.lab.scenarios.tls import INSPECTED
from tests.lab.servers import programs

_GATE = lan_address(0)
_LOGGER_PLACES = ("streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com")
_HTTP_TURNED = programs.turn('iifname "lan*" tcp dport 80 redirect to :8081')

INSPECTED_ALONE = replace(
    INSPECTED,
    name="vary-inspected-alone",
    title="TLS inspection of which only the datalogger's certificates are visible",
    boxes=(replace(OFFICE, settings={"trusts": "site"}), LOGGER),
)
_LOGIN_PAGE = (
    'default_type text/html; return 200 "<!DOCTYPE html><html><head><title>Guest login</title></head>'
    '<body><form method=post action=/login><input name=user><input type=password name=code></form></body></html>";'
)
_PLAIN_KIOSK = replace(KIOSK, settings={"ways": "plain"})
LOGIN_PAGE = Scenario(
    name="vary-portal-login-page",
    title="a captive portal answers every request with its login page and 200",
    story="Whatever is asked for by HTTP, the login page comes with 200 OK; HTTPS is dropped.",
    firewall="is a captive portal: answers HTTP itself, drops HTTPS",
    boxes=(OFFICE, _PLAIN_KIOSK),
    expected=(
        Expected(
            _PLAIN_KIOSK,
            "alsoenergy/kiosk",
            "failed",
            "app",
            "CAPTIVE-PORTAL",
            endpoints=("www.alsoenergy.com",),
        ),
    ),
    checks=(
        lease(KIOSK),
        Check(f"http.response.code == 200 && ip.dst == {KIOSK.ip}", at_least=3),
        Check(f'http.file_data contains "password" && ip.dst == {KIOSK.ip}', at_least=3),
    ),
    helpers=(programs.nginx(programs.FIREWALL, "8081", _LOGIN_PAGE),),
    drops=('iifname "lan*" tcp dport 443 drop',),
    events=(_HTTP_TURNED,),
)
_BLOCK_CERTIFICATE = "{folder}/www.city-weather.example.pem; ssl_protocols TLSv1.2"
BLOCKED_INSIDE_TLS = Scenario(
    name="vary-block-page-inside-tls",
    title="a web filter answers the vendor's HTTPS with a page of its own and its own certificate",
    story="Connections to alsoenergy.com end at the filter, whose certificate is for another name.",
    firewall="sends 443 to the vendor's addresses to the server of its block page",
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger", "failed", "tls", "TLS-CERT-INVALID", endpoints=_LOGGER_PLACES),),
    checks=(
        lease(LOGGER),
        Check(f"tls.handshake.type == 11 && ip.dst == {LOGGER.ip}", at_least=4),
        Check(payload_to(OFFICE, 443), at_least=4),
    ),
    helpers=(programs.nginx(programs.FIREWALL, "3131", "return 403;", certificate=_BLOCK_CERTIFICATE),),
    events=(programs.turn(f'iifname "lan*" ip saddr {LOGGER.ip} tcp dport 443 redirect to :3131'),),
)
_TINYPROXY = """Port 8888
Timeout 20
MaxClients 20
FilterType bre
FilterDefaultDeny No
Filter "{folder}/banned"
LogLevel Critical
DisableViaHeader Yes
"""
_TINY_LOGGER = replace(LOGGER, settings={"proxy": f"{_GATE}:8888", "client": "curl"})
TINY_PROXY = Scenario(
    name="vary-connect-403-tinyproxy",
    title="tinyproxy forbids the vendor's names",
    story="The datalogger asks the proxy for tunnels; its filter holds alsoenergy.com.",
    firewall="lets only its proxy out, which filters alsoenergy.com",
    boxes=(replace(OFFICE, settings={"proxy": f"{_GATE}:8888"}), _TINY_LOGGER),
    expected=(
        Expected(
            _TINY_LOGGER,
            "alsoenergy/logger",
            "failed",
            "app",
            "PROXY-CONNECT-REJECTED",
            endpoints=(*_LOGGER_PLACES, f"{_GATE}:8888"),
        ),
    ),
    checks=(lease(LOGGER), Check(f"http.response.code == 403 && ip.dst == {LOGGER.ip}", at_least=3)),
    helpers=(
        Helper(
            programs.FIREWALL,
            "tinyproxy",
            ("sh", "-c", "echo alsoenergy > {folder}/banned; exec tinyproxy -d -c {folder}/tinyproxy.conf"),
            _TINYPROXY,
        ),
    ),
    drops=('iifname "lan*" tcp dport { 80, 443 } drop',),
)
_CLOSING_PROXY = """frontend proxy
  bind :3128
  mode tcp
  tcp-request inspect-delay 5s
  tcp-request content reject if { req.len gt 0 } { src 10.20.36.134 }
  default_backend gone
backend gone
  mode tcp
  server gone 127.0.0.1:9"""
_PROXY_LOGGER = replace(LOGGER, settings={"proxy": f"{_GATE}:3128"})
CLOSING_PROXY = Scenario(
    name="vary-connect-closed",
    title="the proxy closes without an answer",
    story="The datalogger asks the proxy for a tunnel, and the proxy hangs up.",
    firewall="lets only its proxy out, which hangs up on the datalogger",
    boxes=(OFFICE, _PROXY_LOGGER),
    expected=(
        Expected(
            _PROXY_LOGGER,
            "alsoenergy/logger",
            "failed",
            "app",
            "PROXY-CONNECT-REJECTED",
            endpoints=(*_LOGGER_PLACES, f"{_GATE}:3128"),
        ),
    ),
    checks=(
        lease(LOGGER),
        Check(f'http.request.method == "CONNECT" && ip.src == {LOGGER.ip}', at_least=3),
        Check(f"tcp.srcport == 3128 && tcp.len > 0 && ip.dst == {LOGGER.ip}", at_most=0),
    ),
    helpers=(programs.haproxy(programs.FIREWALL, _CLOSING_PROXY),),
)
NAMED_PROXY_ONLY = Scenario(
    name="vary-proxy-only-by-dhcp",
    title="the DHCP server names a proxy configuration, and nothing else gets out",
    story="Option 252 leads to the proxy's configuration; the datalogger goes directly and is rejected by ICMP.",
    firewall="rejects direct connections to 80 and 443 by ICMP; hands out option 252",
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger", "failed", "connect", "PROXY-ONLY-NET", endpoints=_LOGGER_PLACES),),
    checks=(
        lease(LOGGER),
        Check(f"dhcp.option.dhcp == 5 && dhcp.option.type == 252 && dhcp.hw.mac_addr == {LOGGER.mac}", at_least=1),
        Check(syn(LOGGER, 443), at_least=4),
        Check(f"icmp.type == 3 && ip.dst == {LOGGER.ip}", at_least=4),
    ),
    drops=('iifname "lan*" tcp dport { 80, 443 } reject with icmp type admin-prohibited',),
    resolver_options=(f"--dhcp-option-force=252,http://{_GATE}/wpad.dat",),
)
_TO_HTTPS = "if ($request_uri ~ /aews/hello) { return 301 https://www.alsoenergy.com$request_uri; } return 200;"
VENDORS_REDIRECT = Scenario(
    name="vary-vendor-redirects-to-https",
    title="the vendor sends the kiosk from HTTP to HTTPS, which works",
    story="Every plain request is answered by 301 to the same host's HTTPS; the data goes there and is answered.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, KIOSK),
    expected=(Expected(KIOSK, "alsoenergy/kiosk"),),
    checks=(
        lease(KIOSK),
        Check(f"http.response.code == 301 && ip.dst == {KIOSK.ip}", at_least=3),
        Check(payload_to(KIOSK, 443), at_least=6),
    ),
    servers={f"{ALSOENERGY_KIOSK}:80": "none"},
    helpers=(programs.nginx(programs.INTERNET, f"{ALSOENERGY_KIOSK}:80", _TO_HTTPS),),
)
_ACTIVE = replace(UPLOADER, settings={"mode": "active"})
ACTIVE_SILENT = Scenario(
    name="vary-active-call-lost",
    title="the server takes PORT and calls back in vain, until the device gives up",
    story="The server's SYNs to the private address get lost without a word; the device waits 8 s and closes.",
    firewall="drops what goes to private addresses, as the internet does",
    boxes=(OFFICE, _ACTIVE),
    expected=(
        Expected(
            _ACTIVE,
            "alsoenergy/smaftp",
            "failed",
            "app",
            "FTP-ACTIVE-NAT",
            endpoints=("smaftpdm.alsoenergy.com", ALSOENERGY_FTP),
        ),
    ),
    checks=(
        lease(_ACTIVE),
        Check(f'ftp.request.command == "PORT" && ip.src == {_ACTIVE.ip}', at_least=3),
        Check(f"ftp.response.code == 200 && ip.dst == {_ACTIVE.ip}", at_least=3),
    ),
    seconds=90,
    servers={f"{ALSOENERGY_FTP}:21": "ftp-patient"},
)

_STRIPS_UPGRADE = """frontend sockets
  bind :9001
  mode http
  http-request del-header Upgrade
  default_backend nexus
backend nexus
  mode http
  server nexus 10.20.37.140:9001"""
_FAR_LIBRARY = replace(FAR_NEXUS, settings={"serves": "library"})
_PLAIN_IPAD = replace(IPAD, settings={"ways": "plain"})
STRIPPED_BY_HAPROXY = Scenario(
    name="vary-upgrade-stripped-haproxy",
    title="haproxy between two subnets takes the Upgrade header away; the NEXUS runs a websocket library",
    story="The name of the NEXUS leads to a proxy on the firewall, which passes plain requests on.",
    firewall="runs a reverse proxy for the NEXUS that removes the header Upgrade",
    boxes=(OFFICE, _FAR_LIBRARY, _PLAIN_IPAD),
    expected=(
        Expected(
            _PLAIN_IPAD,
            "skala/ipad",
            "failed",
            "app",
            "WS-UPGRADE-STRIPPED",
            endpoints=(NEXUS_NAME, f"{_GATE}:9001"),
        ),
    ),
    checks=(
        lease(IPAD),
        Check(f"http.response.code == 426 && ip.dst == {IPAD.ip}", at_least=3),
        Check(payload_to(IPAD, 443), at_least=4),
    ),
    names={NEXUS_NAME: _GATE},
    helpers=(programs.haproxy(programs.FIREWALL, _STRIPS_UPGRADE),),
)

_LAN_PROXY = f"{LAN_PROXY.ip}:{programs.PROXY_PORT}"
_LAN_PROXIED = replace(LOGGER, settings={"proxy": _LAN_PROXY}, starts_s=8.0)
LAN_PROXY_BLOCKED = Scenario(
    name="vary-lan-proxy-blocked",
    title="the firewall keeps the LAN's proxy from the vendor",
    story="The proxy is a box of the LAN; its connections to alsoenergy.com get no answer, and it says so.",
    firewall="drops TCP 443 to the vendor's addresses without a word; lets all else out",
    boxes=(LAN_PROXY, replace(OFFICE, settings={"proxy": _LAN_PROXY}, starts_s=7.0), _LAN_PROXIED),
    expected=(
        Expected(
            _LAN_PROXIED,
            "alsoenergy/logger",
            "failed",
            "app",
            "PROXY-CONNECT-REJECTED",
            endpoints=(*_LOGGER_PLACES, _LAN_PROXY),
        ),
    ),
    checks=(
        lease(LOGGER),
        Check(f"http.response.code >= 500 && ip.dst == {LOGGER.ip}", at_least=2),
        Check(f"{syn(LAN_PROXY, 443)} && ip.dst == {ALSOENERGY}", at_least=3),
    ),
    seconds=110,
    drops=(f"ip daddr {{ {ALSOENERGY}, {ALSOENERGY_STREAMER} }} tcp dport 443 drop",),
)

ALL = (
    LAN_PROXY_BLOCKED,
    STRIPPED_BY_HAPROXY,
    INSPECTED_ALONE,
    LOGIN_PAGE,
    BLOCKED_INSIDE_TLS,
    TINY_PROXY,
    CLOSING_PROXY,
    NAMED_PROXY_ONLY,
    VENDORS_REDIRECT,
    ACTIVE_SILENT,
)
