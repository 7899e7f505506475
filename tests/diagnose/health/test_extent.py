from __future__ import annotations

import pytest

from pcapaudit.catalog import load_signatures
from pcapaudit.model.frames import CaptureNotes, FileNote
from pcapaudit.model.words import HealthState
from pcapaudit.scan.result import Bounds
from tests.support.player import Frame
from tests.support.scene import health_of, play_script, scan_frames, traffic_of
from tests.support.transforms import cut_each

GATEWAY = next(s for s in load_signatures() if s.id == "sensorist/gateway")
TALK = """
0.0 dev > gw ARP
0.1 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
0.2 dev > cloud:4321 CONNECT
0.3 repeat 4 every 60.0:
  0.0 dev > cloud:4321 EXCHANGE 120 60
"""
OLDER = """
0.0 dev:50001 > cloud:4321 EXCHANGE 120 60
60.0 dev:50001 > cloud:4321 EXCHANGE 120 60
120.0 dev:50001 > cloud:4321 EXCHANGE 120 60
240.0 dev:50001 > cloud:4321 EXCHANGE 120 60
"""
EXTENT = {
    "CAP-SNAPLEN", "CAP-TRUNCATED-FILE", "CAP-MIDSTREAM", "CAP-TAIL-CUT", "CAP-TOO-SHORT", "CAP-FILTERED",
    "CAP-TABLE-FULL",
}  # fmt: skip


def test_a_whole_capture_is_worth_no_remark() -> None:
    assert not EXTENT & set(health_of(traffic_of(TALK)))


def test_cut_frames_are_shown_with_the_snap_length() -> None:
    frames = cut_each(play_script(TALK), 68)

    (item,) = health_of(scan_frames(frames, notes=CaptureNotes(snaplen=68)))["CAP-SNAPLEN"]

    assert "(snap length 68)" in item.summary
    assert all(len(frames[number - 1].data) < frames[number - 1].wire_len for number in item.frames)


def test_padding_is_no_cut() -> None:
    def padded(frames: list[Frame]) -> list[Frame]:
        assert any(len(f.data) == 60 for f in frames)
        return frames

    assert "CAP-SNAPLEN" not in health_of(traffic_of(TALK, padded))


def test_a_file_that_breaks_off_is_named_with_its_last_frame() -> None:
    frames = play_script(TALK)
    notes = CaptureNotes(files=[FileNote("some/where/x.pcap", "pcap", 1, len(frames), 912, "7 bytes are missing")])

    (item,) = health_of(scan_frames(frames, notes=notes))["CAP-TRUNCATED-FILE"]

    assert item.summary == "x.pcap breaks off at byte 912: 7 bytes are missing"
    assert item.frames == (len(frames),)


def test_connections_older_than_the_capture_are_midstream() -> None:
    items = health_of(traffic_of(OLDER))["CAP-MIDSTREAM"]

    assert [(i.device, i.frames) for i in items] == [("02:00:0a:00:00:05", (1,))]


def test_a_connection_that_wakes_up_after_minutes_is_no_late_start() -> None:
    late = "0.0 dev > gw ARP\n120.0 dev:50001 > cloud:4321 EXCHANGE 120 60"

    assert "CAP-MIDSTREAM" not in health_of(traffic_of(late))


def test_a_lone_reset_at_the_start_is_no_connection() -> None:
    assert "CAP-MIDSTREAM" not in health_of(traffic_of("0.0 dev:50001 > cloud:4321 RST\n1.0 dev > gw ARP"))


@pytest.mark.parametrize(
    ("script", "frames"),
    [
        pytest.param("0.0 dev > gw ARP\n10.0 dev > gw DNS? a.example A\n11.0 switch > * WATCH", (3,), id="name"),
        pytest.param("0.0 dev > * DHCP DISCOVER\n4.0 dev > * DHCP DISCOVER\n5.0 switch > * WATCH", (2,), id="address"),
        pytest.param("0.0 dev > gw ARP\n10.0 dev > gw NTP?\n11.0 switch > * WATCH", (3,), id="time"),
    ],
)
def test_a_question_right_before_the_end_is_a_cut_tail(script: str, frames: tuple[int, ...]) -> None:
    (item,) = health_of(traffic_of(script))["CAP-TAIL-CUT"]

    assert (item.device, item.frames) == ("02:00:0a:00:00:05", frames)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("10.0 dev > gw LOOKUP a.example A 192.0.2.1\n11.0 switch > * WATCH", id="answered"),
        pytest.param("10.0 dev > gw DNS? a.example A\n16.0 switch > * WATCH", id="the wait is over"),
    ],
)
def test_no_open_question_at_the_end_is_no_cut_tail(script: str) -> None:
    assert "CAP-TAIL-CUT" not in health_of(traffic_of("0.0 dev > gw ARP\n" + script))


@pytest.mark.parametrize(("end", "is_short"), [("119.0", True), ("121.0", False)])
def test_less_than_two_minutes_is_short(end: str, *, is_short: bool) -> None:
    assert ("CAP-TOO-SHORT" in health_of(traffic_of(f"0.0 dev > gw ARP\n{end} switch > * WATCH"))) is is_short


def test_the_statistics_of_the_file_lengthen_the_window() -> None:
    frames = play_script("0.0 dev > gw ARP")
    notes = CaptureNotes(watched_until_ns=frames[0].time_ns + 600 * 10**9)

    assert "CAP-TOO-SHORT" not in health_of(scan_frames(frames, notes=notes))


def test_minutes_without_any_arp_dns_or_dhcp_suggest_a_filter() -> None:
    (item,) = health_of(traffic_of(OLDER))["CAP-FILTERED"]

    assert item.state is HealthState.SUSPECTED
    assert "port 4321 alone" in item.summary


@pytest.mark.parametrize("text", ["tcp port 4321", "not arp and not (udp)", "ip proto 6"])
def test_a_filter_that_the_file_states_is_proof(text: str) -> None:
    (item,) = health_of(scan_frames(play_script(OLDER), notes=CaptureNotes(filters=[text])))["CAP-FILTERED"]

    assert item.state is HealthState.PROVEN


@pytest.mark.parametrize(
    ("script", "filters"),
    [
        pytest.param(OLDER + "1.0 dev > gw ARP", [], id="ARP is there"),
        pytest.param(TALK, ["not tcp port 22"], id="a filter that spares what matters"),
        pytest.param("0.0 dev:50001 > cloud:4321 EXCHANGE 9 9", ["ether host 02:00:0a:00:00:05"], id="by MAC"),
    ],
)
def test_a_capture_that_shows_the_basics_is_not_filtered(script: str, filters: list[str]) -> None:
    assert "CAP-FILTERED" not in health_of(scan_frames(play_script(script), notes=CaptureNotes(filters=filters)))


def test_outside_the_site_there_is_no_arp_to_miss() -> None:
    hosts = {"dev": "203.0.113.7", "cloud": "54.229.203.190", "gw": "203.0.113.1"}

    assert "CAP-FILTERED" not in health_of(traffic_of(OLDER, hosts=hosts))


def test_a_table_that_is_full_is_said_aloud() -> None:
    (item,) = health_of(scan_frames(play_script(TALK), bounds=Bounds(max_flows=1)))["CAP-TABLE-FULL"]

    assert "packets of later conversations" in item.summary
    assert "at least as many as this report says" in item.effect


@pytest.mark.parametrize(("tries", "is_short"), [(2, True), (3, False)])
def test_a_device_that_tried_twice_in_vain_has_too_short_a_story(tries: int, *, is_short: bool) -> None:
    script = "0.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"
    script += "".join(f"{n}.0 dev:50001 > cloud:4321 SYN\n" for n in range(1, tries + 1)) + "300.0 switch > * WATCH"

    assert ("CAP-TOO-SHORT" in health_of(traffic_of(script), GATEWAY)) is is_short


@pytest.mark.parametrize(("end", "is_cut"), [("2.0", True), ("9.0", False)])
def test_a_syn_right_before_the_end_is_a_cut_tail(end: str, *, is_cut: bool) -> None:
    script = "0.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n1.0 dev:50001 > cloud:4321 SYN\n"

    assert ("CAP-TAIL-CUT" in health_of(traffic_of(f"{script}{end} switch > * WATCH"), GATEWAY)) is is_cut
