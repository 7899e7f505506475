from __future__ import annotations

import pytest

from pcapaudit.flows.hosts import find_hosts
from pcapaudit.flows.kept import is_kept_in_part
from pcapaudit.scan import Bounds
from tests.support.scene import play_script, scan_frames

OTHERS = "0.0 pc:50001 > cloud:443 EXCHANGE 9 9\n"
TALK = OTHERS + "5.0 dev:50002 > cloud:4321 EXCHANGE 9 9\n"


DEV, GW, CLOUD = "02:00:0a:00:00:05", "02:00:0a:00:00:01", "36e5cbbe"
"""Hosts by their MAC; behind the router, by their address."""


def kept_in_part(script: str, bounds: Bounds) -> set[str]:
    """The hosts of which something was left out."""
    traffic = scan_frames(play_script(script), bounds=bounds)
    return {host.key for host in find_hosts(traffic) if is_kept_in_part(traffic, host)}


CASES = {
    "all is kept": (TALK, Bounds(), set()),
    "a log that is thinned lacks nothing that counts": (TALK, Bounds(thin_rows=4), set()),
    "a full log": (TALK, Bounds(max_rows=3, max_tails=0), {DEV, CLOUD}),
    "a full table of flows": (TALK, Bounds(max_flows=1), {DEV, CLOUD}),
    "payload that found no room": (TALK, Bounds(max_handed_bytes=24), {DEV, CLOUD}),
    "ARP that found no room": ("0.0 pc > gw ARP\n1.0 dev > gw ARP\n", Bounds(max_arps=2), {DEV, GW}),
    "DHCP without an address": (OTHERS + "1.0 dev > gw BOOT\n", Bounds(max_rows=4), {DEV, GW}),
}


@pytest.mark.parametrize(("script", "bounds", "wanted"), CASES.values(), ids=CASES)
def test_hosts_of_which_something_was_left_out(script: str, bounds: Bounds, wanted: set[str]) -> None:
    assert kept_in_part(script, bounds) == wanted
    assert kept_in_part(script, Bounds()) == set()
