"""Boxes in between that are harder to see: proxies that accept for others, filters by packet, servers that restart."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.address_book import (
    ALSOENERGY,
    ALSOENERGY_FTP,
    ALSOENERGY_STREAMER,
    KEY2ACT_APPLICATION,
    KEY2ACT_DATABASES,
    NEXUS_NAME,
)
from tests.lab.scenario import Check, Event, Expected, Scenario
from tests.lab.scenarios.cast import (
    AGENT,
    GATEWAY,
    LOGGER,
    NEXUS,
    OFFICE,
    PASSES_ALL,
    STATION_PC,
    gateway_fails,
    lease,
    payload_to,
    syn,
)
from tests.lab.scenarios.transfer import uploader
from tests.lab.servers import programs

_LOGGER_PLACES = ("streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com")
_SEN_PLACES = ("gk.sensorist.com", "gk.sensorist.net")
_HELLO = "tls.handshake.type == 1"

HELLO_PACKETS_DROPPED = Scenario(
    name="middle-hello-packets-dropped",
    title="a filter drops every packet that holds the vendor's name, and no other",
    story="Handshakes of TCP succeed, the ClientHello is repeated in vain; the device's closing passes.",
    firewall="drops single packets with alsoenergy.com in them on 443",
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger", "failed", "tls", "TCP-DATA-BLACKHOLE", endpoints=_LOGGER_PLACES),),
    checks=(
        lease(LOGGER),
        Check(f"tcp.len > 100 && tcp.analysis.retransmission && ip.src == {LOGGER.ip}", at_least=6),
        Check(payload_to(LOGGER, 443), at_most=0),
    ),
    seconds=100,
    drops=("meta mark 1 drop",),
    events=programs.mark_content("alsoenergy.com", only_packets=True),
)
_BY_NAME = """frontend tls
  bind :3132
  mode tcp
  tcp-request inspect-delay 4s
  tcp-request content reject if { req.ssl_sni -m end alsoenergy.com }
  tcp-request content accept if { req.ssl_hello_type 1 }
  default_backend world
backend world
  mode tcp
  server site 151.101.65.50:443"""
PROXY_BY_NAME = Scenario(
    name="middle-proxy-closes-by-name",
    title="a transparent haproxy accepts every connection and closes those with the vendor's name",
    story="Connections to 443 open at once, from next door; after the ClientHello the proxy closes.",
    firewall="sends 443 through haproxy, which closes connections to alsoenergy.com",
    boxes=(OFFICE, replace(LOGGER, settings={"tls": "1.3"})),
    expected=(
        Expected(
            replace(LOGGER, settings={"tls": "1.3"}),
            "alsoenergy/logger",
            "failed",
            "tls",
            "TLS-RST-AFTER-SNI",
            endpoints=_LOGGER_PLACES,
        ),
    ),
    checks=(
        lease(LOGGER),
        Check(f"{_HELLO} && ip.src == {LOGGER.ip}", at_least=4),
        Check(payload_to(LOGGER, 443), at_most=0),
    ),
    helpers=(programs.haproxy(programs.FIREWALL, _BY_NAME),),
    events=(programs.turn('iifname "lan*" tcp dport 443 redirect to :3132'),),
)
_TLS_ONLY = """frontend web
  bind :3133
  mode tcp
  tcp-request inspect-delay 2s
  tcp-request content accept if { req.ssl_hello_type 1 }
  tcp-request content reject
  default_backend world
backend world
  mode tcp
  server site 54.229.203.190:443"""
ONLY_TLS_PASSES = Scenario(
    name="middle-443-for-tls-alone",
    title="a transparent proxy on 443 lets only TLS pass, the gateway does not speak it; 4321 is dropped",
    story="443 opens at once and is closed without a byte after each sample; 4321 gets no answer.",
    firewall="drops 4321; sends 443 through haproxy, which closes what is not TLS",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("return", "RETURN-ACK-ONLY", *_SEN_PLACES),),
    checks=(
        lease(GATEWAY),
        Check(syn(GATEWAY, 4321), at_least=3),
        Check(f"tcp.dstport == 443 && tcp.len > 20 && ip.src == {GATEWAY.ip}", at_least=3),
        Check(payload_to(GATEWAY, 443), at_most=0),
    ),
    seconds=110,
    helpers=(programs.haproxy(programs.FIREWALL, _TLS_ONLY),),
    drops=("tcp dport 4321 drop",),
    events=(programs.turn('iifname "lan*" tcp dport 443 redirect to :3133'),),
)
PAYLOAD_DROPPED = Scenario(
    name="middle-payload-dropped",
    title="the firewall lets connections to 443 and 4321 open and drops every packet with content",
    story="Handshakes succeed on both ports; each sample is repeated without an acknowledgment.",
    firewall="drops packets longer than a bare segment from the gateway to 443 and 4321",
    boxes=(OFFICE, GATEWAY),
    expected=(gateway_fails("app", "TCP-DATA-BLACKHOLE", *_SEN_PLACES),),
    checks=(
        lease(GATEWAY),
        Check(f"tcp.flags.syn == 1 && tcp.flags.ack == 1 && ip.dst == {GATEWAY.ip}", at_least=2),
        Check(f"tcp.analysis.retransmission && tcp.len > 20 && ip.src == {GATEWAY.ip}", at_least=6),
    ),
    seconds=110,
    drops=(f"ip saddr {GATEWAY.ip} tcp dport {{ 443, 4321 }} meta length > 70 drop",),
)


def _down(port: str, begin_s: float, end_s: float) -> tuple[Event, Event]:
    """Let the servers of a port refuse connections, with their own hop count, between two moments."""
    chain = "add table ip away; add chain ip away door { type filter hook input priority 0; }"
    rule = f"add rule ip away door tcp dport {port} tcp flags & (syn | ack) == syn reject with tcp reset"
    return (
        Event(begin_s, programs.INTERNET, ("nft", f"{chain}; {rule}")),
        Event(end_s, programs.INTERNET, ("nft", "delete table ip away")),
    )


RESTART_AGENT = Scenario(
    name="middle-server-restarts",
    title="licence and application servers refuse for half a minute, then all is well",
    story="The vendor restarts its servers while the agent boots; from the 50th second on everything is answered.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, AGENT),
    expected=(Expected(AGENT, "wennsoft/miniagent"),),
    checks=(
        lease(AGENT),
        Check(f"tcp.flags.reset == 1 && ip.dst == {AGENT.ip} && ip.src == {KEY2ACT_APPLICATION}", at_least=1),
        Check(payload_to(AGENT, 57123), at_least=3),
    ),
    seconds=110,
    events=_down("57123", 2, 40),
    changes_s=(2, 60),
)
RESTART_NEXUS = Scenario(
    name="middle-cloud-restarts",
    title="the cloud of a NEXUS refuses connections for half a minute, then all is well",
    story="Every connection to 443 is refused by the servers themselves until the 35th second.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, NEXUS),
    expected=(Expected(NEXUS, "skala/nexus"),),
    checks=(
        lease(NEXUS),
        Check(f"tcp.flags.reset == 1 && ip.dst == {NEXUS.ip} && tcp.srcport == 443", at_least=3),
        Check(payload_to(NEXUS, 443), at_least=9),
    ),
    seconds=100,
    events=_down("443", 2, 35),
    changes_s=(2, 60),
    names={NEXUS_NAME: NEXUS.ip},
)
GOES_DOWN = Scenario(
    name="middle-server-goes-down",
    title="the application server stops after half a minute and stays down",
    story="The agent works at first; from the 35th second on the server refuses the application port.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, AGENT),
    expected=(
        Expected(
            AGENT,
            "wennsoft/miniagent",
            "failed",
            "connect",
            "TCP-SYN-RST",
            endpoints=("appservice-01.connect.key2act.io:57123",),
        ),
    ),
    checks=(
        lease(AGENT),
        Check(payload_to(AGENT, 57123), at_least=2),
        Check(f"tcp.flags.reset == 1 && ip.dst == {AGENT.ip} && tcp.srcport == 57123", at_least=3),
    ),
    seconds=110,
    events=_down("57123", 35, 300)[:1],
    changes_s=(3, 70),
)
STATION_RESET = Scenario(
    name="middle-station-reset",
    title="the firewall answers the station's cloud with resets; a PC beside it surfs",
    story="The station PC asks for skalacontrol.io and gets resets from next door.",
    firewall="answers TCP 443 to skalacontrol.io with resets; lets all else out",
    boxes=(OFFICE, STATION_PC),
    expected=(
        Expected(STATION_PC, "skala/pc", "failed", "connect", "TCP-RST-INJECTED", endpoints=("skalacontrol.io",)),
    ),
    checks=(
        lease(STATION_PC),
        Check(f"tcp.flags.reset == 1 && ip.dst == {STATION_PC.ip} && tcp.srcport == 443", at_least=4),
    ),
    drops=("ip daddr 52.18.77.44 tcp dport 443 reject with tcp reset",),
)
MAINTENANCE_INSIDE = Scenario(
    name="middle-maintenance-inside-tls",
    title="the datalogger's vendor answers 503 inside TLS for a while, then all is well",
    story="Nobody sees the 503 from outside; every post is answered.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger"),),
    checks=(lease(LOGGER), Check(payload_to(LOGGER, 443), at_least=9)),
    servers={f"{address}:443": "https-maintained" for address in (ALSOENERGY, ALSOENERGY_STREAMER)},
)

_SAFE_FTP = programs.pure_ftpd(ALSOENERGY_FTP, "-Y 1", "-2 {folder}/smaftpdm.alsoenergy.com.pem")
_SAFE_UPLOADER = uploader(client="curl", mode="safe")
SAFE_FTP_HEALTHY = Scenario(
    name="middle-ftps-healthy",
    title="the uploader stores files by FTP inside TLS",
    story="AUTH TLS, then EPSV and a file, several times; the dialogue is not readable.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _SAFE_UPLOADER),
    expected=(Expected(_SAFE_UPLOADER, "alsoenergy/smaftp"),),
    checks=(
        lease(_SAFE_UPLOADER),
        Check(f'ftp.request.command == "AUTH" && ip.src == {_SAFE_UPLOADER.ip}', at_least=3),
        Check(f"tcp.srcport != 21 && tcp.len == 0 && ip.src == {ALSOENERGY_FTP}", at_least=3),
    ),
    helpers=(_SAFE_FTP,),
    servers={f"{ALSOENERGY_FTP}:21": "none"},
)
SAFE_FTP_BLOCKED = replace(
    SAFE_FTP_HEALTHY,
    name="middle-ftps-data-dropped",
    title="the firewall's FTP helper cannot read the encrypted dialogue and drops the data connections",
    story="AUTH TLS works, the data port is announced inside TLS, and its connections get no answer.",
    firewall="lets TCP 21 out and follows FTP; drops other ports to the FTP server",
    expected=(
        Expected(
            _SAFE_UPLOADER,
            "alsoenergy/smaftp",
            "failed",
            "app",
            "FTP-DATA-BLOCKED",
            endpoints=("smaftpdm.alsoenergy.com", ALSOENERGY_FTP),
        ),
    ),
    checks=(
        lease(_SAFE_UPLOADER),
        Check(f'ftp.request.command == "AUTH" && ip.src == {_SAFE_UPLOADER.ip}', at_least=2),
        Check(f"tcp.flags.syn == 1 && tcp.dstport > 1023 && ip.dst == {ALSOENERGY_FTP}", at_least=4),
    ),
    seconds=90,
    drops=("ct state related accept", f"ct state new ip daddr {ALSOENERGY_FTP} tcp dport != 21 drop"),
    events=(programs.help_ftp(),),
)
_CAREFUL_AGENT = replace(AGENT, settings={**AGENT.settings, "database": "verify-ca"}, starts_s=18)
DATABASE_UNTRUSTED = Scenario(
    name="middle-database-untrusted",
    title="psql refuses the certificate of the database inside TLS 1.3",
    story="PostgreSQL accepts encryption and shows a certificate of nobody the agent knows.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _CAREFUL_AGENT),
    expected=(
        Expected(
            _CAREFUL_AGENT,
            "wennsoft/miniagent",
            "failed",
            "tls",
            "TLS-ALERT-CLIENT",
            endpoints=("db-01.connect.key2act.io",),
        ),
    ),
    checks=(
        lease(_CAREFUL_AGENT),
        Check(f"tls.alert_message.desc == 48 && ip.src == {AGENT.ip} && tcp.dstport == 5432", at_least=2),
    ),
    seconds=90,
    servers={f"{address}:5432": "none" for address in KEY2ACT_DATABASES},
    helpers=(
        programs.postgres(
            KEY2ACT_DATABASES[0],
            "ssl=on",
            "ssl_cert_file={folder}/pg/server.pem",
            "ssl_key_file={folder}/pg/server.pem",
            certificate="stranger.db-01.connect.key2act.io.pem",
        ),
    ),
)
_GNUTLS_LOGGER = replace(LOGGER, settings={"client": "gnutls"})
UNTRUSTED_ENCRYPTED = Scenario(
    name="middle-untrusted-1.3-gnutls",
    title="GnuTLS refuses unknown certificates inside TLS 1.3, where its alert is encrypted",
    story="Each handshake is ended by the device right after the server's flight.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _GNUTLS_LOGGER),
    expected=(
        Expected(_GNUTLS_LOGGER, "alsoenergy/logger", "failed", "tls", "TLS-ALERT-CLIENT", endpoints=_LOGGER_PLACES),
    ),
    checks=(lease(LOGGER), Check(f"{_HELLO} && ip.src == {LOGGER.ip}", at_least=4)),
    servers={f"{address}:443": "https-stranger" for address in (ALSOENERGY, ALSOENERGY_STREAMER)},
)

ALL = (
    HELLO_PACKETS_DROPPED,
    PROXY_BY_NAME,
    ONLY_TLS_PASSES,
    PAYLOAD_DROPPED,
    RESTART_AGENT,
    RESTART_NEXUS,
    GOES_DOWN,
    STATION_RESET,
    MAINTENANCE_INSIDE,
    SAFE_FTP_HEALTHY,
    SAFE_FTP_BLOCKED,
    DATABASE_UNTRUSTED,
    UNTRUSTED_ENCRYPTED,
)
