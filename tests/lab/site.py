"""Build the site of a scenario, let it live for its time, and give what the mirror saw."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from tests.lab import address_book, firewall
from tests.lab.cable import Cable
from tests.lab.life import NO_IPV6, PORT, Site, plug_in, watch
from tests.lab.mirror import Mirror
from tests.lab.network import LabError, Namespace, Network
from tests.lab.pcapng import Frame, write_pcapng
from tests.lab.scenario import Scenario
from tests.lab.servers.certificates import write_pairs

_IPV6 = {
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
}

OUTSIDE_FILE = "outside.pcapng"
"""What passed on the firewall's line to the internet, in the folder of the run."""

_WAY_OUT, _WAY_IN = bytes.fromhex("021f77000101 021f77000102 0800"), bytes.fromhex("021f77000102 021f77000101 0800")
_WAN_ADDRESS = bytes(map(int, firewall.WAN_ADDRESS.split(".")))

_SERVERS_READY_S = 30.0


def live_through(scenario: Scenario, prefix: str, folder: Path) -> list[Frame]:
    """Run a scenario in fresh namespaces and give the frames of its mirror port.

    Args:
        prefix: Unique among runs at the same time.
        folder: Empty; gets certificates, leases and logs.

    Raises:
        LabError: The site could not be built, or a program of it died.
    """
    write_pairs(folder, (*address_book.NAMES, *scenario.names))
    with Network(prefix, folder) as network, contextlib.ExitStack() as cleanup:
        site = _build_site(network, scenario)
        site.line.start()
        cleanup.callback(site.line.stop)
        _start_servers(network, site.outside, scenario)
        firewall.start_firewall(network, site.gate, scenario)
        outside_view = Mirror(site.gate, "wan", takes_outgoing=True)
        outside_view.start()
        frames = watch(site)
        write_pcapng(folder / OUTSIDE_FILE, on_ethernet(outside_view.stop()))
        return frames


def _build_site(network: Network, scenario: Scenario) -> Site:
    ipv6 = _IPV6 if scenario.has_ipv6 else NO_IPV6
    outside = _build_internet(network, ipv6)
    gate = network.add_namespace("fw", ipv6 | {"net.ipv4.ip_forward": "1"})
    line = Cable(gate, outside, "wan0", address_book.delay_s, scenario.line)
    _join_line(gate, outside)
    if scenario.has_ipv6:
        _join_line_by_ipv6(gate, outside)
    return Site(network, scenario, gate, outside, _build_lans(network, gate, scenario), line)


def on_ethernet(packets: list[Frame]) -> list[Frame]:
    """Dress the bare IPv4 packets of the outside line as frames between the firewall and its provider's router."""
    return [
        (time_ns, (_WAY_OUT if packet[12:16] == _WAN_ADDRESS else _WAY_IN) + packet)
        for time_ns, packet in packets
        if packet[:1] == b"\x45"
    ]


def _build_internet(network: Network, ipv6: dict[str, str]) -> Namespace:
    outside = network.add_namespace("inet", ipv6)
    for address in address_book.ALL_ADDRESSES:
        outside.configure("address", "add", f"{address}/32", "dev", "lo")
    firewall.load_rules(outside, _distance_rules(), network.folder / "internet.nft")
    return outside


def _distance_rules() -> str:
    """Let packets of every server arrive as if they had passed some routers."""
    rules = "\n".join(
        f"    ip saddr {address} ip ttl set {64 - address_book.hops_away(address)}"
        for address in address_book.ALL_ADDRESSES
    )
    return f"table ip world {{\n  chain out {{\n    type filter hook output priority 0;\n{rules}\n  }}\n}}\n"


def _join_line(gate: Namespace, outside: Namespace) -> None:
    for namespace, own, other in (
        (gate, firewall.WAN_ADDRESS, firewall.INTERNET_ADDRESS),
        (outside, firewall.INTERNET_ADDRESS, firewall.WAN_ADDRESS),
    ):
        namespace.configure("address", "add", own, "peer", other, "dev", "wan0")
        namespace.configure("link", "set", "wan0", "up")
    gate.configure("route", "add", "default", "via", firewall.INTERNET_ADDRESS)


def _join_line_by_ipv6(gate: Namespace, outside: Namespace) -> None:
    """Number line and first LAN, and give the far servers addresses beside the ones of the papers."""
    for namespace, own in ((gate, f"{address_book.LINE6}::2"), (outside, f"{address_book.LINE6}::1")):
        namespace.configure("address", "add", f"{own}/64", "dev", "wan0")
    for address in address_book.SITES6:
        outside.configure("address", "add", f"{address}/128", "dev", "lo")
    outside.configure("route", "add", f"{address_book.LAN6}::/64", "via", f"{address_book.LINE6}::2")
    gate.configure("route", "add", "default", "via", f"{address_book.LINE6}::1")


def _build_lans(network: Network, gate: Namespace, scenario: Scenario) -> list[Namespace]:
    switches = []
    for lan in sorted({box.lan for box in scenario.boxes}):
        switch = network.add_namespace(f"sw{lan}", NO_IPV6)
        switch.configure("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        switch.configure("link", "set", "br0", "up")
        plug_in(switch, f"{PORT}0", gate, f"lan{lan}", f"02:1f:77:00:00:0{lan + 1}")
        gate.configure("address", "add", f"{firewall.lan_address(lan)}/24", "dev", f"lan{lan}")
        switches.append(switch)
    firewall.load_rules(switches[0], firewall.bridge_ruleset(scenario.switch_drops), network.folder / "switch.nft")
    if scenario.has_ipv6:
        gate.configure("address", "add", f"{address_book.LAN6}::1/64", "dev", "lan0")
    return switches


def _start_servers(network: Network, outside: Namespace, scenario: Scenario) -> None:
    names = [f"{name}={address}" for name, address in scenario.names.items()]
    names += [f"{place}={kind}" for place, kind in scenario.servers.items()]
    module = "tests.lab.servers.internet"
    network.start_program(outside, "internet", [sys.executable, "-m", module, str(network.folder), *names])
    end = time.monotonic() + _SERVERS_READY_S
    while "serving" not in (network.folder / "internet.log").read_text():
        if time.monotonic() > end:
            raise LabError(f"the servers did not start, see {network.folder / 'internet.log'}")
        time.sleep(0.1)
