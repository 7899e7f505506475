"""When the reports of a device begin, read in the columns of the packet log: most devices report all day long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pcapaudit.flows.flow import Flow
from pcapaudit.flows.rows import rows_of_data
from pcapaudit.flows.traffic import Traffic

REPORT_NS = 1_000_000_000
"""What comes this soon after another packet belongs to the same report."""


class ReportStart(NamedTuple):
    """The packet that begins a report: its time and its row in the packet log."""

    time_ns: int
    row: int


def report_starts(traffic: Traffic, flows: Sequence[Flow]) -> list[ReportStart]:
    """When the originators of some flows begin to report, by time.

    Args:
        traffic: The capture.
        flows: The flows; keep-alive probes in them are no reports.
    """
    rows = rows_of_data(traffic, flows)
    times = traffic.result.rows["time_ns"][rows]
    is_start = np.ones(len(rows), np.bool_)
    is_start[1:] = np.diff(times) > REPORT_NS
    return list(map(ReportStart, times[is_start].tolist(), rows[is_start].tolist()))
