from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pcapaudit.flows.zeek import conn_state, flow_record, flow_records, history
from tests.support.scene import read_capture, traffic_of

C, S = "dev:50001 > cloud:4321", "cloud:4321 > dev:50001"
OPEN = f"0.0 {C} SYN\n0.03 {S} SYN-ACK\n0.04 {C} ACK\n"
DATA = f"1.0 {C} DATA 100\n1.03 {S} DATA 60\n1.04 {C} ACK\n"


def states(script: str) -> list[tuple[str, str | None]]:
    traffic = traffic_of(script)
    flows = [traffic.flow(i) for i in range(len(traffic.result.flows))]
    return [(conn_state(f), history(f)) for f in flows]


@pytest.mark.parametrize(
    ("script", "state", "letters"),
    [
        pytest.param(f"0.0 {C} SYN\n1.0 {C} SYN", "S0", "S", id="no reply"),
        pytest.param(f"0.0 {C} SYN\n0.03 {S} RST", "REJ", "Sr", id="refused"),
        pytest.param(OPEN, "S1", "ShA", id="open"),
        pytest.param(OPEN + DATA, "S1", "ShADd", id="open with data"),
        pytest.param(OPEN + DATA + f"2.0 {C} FIN\n2.03 {S} FIN\n2.04 {C} ACK", "SF", "ShADdFf", id="closed"),
        pytest.param(OPEN + DATA + f"2.0 {C} FIN\n2.03 {S} ACK", "S2", "ShADdFa", id="closed by the originator alone"),
        pytest.param(OPEN + DATA + f"2.0 {S} FIN\n2.03 {C} ACK", "S3", "ShADdf", id="closed by the responder alone"),
        pytest.param(OPEN + DATA + f"2.0 {C} RST", "RSTO", "ShADdR", id="reset by the originator"),
        pytest.param(OPEN + DATA + f"2.0 {S} RST", "RSTR", "ShADdr", id="reset by the responder"),
        pytest.param(
            OPEN + DATA + f"2.0 {C} FIN\n2.03 {S} FIN\n2.04 {C} RST", "SF", "ShADdFfR", id="a reset after both FIN"
        ),
        pytest.param(f"0.0 {C} SYN\n1.0 {C} RST", "RSTOS0", "SR", id="given up without a reply"),
        pytest.param(f"0.0 {C} SYN\n0.01 {S} SYN-ACK unseen\n1.0 {C} FIN", "SH", "SF", id="the replies are unseen"),
        pytest.param(f"0.0 {C} SYN unseen\n0.03 {S} SYN-ACK\n1.0 {S} RST", "RSTRH", "^hr", id="SYN unseen, reset"),
        pytest.param(f"0.0 {C} SYN unseen\n0.03 {S} SYN-ACK\n1.0 {S} FIN", "SHR", "^hf", id="SYN unseen, closed"),
        pytest.param(f"0.0 {C} DATA 9\n0.03 {S} ACK", "OTH", "Da", id="caught in the middle"),
        pytest.param(OPEN + f"1.0 {C} DATA 9 lost\n1.3 {C} AGAIN", "S1", "ShADT", id="data repeated"),
        pytest.param("0.0 dev:1000 > cloud:2000 UDP 9", "S0", "D", id="a datagram"),
        pytest.param(
            "0.0 dev:1000 > cloud:2000 UDP 9\n0.1 cloud:2000 > dev:1000 UDP 9", "SF", "Dd", id="a datagram answered"
        ),
        pytest.param("0.0 dev > cloud PING\n0.1 cloud > dev PONG", "OTH", None, id="ping"),
    ],
)
def test_a_flow_is_named_as_zeek_names_it(script: str, state: str, letters: str | None) -> None:
    assert states(script) == [(state, letters)]


def test_a_record_has_the_columns_of_the_connection_log() -> None:
    traffic = traffic_of(OPEN + DATA)

    record = flow_record(traffic.flow(0))

    assert record == {
        "ts": 1767600000.0,
        "uid": record["uid"],
        "id.orig_h": "10.0.0.5",
        "id.orig_p": 50001,
        "id.resp_h": "54.229.203.190",
        "id.resp_p": 4321,
        "proto": "tcp",
        "service": None,
        "duration": 1.04,
        "orig_bytes": 100,
        "resp_bytes": 60,
        "conn_state": "S1",
        "history": "ShADd",
        "orig_pkts": 4,
        "orig_ip_bytes": sum(p.ip_len for p in traffic.flow(0).sent),
        "resp_pkts": 2,
        "resp_ip_bytes": sum(p.ip_len for p in traffic.flow(0).received),
        "community_id": record["community_id"],
        "first_frame": 1,
        "last_frame": 6,
    }


def test_the_uid_depends_on_the_flow_alone() -> None:
    first, again = (next(iter(flow_records(traffic_of(OPEN)))) for _ in range(2))
    later = next(iter(flow_records(traffic_of(OPEN.replace("50001", "50002")))))

    assert first["uid"] == again["uid"] != later["uid"]
    assert str(first["uid"]).startswith("C")
    assert len(str(first["uid"])) == 18


def test_a_retransmission_adds_no_bytes() -> None:
    (record,) = flow_records(traffic_of(OPEN + f"1.0 {C} DATA 100 lost\n1.3 {C} AGAIN\n2.0 {C} DATA 50"))

    assert record["orig_bytes"] == 150


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
    assert [r["service"] for r in flow_records(traffic_of(script))] == [service]


def test_icmp_has_type_and_code_in_place_of_ports() -> None:
    (record,) = flow_records(traffic_of("0.0 dev > cloud PING\n0.1 cloud > dev PONG"))

    assert (record["proto"], record["id.orig_p"], record["id.resp_p"]) == ("icmp", 8, 0)


def test_a_record_can_be_written_as_json() -> None:
    assert all(json.dumps(r, allow_nan=False) for r in flow_records(traffic_of(OPEN + DATA)))


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

    records = list(flow_records(read_capture(path)))

    # Ports of SCTP are not read; every other flow must be known by the same name.
    told = [(r["first_frame"], r["community_id"]) for r in records if r["community_id"] is not None]
    assert told == [(frame, of_frame[frame]) for frame, _ in told if isinstance(frame, int)]
    assert len(records) - len(told) == (1 if name.startswith("combined") else 0)
