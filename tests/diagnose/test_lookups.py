from __future__ import annotations

import pytest

from pcapaudit.diagnose.lookups import (
    attempts_for,
    need_of,
    relevant_by_name,
    relevant_lookups,
    served_after,
    times_words,
)
from tests.support.judging import facts_of, need, product, tcp

NAMED = product(need(tcp(4321), hosts=["gk.sensorist.com"]))


def test_with_a_signature_only_its_names_decide() -> None:
    facts = facts_of("1 dev > gw LOOKUP gk.sensorist.com A 192.0.2.1\n2 dev > gw LOOKUP example.org A 192.0.2.2", NAMED)

    assert [q.name for q in relevant_lookups(facts)] == ["gk.sensorist.com"]


def test_without_a_signature_every_name_decides_when_all_fail_and_there_are_enough() -> None:
    asked = "".join(f"{t} dev > gw DNS? example.org A id={t}\n" for t in (1, 6, 11))

    assert [q.name for q in relevant_lookups(facts_of(asked))] == ["example.org"]
    assert relevant_lookups(facts_of(asked + "12 dev > gw LOOKUP example.net A 192.0.2.2")) == []
    assert relevant_lookups(facts_of("1 dev > gw DNS? example.org A")) == []


UNSEEN = """
12.0 dev > cloud:443 SYN
12.1 cloud:443 > dev SYN-ACK unseen
12.2 dev > cloud:443 ACK
12.3 dev > cloud:443 DATA 9
12.4 cloud:443 > dev DATA 9 unseen
12.5 dev > cloud:443 ACK
"""


@pytest.mark.parametrize(
    ("beside", "decides"),
    [
        pytest.param("12 dev > cloud:443 EXCHANGE 9 9", False, id="a service answers meanwhile"),
        pytest.param(UNSEEN, False, id="it answers, and the capture holds the device's word alone"),
        pytest.param("0.5 dev > cloud:443 EXCHANGE 9 9", True, id="it answered before"),
        pytest.param("12 dev > cloud:443 CONNECT", True, id="it opens and says nothing"),
        pytest.param(
            "12 dev > cloud DNS? example.org A\n12.1 cloud > dev DNS! example.org A rcode=2", True, id="a resolver"
        ),
    ],
)
def test_without_a_signature_nothing_decides_while_something_far_away_answers(beside: str, *, decides: bool) -> None:
    asked = "".join(
        f"{t} dev > gw LOOKUP example.{end} A rcode=3\n" for t, end in ((1, "org"), (6, "net"), (11, "com"))
    )

    assert bool(relevant_lookups(facts_of(asked + beside, hosts={"cloud": "54.229.203.190"}))) is decides


def test_names_that_a_search_list_made_never_decide() -> None:
    asked = "".join(f"{t} dev > gw DNS? gk.sensorist.com.corp.local A id={t}\n" for t in (1, 6, 11, 16))

    assert relevant_lookups(facts_of(asked)) == []


def test_the_need_of_a_name_is_the_required_one_that_mentions_it() -> None:
    facts = facts_of("1 dev > gw LOOKUP gk.sensorist.com A 192.0.2.1", NAMED)

    assert need_of(facts, "GK.sensorist.com") is NAMED.needs[0]
    assert need_of(facts, "example.org") is None


def test_counts_are_told_in_words() -> None:
    assert times_words([None]) == "once"  # type: ignore[list-item]
    assert times_words([None, None]) == "2 times"  # type: ignore[list-item]


def test_names_are_gathered_over_types_and_lead_to_the_attempts_at_their_services() -> None:
    facts = facts_of(
        "1 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n1.1 dev > gw LOOKUP gk.sensorist.com AAAA empty soa\n"
        "2 dev > cloud:4321 CONNECT\n3 dev > cloud:4321 EXCHANGE 9 9",
        NAMED,
    )

    assert [(name, len(found)) for name, found in relevant_by_name(facts).items()] == [("gk.sensorist.com", 2)]
    assert len(attempts_for(facts, ["gk.sensorist.com"])) == 1
    assert attempts_for(facts, ["example.org"]) == []
    assert served_after(facts, ["gk.sensorist.com"], facts.start_ns)
    assert not served_after(facts, ["gk.sensorist.com"], facts.end_ns)
