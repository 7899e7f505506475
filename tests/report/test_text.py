from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from pcapaudit.model.report import Report
from pcapaudit.report.layout import count_cells
from pcapaudit.report.registry import Look, render
from tests.support.reports import NAMES, any_report, load_report, with_accounts

ASCII = Look(is_unicode=False)


def show(name: str, look: Look | None = None) -> str:
    return render(load_report(name), "text", look)


def squeeze(text: str) -> str:
    """Line ends and runs of blanks as one blank, so that a sentence may be wrapped anywhere."""
    return " ".join(text.split())


def test_the_blinking_red_gateway_is_told_from_verdict_to_remedy() -> None:
    lines = show("e1_blinking_red").splitlines()
    assert lines[4].split("  ", 1)[0] == "FAILED"
    text = squeeze(show("e1_blinking_red"))
    positions = [
        text.index(part)
        for part in (
            "4 min 12 s · 1,204 frames · both directions seen",
            "FAILED Sensorist / Oscar TempLog gateway · 54:10:ec:2b:30:01 · 10.20.36.101 LED: blinking red",
            "Every port that the product may use stays silent. No answer from the cloud on TCP 443 or 4321",
            "failing since 14:00:05 +00:00",
            "link ✓ dhcp ✓ gateway ✓ dns ✓ time – connect ✗ tls · app · return · persist ·",
            "SEN-05 cloud connection, port 443 or 4321 no answer 9 31 … 214",
            "gk.sensorist.com 54.229.203.190:4321 no answer 5",
            "Because SYN at 0, 1.0, 3.0, 7.2 s",
            "TCP-ALL-PORTS-FAIL, proven by the capture (95 of 100)",
            "frames 31, 38, 44, 52, 60, 88, 214",
            "filter: ip.addr == 10.20.36.101",
            "Likely 1 per-device filter (likely, 35 of 100): 10.20.36.55 reaches 54.229.68.147:443 (frame 88)",
            "Do To the firewall team: Please allow, from 10.20.36.101",
            "You said A blinking red LED fits",
        )
    ]
    assert positions == sorted(positions)


def test_what_came_of_every_rule_follows_the_device_in_the_order_of_its_weight() -> None:
    page = render(with_accounts(load_report("e1_blinking_red")), "text")
    text = squeeze(page)
    assert text.index("Why: what fired (1 rule)") < text.index("Why: what the capture cannot tell (1 rule)")
    assert "ARP-DUP-IP Two boxes use it DHCP-NAK It is refused not seen 1 DHCP exchange" in text
    assert max(map(count_cells, page.splitlines())) <= 80


def test_a_healthy_device_is_brief_and_its_earlier_failure_a_note() -> None:
    text = show("e2_other_port_works")
    assert "Because" not in text
    assert "54.229.203.190:4321 " not in text.split("Note")[0]
    assert "Failed until 14:00:40 +00:00, works since." in squeeze(text)


def test_no_lease_shows_the_health_of_the_capture_and_the_led() -> None:
    text = squeeze(show("e3_no_lease"))
    assert "! CAP-TOO-SHORT, suspected: The capture is 2 min 20 s long. Silence counts for at most 60." in text
    assert "Start the capture, then power-cycle the device" in text
    assert "LED: solid red" in text
    assert "SEN-05 cloud connection, port 443 or 4321 not attempted 0 -" in text
    assert "To the LAN and DHCP team:" in text


def test_an_undecided_device_gets_its_reasons_and_a_next_step() -> None:
    text = squeeze(show("undecided_late_start"))
    assert "? gateway, dns: not mirrored" in text
    assert "The capture's clock is 5 min 12 s ahead of the time servers" in text
    assert "optional, not tried: SKA-10, SKA-07" in text
    assert "Next Mirror both directions of the device's port" in text
    assert "(weak hint)" in text


def test_without_a_device_the_busiest_hosts_and_the_nearest_signatures_are_listed() -> None:
    text = show("no_device")
    assert "No device was recognised in this capture." in text
    assert sum("00:1b:21:3c:9d:" in line for line in text.splitlines()) == 10
    assert "Nearest   wennsoft/mini-agent: saw udp 123 to pool.ntp.org (frame 40);" in text


def test_a_named_device_that_is_absent_and_an_unread_source_are_said() -> None:
    text = show("named_device_absent")
    assert "The device 54:10:ec:2b:30:01 is not in this capture." in text
    assert "Not read: notes.txt at byte 0: this is no capture: found 'Dear a'" in text


def test_two_causes_a_consequence_and_the_files_of_a_ring_are_told_apart() -> None:
    text = show("ring_outside_view")
    assert text.startswith("Interrupted: this is the report so far.\n")
    assert "link, dhcp, gateway: outside view" in text
    assert "1800 (cap_00002.pcapng:800)" in text
    labels = [line[2:10].strip() for line in text.splitlines() if line.startswith("  ") and line[2:3].isupper()]
    assert [label for label in labels if label in {"Because", "Also", "Then"}][:3] == ["Because", "Also", "Then"]
    assert "One of alsoenergy/gateway, alsoenergy/kiosk" in text


@pytest.mark.parametrize("look", [Look(), ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_a_stored_document_is_wider_than_80_columns(name: str, look: Look) -> None:
    assert [line for line in show(name, look).splitlines() if count_cells(line) > 80] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_ascii_look_is_ascii_and_tells_the_states_apart(name: str) -> None:
    assert show(name, ASCII).isascii()
    assert "connect X" in show("e1_blinking_red", ASCII)
    assert "dhcp ok" in show("e1_blinking_red", ASCII)


def test_colour_adds_escape_sequences_and_changes_no_word() -> None:
    coloured = show("e1_blinking_red", Look(has_colour=True))
    plain = coloured
    for code in ("1;31", "31", "33", "2", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert "\x1b[1;31mFAILED\x1b[0m" in coloured
    assert [line.rstrip() for line in plain.splitlines()] == show("e1_blinking_red").splitlines()


def test_a_name_from_the_wire_cannot_steer_the_terminal() -> None:
    report = load_report("e1_blinking_red")
    evil = "\x1b]0;owned\x07\x9b2J\u202egpj"
    need = replace(report.devices[0].needs[0], what=evil)
    device = replace(report.devices[0], title=evil, summary=evil, needs=(need,), identified_by=(evil,))
    text = render(replace(report, devices=(device,)), "text", Look(has_colour=False))
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert "\\x1b]0;owned\\x07" in text


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(any_report())
def test_every_report_is_shown_within_80_columns_and_without_control_characters(report: Report) -> None:
    for look in (Look(), ASCII):
        text = render(report, "text", look)
        assert [line for line in text.split("\n") if count_cells(line) > 80] == []
        assert all(char.isprintable() or char.isspace() for char in text)
    assert text.isascii()
