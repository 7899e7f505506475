"""Namespaces come and go, and a whole small site lives in them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import command
from tests.lab.mirror import repeated_frames
from tests.lab.network import LabError, Network, remove_orphans, run_command
from tests.lab.pcapng import write_pcapng
from tests.lab.scenarios.cast import GATEWAY, lease, payload_to
from tests.lab.scenarios.sensorist import HEALTHY
from tests.lab.site import live_through
from tests.lab.verify import matching_frames


@pytest.fixture
def lab(require_root: Callable[[], None], require_tool: Callable[[str], str]) -> None:
    require_root()
    for tool in command.TOOLS:
        require_tool(tool)
    assert command.missing_prerequisites() == []


@pytest.mark.needs_root
@pytest.mark.usefixtures("lab")
def test_namespaces_are_gone_after_the_run_even_after_an_error(tmp_path: Path) -> None:
    prefix = f"labtest{os.getpid()}"

    def fail_inside() -> None:
        with Network(prefix, tmp_path) as network:
            network.add_namespace("a", {})
            assert f"{prefix}-a" in run_command("ip", "netns")
            raise LabError("on purpose")

    with pytest.raises(LabError, match="on purpose"):
        fail_inside()
    assert prefix not in run_command("ip", "netns")


@pytest.mark.needs_root
@pytest.mark.needs_tshark
@pytest.mark.slow
@pytest.mark.usefixtures("lab")
def test_a_short_life_of_a_site_shows_lease_and_answered_upload(tmp_path: Path) -> None:
    hasty = dataclasses.replace(GATEWAY, starts_s=0.0)
    scenario = dataclasses.replace(HEALTHY, boxes=(hasty,), seconds=10.0)
    frames = live_through(scenario, f"labtest{os.getpid()}s", tmp_path)
    write_pcapng(tmp_path / "short.pcapng", frames)

    assert matching_frames(tmp_path / "short.pcapng", lease(GATEWAY).display_filter) == 1
    assert matching_frames(tmp_path / "short.pcapng", payload_to(GATEWAY, 4321)) >= 1
    assert repeated_frames(frames) == 0


@pytest.mark.needs_root
@pytest.mark.usefixtures("lab")
def test_namespaces_of_a_killed_run_are_removed_and_those_of_a_living_one_stay() -> None:
    killed = subprocess.Popen(["true"])
    killed.wait()
    orphan, living = f"labtest{killed.pid}-x", f"labtest{os.getpid()}-y"
    for name in (orphan, living):
        run_command("ip", "netns", "add", name)
    remove_orphans("labtest")
    left = run_command("ip", "netns")
    run_command("ip", "netns", "del", living)

    assert living in left
    assert orphan not in left


def test_a_failed_command_tells_its_words() -> None:
    with pytest.raises(LabError, match=r"^false: "):
        run_command("false")


def test_an_unknown_scenario_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["no-such-scenario"]) == 2
    assert "scenario no-such-scenario" in capsys.readouterr().err
