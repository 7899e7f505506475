from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.catalog.schema import Endpoint, Need, Range
from pcapaudit.diagnose.rules import tls
from pcapaudit.model.addresses import parse_ip
from tests.support.scene import devices_of, read_capture
from tests.support.services import facts_of, outcomes, product

SERVER, CLIENT = [("TLS-ALERT-SERVER", "tls", "failed")], [("TLS-ALERT-CLIENT", "tls", "failed")]


def greeted(answer: str) -> str:
    """A connection on which the device greets in frame 4 and ``answer`` follows."""
    return f"""
        0.0   dev:50001 > cloud:443 CONNECT
        0.1   dev:50001 > cloud:443 TLS hello sni=gk.sensorist.com
        0.13  {answer}
        20.0  switch > * WATCH
    """


@pytest.mark.parametrize(
    ("code", "text"), [(48, "alert 48 (unknown_ca)"), (70, "alert 70 (protocol_version)"), (250, "alert 250")]
)
def test_alerts_have_the_names_of_rfc_8446(code: int, text: str) -> None:
    assert tls.alert_name(code) == text


@pytest.mark.parametrize(
    ("alert", "expected"),
    [("40", SERVER), ("70", SERVER), ("112", SERVER), ("112 warning", []), ("close", []), ("90", [])],
)
def test_a_fatal_alert_of_the_server_is_a_refusal(alert: str, expected: list[tuple[str, str, str]]) -> None:
    facts = facts_of(greeted(f"cloud:443 > dev:50001 TLS alert {alert}"))

    assert outcomes(tls.alert_by_server, facts) == expected


@pytest.mark.parametrize(
    ("alert", "expected"), [("42", CLIENT), ("45", CLIENT), ("46", CLIENT), ("48", CLIENT), ("close", []), ("90", [])]
)
def test_an_alert_about_the_certificate_is_the_devices_refusal(
    alert: str, expected: list[tuple[str, str, str]]
) -> None:
    facts = facts_of(greeted(f"dev:50001 > cloud:443 TLS alert {alert}"))

    assert outcomes(tls.alert_by_device, facts) == expected


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        pytest.param("cloud:443 > dev:50001 RST", ["TLS-RST-AFTER-SNI"], id="a reset"),
        pytest.param("cloud:443 > dev:50001 FIN", ["TLS-RST-AFTER-SNI"], id="a FIN without a byte"),
        pytest.param("cloud:443 > dev:50001 ACK", ["TLS-NO-SERVERHELLO"], id="an acknowledgment alone"),
        pytest.param("cloud:443 > dev:50001 DATA text=SSH-2.0-x", ["TLS-NO-TLS"], id="another protocol"),
        pytest.param("dev:50001 > cloud:443 RST", [], id="the device goes"),
        pytest.param("cloud:443 > dev:50001 TLS alert 40", [], id="an alert"),
    ],
)
def test_each_way_to_answer_a_greeting_belongs_to_one_rule(answer: str, rules: list[str]) -> None:
    facts = facts_of(greeted(answer))
    checks = (tls.no_server_hello, tls.reset_after_name, tls.no_tls)

    assert [rule for check in checks for rule, _, _ in outcomes(check, facts)] == rules


def test_a_greeting_that_is_repeated_without_acknowledgment_is_the_paths_matter() -> None:
    facts = facts_of(
        """
        0.0   dev:50001 > cloud:443 CONNECT
        0.1   dev:50001 > cloud:443 TLS hello sni=gk.sensorist.com lost
        0.4   dev:50001 > cloud:443 AGAIN lost
        1.0   dev:50001 > cloud:443 AGAIN lost
        20.0  switch > * WATCH
        """
    )

    assert outcomes(tls.no_server_hello, facts) == []


def test_the_reset_of_one_name_stands_out_against_another_name_that_passes() -> None:
    facts = facts_of(
        greeted("cloud:443 > dev:50001 RST ttl=64")
        + """
        30.0  pc:40001 > cloud:443 CONNECT
        30.1  pc:40001 > cloud:443 TLS13 sni=other.sensorist.com
        """
    )
    (found,) = tls.reset_after_name(facts)

    assert found.has_contrast
    assert found.is_agreed
    assert {4, 5} <= set(found.frames)


def test_a_real_device_that_refuses_a_certificate_is_heard(shared_captures: Path) -> None:
    """Alerts 42 in frames 32 and 34, as tshark shows them; the handshake is TLS 1.3, the certificate hidden."""
    capture = read_capture(shared_captures / "iot-boot" / "testrun__dns__captures__dns_no_dns__monitor.pcap")
    broker = product(Need(id="X-01", what="broker", endpoints=(Endpoint("tcp", (Range(8883, 8883),)),)))
    facts = next(f for f in devices_of(capture, broker, "10.10.10.14") if parse_ip("10.10.10.14") in f.addresses)
    found = [f for check in (tls.alert_by_device, tls.alert_by_server, tls.no_server_hello) for f in check(facts)]

    assert [(f.rule, f.facts) for f in found] == [("TLS-ALERT-CLIENT", {"alert": 42})]
    assert {32, 34} <= set(found[0].frames)
