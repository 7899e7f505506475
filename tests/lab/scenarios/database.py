"""The MiniAgent's doors: licence, application and database, each blocked, refused or answering wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.lab.address_book import KEY2ACT_APPLICATION, KEY2ACT_DATABASES
from tests.lab.scenario import Box, Check, Expected, Helper, Scenario
from tests.lab.scenarios.cast import AGENT, OFFICE, PASSES_ALL, any_tcp_answer, lease, payload_to, syn
from tests.lab.servers import programs

_APPLICATION = "appservice-01.connect.key2act.io"
_DATABASE = "db-01.connect.key2act.io"
_PLAIN_SERVERS = {f"{address}:5432": "postgres-plain" for address in KEY2ACT_DATABASES}
_NOT_OURS = {f"{address}:5432": "none" for address in KEY2ACT_DATABASES}
_SSL_REQUEST = f"tcp.dstport == 5432 && tcp.len == 8 && ip.src == {AGENT.ip}"


def agent(**settings: str) -> Box:
    """A MiniAgent with settings of its own; one that meets PostgreSQL waits until that has started."""
    starts_s = 18.0 if "database" in settings else AGENT.starts_s
    return replace(AGENT, settings={**AGENT.settings, **settings}, starts_s=starts_s)


def _story(
    name: str,
    title: str,
    stage: str | None,
    rule: str | None,
    endpoint: str,
    *checks: Check,
    box: Box = AGENT,
    servers: Mapping[str, str] | None = None,
    helpers: tuple[Helper, ...] = (),
    drops: tuple[str, ...] = (),
    firewall: str = PASSES_ALL,
    changes_s: tuple[float, float] | None = None,
) -> Scenario:
    verdict = Expected(box, "wennsoft/miniagent")
    if rule:
        verdict = Expected(box, "wennsoft/miniagent", "failed", stage, rule, endpoints=(endpoint,))
    return Scenario(
        name=f"wennsoft-{name}",
        title=title,
        story=f"{title[0].upper()}{title[1:]}; everything else of the agent is served.",
        firewall=firewall,
        boxes=(OFFICE, box),
        expected=(verdict,),
        checks=(lease(box), *checks),
        seconds=90 + box.starts_s - AGENT.starts_s,
        drops=drops,
        helpers=helpers,
        servers=servers or {},
        changes_s=changes_s,
    )


def _blocked(port: int) -> Scenario:
    return _story(
        f"{port}-dropped",
        f"the firewall drops TCP {port}",
        "connect",
        "TCP-SYN-TIMEOUT",
        f"{_APPLICATION}:{port}",
        Check(syn(AGENT, port), at_least=3),
        Check(any_tcp_answer(AGENT, port), at_most=0),
        drops=(f"tcp dport {port} drop",),
        firewall=f"drops TCP {port} outbound without a word; lets all else out",
    )


_AT_BOOT = (3.0, 60.0)
"""The licence is asked for at the start only: what is left of the capture afterwards does not show the fault."""

LICENCE_DROPPED = replace(_blocked(57000), changes_s=_AT_BOOT)
SECOND_LICENCE_DROPPED = replace(_blocked(57001), changes_s=_AT_BOOT)
APPLICATION_DROPPED = _blocked(57123)
APPLICATION_REJECTED = _story(
    "57123-rejected",
    "the firewall rejects the application port by ICMP",
    "connect",
    "ICMP-ADMIN",
    f"{_APPLICATION}:57123",
    Check(syn(AGENT, 57123), at_least=3),
    Check(f"icmp.type == 3 && icmp.code == 13 && ip.dst == {AGENT.ip}", at_least=3),
    box=agent(tls="1.3"),
    drops=("tcp dport 57123 reject with icmp type admin-prohibited",),
    firewall="rejects TCP 57123 with ICMP, administratively prohibited",
)
LICENCE_DOWN = _story(
    "licence-server-down",
    "nobody listens on the licence ports of the vendor's server",
    "connect",
    "TCP-SYN-RST",
    _APPLICATION,
    Check(f"tcp.srcport == 57000 && tcp.flags.reset == 1 && ip.dst == {AGENT.ip}", at_least=1),
    Check(payload_to(AGENT, 57123), at_least=4),
    servers={f"{KEY2ACT_APPLICATION}:57000": "none", f"{KEY2ACT_APPLICATION}:57001": "none"},
    changes_s=_AT_BOOT,
)
DATABASE_DOWN = _story(
    "database-down",
    "nobody listens on the database port of either server",
    "connect",
    "TCP-SYN-RST",
    ":5432",
    Check(f"tcp.srcport == 5432 && tcp.flags.reset == 1 && ip.dst == {AGENT.ip}", at_least=6),
    servers=_NOT_OURS,
)
DATABASE_REJECTED = _story(
    "5432-reset-by-firewall",
    "the firewall answers the database port with resets",
    "connect",
    "TCP-RST-INJECTED",
    ":5432",
    Check(f"tcp.srcport == 5432 && tcp.flags.reset == 1 && ip.dst == {AGENT.ip}", at_least=6),
    drops=("tcp dport 5432 reject with tcp reset",),
    firewall="answers TCP 5432 with resets; lets all else out",
)
NO_ENCRYPTION = _story(
    "database-refuses-encryption",
    "both database servers answer N to the request for encryption",
    "app",
    "PG-SSL-REFUSED",
    ":5432",
    Check(_SSL_REQUEST, at_least=4),
    Check(f"tcp.srcport == 5432 && tcp.len == 1 && ip.dst == {AGENT.ip}", at_least=4),
    servers=_PLAIN_SERVERS,
)
REAL_NO_ENCRYPTION = _story(
    "postgresql-without-tls",
    "PostgreSQL itself runs without TLS and psql insists on it",
    "app",
    "PG-SSL-REFUSED",
    _DATABASE,
    Check(f"{_SSL_REQUEST} && ip.dst == {KEY2ACT_DATABASES[0]}", at_least=3),
    box=agent(database="require"),
    servers=_NOT_OURS,
    helpers=(programs.postgres(KEY2ACT_DATABASES[0], "ssl=off"),),
)
REAL_HEALTHY = _story(
    "postgresql-healthy",
    "the agent writes to PostgreSQL itself by psql over TLS, the application answers GnuTLS",
    None,
    None,
    "",
    Check(f"{payload_to(AGENT, 5432)} && tls.app_data", at_least=6),
    box=agent(database="require", client="gnutls"),
    servers=_NOT_OURS,
    helpers=(
        programs.postgres(
            KEY2ACT_DATABASES[0],
            "ssl=on",
            "ssl_cert_file={folder}/pg/server.pem",
            "ssl_key_file={folder}/pg/server.pem",
        ),
    ),
)
WRONG_PASSWORD = _story(
    "postgresql-wrong-password",
    "PostgreSQL refuses the password of an agent that does not insist on TLS",
    "app",
    "PG-ERROR",
    _DATABASE,
    Check(f'pgsql.type == "Error" && ip.dst == {AGENT.ip}', at_least=3),
    box=agent(database="prefer", password="wrong"),
    servers=_NOT_OURS,
    helpers=(programs.postgres(KEY2ACT_DATABASES[0], "ssl=off"),),
)
DATABASE_SILENT = _story(
    "database-silent",
    "the database takes the first request and never answers",
    "app",
    "PG-NO-REPLY",
    ":5432",
    Check(_SSL_REQUEST, at_least=2),
    Check(payload_to(AGENT, 5432), at_most=0),
    box=agent(database="require"),
    servers={f"{address}:5432": "silent" for address in KEY2ACT_DATABASES},
)
NOISY = replace(
    _story(
        "healthy-with-noisy-pc",
        "a healthy agent beside a PC that fails at many things",
        None,
        None,
        "",
        Check(payload_to(AGENT, 5432), at_least=6),
        Check(f"tcp.flags.reset == 1 && ip.dst == {OFFICE.ip}", at_least=4),
    ),
    boxes=(replace(OFFICE, settings={"noise": "much"}), AGENT),
)

ALL = (
    LICENCE_DROPPED,
    SECOND_LICENCE_DROPPED,
    APPLICATION_DROPPED,
    APPLICATION_REJECTED,
    LICENCE_DOWN,
    DATABASE_DOWN,
    DATABASE_REJECTED,
    NO_ENCRYPTION,
    REAL_NO_ENCRYPTION,
    REAL_HEALTHY,
    WRONG_PASSWORD,
    DATABASE_SILENT,
    NOISY,
)
