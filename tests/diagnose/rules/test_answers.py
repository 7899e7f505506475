from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import answers
from tests.support.judging import facts_of, need, product, tcp

PUBLIC = product(need(tcp(4321), hosts=["gk.sensorist.com"]))
PRIVATE = product(need(tcp(9001), hosts=["*.skalanexus.com"], expects_private_address=True))


@pytest.mark.parametrize(
    ("address", "fires"),
    [
        ("0.0.0.0", True),
        ("127.0.0.1", True),
        ("192.168.7.7", True),
        ("203.0.113.9", True),
        ("54.229.203.190", False),
    ],
)
def test_a_public_name_must_not_lead_to_where_no_server_can_be(address: str, fires: bool) -> None:
    facts = facts_of(f"1 dev > gw LOOKUP gk.sensorist.com A {address}\n60 switch > * WATCH", PUBLIC)

    assert bool(list(answers.sinkhole(facts))) is fires


def test_a_name_that_is_private_by_design_is_no_sinkhole() -> None:
    facts = facts_of("1 dev > gw LOOKUP b1.skalanexus.com A 192.168.7.7\n60 switch > * WATCH", PRIVATE)

    assert list(answers.sinkhole(facts)) == []


@pytest.mark.parametrize(("authority", "rule"), [("", "DNS-REBIND-FILTERED"), (" soa", "DNS-NODATA")])
def test_an_empty_answer_without_the_zones_soa_was_emptied_on_the_way(authority: str, rule: str) -> None:
    empty = "{t} dev > gw DNS? b1.skalanexus.com A id={t}\n{t}.1 gw > dev DNS! b1.skalanexus.com A empty{soa}\n"
    script = "".join(empty.format(t=t, soa=authority) for t in (1, 11))
    facts = facts_of(script + "60 switch > * WATCH", PRIVATE)

    found = [*answers.nodata(facts), *answers.rebind_filtered(facts)]

    assert [f.rule for f in found] == [rule]
