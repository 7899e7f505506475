from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.diagnose.resets import INJECTED, POSSIBLE, ResetVerdict, judge_reset
from tests.support.judging import facts_of, product
from tests.support.player import Frame

# A server ten routers away: its own packets arrive with TTL 54, 30 ms after they were asked for.
KNOWN = "0.0 dev:50000 > cloud:443 CONNECT\n0.5 dev > cloud EXCHANGE 9 9\n"
SYN = "5.0 dev:50001 > cloud:4321 SYN\n"


def judge(script: str) -> ResetVerdict:
    facts = facts_of(script, product())
    [flow] = [f for f in facts.outward_flows if f.resp[1] == 4321]
    reset = flow.first_rst
    assert reset is not None
    return judge_reset(facts, flow, reset)


SIGNS = {
    # Catalogue 7.3: sign -> weight.
    "TTL and time are the server's": (KNOWN + SYN + "5.03 cloud:4321 > dev:50001 RST", -40),
    "another TTL": (KNOWN + SYN + "5.03 cloud:4321 > dev:50001 RST ttl=64", 40),
    "a TTL two off may be another route": (KNOWN + SYN + "5.03 cloud:4321 > dev:50001 RST ttl=56", -40),
    "another TTL and too fast": (KNOWN + SYN + "5.001 cloud:4321 > dev:50001 RST ttl=64", 70),
    "a public address that is no hop away": (SYN + "5.03 cloud:4321 > dev:50001 RST ttl=64", 30),
    "a public address ten hops away": (SYN + "5.03 cloud:4321 > dev:50001 RST", 0),
    "the real answer comes after it": (
        KNOWN + SYN + "5.001 cloud:4321 > dev:50001 RST ttl=64\n5.03 cloud:4321 > dev:50001 SYN-ACK",
        120,
    ),
}


@pytest.mark.parametrize(("script", "score"), SIGNS.values(), ids=SIGNS)
def test_the_signs_add_up(script: str, score: int) -> None:
    assert judge(script).score == score


def test_one_sign_alone_never_proves_an_injection() -> None:
    # A load balancer answers with a TTL of its own.
    found = judge(KNOWN + SYN + "5.03 cloud:4321 > dev:50001 RST ttl=128")

    assert POSSIBLE <= found.score < INJECTED
    assert found.signs == 1


def test_two_signs_name_a_box_on_the_way_with_their_frames() -> None:
    found = judge(KNOWN + SYN + "5.001 cloud:4321 > dev:50001 RST ttl=64")

    assert found.score >= INJECTED
    assert {c.kind for c in found.causes} == {"middlebox"}
    assert found.frames[0] == 8


def test_a_reset_that_fits_is_the_servers_own() -> None:
    found = judge(KNOWN + SYN + "5.03 cloud:4321 > dev:50001 RST")

    assert [c.kind for c in found.causes] == ["server"]
    assert found.signs == 0


def test_a_private_server_next_door_is_no_sign() -> None:
    facts = facts_of("5.0 dev:50001 > pc:4321 SYN\n5.001 pc:4321 > dev:50001 RST", product())
    flow = facts.outward_flows[0]
    assert flow.first_rst is not None

    assert judge_reset(facts, flow, flow.first_rst).score == 0


OTHER = "0.0 dev:50000 > cloud:4321 CONNECT\n0.5 dev:50000 > cloud:4321 EXCHANGE 9 9\n"
WORDS = "5.0 dev:50001 > cloud:4321 CONNECT\n5.1 dev:50001 > cloud:4321 DATA 200\n"


def judge_last(script: str, hosts: dict[str, object] | None = None) -> ResetVerdict:
    facts = facts_of(script, product(), hosts=hosts or {"cloud": "54.229.203.190"})
    flow = facts.outward_flows[-1]
    assert flow.first_rst is not None
    return judge_reset(facts, flow, next(p for p in flow.received if p.flags & 4))


def test_a_reset_that_answers_the_first_words_is_triggered_by_them_where_others_pass() -> None:
    assert judge_last(OTHER + WORDS + "5.13 cloud:4321 > dev:50001 RST ttl=64").score == 40 + 25
    assert judge_last(WORDS + "5.13 cloud:4321 > dev:50001 RST ttl=64").score == 40


def test_a_reset_out_of_the_servers_count_of_identifications_does_not_fit() -> None:
    counted = "5.0 dev:50001 > cloud:4321 CONNECT\n" + "".join(
        f"{6 + i}.0 dev:50001 > cloud:4321 DATA 9\n{6 + i}.1 cloud:4321 > dev:50001 DATA 9 id={100 + i}\n"
        for i in range(4)
    )

    assert judge_last(counted + "12.0 cloud:4321 > dev:50001 RST id=40000").score == -40 + 10
    assert judge_last(counted + "12.0 cloud:4321 > dev:50001 RST id=110").score == -40
    assert judge_last(counted + "12.0 cloud:4321 > dev:50001 RST id=0").score == -40


def test_a_box_resets_both_ends() -> None:
    both = WORDS + "5.13 cloud:4321 > dev:50001 RST ttl=64\n5.131 dev:50001 > cloud:4321 RST from_mac=02:00:0a:00:00:01"

    assert judge_last(both).score == 40 + 30
    assert judge_last(both.replace(" from_mac=02:00:0a:00:00:01", "")).score == 40


def test_resets_alike_from_everywhere_come_from_one_box() -> None:
    servers: dict[str, object] = {"one": "54.229.203.190", "two": "146.20.187.118", "three": "204.232.231.197"}
    refused = "".join(
        f"{t}.0 dev:{50000 + t} > {name}:443 SYN\n{t}.03 {name}:443 > dev:{50000 + t} RST ttl=60\n"
        for t, name in enumerate(servers, start=1)
    )

    assert judge_last(refused, servers).score == 30
    # Where other far packets come from as far, all servers simply stand there.
    assert judge_last("0.1 dev > 8.8.8.8:853 SYN\n0.2 8.8.8.8:853 > dev SYN-ACK ttl=60\n" + refused, servers).score == 0


def test_a_reset_far_outside_the_window_is_none_of_the_servers() -> None:
    talk = "5.0 dev:50001 > cloud:4321 CONNECT\n5.1 dev:50001 > cloud:4321 EXCHANGE 9 9\n"

    assert judge_last(talk + "6.0 cloud:4321 > dev:50001 RST seq=+900000").score == -40 + 25
    assert judge_last(talk + "6.0 cloud:4321 > dev:50001 RST").score == -40


@pytest.mark.parametrize(("grain_ns", "score"), [(1_000_000, 70), (20_000_000, 40)])
def test_coarse_time_stamps_make_no_reset_too_fast(grain_ns: int, score: int) -> None:
    """A reset after 0 ms may have taken as long as the step of the time stamps (CAP-COARSE-TIME)."""
    busy = "".join(f"{9 + n}.0 pc > gw PING\n{9 + n}.0 gw > pc PONG\n" for n in range(40))
    script = KNOWN + SYN + "5.001 cloud:4321 > dev:50001 RST ttl=64\n" + busy

    def coarse(frames: list[Frame]) -> list[Frame]:
        return [replace(f, time_ns=f.time_ns - f.time_ns % grain_ns) for f in frames]

    facts = facts_of(script, product(), coarse)
    [flow] = [f for f in facts.outward_flows if f.resp[1] == 4321]
    assert flow.first_rst is not None

    assert facts.traffic.grain_ns in (1_000_000, 10_000_000)
    assert judge_reset(facts, flow, flow.first_rst).score == score
