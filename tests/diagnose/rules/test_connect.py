from __future__ import annotations

import pytest

from pcapaudit.diagnose.rules import connect
from pcapaudit.model.times import NS
from tests.support.judging import facts_of, need, product, tcp

TWO_PORTS = product(need(tcp(443), tcp(4321)))
HOSTS = {"cloud": "54.229.203.190"}


def _silence(*offsets: float, port: int = 4321) -> str:
    return "\n".join(f"{10 + o} dev:50000 > cloud:{port} SYN" for o in offsets)


@pytest.mark.parametrize(
    ("offsets", "end", "counted"),
    [
        pytest.param((0, 1, 3, 7), 30, 4, id="all had their time"),
        pytest.param((0, 1, 3, 7), 19, 3, id="the last one falls into the end"),
        pytest.param((0, 1), 30, 0, id="two tries are too few to name"),
        pytest.param((0, 3, 9), 30, 3, id="an old Windows stack"),
        pytest.param((0, 3, 6, 9, 12), 40, 5, id="a stack without back-off"),
    ],
)
def test_silence_is_counted_try_by_try(offsets: tuple[float, ...], end: float, counted: int) -> None:
    facts = facts_of(f"{_silence(*offsets)}\n{end} switch > * WATCH", product(), hosts=HOSTS)

    found = list(connect.syn_timeout(facts))

    assert [f.tries for f in found] == ([counted] if counted else [])


def test_one_of_two_ports_alone_proves_nothing_of_both() -> None:
    facts = facts_of(f"{_silence(0, 1, 3, 7)}\n40 switch > * WATCH", TWO_PORTS, hosts=HOSTS)

    assert list(connect.all_ports_fail(facts)) == []


def test_both_ports_silent_is_one_finding_with_the_attempts_of_both() -> None:
    script = f"{_silence(0, 1, 3)}\n20 dev:50001 > cloud:443 SYN\n21 dev:50001 > cloud:443 SYN\n40 switch > * WATCH"
    facts = facts_of(script, TWO_PORTS, hosts=HOSTS)

    (found,) = connect.all_ports_fail(facts)

    assert sorted({a.port for a in found.attempts}) == [443, 4321]
    assert found.independent == 2


def test_the_spacing_of_a_stack_is_told_with_the_silence_after_it() -> None:
    facts = facts_of(f"{_silence(0, 1, 3, 7)}\n60 switch > * WATCH", product(), hosts=HOSTS)
    tries = facts.attempts[0].tries

    said = connect.spacing(facts, tries, tries[-1])

    assert tries[-1].time_ns - tries[0].time_ns == 7 * NS
    assert "SYN at 0.0, 1.0, 3.0, 7.0 s" in said
    assert "goes on 43 s" in said
