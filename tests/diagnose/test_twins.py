from __future__ import annotations

from dataclasses import replace

import pytest

from pcapaudit.diagnose.twins import answer_outside, is_outer_face, twins_of
from pcapaudit.flows.hosts import find_hosts
from pcapaudit.model.addresses import parse_ip
from tests.support.scene import traffic_of

HOSTS = {"cloud": "54.229.203.190", "wan": {"ip": "198.18.7.2", "mac": "02:00:00:00:00:fe"}}
INSIDE = "1.0 dev:50001 > cloud:4321 SYN seq=1000\n"
OUTSIDE = "1.001 wan:6000 > cloud:4321 SYN seq=1000 ttl=63\n"
DATAGRAMS = (
    "1.0 dev:30000 > cloud:8844 UDP 100\n1.001 wan:6000 > cloud:8844 UDP 100 ttl=63\n"
    "9.0 dev:30000 > cloud:8844 UDP 60\n9.001 wan:6000 > cloud:8844 UDP 60 ttl=63\n"
)
WALK = "".join(
    f"{n}.0 dev:30000 > 192.0.2.{n}:8844 UDP 100\n{n}.001 wan:6000 > 192.0.2.{n}:8844 UDP 100 ttl=63\n"
    for n in (1, 2, 3)
)


@pytest.mark.parametrize(
    ("script", "pairs"),
    [
        pytest.param(INSIDE + OUTSIDE, {0: 1}, id="one connection on two sides"),
        pytest.param(INSIDE + OUTSIDE.replace("1000", "1001"), {}, id="another sequence number"),
        pytest.param(INSIDE + OUTSIDE.replace("ttl=63", ""), {}, id="no router between"),
        pytest.param(INSIDE + OUTSIDE.replace("1.001", "1.2"), {}, id="too late for a router"),
        pytest.param(DATAGRAMS, {0: 1}, id="datagrams of like sizes at like times"),
        pytest.param("\n".join(DATAGRAMS.splitlines()[:2]), {}, id="one datagram may be chance"),
        pytest.param(WALK, {0: 1, 2: 3, 4: 5}, id="one datagram to each of three servers"),
        pytest.param("\n".join(WALK.splitlines()[:4]), {}, id="two servers may be chance"),
    ],
)
def test_a_translated_connection_is_found_on_its_outside(script: str, pairs: dict[int, int]) -> None:
    found = twins_of(traffic_of(script, hosts=HOSTS))

    assert {inner: twin.outer for inner, twin in found.by_inner.items()} == pairs
    assert found.outer == frozenset(pairs.values())


@pytest.mark.parametrize(
    ("rest", "frame"),
    [
        pytest.param("1.03 cloud:4321 > wan:6000 SYN-ACK", 3, id="outside only"),
        pytest.param(
            "1.03 cloud:4321 > wan:6000 SYN-ACK\n1.031 cloud:4321 > dev:50001 SYN-ACK", None, id="inside, too"
        ),
        pytest.param("1.03 cloud:4321 > wan:6000 RST", None, id="a reset is no answer"),
        pytest.param("", None, id="nowhere"),
    ],
)
def test_an_answer_may_reach_the_outside_alone(rest: str, frame: int | None) -> None:
    traffic = traffic_of(INSIDE + OUTSIDE + rest, hosts=HOSTS)
    answer = answer_outside(traffic, traffic.flow(0))

    assert (answer.frame if answer is not None else None) == frame


@pytest.mark.parametrize(
    ("script", "is_face"),
    [
        pytest.param(INSIDE + OUTSIDE, True, id="its one connection is somebody else's"),
        pytest.param(
            INSIDE + OUTSIDE + "2.0 wan:777 > cloud:53 DNS? a.example A ttl=63\n", True, id="it asks DNS, too"
        ),
        pytest.param(INSIDE + OUTSIDE + "2.0 wan:777 > cloud:443 SYN ttl=63\n", False, id="it does more than that"),
        pytest.param(OUTSIDE, False, id="the inside is not in the capture"),
    ],
)
def test_what_is_all_seen_inside_is_the_outer_face_of_a_translator(script: str, *, is_face: bool) -> None:
    traffic = traffic_of(script, hosts=HOSTS)
    host = next(h for h in find_hosts(traffic) if parse_ip("198.18.7.2") in h.addresses)

    assert is_outer_face(traffic, replace(host, behind_router=True)) is is_face
