"""The table of scenarios is sound, and the committed samples belong to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.lab.address_book import NAMES
from tests.lab.command import readme_text
from tests.lab.devices.start import PROGRAMS
from tests.lab.firewall import LAN_PREFIXES, dnsmasq_words, ruleset
from tests.lab.keep import KEPT
from tests.lab.scenario import Check, Scenario, truth_text
from tests.lab.scenarios.table import SAMPLES, SCENARIOS
from tests.lab.verify import missing_symptoms

STAGES = {"link", "dhcp", "gateway", "dns", "time", "connect", "tls", "app", "return", "persist"}

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())


@every_scenario
def test_every_box_has_its_own_made_up_address(scenario: Scenario) -> None:
    macs = [box.mac for box in scenario.boxes]

    assert len({*macs}) == len({box.ip for box in scenario.boxes}) == len(macs)
    assert all(int(mac[:2], 16) & 0b11 == 0b10 for mac in macs), "locally administered, unicast"
    assert all(box.ip.startswith(LAN_PREFIXES[box.lan]) for box in scenario.boxes)
    assert all(box.program in PROGRAMS for box in scenario.boxes)


@every_scenario
def test_a_failed_device_has_stage_and_rule_and_a_healthy_one_has_none(scenario: Scenario) -> None:
    for known in scenario.expected:
        assert known.box in scenario.boxes
        assert (known.verdict == "failed") == (known.stage in STAGES)
        assert known.rule is not None if known.verdict == "failed" else known.stage is None
        assert known.rule is None or known.verdict in ("failed", "degraded")


@every_scenario
def test_nobody_is_both_guilty_and_not_to_be_accused(scenario: Scenario) -> None:
    truth = yaml.safe_load(truth_text(scenario))
    failed = {device["mac"] for device in truth["devices"] if device["verdict"] != "healthy"}

    assert failed.isdisjoint(truth["must_not_accuse"])
    assert failed | {*truth["must_not_accuse"], *truth["also_hurt"]} == {
        box.mac for box in scenario.boxes if box.lan == 0
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_small_and_carries_the_truth_of_its_scenario(name: str, checkout: Path) -> None:
    capture = checkout / "samples" / f"{name}.pcapng"

    assert capture.stat().st_size <= (300_000 if name.startswith("site-") else 110_000)
    assert capture.with_suffix(".yaml").read_text(encoding="utf-8") == truth_text(SCENARIOS[name])


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_kept_capture_carries_the_truth_of_its_scenario(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == truth_text(SCENARIOS[path.stem])


def test_the_kept_captures_are_no_burden() -> None:
    assert sum(path.stat().st_size for path in KEPT.rglob("*")) < 6_000_000


def test_the_list_of_samples_is_the_table(checkout: Path) -> None:
    written = (checkout / "samples" / "README.md").read_text(encoding="utf-8")

    assert written == readme_text([SCENARIOS[name] for name in SAMPLES])


@pytest.mark.slow
@pytest.mark.needs_tshark
def test_the_committed_blinking_red_capture_shows_its_symptoms(checkout: Path) -> None:
    capture = checkout / "samples" / "sensorist-blinking-red.pcapng"

    assert missing_symptoms(capture, SCENARIOS["sensorist-blinking-red"]) == []


@pytest.mark.needs_tshark
def test_a_healthy_capture_does_not_pass_for_a_broken_one(checkout: Path) -> None:
    capture = checkout / "samples" / "tek-healthy.pcapng"
    missing = missing_symptoms(capture, SCENARIOS["tek-8844-dropped"])

    assert any("at most 0" in line for line in missing)


def test_the_faults_stand_before_what_lets_traffic_pass() -> None:
    script = ruleset(["udp dport 8844 drop"])

    assert script.index("jump faults") < script.index("ct state established") < script.index('iifname "lan*"')
    assert "udp dport 8844 drop" in script.partition("chain faults {")[2].partition("}")[0]


def test_what_is_said_to_the_firewall_itself_is_dropped_on_its_way_in() -> None:
    script = ruleset((), ["tcp dport 53 drop"])

    assert "tcp dport 53 drop" in script.partition("chain input {")[2].partition("}")[0]


def test_a_box_that_gets_no_lease_is_ignored_by_the_dhcp_server(tmp_path: Path) -> None:
    words = dnsmasq_words(SCENARIOS["sensorist-no-dhcp"], tmp_path)

    assert "--dhcp-host=02:54:10:2b:30:01,ignore" in words
    assert "--dhcp-host=02:7a:31:c4:05:55,10.20.36.155" in words


@pytest.mark.parametrize(
    ("check", "frames", "is_accepted"),
    [
        (Check("tcp", at_least=3), 3, True),
        (Check("tcp", at_least=3), 2, False),
        (Check("tcp", at_most=0), 0, True),
        (Check("tcp", at_most=0), 1, False),
    ],
)
def test_a_check_counts_frames(check: Check, frames: int, is_accepted: bool) -> None:
    assert check.accepts(frames) is is_accepted


def test_names_that_stand_for_neighbours_can_belong_to_nobody() -> None:
    vendors = re.compile(
        r"(sensorist\.(com|net)|oscartemplog\.se|ezecontrol\.com|key2act\.io|ntp\.org|time\.\w+\.(gov|com)"
        r"|alsoenergy\.com|skalacontrol\.(com|io))$"
    )

    assert all(name.endswith(".example") or vendors.search(name) for name in NAMES)
