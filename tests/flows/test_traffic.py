from __future__ import annotations

import pytest

from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import EapolFrame, HttpRequest, Neighbour, SpanningTree
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.scan import Scanner
from tests.support.scene import play_script, scan_frames, traffic_of

MIXED = """
0.0  dev > gw BOOT
1.0  dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
2.0  dev > 192.0.2.7 NTP
3.0  dev > 4.2.2.2 PING
4.0  switch > * EAPOL request-identity
5.0  switch > * LLDP port=ge-0/0/7
6.0  switch > * STP
7.0  dev:50000 > cloud:80 CONNECT
8.0  dev > cloud HTTP GET / host=gk.sensorist.com
"""


def test_messages_of_every_kind_stand_in_frame_order() -> None:
    traffic = traffic_of(MIXED)

    for found in (traffic.dhcp, traffic.dns, traffic.ntp, traffic.arp):
        numbers = [m.at.frame for m in found]
        assert numbers == sorted(numbers)
    assert [m.kind for m in traffic.dhcp] == [1, 2, 3, 5]
    assert [m.is_response for m in traffic.dns] == [False, True]
    assert [m.mode for m in traffic.ntp] == [3, 4]
    assert [m.type for m in traffic.icmp] == [8]
    assert [m.op for m in traffic.arp] == [1, 1, 2]
    assert [type(e) for found in (traffic.eapol, traffic.neighbours, traffic.spanning_tree) for e in found] == [
        EapolFrame,
        Neighbour,
        SpanningTree,
    ]


def test_a_packet_says_what_its_frame_says() -> None:
    traffic = traffic_of("0.5 dev:50000 > cloud:4321 SYN seq=77 vlan=20 id=9")
    packet = traffic.packets(0)[0]

    assert (packet.frame, packet.time_ns) == (1, 1_767_600_000_500_000_000)
    assert (packet.src, packet.sport, packet.dst, packet.dport) == (
        b"\x0a\0\0\5",
        50000,
        bytes([54, 229, 203, 190]),
        4321,
    )
    assert (packet.proto, packet.flags, packet.seq, packet.vlan, packet.ip_id, packet.ttl) == (6, 2, 77, 20, 9, 64)
    assert (packet.smac, packet.dmac) == (bytes.fromhex("02000a000005"), bytes.fromhex("02000a000001"))
    assert packet.dont_fragment


def test_arp_packets_keep_both_headers_addresses() -> None:
    [request, reply] = traffic_of("0.0 dev > * ARP? gw\n0.1 gw > dev ARP!").arp

    assert (request.op, request.at.dmac, request.sender_ip, request.target_ip) == (
        1,
        b"\xff" * 6,
        b"\x0a\0\0\5",
        b"\x0a\0\0\1",
    )
    assert (reply.op, reply.sender_mac, reply.target_mac) == (
        2,
        bytes.fromhex("02000a000001"),
        bytes.fromhex("02000a000005"),
    )


def test_copies_count_in_the_counters_and_nowhere_else() -> None:
    traffic = traffic_of(
        "0.0 dev > gw DNS? a.example A\n+40us dup\n0.1 gw > dev DNS! a.example A rcode=3\n"
        "0.2 dev > * ANNOUNCE\n+40us dup"
    )

    assert len(traffic.dns) == 2
    assert len(traffic.arp) == 1
    assert traffic.dns_counters() == {"dns_queries": 2, "dns_responses": 1, "dns_rcodes": {"NXDOMAIN": 1}}


def test_names_asked_over_tcp_are_names_asked() -> None:
    traffic = traffic_of(
        "0.0 dev:50000 > gw:53 CONNECT\n0.1 dev:50000 > gw:53 DNS? a.example A tcp\n"
        "0.2 gw:53 > dev:50000 DNS! a.example A 192.0.2.1"
    )

    assert [(m.transport, m.is_response, m.question) for m in traffic.dns] == [
        ("tcp", False, "a.example"),
        ("tcp", True, "a.example"),
    ]
    assert traffic.dns_counters()["dns_queries"] == 1


def test_a_conversation_is_read_from_both_directions() -> None:
    traffic = traffic_of(MIXED)
    flow = next(i for i in range(len(traffic.result.flows)) if traffic.ends(i)[4] == 6)

    [request] = traffic.conversation(flow)

    assert isinstance(request, HttpRequest)
    assert (request.host, request.at.frame) == ("gk.sensorist.com", traffic.flow(flow).last_frame)


def test_tables_by_asker_client_and_name_hold_what_the_lists_hold() -> None:
    traffic = traffic_of(MIXED + "9.0 pc > gw LOOKUP www.example A 54.229.203.190\n")

    assert {a: len(m) for a, m in traffic.dns_by_asker.items()} == {b"\x0a\0\0\5": 2, b"\x0a\0\0\x09": 2}
    assert {c.hex(): len(m) for c, m in traffic.dhcp_by_client.items()} == {"02000a000005": 4}
    assert traffic.names == {bytes([54, 229, 203, 190]): ["gk.sensorist.com", "www.example"]}
    assert set(traffic.flows_by_address[b"\x0a\0\0\x09"]) <= set(traffic.flows_by_address[b"\x0a\0\0\1"])


def test_lookups_of_a_host_are_those_of_its_addresses_but_not_of_another_mac() -> None:
    world = {"twin": {"ip": "10.0.0.5", "mac": "02:00:00:00:00:66"}}
    traffic = traffic_of(
        "0.0 dev > gw DNS? a.example A\n0.1 pc > gw DNS? b.example A\n0.2 twin > gw DNS? c.example A", hosts=world
    )
    dev, mac = frozenset({b"\x0a\0\0\5"}), bytes.fromhex("02000a000005")

    assert [k.name for k in traffic.lookups_of(dev, mac)] == ["a.example"]
    assert [k.name for k in traffic.lookups_of(dev, None)] == ["a.example", "c.example"]


def test_messages_of_an_address_are_those_to_from_and_about_it() -> None:
    traffic = traffic_of(
        MIXED
        + "9.0 dev:50009 > cloud:81 SYN as=it\n"
        + "9.1 192.0.2.1 > pc ICMP unreachable code=13 quoting=it\n9.2 pc > gw PING\n"
    )
    dev, pc = {b"\x0a\0\0\5"}, {b"\x0a\0\0\x09"}

    assert [m.mode for m in traffic.ntp_of(dev)] == [3, 4]
    assert traffic.ntp_of(pc) == []
    assert [m.type for m in traffic.icmp_of(pc)] == [3, 8]
    assert [m.type for m in traffic.icmp_of(dev)] == [8, 3]
    assert [m.type for m in traffic.icmp_of(dev | pc)] == [8, 3, 8]
    assert traffic.dns_answerers == {b"\x0a\0\0\1"}


def watched(until: int | None = None, **told: int) -> int:
    scanner = Scanner()
    notes = CaptureNotes(watched_until_ns=told.get("notes"))
    return Traffic(scanner.result(), notes, now_ns=told.get("now"), until_ns=until).end_ns


@pytest.mark.parametrize(
    ("told", "until", "expected"),
    [
        ({}, None, 0),
        ({"now": 9}, None, 9),
        ({"notes": 12, "now": 9}, None, 12),
        ({"notes": 12}, 10, 10),
        ({"notes": 8}, 10, 8),
    ],
)
def test_silence_was_watched_until(told: dict[str, int], until: int | None, expected: int) -> None:
    assert watched(until, **told) == expected


def test_an_empty_capture_is_empty() -> None:
    traffic = scan_frames([])

    assert ([*traffic.arp], [*traffic.dns], traffic.flows_by_address) == ([], [], {})


def test_the_same_frames_give_the_same_messages_again() -> None:
    frames = play_script(MIXED)

    def read() -> list[object]:
        traffic = scan_frames(frames)
        return [*traffic.dns, *traffic.dhcp, *traffic.ntp, *traffic.icmp, *traffic.arp]

    assert read() == read()


def test_packets_that_were_given_up_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "\n".join(f"{n}.0 dev:5000{n} > cloud:4321 CONNECT\n{n}.5 dev > cloud EXCHANGE 9 9" for n in range(4))
    whole = traffic_of(script)
    monkeypatch.setattr("pcapaudit.flows.packets.MAX_HELD", 5)
    bounded = traffic_of(script)

    for _ in range(2):
        for index in range(4):
            assert list(bounded.flow(index).packets) == list(whole.flow(index).packets)
            assert bounded.flow(index).sent_data == whole.flow(index).sent_data


def test_ends_that_were_given_up_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "\n".join(f"{n}.0 dev:5000{n} > cloud:4321 SYN" for n in range(4))
    whole = traffic_of(script)
    monkeypatch.setattr("pcapaudit.flows.packets.MAX_ENDS", 2)
    bounded = traffic_of(script)

    for _ in range(2):
        assert [bounded.ends(index) for index in range(4)] == [whole.ends(index) for index in range(4)]


def test_lookups_that_were_given_up_are_paired_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapaudit.flows.naming.MAX_LOOKED_UP", 1)
    traffic = traffic_of("0.0 dev > gw DNS? a.example A\n1.0 pc > gw DNS? b.example A")
    hosts = [frozenset({m.at.src}) for m in traffic.dns if not m.is_response]

    for _ in range(2):
        assert [[k.name for k in traffic.lookups_of(host, None)] for host in hosts] == [["a.example"], ["b.example"]]


def test_conversations_that_were_given_up_are_read_again_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapaudit.flows.traffic.MAX_EVENTS", 1)
    script = "\n".join(
        f"{n}.0 dev:5000{n} > cloud:80 CONNECT\n{n}.5 dev > cloud HTTP GET / host=h{n}.example" for n in range(3)
    )
    traffic = traffic_of(script)

    for _ in range(2):
        said = [e.host for n in range(3) for e in traffic.conversation(n) if isinstance(e, HttpRequest)]
        assert said == ["h0.example", "h1.example", "h2.example"]


def test_what_was_made_of_a_flow_is_forgotten_on_request_and_made_again() -> None:
    traffic = traffic_of("0.0 dev:50001 > cloud:80 CONNECT\n0.5 dev > cloud HTTP GET / host=h.example")
    flow, said, packets = traffic.flow(0), traffic.conversation(0), traffic.packets(0)

    traffic.forget([0, 0], (frozenset(), None))

    assert traffic.flow(0) is not flow
    assert traffic.conversation(0) == said
    assert traffic.conversation(0) is not said
    assert traffic.packets(0) == packets
    assert traffic.packets(0) is not packets


def test_lookups_of_a_host_are_forgotten_on_request_and_those_of_others_are_not() -> None:
    traffic = traffic_of("0.0 dev > gw LOOKUP a.example A 192.0.2.1\n1.0 pc > gw LOOKUP b.example A 192.0.2.1")
    dev, pc = (frozenset([bytes([10, 0, 0, last])]) for last in (5, 9))
    own, others = traffic.lookups_of(dev, None), traffic.lookups_of(pc, None)

    traffic.forget([], (dev, None))

    assert [k.name for k in traffic.lookups_of(dev, None)] == ["a.example"]
    assert traffic.lookups_of(dev, None) is not own
    assert traffic.lookups_of(pc, None) is others


def test_an_answered_flow_is_found_by_its_service() -> None:
    traffic = traffic_of(
        "0.0 dev:50000 > cloud:4321 SYN\n1.0 pc:50001 > cloud:4321 CONNECT\n2.0 pc:50002 > cloud:80 SYN\n"
        "2.1 cloud > pc RST"
    )
    cloud = bytes([54, 229, 203, 190])

    assert traffic.answered_flows == {(6, cloud, 4321): [1], (6, cloud, 80): [2]}


def test_answers_are_known_by_the_name_asked_for() -> None:
    traffic = traffic_of(
        "0.0 dev > gw LOOKUP gk.acme.example A 192.0.2.9\n1.0 pc > gw LOOKUP gk.acme.example A 192.0.2.10\n"
        "2.0 dev > gw DNS? other.example A"
    )

    assert [m.at.frame for m in traffic.dns_answers_about("gk.acme.example")] == [2, 4]
    assert [m.at.frame for m in traffic.dns_answers_from(b"\x0a\0\0\1")] == [2, 4]
    assert not traffic.dns_answers_about("other.example")
    assert not traffic.dns_answers_about("unheard.example")
