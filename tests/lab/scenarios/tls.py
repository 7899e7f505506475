"""TLS on its way: filters by name, inspection, certificates out of date, versions refused, servers that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.lab.address_book import (
    ALSOENERGY,
    ALSOENERGY_STREAMER,
    KEY2ACT_APPLICATION,
    NEXUS_NAME,
    SKALA_CLOUD,
    SKALA_IOT,
    SKALA_SOCKETS,
)
from tests.lab.scenario import Box, Check, Expected, Helper, Scenario
from tests.lab.scenarios.cast import AGENT, LOGGER, NEXUS, OFFICE, PASSES_ALL, lease, payload_to
from tests.lab.servers import programs

_LOGGER_PLACES = ("streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com")
_NEXUS_PLACES = ("skalacontrol.com", "websockets.skalacontrol.com", "iot-prod.skalacontrol.com")
_TRUSTING_PC = replace(OFFICE, settings={"trusts": "site"})

_HELLO, _SERVER_HELLO = "tls.handshake.type == 1", "tls.handshake.type == 2"
_ALERT = "tls.alert_message.desc"

INSPECTION_PORT = 3130
_INSPECT_ALL = programs.turn(f'iifname "lan*" tcp dport 443 redirect to :{INSPECTION_PORT}')


def logger(**settings: str) -> Box:
    """A datalogger with settings of its own."""
    return replace(LOGGER, settings=settings)


def from_box(box: Box, what: str) -> str:
    """Filter for what a box sends."""
    return f"{what} && ip.src == {box.ip}"


def to_box(box: Box, what: str) -> str:
    """Filter for what a box gets."""
    return f"{what} && ip.dst == {box.ip}"


def inspector(*rules: str) -> Helper:
    """Squid that breaks TLS open with the site's own authority; ``rules`` are its ``ssl_bump`` lines."""
    return programs.squid(
        f"https_port {INSPECTION_PORT} intercept ssl-bump cert={{folder}}/inspector.pem"
        " generate-host-certificates=on dynamic_cert_mem_cache_size=4MB",
        "sslcrtd_program /usr/lib/squid/security_file_certgen -s {folder}/squid/made -M 4MB",
        "sslcrtd_children 2",
        "tls_outgoing_options cafile={folder}/trust.pem",
        "acl first at_step SslBump1",
        *rules,
        "http_access allow all",
    )


def failing_logger(
    name: str,
    title: str,
    rule: str,
    checks: tuple[Check, ...],
    *,
    box: Box = LOGGER,
    kind: str = "https",
    seconds: float = 75,
    firewall: str = PASSES_ALL,
) -> Scenario:
    """A datalogger whose every host fails in the TLS handshake; ``kind`` is how both its servers behave."""
    return Scenario(
        name=f"tls-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; the datalogger tries one host after the other.",
        firewall=firewall,
        boxes=(OFFICE, box),
        expected=(Expected(box, "alsoenergy/logger", "failed", "tls", rule, endpoints=_LOGGER_PLACES),),
        checks=(lease(box), *checks),
        seconds=seconds,
        servers={f"{address}:443": kind for address in (ALSOENERGY, ALSOENERGY_STREAMER)} if kind != "https" else {},
    )


def _greets(box: Box, times: int = 4) -> Check:
    return Check(from_box(box, _HELLO), at_least=times)


def _is_told(box: Box, code: int, times: int = 3) -> Check:
    return Check(to_box(box, f"{_ALERT} == {code}"), at_least=times)


def _says(box: Box, code: int, times: int = 3) -> Check:
    return Check(from_box(box, f"{_ALERT} == {code}"), at_least=times)


_BLIND = Check(to_box(LOGGER, _SERVER_HELLO), at_most=0)

HELLO_DROPPED = replace(
    failing_logger(
        "hello-dropped",
        "a filter drops the vendor's name in the ClientHello",
        "TCP-DATA-BLACKHOLE",
        (
            _greets(LOGGER, 2),
            _BLIND,
            Check(from_box(LOGGER, "tcp.len > 100 && tcp.analysis.retransmission"), at_least=6),
        ),
        seconds=100,
        firewall="reads the server name and drops connections to alsoenergy.com from that packet on",
    ),
    drops=("ct mark 1 drop",),
    events=programs.mark_content("alsoenergy.com"),
)

HELLO_RESET = replace(
    failing_logger(
        "hello-reset",
        "a filter answers the vendor's name in the ClientHello with a reset",
        "TLS-RST-AFTER-SNI",
        (_greets(LOGGER), _BLIND, Check(to_box(LOGGER, "tcp.flags.reset == 1 && tcp.srcport == 443"), at_least=4)),
        box=logger(tls="1.3"),
        firewall="reads the server name and answers connections to alsoenergy.com with a reset",
    ),
    drops=("ct mark 1 reject with tcp reset",),
    events=programs.mark_content("alsoenergy.com"),
)

HELLO_RESET_FOR_ONE_NAME = Scenario(
    name="tls-hello-reset-iot",
    title="a filter resets one of three cloud names of a NEXUS",
    story="The NEXUS posts readings and holds its websocket; the name of its IoT service is cut off.",
    firewall="answers TLS to iot-prod.skalacontrol.com with a reset; lets all else out",
    boxes=(OFFICE, NEXUS),
    expected=(
        Expected(NEXUS, "skala/nexus", "failed", "tls", "TLS-RST-AFTER-SNI", endpoints=("iot-prod.skalacontrol.com",)),
    ),
    names={NEXUS_NAME: NEXUS.ip},
    checks=(
        lease(NEXUS),
        Check(from_box(NEXUS, f"{_HELLO} && ip.dst == {SKALA_IOT}"), at_least=4),
        Check(to_box(NEXUS, f"{_SERVER_HELLO} && ip.src == {SKALA_IOT}"), at_most=0),
        Check(to_box(NEXUS, f"{_SERVER_HELLO} && ip.src == {SKALA_CLOUD}"), at_least=1),
    ),
    drops=("ct mark 1 reject with tcp reset",),
    events=programs.mark_content("iot-prod.skalacontrol.com"),
)

SILENT = failing_logger(
    "silent-server",
    "the server takes the ClientHello and never answers",
    "TLS-NO-SERVERHELLO",
    (_greets(LOGGER, 3), _BLIND),
    box=logger(client="curl"),
    kind="silent",
    seconds=90,
)
HANGS_UP = failing_logger(
    "server-closes",
    "the server closes right after the ClientHello",
    "TLS-RST-AFTER-SNI",
    (_greets(LOGGER), _BLIND, Check(to_box(LOGGER, "tcp.flags.fin == 1 && tcp.srcport == 443"), at_least=3)),
    box=logger(client="gnutls"),
    kind="hangs-up",
)
NO_TLS = failing_logger(
    "speaks-http",
    "plain HTTP comes back on 443",
    "TLS-NO-TLS",
    (_greets(LOGGER), _BLIND, Check(to_box(LOGGER, 'tcp.srcport == 443 && tcp contains "HTTP/1.1 400"'), at_least=3)),
    kind="http-to-all",
)
VERSION_REFUSED = failing_logger(
    "version-refused",
    "the servers speak TLS 1.3 alone, the device 1.2 at most",
    "TLS-ALERT-SERVER",
    (_greets(LOGGER), _is_told(LOGGER, 70), _BLIND),
    kind="https-1.3-only",
)
VERSION_REFUSED_BY_NGINX = replace(
    failing_logger(
        "version-refused-nginx",
        "nginx speaks TLS 1.3 alone, the device's curl 1.2 at most",
        "TLS-ALERT-SERVER",
        (_greets(LOGGER), _is_told(LOGGER, 70), _BLIND),
        box=logger(client="curl"),
        kind="none",
    ),
    helpers=tuple(
        programs.nginx(
            programs.INTERNET,
            f"{address}:443",
            "return 200;",
            certificate=f"{{folder}}/{host}.pem; ssl_protocols TLSv1.3",
        )
        for address, host in ((ALSOENERGY, _LOGGER_PLACES[1]), (ALSOENERGY_STREAMER, _LOGGER_PLACES[0]))
    ),
)
CERTIFICATE_WANTED = failing_logger(
    "device-certificate-wanted",
    "the servers want a certificate of the device, which has none",
    "TLS-ALERT-SERVER",
    (_greets(LOGGER), Check(to_box(LOGGER, _ALERT), at_least=3)),
    kind="https-wants-certificate",
)
EXPIRED = failing_logger(
    "expired",
    "the servers' certificates have expired",
    "TLS-CERT-INVALID",
    (_greets(LOGGER), _says(LOGGER, 45)),
    kind="https-expired",
)
EXPIRED_HIDDEN = failing_logger(
    "expired-1.3",
    "the servers' certificates have expired, inside TLS 1.3",
    "TLS-ALERT-CLIENT",
    (_greets(LOGGER), _says(LOGGER, 45), Check("tls.handshake.type == 11 && ip.src == 146.20.187.118", at_most=0)),
    box=logger(tls="1.3"),
    kind="https-expired",
)
EXPIRED_FOR_GNUTLS = failing_logger(
    "expired-gnutls",
    "the servers' certificates have expired, the device's stack is GnuTLS",
    "TLS-CERT-INVALID",
    (_greets(LOGGER),),
    box=logger(client="gnutls"),
    kind="https-expired-1.2",
)
NOT_YET_VALID = failing_logger(
    "not-yet-valid",
    "the servers' certificates begin in two days",
    "TLS-CERT-INVALID",
    (_greets(LOGGER), Check(from_box(LOGGER, _ALERT), at_least=3)),
    kind="https-future",
)
WRONG_NAME = failing_logger(
    "wrong-name",
    "the servers show a certificate of another company's host",
    "TLS-CERT-INVALID",
    (_greets(LOGGER),),
    box=logger(client="curl"),
    kind="https-wrong-name",
)

_INSPECTED = failing_logger(
    "inspected",
    "squid breaks TLS 1.2 open with the site's own authority",
    "TLS-INTERCEPT",
    (_greets(LOGGER), _says(LOGGER, 48), Check(to_box(OFFICE, "tls.app_data"), at_least=4)),
    firewall="inspects TLS of all hosts with its own authority, which the PCs trust",
)
INSPECTED = replace(
    _INSPECTED,
    boxes=(replace(_TRUSTING_PC, settings={"trusts": "site", "tls": "1.2"}), LOGGER),
    helpers=(inspector("ssl_bump peek first", "ssl_bump bump all"),),
    events=(_INSPECT_ALL,),
)
_HIDDEN_LOGGER = logger(tls="1.3")
INSPECTED_HIDDEN = replace(
    _INSPECTED,
    name="tls-inspected-1.3",
    title="squid breaks TLS 1.3 open with the site's own authority",
    boxes=(_TRUSTING_PC, _HIDDEN_LOGGER),
    expected=(
        Expected(_HIDDEN_LOGGER, "alsoenergy/logger", "failed", "tls", "TLS-ALERT-CLIENT", endpoints=_LOGGER_PLACES),
    ),
    helpers=INSPECTED.helpers,
    events=INSPECTED.events,
)
INSPECTED_NEXUS = Scenario(
    name="tls-inspected-nexus",
    title="squid breaks open the TLS of a NEXUS whose stack is at TLS 1.2",
    story="PCs trust the site's authority, the NEXUS does not: it refuses every certificate.",
    firewall="inspects TLS of all hosts with its own authority, which the PCs trust",
    boxes=(replace(_TRUSTING_PC, settings={"trusts": "site", "tls": "1.2"}), replace(NEXUS, settings={"tls": "1.2"})),
    expected=(
        Expected(
            replace(NEXUS, settings={"tls": "1.2"}),
            "skala/nexus",
            "failed",
            "tls",
            "TLS-INTERCEPT",
            endpoints=_NEXUS_PLACES,
        ),
    ),
    names={NEXUS_NAME: NEXUS.ip},
    checks=(lease(NEXUS), Check(from_box(NEXUS, f"{_ALERT} == 48"), at_least=6)),
    helpers=INSPECTED.helpers,
    events=INSPECTED.events,
)
_ONE_LEAF_CERTIFICATE = "{folder}/stranger.www.alsoenergy.com.pem; ssl_protocols TLSv1.2"
INSPECTED_ONE_LEAF = replace(
    _INSPECTED,
    name="tls-one-certificate-for-all",
    title="a box on the way shows the same certificate for every name",
    story="Whatever name is asked for on 443, the same certificate comes; the datalogger refuses it, the PC as well.",
    firewall="sends every connection to 443 to a web server of its own",
    boxes=(OFFICE, LOGGER),
    checks=(_greets(LOGGER), _says(LOGGER, 48), Check(from_box(OFFICE, _HELLO), at_least=4)),
    helpers=(programs.nginx(programs.FIREWALL, "3131", "return 200;", certificate=_ONE_LEAF_CERTIFICATE),),
    events=(programs.turn('iifname "lan*" tcp dport 443 redirect to :3131'),),
)


def _healthy_logger(name: str, title: str, box: Box, servers: Mapping[str, str] | None = None) -> Scenario:
    return Scenario(
        name=f"tls-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; every reading is answered.",
        firewall=PASSES_ALL,
        boxes=(OFFICE, box),
        expected=(Expected(box, "alsoenergy/logger"),),
        checks=(lease(box), Check(payload_to(box, 443), at_least=9)),
        servers=servers or {},
    )


HEALTHY_CURL = _healthy_logger(
    "healthy-curl", "a datalogger posts by curl over TLS 1.3", logger(client="curl", tls="1.3")
)
HEALTHY_GNUTLS = _healthy_logger("healthy-gnutls", "a datalogger posts by GnuTLS", logger(client="gnutls"))
HEALTHY_TRUSTED = replace(
    _healthy_logger("inspected-and-trusted", "a datalogger trusts the site's inspection", logger(trusts="site")),
    firewall="inspects TLS of all hosts with its own authority, which PCs and datalogger trust",
    boxes=(_TRUSTING_PC, logger(trusts="site")),
    helpers=INSPECTED.helpers,
    events=(_INSPECT_ALL,),
)
HEALTHY_EXEMPT = replace(
    _healthy_logger("inspection-exempts", "the site's inspection leaves the vendor's names alone", LOGGER),
    firewall="inspects TLS of all hosts, but not to alsoenergy.com",
    boxes=(_TRUSTING_PC, LOGGER),
    helpers=(
        inspector(
            "acl vendor ssl::server_name .alsoenergy.com",
            "ssl_bump peek first",
            "ssl_bump splice vendor",
            "ssl_bump bump all",
        ),
    ),
    events=(_INSPECT_ALL,),
)
ONE_HOST_EXPIRED = replace(
    _healthy_logger(
        "one-host-expired",
        "the certificate of one of three hosts has expired",
        LOGGER,
        {f"{ALSOENERGY_STREAMER}:443": "https-expired"},
    ),
    expected=(
        Expected(
            LOGGER,
            "alsoenergy/logger",
            "degraded",
            rule="TLS-CERT-INVALID",
            endpoints=("streamer.alsoenergy.com",),
        ),
    ),
    checks=(lease(LOGGER), _says(LOGGER, 45, 1), Check(payload_to(LOGGER, 443), at_least=4)),
)

AGENT_INSPECTED = Scenario(
    name="tls-agent-application-control",
    title="application control drops the MiniAgent's TLS on its unusual ports",
    story="Licence and application servers accept the connection; the ClientHello never arrives there.",
    firewall="drops packets with the name of the application server on TCP 57000 to 57999",
    boxes=(OFFICE, AGENT),
    expected=(
        Expected(
            AGENT,
            "wennsoft/miniagent",
            "failed",
            "tls",
            "TCP-DATA-BLACKHOLE",
            endpoints=("appservice-01.connect.key2act.io",),
        ),
    ),
    checks=(
        lease(AGENT),
        Check(from_box(AGENT, f"tcp.len > 100 && ip.dst == {KEY2ACT_APPLICATION}"), at_least=5),
        Check(to_box(AGENT, f"tcp.len > 0 && ip.src == {KEY2ACT_APPLICATION}"), at_most=0),
    ),
    seconds=115,
    drops=("ct mark 1 drop",),
    events=programs.mark_content("appservice-01", ports="57000:57999"),
)
NEXUS_SOCKET_SILENT = Scenario(
    name="tls-nexus-silent-cloud",
    title="a proxy takes the ClientHello of a NEXUS and holds it",
    story="The connection to the cloud opens and the greeting is acknowledged; nothing ever comes back.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, NEXUS),
    expected=(Expected(NEXUS, "skala/nexus", "failed", "tls", "TLS-NO-SERVERHELLO", endpoints=_NEXUS_PLACES),),
    names={NEXUS_NAME: NEXUS.ip},
    checks=(lease(NEXUS), Check(from_box(NEXUS, _HELLO), at_least=6), Check(to_box(NEXUS, _SERVER_HELLO), at_most=0)),
    seconds=100,
    servers={f"{address}:443": "silent" for address in (SKALA_CLOUD, SKALA_SOCKETS, SKALA_IOT)},
)

ALL = (
    HELLO_DROPPED,
    HELLO_RESET,
    HELLO_RESET_FOR_ONE_NAME,
    SILENT,
    HANGS_UP,
    NO_TLS,
    VERSION_REFUSED,
    VERSION_REFUSED_BY_NGINX,
    CERTIFICATE_WANTED,
    EXPIRED,
    EXPIRED_HIDDEN,
    EXPIRED_FOR_GNUTLS,
    NOT_YET_VALID,
    WRONG_NAME,
    INSPECTED,
    INSPECTED_HIDDEN,
    INSPECTED_NEXUS,
    INSPECTED_ONE_LEAF,
    HEALTHY_CURL,
    HEALTHY_GNUTLS,
    HEALTHY_TRUSTED,
    HEALTHY_EXEMPT,
    ONE_HOST_EXPIRED,
    AGENT_INSPECTED,
    NEXUS_SOCKET_SILENT,
)
