from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import mtu
from tests.support.services import facts_of, outcomes

CONNECT = """
{at}.0 dev:{port} > cloud:4321 CONNECT
{at}.1 dev:{port} > cloud:4321 DATA 100
{at}.2 cloud:4321 > dev:{port} ACK
"""
HOLE = """{at}.3 cloud:4321 > dev:{port} DATA 1400 unseen lost
{at}.4 cloud:4321 > dev:{port} DATA 60 lost
{at}.5 dev:{port} > cloud:4321 ACK
"""


def test_large_answers_that_are_missing_on_two_connections() -> None:
    script = "".join((CONNECT + HOLE).format(at=at, port=50000 + at) for at in (1, 11))

    assert outcomes(mtu.mtu_blackhole, facts_of(script)) == [("MTU-BLACKHOLE", "app", "failed")]


@pytest.mark.parametrize(
    ("change", "to"),
    [
        pytest.param("unseen lost", "unseen", id="the device has what the capture lacks"),
        pytest.param("DATA 1400", "DATA 500", id="a small hole"),
    ],
)
def test_no_hole_that_size_explains(change: str, to: str) -> None:
    hole = HOLE.replace(change, to).replace("DATA 60 lost", "DATA 60")
    script = "".join((CONNECT + hole).format(at=at, port=50000 + at) for at in (1, 11))

    assert outcomes(mtu.mtu_blackhole, facts_of(script)) == []


TOLD = """
1.0  dev:50001 > cloud:4321 CONNECT
1.1  dev:50001 > cloud:4321 DATA 1400 lost as=a
1.2  gw > dev ICMP too-big mtu=1400 quoting=a
1.5  dev:50001 > cloud:4321 AGAIN lost as=b
1.6  gw > dev ICMP too-big mtu=1400 quoting=b
2.1  dev:50001 > cloud:4321 AGAIN lost as=c
2.2  gw > dev ICMP too-big mtu=1400 quoting=c
"""


@pytest.mark.parametrize(
    ("rest", "outcome"),
    [
        pytest.param("3.3 dev:50001 > cloud:4321 AGAIN lost", "failed", id="keeps its size"),
        pytest.param("3.3 dev:50001 > cloud:4321 DATA 600 seq=-1400", "note", id="sends smaller ones"),
        pytest.param("3.3 switch > * WATCH", "note", id="sends nothing more"),
    ],
)
def test_after_fragmentation_needed_the_devices_next_size_decides(rest: str, outcome: str) -> None:
    found = outcomes(mtu.mtu_blackhole, facts_of(TOLD + rest))

    assert found == [("MTU-BLACKHOLE", "app", outcome)]
