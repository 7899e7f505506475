from __future__ import annotations

import pytest

from pcapaudit.diagnose import opened
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.opened import opened_to
from pcapaudit.model.addresses import parse_ip
from tests.support.judging import facts_of

CLOUD = parse_ip("54.229.203.190")
SCRIPT = """
1.0 dev:50001 > cloud:21 SYN
2.0 dev:50002 > cloud:50000 SYN
3.0 dev:50003 > 192.0.2.9:50000 SYN
4.0 pc:50004 > cloud:50000 SYN
5.0 dev:50005 > cloud:50000 SYN
6.0 dev:50006 > cloud:50000 UDP 9
7.0 cloud:50007 > dev:50000 SYN
8.0 dev:50008 > cloud:50001 SYN
"""


def sources(facts: Facts, place: tuple[bytes, int] | bytes, after: int = 0) -> list[int]:
    """The source ports of the connections to a place."""
    return [flow.orig[1] for flow in opened_to(facts, place, after)]


def test_connections_of_the_device_are_found_by_address_and_by_port() -> None:
    facts = facts_of(SCRIPT)

    assert sources(facts, CLOUD) == [50001, 50002, 50005, 50008]
    assert sources(facts, (CLOUD, 50000)) == [50002, 50005]
    assert sources(facts, (CLOUD, 443)) == []


def test_those_behind_a_frame_are_looked_at_and_no_more_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = facts_of(SCRIPT)
    second = next(iter(opened_to(facts, (CLOUD, 50000), 0))).first_frame

    assert sources(facts, CLOUD, second) == [50005, 50008]
    assert sources(facts, CLOUD, second - 1) == [50002, 50005, 50008]
    monkeypatch.setattr(opened, "MOST", 2)
    assert sources(facts, CLOUD) == [50001, 50002]
