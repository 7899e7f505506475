from __future__ import annotations

import pytest

from pcapaudit.diagnose.refusals import (
    count_errors,
    delay_ns,
    describe_errors,
    has_foreign_ttl,
    is_stopped,
    matched_errors,
    name_senders,
    name_target,
)
from tests.support.services import facts_of

REFUSED = """
1.0  dev:50001 > cloud:4321 SYN as=asked
1.5  gw > dev ICMP unreachable code=13 quoting=asked
"""


def test_an_error_about_a_packet_of_the_device_counts() -> None:
    (error,) = matched_errors(facts_of(REFUSED))

    assert (error.message.at.frame, error.message.code) == (2, 13)
    assert name_target(error) == "54.229.203.190 TCP 4321"
    assert name_senders([error]) == "10.0.0.1"
    assert count_errors([error]) == "1 ICMP error (type 3 code 13)"
    assert describe_errors([error])["codes"] == [13]


def test_an_error_that_quotes_another_sequence_number_and_ip_id_does_not_count() -> None:
    forged = """
    0.5  dev:50001 > cloud:4321 SYN as=other seq=77 id=9999 unseen
    1.0  dev:50001 > cloud:4321 SYN
    1.5  gw > dev ICMP unreachable code=13 quoting=other
    """

    assert matched_errors(facts_of(forged)) == []


def test_an_error_that_the_device_sends_itself_is_no_refusal() -> None:
    own = """
    1.0  cloud:4321 > dev:50001 UDP 20 as=late
    1.1  dev > cloud ICMP unreachable code=3 quoting=late
    """

    assert matched_errors(facts_of(own)) == []


@pytest.mark.parametrize(
    ("rest", "stopped"),
    [
        pytest.param("9.0 switch > * WATCH", True, id="nothing followed"),
        pytest.param("2.0 dev:50001 > cloud:4321 CONNECT", False, id="the handshake came later"),
    ],
)
def test_an_attempt_is_stopped_unless_it_succeeds_afterwards(rest: str, *, stopped: bool) -> None:
    facts = facts_of(f"{REFUSED}\n{rest}")

    assert is_stopped(facts.attempts[0], matched_errors(facts)) is stopped


def test_the_delay_counts_from_the_first_transmission() -> None:
    facts = facts_of(
        """
        0.0  dev:50001 > cloud:4321 SYN
        1.0  dev:50001 > cloud:4321 SYN
        3.06 gw > dev ICMP unreachable code=1
        """
    )

    assert delay_ns(facts, matched_errors(facts)[0]) == 3_060_000_000


@pytest.mark.parametrize(("ttl", "foreign"), [(54, False), (64, True)])
def test_a_ttl_unlike_the_servers_other_packets_is_foreign(ttl: int, *, foreign: bool) -> None:
    facts = facts_of(
        f"""
        0.0  dev > cloud:443 CONNECT
        1.0  dev:50001 > cloud:4321 SYN as=asked
        1.1  cloud > dev ICMP unreachable code=3 quoting=asked ttl={ttl}
        """
    )

    assert has_foreign_ttl(facts, matched_errors(facts)[0].message) is foreign
