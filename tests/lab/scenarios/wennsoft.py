"""WennSoft Connect MiniAgent."""

from __future__ import annotations

from tests.lab.scenario import Check, Expected, Scenario
from tests.lab.scenarios.cast import AGENT, OFFICE, PASSES_ALL, any_tcp_answer, lease, payload_to, syn

_BOOT = (
    lease(AGENT),
    Check(f"icmp.type == 0 && ip.src == 4.2.2.2 && ip.dst == {AGENT.ip}", at_least=1),
    Check(f"dns.a && ip.src == 8.8.8.8 && ip.dst == {AGENT.ip}", at_least=3),
    Check(f"ntp && ip.dst == {AGENT.ip}", at_least=1),
    *(Check(payload_to(AGENT, port), at_least=2) for port in (57000, 57001, 57123)),
)

HEALTHY = Scenario(
    name="wennsoft-healthy",
    title="WennSoft MiniAgent boots, validates its licence and writes to its database",
    story="Ping, time, licence ports 57000 and 57001, application port 57123, then inserts on 5432 inside TLS;"
    " every name is asked at the site's resolver and at 8.8.8.8.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, AGENT),
    expected=(Expected(AGENT, "wennsoft/miniagent"),),
    checks=(*_BOOT, Check(payload_to(AGENT, 5432), at_least=6)),
)

DROPPED = Scenario(
    name="wennsoft-5432-dropped",
    title="the firewall drops the database port 5432; everything else works",
    story="Licence and application servers answer; both database servers are silent.",
    firewall="drops TCP 5432 outbound without a word; lets all else out",
    boxes=(OFFICE, AGENT),
    expected=(Expected(AGENT, "wennsoft/miniagent", "failed", "connect", "TCP-SYN-TIMEOUT", endpoints=(":5432",)),),
    checks=(*_BOOT, Check(syn(AGENT, 5432), at_least=8), Check(any_tcp_answer(AGENT, 5432), at_most=0)),
    seconds=90,
    drops=("tcp dport 5432 drop",),
)
