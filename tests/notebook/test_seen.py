from __future__ import annotations

from textwrap import dedent

import pytest

from pcapaudit.diagnose.traits import traits_of
from pcapaudit.model.addresses import parse_ip
from pcapaudit.notebook.seen import Seen, Use, is_host_name, is_inside_site, is_own_name, look_at
from tests.support.judging import facts_of

HOSTS = {"cloud": "54.229.203.190", "google": "8.8.8.8"}
START = "0.0 dev > gw BOOT dns=10.0.0.1\n1.0 dev > gw LOOKUP api.acme-pumps.com A 54.229.203.190\n"


def seen_in(script: str, *, has_start: bool = True) -> Seen:
    facts = facts_of(START * has_start + dedent(script), hosts=HOSTS)
    return look_at(facts, traits_of(facts))


def test_a_connection_that_stays_open_lasts_as_long_as_answers_come() -> None:
    [use] = seen_in(
        """
        1.1   dev > cloud:4321 CONNECT
        1.2   dev > cloud:4321 EXCHANGE 120 60
        61.1  dev > cloud:4321 EXCHANGE 120 60
        90.0  switch > * WATCH
        """
    ).uses
    assert (use.transport, use.port, use.name, use.apps) == ("tcp", 4321, "api.acme-pumps.com", ("opaque",))
    assert (use.conversations, use.answered, use.intervals_s) == (1, 1, None)
    assert use.lasted_s == pytest.approx(60, abs=0.2)


def test_a_connection_that_was_closed_did_not_mean_to_stay() -> None:
    [use] = seen_in(
        """
        1.1   dev > cloud:4321 CONNECT
        61.1  dev > cloud:4321 EXCHANGE 120 60
        62.0  dev > cloud:4321 CLOSE
        """
    ).uses
    assert use.lasted_s is None


def test_an_interval_is_told_from_three_beginnings_on() -> None:
    talk = "{at} dev:{port} > cloud:80 CONNECT\n{at} dev:{port} > cloud:80 HTTP GET / host=API.Acme-Pumps.com:80\n"
    script = "".join(talk.format(at=at, port=50000 + at) for at in (10, 30, 51))
    [use] = seen_in(script).uses
    assert use.intervals_s == pytest.approx((20, 21))
    assert (use.name, use.apps, use.conversations) == ("api.acme-pumps.com", ("http",), 3)
    assert seen_in(script.partition("51")[0]).uses[0].intervals_s is None


def test_what_never_answered_is_counted_as_such() -> None:
    [use] = seen_in("2.0 dev:50001 > cloud:4321 SYN\n5.0 dev:50001 > cloud:4321 SYN\n").uses
    assert (use.conversations, use.answered) == (1, 0)


def test_of_the_names_of_one_address_the_one_asked_last_counts() -> None:
    uses = seen_in(
        """
        2.0 dev:50001 > cloud:4321 CONNECT
        3.0 dev > gw LOOKUP files.acme-pumps.com A 54.229.203.190
        4.0 dev:50002 > cloud:4321 CONNECT
        """
    ).uses
    assert [u.name for u in uses] == ["api.acme-pumps.com", "files.acme-pumps.com"]


def test_a_far_side_without_a_lookup_has_no_name() -> None:
    [use] = seen_in("2.0 dev > cloud:4321 CONNECT\n", has_start=False).uses
    assert (use.name, use.addresses) == (None, (parse_ip("54.229.203.190"),))
    assert not is_inside_site(use)


def test_tls_is_seen_by_its_first_message_and_names_the_far_side() -> None:
    [use] = seen_in("2.0 dev > cloud:8883 CONNECT\n2.1 dev > cloud:8883 TLS13 sni=mqtt.acme-pumps.com\n").uses
    assert (use.name, use.apps, use.is_encrypted) == ("mqtt.acme-pumps.com", ("tls",), True)


def test_what_a_proxy_is_asked_for_is_the_far_side() -> None:
    [use] = seen_in(
        """
        2.0  dev:50001 > pc:3128 CONNECT
        2.1  dev:50001 > pc:3128 HTTP CONNECT gk.acme-pumps.com:443
        2.2  pc:3128 > dev:50001 HTTP 200
        """
    ).uses
    assert (use.name, use.port, use.apps) == ("gk.acme-pumps.com", 443, ("opaque",))
    assert (use.addresses, use.proxy) == ((), parse_ip("10.0.0.9"))
    assert not is_inside_site(use)


def test_the_data_connections_of_ftp_are_no_services_of_their_own() -> None:
    uses = seen_in("2.0 dev > cloud:21 CONNECT\n3.0 dev > cloud:46669 CONNECT\n3.1 dev > cloud:46669 DATA 900\n").uses
    assert [u.port for u in uses] == [21]


def test_datagrams_are_counted_with_their_sizes() -> None:
    [use] = seen_in(
        "2.0 dev:29000 > cloud:8844 UDP 24\n2.1 cloud:8844 > dev:29000 UDP 30\n3.0 dev:29000 > cloud:8844 UDP 152"
    ).uses
    assert (use.transport, use.payload, use.answered) == ("udp", (24, 152), 1)


def test_dns_ntp_and_pings_are_not_far_sides_but_counted_for_themselves() -> None:
    seen = seen_in(
        """
        2.0 dev > google LOOKUP time.acme-pumps.com A 54.229.203.190
        3.0 dev > cloud NTP
        4.0 dev > cloud PING
        4.1 cloud > dev PONG
        """
    )
    assert seen.uses == ()
    assert [(r.address, r.questions, r.answered) for r in seen.resolvers] == [
        (parse_ip("10.0.0.1"), 1, 1),
        (parse_ip("8.8.8.8"), 1, 1),
    ]
    assert seen.given_resolvers == {parse_ip("10.0.0.1")}
    assert [(t.name, t.questions, t.answered) for t in seen.times] == [("time.acme-pumps.com", 1, 1)]
    assert [(p.questions, p.answered) for p in seen.pings] == [(1, 1)]
    assert len(seen.leases) == 1


def test_who_comes_to_a_service_of_the_device_is_a_caller() -> None:
    seen = seen_in("2.0 pc:40000 > dev:9001 CONNECT\n3.0 pc > dev EXCHANGE 10 10\n")
    assert [(c.address, c.port) for c in seen.callers] == [(parse_ip("10.0.0.9"), 9001)]
    assert seen.uses == ()


def test_a_name_that_is_no_host_name_is_kept_apart() -> None:
    seen = seen_in("2.0 dev > gw DNS? bad+name.acme-pumps.com A\n")
    assert seen.odd_names == ("bad+name.acme-pumps.com",)
    assert list(seen.queried) == ["api.acme-pumps.com"]


@pytest.mark.parametrize(
    ("name", "is_one", "is_own"),
    [
        ("gk.sensorist.com", True, True),
        ("wpad", True, False),
        ("printer.local", True, False),
        ("1.0.0.10.in-addr.arpa", True, False),
        ("com", True, False),
        ("54.229.203.190", False, False),
        ("a..b.com", False, False),
        ("a b.com", False, False),
        ("x\n- evil: true.com", False, False),
        ("-a.com", False, False),
        (f"{'a' * 64}.com", False, False),
        ("", False, False),
    ],
)
def test_a_host_name_is_told_from_what_is_none_and_from_names_of_the_site(
    name: str, is_one: bool, is_own: bool
) -> None:
    assert is_host_name(name) is is_one
    assert is_own_name(name) is is_own


def test_uses_stand_in_the_order_of_their_first_frames() -> None:
    def first(use: Use) -> int:
        return use.frames[0]

    uses = seen_in("2.0 dev > cloud:443 CONNECT\n3.0 dev > cloud:80 CONNECT\n4.0 dev:51000 > cloud:443 CONNECT\n").uses
    assert [u.port for u in uses] == [443, 80]
    assert list(uses) == sorted(uses, key=first)
