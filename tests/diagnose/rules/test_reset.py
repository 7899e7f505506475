from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import reset
from tests.support.services import ONE_SHOT, facts_of, outcomes

ALIVE = "0.0 dev:50001 > cloud:4321 CONNECT\n0.1 dev:50001 > cloud:4321 EXCHANGE 9 9\n"
NEW = "{at}.0 dev:{port} > cloud:4321 CONNECT\n{at}.1 dev:{port} > cloud:4321 EXCHANGE 9 9\n"
RESET = """
{at}.0 dev:{port} > cloud:4321 CONNECT
{at}.1 dev:{port} > cloud:4321 EXCHANGE 9 9
{at}.5 cloud:4321 > dev:{port} RST
"""


@pytest.mark.parametrize(
    ("count", "rest", "said"),
    [
        pytest.param(1, "", ["note"], id="once"),
        pytest.param(2, NEW.format(at=60, port=50009), ["degraded"], id="twice, works after"),
        pytest.param(2, "60.0 switch > * WATCH", ["failed"], id="twice, and then nothing"),
        pytest.param(2, "", ["degraded"], id="twice, and the capture ends"),
    ],
)
def test_resets_of_a_working_connection_weigh_by_number_and_by_what_follows(
    count: int, rest: str, said: list[str]
) -> None:
    script = "".join(RESET.format(at=10 * i, port=50000 + i) for i in range(1, count + 1))

    assert [outcome for _, _, outcome in outcomes(reset.rst_midstream, facts_of(script + rest))] == said


def test_of_many_resets_the_latest_tell_whether_it_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reset, "MAX_LOSSES", 2)
    script = "".join(RESET.format(at=10 * i, port=50000 + i) for i in range(1, 5))
    facts = facts_of(script + "120.0 switch > * WATCH")

    assert outcomes(reset.rst_midstream, facts) == [("TCP-RST-MIDSTREAM", "persist", "failed")]
    (found,) = reset.rst_midstream(facts)
    assert "2 times or more" in found.summary


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("5.0 dev:50001 > cloud:4321 RST", id="the device resets"),
        pytest.param("5.0 dev:50001 > cloud:4321 FIN\n5.1 cloud:4321 > dev:50001 RST", id="after a FIN"),
    ],
)
def test_resets_that_only_end_what_is_over_are_normal(end: str) -> None:
    assert outcomes(reset.rst_midstream, facts_of(ALIVE + end)) == []


def test_a_finished_request_may_end_with_the_servers_reset() -> None:
    script = "".join(RESET.format(at=10 * i, port=50000 + i) for i in (1, 2, 3))

    assert outcomes(reset.rst_midstream, facts_of(script, ONE_SHOT)) == []


# The server's own packets have TTL 54 and take 30 ms; this reset has TTL 64 and comes at once.
FORGED = """
{at}.0 dev:{port} > cloud:4321 CONNECT
{at}.1 dev:{port} > cloud:4321 EXCHANGE 9 9
{at}.5 dev:{port} > cloud:4321 DATA 9
{at}.501 cloud:4321 > dev:{port} RST ttl=64
"""


@pytest.mark.parametrize(
    ("count", "rest", "said"),
    [
        (1, NEW.format(at=60, port=50009), ["note"]),
        (2, NEW.format(at=60, port=50009), ["degraded"]),
        (2, "60.0 switch > * WATCH", ["failed"]),
    ],
)
def test_a_box_that_resets_working_connections_is_a_finding_of_its_own(count: int, rest: str, said: list[str]) -> None:
    facts = facts_of("".join(FORGED.format(at=10 * i, port=50000 + i) for i in range(1, count + 1)) + rest)

    assert [(stage, outcome) for _, stage, outcome in outcomes(reset.rst_injected, facts)] == [
        ("persist", word) for word in said
    ]
    assert outcomes(reset.rst_midstream, facts) == []


def test_a_forged_reset_in_answer_to_a_syn_stops_the_connection() -> None:
    facts = facts_of(
        ALIVE + "5.0 dev:50002 > cloud:4321 SYN\n5.001 cloud:4321 > dev:50002 RST ttl=64\n9.0 switch > * WATCH"
    )

    assert outcomes(reset.rst_injected, facts) == [("TCP-RST-INJECTED", "connect", "failed")]


def test_the_servers_own_reset_is_no_injection() -> None:
    facts = facts_of(ALIVE + "5.0 dev:50002 > cloud:4321 SYN\n5.03 cloud:4321 > dev:50002 RST\n9.0 switch > * WATCH")

    assert outcomes(reset.rst_injected, facts) == []
