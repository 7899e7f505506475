from __future__ import annotations

from pcapaudit.diagnose.reports import report_starts
from tests.support.scene import traffic_of
from tests.support.world import START_NS

TWO_FLOWS = """
0.0  dev:50001 > cloud:4321 CONNECT
1.0  dev:50001 > cloud:4321 DATA 100
1.5  dev:50001 > cloud:4321 DATA 100
1.6  cloud:4321 > dev:50001 DATA 20
5.0  dev:50002 > cloud:4321 CONNECT
5.5  dev:50002 > cloud:4321 DATA 100
9.0  dev:50001 > cloud:4321 DATA 100
"""


def test_a_report_begins_with_data_of_the_device_after_more_than_a_second() -> None:
    traffic = traffic_of(TWO_FLOWS)
    starts = report_starts(traffic, [traffic.flow(1), traffic.flow(0)])

    assert [round((s.time_ns - START_NS) / 1e9, 1) for s in starts] == [1.0, 5.5, 9.0]
    assert [traffic.packet(s.row).time_ns for s in starts] == [s.time_ns for s in starts]


def test_a_device_that_sends_nothing_reports_nothing() -> None:
    traffic = traffic_of("0.0 dev:50001 > cloud:4321 CONNECT\n9.0 cloud:4321 > dev:50001 DATA 20")

    assert report_starts(traffic, [traffic.flow(0)]) == []
    assert report_starts(traffic, []) == []
