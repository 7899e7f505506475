from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.diagnose.rules import loss
from pcapaudit.model.events import Packet
from tests.support.services import WALKER, facts_of, outcomes

A, B = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 1])
SERVERS = {"one": "192.0.2.1"}
FIN, SYN, RST, ACK = 1, 2, 4, 16


def segment(second: float, window: int, flags: int = ACK) -> Packet:
    return Packet(1 + int(second), int(second * 1e9), A, 1, B, 2, 6, flags=flags, window=window)


@pytest.mark.parametrize(
    ("packets", "span"),
    [
        pytest.param([segment(0, 0), segment(11, 900)], (0, 11), id="opens after eleven seconds"),
        pytest.param([segment(0, 0), segment(4, 0), segment(12, 0)], (0, 12), id="stays closed"),
        pytest.param([segment(0, 0), segment(9, 900), segment(30, 900)], None, id="opens in time"),
        pytest.param(
            [segment(0, 0), segment(4, 900), segment(8, 0), segment(15, 900)], None, id="closed twice, shortly"
        ),
        pytest.param([segment(0, 0, RST | ACK), segment(20, 0, RST)], None, id="resets"),
        pytest.param([segment(0, 0, SYN), segment(20, 900)], None, id="a SYN"),
        pytest.param([segment(0, 0, FIN | ACK), segment(20, 0)], None, id="the side has closed"),
    ],
)
def test_a_window_is_closed_when_it_stays_zero_for_ten_seconds(
    packets: list[Packet], span: tuple[int, int] | None
) -> None:
    found = loss.closed_window(packets)

    assert (found and (found[0].time_ns // 10**9, found[1].time_ns // 10**9)) == span


@given(st.lists(st.tuples(st.floats(0, 1000), st.integers(1, 65535))))
def test_a_window_that_is_never_zero_is_never_closed(seen: list[tuple[float, int]]) -> None:
    assert loss.closed_window([segment(at, window) for at, window in sorted(seen)]) is None


def exchange(count: int, lost: set[int]) -> str:
    seen = "0.0 repeat 3 every 0.1:\n  0.0 gw:9 > dev:9 UDP 1\n"
    lines = []
    for i in range(1, count + 1):
        lines.append(f"{i}.0 dev:28701 > one:8844 UDP 64")
        if i not in lost:
            lines.append(f"{i}.1 one:8844 > dev:28701 UDP 48")
    return seen + "\n".join(lines)


@pytest.mark.parametrize(
    ("lost", "fires"),
    [
        pytest.param({4, 9, 14}, True, id="three of twenty"),
        pytest.param({4, 9}, False, id="two of twenty"),
        pytest.param({18, 19, 20}, False, id="silence at the end is no loss"),
        pytest.param({1, 2, 3}, False, id="nor at the beginning"),
        pytest.param(set(range(2, 20, 2)), False, id="every other: another rhythm"),
    ],
)
def test_requests_without_reply_count_between_answered_ones(lost: set[int], *, fires: bool) -> None:
    found = outcomes(loss.path_loss, facts_of(exchange(20, lost), WALKER, SERVERS))

    assert found == ([("PATH-LOSS", "return", "degraded")] if fires else [])


def test_a_reply_to_a_port_that_was_left_is_late_and_no_loss() -> None:
    """The device takes a new port after nine seconds; the first one's reply comes later still."""
    lines = ["0.0 repeat 3 every 0.1:", "  0.0 gw:9 > dev:9 UDP 1"]
    for i in range(1, 21):
        port, at = 28701 + i, 20 * i
        lines.append(f"{at}.0 dev:{port} > one:8844 UDP 64")
        if i in (4, 9, 14):
            lines.append(f"{at + 9}.0 dev:{port + 100} > one:8844 UDP 64")
            lines.append(f"{at + 9}.1 one:8844 > dev:{port + 100} UDP 48")
            lines.append(f"{at + 9}.2 one:8844 > dev:{port} UDP 48")
        else:
            lines.append(f"{at}.1 one:8844 > dev:{port} UDP 48")
    late = "\n".join(lines)
    lost = "\n".join(line for line in lines if not line.split()[0].endswith("9.2"))

    assert outcomes(loss.path_loss, facts_of(late, WALKER, SERVERS)) == []
    assert outcomes(loss.path_loss, facts_of(lost, WALKER, SERVERS)) == [("PATH-LOSS", "return", "degraded")]


def upload(repeated: set[int], port: int = 50001) -> str:
    lines = [f"0.1 dev:{port} > cloud:4321 CONNECT"]
    for i in range(1, 61):
        lost = " lost" if i in repeated else ""
        lines.append(f"{5 * i}.0 dev:{port} > cloud:4321 DATA 100{lost}")
        if lost:
            lines.append(f"{5 * i}.4 dev:{port} > cloud:4321 AGAIN")
        lines.append(f"{5 * i}.5 cloud:4321 > dev:{port} DATA 10")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("repeated", "fires"),
    [
        pytest.param({5, 15, 25, 35, 45}, True, id="five of sixty, spread"),
        pytest.param({5, 15, 25, 35}, False, id="four"),
        pytest.param({5, 6}, False, id="one bad moment"),
        pytest.param(set(), False, id="none"),
    ],
)
def test_repeated_segments_count_when_they_are_many_and_spread(repeated: set[int], *, fires: bool) -> None:
    facts = facts_of(upload(repeated))

    assert bool(outcomes(loss.path_loss, facts)) is fires


def test_copies_that_the_mirror_made_are_no_loss() -> None:
    facts = facts_of(upload({5, 15, 25, 35, 45}))
    facts.is_duplicated = True

    assert outcomes(loss.path_loss, facts) == []
