from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.flows import digest, layout
from pcapaudit.flows.flow import Flow
from pcapaudit.flows.packets import PacketLog
from pcapaudit.scan.loading import load_interpreted
from pcapaudit.scan.result import ScanResult
from tests.flows.plain_flow import PlainFlow
from tests.support.scene import traffic_of

PLAIN = load_interpreted(("pcapaudit.flows.logged", "pcapaudit.flows.digest"))
SHARED = (
    "resp_isn", "is_established", "established_at", "refusal", "answered_bytes", "first_answer", "last_answer",
    "acked_sent", "first_rst", "closed_at", "gave_up",
)  # fmt: skip
RUNS = ("sent", "received", "syns", "syn_acks", "sent_data", "received_data", "unacked_data")
NUMBERS = st.sampled_from([0, 1, 9, 10, 11, 20, 21, (1 << 31) + 5, (1 << 32) - 1])
PACKETS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([0, 1, 2, 4, 16, 17, 18, 20, 24]),
        NUMBERS,
        NUMBERS,
        st.sampled_from([0, 0, 1, 9, 10]),
        st.sampled_from([0, 1, 2_999_999_999, 3_000_000_000]),
    ),
    min_size=1,
    max_size=12,
)
"""Side, flags, sequence and acknowledgment number, payload, and the time (ns) since the packet before."""


@cache
def some_result() -> ScanResult:
    """Tables to begin with."""
    return traffic_of("0.0 dev:50000 > cloud:4321 CONNECT").result


def result_with(packets: Sequence[tuple[int, int, int, int, int, int]], proto: int = 6) -> ScanResult:
    """A scan's tables with one flow of these packets."""
    result = some_result()
    rows = np.zeros(len(packets), result.rows.dtype)
    rows["flow"] = 0
    rows["frame"] = np.arange(1, len(packets) + 1)
    for name, index in (("side", 0), ("flags", 1), ("seq", 2), ("ack", 3), ("payload_len", 4)):
        rows[name] = [p[index] for p in packets]
    rows["time_ns"] = np.cumsum([p[5] for p in packets])
    flows = result.flows[:1].copy()
    flows["proto"], flows["a_port"], flows["b_port"] = proto, 50000, 4321
    return replace(result, rows=rows, flows=flows)


@given(PACKETS, st.sampled_from([6, 17]))
def test_a_flow_says_what_its_packets_say_one_by_one(
    packets: Sequence[tuple[int, int, int, int, int, int]], proto: int
) -> None:
    flow = Flow(PacketLog(result_with(packets, proto)), 0)
    for seen in (flow, flow.seen_from(flow.resp[0])):
        plain = PlainFlow(list(seen.packets), seen.is_from_orig, proto == 6)
        assert {name: getattr(seen, name) for name in SHARED} == {name: getattr(plain, name) for name in SHARED}
        assert {name: list(getattr(seen, name)) for name in RUNS} == {name: getattr(plain, name) for name in RUNS}


@given(PACKETS, st.sampled_from([6, 17]))
def test_compiled_and_interpreted_digests_are_the_same(
    packets: Sequence[tuple[int, int, int, int, int, int]], proto: int
) -> None:
    result = result_with(packets, proto)
    one, other = (module.Digests(result.rows, result.flows) for module in (digest, PLAIN))
    assert one.table.tolist() == other.table.tolist()
    assert one.turned(0) == other.turned(0)
    kinds = range(layout.ONLY_UNACKED + 1)
    asked = [(side, kind, acked) for side in (0, 1, layout.BOTH_SIDES) for kind in kinds for acked in (0, 11)]
    assert [one.places(0, *a) for a in asked] == [other.places(0, *a) for a in asked]


@pytest.mark.parametrize(("a_port", "b_port", "is_b"), [(443, 50000, 1), (50000, 443, 0), (80, 443, 0), (0, 50000, 0)])
def test_without_an_opening_the_low_port_is_the_service(a_port: int, b_port: int, is_b: int) -> None:
    result = result_with([(0, 16, 9, 20, 0, 0)])
    result.flows["a_port"], result.flows["b_port"] = a_port, b_port

    found = digest.Digests(result.rows, result.flows)

    assert found.table[0, layout.STATE] & layout.FROM_B == is_b
