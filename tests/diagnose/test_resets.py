from __future__ import annotations

import pytest

from pcapaudit.diagnose.resets import INJECTED, POSSIBLE, ResetVerdict, judge_reset
from tests.support.judging import facts_of, product

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
