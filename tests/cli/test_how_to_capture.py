from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

from pcapaudit.cli import products
from pcapaudit.cli.main import run
from tests.support.products import some_products

MAC = "54:10:ec:2b:30:01"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "load_signatures", some_products)


def show(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert run(["how-to-capture", *args]) == 0
    return capsys.readouterr().out


def test_the_steps_name_mirror_power_time_led_and_audit(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(show(capsys, "sensorist/gateway").split())
    for part in (
        "both directions (received and sent)",
        "Leave the device without power and start the capture",
        "wait 10 minutes",
        "what the LED shows and when it changes (solid red, blinking red, green)",
        "pcapaudit audit --signature sensorist/gateway sensorist-gateway*.pcap*",
    ):
        assert part in text


def test_the_mac_becomes_a_filter_that_keeps_broadcast_answers(capsys: pytest.CaptureFixture[str]) -> None:
    text = show(capsys, "sensorist/gateway", "--mac", "54-10-EC-2B-30-01", "--interface", "eth1")
    assert f'-f "ether host {MAC} or ether multicast"' in text
    assert f"'ether host {MAC} or ether multicast'" in text
    assert f"--device {MAC}" in text
    assert "dumpcap -i eth1 -s 0" in text


def test_without_a_mac_nothing_is_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    assert "ether host" not in show(capsys, "tek/pool-ems")


@pytest.mark.parametrize("args", [(), ("--mac", MAC)])
def test_no_line_is_wider_than_80_columns(args: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    text = show(capsys, "sensorist/gateway", *args)
    assert [line for line in text.splitlines() if len(line) > 80 and "pcapaudit audit" not in line] == []


def test_libpcap_accepts_the_filter(require_tool: Callable[[str], str]) -> None:
    tcpdump = require_tool("tcpdump")
    told = subprocess.run(
        [tcpdump, "-d", "-y", "EN10MB", f"ether host {MAC} or ether multicast"],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert shutil.which(tcpdump)


def test_a_wrong_mac_or_product_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["how-to-capture", "sensorist/gateway", "--mac", "54:10"]) == 2
    assert "is no MAC address" in capsys.readouterr().err
    assert run(["how-to-capture", "sensorist/gate"]) == 2
    assert "did you mean sensorist/gateway?" in capsys.readouterr().err
