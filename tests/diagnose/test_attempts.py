from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from pcapaudit.catalog.schema import Need, Param, Signature
from pcapaudit.diagnose import attempts as module
from pcapaudit.diagnose.attempts import Attempt, series_of
from pcapaudit.model.words import Direction, Identification, Stage
from tests.support.judging import facts_of, need, outward, product, tcp, udp

LOOKUP = "0.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
NAMED = need(tcp(443), tcp(4321), hosts=["gk.acme.example"])


def attempts(script: str, signature: Signature, **details: Any) -> list[Attempt]:
    return facts_of(script, signature, **details).attempts


def test_flows_become_attempts_of_the_need_whose_name_and_port_they_use() -> None:
    found = attempts(
        LOOKUP + "1.0 dev:50001 > cloud:4321 SYN\n2.0 dev:50002 > cloud:443 SYN\n3.0 dev:50003 > cloud:80 SYN",
        product(NAMED),
    )

    assert [(a.port, a.member, a.host, a.transport) for a in found] == [
        (4321, 1, "gk.acme.example", "tcp"),
        (443, 0, "gk.acme.example", "tcp"),
    ]
    assert [a.endpoint.ports[0].low for a in found] == [4321, 443]


BINDING = {
    "its own port without any name": (NAMED, "1.0 dev:50001 > cloud:4321 SYN", 1),
    "a common port without any name is anybody's": (NAMED, "1.0 dev:50001 > cloud:443 SYN", 0),
    "a common port to an address of the paper": (
        need(tcp(443), hosts=["gk.acme.example"], addresses=(ip_network("54.229.203.190/32"),)),
        "1.0 dev:50001 > cloud:443 SYN",
        1,
    ),
    "another name on its port": (
        NAMED,
        "0.0 dev > gw LOOKUP www.other.example A 54.229.203.190\n1.0 dev:50001 > cloud:4321 SYN",
        0,
    ),
    "the name in the TLS hello": (
        need(tcp(443), hosts=["gk.acme.example"]),
        "1.0 dev:50001 > cloud:443 CONNECT\n1.5 dev:50001 > cloud:443 TLS hello sni=gk.acme.example",
        1,
    ),
    "the name in the HTTP request": (
        need(tcp(80), hosts=["gk.acme.example"]),
        "1.0 dev:50001 > cloud:80 CONNECT\n1.5 dev:50001 > cloud:80 HTTP GET / host=gk.acme.example:80",
        1,
    ),
    "another transport": (need(udp(4321)), "1.0 dev:50001 > cloud:4321 SYN", 0),
    "what others open to the device is no outward need": (need(tcp(4321)), "1.0 cloud:50001 > dev:4321 SYN", 0),
    "an inward need": (need(tcp(9001), direction=Direction.IN), "1.0 pc:50001 > dev:9001 SYN", 1),
    "a need of the resolver's own stage": (need(udp(53, app="dns")), "1.0 dev > gw DNS? a.example A", 0),
}


@pytest.mark.parametrize(("wanted", "script", "count"), BINDING.values(), ids=BINDING)
def test_a_flow_belongs_to_a_need_by(wanted: Need, script: str, count: int) -> None:
    assert len(attempts(script, product(wanted))) == count


def test_a_signature_that_the_engineer_named_takes_common_ports_too() -> None:
    script = "1.0 dev:50001 > cloud:443 SYN"

    assert len(attempts(script, product(NAMED), kind=Identification.ENGINEER)) == 1


def test_a_parameters_value_replaces_the_ports() -> None:
    wanted = need(tcp(57001, param="app_port"))
    signature = product(wanted, params={"app_port": Param("port", 57000, 57999, "application")})
    script = "1.0 dev:50001 > cloud:57001 SYN\n2.0 dev:50002 > cloud:57123 SYN"

    assert [a.port for a in attempts(script, signature)] == [57001]
    assert [a.port for a in attempts(script, signature, values={"app_port": 57123})] == [57123]


def test_a_required_need_comes_before_an_optional_one_on_the_same_port() -> None:
    optional, wanted = need(tcp(4321), required=False, id="ACM-02"), need(tcp(4321))

    assert [a.need.id for a in attempts("1.0 dev:50001 > cloud:4321 SYN", product(optional, wanted))] == ["ACM-01"]


def test_a_name_decides_between_needs_on_the_same_port() -> None:
    first, second = need(tcp(443), hosts=["a.acme.example"], id="ACM-02"), need(tcp(443), hosts=["gk.acme.example"])

    assert [a.need.id for a in attempts(LOOKUP + "1.0 dev:50001 > cloud:443 SYN", product(first, second))] == ["ACM-01"]


def test_a_connection_from_the_middle_is_the_devices_attempt() -> None:
    [attempt] = attempts("1.0 cloud:4321 > dev:2000 DATA 10\n1.1 dev > cloud ACK\n1.2 dev > cloud DATA 5", product())

    assert (attempt.port, attempt.flow.orig[1]) == (4321, 2000)
    assert attempt.frames == [3]


def test_tries_are_the_packets_that_ask() -> None:
    [connection] = attempts("1.0 dev:50001 > cloud:4321 SYN\n2.0 dev:50001 > cloud:4321 SYN", product())
    [datagrams] = attempts(
        "1.0 dev:30001 > cloud:8844 UDP 9\n9.0 dev:30001 > cloud:8844 UDP 9", product(need(udp(8844)))
    )

    assert (connection.frames, datagrams.frames) == ([1, 2], [1, 2])
    assert connection.is_unanswered
    assert datagrams.last_try_ns - datagrams.began_ns == 8_000_000_000


def test_an_answered_attempt_says_when() -> None:
    [attempt] = attempts("1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9", product())

    assert attempt.has(Stage.RETURN)
    assert attempt.answered_ns == attempt.flow.received_data[0].time_ns
    attempt.failed_at = Stage.PERSIST
    assert attempt.answered_ns is not None
    attempt.failed_at = Stage.APP
    assert attempt.answered_ns is None


def test_one_direction_shows_attempts_and_their_answers() -> None:
    script = "1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9"

    [attempt] = facts_of(script, product(), outward).attempts

    assert not attempt.is_unanswered
    assert attempt.answered_ns is not None


def test_attempts_at_one_endpoint_form_a_series() -> None:
    found = attempts(
        "1.0 dev:50001 > cloud:4321 SYN\n2.0 dev:50002 > 192.0.2.9:4321 SYN\n3.0 dev:50003 > cloud:4321 SYN", product()
    )

    series = series_of(found)

    assert [[p.frame for p in s.tries] for s in series] == [[1, 3], [2]]
    assert series[0].first is found[0]


def test_attempts_stand_in_the_order_of_their_beginning() -> None:
    found = attempts("2.0 dev:50002 > cloud:4321 SYN\n1.0 dev:50001 > cloud:4321 SYN", product())

    assert [a.flow.orig[1] for a in found] == [50001, 50002]


def test_a_reply_whose_question_the_capture_missed_is_of_an_attempt_of_the_device() -> None:
    script = "1.0 cloud:8844 > dev:29926 UDP 48\n12.0 dev:29926 > cloud:8844 UDP 40\n"

    (attempt,) = attempts(script, product(need(udp(8844))))

    assert (attempt.port, attempt.address, len(attempt.tries)) == (8844, bytes([54, 229, 203, 190]), 1)
    assert attempt.has(Stage.RETURN)


def test_a_datagram_to_a_service_of_the_device_is_no_reply() -> None:
    asked_there = need(udp(8844), direction=Direction.IN)

    found = attempts("1.0 cloud:8844 > dev:8844 UDP 48\n", product(need(udp(8844)), asked_there))

    assert [a.need.direction for a in found] == ["in"]


HIDDEN_TRANSFER = """
50.1 dev:50001 > cloud:21 CONNECT
50.2 cloud:21 > dev:50001 FTP 220 ready
50.3 dev:50001 > cloud:21 FTP AUTH TLS
50.4 cloud:21 > dev:50001 FTP 234 go ahead
50.5 dev:50001 > cloud:21 TLS13 sni=gk.acme.example data=4
53.0 dev:50002 > cloud:51201 CONNECT
53.1 dev:50002 > cloud:51201 EXCHANGE 9 9
53.5 cloud:21 > dev:50001 TLS data 60
"""


@pytest.mark.parametrize("caller", ["pc", "dev"])
def test_a_transfer_is_found_however_many_connections_the_server_had_before(
    caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BESIDE", 2)
    before = "".join(f"{n}.0 {caller}:{40000 + n} > cloud:80 CONNECT\n" for n in range(1, 6))
    ftp = product(need(tcp(21, app="ftp"), hosts=["gk.acme.example"]))

    (attempt,) = attempts(LOOKUP + before + HIDDEN_TRANSFER, ftp)

    assert attempt.has(Stage.RETURN)
