from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.diagnose.health import loss as module
from pcapaudit.diagnose.health.loss import find_holes, has_holes, holes_of
from pcapaudit.diagnose.health.registry import examine
from pcapaudit.model.events import Packet
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.words import HealthState
from pcapaudit.scan.columns import ROW_DTYPE, Table
from tests.support.player import Frame
from tests.support.scene import health_of, play_script, scan_frames, traffic_of, view_of

A, B = bytes([10, 0, 0, 5]), bytes([192, 0, 2, 1])
LOSSY = """
0.0 dev > cloud:4321 CONNECT
2.0 repeat 20 every 5.0:
  0.0   dev > cloud:4321 DATA 120
  0.03  cloud:4321 > dev ACK
  0.1   dev > cloud:4321 DATA 120 unseen
  0.13  cloud:4321 > dev DATA 60
  0.2   dev > cloud:4321 DATA 120
  0.23  cloud:4321 > dev ACK
"""


def data(frame: int, seq: int, size: int, flags: int = 16) -> Packet:
    return Packet(frame, frame, A, 1, B, 2, 6, payload_len=size, seq=seq, flags=flags)


def ack(frame: int, number: int, flags: int = 16) -> Packet:
    return Packet(frame, frame, B, 2, A, 1, 6, ack=number, flags=flags)


def rows_of(packets: list[Packet]) -> Table:
    """The packets as the scan's log holds them."""
    rows: Table = np.zeros(len(packets), ROW_DTYPE)
    for name in ("frame", "seq", "ack", "payload_len", "flags"):
        rows[name] = [getattr(p, name) for p in packets]
    return rows


@pytest.mark.parametrize(
    ("sent", "acks", "holes"),
    [
        pytest.param([data(1, 100, 50), data(2, 150, 50)], [ack(3, 200)], [], id="all is there"),
        pytest.param([data(1, 100, 50), data(2, 200, 50)], [ack(3, 250)], [3], id="a hole in the middle"),
        pytest.param([data(1, 100, 50), data(2, 200, 50)], [ack(3, 150)], [], id="a hole nobody acknowledged"),
        pytest.param([data(1, 100, 50)], [ack(2, 150), ack(3, 180)], [3], id="a hole at the end"),
        pytest.param([data(1, 100, 50), data(4, 150, 50)], [ack(3, 200)], [], id="data behind its acknowledgment"),
        pytest.param([data(1, 100, 50)], [ack(2, 900, flags=20)], [], id="the number of a reset means nothing"),
        pytest.param([data(1, 2**32 - 10, 20), data(2, 60, 5)], [ack(3, 65)], [3], id="numbers that wrap"),
        pytest.param([data(1, 99, 0, flags=2), data(2, 100, 5)], [ack(3, 105)], [], id="a SYN takes one number"),
        pytest.param([data(1, 100, 5, flags=17)], [ack(3, 106)], [], id="a FIN takes one number"),
        pytest.param([], [ack(3, 105)], [], id="nothing of the sender"),
    ],
)
def test_a_hole_is_acknowledged_data_that_is_nowhere_in_the_capture(
    sent: list[Packet], acks: list[Packet], holes: list[int]
) -> None:
    assert holes_of(rows_of(sent), rows_of(acks)) == holes


@given(st.permutations(range(8)), st.integers(0, 2**32 - 1))
def test_the_order_of_whole_data_makes_no_hole(order: list[int], base: int) -> None:
    whole = [data(n + 1, (base + 10 * n) % 2**32, 10) for n in range(8)]

    # The first segment stays first: what lies before it is not looked for.
    sent = [whole[0], *(whole[n] for n in order if n)]

    assert holes_of(rows_of(sent), rows_of([ack(9, (base + 80) % 2**32)])) == []


@pytest.mark.parametrize(
    ("word", "is_hole"),
    [pytest.param("", False, id="behind its acknowledgment"), pytest.param(" unseen", True, id="lost")],
)
def test_a_connection_has_holes_where_acknowledged_data_is_nowhere(word: str, *, is_hole: bool) -> None:
    script = f"0.0 dev > cloud:4321 CONNECT\n1.0 dev > cloud:4321 DATA 120{word}\n1.03 cloud:4321 > dev ACK\n"

    def disordered(frames: list[Frame]) -> list[Frame]:
        return frames if is_hole else [*frames[:3], *reversed(frames[3:])]

    traffic = traffic_of(script, disordered)
    flow = traffic.flow(0)

    assert flow.orig_side.unseen_acks + flow.resp_side.unseen_acks == 1
    assert has_holes(traffic, flow) is is_hole


def test_of_very_many_connections_with_holes_a_part_tells_how_much_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ten connections of 63 packets with 20 holes each: 20 of 63 packets, whatever part is looked into.
    lossy = traffic_of("".join(LOSSY.replace("cloud:4321", f"cloud:{4321 + n}") for n in range(10)))
    (whole,) = health_of(lossy)["CAP-LOSS"]
    assert whole.summary.startswith("200 pieces of data are acknowledged")

    monkeypatch.setattr(module, "MAX_FLOWS", 3)
    lossy.memo.clear()
    (part,) = health_of(lossy)["CAP-LOSS"]
    assert part.summary.startswith("about 240 pieces of data are acknowledged")
    assert part.state is HealthState.PROVEN


def test_acknowledged_but_unseen_data_proves_loss_of_the_capture() -> None:
    (item,) = health_of(traffic_of(LOSSY))["CAP-LOSS"]

    assert item.state is HealthState.PROVEN
    assert item.summary.startswith("20 pieces of data")


def test_rules_on_loss_are_told() -> None:
    traffic = traffic_of(LOSSY)
    view = view_of(traffic)
    examine(view)

    assert all(f.is_lossy for f in view.devices)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(LOSSY.replace(" unseen", ""), id="whole"),
        pytest.param(LOSSY.replace("repeat 20", "repeat 2"), id="two holes may be chance"),
        pytest.param("0.0 dev:50001 > cloud:4321 EXCHANGE 120 60\n9.0 dev:50001 > cloud:4321 EXCHANGE 9 9", id="older"),
        pytest.param(
            "0.0 dev > cloud:4321 CONNECT\n1.0 dev > cloud:4321 DATA 100 lost\n1.3 dev > cloud:4321 AGAIN\n"
            "1.33 cloud:4321 > dev ACK",
            id="loss on the path is repaired",
        ),
    ],
)
def test_a_good_capture_has_no_loss(script: str) -> None:
    assert "CAP-LOSS" not in health_of(traffic_of(script))


def test_a_one_sided_capture_is_not_lossy() -> None:
    def outgoing(frames: list[Frame]) -> list[Frame]:
        return [f for f in frames if f.src_mac == bytes.fromhex("02000a000005")]

    assert find_holes(traffic_of(LOSSY, outgoing)).sure == 0


@pytest.mark.parametrize(("script", "state"), [(LOSSY, "proven"), (LOSSY.replace(" unseen", ""), "suspected")])
def test_drops_that_the_file_reports_are_proven_by_holes_only(script: str, state: str) -> None:
    notes = CaptureNotes(dropped=17, drop_frames=[5])

    (item,) = health_of(scan_frames(play_script(script), notes=notes))["CAP-IFACE-DROPS"]

    assert (item.state.value, item.frames) == (state, (5,))
    assert "17 dropped frames" in item.summary


def bulk(keep: int, *, whole_opening: bool) -> list[Frame]:
    """Six downloads of 1,000 segments, of which every ``keep``-th packet is in the capture."""
    frames: list[Frame] = []
    for port in range(50001, 50007):
        lines = [f"0.0 dev:{port} > cloud:443 CONNECT"]
        lines += [
            f"{1 + n / 100:.2f} cloud:443 > dev:{port} DATA 1400\n+1ms dev:{port} > cloud:443 ACK" for n in range(500)
        ]
        own = play_script("\n".join(lines))
        opening = own[:3] if whole_opening else []
        frames += [*opening, *(f for i, f in enumerate(own[3:]) if i // 2 % keep == i % 2)]
    return frames


@pytest.mark.parametrize("keep", [80, 4])
def test_a_capture_with_one_packet_in_a_hundred_or_in_four_is_refused(keep: int) -> None:
    assert health_of(scan_frames(bulk(keep, whole_opening=False)))["CAP-SAMPLED"][0].state is HealthState.PROVEN


@pytest.mark.parametrize(
    ("keep", "whole_opening"),
    [pytest.param(80, True, id="openings are whole: an offloaded fast path"), pytest.param(2, False, id="heavy loss")],
)
def test_a_capture_that_is_merely_lossy_is_not_refused(keep: int, *, whole_opening: bool) -> None:
    assert "CAP-SAMPLED" not in health_of(scan_frames(bulk(keep, whole_opening=whole_opening)))
