from __future__ import annotations

import pytest

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose import causes as module
from pcapaudit.diagnose.causes import Causes, silence_causes
from pcapaudit.diagnose.facts import Facts
from pcapaudit.model.addresses import ip_text
from tests.support.judging import facts_of, need, product, tcp, udp

NAME = "0.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
SYN = "5.0 dev:50001 > cloud:4321 SYN\n6.0 dev:50001 > cloud:4321 SYN\n"
WANTED = need(tcp(4321), tcp(443), hosts=["gk.acme.example"])


def unanswered(facts: Facts, address: str | None = None) -> Causes:
    silent = [a for a in facts.attempts if a.answered_ns is None and address in (None, ip_text(a.address))]
    return silence_causes(facts, silent)


def rank(script: str, wanted: Need = WANTED) -> Causes:
    return unanswered(facts_of(NAME + script, product(wanted)))


SIGNS = {
    # Catalogue 7.2: observation -> points to, weight, whether it is a contrast.
    "another host reaches it": (SYN + "9.0 pc:40000 > cloud:4321 CONNECT\n", "device_filter", 35, True),
    "another host fails there, too": (SYN + "9.0 pc:40000 > cloud:4321 SYN\n9.9 gw > dev PING\n", "server", 15, False),
    "the device reaches the server on another port": (SYN + "9.0 dev:50002 > cloud:80 CONNECT\n", "filter", 25, True),
    "the device reaches another server on this port": (
        SYN + "9.0 dev:50002 > 192.0.2.9:4321 CONNECT\n9.5 dev > 192.0.2.9:4321 EXCHANGE 9 9\n",
        "filter",
        15,
        True,
    ),
    "nobody gets anything from outside": (SYN + "9.0 pc:40000 > 192.0.2.9:80 SYN\n", "uplink", 40, False),
    "a public resolver is silent, the local one is not": (
        "1.0 dev > 8.8.8.8 DNS? a.example A\n2.0 dev > 8.8.8.8 DNS? b.example A\n" + SYN,
        "policy",
        25,
        False,
    ),
    "other connections need several SYNs": (
        SYN + "9.0 dev:50002 > 192.0.2.9:80 SYN\n10.0 dev:50002 > 192.0.2.9:80 CONNECT\n",
        "loss",
        30,
        False,
    ),
    "it fails for everybody and comes back for everybody": (
        SYN + "5.5 pc:40000 > cloud:4321 SYN\n6.0 pc:40000 > cloud:4321 SYN\n"
        "9.0 pc:40001 > cloud:4321 CONNECT\n9.5 dev:50002 > cloud:4321 CONNECT\n9.9 dev:50002 > cloud EXCHANGE 9 9\n",
        "server",
        30,
        False,
    ),
    "it worked before": (
        "1.0 dev:50009 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9\n" + SYN,
        "filter",
        10,
        False,
    ),
}


@pytest.mark.parametrize(("script", "kind", "weight", "is_contrast"), SIGNS.values(), ids=SIGNS)
def test_an_observation_points_to(script: str, kind: str, weight: int, *, is_contrast: bool) -> None:
    causes = rank(script)

    assert (kind, weight) in {(c.kind, c.weight) for c in causes.ranked}
    assert causes.has_contrast is is_contrast
    assert any(c.is_contrast for c in causes.ranked if c.kind == kind) is is_contrast


ELSEWHERE = "8.0 dev:50002 > 192.0.2.9:4321 CONNECT\n8.5 dev > 192.0.2.9:4321 EXCHANGE 9 9\n"
OWN = {
    "of two ports of the server the first": (
        "9.0 dev:50002 > cloud:80 CONNECT\n9.2 dev:50003 > cloud:81 CONNECT",
        ["the device reaches 54.229.203.190 on port 80 (frame 5)"],
    ),
    "a port, and another server": (
        ELSEWHERE + "9.0 dev:50003 > cloud:80 CONNECT",
        [
            "the device reaches 54.229.203.190 on port 80 (frame 11)",
            "the device reaches 192.0.2.9 on the same port 4321 (frame 5)",
        ],
    ),
    "a flow that shows the one does not show the other as well": (
        "6.5 dev:50002 > 192.0.2.9:443 SYN\n8.0 dev:50003 > cloud:443 CONNECT\n8.5 dev > cloud:443 EXCHANGE 9 9",
        ["the device reaches 54.229.203.190 on port 443 (frame 6)"],
    ),
    "no server of the site": ("9.0 dev:50002 > pc:4321 CONNECT\n9.5 dev > pc:4321 EXCHANGE 9 9", []),
    "no server that is silent, too": ("9.0 dev:50002 > 192.0.2.9:4321 SYN", []),
}


@pytest.mark.parametrize(("script", "expected"), OWN.values(), ids=OWN)
def test_what_the_device_itself_reaches_is_told_once_a_kind(script: str, expected: list[str]) -> None:
    reached = [c.because for c in rank(SYN + script).ranked if c.because.startswith("the device reaches")]

    assert reached == expected


def test_where_the_service_worked_before_only_what_is_heard_since_is_told() -> None:
    before = "1.0 dev:50009 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9\n3.0 dev:50008 > cloud:80 CONNECT\n"

    assert not [c for c in rank(before + SYN).ranked if "on port 80" in c.because]
    assert [c for c in rank(before + SYN + "9.0 cloud:80 > dev:50008 DATA 9\n").ranked if "on port 80" in c.because]


def test_causes_stand_in_order_of_their_weight() -> None:
    causes = rank(SYN + "9.0 pc:40000 > cloud:4321 CONNECT\n10.0 dev:50002 > cloud:80 CONNECT\n")

    weights = [c.weight for c in causes.ranked]
    assert weights == sorted(weights, reverse=True)
    assert causes.ranked[0].kind == "device_filter"


@pytest.mark.parametrize(("port", "first"), [(4321, "filter"), (443, "server")])
def test_without_any_sign_the_port_decides_what_is_named_first(port: int, first: str) -> None:
    facts = facts_of(NAME + f"5.0 dev:50001 > cloud:{port} SYN\n8.0 cloud > dev PING\n", product(WANTED))

    assert unanswered(facts).ranked[0].kind == first
    assert {c.weight for c in unanswered(facts).ranked} == {0}


def test_silence_over_udp_may_be_a_server_that_discards() -> None:
    # TEK-19: a device that is not registered gets no answer.
    causes = rank("5.0 dev:30001 > cloud:8844 UDP 40\n", need(udp(8844)))

    assert [(c.kind, c.weight) for c in causes.ranked] == [("filter", 15), ("registration", 5)]


def test_some_addresses_of_a_name_that_never_work_point_to_an_address_filter() -> None:
    facts = facts_of(
        "0.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190 192.0.2.9\n"
        "1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9\n5.0 dev:50002 > 192.0.2.9:4321 SYN\n",
        product(WANTED),
    )

    assert 20 in {c.weight for c in unanswered(facts, "192.0.2.9").ranked if c.kind == "filter"}


def test_nothing_unanswered_has_no_cause() -> None:
    assert silence_causes(facts_of(NAME, product(WANTED)), []) == Causes()


def test_that_others_fail_too_is_seen_however_often_the_service_was_called_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_CALLS", 2)
    before = "".join(f"{n}.5 pc:{40000 + n} > cloud:4321 CONNECT\n" for n in range(1, 4))
    own = "20.0 dev:50001 > cloud:4321 SYN\n21.0 dev:50001 > cloud:4321 SYN\n22.0 pc:40009 > cloud:4321 SYN\n"

    assert "server" in {c.kind for c in rank(before + own).ranked if "gets no answer there either" in c.because}


def test_an_answer_from_outside_counts_however_late_it_comes() -> None:
    crowd = "10.0 repeat 2100 every 0.01:\n  0.0 pc > 192.0.2.9:80 SYN new\n"

    assert "uplink" in {c.kind for c in rank(SYN + crowd).ranked}
    assert "uplink" not in {c.kind for c in rank(SYN + crowd + "99.0 pc:40001 > 192.0.2.9:443 CONNECT\n").ranked}
