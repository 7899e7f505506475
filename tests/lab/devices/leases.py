"""Ways to an address: three DHCP clients of different makers, or a fixed one.

Each leaves "address prefix router resolvers" in the lease file, which exists as long as the lease.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

_HERE = Path(__file__).parent
_DHCLIENT_CONFIG = """
timeout 60; retry 15; backoff-cutoff 8; initial-interval 3;
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name, ntp-servers;
"""
_DHCPCD_CONFIG = """
hostname
option domain_name_servers, routers, subnet_mask, ntp_servers, interface_mtu
require dhcp_server_identifier
"""


def take_lease(settings: Mapping[str, str], lease_file: Path) -> None:
    """Start the DHCP client named by the setting ``dhcp``; with ``fixed`` set the address instead.

    Args:
        settings: ``fixed`` is "address/prefix router resolver"; ``old_lease`` an address that dhclient thinks it has.
        lease_file: Where the client's script leaves what it got.
    """
    if "fixed" in settings:
        _set_address(settings["fixed"].split(), lease_file)
        return
    _CLIENTS[settings.get("dhcp", "udhcpc")](settings, lease_file)


def _set_address(words: list[str], lease_file: Path) -> None:
    own, router, *resolvers = words
    subprocess.run(["ip", "address", "add", own, "dev", "eth0"], check=True)
    subprocess.run(["ip", "route", "add", "default", "via", router, "dev", "eth0", "onlink"], check=True)
    address, _, prefix = own.partition("/")
    lease_file.write_text(" ".join((address, prefix, router, *resolvers)), encoding="utf-8")


def _start(words: list[str], lease_file: Path) -> None:
    subprocess.Popen(words, env={**os.environ, "LAB_LEASE": str(lease_file)})


def _udhcpc(settings: Mapping[str, str], lease_file: Path) -> None:
    words = ["udhcpc", "-f", "-i", "eth0", "-V", settings.get("class", "eth"), "-s", str(_HERE / "lease.sh")]
    pace = ["-t", settings.get("dhcp_tries", "3"), "-T", settings.get("dhcp_pace", "3")]
    probing = ["-a"] if "probes" in settings else []
    _start([*words, *pace, *probing], lease_file)


def _dhclient(settings: Mapping[str, str], lease_file: Path) -> None:
    state, config = lease_file.with_suffix(".dhclient"), lease_file.with_suffix(".conf")
    must = f"require {settings['dhcp_requires']};\n" if "dhcp_requires" in settings else ""
    config.write_text(_DHCLIENT_CONFIG + must, encoding="utf-8")
    old = settings.get("old_lease")
    state.write_text(_remembered_lease(old) if old else "", encoding="utf-8")
    words = ["dhclient", "-4", "-d", "-cf", str(config), "-lf", str(state), "-pf", str(lease_file.with_suffix(".pid"))]
    _start([*words, "-e", f"LAB_LEASE={lease_file}", "-sf", str(_HERE / "dhclient.sh"), "eth0"], lease_file)


def _remembered_lease(address: str) -> str:
    """Give dhclient's memory of a lease that is still good, so that it starts by asking for it again."""
    return f"""lease {{
  interface "eth0";
  fixed-address {address};
  option subnet-mask 255.255.255.0;
  renew 6 2037/01/03 00:00:00;
  rebind 6 2037/01/10 00:00:00;
  expire 6 2037/01/17 00:00:00;
}}
"""


def _dhcpcd(_: Mapping[str, str], lease_file: Path) -> None:
    config = lease_file.with_suffix(".conf")
    config.write_text(_DHCPCD_CONFIG, encoding="utf-8")
    # Its state has one fixed place; the mounts of this namespace are its own.
    hide = "mkdir -p /var/lib/dhcpcd /run/dhcpcd; mount -t tmpfs x /var/lib/dhcpcd; mount -t tmpfs x /run/dhcpcd"
    words = f"{hide}; exec dhcpcd -4 -B --nodev -e LAB_LEASE={lease_file} -f {config} -c {_HERE / 'dhcpcd.sh'} eth0"
    _start(["sh", "-c", words], lease_file)


_CLIENTS: dict[str, Callable[[Mapping[str, str], Path], None]] = {
    "udhcpc": _udhcpc,
    "dhclient": _dhclient,
    "dhcpcd": _dhcpcd,
}
