"""Time that does not come, comes from a bad source, or is not used."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.scenario import Box, Check, Event, Expected, Helper, Scenario
from tests.lab.scenarios.cast import AGENT, LOGGER, OFFICE, PASSES_ALL, from_port, lease, payload_to, to_port

_PUNCTUAL = replace(AGENT, settings={**AGENT.settings, "clock_tries": "3"})
_NEVER_CONTENT = replace(AGENT, settings={**AGENT.settings, "clock_rounds": "1"})


def _late(rule: str, *endpoints: str, box: Box = _PUNCTUAL) -> Expected:
    """Give the verdict on a MiniAgent that works in spite of its clock; time is a soft stage (WSC-16)."""
    return Expected(box, "wennsoft/miniagent", "degraded", rule=rule, endpoints=endpoints)


def _redirected(words: str) -> Event:
    """Let the firewall send all network time to a server of its own."""
    table = "add table ip clock; add chain ip clock pre { type nat hook prerouting priority -100; };"
    return Event(-1, "fw", ("nft", f"{table} add rule ip clock pre udp dport 123 {words}"))


_TO_FIREWALL = _redirected("dnat to 10.20.36.1")
_CHRONY = "port 123\nallow all\ncmdport 0\nbindcmdaddress /\npidfile {folder}/chronyd.pid\nuser root\n"
_CHRONYD = ("chronyd", "-d", "-x", "-u", "root", "-f", "{folder}/chronyd.conf")
_LOST_LOGGER = replace(LOGGER, clock_shift="-3300d")

DROPPED = Scenario(
    name="wennsoft-ntp-dropped",
    title="the firewall drops network time; the MiniAgent works all the same",
    story="The MiniAgent asks for the time three times and hears nothing; licence and database servers answer.",
    firewall="drops UDP 123 without a word",
    boxes=(OFFICE, _PUNCTUAL),
    expected=(_late("NTP-NO-REPLY", "pool.ntp.org", ":123"),),
    checks=(
        lease(AGENT),
        Check(to_port(AGENT, 123), at_least=3),
        Check(f"ntp && ip.dst == {AGENT.ip}", at_most=0),
        Check(payload_to(AGENT, 5432), at_least=4),
    ),
    seconds=90,
    drops=("udp dport 123 drop",),
)

UNSYNCHRONISED = Scenario(
    name="wennsoft-ntp-unsynchronised",
    title="the site's own time server has lost its source and says so",
    story="The firewall answers all network time itself; its clock is not synchronised: leap indicator 3.",
    firewall="redirects UDP 123 to its own time server (chrony), which has no source",
    boxes=(OFFICE, _NEVER_CONTENT),
    expected=(_late("NTP-UNSYNC", "pool.ntp.org", ":123", box=_NEVER_CONTENT),),
    checks=(
        lease(AGENT),
        Check(f"ntp.flags.li == 3 && ip.dst == {AGENT.ip}", at_least=2),
        Check(payload_to(AGENT, 5432), at_least=4),
    ),
    helpers=(Helper("fw", "chronyd", _CHRONYD, _CHRONY),),
    events=(_TO_FIREWALL,),
)

KISS_OF_DEATH = Scenario(
    name="wennsoft-ntp-kiss-of-death",
    title="the time server tells the MiniAgent to go away",
    story="Each request for the time is answered with the kiss code DENY.",
    firewall="redirects UDP 123 to a time server that denies this client",
    boxes=(OFFICE, _NEVER_CONTENT),
    expected=(_late("NTP-KOD", "pool.ntp.org", ":123", box=_NEVER_CONTENT),),
    checks=(
        lease(AGENT),
        Check(f"ntp.stratum == 0 && ip.dst == {AGENT.ip}", at_least=2),
        Check(payload_to(AGENT, 5432), at_least=4),
    ),
    helpers=(Helper("fw", "odd-clock", ("python3", "-m", "tests.lab.servers.odd_clock", "DENY")),),
    events=(_TO_FIREWALL,),
)

REJECTED = Scenario(
    name="wennsoft-ntp-rejected",
    title="the firewall rejects network time; the MiniAgent works all the same",
    story="Each request for the time is answered by port unreachable from the firewall.",
    firewall="rejects UDP 123 with its default answer",
    boxes=(OFFICE, _PUNCTUAL),
    expected=(_late("ICMP-PORT-UNREACH-NEAR", "pool.ntp.org", ":123"),),
    checks=(
        lease(AGENT),
        Check(f"icmp.type == 3 && icmp.code == 3 && udp.dstport == 123 && ip.dst == {AGENT.ip}", at_least=2),
        Check(from_port(AGENT, 123), at_most=0),
        Check(payload_to(AGENT, 5432), at_least=4),
    ),
    drops=("udp dport 123 reject",),
)

LOGGER_DROPPED = Scenario(
    name="alsoenergy-logger-ntp-dropped",
    title="the firewall drops network time; the datalogger works on with a clock that nobody sets",
    story="The datalogger asks two time servers in turn and hears nothing; its uploads are answered.",
    firewall="drops UDP 123 without a word",
    boxes=(OFFICE, LOGGER),
    expected=(Expected(LOGGER, "alsoenergy/logger", "degraded", rule="NTP-NO-REPLY", endpoints=(":123",)),),
    checks=(
        lease(LOGGER),
        Check(to_port(LOGGER, 123), at_least=2),
        Check(f"ntp && ip.dst == {LOGGER.ip}", at_most=0),
        Check(payload_to(LOGGER, 443), at_least=6),
    ),
    seconds=90,
    drops=("udp dport 123 drop",),
)

LOST_CLOCK = Scenario(
    name="alsoenergy-logger-clock-wrong",
    title="the datalogger's clock is nine years behind, it gets the time and does not use it",
    story="Its clock battery is empty. Time servers answer, but the clock stays wrong, and the datalogger refuses"
    " certificates that are not valid yet in its eyes.",
    firewall=PASSES_ALL,
    boxes=(OFFICE, _LOST_LOGGER),
    expected=(Expected(_LOST_LOGGER, "alsoenergy/logger", "failed", "time", "NTP-OFFSET-LARGE"),),
    checks=(
        lease(LOGGER),
        Check(f"ntp && ip.dst == {LOGGER.ip}", at_least=2),
        Check(f"tls.alert_message.desc == 42 && ip.src == {LOGGER.ip}", at_least=3),
        Check(f"tls.app_data && ip.src == {LOGGER.ip}", at_most=0),
    ),
)

ALL = (DROPPED, UNSYNCHRONISED, KISS_OF_DEATH, REJECTED, LOGGER_DROPPED, LOST_CLOCK)
