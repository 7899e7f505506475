from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pcapaudit.model.words import HealthState
from tests.support.player import Frame
from tests.support.scene import health_of, play_script, scan_frames, traffic_of
from tests.support.transforms import keep_direction

SOME_PRODUCT: Any = SimpleNamespace(id="x/y", needs=(), walks_servers=False, stages={})
"""A signature that asks for nothing: enough for a host to count as recognised."""
DEV = bytes.fromhex("02000a000005")
TALK = """
0.0 dev > gw ARP
0.1 dev > cloud:4321 CONNECT
0.2 repeat 12 every 1.0:
  0.0 dev > cloud:4321 EXCHANGE 120 60
"""
FLOODED = """
0.0 repeat 20 every 3.0:
  0.0 {0} > * ARP? 10.0.0.77
  0.1 {1} > * ARP? 10.0.0.78
  0.2 {2} > * ARP? 10.0.0.79
"""


def outgoing(frames: list[Frame]) -> list[Frame]:
    return keep_direction(frames, DEV, "out")


def test_acknowledgments_of_unseen_data_prove_that_a_direction_is_missing() -> None:
    (item,) = health_of(traffic_of(TALK, outgoing))["CAP-ONEWAY"]

    assert item.state is HealthState.PROVEN
    assert item.device == "02:00:0a:00:00:05"


def test_a_host_that_only_retries_may_be_cut_off_so_one_way_is_suspected() -> None:
    retries = "0.0 repeat 25 every 1.0:\n  0.0 dev:50001 > cloud:4321 SYN"

    (item,) = health_of(traffic_of(retries))["CAP-ONEWAY"]

    assert item.state is HealthState.SUSPECTED


def test_both_directions_are_worth_no_remark() -> None:
    found = health_of(traffic_of(TALK), SOME_PRODUCT)

    assert not {"CAP-ONEWAY", "CAP-PARTIAL-DIR", "CAP-WRONG-PORT", "CAP-NAT-SIDE", "CAP-WRONG-DEVICE"} & set(found)


def test_connections_that_lack_one_side_beside_whole_ones_are_partly_one_way() -> None:
    hidden = "".join(
        f"{20 + n}.0 dev:5100{n} > 192.0.2.{n}:443 CONNECT\n{20 + n}.2 dev:5100{n} > 192.0.2.{n}:443 EXCHANGE 9 9\n"
        for n in range(1, 4)
    )
    frames = [f for f in play_script(TALK + hidden) if f.data[26:29] != bytes([192, 0, 2])]

    (item,) = health_of(scan_frames(frames))["CAP-PARTIAL-DIR"]

    assert item.device == "02:00:0a:00:00:05"
    assert item.summary.startswith("3 connections of 10.0.0.5")


def test_connections_that_nobody_answers_are_not_one_way() -> None:
    dead = "".join(f"{20 + n}.0 dev:5100{n} > 192.0.2.{n}:443 SYN\n" for n in range(1, 6))

    assert "CAP-PARTIAL-DIR" not in health_of(traffic_of(TALK + dead))


@pytest.mark.parametrize(
    ("hosts", "is_seen"),
    [
        pytest.param(("10.0.0.11", "10.0.0.12", "10.0.0.13"), True, id="three hosts that only shout"),
        pytest.param(("10.0.0.11", "10.0.0.11", "10.0.0.11"), False, id="one host alone"),
    ],
)
def test_broadcasts_of_several_hosts_alone_mean_the_wrong_port(hosts: tuple[str, str, str], *, is_seen: bool) -> None:
    assert ("CAP-WRONG-PORT" in health_of(traffic_of(FLOODED.format(*hosts)))) is is_seen


def test_one_conversation_shows_that_the_port_is_right() -> None:
    script = FLOODED.format("10.0.0.11", "10.0.0.12", "10.0.0.13") + "70.0 pc > gw PING\n70.1 gw > pc PONG"

    assert "CAP-WRONG-PORT" not in health_of(traffic_of(script))


def test_a_public_source_behind_a_router_is_the_outside_view() -> None:
    hosts = {"dev": {"ip": "203.0.113.7", "mac": "02:00:0a:00:00:05", "ttl": "63"}, "cloud": "54.229.203.190"}
    traffic = traffic_of("0.0 dev:61001 > cloud:4321 CONNECT", hosts=hosts)

    (item,) = health_of(traffic, SOME_PRODUCT, "203.0.113.7")["CAP-NAT-SIDE"]

    assert item.summary.startswith("203.0.113.7")
    assert item.device is None


def test_a_capture_without_a_known_product_names_its_busiest_hosts() -> None:
    (item,) = health_of(traffic_of(TALK))["CAP-WRONG-DEVICE"]

    assert item.state is HealthState.SUSPECTED
    assert "02:00:0a:00:00:05" in item.summary


def test_an_empty_capture_gets_no_remark() -> None:
    assert health_of(scan_frames([])) == {}
