from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.diagnose.contrast import served_flows
from pcapaudit.diagnose.twins import twins_of
from pcapaudit.flows.flow import UDP
from tests.support.scene import read_capture, traffic_of

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.pcapng"))
CLOUD = bytes([54, 229, 203, 190])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_a_service_served_where_the_flow_says_so(path: Path) -> None:
    traffic = read_capture(path)

    served: dict[tuple[int, bytes, int], list[int]] = {}
    for flow in map(traffic.flow, range(len(traffic.result.flows))):
        is_own = flow.index not in twins_of(traffic).outer
        if is_own and flow.received and not flow.refusal and (flow.is_established or flow.proto == UDP):
            served.setdefault((flow.proto, *flow.resp), []).append(flow.index)
    assert {service: list(flows) for service, flows in served_flows(traffic).items()} == served


def test_neither_silence_nor_a_refusal_serves() -> None:
    traffic = traffic_of(
        "0.0 dev:50001 > cloud:80 SYN\n1.0 dev:50002 > cloud:81 SYN\n1.1 cloud:81 > dev:50002 RST\n"
        "2.0 dev:50003 > cloud:82 CONNECT\n3.0 dev:30001 > cloud:83 UDP 9\n3.1 cloud:83 > dev:30001 UDP 9\n"
    )

    assert list(served_flows(traffic)) == [(6, CLOUD, 82), (17, CLOUD, 83)]
