from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from pcapaudit.catalog import scalars
from pcapaudit.catalog.schema import HostPattern, Range

GOOD: list[tuple[Callable[[object], Any], str, Any]] = [
    (scalars.as_text, " no ", "no"),
    (scalars.parse_flag, "true", True),
    (scalars.parse_flag, "false", False),
    (scalars.parse_number, "3", 3.0),
    (scalars.parse_number, "0.5", 0.5),
    (scalars.parse_fact, "SEN-05", "SEN-05"),
    (scalars.parse_fact, "X-07", "X-07"),
    (scalars.parse_ports, "443", Range(443, 443)),
    (scalars.parse_ports, "57002-57999", Range(57002, 57999)),
    (scalars.parse_ports, "010", Range(10, 10)),  # YAML 1.1 would make it 8
    (scalars.parse_sizes, "24-1024", Range(24, 1024)),
    (scalars.parse_network, "172.245.215.160/27", ip_network("172.245.215.160/27")),
    (scalars.parse_network, "2001:db8::1", ip_network("2001:db8::1/128")),
    (scalars.parse_address, "8.8.8.8", ip_address("8.8.8.8")),
    (scalars.parse_host, "www.AlsoEnergy.com", HostPattern("www.alsoenergy.com")),
    (scalars.parse_host, "*.skalanexus.com", HostPattern("*.skalanexus.com")),
    (scalars.parse_host, "pypi.*", HostPattern("pypi.*")),
]

BAD: list[tuple[Callable[[object], Any], object, str, str]] = [
    (scalars.as_text, "  ", "found nothing", ""),
    (scalars.as_text, {"a": "b"}, "found a mapping", ""),
    (scalars.parse_flag, "yes", "'yes' is neither true nor false", "write true or false"),
    (scalars.parse_number, "-1", "'-1' is no number", "digits"),
    (scalars.parse_number, "3 s", "'3 s' is no number", "digits"),
    (scalars.parse_fact, "SEN05", "'SEN05' is no fact id", "SEN-05"),
    (scalars.parse_fact, "sen-05", "'sen-05' is no fact id", "SEN-05"),
    (scalars.parse_ports, "0", "port 0 is outside 1–65535", ""),
    (scalars.parse_ports, "65536", "port 65536 is outside 1–65535", ""),
    (scalars.parse_ports, "60000-70000", "port 70000 is outside 1–65535", ""),
    (scalars.parse_ports, "57999-57002", "runs backwards", "write 57002-57999"),
    (scalars.parse_ports, "57XXX", "'57XXX' is no port and no range", "low-high"),
    (scalars.parse_ports, "22:22", "'22:22' is no port and no range", "low-high"),
    (scalars.parse_sizes, "24-99999", "size 99999 is more than a datagram holds", ""),
    (scalars.parse_network, "172.245.215.161/27", "neither an address nor a block", "172.245.215.160/27"),
    (scalars.parse_network, "gk.sensorist.com", "neither an address nor a block", "192.0.2.1"),
    (scalars.parse_address, "8.8.8", "'8.8.8' is no IP address", ""),
    (scalars.parse_host, "gk.*.com", "a star in the middle of 'gk.*.com'", "'*.' in front, or '.*' at the end"),
    (scalars.parse_host, "*sensorist.com", "a star in the middle", "whole labels"),
    (scalars.parse_host, "*", "a star in the middle", "whole labels"),
    (scalars.parse_host, "https://skalacontrol.io", "is no host name", "without scheme, port or path"),
    (scalars.parse_host, "gk.sensorist.com:443", "is no host name", "without scheme, port or path"),
    (scalars.parse_host, "a..b", "'a..b' is no host name", "labels"),
    (scalars.parse_host, "54.229.203.190", "is an address", "under address"),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD)
def test_text_becomes_the_value_it_says(parse: Callable[[object], Any], text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text", "message", "hint"), BAD)
def test_a_wrong_text_is_refused_with_a_message_and_a_hint(
    parse: Callable[[object], Any], text: object, message: str, hint: str
) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse(text)
    context = caught.value.context or {}
    assert message in str(context["message"])
    assert hint in str(context["hint"] or "")


@pytest.mark.parametrize(("value", "given_as"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_a_single_text_stands_for_a_list_of_one(value: object, given_as: object) -> None:
    assert scalars.as_list(value) == given_as


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_every_range_of_ports_that_runs_forwards_is_read_back(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert scalars.parse_ports(f"{low}-{high}") == Range(low, high)


PARSERS = [parse for parse, _, _ in GOOD]


@given(st.sampled_from(PARSERS), st.text(max_size=60))
def test_any_text_gives_a_value_or_our_own_error(parse: Callable[[object], Any], text: str) -> None:
    with suppress(PydanticCustomError):
        assert parse(text) is not None
