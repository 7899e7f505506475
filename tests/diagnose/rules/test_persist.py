from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import persist
from tests.support.services import CLOUD_NEED, ONE_SHOT, facts_of, outcomes

ALIVE = "0.0 dev:50001 > cloud:4321 CONNECT\n0.1 dev:50001 > cloud:4321 EXCHANGE 9 9\n"
NEW = "{at}.0 dev:{port} > cloud:4321 CONNECT\n{at}.1 dev:{port} > cloud:4321 EXCHANGE 9 9\n"


def dead(at: int, port: int = 50001, word: str = "DATA 50 lost") -> str:
    again = "AGAIN lost" if "DATA" in word else word
    lines = [f"{at}.0 dev:{port} > cloud:4321 {word}"]
    lines += [f"{at + wait}.0 dev:{port} > cloud:4321 {again}" for wait in (1, 2, 4, 8)]
    return "\n".join(lines) + "\n"


def test_an_idle_time_is_lost_when_repeats_stay_unanswered_and_a_new_connection_works() -> None:
    found = persist.idle_times(facts_of(ALIVE + dead(100) + NEW.format(at=110, port=50002)), CLOUD_NEED)

    assert [round(x.gap_ns / 1e9) for x in found.losses] == [100]
    assert [x.renewed.flow.orig[1] for x in found.losses if x.renewed] == [50002]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(ALIVE + dead(100), id="no new connection"),
        pytest.param(ALIVE + dead(100) + "110.0 dev:50002 > cloud:4321 SYN", id="the new one fails"),
        pytest.param(ALIVE + dead(100) + NEW.format(at=300, port=50002), id="the new one works much later"),
        pytest.param(ALIVE + dead(4) + NEW.format(at=13, port=50002), id="hardly idle"),
        pytest.param(ALIVE + NEW.format(at=100, port=50002), id="just another connection"),
    ],
)
def test_no_idle_time_is_lost(script: str) -> None:
    assert persist.idle_times(facts_of(script), CLOUD_NEED).losses == []


def test_keepalive_probes_without_answer_count_like_data() -> None:
    script = ALIVE + dead(100, word="KEEPALIVE") + NEW.format(at=110, port=50002)

    assert outcomes(persist.nat_idle_timeout, facts_of(script)) == [("NAT-IDLE-TIMEOUT", "persist", "degraded")]


def test_a_longer_idle_time_that_was_survived_takes_it_back() -> None:
    survived = "0.0 dev:50009 > cloud:443 CONNECT\n0.1 dev:50009 > cloud:443 EXCHANGE 9 9\n"
    survived += "150.0 dev:50009 > cloud:443 EXCHANGE 9 9\n"
    found = persist.idle_times(facts_of(survived + ALIVE + dead(100) + NEW.format(at=110, port=50002)), CLOUD_NEED)

    assert round(found.survived_ns / 1e9) == 150
    assert found.losses == []


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        pytest.param(100, 220, ["failed"], id="twice alike"),
        pytest.param(100, 400, ["degraded"], id="twice, unlike"),
        pytest.param(10, 30, ["failed"], id="short but twice alike"),
    ],
)
def test_the_same_idle_time_twice_fails_a_persistent_service(first: int, second: int, said: list[str]) -> None:
    script = ALIVE + dead(first) + NEW.format(at=first + 9, port=50002) + dead(second, 50002)
    facts = facts_of(script + NEW.format(at=second + 9, port=50003))

    assert [outcome for _, _, outcome in outcomes(persist.nat_idle_timeout, facts)] == said


def test_of_many_idle_losses_the_latest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persist, "MAX_LOSSES", 1)
    script = ALIVE + dead(100) + NEW.format(at=109, port=50002) + dead(220, 50002)

    found = persist.idle_times(facts_of(script + NEW.format(at=229, port=50003)), CLOUD_NEED)

    assert [x.renewed.flow.orig[1] for x in found.losses if x.renewed] == [50003]


ONCE = ALIVE + dead(100) + NEW.format(at=109, port=50002)
TRIES = "".join(f"{at} dev:50003 > cloud:4321 SYN\n" for at in (230, 231, 233))


@pytest.mark.parametrize(
    ("script", "gaps_s"),
    [
        pytest.param(ONCE + dead(210, 50002), [100, 101], id="the capture ends in the same loss"),
        pytest.param(
            ONCE + dead(210, 50002) + "400 switch > * WATCH", [100], id="it goes on, and the device is silent"
        ),
        pytest.param(ONCE + dead(210, 50002) + TRIES, [100], id="a new connection fails"),
        pytest.param(ONCE + dead(400, 50002), [100], id="after another pause"),
        pytest.param(ONCE, [100], id="the new connection lives"),
    ],
)
def test_a_capture_may_end_in_one_more_loss_of_the_same_kind(script: str, gaps_s: list[int]) -> None:
    found = persist.idle_times(facts_of(script), CLOUD_NEED)

    assert [round(x.gap_ns / 1e9) for x in found.losses] == gaps_s


def test_a_short_idle_time_lost_once_is_not_believed() -> None:
    facts = facts_of(ALIVE + dead(10) + NEW.format(at=19, port=50002))

    assert outcomes(persist.nat_idle_timeout, facts) == []


def lives(*spans: float, closer: str = "cloud:4321 > dev", answered: bool = False) -> str:
    text, at = "", 0.0
    for i, span in enumerate(spans):
        port = 50001 + i
        ends = (
            closer.replace("dev", f"dev:{port}") if closer.endswith("dev") else closer.replace("dev", f"dev:{port}", 1)
        )
        text += f"{at} dev:{port} > cloud:4321 CONNECT\n{at + 0.2} dev:{port} > cloud:4321 "
        text += "EXCHANGE 9 9\n" if answered else "DATA 9\n"
        text += f"{at + span} {ends} FIN\n"
        at += span + 5
    return text + f"{at + 60} switch > * WATCH"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(lives(2, 3, 4), ["failed"], id="three short ones without answer"),
        pytest.param(lives(2, 3, 4, answered=True), ["degraded"], id="three short ones that work"),
        pytest.param(lives(2, 3), [], id="two"),
        pytest.param(lives(60, 60.4, 60.2), ["failed"], id="equal lifetimes"),
        pytest.param(lives(60, 90, 45), [], id="longer ones, unlike"),
        pytest.param(
            lives(2, 3, 4, closer="dev > cloud:4321", answered=True), [], id="the device closes after answers"
        ),
    ],
)
def test_connections_flap_when_three_are_short_or_equal(script: str, said: list[str]) -> None:
    assert [outcome for _, _, outcome in outcomes(persist.conn_flap, facts_of(script))] == said


def test_a_service_that_need_not_last_does_not_flap() -> None:
    assert outcomes(persist.conn_flap, facts_of(lives(2, 3, 4), ONE_SHOT)) == []


def test_connections_without_handshake_are_none_of_those_that_last() -> None:
    facts = facts_of(ALIVE + "5.0 dev:50002 > cloud:4321 SYN")

    assert [a.flow.orig[1] for a in persist.lasting_attempts(facts, CLOUD_NEED)] == [50001]


@pytest.mark.parametrize(
    ("times", "fires"),
    [
        pytest.param(range(10, 70, 10), True, id="every ten seconds"),
        pytest.param((10, 20, 45, 50, 60), False, id="irregular"),
        pytest.param((10, 20, 30, 40), False, id="too few to know"),
    ],
)
def test_silence_after_regular_reports_is_told(times: range, *, fires: bool) -> None:
    reports = "".join(f"{at}.0 dev:50001 > cloud:4321 EXCHANGE 9 9\n" for at in times)
    facts = facts_of(f"0.0 dev:50001 > cloud:4321 CONNECT\n{reports}500.0 pc > gw ARP")

    assert bool(outcomes(persist.silent_after_ok, facts)) is fires


@pytest.mark.parametrize(
    ("times", "fires"),
    [
        pytest.param((10, 20, 30, 40, 50, 60), True, id="every ten seconds"),
        pytest.param((10, 20, 30, 40, 290, 300), False, id="irregular"),
    ],
)
def test_reports_may_come_on_a_connection_each(times: tuple[int, ...], *, fires: bool) -> None:
    lines = "".join(
        f"{at}.0 dev:{50000 + at} > cloud:4321 CONNECT\n{at}.1 dev:{50000 + at} > cloud:4321 EXCHANGE 9 9\n"
        for at in times
    )

    assert bool(outcomes(persist.silent_after_ok, facts_of(f"{lines}500.0 pc > gw ARP"))) is fires


def test_a_reset_behind_a_fin_that_the_capture_lost_breaks_nothing() -> None:
    ends = "0.0 repeat 2 every 60.0:\n  0.0 dev > cloud:4321 CONNECT new\n  0.1 dev > cloud:4321 EXCHANGE 9 9\n"
    ends += "  0.3 dev > cloud:4321 DATA 24\n  1.0 cloud:4321 > dev RST seq={}\n"
    attempts = [facts_of(f"{ends.format(number)}200 switch > * WATCH").attempts for number in ("+0", "+1")]

    assert [[persist.unwanted_reset(a, CLOUD_NEED) is not None for a in own] for own in attempts] == [
        [True, True],
        [False, False],
    ]
