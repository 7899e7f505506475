from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapaudit.engine.packets import read_packets
from pcapaudit.model.errors import UsageError
from pcapaudit.notebook.where import FIELDS, MAX_LENGTH, read_condition

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SITE = str(SAMPLES / "site-sensorist-tek-broken.pcapng")
_PLAIN = "!icmp && !icmpv6"
"""tshark also speaks of the headers that an ICMP error quotes."""


@pytest.mark.needs_tshark
@pytest.mark.parametrize(
    ("condition", "display_filter"),
    [
        ("tcp.syn and not tcp.ack", "tcp.flags.syn==1 && tcp.flags.ack==0"),
        ("ip.addr == '10.20.36.101' and tcp.port in (443, 4321)", "ip.addr==10.20.36.101 && tcp.port in {443,4321}"),
        ("ip.addr != '10.20.36.101' and tcp", "ip && !(ip.addr==10.20.36.101) && tcp"),
        ("udp.port == 53 or udp.dstport == 8844", "udp.port==53 || udp.dstport==8844"),
        ("tcp.len > 100 and tcp.srcport < 1024", "tcp.len>100 && tcp.srcport<1024"),
        ("udp.port not in [53, 67, 68] and udp", "udp && !(udp.port in {53,67,68})"),
        ("ip.ttl <= 63 and tcp", "ip.ttl<=63 && tcp"),
        ("eth.src == '02:54:10:2b:30:01' and not tcp", "ip && eth.src==02:54:10:2b:30:01 && !tcp"),
        ("tcp.rst or tcp.fin", "tcp.flags.reset==1 || tcp.flags.fin==1"),
        ("frame.number >= 1000 and tcp.window == 64240", "frame.number>=1000 && tcp.window_size_value==64240"),
    ],
)
def test_a_condition_finds_the_frames_that_tshark_finds(condition: str, display_filter: str) -> None:
    found = read_packets([SITE], read_condition(f"({condition}) and not icmp"))
    words = ["tshark", "-n", "-r", SITE, "-Y", f"({display_filter}) && {_PLAIN}", "-T", "fields", "-e", "frame.number"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert found.frame.tolist() == [int(number) for number in listed]
    assert listed


@pytest.mark.parametrize("name", FIELDS)
def test_every_name_can_stand_alone(name: str) -> None:
    assert 0 <= len(read_packets([SITE], read_condition(name), 10)) <= 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("tcp and", "at character"),
        ("ip.src == 10.0.0.5", "addresses stand in quotes"),
        ("tcp.sin", "no field 'tcp.sin'"),
        ("__import__('os').system('id')", "no field"),
        ("tcp.port == 1 < 2", "one value at a time"),
        ("ip.src < '10.0.0.5'", "cannot be compared"),
        ("tcp.port is 4321", "cannot be compared"),
        ("tcp.port == tcp.srcport", "is no value"),
        ("tcp.port == 4.5", "is no value"),
        ("not " * 600 + "tcp", "at most 2000"),
    ],
)
def test_what_is_no_condition_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_condition(text)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        read_condition(text)
    except UsageError:
        assert len(text) <= MAX_LENGTH
