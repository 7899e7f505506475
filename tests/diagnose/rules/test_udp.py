from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import udp
from tests.support.services import CLOUD_PRODUCT, WALK_NEED, WALKER, facts_of, outcomes, product

SERVERS = {"one": "192.0.2.1", "two": "192.0.2.2", "cloud": "54.229.203.190"}
SEEN = "0.0 repeat 3 every 0.1:\n  0.0 gw:9 > dev:9 UDP 1\n"
STAYS = product(WALK_NEED)


def test_a_reply_ends_a_run_of_silent_attempts() -> None:
    facts = facts_of(
        """
        1.0   dev:28701 > one:8844 UDP 64
        11.0  dev:28702 > one:8844 UDP 64
        21.0  dev:28703 > one:8844 UDP 64
        21.1  one:8844 > dev:28703 UDP 48
        31.0  dev:28704 > one:8844 UDP 64
        """,
        WALKER,
        SERVERS,
    )
    runs = udp.silent_runs(facts, udp.datagram_attempts(facts, WALK_NEED))

    assert [[a.flow.orig[1] for a in run] for run in runs] == [[28701, 28702], [28704]]


@pytest.mark.parametrize(
    ("second", "is_walker", "rule"),
    [
        pytest.param("11.0 dev:28702 > two:8844 UDP 64", True, "UDP-SERVER-WALK", id="another server"),
        pytest.param("11.0 dev:28702 > one:8844 UDP 64", True, "UDP-NO-REPLY", id="the same server"),
        pytest.param("11.0 dev:28701 > one:8844 UDP 64", False, "UDP-NO-REPLY", id="the same port"),
        pytest.param("11.0 dev:28702 > two:8844 UDP 64", False, None, id="one message to each of two, by no list"),
    ],
)
def test_silence_is_named_by_where_the_device_turns(second: str, rule: str | None, *, is_walker: bool) -> None:
    script = f"{SEEN}1.0 dev:28701 > one:8844 UDP 64\n{second}\n30.0 switch > * WATCH"
    facts = facts_of(script, WALKER if is_walker else STAYS, SERVERS)
    found = [*outcomes(udp.server_walk, facts), *outcomes(udp.no_reply, facts)]

    assert found == ([(rule, "connect", "failed")] if rule else [])


def test_one_sided_captures_prove_a_walk_but_no_missing_reply() -> None:
    walk = "1.0 dev:28701 > one:8844 UDP 64\n11.0 dev:28702 > two:8844 UDP 64\n30.0 switch > * WATCH"
    again = "1.0 dev:28701 > one:8844 UDP 64\n11.0 dev:28701 > one:8844 UDP 64\n30.0 switch > * WATCH"

    assert outcomes(udp.server_walk, facts_of(walk, WALKER, SERVERS)) == [("UDP-SERVER-WALK", "connect", "failed")]
    assert outcomes(udp.no_reply, facts_of(again, WALKER, SERVERS)) == []


def patient(tries: int) -> str:
    """So many datagrams to one server, then one to the next."""
    return "".join(f"{30 * i}.0 dev:28701 > one:8844 UDP 64\n" for i in range(1, tries + 1)) + (
        f"{30 * tries + 8}.0 dev:28702 > two:8844 UDP 64\n{30 * tries + 60}.0 switch > * WATCH"
    )


@pytest.mark.parametrize(
    ("seen", "tries", "said"),
    [
        pytest.param("pc", 6, [], id="who stays with a server is answered, where nothing from the router is seen"),
        pytest.param("pc", 2, ["UDP-SERVER-WALK"], id="who hardly stays is not"),
        pytest.param("gw", 6, ["UDP-SERVER-WALK"], id="what the router sends would be seen"),
    ],
)
def test_half_a_trunk_shows_neighbours_and_no_replies(seen: str, tries: int, said: list[str]) -> None:
    facts = facts_of(SEEN.replace("gw", seen) + patient(tries), WALKER, SERVERS)

    assert [name for rule in (udp.server_walk, udp.no_reply) for name, _, _ in outcomes(rule, facts)] == said


@pytest.mark.parametrize(
    ("stray", "fires"),
    [
        pytest.param("1.1 two:8844 > dev:28701 UDP 48", True, id="the service's port at another address"),
        pytest.param("1.1 one:9999 > dev:28701 UDP 48", True, id="another port of the server"),
        pytest.param("1.1 gw:5353 > dev:28701 UDP 48", False, id="neither"),
        pytest.param("20.0 two:8844 > dev:28701 UDP 48", False, id="much later"),
        pytest.param("0.5 two:8844 > dev:28701 UDP 48", False, id="before the question"),
    ],
)
def test_a_reply_from_elsewhere_must_look_like_one(stray: str, *, fires: bool) -> None:
    facts = facts_of(f"1.0 dev:28701 > one:8844 UDP 64\n{stray}\n30.0 switch > * WATCH", WALKER, SERVERS)

    assert bool(outcomes(udp.wrong_source, facts)) is fires


@pytest.mark.parametrize(
    ("port", "size", "is_odd"),
    [
        (28672, 24, False),
        (32767, 1024, False),
        (28671, 64, True),
        (32768, 64, True),
        (30000, 1025, True),
        # the paper's 24 bytes may include the UDP header.
        (30000, 16, False),
        (30000, 15, True),
    ],
)
def test_sizes_and_ports_outside_the_papers_ranges_are_odd(port: int, size: int, *, is_odd: bool) -> None:
    facts = facts_of(f"1.0 dev:{port} > one:8844 UDP {size}", WALKER, SERVERS)

    assert bool(outcomes(udp.shape, facts)) is is_odd


def test_a_product_without_datagrams_has_no_attempts_over_them() -> None:
    facts = facts_of("1.0 dev:30000 > cloud:4321 UDP 64", CLOUD_PRODUCT, SERVERS)

    assert [udp.datagram_attempts(facts, need) for need in facts.needs] == [[]]
