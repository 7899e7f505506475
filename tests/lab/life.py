"""Let a built site live: boxes come and go, things break and heal, the mirror watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.lab.cable import Cable
from tests.lab.mirror import Mirror
from tests.lab.network import LabError, Namespace, Network, join_by_cable, run_command
from tests.lab.pcapng import Frame
from tests.lab.scenario import Box, Event, Helper, Scenario

NO_IPV6 = {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
PORT = "port"
"""Switch ports are named so, with a number behind; 0 is the firewall's."""

_OLD_SYN_TIMER = {"net.ipv4.tcp_syn_linear_timeouts": "0"}
"""SYNs at 0, 1, 3, 7 s, as most stacks space them; new kernels differ."""


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that stands before the first box is switched on."""

    network: Network
    scenario: Scenario
    gate: Namespace
    outside: Namespace
    switches: list[Namespace]
    line: Cable

    def place(self, name: str) -> Namespace:
        """Give the namespace that scenarios call so."""
        places = {"fw": self.gate, "inet": self.outside}
        return (places | {f"sw{lan}": switch for lan, switch in enumerate(self.switches)})[name]


def plug_in(switch: Namespace, port: str, owner: Namespace, interface: str, mac: str) -> None:
    """Connect a box to the switch; without spanning tree the port forwards at once."""
    join_by_cable(switch, port, owner, interface)
    switch.configure("link", "set", port, "master", "br0", "up")
    owner.configure("link", "set", interface, "address", mac, "up")


def watch(site: Site) -> list[Frame]:
    """Mirror the first switch while the scenario happens.

    Raises:
        LabError: A program died before the end.
    """
    for event in site.scenario.events:
        if event.at_s < 0:
            _happen(site, event)
    for helper in site.scenario.helpers:
        _help(site, helper)
    mirror = Mirror(site.switches[0], PORT)
    mirror.start()
    _live(site)
    frames = mirror.stop()
    dead = site.network.dead_programs()
    if dead:
        raise LabError(f"{site.scenario.name}: died before the end: {'; '.join(dead)}, see {site.network.folder}")
    return frames


def _live(site: Site) -> None:
    begin = time.monotonic()
    for at_s, act in _timetable(site):
        time.sleep(max(0.0, begin + at_s - time.monotonic()))
        act()
    time.sleep(max(0.0, begin + site.scenario.seconds - time.monotonic()))


def _timetable(site: Site) -> list[tuple[float, Callable[[], None]]]:
    acts: list[tuple[float, Callable[[], None]]] = []
    for number, box in enumerate(sorted(site.scenario.boxes, key=lambda box: box.starts_s), start=1):
        acts.append((box.starts_s, partial(_switch_on, site, box, number)))
        acts += [(at_s, partial(_power_cycle, site, box, number)) for at_s in box.boots_again_s]
    acts += [(event.at_s, partial(_happen, site, event)) for event in site.scenario.events if event.at_s >= 0]
    return sorted(acts, key=lambda act: act[0])


def _happen(site: Site, event: Event) -> None:
    if event.line:
        site.line.line = event.line
        return
    words = [word.replace("{folder}", str(site.network.folder)) for word in event.words]
    run_command("ip", "netns", "exec", site.place(event.place).name, *words)


def _help(site: Site, helper: Helper) -> None:
    folder = site.network.folder
    (folder / f"{helper.name}.conf").write_text(helper.config.replace("{folder}", str(folder)), encoding="utf-8")
    words = [word.replace("{folder}", str(folder)) for word in helper.words]
    site.network.start_program(site.place(helper.place), helper.name, words)


def _switch_on(site: Site, box: Box, number: int) -> None:
    ipv6 = {} if box.has_ipv6 else NO_IPV6
    switch, port = site.switches[box.lan], f"{PORT}{number}"
    namespace = site.network.add_namespace(f"box{number}", ipv6 | _OLD_SYN_TIMER | dict(box.kernel))
    if box.guard:
        _guard(site, switch, box, port)
    plug_in(switch, port, namespace, "eth0", box.mac)
    if box.is_isolated:
        switch.configure("link", "set", port, "type", "bridge_slave", "isolated", "on")
    folder = site.network.folder
    settings = [f"{key}={value}" for key, value in {"certificates": folder, "mac": box.mac, **box.settings}.items()]
    lease, trust = folder / f"box{number}.lease", folder / "trust.pem"
    words = [sys.executable, "-m", "tests.lab.devices.start", box.program, str(lease), str(trust), *settings]
    if box.clock_shift:
        words = ["faketime", "-f", box.clock_shift, *words]
    site.network.start_program(namespace, f"box{number}-{box.program}", words)


def _guard(site: Site, switch: Namespace, box: Box, port: str) -> None:
    """Close the port, and let a program ask who is there and open it if it may."""
    assert box.guard
    words = [sys.executable, "-m", "tests.lab.servers.port_guard", port, str(box.guard.every_s)]
    words += [str(box.guard.requests), "opens" if box.guard.opens else "never"]
    run_command("ip", "netns", "exec", switch.name, "nft", "add", "table", "bridge", port)
    for chain, hook, direction in (("in", "prerouting", "iifname"), ("out", "postrouting", "oifname")):
        rule = f"add chain bridge {port} {chain} {{ type filter hook {hook} priority 0; }}"
        run_command("ip", "netns", "exec", switch.name, "nft", rule)
        rule = f"add rule bridge {port} {chain} {direction} {port} ether type != 0x888e drop"
        run_command("ip", "netns", "exec", switch.name, "nft", rule)
    site.network.start_program(switch, f"guard-{port}", words)


def _power_cycle(site: Site, box: Box, number: int) -> None:
    """Take a box off the net without a last word, and switch it on again."""
    switch, port = site.switches[box.lan], f"{PORT}{number}"
    switch.configure("link", "set", port, "down")
    # The cable goes with its end, at once; the box's namespace would keep it for a while.
    switch.configure("link", "del", port)
    site.network.forget_programs(f"box{number}-")
    site.network.remove_namespace(Namespace(f"{site.network.prefix}-box{number}"))
    (site.network.folder / f"box{number}.lease").unlink(missing_ok=True)
    _switch_on(site, box, number)
