from __future__ import annotations

from ipaddress import ip_network

import pytest

from pcapaudit.diagnose.groups import groups_of
from tests.support.judging import facts_of, need, outward, product, tcp

HOSTS = {"one": "192.0.2.1", "two": "192.0.2.2"}
NET = (ip_network("192.0.2.0/24"),)
TRIED = need(tcp(443), hosts=["*.acme.example"], hosts_group="tried", addresses=NET)
ONE_WORKS = """
0.0 dev > gw LOOKUP a.acme.example A 192.0.2.1 192.0.2.2
0.2 dev:50001 > one:443 CONNECT
0.3 dev:50001 > one:443 TLS hello sni=a.acme.example
9.0 dev > gw LOOKUP a.acme.example A 192.0.2.2 192.0.2.1
9.2 dev:50002 > two:443 SYN
"""
OTHER_NAME = "9.1 dev > gw LOOKUP b.acme.example A 192.0.2.2\n"


@pytest.mark.parametrize(
    ("script", "sizes"),
    [
        pytest.param(ONE_WORKS, [2], id="one name, so its addresses stand for each other"),
        pytest.param(ONE_WORKS + OTHER_NAME, [1, 1], id="two names, and none tells whose address it is"),
    ],
)
def test_seen_from_one_side_an_address_is_that_of_the_only_name_asked_for(script: str, sizes: list[int]) -> None:
    facts = facts_of(script, product(TRIED), outward, hosts=HOSTS)

    assert not facts.sees_inbound
    assert [len(group) for group in groups_of(TRIED, facts.attempts, facts)] == sizes


def test_where_answers_are_seen_an_address_without_a_name_stands_alone() -> None:
    script = "\n".join(line for line in ONE_WORKS.splitlines() if not line.startswith("9.0")).replace(" 192.0.2.2", "")
    facts = facts_of(script, product(TRIED), hosts=HOSTS)

    assert [len(group) for group in groups_of(TRIED, facts.attempts, facts)] == [1, 1]


def test_members_of_an_any_of_need_stand_for_each_other_and_those_of_an_all_of_need_do_not() -> None:
    script = "1.0 dev:50001 > one:443 SYN\n2.0 dev:50002 > one:4321 SYN\n"
    either, both = need(tcp(443), tcp(4321), addresses=NET), need(tcp(443), tcp(4321), group="all", addresses=NET)

    for wanted, sizes in ((either, [2]), (both, [1, 1])):
        facts = facts_of(script, product(wanted), hosts=HOSTS)
        assert [len(group) for group in groups_of(wanted, facts.attempts, facts)] == sizes
