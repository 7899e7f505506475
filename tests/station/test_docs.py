"""What the documentation of the station says and shows holds."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pcapaudit.cli.live import command
from pcapaudit.station.metrics import make_exposition
from pcapaudit.station.syslog import write_line
from pcapaudit.station.webhook import WebhookSender
from pcapaudit.station.wish import Webhook
from tests.station.test_metrics import STATUS, TELLING
from tests.support.receivers import Post, WebReceiver

SECRET = "a secret of ours"
IMPLY_NO_NEW_PRIVILEGES = frozenset(
    [
        *(
            "NoNewPrivileges",
            "DynamicUser",
            "LockPersonality",
            "MemoryDenyWriteExecute",
            "PrivateDevices",
            "ProtectClock",
        ),
        *("ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables"),
        *("RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID"),
        *("SystemCallArchitectures", "SystemCallFilter", "SystemCallLog"),
    ]
)
"""systemd.exec(5) of systemd 252, at NoNewPrivileges=."""


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "docs" / "station.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def settings(unit: str) -> list[tuple[str, str]]:
    """The assignments of a unit file (systemd.syntax(7))."""
    lines = re.sub(r"\\\n\s*", "", unit).splitlines()
    return [(line.partition("=")[0], line.partition("=")[2]) for line in lines if re.match(r"[A-Z]\w+=", line)]


def test_the_unit_has_no_setting_that_takes_the_privilege_from_dumpcap(page: str) -> None:
    unit, sandbox = (dict(settings(text)) for text in blocks(page, "ini"))
    assert unit.keys() & IMPLY_NO_NEW_PRIVILEGES == set()
    assert "AmbientCapabilities" not in unit
    assert sandbox["NoNewPrivileges"] == "yes"
    assert sandbox["AmbientCapabilities"] == "CAP_NET_RAW"
    assert sandbox.keys() >= IMPLY_NO_NEW_PRIVILEGES - {"SystemCallLog"}


def test_every_setting_that_is_named_as_dangerous_is(page: str) -> None:
    told = page.partition("turns it on with each of these:")[2].partition(". With one of them")[0]
    assert set(re.findall(r"`(\w+)`", told)) == IMPLY_NO_NEW_PRIVILEGES - {"NoNewPrivileges"}


def test_the_units_command_is_one_that_live_understands(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start = dict(settings(blocks(page, "ini")[0]))["ExecStart"].replace("%I", "eth1").replace("%i", "eth1")
    program, name, *words = shlex.split(start)
    assert (program, name) == ("/opt/pcapaudit/bin/pcapaudit", "live")
    monkeypatch.delenv("PCAPAUDIT_WEBHOOK", raising=False)
    given = command.make_context("live", words).params
    assert given["interface"] == "eth1"
    assert given["state"] == Path("/var/lib/pcapaudit/eth1/state.sqlite")
    assert given["folder"] == Path("/var/lib/pcapaudit/eth1/ring")
    assert dict(settings(blocks(page, "ini")[0]))["StateDirectory"] == "pcapaudit/%i"


def test_the_options_in_the_table_are_those_of_live(page: str) -> None:
    known = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
    assert set(re.findall(r"`(--[a-z-]+)", page)) <= known


@pytest.fixture(scope="module")
def post() -> Post:
    """An event as it is posted."""
    with WebReceiver() as receiver:
        send = WebhookSender(Webhook(receiver.address, None, SECRET), source="eth1", host="site-7", run="f579700268f3")
        send(12, {"event": "lost", "text": "gateway"})
        return receiver.next()


def test_the_document_has_the_fields_that_are_shown(page: str, post: Post) -> None:
    shown = json.loads(blocks(page, "json")[0])
    assert list(shown) == ["version", "id", "source", "host", "text", "event"]
    assert set(shown) == set(post.told)
    assert shown["id"] == post.told["id"]


def test_the_python_example_tells_ours_from_a_forged_one(page: str, post: Post) -> None:
    names: dict[str, Callable[[bytes, str, str], bool]] = {}
    exec(blocks(page, "python")[0], names)
    is_genuine = names["is_genuine"]
    signature = post.headers["X-Pcapaudit-Signature"]
    assert is_genuine(post.body, signature, SECRET)
    assert not is_genuine(post.body + b" ", signature, SECRET)
    assert not is_genuine(post.body, signature, "another")
    assert not is_genuine(post.body, "sha256=é", SECRET)


def test_the_shell_example_tells_ours_from_a_forged_one(
    page: str, post: Post, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    require_tool("openssl")
    script = blocks(page, "sh")[0]
    results = []
    for body in (post.body, post.body + b" "):
        (tmp_path / "body.json").write_bytes(body)
        environment = os.environ | {"SECRET": SECRET, "SIGNATURE": post.headers["X-Pcapaudit-Signature"]}
        done = subprocess.run(["sh", "-c", script], check=False, cwd=tmp_path, env=environment, capture_output=True)
        assert done.stderr == b""
        results.append(done.returncode)
    assert results == [0, 1]
    assert hmac.new(SECRET.encode(), post.body, hashlib.sha256).hexdigest() in post.headers["X-Pcapaudit-Signature"]


def test_the_syslog_line_is_one_that_is_written(page: str) -> None:
    shown = " ".join(page.partition("    <27>1 ")[2].partition("\n\nThe message id")[0].split())
    event = json.loads(blocks(page, "json")[0])["event"]
    wanted = {name: value for name, value in event.items() if name not in {"rule", "since", "summary"}}
    wanted |= {"device": "Sensorist / Oscar", "text": "Sensorist / Oscar …"}
    told = write_line(wanted, source="eth1", host="site-7", pid=4711).decode().replace("\ufeff", "")
    assert f"<27>1 {shown}" == told


def metric_names() -> set[str]:
    text = make_exposition("eth1", STATUS, TELLING).decode()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


def test_the_table_of_metrics_is_complete(page: str) -> None:
    assert set(re.findall(r"^\| `(pcapaudit_live_\w+)`", page, re.MULTILINE)) == metric_names()


def test_rules_ask_for_metrics_that_there_are(page: str) -> None:
    scrape, rules = map(yaml.safe_load, blocks(page, "yaml"))
    (port,) = re.findall(r"^    --metrics (\d+)$", blocks(page, "ini")[0], re.MULTILINE)
    assert scrape["scrape_configs"][0]["static_configs"][0]["targets"] == [f"127.0.0.1:{port}"]
    asked = {name for rule in rules["groups"][0]["rules"] for name in re.findall(r"pcapaudit_\w+", rule["expr"])}
    assert len(asked) >= 5
    assert asked <= metric_names()
