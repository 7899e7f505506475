from __future__ import annotations

import pytest

from pcapaudit.catalog import load_signatures
from pcapaudit.diagnose import choice
from pcapaudit.diagnose.analysis import CaptureAnalysis, Request, analyse
from pcapaudit.diagnose.choice import choose_hosts
from pcapaudit.flows.hosts import Host, find_hosts
from pcapaudit.model.addresses import ip_text
from tests.support.scene import traffic_of

SERVERS = "".join(f"{n}.0 pc:{40000 + n} > 192.0.2.{n}:443 CONNECT\n" for n in range(1, 9))
LATE = """
20.0  dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
21.0  dev:50001 > cloud:4321 SYN
22.0  dev:50001 > cloud:4321 SYN
24.0  dev:50001 > cloud:4321 SYN
30.0  dev:50002 > cloud:443 SYN
31.0  dev:50002 > cloud:443 SYN
33.0  dev:50002 > cloud:443 SYN
99.0  switch > * WATCH
"""
STRANGERS = "30.0 192.0.2.77:50000 > pc:22 CONNECT\n31.0 10.9.0.4:50001 > pc:22 CONNECT\n"
PRIVATE = "10.0.0.5"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hosts are looked at."""
    monkeypatch.setattr(choice, "MAX_HOSTS", 3)


def chosen(script: str, named: str = "") -> tuple[list[str], int]:
    """The first address of each host that is looked at, and how many others may be devices."""

    def is_named(host: Host) -> bool:
        return named in map(ip_text, host.addresses)

    traffic = traffic_of(script)
    hosts, left_out = choose_hosts(traffic, find_hosts(traffic), is_named)
    return [ip_text(host.addresses[0]) if host.addresses else "-" for host in hosts], left_out


def analysed(script: str, device: str | None = None) -> CaptureAnalysis:
    return analyse(traffic_of(script), Request(load_signatures(None), device=device), 0)


def test_where_there_are_few_all_are_looked_at() -> None:
    assert chosen("1.0 pc:40001 > 192.0.2.1:443 CONNECT\n") == (["10.0.0.9", "192.0.2.1"], 0)


def test_hosts_of_the_link_go_before_servers_that_were_seen_earlier() -> None:
    hosts, left_out = chosen(SERVERS + LATE.replace("99.0  switch > * WATCH", ""))

    assert hosts == ["10.0.0.9", "10.0.0.1", PRIVATE]
    assert left_out == 0


def test_behind_a_router_private_addresses_and_callers_go_before_servers() -> None:
    assert chosen(SERVERS + STRANGERS) == (["10.0.0.9", "192.0.2.77", "10.9.0.4"], 0)


def test_of_like_hosts_the_earliest_are_looked_at_and_the_others_counted() -> None:
    crowd = "".join(f"{n}.0 10.0.0.{n} > 10.0.0.{n + 1} ARP\n" for n in range(20, 25))  # the last one answers

    assert chosen(crowd) == (["10.0.0.20", "10.0.0.21", "10.0.0.22"], 3)
    assert chosen(crowd, "10.0.0.24") == (["10.0.0.20", "10.0.0.21", "10.0.0.24"], 3)


def test_a_device_that_is_heard_after_many_servers_is_judged() -> None:
    (device,) = analysed(SERVERS + LATE).devices

    assert (device.addresses, device.signature, str(device.verdict)) == ((PRIVATE,), "sensorist/gateway", "failed")


def test_hosts_that_are_not_looked_at_are_spoken_of() -> None:
    crowd = "".join(f"{n}.0 10.0.0.{n} > 10.0.0.{n + 1} ARP\n" for n in range(10, 16))
    analysis = analysed(crowd + LATE)

    assert analysis.devices == ()
    (item,) = (item for item in analysis.info.health if item.rule == "CAP-TABLE-FULL")
    assert "--device" in (item.advice or "")
    assert [d.addresses for d in analysed(crowd + LATE, device=PRIVATE).devices] == [(PRIVATE,)]
