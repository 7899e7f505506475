"""Servers that answer one datagram with one: DNS, network time, and TEK's cloud."""

from __future__ import annotations

import os
import random
import struct
import time
from collections.abc import Mapping

from tests.lab import dns_codec
from tests.lab.address_book import ZONES
from tests.lab.servers.listener import Reply

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905, section 6)."""

_TTL_S = 30


def name_server(names: Mapping[str, tuple[str, ...]]) -> Reply:
    """Answer DNS queries from a table; of several addresses one is drawn each time (SEN-07)."""

    def reply(query: bytes) -> bytes | None:
        try:
            asked = dns_codec.decode_question(query)
        except ValueError:
            return None
        known = names.get(asked.name)
        zone = ".".join(asked.name.split(".")[-2:])
        is_missing = known is None and asked.name not in ZONES
        addresses = (random.choice(known),) if known and asked.kind == dns_codec.A else ()
        rcode = dns_codec.NXDOMAIN if is_missing else dns_codec.NOERROR
        return dns_codec.encode_answer(asked, rcode, addresses, zone, _TTL_S)

    return reply


def answer_time(query: bytes) -> bytes | None:
    """Answer an NTP client as a synchronised stratum 2 server does (RFC 5905, section 7.3)."""
    if len(query) < 48 or query[0] & 7 != 3:
        return None
    head = struct.pack(">BBbbIII", 0x24, 2, 6, -23, 0x200, 0x180, 0xC10BA608)
    now = _ntp_now()
    return head + _ntp_now(behind_s=17) + query[40:48] + now + _ntp_now()


def _ntp_now(*, behind_s: int = 0) -> bytes:
    nanoseconds = time.time_ns() - behind_s * 1_000_000_000
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return struct.pack(">II", seconds + _NTP_EPOCH, rest * 2**32 // 1_000_000_000)


def answer_controller(message: bytes) -> bytes | None:
    """Answer a TEK controller with bytes that look encrypted (TEK-14, TEK-15)."""
    if not 24 <= len(message) <= 1024:
        return None
    return os.urandom(random.choice((24, 32, 48, 96)))
