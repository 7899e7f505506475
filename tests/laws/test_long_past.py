"""A device that worked for hours and then fails is judged as if only its last minutes had been captured."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from struct import pack, unpack_from

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from tests.lab.artefacts.tape import Frame, read_tape
from tests.lab.truth import read_folder
from tests.support.work import measure

CHECKOUT = Path(__file__).parents[2]
TIMES = 300
"""So often what a device does in a healthy capture is told again; then come more flows than any rule looks at."""
PAUSE_NS = 20 * 10**9
GROWTH = 4.5
"""Of the work over four times the past."""
BEHIND_ETHERNET = 14
TCP, UDP = 6, 17
CHECKSUM_AT = {TCP: 16, UDP: 6}
FIRST_EPHEMERAL, EPHEMERAL = 32768, 28000
DHCP = {67, 68}
SAMPLES, LAB = CHECKOUT / "samples", CHECKOUT / "tests" / "lab" / "captures"
TRUTHS = {truth.name: truth for truth in (*read_folder(SAMPLES), *read_folder(LAB))}
STORIES = {
    "sensorist-uplink-failover": "sensorist-healthy",
    "sensorist-rejected-by-firewall": "sensorist-healthy",
    "sensorist-one-port-dropped": "sensorist-healthy",
    "alsoenergy-smaftp-data-blocked": "alsoenergy-smaftp-healthy",
    "alsoenergy-kiosk-dns-nxdomain": "alsoenergy-kiosk-healthy",
    "wennsoft-5432-dropped": "wennsoft-healthy",
    "tek-8844-dropped": "tek-healthy",
    "tek-third-server-answers": "tek-healthy",
}
"""What happens, and what the same device did before."""


@cache
def frames_of(name: str) -> tuple[Frame, ...]:
    """A capture of the samples or the lab."""
    return read_tape(TRUTHS[name].capture).frames


def ports_of(data: bytes) -> tuple[int, tuple[int, int]] | None:
    """Where the ports of a whole IPv4 packet of TCP or UDP stand, and which they are."""
    if data[12:14] != b"\x08\x00" or data[23] not in CHECKSUM_AT or data[20] & 0x3F or data[21]:
        return None
    at = BEHIND_ETHERNET + 4 * (data[14] & 15)
    source, destination = unpack_from(">HH", data, at)
    return at, (source, destination)


def with_other_port(data: bytes, turn: int) -> bytes:
    """The packet with another ephemeral port; its checksum follows (RFC 1624)."""
    found = ports_of(data)
    if found is None:
        return data
    at, ports = found
    moved = tuple(
        (p - FIRST_EPHEMERAL + 131 * turn) % EPHEMERAL + FIRST_EPHEMERAL
        if FIRST_EPHEMERAL <= p < FIRST_EPHEMERAL + EPHEMERAL
        else p
        for p in ports
    )
    place = at + CHECKSUM_AT[data[23]]
    (old,) = unpack_from(">H", data, place)
    total = (~old & 0xFFFF) + sum(~p & 0xFFFF for p in ports) + sum(moved)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    changed = bytearray(data)
    changed[at : at + 4] = pack(">HH", *moved)
    if old:
        changed[place : place + 2] = pack(">H", ~total & 0xFFFF)
    return bytes(changed)


def is_daily_work(frame: Frame) -> bool:
    """Whether a frame is no part of a start."""
    found = ports_of(frame.data)
    return found is not None and not frame.data[0] & 1 and not DHCP.issuperset(found[1])


def story(name: str, times: int = TIMES) -> Iterator[Frame]:
    """The past, many times, and then the capture."""
    past, now = frames_of(STORIES[name]), frames_of(name)
    span, work = past[-1].time_ns - past[0].time_ns + PAUSE_NS, list(filter(is_daily_work, past))
    for turn in range(times):
        shift = now[0].time_ns - (times - turn) * span - past[0].time_ns
        for frame in work if turn else past:
            yield Frame(frame.time_ns + shift, with_other_port(frame.data, turn + 1), frame.wire)
    yield from now


@pytest.mark.parametrize("name", STORIES)
def test_a_long_past_changes_no_verdict(name: str) -> None:
    (wanted,) = TRUTHS[name].devices
    assert wanted.mac in {device.mac for device in TRUTHS[STORIES[name]].devices}

    report = audit_frames(story(name), AuditOptions())

    (device,) = (device for device in report.devices if device.mac == wanted.mac)
    assert device.verdict == wanted.verdict
    assert (device.root_cause.rule if device.root_cause else None) == wanted.rule


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alsoenergy-smaftp-data-blocked", "alsoenergy-kiosk-dns-nxdomain"])
def test_a_past_costs_no_more_than_its_length(name: str) -> None:
    audit_frames(story(name, 2), AuditOptions())

    assert work_of(name, 60) <= GROWTH * work_of(name, 15)


def work_of(name: str, times: int) -> int:
    """Lines that an audit runs."""
    frames = list(story(name, times))
    return measure(lambda _: audit_frames(frames, AuditOptions()), b"").lines
