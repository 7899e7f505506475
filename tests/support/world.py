"""Who takes part in a packet script: hosts, their addresses, and how a frame between two of them looks at the mirror.

The mirror port stands on the device's LAN. What lies outside the LAN comes and goes through the
gateway's MAC, with a TTL that its way has lowered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from tests.support import wire
from tests.support.faults import FormError

START_NS = 1_767_600_000_000_000_000
"""2026-01-05T08:00:00Z: second 0 of every script that names no other start."""
ANY_V4, ALL_V4 = bytes(4), b"\xff" * 4
FAR_HOPS = 10
"""Routers on the way to a host outside the LAN, unless it says otherwise."""
FAR_RTT_NS, NEAR_RTT_NS = 30_000_000, 600_000
DEFAULT_HOSTS: Mapping[str, str] = {
    "gw": "10.0.0.1",
    "dev": "10.0.0.5",
    "pc": "10.0.0.9",
    "switch": "02:5c:00:00:00:01",
}
HOST_KEYS = frozenset({"ip", "mac", "hops", "ttl", "vlan", "rtt"})


@dataclass(frozen=True, slots=True)
class Host:
    """One party of a script. ``ip`` is None for a box that speaks on the link only.

    ``mac`` is its own MAC on the LAN, or the gateway's for a host beyond it; ``hops`` counts the
    routers between it and the mirror; ``ttl`` is what it sends with.
    """

    name: str
    ip: bytes | None
    mac: bytes
    hops: int = 0
    ttl: int = 64
    vlan: int | None = None
    rtt_ns: int = NEAR_RTT_NS

    @property
    def is_far(self) -> bool:
        """Whether its frames come and go through the gateway."""
        return self.hops > 0

    @property
    def address(self) -> bytes:
        """Its IP address. Raises ValueError when it has none."""
        if self.ip is None:
            raise ValueError(f"{self.name} has no IP address")
        return self.ip


EVERYBODY = Host("*", ALL_V4, wire.BROADCAST_MAC)
NOBODY = Host("0.0.0.0", ANY_V4, wire.BROADCAST_MAC)


def mac_of(address: bytes) -> bytes:
    """Give the MAC that a LAN address gets by default: locally administered, the address inside."""
    return b"\x02\x00" + address if len(address) == 4 else b"\x02\x06" + address[-4:]


def parse_mac(text: str) -> bytes:
    """Give the packed form of ``aa:bb:cc:dd:ee:ff``. Raises ValueError for anything else."""
    mac = bytes.fromhex(text.replace(":", ""))
    if len(mac) != 6 or text.count(":") != 5:
        raise ValueError(f"{text!r} is not a MAC address")
    return mac


def parse_duration(text: str) -> int:
    """Give nanoseconds for ``40us``, ``3ms``, ``1.5`` or ``1.5s``. Raises ValueError for anything else."""
    for unit, scale in (("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("", 1_000_000_000)):
        if unit and text.endswith(unit):
            return round(float(text.removesuffix(unit)) * scale)
    return round(float(text) * 1_000_000_000)


class World:
    """The hosts of one case, found by name or by address."""

    def __init__(
        self, hosts: Mapping[str, object], *, lan: Sequence[str] = ("10.0.0.0/24",), gateway: str = "gw"
    ) -> None:
        self._lan = tuple(ip_network(text) for text in lan)
        self._hosts: dict[str, Host] = {"*": EVERYBODY, "0.0.0.0": NOBODY}
        self._gateway_mac = bytes(6)
        self._table = table = {**DEFAULT_HOSTS, **hosts}
        names = [gateway, *(name for name in table if name != gateway)]
        if gateway not in table:
            raise ValueError(f"the gateway {gateway!r} is not among the hosts")
        for name in names:
            self._hosts[name] = self._build(name, table[name])
            if name == gateway:
                self._gateway_mac = self._hosts[name].mac
        self.gateway = self._hosts[gateway]

    @property
    def names(self) -> frozenset[str]:
        """Names that the case or the language gave."""
        return frozenset(self._table)

    def is_far(self, address: bytes) -> bool:
        """Whether packets of this address come and go through the gateway."""
        return self.find(str(ip_address(address))).is_far

    def find(self, text: str) -> Host:
        """Give a host by its name, or the nameless one that owns an address.

        Raises:
            ValueError: Neither a name of the case nor an address.
        """
        known = self._hosts.get(text)
        if known is not None:
            return known
        try:
            packed = ip_address(text).packed
        except ValueError:
            names = ", ".join(sorted(self._hosts))
            raise ValueError(f"{text!r} is neither a host nor an address; hosts are {names}") from None
        owner = next((host for host in self._hosts.values() if host.ip == packed), None)
        return owner or self._hosts.setdefault(text, self._build(text, text))

    def rtt_ns(self, one: Host, other: Host) -> int:
        """Give the time from a packet to its answer, as the mirror sees it."""
        return max(one.rtt_ns, other.rtt_ns)

    def _build(self, name: str, entry: object) -> Host:
        fields = self._fields(name, entry)
        ip = ip_address(fields["ip"]).packed if "ip" in fields else None
        is_far = ip is not None and "mac" not in fields and not self._is_on_link(ip)
        hops = int(fields.get("hops", FAR_HOPS if is_far else 0))
        own_mac = parse_mac(fields["mac"]) if "mac" in fields else None
        mac = own_mac or (self._gateway_mac if is_far or ip is None else mac_of(ip))
        vlan = int(fields["vlan"]) if "vlan" in fields else None
        rtt = parse_duration(fields["rtt"]) if "rtt" in fields else (FAR_RTT_NS if is_far else NEAR_RTT_NS)
        return Host(name, ip, mac, hops, int(fields.get("ttl", 64)), vlan, rtt)

    @staticmethod
    def _fields(name: str, entry: object) -> dict[str, str]:
        if isinstance(entry, str):
            return {"mac": entry} if entry.count(":") == 5 and len(entry) == 17 else {"ip": entry}
        if not isinstance(entry, Mapping):
            raise FormError(f"host {name}: write an address, a MAC, or a table of {', '.join(sorted(HOST_KEYS))}")
        unknown = set(entry) - HOST_KEYS
        if unknown:
            raise ValueError(
                f"host {name}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(HOST_KEYS))}"
            )
        return {str(key): str(value) for key, value in entry.items()}

    def _is_on_link(self, ip: bytes) -> bool:
        parsed = ip_address(ip)
        if parsed.is_link_local or parsed.is_multicast or ip == ALL_V4:
            return True
        return any(_holds(net, ip) for net in self._lan)


def _holds(net: IPv4Network | IPv6Network, ip: bytes) -> bool:
    parsed = ip_address(ip)
    return parsed.version == net.version and parsed in net
