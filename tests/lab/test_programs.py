"""Configurations of other people's servers, and what a scenario needs installed."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from tests.lab.scenarios.table import SCENARIOS
from tests.lab.servers import programs


def test_nginx_gets_one_server_with_its_location() -> None:
    helper = programs.nginx(programs.INTERNET, "192.0.2.1:80", "return 403;")

    assert helper.config.count("{") == helper.config.count("}")
    assert "listen 192.0.2.1:80;" in helper.config
    assert "location / { return 403; }" in helper.config
    assert helper.words[-1] == f"{{folder}}/{helper.name}.conf"


def test_nginx_speaks_tls_with_a_certificate() -> None:
    helper = programs.nginx(programs.FIREWALL, "443", "return 200;", certificate="{folder}/a.pem")

    assert "listen 443 ssl;" in helper.config
    assert helper.config.count("{folder}/a.pem") == 2


def test_rules_of_squid_stand_in_their_order() -> None:
    config = programs.squid("acl banned dstdomain .example", "http_access deny banned", "http_access allow all").config

    assert config.index("acl banned") < config.index("deny banned") < config.index("allow all")
    assert config.startswith("http_port 3128\n")


def test_a_filter_by_content_marks_connections_or_single_packets() -> None:
    (connections,) = programs.mark_content("name.example")
    (packets,) = programs.mark_content("name.example", only_packets=True)

    assert "CONNMARK" in connections.words
    assert "MARK" in packets.words
    assert "name.example" in packets.words


@pytest.mark.parametrize(
    ("scenario", "programs_named"),
    [
        ("tek-healthy", []),
        ("web-connect-403", ["curl", "squid"]),
        ("tls-hello-dropped", ["iptables"]),
        ("websocket-403", ["nginx"]),
        ("wennsoft-postgresql-healthy", ["gnutls-cli", "psql"]),
    ],
)
def test_what_a_scenario_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, scenario: str, programs_named: list[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert [line.split()[0] for line in programs.missing_for(SCENARIOS[scenario])] == programs_named


def test_nothing_is_missing_where_no_foreign_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    scenario = replace(SCENARIOS["websocket-403"], helpers=(), events=(), boxes=())

    assert programs.missing_for(scenario) == []
