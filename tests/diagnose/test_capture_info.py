from __future__ import annotations

from collections.abc import Sequence

import pytest

from pcapaudit.diagnose.capture_info import capture_info, clock_offset_s
from pcapaudit.model.frames import CaptureNotes, FileNote
from pcapaudit.model.report import HealthItem
from pcapaudit.model.words import Directions, HealthState
from pcapaudit.scan import Bounds
from tests.support.scene import play_script, scan_frames, traffic_of

TALK = "0.0 dev > gw ARP\n0.1 dev > gw LOOKUP a.example A 192.0.2.1\n1.0 dev:50001 > cloud:4321 CONNECT"
SERVERS = {"one": "192.0.2.1", "two": "192.0.2.2", "three": "192.0.2.3"}


def item(rule: str) -> HealthItem:
    return HealthItem(rule, HealthState.PROVEN, None, "x", (1,), "none", None)


def test_counters_say_what_the_frames_are() -> None:
    counters = capture_info(traffic_of(TALK), []).counters

    assert (counters.frames, counters.arp, counters.tcp, counters.udp, counters.tcp_syn) == (7, 2, 3, 2, 1)
    assert (counters.dns_queries, counters.dns_responses, counters.dns_rcodes) == (1, 1, {"NOERROR": 1})


def test_counters_that_a_full_table_keeps_low_are_named() -> None:
    assert capture_info(traffic_of(TALK), []).lower_limits == ()

    info = capture_info(scan_frames(play_script(TALK), bounds=Bounds(max_flows=1)), [])

    low = {"tcp_conversations", "udp_conversations", "dns_queries", "dns_responses", "dns_rcodes"}
    assert set(info.lower_limits) == low
    assert (info.counters.frames, info.counters.tcp, info.counters.tcp_conversations) == (7, 3, 0)


def test_the_files_of_a_ring_are_one_capture() -> None:
    notes = CaptureNotes(
        files=[FileNote("a.pcap", "pcap", 1, 4), FileNote("b.pcapng", "pcapng", 5, 3)], link_types=[1, 12, 101]
    )

    info = capture_info(scan_frames(play_script(TALK), notes=notes), [])

    assert (info.source, info.format) == ("a.pcap", "pcap, pcapng")
    assert [(f.source, f.first_frame, f.frames) for f in info.files] == [("a.pcap", 1, 4), ("b.pcapng", 5, 3)]
    assert info.link_types == ("ETHERNET", "RAW")


def test_the_window_is_given_in_words_and_seconds() -> None:
    info = capture_info(traffic_of("0.0 dev > gw ARP\n90.5 switch > * WATCH"), [])

    assert (info.first, info.last) == ("2026-01-05T08:00:00.000000Z", "2026-01-05T08:01:30.500000Z")
    assert info.watched_s == 90.5


def test_an_empty_capture_knows_nothing() -> None:
    info = capture_info(scan_frames([]), [])

    assert (info.first, info.last, info.watched_s, info.directions, info.clock_offset_s) == (None,) * 5
    assert info.counters.frames == 0


@pytest.mark.parametrize(
    ("script", "items", "expected"),
    [
        pytest.param(TALK, [], Directions.BOTH, id="two-way"),
        pytest.param(TALK, [item("CAP-ONEWAY")], Directions.PARTLY, id="one device one-way"),
        pytest.param("0.0 dev:1 > cloud:2 SYN", [item("CAP-ONEWAY")], Directions.ONE, id="one-way"),
        pytest.param("0.0 dev:1 > cloud:2 SYN", [], None, id="nothing tells"),
        pytest.param("0.0 dev > gw ARP", [], None, id="no conversation"),
    ],
)
def test_directions_follow_from_conversations_and_health(
    script: str, items: Sequence[HealthItem], expected: Directions | None
) -> None:
    assert capture_info(traffic_of(script), items).directions == expected


def polls(*offsets: str) -> str:
    lines = [f"{n}.0 dev > {name} NTP?\n+20ms {name} > dev NTP! {text}" for n, (name, text) in enumerate(
        zip(SERVERS, offsets, strict=False)
    )]  # fmt: skip
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(polls("offset=120"), 120.0, id="the capture is behind"),
        pytest.param(polls("offset=-120"), -120.0, id="the capture is ahead"),
        pytest.param(polls("offset=1"), None, id="not worth saying"),
        pytest.param(polls(""), None, id="equal"),
        pytest.param(polls("offset=60", "offset=61", "offset=9000"), 60.0, id="one server of three is wrong"),
        pytest.param(polls("offset=60", "offset=9000"), None, id="two servers that do not agree"),
        pytest.param(polls("offset=60 stratum=16"), None, id="the server's clock is not set"),
        pytest.param(polls("offset=60 li=3"), None, id="the server warns"),
        pytest.param("0.0 dev > one NTP?", None, id="no answer"),
    ],
)
def test_time_servers_tell_how_far_the_clock_is_off(script: str, expected: float | None) -> None:
    offset = clock_offset_s(traffic_of(script, hosts=SERVERS))

    assert offset == (None if expected is None else pytest.approx(expected, abs=1.1))


def test_the_switch_that_announces_itself_is_named() -> None:
    info = capture_info(traffic_of(TALK + "\n5.0 switch > * LLDP port=Gi1/0/7 name=sw1 port_vlan=20 bridge"), [])

    assert [(p.name, p.port, p.vlan, p.frames) for p in info.switches] == [("sw1", "Gi1/0/7", 20, (8,))]
