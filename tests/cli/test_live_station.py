from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import IO, Any, cast

import click
import pytest

from pcapaudit.cli import live_station
from pcapaudit.cli.live_station import announce, station_options, take_wish
from pcapaudit.cli.main import run
from pcapaudit.model.errors import UsageError
from pcapaudit.station.alerts import Alerts
from pcapaudit.station.wish import ALERTS, Receiver, Webhook, Wish
from tests.support.receivers import PATIENCE_S, WebReceiver, listening

CHECKOUT = Path(__file__).resolve().parents[2]
BROKEN = CHECKOUT / "samples" / "sensorist-blinking-red.pcapng"
LIVE = [sys.executable, "-m", "pcapaudit", "live", "-r", "-"]


@click.command()
@station_options
def _command(**given: Any) -> Wish:
    return take_wish(given)


def read(*words: str) -> Wish:
    wish: Wish = _command.main(list(words), standalone_mode=False)
    return wish


@pytest.fixture(autouse=True)
def no_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCAPAUDIT_WEBHOOK", raising=False)
    monkeypatch.delenv("PCAPAUDIT_WEBHOOK_SECRET", raising=False)


def test_without_options_nobody_is_told() -> None:
    assert read() == Wish()
    assert read().is_empty


def test_the_options_say_whom_and_what(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read("--syslog").syslog == Receiver("local", "/dev/log")
    assert read("--syslog", "--metrics", "9100") == Wish(
        syslog=Receiver("local", "/dev/log"), metrics=("127.0.0.1", 9100)
    )
    assert read("--syslog", "tcp://log.example:601").syslog == Receiver("tcp", "log.example", 601)
    monkeypatch.setenv("PCAPAUDIT_WEBHOOK", "https://hooks.example/secret")
    monkeypatch.setenv("PCAPAUDIT_WEBHOOK_SECRET", "key")
    assert read("--alert-on", "lost,recovered") == Wish(
        alert_on=("lost", "recovered"), webhook=Webhook("https://hooks.example/secret", None, "key")
    )
    assert read().alert_on == ALERTS


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--alert-on", "lost"], "--alert-on: nobody is told anything"),
        (["--alert-on", "wet", "--syslog"], "--alert-on wet: expected all, or some of seen, lost"),
        (["--syslog", "tls://log.example:6514"], "--syslog tls://log.example:6514: expected"),
        (["--metrics", "many"], "--metrics many: expected PORT or ADDRESS:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["live", "-i", "eth0", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_missing_library_is_one_line_with_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_station, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'pcapaudit\[live\]'"):
        read("--metrics", "9100")


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with listening() as taken:
        port = taken.getsockname()[1]
        assert run(["live", "-r", "-", "--metrics", str(port)]) == 2
    assert f"--metrics 127.0.0.1:{port}: cannot listen there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "is_open"), [("127.0.0.1:9840", False), ("[::1]:9840", False), ("0.0.0.0:9840", True)]
)
def test_numbers_for_everybody_are_warned_of(address: str, is_open: bool, capsys: pytest.CaptureFixture[str]) -> None:
    class Fake(Alerts):
        metrics_address = address

    with Fake(Wish(), source="eth1", say=print) as alerts:
        announce(Wish(metrics=("", 9840)), alerts)
    told = capsys.readouterr().err
    assert f"numbers: http://{address}/metrics" in told
    assert ("warning: whoever reaches this port" in told) is is_open


def test_help_names_the_options_and_the_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["live", "--help"]) == 0
    told = capsys.readouterr().out
    for name in ("--alert-on", "--syslog", "--metrics", "PCAPAUDIT_WEBHOOK"):
        assert name in told


def test_a_loss_reaches_webhook_and_syslog_and_the_secret_address_is_nowhere() -> None:
    with WebReceiver([500, 204]) as web, listening(socket.SOCK_DGRAM) as log, BROKEN.open("rb") as capture:
        environment = os.environ | {
            "PCAPAUDIT_WEBHOOK": f"{web.address}/T0PSECRET?key=T0PSECRET",
            "PCAPAUDIT_WEBHOOK_SECRET": "T0PSECRET",
        }
        words = [*LIVE, "--syslog", f"127.0.0.1:{log.getsockname()[1]}", "--format", "jsonl"]
        done = subprocess.run(words, stdin=capture, capture_output=True, check=False, env=environment, cwd=CHECKOUT)
        assert done.returncode == 1
        told = json.loads(done.stdout.splitlines()[0])
        assert told["event"] == "lost"
        assert [web.next().told["event"] for _ in range(2)] == [told, told]
        assert f'mac="{told["mac"]}"'.encode() in log.recv(65536)
        assert f"told to webhook {web.address} and syslog udp://127.0.0.1".encode() in done.stderr
        assert f"webhook {web.address}: answers HTTP 500; it is tried again".encode() in done.stderr
        assert b"T0PSECRET" not in done.stdout + done.stderr


def test_numbers_can_be_fetched_while_it_watches() -> None:
    words = [*LIVE, "--metrics", "0", "--format", "jsonl", "--status"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CHECKOUT
    ) as watch:
        into, out, err = (cast("IO[bytes]", stream) for stream in (watch.stdin, watch.stdout, watch.stderr))
        into.write(BROKEN.read_bytes())
        into.flush()
        found = next(found for line in err if (found := re.search(rb"numbers: (http\S+/metrics)\n", line)))
        lines = map(json.loads, out)
        seen = next(line for line in lines if line["event"] == "status" and line["devices"])
        told = fetch(found[1].decode(), f'mac="{seen["devices"][0]["mac"]}"')
        assert f"pcapaudit_live_frames_total {float(seen['frames'])}" in told
        assert f'pcapaudit_live_table_rows{{table="flows"}} {float(seen["tables"]["flows"])}' in told
        into.close()
        # A watch that is not read from waits.
        out.read()
        assert watch.wait(PATIENCE_S) == 1


def fetch(url: str, words: str) -> str:
    """The numbers, when these words are among them: the process that answers reads behind the watch."""
    while True:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            told: str = answer.read().decode()
        if words in told:
            return told
