"""NTP and SNTP messages (RFC 5905, RFC 4330)."""

from __future__ import annotations

import struct

from pcapaudit.model.events import Malformed, NtpMessage, Packet

_HEADER = struct.Struct("!BB10x4s8xQQQ")
"""Leap indicator, version and mode; stratum; reference; the time stamps origin, receive, transmit (RFC 5905, 7.3)."""
_CONTROL_MODES = (6, 7)
_CONTROL_SIZE = 4
_VERSIONS = range(1, 5)
_EPOCH_1900 = 2_208_988_800
"""Seconds from 1900 to 1970."""
_ERA = 1 << 32
_NS = 1_000_000_000


def dissect(payload: bytes, at: Packet) -> NtpMessage | Malformed:
    """One message. Control and private ones (modes 6 and 7) have another layout: only version and mode are filled."""
    if not payload:
        return Malformed(at, "ntp", "empty")
    version, mode = payload[0] >> 3 & 7, payload[0] & 7
    if version not in _VERSIONS:
        return Malformed(at, "ntp", f"version {version}")
    if mode in _CONTROL_MODES and len(payload) >= _CONTROL_SIZE:
        return NtpMessage(at, version, mode, 0, 0, b"", 0, 0, None, None, None)
    if len(payload) < _HEADER.size:
        return Malformed(at, "ntp", "shorter than the header")
    first, stratum, reference, origin, receive, transmit = _HEADER.unpack_from(payload)
    return NtpMessage(
        at=at,
        version=version,
        mode=mode,
        leap=first >> 6,
        stratum=stratum,
        reference_id=reference,
        origin_raw=origin,
        transmit_raw=transmit,
        origin_ns=to_ns(origin),
        receive_ns=to_ns(receive),
        transmit_ns=to_ns(transmit),
    )


def to_ns(stamp: int) -> int | None:
    """A 64-bit time stamp as ns since 1970; None for zero, which means "not set".

    Source: RFC 4330, section 3: with the top bit clear the time lies in the era from 2036 on.
    """
    if stamp == 0:
        return None
    seconds, fraction = stamp >> 32, stamp & (_ERA - 1)
    if not seconds >> 31:
        seconds += _ERA
    return (seconds - _EPOCH_1900) * _NS + (fraction * _NS >> 32)
