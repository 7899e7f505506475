from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import dpkt.ntp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.dissect import ntp
from pcapaudit.model.events import Malformed, NtpMessage
from tests.dissect.material import hostile, packet, read_capture, whole

# 2024-01-01T00:00:00.5Z, as RFC 5905 counts it: 1704067200 s after 1970, half of 2**32.
NEW_YEAR = (1704067200 + 2208988800) << 32 | 1 << 31
NEW_YEAR_NS = 1_704_067_200_500_000_000


def _message(
    first: int, *, stratum: int = 2, reference: bytes = b"\x0a\0\0\1", origin: int = 0, transmit: int = 0
) -> bytes:
    return struct.pack("!BBbbII4sQQQQ", first, stratum, 6, -20, 0, 0, reference, 0, origin, transmit, transmit)


QUERY = _message(0x23, stratum=0, reference=bytes(4), transmit=NEW_YEAR)
ANSWER = _message(0x24, origin=NEW_YEAR, transmit=NEW_YEAR + (1 << 32))


def _dissect(payload: bytes) -> NtpMessage:
    message = ntp.dissect(payload, whole(payload))
    assert isinstance(message, NtpMessage)
    return message


def test_a_query_tells_the_device_s_own_time() -> None:
    m = _dissect(QUERY)
    assert (m.version, m.mode, m.transmit_ns, m.origin_ns) == (4, 3, NEW_YEAR_NS, None)


def test_an_answer_repeats_the_query_s_stamp_for_matching() -> None:
    m = _dissect(ANSWER)
    assert (m.mode, m.stratum, m.origin_raw) == (4, 2, _dissect(QUERY).transmit_raw)
    assert (m.receive_ns, m.transmit_ns) == (NEW_YEAR_NS + 10**9, NEW_YEAR_NS + 10**9)


def test_a_kiss_of_death_keeps_leap_and_code() -> None:
    m = _dissect(_message(0xE4, stratum=0, reference=b"RATE"))
    assert (m.leap, m.stratum, m.reference_id) == (3, 0, b"RATE")


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (0, None),
        (2208988800 << 32, 0),
        (0x80000000 << 32, (0x80000000 - 2208988800) * 10**9),
        (1, (2**32 - 2208988800) * 10**9),
    ],
    ids=["not set", "1970", "first of the old era", "first of the new era"],
)
def test_time_stamps_follow_the_eras_of_rfc_4330(stamp: int, expected: int | None) -> None:
    assert ntp.to_ns(stamp) == expected


@pytest.mark.parametrize("first", [0x26, 0x17])
def test_control_messages_have_no_time(first: int) -> None:
    m = _dissect(bytes([first]) + bytes(11))
    assert (m.mode, m.transmit_ns, m.reference_id) == (first & 7, None, b"")


@pytest.mark.parametrize("payload", [b"", QUERY[:47], b"\x03" + QUERY[1:], b"\x3b" + QUERY[1:]])
def test_short_messages_and_unknown_versions_are_malformed(payload: bytes) -> None:
    assert isinstance(ntp.dissect(payload, whole(payload)), Malformed)


@given(
    leap=st.integers(0, 3), version=st.integers(1, 4), mode=st.integers(0, 5), rest=st.binary(min_size=47, max_size=80)
)
def test_every_field_is_what_dpkt_reads(leap: int, version: int, mode: int, rest: bytes) -> None:
    payload = bytes([leap << 6 | version << 3 | mode]) + rest
    other = dpkt.ntp.NTP(payload)
    m = _dissect(payload)

    assert (m.version, m.mode, m.leap, m.stratum, m.reference_id) == (
        other.v,
        other.mode,
        other.li,
        other.stratum,
        other.id,
    )
    stamps = [int.from_bytes(s, "big") for s in (other.originate_time, other.receive_time, other.transmit_time)]
    assert (m.origin_raw, m.transmit_raw) == (stamps[0], stamps[2])
    assert [m.origin_ns, m.receive_ns, m.transmit_ns] == [ntp.to_ns(s) for s in stamps]


@settings(deadline=None)
@given(hostile(QUERY, ANSWER))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(ntp.dissect(payload, packet()), NtpMessage | Malformed)


@pytest.mark.needs_captures
@pytest.mark.parametrize(
    "name", ["ntp/zeek__ntp__NTP_sync.pcap", "ntp/zeek__ntp__ntp.pcap", "ntp/zeek__ntp__ntpmode67.pcap"]
)
def test_modes_agree_with_tshark(name: str, shared_captures: Path, truth: dict[str, dict[str, dict[str, int]]]) -> None:
    datagrams = read_capture(shared_captures / name).datagrams
    messages = [ntp.dissect(data, at) for at, data in datagrams if at.proto == 17 and 123 in (at.sport, at.dport)]
    counted = Counter(f"mode{m.mode}" for m in messages if isinstance(m, NtpMessage))
    assert counted == {key: value for key, value in truth[name]["ntp"].items() if key.startswith("mode")}
