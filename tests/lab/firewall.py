"""The site's firewall: NAT and filter by nftables, DHCP and DNS by dnsmasq."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.lab.network import Namespace, Network, run_command
from tests.lab.scenario import Scenario

LAN_PREFIXES = ("10.20.36", "10.20.37")
WAN_ADDRESS = "62.20.10.2"
INTERNET_ADDRESS = "62.20.10.1"


def lan_address(lan: int) -> str:
    """Give the firewall's own address on a LAN, the gateway and resolver of its boxes."""
    return f"{LAN_PREFIXES[lan]}.1"


def ruleset(drops: Iterable[str], gate_drops: Iterable[str] = ()) -> str:
    """Give the nftables script: the faults first, then a plain stateful NAT firewall.

    Args:
        drops: Rules for what passes through.
        gate_drops: Rules for what is sent to the firewall itself.
    """
    return f"""
table ip site {{
  set seen {{
    type ipv4_addr . inet_service . ipv4_addr; flags dynamic; size 1024;
  }}
  chain input {{
    type filter hook input priority 0;
{_indented(gate_drops)}
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    jump faults
    ct state established,related accept
    iifname "lan*" accept
  }}
  chain faults {{
{_indented(drops)}
  }}
  chain postrouting {{
    type nat hook postrouting priority 100;
    oifname "wan0" masquerade
  }}
}}
"""


def bridge_ruleset(drops: Iterable[str]) -> str:
    """Give the nftables script for what the switch drops between its ports."""
    return f"""
table bridge site {{
  chain forward {{
    type filter hook forward priority 0;
{_indented(drops)}
  }}
}}
"""


def _indented(rules: Iterable[str]) -> str:
    return "\n".join(f"    {rule}" for rule in rules)


def load_rules(namespace: Namespace, script: str, path: Path) -> None:
    """Load an nftables script into a namespace; it stays in ``path`` for the curious."""
    path.write_text(script)
    run_command("ip", "netns", "exec", namespace.name, "nft", "-f", str(path))


def dnsmasq_words(scenario: Scenario, folder: Path) -> list[str]:
    """Give the command line of the site's DHCP and DNS server.

    Leases are reserved, so that a truth can name an address before the run.
    """
    lans = sorted({box.lan for box in scenario.boxes})
    words = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file="]
    words += ["--no-hosts", "--no-resolv", "--server=8.8.8.8", "--bind-interfaces", "--no-ping"]
    words += [f"--dhcp-leasefile={folder / 'leases'}", f"--log-facility={folder / 'dnsmasq.log'}", "--log-dhcp"]
    words += [f"--interface=lan{lan}" for lan in lans]
    if scenario.serves_dhcp:
        words += [f"--dhcp-range={p}.100,{p}.199,255.255.255.0,1h" for p in (LAN_PREFIXES[lan] for lan in lans)]
        words += [f"--dhcp-host={box.mac},{box.ip if box.is_served else 'ignore'}" for box in scenario.boxes]
    return [*words, *scenario.resolver_options]


def start_firewall(network: Network, namespace: Namespace, scenario: Scenario) -> None:
    """Load the scenario's rules and start its DHCP and DNS server."""
    load_rules(namespace, ruleset(scenario.drops, scenario.gate_drops), network.folder / "site.nft")
    network.start_program(namespace, "resolver", dnsmasq_words(scenario, network.folder))
