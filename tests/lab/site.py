"""Build the site of a scenario, let it live for its time, and give what the mirror saw."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from tests.lab import address_book, firewall
from tests.lab.cable import Cable
from tests.lab.mirror import Mirror
from tests.lab.network import LabError, Namespace, Network, join_by_cable
from tests.lab.pcapng import Frame
from tests.lab.scenario import Box, Scenario
from tests.lab.servers.certificates import write_pairs

_NO_IPV6 = {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
_OLD_SYN_TIMER = {"net.ipv4.tcp_syn_linear_timeouts": "0"}
"""SYNs at 0, 1, 3, 7 s, as most stacks space them; new kernels differ."""

_PORT = "port"
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
        outside = _build_internet(network)
        gate = network.add_namespace("fw", _NO_IPV6 | {"net.ipv4.ip_forward": "1"})
        line = Cable(gate, outside, "wan0", address_book.delay_s)
        line.start()
        cleanup.callback(line.stop)
        _join_line(gate, outside)
        switches = _build_lans(network, gate, scenario)
        _start_servers(network, outside, scenario)
        firewall.start_firewall(network, gate, scenario)
        return _observe(network, scenario, switches)


def _build_internet(network: Network) -> Namespace:
    outside = network.add_namespace("inet", _NO_IPV6)
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


def _build_lans(network: Network, gate: Namespace, scenario: Scenario) -> list[Namespace]:
    switches = []
    for lan in sorted({box.lan for box in scenario.boxes}):
        switch = network.add_namespace(f"sw{lan}", _NO_IPV6)
        switch.configure("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        switch.configure("link", "set", "br0", "up")
        _plug_in(switch, f"{_PORT}0", gate, f"lan{lan}", f"02:1f:77:00:00:0{lan + 1}")
        gate.configure("address", "add", f"{firewall.lan_address(lan)}/24", "dev", f"lan{lan}")
        switches.append(switch)
    return switches


def _plug_in(switch: Namespace, port: str, owner: Namespace, interface: str, mac: str) -> None:
    """Connect a box to the switch; the port forwards at once."""
    join_by_cable(switch, port, owner, interface)
    switch.configure("link", "set", port, "master", "br0", "up")
    owner.configure("link", "set", interface, "address", mac, "up")


def _start_servers(network: Network, outside: Namespace, scenario: Scenario) -> None:
    names = [f"{name}={address}" for name, address in scenario.names.items()]
    module = "tests.lab.servers.internet"
    network.start_program(outside, "internet", [sys.executable, "-m", module, str(network.folder), *names])
    end = time.monotonic() + _SERVERS_READY_S
    while "serving" not in (network.folder / "internet.log").read_text():
        if time.monotonic() > end:
            raise LabError(f"the servers did not start, see {network.folder / 'internet.log'}")
        time.sleep(0.1)


def _observe(network: Network, scenario: Scenario, switches: list[Namespace]) -> list[Frame]:
    """Mirror the first switch while the boxes are switched on one by one."""
    mirror = Mirror(switches[0], _PORT)
    mirror.start()
    begin = time.monotonic()
    for number, box in enumerate(sorted(scenario.boxes, key=lambda box: box.starts_s), start=1):
        time.sleep(max(0.0, begin + box.starts_s - time.monotonic()))
        _switch_on(network, box, switches[box.lan], number)
    time.sleep(max(0.0, begin + scenario.seconds - time.monotonic()))
    frames = mirror.stop()
    dead = network.dead_programs()
    if dead:
        raise LabError(f"{scenario.name}: died before the end: {'; '.join(dead)}, see {network.folder}")
    return frames


def _switch_on(network: Network, box: Box, switch: Namespace, number: int) -> None:
    ipv6 = {} if box.has_ipv6 else _NO_IPV6
    namespace = network.add_namespace(f"box{number}", ipv6 | _OLD_SYN_TIMER)
    _plug_in(switch, f"{_PORT}{number}", namespace, "eth0", box.mac)
    folder = network.folder
    settings = [f"{key}={value}" for key, value in {"certificates": folder, "mac": box.mac, **box.settings}.items()]
    lease, trust = folder / f"box{number}.lease", folder / "trust.pem"
    words = [sys.executable, "-m", "tests.lab.devices.start", box.program, str(lease), str(trust), *settings]
    network.start_program(namespace, f"box{number}-{box.program}", words)
