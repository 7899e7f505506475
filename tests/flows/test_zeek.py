from __future__ import annotations

import pytest

from pcapaudit.flows.zeek import first_icmp, flow_community_id, ports, service, uid
from pcapaudit.model.events import IcmpMessage, TlsClientHello
from tests.support.scene import traffic_of

DEV, CLOUD = (b"\x0a\0\0\5", 50001), (b"\x36\xe5\xcb\xbe", 443)


def test_a_uid_is_eighteen_letters_that_depend_on_every_part() -> None:
    known = uid(6, DEV, CLOUD, 1, 1)
    others = [
        uid(17, DEV, CLOUD, 1, 1), uid(6, CLOUD, DEV, 1, 1), uid(6, DEV, CLOUD, 2, 1), uid(6, DEV, CLOUD, 1, 2),
    ]  # fmt: skip

    assert known == uid(6, DEV, CLOUD, 1, 1)
    assert known.startswith("C")
    assert known.isalnum()
    assert len(known) == 18
    assert len({known, *others}) == 5


def test_icmp_has_type_and_code_for_ports_from_the_side_of_the_originator() -> None:
    traffic = traffic_of("0.0 dev > cloud PING\n0.1 cloud > dev PONG")
    (first,) = first_icmp(traffic).values()
    assert isinstance(first, IcmpMessage)

    assert ports(1, (first.at.src, 0), (first.at.dst, 0), first) == (8, 0, False)
    assert ports(1, (first.at.dst, 0), (first.at.src, 0), first) == (0, 8, False)
    assert ports(1, DEV, CLOUD, None) == (None, None, False)
    assert ports(6, DEV, CLOUD, None) == (50001, 443, False)


def test_a_community_id_needs_the_ports_where_there_are_ports() -> None:
    assert flow_community_id(6, DEV[0], None, CLOUD[0], 443, is_one_way=False) is None
    assert flow_community_id(47, DEV[0], None, CLOUD[0], None, is_one_way=False) is not None
    # The example of the specification's own repository: 128.232.110.120:34855 -> 66.35.250.204:80 over TCP.
    ends = bytes([128, 232, 110, 120]), 34855, bytes([66, 35, 250, 204]), 80
    assert flow_community_id(6, *ends, is_one_way=False) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


@pytest.mark.parametrize(
    ("proto", "orig_port", "resp_port", "name"),
    [(17, 40000, 53, "dns"), (17, 68, 67, "dhcp"), (17, 123, 40000, "ntp"), (17, 1, 2, None), (6, 40000, 53, None)],
)
def test_the_service_of_datagrams_is_told_by_the_port_and_that_of_tcp_by_what_is_said(
    proto: int, orig_port: int, resp_port: int, name: str | None
) -> None:
    assert service(proto, orig_port, resp_port, ()) == name


def test_a_connection_that_says_hello_speaks_tls() -> None:
    traffic = traffic_of("0.0 dev > cloud:8443 CONNECT\n0.1 dev > cloud:8443 TLS hello sni=a.example")
    messages = traffic.conversation(0)
    assert any(isinstance(m, TlsClientHello) for m in messages)
    assert service(6, 50000, 8443, messages) == "ssl"
