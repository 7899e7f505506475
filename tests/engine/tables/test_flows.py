from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.tables.support import START_NS, pick, records_of
from tests.support.scene import traffic_of

C, S = "dev:50001 > cloud:4321", "cloud:4321 > dev:50001"
OPEN = f"0.0 {C} SYN\n0.03 {S} SYN-ACK\n0.04 {C} ACK\n"
DATA = f"1.0 {C} DATA 100\n1.03 {S} DATA 60\n1.04 {C} ACK\n"


def test_a_row_has_the_cells_of_the_connection_log() -> None:
    traffic = traffic_of(OPEN + DATA)
    (row,) = records_of(traffic, "flows")

    assert pick(row, "ts", "orig_h", "orig_p", "resp_h", "resp_p", "proto", "service") == (
        START_NS, "10.0.0.5", 50001, "54.229.203.190", 4321, "tcp", None,
    )  # fmt: skip
    assert pick(row, "duration_s", "orig_bytes", "resp_bytes", "conn_state", "history") == (
        1.04,
        100,
        60,
        "S1",
        "ShADd",
    )
    assert pick(row, "orig_pkts", "resp_pkts", "first_frame", "last_frame") == (4, 2, 1, 6)
    assert row["orig_ip_bytes"] == sum(p.ip_len for p in traffic.flow(0).sent)
    assert row["resp_ip_bytes"] == sum(p.ip_len for p in traffic.flow(0).received)


def test_a_row_has_the_hardware_the_way_and_the_time_of_the_handshake() -> None:
    (row,) = records_of(OPEN + f"1.0 {S} RST ttl=200", "flows")

    assert pick(row, "orig_mac", "resp_mac", "vlan") == ("02:00:0a:00:00:05", "02:00:0a:00:00:01", None)
    assert pick(row, "orig_ttl_min", "orig_ttl_max", "resp_ttl_min", "resp_ttl_max") == (64, 64, 54, 200)
    assert row["handshake_s"] == pytest.approx(0.03)


def test_a_repeated_syn_has_no_time_of_the_handshake_and_is_counted() -> None:
    (row,) = records_of(f"0.0 {C} SYN lost\n1.0 {C} SYN\n1.03 {S} SYN-ACK", "flows")
    assert pick(row, "handshake_s", "orig_retrans", "resp_retrans") == (None, 1, 0)


def test_an_unanswered_flow_knows_nothing_of_the_other_side() -> None:
    (row,) = records_of(f"0.0 {C} SYN", "flows")
    names = ("conn_state", "resp_mac", "resp_ttl_min", "duration_s", "handshake_s")
    assert pick(row, *names) == ("S0", None, None, None, None)


def test_a_flow_that_was_first_seen_from_its_responder_is_turned_in_every_column() -> None:
    (row,) = records_of(f"0.0 {C} SYN unseen\n0.03 {S} SYN-ACK ttl=51\n0.04 {C} ACK", "flows")
    assert pick(row, "orig_h", "orig_mac", "orig_ttl_max", "resp_ttl_min") == ("10.0.0.5", "02:00:0a:00:00:05", 64, 51)


def test_the_uid_depends_on_the_flow_alone() -> None:
    (first,), (again,) = (records_of(OPEN, "flows") for _ in range(2))
    (later,) = records_of(OPEN.replace("50001", "50002"), "flows")

    assert first["uid"] == again["uid"] != later["uid"]
    assert str(first["uid"]).startswith("C")
    assert len(str(first["uid"])) == 18


def test_a_retransmission_adds_no_bytes() -> None:
    (row,) = records_of(OPEN + f"1.0 {C} DATA 100 lost\n1.3 {C} AGAIN\n2.0 {C} DATA 50", "flows")
    assert row["orig_bytes"] == 150


@pytest.mark.parametrize(
    ("script", "service"),
    [
        ("0.0 dev > gw LOOKUP a.example A 192.0.2.1", "dns"),
        ("0.0 dev > cloud NTP?", "ntp"),
        ("0.0 dev > * DHCP DISCOVER", "dhcp"),
        ("0.0 dev > cloud:443 CONNECT\n0.1 dev > cloud:443 TLS13 sni=a.example", "ssl"),
        ("0.0 dev > cloud:80 CONNECT\n0.1 dev > cloud:80 HTTP GET / host=a.example", "http"),
        ("0.0 dev > cloud:21 CONNECT\n0.1 cloud:21 > dev FTP 220 ready", "ftp"),
        ("0.0 dev > cloud:5432 CONNECT\n0.1 dev > cloud:5432 PG ssl", "postgresql"),
        (OPEN + DATA, None),
    ],
)
def test_the_service_is_the_protocol_that_was_read(script: str, service: str | None) -> None:
    assert [row["service"] for row in records_of(script, "flows")] == [service]


def test_icmp_has_type_and_code_in_place_of_ports() -> None:
    (row,) = records_of("0.0 dev > cloud PING\n0.1 cloud > dev PONG", "flows")
    assert pick(row, "proto", "orig_p", "resp_p", "orig_retrans") == ("icmp", 8, 0, None)


@pytest.mark.needs_tshark
@pytest.mark.parametrize("name", ["combined.pcap.gz", "icmp.pcap", "tcp.pcap", "udp.pcap"])
def test_tshark_gives_each_flow_the_same_community_id(
    name: str, shared_captures: Path, require_tool: Callable[[str], str]
) -> None:
    path = shared_captures / "tcp-symptom" / f"community-id-spec__{name}"
    command = [require_tool("tshark"), "--enable-protocol", "communityid", "-r", str(path), "-T", "fields"]
    command += ["-e", "frame.number", "-e", "communityid"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    of_frame = {int(number): text for number, _, text in (row.partition("\t") for row in listed.splitlines())}

    rows = records_of(path, "flows")

    # Ports of SCTP are not read; every other flow must be known by the same name.
    told = [pick(row, "first_frame", "community_id") for row in rows if row["community_id"] is not None]
    assert told == [(frame, of_frame[frame]) for frame, _ in told if isinstance(frame, int)]
    assert len(rows) - len(told) == (1 if name.startswith("combined") else 0)
