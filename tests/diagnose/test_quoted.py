from __future__ import annotations

from pcapaudit.diagnose.quoted import errors_about
from tests.support.scene import traffic_of

DEV = frozenset({bytes([10, 0, 0, 5])})


def found(script: str) -> list[tuple[int, int | None]]:
    return [(e.message.code, e.flow) for e in errors_about(traffic_of(script), DEV)]


def test_an_error_belongs_to_the_flow_whose_packet_it_quotes() -> None:
    assert found(
        "0.0 dev:50001 > cloud:4321 SYN\n0.1 dev:50002 > cloud:4321 SYN\n0.2 gw > dev ICMP unreachable code=13"
    ) == [(13, 1)]


def test_of_flows_with_the_same_ends_the_latest_before_the_error_counts() -> None:
    script = """
0.0    dev:50001 > cloud:4321 SYN seq=100
0.1    cloud:4321 > dev:50001 RST
90.0   dev:50001 > cloud:4321 SYN seq=5000
90.1   gw > dev ICMP unreachable code=1
200.0  dev:50001 > cloud:4321 SYN seq=90000
"""
    traffic = traffic_of(script)
    [error] = errors_about(traffic, DEV)

    assert error.flow is not None
    assert traffic.flow(error.flow).syns[0].seq == 5000


def test_errors_about_other_hosts_and_messages_that_are_no_errors_are_left_out() -> None:
    assert found("0.0 pc:50001 > cloud:4321 SYN\n0.1 gw > pc ICMP unreachable code=13\n1.0 dev > 4.2.2.2 PING") == []
