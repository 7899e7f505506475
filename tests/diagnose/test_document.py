from __future__ import annotations

from dataclasses import replace

from pcapaudit.catalog.schema import Indicator
from pcapaudit.diagnose.document import CONTRADICTED, count_attempts, device_report
from pcapaudit.model.report import DeviceReport, Said
from pcapaudit.model.words import STAGES, IndicatorKind, Role, Severity, Stage, State, Verdict
from tests.support.judging import diagnosis_of, facts_of, need, product, tcp, udp

NAME = "0.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
SILENT = "".join(f"{t}.0 dev:50002 > cloud:4321 SYN\n" for t in (11, 12, 14, 18)) + "60.0 switch > * WATCH\n"
WORKS = "1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev > cloud EXCHANGE 9 9\n"
BOX = product(need(tcp(4321), hosts=["gk.acme.example"]), need(udp(53, app="dns"), id="ACM-02", what="names"))


def report(script: str, said: Said | None = None) -> DeviceReport:
    return device_report(diagnosis_of(NAME + script, BOX), None, 0, said or Said(None, None))


def test_every_stage_is_told_in_the_order_of_the_ladder() -> None:
    assert [s.stage for s in report(WORKS).stages] == list(STAGES)


def test_a_device_is_told_in_text() -> None:
    told = report(WORKS)

    assert (told.mac, told.addresses, told.signature, told.vendor) == (
        "02:00:0a:00:00:05",
        ("10.0.0.5",),
        "acme/box",
        "acme",
    )
    assert (told.verdict, told.root_cause, told.next_step) == (Verdict.HEALTHY, None, None)


def test_needs_stand_in_the_signatures_order_with_their_endpoints() -> None:
    cloud, names = report(SILENT).needs

    assert (cloud.id, cloud.state, cloud.attempts, cloud.frames) == ("ACM-01", State.FAILED, 1, (3, 4, 5, 6))
    assert [s.stage for s in cloud.stages] == [Stage.CONNECT, Stage.TLS, Stage.APP, Stage.RETURN, Stage.PERSIST]
    [endpoint] = cloud.endpoints
    assert (endpoint.host, endpoint.address, endpoint.transport, endpoint.port) == (
        "gk.acme.example",
        "54.229.203.190",
        "tcp",
        4321,
    )
    assert (endpoint.attempts, endpoint.tries) == (1, 4)
    assert (endpoint.first, endpoint.last) == ("2026-01-05T08:00:11.000000Z", "2026-01-05T08:00:18.000000Z")
    assert (names.id, names.state) == ("ACM-02", State.OK)


def test_a_finding_over_several_ports_names_the_one_that_was_tried_first() -> None:
    both = product(need(tcp(4321), tcp(443), hosts=["gk.acme.example"]))
    tries = "".join(
        f"{t}.0 dev:{50000 + t} > cloud:{port} SYN\n{t + 1}.0 dev:{50000 + t} > cloud:{port} SYN\n"
        for t, port in ((11, 4321), (15, 443), (25, 4321), (35, 443))
    )
    told = device_report(diagnosis_of(NAME + tries + "90.0 switch > * WATCH\n", both), None, 0, Said(None, None))
    summary = next(f for f in told.findings if f.rule == "TCP-ALL-PORTS-FAIL")

    assert summary.endpoint is not None
    assert (summary.endpoint.address, summary.endpoint.transport, summary.endpoint.port) == (
        "54.229.203.190",
        "tcp",
        4321,
    )


def test_a_failed_device_has_its_cause_first_and_since_when() -> None:
    told = report(SILENT)

    assert told.verdict is Verdict.FAILED
    assert told.since == "2026-01-05T08:00:11.000000Z"
    assert told.root_cause is not None
    cause = told.findings[0]
    assert (cause.rule, cause.role, cause.severity) == (told.root_cause.rule, Role.CAUSE, Severity.ERROR)
    assert cause.remedy is not None
    assert cause.evidence.frames
    assert "ip.addr == 10.0.0.5" in (cause.evidence.display_filter or "")
    assert "frame.number in {" in (cause.evidence.display_filter or "")
    assert "tcp.stream" not in (cause.evidence.display_filter or "")


def test_nothing_of_a_healthy_device_weighs_more_than_a_note() -> None:
    told = report("1.0 dev:50009 > cloud:4321 SYN\n" + WORKS.replace("1.0", "20.0").replace("2.0", "21.0"))

    assert told.verdict is Verdict.HEALTHY
    assert {f.severity for f in told.findings} <= {Severity.NOTE}


def test_a_statement_that_contradicts_makes_the_finding_less_sure() -> None:
    # Catalogue 14.3: minus 15.
    alone, against, along = (
        report(SILENT),
        report(SILENT, Said("green", None)),
        report(SILENT, Said("blinking red", None)),
    )

    assert alone.root_cause is not None
    assert against.root_cause is not None
    assert along.root_cause is not None
    assert against.root_cause.confidence == alone.root_cause.confidence - CONTRADICTED
    assert along.root_cause.confidence == alone.root_cause.confidence
    assert against.findings[0].confidence == against.root_cause.confidence
    assert against.said_note is not None


def test_an_led_of_which_nothing_was_made_is_told_and_takes_nothing_from_the_findings() -> None:
    lit = replace(BOX, indicators=(Indicator(IndicatorKind.LED, "solid red"), Indicator(IndicatorKind.LED, "green")))
    alone, unheard = (device_report(diagnosis_of(SILENT, lit), None, 0, Said(led, None)) for led in (None, "purple"))

    assert unheard.said_note == 'Nothing was made of "purple": what the paper knows of the LED is solid red, green.'
    assert unheard.root_cause == alone.root_cause


def test_outside_the_translator_the_routers_mac_is_not_told() -> None:
    world = {"cloud": "54.229.203.190", "nat": {"ip": "198.51.100.7", "mac": "02:00:00:00:00:aa", "ttl": 63}}
    d = diagnosis_of(
        "1.0 nat:50001 > cloud:4321 CONNECT\n2.0 nat > cloud EXCHANGE 9 9",
        product(),
        hosts=world,
        address="198.51.100.7",
    )

    told = device_report(d, None, 0, Said(None, None))

    assert (told.mac, told.vantage) == (None, "wan")
    assert [s.state for s in told.stages[:3]] == [State.NOT_APPLICABLE] * 3


def test_attempts_are_connections_or_datagrams() -> None:
    connections = facts_of("1.0 dev:50001 > cloud:4321 SYN\n2.0 dev:50001 > cloud:4321 SYN", product()).attempts
    datagrams = facts_of(
        "1.0 dev:30001 > cloud:8844 UDP 9\n9.0 dev:30001 > cloud:8844 UDP 9", product(need(udp(8844)))
    ).attempts

    assert (count_attempts(connections), count_attempts(datagrams)) == (1, 2)
