from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.scan import Bounds, Scanner, ScanResult
from tests.scan.material import (
    ACK,
    FIN,
    MS,
    PSH,
    RST,
    SYN,
    batch,
    differences,
    eth,
    ip4,
    received,
    scan,
    scan_batches,
    scanners,
    sent,
    stream,
    talk,
    tcp,
    udp,
    udp_flow,
)

SECOND = 1_000_000_000


NO_TAILS = Bounds(max_tails=0)


def test_a_flow_is_logged_for_300_packets_and_then_counted() -> None:
    result = scan(udp_flow(310), bounds=NO_TAILS)
    assert (len(result.rows), result.flows[0]["rows"], result.flows[0]["rows_left_out"]) == (300, 300, 10)
    assert result.counters["udp"] == 310


LATE = {
    "a reset": sent(tcp(RST, seq=400)),
    "a FIN": sent(tcp(FIN | ACK, seq=400)),
    "a retransmission": sent(tcp(ACK | PSH, b"x", seq=50), 9),
    "a zero window": sent(tcp(ACK, seq=400, window=0)),
}
SHUT, OPEN = sent(tcp(ACK, seq=400, window=0)), sent(tcp(ACK, seq=400, window=100), 2)


@pytest.mark.parametrize("name", LATE)
def test_later_packets_that_say_something_are_logged_still(name: str) -> None:
    result = scan([*stream(350, 1), LATE[name]], bounds=NO_TAILS)
    assert len(result.rows) == 301
    assert result.rows[-1]["frame"] == 351


def test_a_window_that_opens_again_is_logged_as_well() -> None:
    first, other = (received(tcp(ACK, sport=443, dport=50000), n) for n in (1, 2))
    frames = [first, *stream(349, 1), SHUT, other, OPEN, sent(tcp(ACK, seq=400, window=200), 3)]
    assert scan(frames, bounds=NO_TAILS).rows["frame"][300:].tolist() == [351, 353]


@pytest.mark.parametrize(("pause", "logged"), [(5 * SECOND, 301), (5 * SECOND - 1, 300)])
def test_the_first_packet_after_five_seconds_of_silence_is_logged(pause: int, logged: int) -> None:
    result = scan(udp_flow(311), times=[*range(310), 309 + pause], bounds=NO_TAILS)
    assert len(result.rows) == logged


def test_a_flow_has_at_most_2000_rows() -> None:
    frames = [sent(tcp(RST, seq=n), n % 65535 + 1) for n in range(2100)]
    assert scan(frames, bounds=NO_TAILS).flows[0]["rows"] == 2000


def test_the_last_100_rows_of_a_flow_are_for_openings_and_ends() -> None:
    again = [sent(tcp(ACK, b"x", seq=7), n % 65535 + 1) for n in range(2100)]
    logged = scan([*again, LATE["a reset"]], bounds=NO_TAILS).rows["frame"].tolist()
    assert logged == [*range(1, 1901), 2101]


def test_dns_is_logged_and_handed_over_without_that_limit() -> None:
    result = scan(udp_flow(2100, 53))
    assert (len(result.rows), len(result.handed)) == (2100, 2100)


def test_the_log_ends_at_its_bound_and_counts_what_is_left_out() -> None:
    result = scan(udp_flow(10), bounds=Bounds(max_rows=4, max_tails=0))
    assert (len(result.rows), result.left_out["rows"], result.tables_full["rows"]) == (4, 6, True)
    assert result.flows[0]["rows_left_out"] == 6


# The last packets of a flow that the log did not take.

TAIL = 2 * (8 + 2)
"""Rows of a tail: of each side the last eight packets, its last data, and its last acknowledgment of more."""


def test_the_last_packets_of_each_side_are_kept_beside_the_log() -> None:
    answers = [received(tcp(ACK, seq=n, sport=443, dport=50000), n + 1) for n in range(20)]
    result = scan([*stream(350, 1), *answers])
    assert result.rows["frame"].tolist() == [*range(1, 301), *range(343, 352), *range(363, 371)]
    assert (result.flows[0]["rows"], result.flows[0]["rows_left_out"]) == (317, 370 - 317)


@pytest.mark.parametrize("is_tcp", [True, False])
def test_the_last_data_of_a_side_is_kept_however_long_it_is_silent_after_it(*, is_tcp: bool) -> None:
    said = [tcp(ACK, b"x", seq=n) if is_tcp else udp(sport=39000) for n in range(350)]
    silent = tcp(ACK, seq=350) if is_tcp else udp(b"", sport=39000)
    frames = [eth(ip4(p, 6 if is_tcp else 17, ident=n + 1)) for n, p in enumerate([*said, *[silent] * 500])]
    assert scan(frames).rows["frame"][300:].tolist() == [350, *range(843, 851)]


def test_a_keep_alive_probe_is_no_data() -> None:
    probes = [sent(tcp(ACK, b"x", seq=1349), 1000 + n) for n in range(20)]
    heard = received(tcp(ACK, ack=1350, sport=443, dport=50000))
    assert 350 in scan([*stream(350, 1), heard, *probes]).rows["frame"].tolist()


def test_the_last_acknowledgment_of_more_is_kept() -> None:
    acks = [sent(tcp(ACK, ack=min(n, 340)), n + 1) for n in range(400)]
    assert scan(acks).rows["frame"][300:].tolist() == [341, *range(393, 401)]


def test_marked_copies_take_no_place_in_a_tail() -> None:
    frames = [frame for frame in udp_flow(320) for _ in range(3)]
    assert scan(frames).rows["frame"][300:].tolist() == [3 * n + 1 for n in range(312, 320)]


def test_what_was_handed_over_keeps_its_row_where_tails_lie_before_it() -> None:
    asked = [eth(ip4(udp(b"%04d" % n, dport=53), ident=n + 1)) for n in range(20)]
    frames = [*udp_flow(310), *asked[:10], *udp_flow(330)[310:], *asked[10:]]
    result = scan(frames)
    assert [result.payload(entry) for entry in range(len(result.handed))] == [b"%04d" % n for n in range(20)]
    assert result.rows["frame"][result.handed["row"]].tolist() == [*range(311, 321), *range(341, 351)]


def test_a_result_does_not_change_when_a_tail_goes_on() -> None:
    frames = udp_flow(400)
    for make in scanners():
        scanner: Scanner = make()
        scanner.feed(batch(frames[:350]))
        early = scanner.result()
        kept = early.rows.copy(), early.flows.copy()
        scanner.feed(batch(frames[350:], first_frame=351))
        scanner.result()
        assert np.array_equal(early.rows, kept[0])
        assert np.array_equal(early.flows, kept[1])


def test_so_many_flows_as_the_bound_says_have_tails() -> None:
    frames = [frame for port in (1, 2, 3) for frame in udp_flow(310, 8000 + port)]
    assert scan(frames, bounds=Bounds(max_tails=2)).flows["rows"].tolist() == [308, 308, 300]


def test_each_row_tells_the_time_since_the_packet_before_it_in_its_flow() -> None:
    frames = [frame for pair in zip(udp_flow(320, 8001), udp_flow(320, 8002), strict=True) for frame in pair]
    result = scan(frames, times=[n * n * MS for n in range(640)])
    rows = result.rows[result.rows["flow"] == 1]
    places = rows["frame"].astype(np.int64) - 1
    assert places.tolist()[-8:] == list(range(625, 640, 2))
    assert rows["pause_ns"].tolist() == [0, *((n * n - (n - 2) ** 2) * MS for n in places.tolist()[1:])]


# When the log is full.


def rows_of(result: ScanResult, flow: int) -> list[int]:
    """Which packets of a flow, counted from 0, are in the log, where all flows of ``talk`` have one in turn."""
    return [(frame - 1) // len(result.flows) for frame in result.rows["frame"][result.rows["flow"] == flow].tolist()]


def test_a_full_log_keeps_the_first_and_the_last_packets_of_each_flow() -> None:
    result = scan(talk(4, 500), bounds=Bounds(max_rows=400))
    assert result.left_out["rows"] == 0
    for flow in range(4):
        places = rows_of(result, flow)
        assert places[:2] == [0, 1]
        assert places[-2:] == [498, 499]
        assert places == sorted(places)


def test_what_was_thinned_out_is_counted_with_its_flow() -> None:
    result = scan(talk(4, 500), bounds=Bounds(max_rows=400))
    assert len(result.rows) < 400
    assert result.flows["rows"].tolist() == [len(rows_of(result, flow)) for flow in range(4)]
    assert (result.flows["rows"] + result.flows["rows_left_out"]).tolist() == [500] * 4


def test_packets_that_say_something_stay_when_the_log_is_thinned() -> None:
    frames = talk(4, 500)
    frames[1000] = sent(tcp(SYN))
    frames[1400] = received(tcp(RST, sport=443, dport=50000))
    logged = scan(frames, bounds=Bounds(max_rows=300)).rows["frame"].tolist()
    assert {1001, 1401} < set(logged)


@pytest.mark.parametrize("is_tcp", [True, False])
def test_the_last_new_words_of_a_side_stay_when_the_log_is_thinned(*, is_tcp: bool) -> None:
    said = [tcp(ACK, b"%04d" % n, seq=1000 + 4 * n) if is_tcp else udp(b"text", sport=39000) for n in range(45)]
    silent = tcp(ACK, seq=1180) if is_tcp else udp(b"", sport=39000)
    frames = [eth(ip4(p, 6 if is_tcp else 17, ident=n + 1)) for n, p in enumerate(said + [silent] * 40)]
    logged = scan(frames + talk(4, 500), bounds=Bounds(max_rows=300)).rows["frame"].tolist()
    assert 45 in logged
    assert 44 not in logged


def test_messages_stay_with_their_rows_when_the_log_is_thinned() -> None:
    asked = [eth(ip4(udp(b"%04d" % n, dport=53), ident=n + 1)) for n in range(50)]
    result = scan(asked + talk(4, 500), bounds=Bounds(max_rows=300))
    assert [result.payload(entry) for entry in range(len(result.handed))] == [b"%04d" % n for n in range(50)]
    assert result.rows["frame"][result.handed["row"]].tolist() == list(range(1, 51))


def test_a_log_of_packets_that_must_all_stay_ends_at_its_bound() -> None:
    frames = [sent(tcp(SYN, seq=n, sport=1000 + n), n + 1) for n in range(100)]
    result = scan(frames, bounds=Bounds(max_rows=40, max_tails=0))
    assert (len(result.rows), result.left_out["rows"], result.tables_full["rows"]) == (40, 60, True)


def test_a_log_of_packets_that_must_all_stay_grows_to_its_bound() -> None:
    frames = [sent(tcp(SYN, seq=n, sport=1000 + n), n + 1) for n in range(200)]
    result = scan(frames, bounds=Bounds(thin_rows=16, max_rows=150, max_tails=0))
    assert result.rows["frame"].tolist() == list(range(1, 151))
    assert result.left_out["rows"] == 50


def test_a_log_does_not_grow_while_there_is_something_to_thin() -> None:
    result = scan(talk(4, 500), bounds=Bounds(thin_rows=400, max_rows=4000))
    assert len(result.rows) < 400


def test_a_flow_tells_that_a_bound_kept_something_of_it_out() -> None:
    first, second = (sent(tcp(SYN, sport=port), port) for port in (1, 2))
    assert scan([first, second], bounds=Bounds(max_rows=1, max_tails=0)).flows["lost"].tolist() == [0, 1]
    asked = [*udp_flow(1, 53), *udp_flow(1, 67)]
    assert scan(asked, bounds=Bounds(max_handed_bytes=5)).flows["lost"].tolist() == [0, 1]
    assert scan(udp_flow(400)).flows["lost"].tolist() == [0]
    assert not scan(talk(4, 500), bounds=Bounds(max_rows=400)).flows["lost"].any()


def test_a_result_does_not_change_when_the_log_is_thinned_later() -> None:
    frames = talk(4, 100)
    for make in scanners():
        scanner: Scanner = make(bounds=Bounds(max_rows=120))
        scanner.feed(batch(frames[:100]))
        early = scanner.result()
        kept = early.rows.copy()
        scanner.feed(batch(frames[100:], first_frame=101))
        assert np.array_equal(early.rows, kept)


@given(st.lists(st.integers(0, 5), max_size=120), st.integers(1, 40), st.integers(1, 40), st.integers(1, 50))
def test_a_thinned_log_depends_on_the_frames_alone(choices: list[int], thin: int, most: int, size: int) -> None:
    kinds = [udp(), udp(sport=41000), udp(b"query", dport=53), tcp(ACK, b"text"), tcp(SYN), tcp(ACK, sport=50001)]
    frames = [eth(ip4(kinds[c], 17 if c < 3 else 6, ident=n + 1)) for n, c in enumerate(choices)]
    times = [n * n * MS for n in range(len(frames))]
    parts = [
        batch(frames[at : at + size], times=times[at : at + size], first_frame=at + 1)
        for at in range(0, len(frames), size)
    ]
    bounds = Bounds(thin_rows=thin, max_rows=most, max_tails=2)
    whole = scan(frames, times=times, bounds=bounds)
    assert not differences(whole, scan_batches(parts, bounds))
    assert int(whole.flows["rows"].sum()) == len(whole.rows) <= most + 2 * TAIL
    assert int(whole.flows["rows_left_out"].sum()) == len(frames) - len(whole.rows)
    assert np.all(np.diff(whole.rows["frame"].astype(np.int64)) > 0)
    assert np.all(whole.handed["row"] < len(whole.rows))


def test_the_first_packet_and_the_first_data_of_a_side_are_logged_however_late_they_come() -> None:
    silent, loud = (received(tcp(ACK, text, sport=443, dport=50000), 500 + len(text)) for text in (b"", b"text"))
    frames = [*stream(350, 1), silent, *stream(10, 0), loud]
    assert scan(frames, bounds=NO_TAILS).rows["frame"][300:].tolist() == [351, 362]


# What stands around a packet that says something.


def test_what_comes_before_and_behind_a_pause_is_logged() -> None:
    asked = [sent(tcp(ACK, b"x", seq=n), n + 1) for n in range(200)]
    told = [received(tcp(ACK, b"y", seq=n, sport=443, dport=50000), n + 1) for n in range(200)]
    frames = [frame for pair in zip(asked, told, strict=True) for frame in pair]
    times = [n * MS + 6 * SECOND * (n >= 340) for n in range(400)]
    logged = scan(frames, times=times).rows["frame"][300:].tolist()
    assert logged == [339, 340, 341, 342, *range(385, 401)]


def test_a_repeat_brings_back_what_it_repeats_and_the_last_word_of_the_other_side() -> None:
    heard = [received(tcp(ACK, ack=n, sport=443, dport=50000), n + 1) for n in range(3)]
    again, after = sent(tcp(ACK, b"x", seq=1347), 900), received(tcp(ACK, ack=1400, sport=443, dport=50000), 9)
    frames = [*stream(350, 1), *heard, again, *stream(20, 0), after]
    logged = scan(frames).rows["frame"][300:].tolist()
    assert {348, 353, 354, len(frames)} < set(logged)
    assert logged == sorted(logged)
