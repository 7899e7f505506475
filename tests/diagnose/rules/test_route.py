from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import route
from tests.support.judging import facts_of, need, product, tcp
from tests.support.services import outcomes

NAMED = product(need(tcp(4321), hosts=["gk.sensorist.com"]))
SPARE = "02:00:0a:00:00:ee"
HOSTS = {"cloud": "54.229.203.190", "spare": {"ip": "10.0.0.1", "mac": SPARE}}
STOOD = (
    "0.0 dev > gw ARP\n1.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"
    "2.0 dev:50001 > cloud:4321 CONNECT\n3.0 dev:50001 > cloud:4321 EXCHANGE 9 9\n"
)
LOST = "{t}.0 dev:50001 > cloud:4321 DATA 9 lost to_mac={mac}\n{t}.5 dev:50001 > cloud:4321 AGAIN lost to_mac={mac}\n"
ANEW = "{t}.0 dev:50002 > cloud:4321 SYN to_mac={mac}\n{t}.1 cloud:4321 > dev:50002 SYN-ACK\n"
ANEW += "{t}.2 dev:50002 > cloud:4321 ACK to_mac={mac}\n"
TAKES_OVER = "50.0 spare > * ANNOUNCE\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            STOOD + TAKES_OVER + LOST.format(t=60, mac=SPARE) + ANEW.format(t=70, mac=SPARE), ["degraded"], id="lost"
        ),
        pytest.param(
            STOOD
            + TAKES_OVER
            + f"60.0 dev:50001 > cloud:4321 DATA 9 to_mac={SPARE}\n60.1 cloud:4321 > dev:50001 DATA 9",
            ["note"],
            id="nothing is lost",
        ),
        pytest.param(STOOD + LOST.format(t=60, mac=SPARE) + ANEW.format(t=70, mac=SPARE), [], id="another box's MAC"),
        pytest.param(
            STOOD
            + TAKES_OVER
            + LOST.format(t=60, mac="02:00:0a:00:00:01")
            + ANEW.format(t=70, mac="02:00:0a:00:00:01"),
            [],
            id="the way stays",
        ),
    ],
)
def test_a_gateway_that_moves_costs_the_connections_that_stood(script: str, said: list[str]) -> None:
    assert [o for _, _, o in outcomes(route.path_switch, facts_of(script, NAMED, hosts=HOSTS))] == said


def test_a_move_is_seen_however_many_connections_went_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "MAX_FLOWS", 4)
    before = "".join(f"1.{n} dev:{50100 + n} > cloud:80 CONNECT\n" for n in range(9))
    script = STOOD.replace("2.0 dev", before + "2.0 dev", 1) + TAKES_OVER
    script += LOST.format(t=60, mac=SPARE) + ANEW.format(t=70, mac=SPARE)

    assert [o for _, _, o in outcomes(route.path_switch, facts_of(script, NAMED, hosts=HOSTS))] == ["degraded"]


FAR = {
    **HOSTS,
    "late": {"ip": "54.229.203.190", "hops": "15", "rtt": "100ms"},
    "time": "193.11.166.8",
    "late_time": {"ip": "193.11.166.8", "hops": "15", "rtt": "100ms"},
}
BEFORE = STOOD + "4.0 dev > time NTP\n5.0 dev > time NTP\n6.0 dev:50001 > cloud:4321 EXCHANGE 9 9\n"
AFTER = "{t}.1 dev:50001 > late:4321 EXCHANGE 9 9\n{t}.6 dev:50001 > late:4321 EXCHANGE 9 9\n"
TIMES = "{t}.3 dev > {who} NTP\n{t}.8 dev > {who} NTP\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(AFTER.format(t=60) + TIMES.format(t=61, who="late_time"), ["note"], id="two servers at once"),
        pytest.param(AFTER.format(t=60) + TIMES.format(t=61, who="time"), [], id="one server alone"),
        pytest.param(
            AFTER.format(t=60) + TIMES.format(t=70, who="time") + TIMES.format(t=90, who="late_time"),
            [],
            id="at different moments",
        ),
    ],
)
def test_the_way_has_changed_when_unrelated_servers_move_away_together(script: str, said: list[str]) -> None:
    facts = facts_of(BEFORE + script + "120.0 switch > * WATCH", NAMED, hosts=FAR)

    assert [o for _, _, o in outcomes(route.path_switch, facts)] == said
