"""TEK Pool EMS controller."""

from __future__ import annotations

from tests.lab.scenario import Check, Expected, Scenario
from tests.lab.scenarios.cast import OFFICE, PASSES_ALL, POOL, lease

_REQUESTS = f"udp.dstport == 8844 && ip.src == {POOL.ip}"
_REPLIES = f"ip.dst == {POOL.ip} && (udp.srcport == 8844 || icmp)"
_NO_TCP = Check(f"tcp && ip.addr == {POOL.ip}", at_most=0)

HEALTHY = Scenario(
    name="tek-healthy",
    title="TEK Pool EMS controller finds its first server and stays with it",
    story="The controller gets its lease, resolves a server and exchanges encrypted datagrams with it.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, POOL),
    expected=(Expected(POOL, "tek/pool-ems"),),
    checks=(lease(POOL), Check(_REQUESTS, at_least=4), Check(_REPLIES, at_least=4), _NO_TCP),
)

DROPPED = Scenario(
    name="tek-8844-dropped",
    title="the firewall drops UDP 8844; the controller walks along its server list in vain",
    story="The controller has a lease and DNS, asks one server after the other and hears nothing.",
    firewall="drops UDP port 8844 outbound without a word; lets all else out",
    boxes=(OFFICE, POOL),
    expected=(Expected(POOL, "tek/pool-ems", "failed", "connect", "UDP-SERVER-WALK", endpoints=(":8844",)),),
    checks=(lease(POOL), Check(_REQUESTS, at_least=9), Check(_REPLIES, at_most=0), _NO_TCP),
    seconds=90,
    drops=("udp dport 8844 drop",),
)
