from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.model.report import Report
from pcapaudit.model.words import Action, Addressee
from pcapaudit.report.registry import Look, render
from pcapaudit.report.requests import (
    MAX_LISTED,
    MAX_SHOWN,
    MAX_SUBJECT,
    ChangeRequest,
    as_mapping,
    find_requests,
    say_body,
    say_subject,
)
from tests.support.reports import NAMES, any_report, load_report
from tests.support.scene import play_script

CLOUD = "54.229.203.190"
SILENT = """
{at}.0 {name} > gw BOOT
{at}.3 {name} > gw LOOKUP {host} A {to}
{at}.4 {name}:50001 > {to}:4321 SYN
+1.0   {name}:50001 > {to}:4321 SYN
+9.0   {name}:50002 > {to}:443 SYN
+1.0   {name}:50002 > {to}:443 SYN
+9.0   {name}:50003 > {to}:4321 SYN
"""
WATCH = "\n99.0 switch > * WATCH\n"


def gateway(name: str, at: int = 0, host: str = "gk.sensorist.com", to: str = CLOUD) -> str:
    """A Sensorist gateway that boots and gets no answer on either port."""
    return SILENT.format(name=name, at=at, host=host, to=to)


def audited(script: str, hosts: dict[str, object] | None = None, **options: str) -> Report:
    frames = play_script(script + WATCH, hosts or {})
    return audit_frames(((f.time_ns, f.data, f.wire_len) for f in frames), AuditOptions(**options))  # type: ignore[arg-type]


def asked(report: Report, to: Addressee) -> list[ChangeRequest]:
    return [request for request in find_requests(report) if request.to is to]


def in_ring(report: Report) -> Report:
    capture = report.captures[0]
    return replace(report, captures=(replace(capture, files=capture.files * 2),))


PLACED = audited(gateway("dev"), {"dev": {"ip": "10.0.0.5", "vlan": "20"}}, mirror_point="core-sw1 port 24")
FIELDS = {
    "the device": "10.0.0.5 (MAC 02:00:0a:00:00:05, VLAN 20)",
    "the name and its addresses": "gk.sensorist.com (resolved on 2026-01-05 to 54.229.203.190",
    "why not by address, with the fact": "they may change, so by name or by port, not by address: SEN-05",
    "protocol and ports": "TCP 443 and 4321",
    "the direction": "outbound, with the replies to it (stateful; no inbound rule is needed)",
    "the mirror point": "at core-sw1 port 24:",
    "how often": "3 attempts from",
    "from when to when, with the offset": "from 2026-01-05 08:00:00+00:00 to 2026-01-05 08:00:20+00:00",
    "the frames": "(frames 10, 11, 12, 13, 14)",
    "where to search": "search the firewall's log for:\n- 10.0.0.5, port 443 or 4321, at 2026-01-05 08:00:00+00:00,",
    "what else may drop it": "application control, a country or reputation filter, or TLS inspection",
    "what one test decides": "connect a PC to the same port with the same address and try gk.sensorist.com on TCP",
    "how sure it is": "TCP-ALL-PORTS-FAIL",
}


@pytest.mark.parametrize("words", FIELDS.values(), ids=FIELDS)
def test_the_mail_to_the_firewall_team_has_every_field_of_the_form(words: str) -> None:
    (request,) = asked(PLACED, Addressee.FIREWALL)

    assert words in say_body(request)


def test_an_unknown_field_is_left_out() -> None:
    (request,) = asked(audited(gateway("dev")), Addressee.FIREWALL)

    text = say_body(request)

    assert not [word for word in ("None", "VLAN", "unknown", " at :", "()") if word in text]


def test_the_same_device_or_another_that_works_stands_beside_what_fails() -> None:
    (request,) = asked(audited(gateway("dev") + f"40.0 pc:1 > {CLOUD}:443 CONNECT"), Addressee.FIREWALL)

    assert "For contrast: 10.0.0.9 reaches 54.229.203.190:443 (frame 16)." in say_body(request)


def test_forty_devices_with_one_fault_are_one_mail_to_each_addressee() -> None:
    hosts: dict[str, object] = {f"g{n}": f"10.0.0.{100 + n}" for n in range(40)}
    report = audited("".join(gateway(name) for name in hosts), hosts)

    requests = find_requests(report)

    assert [r.to for r in requests] == [Addressee.LAN, Addressee.FIREWALL]
    for request in requests:
        text = say_body(request)
        assert [d.name for d in request.devices] == [f"10.0.0.{100 + n}" for n in range(40)]
        assert "40 devices (Sensorist / Oscar TempLog gateway)" in say_subject(request)
        assert all(f"- 10.0.0.{100 + n} (MAC" in text for n in range(40))
        assert f"- and {40 - MAX_SHOWN} more, all in the table" in text


def test_devices_that_tried_different_names_of_one_service_are_asked_for_together() -> None:
    hosts: dict[str, object] = {"a": "10.0.0.11", "b": "10.0.0.12", "c": "10.0.0.13"}
    both = "30.0 b > gw LOOKUP gk.sensorist.net A 54.229.68.147\n31.0 b:50009 > 54.229.68.147:4321 SYN\n"
    report = audited(gateway("a") + gateway("b") + both + gateway("c"), hosts)

    (request,) = asked(report, Addressee.FIREWALL)

    assert [d.name for d in request.devices] == ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
    assert [far.host for far in request.flows] == ["gk.sensorist.com", "gk.sensorist.net"]


def test_another_far_side_is_another_request() -> None:
    hosts: dict[str, object] = {"a": "10.0.0.11", "b": "10.0.0.12"}
    ipad = (
        "0.0 b > gw BOOT\n0.5 b > gw LOOKUP skalacontrol.com A 52.18.77.40\n1.0 b:50001 > 52.18.77.40:443 SYN\n"
        "+1.0 b:50001 > 52.18.77.40:443 SYN\n+2.0 b:50001 > 52.18.77.40:443 SYN\n"
    )
    report = audited(gateway("a") + ipad, hosts)

    named = [[far.host for far in request.flows] for request in asked(report, Addressee.FIREWALL)]

    assert sorted(named) == [["gk.sensorist.com"], ["skalacontrol.com"]]


TRIES = "0.0 {0} > * DHCP DISCOVER\n4.0 {0} > * DHCP DISCOVER\n12.0 {0} > * DHCP DISCOVER\n2.0 pc > gw BOOT\n"


@pytest.mark.parametrize(
    ("script", "to", "count"),
    [(gateway("{0}"), Addressee.FIREWALL, 1), (TRIES, Addressee.LAN, 2)],
    ids=["a service outside is one for all sites", "a LAN is not"],
)
def test_captures_may_be_of_two_sites(script: str, to: Addressee, count: int) -> None:
    one, other = (audited(script.format(name), {name: ip}) for name, ip in (("a", "10.0.0.11"), ("b", "10.0.0.12")))
    (device,) = other.devices
    findings = tuple(replace(f, evidence=replace(f.evidence, capture=1)) for f in device.findings)
    both = replace(
        one,
        captures=(*one.captures, *other.captures),
        devices=(*one.devices, replace(device, capture=1, findings=findings)),
    )

    assert len(asked(both, to)) == count


def test_a_healthy_device_asks_nothing_of_anybody() -> None:
    works = (
        "0.0 dev > gw BOOT\n1.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"
        "1.1 dev:50001 > 54.229.203.190:4321 CONNECT\n1.5 dev > 54.229.203.190:4321 EXCHANGE 120 60\n"
    )
    report = audited(works)

    assert [d.verdict for d in report.devices] == ["healthy"]
    assert find_requests(report) == ()
    assert "There is nothing to change" in render(report, "requests")


def test_where_nothing_is_certain_yet_the_next_step_is_said() -> None:
    text = render(load_report("undecided_late_start"), "requests")

    assert text.startswith("There is nothing to ask of anybody yet. ")
    assert (load_report("undecided_late_start").devices[0].next_step or "-") in text


def test_a_document_without_the_parts_still_gives_its_texts() -> None:
    report = load_report("e1_blinking_red")

    requests = find_requests(report)

    assert [r.to for r in requests] == [Addressee.FIREWALL, Addressee.VENDOR]
    assert "Please allow, from 10.20.36.101" in say_body(requests[0])
    assert requests[0].action is Action.CHECK


def test_the_vendors_own_advice_stands_in_the_request_with_its_source() -> None:
    (request,) = asked(PLACED, Addressee.FIREWALL)

    assert "What the vendor's paper asks for (SEN-05, SEN-11, SEN-23, SEN-24): Let the gateway connect out" in say_body(
        request
    )


def test_a_clock_that_is_off_is_said_because_logs_are_searched_by_time() -> None:
    late = [replace(capture, clock_offset_s=75.0) for capture in PLACED.captures]

    (request,) = asked(replace(PLACED, captures=tuple(late)), Addressee.FIREWALL)

    assert "The capture's clock is 1 min 15 s behind the time servers" in say_body(request)


@pytest.mark.parametrize("source", ["/srv/captures/x.pcap", "C:\\captures\\x.pcap", "x.pcap"])
def test_a_request_names_the_file_and_not_where_it_lies(source: str) -> None:
    moved = replace(PLACED, captures=(replace(PLACED.captures[0], source=source),))

    assert "capture x.pcap;" in say_body(asked(moved, Addressee.FIREWALL)[0])


def test_frames_of_a_ring_are_said_to_run_on() -> None:
    (request, *_) = find_requests(in_ring(PLACED))

    assert "(a ring of 2 files, frames counted on)" in say_body(request)


def test_a_subject_is_one_short_line_whatever_is_in_the_capture() -> None:
    device = replace(PLACED.devices[0], title="Evil\r\nBcc: everybody@example.com" + "x" * 500)

    subject = say_subject(find_requests(replace(PLACED, devices=(device,)))[0])

    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) <= MAX_SUBJECT


def test_a_mail_lists_so_many_devices_and_no_more() -> None:
    (request,) = asked(PLACED, Addressee.FIREWALL)
    device = request.devices[0]
    many = replace(request, devices=tuple(replace(device, name=f"10.9.{n // 256}.{n % 256}") for n in range(1000)))

    text = say_body(many)

    assert "- and 800 more, all in the table" in text
    assert text.count("- 10.9.") == MAX_LISTED + 2 * MAX_SHOWN


def test_a_joined_request_is_as_sure_as_its_least_sure_device() -> None:
    (request,) = asked(PLACED, Addressee.FIREWALL)
    device = replace(request.devices[0], rule="UDP-NO-REPLY")
    two = replace(request, devices=(replace(device, confidence=70), replace(device, confidence=90)))

    assert "Proof: UDP-NO-REPLY, very likely (70 to 90 of 100); capture" in say_body(two)


def test_the_text_form_is_wrapped_and_says_to_whom() -> None:
    text = render(PLACED, "requests", Look(width=70))

    assert text.startswith("--- 1 of 2, to the firewall team ---")
    assert "--- 2 of 2, to the vendor ---" in text
    assert all(len(line) <= 70 for line in text.splitlines() if not line.startswith("Subject: "))


def test_the_mapping_holds_fields_and_mail() -> None:
    (request,) = asked(PLACED, Addressee.FIREWALL)

    told = as_mapping(request)

    assert told["to"] == "firewall"
    assert told["flows"][0]["ports"] == (443, 4321)
    assert told["text"] == say_body(request)


@pytest.mark.parametrize("name", NAMES)
def test_every_stored_document_can_be_asked(name: str) -> None:
    assert render(load_report(name), "requests").endswith("\n")


@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_no_report_raises_or_brings_a_control_character_into_a_mail(report: Report) -> None:
    texts = [say_subject(request) + say_body(request).replace("\n", "") for request in find_requests(report)]
    assert not [c for text in texts for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
