"""A signature in the form in which the rest of the program reads it: values converted, hosts and ports comparable.

How a signature file must look is the business of ``catalog.form``; what leaves that room is of this form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, TypeAlias

from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Direction, Group, IndicatorKind, State, When

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Transport: TypeAlias = Literal["tcp", "udp", "icmp"]
App: TypeAlias = Literal["tls", "http", "websocket", "ftp", "postgres", "ntp", "dns", "opaque"]
HostsGroup: TypeAlias = Literal["any", "all", "tried"]

HOLDING = frozenset({State.OK, State.IMPLIED, State.DEGRADED})
"""States that count as true: degraded is true with a remark. Source: catalogue, section 14.1."""


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from ``low`` to ``high``, both included: ports, or payload sizes in bytes."""

    low: int
    high: int

    def covers(self, low: int, high: int) -> bool:
        """Whether everything from ``low`` to ``high`` lies inside."""
        return self.low <= low and high <= self.high

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A host name, or a family of them.

    ``*.`` in front stands for one or more labels and never for the bare domain; ``.*`` at the end
    for exactly one label. Source: decisions Z-07 and Z-08.
    """

    text: str

    def matches(self, name: str) -> bool:
        """Whether a name belongs to it; letter case and a final dot do not matter."""
        pattern, name = self.text.lower(), name.lower().rstrip(".")
        if pattern.endswith(".*"):
            name, _, last = name.rpartition(".")
            if not last:
                return False
            pattern = pattern[:-2]
        if pattern.startswith("*."):
            return name.endswith(pattern[1:]) and len(name) >= len(pattern)
        return name == pattern


@dataclass(frozen=True, slots=True)
class Paper:
    """The vendor's paper that the facts come from."""

    title: str
    dated: str


@dataclass(frozen=True, slots=True)
class Sign:
    """Something a host does by which a product is recognised; all parts that are given must hold.

    Attributes:
        hosts: It asked for such a name and went there, on a port of ``transport`` and ``ports``.
        dns_query: It asked DNS for such a name.
        after_lease: It did so within 60 s after its DHCP ACK.
        sni: It named such a host in a TLS ClientHello.
        http_host: It named such a host in an HTTP request.
        transport: With ``ports``: it sent there. With ``is_inbound``: others opened connections to it there.
        payload: Bounds of its payload sizes, bytes.
        source_ports: Bounds of its own ports.
        addresses: It sent to such an address.
        is_private: It sent to a private address.
    """

    hosts: tuple[HostPattern, ...] = ()
    dns_query: tuple[HostPattern, ...] = ()
    after_lease: tuple[HostPattern, ...] = ()
    sni: tuple[HostPattern, ...] = ()
    http_host: tuple[HostPattern, ...] = ()
    transport: Transport | None = None
    ports: tuple[Range, ...] = ()
    payload: Range | None = None
    source_ports: Range | None = None
    addresses: tuple[Network, ...] = ()
    is_private: bool = False
    is_inbound: bool = False
    source: tuple[str, ...] = ()
    assumed: bool = False

    @property
    def names(self) -> tuple[HostPattern, ...]:
        """All host patterns of the sign."""
        return (*self.hosts, *self.dns_query, *self.after_lease, *self.sni, *self.http_host)


@dataclass(frozen=True, slots=True)
class Identify:
    """How a product is recognised: one strong sign or two weak ones, and none of ``never``."""

    strong: tuple[Sign, ...] = ()
    weak: tuple[Sign, ...] = ()
    never: tuple[Sign, ...] = ()
    among_others: bool = False
    """A general computer: that it also asks for many unrelated names speaks not against it."""


@dataclass(frozen=True, slots=True)
class AddressUse:
    """How the product gets its address."""

    dhcp: Literal["required", "optional", "not_used"] = "optional"
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolvers:
    """Name servers beside the site's own. ``any_of``: one that works is enough."""

    extra: tuple[Address, ...] = ()
    any_of: bool = True
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One member of a need: a transport with its ports and what is spoken there.

    ``param`` names the parameter of the signature whose value replaces ``ports`` when the engineer
    gives it. ``encrypted`` is None when the paper does not say.
    """

    transport: Transport
    ports: tuple[Range, ...] = ()
    param: str | None = None
    app: App | None = None
    encrypted: bool | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """One line of a signature: a service the product uses.

    Attributes:
        id: Fact id of the vendor's statement.
        group: How many of ``endpoints`` must work.
        hosts: Names of the service; empty when the paper names none.
        hosts_group: ``any``: one host is enough; ``all``: every host that is tried must work;
            ``tried``: one tried host that fails degrades, all of them fail.
        addresses: Hints, never a condition.
        expects_private_address: The name leads to an address of the site itself.
        payload: Bounds of the product's payload sizes, bytes.
        source_ports: Bounds of the product's own ports.
        soft: Its failure degrades and never fails the device.
        assumed: Our reading; no paper states it in full.
    """

    id: str
    what: str
    required: bool = True
    direction: Direction = Direction.OUT
    when: When = When.ALWAYS
    group: Group = Group.ANY
    endpoints: tuple[Endpoint, ...] = ()
    hosts: tuple[HostPattern, ...] = ()
    hosts_group: HostsGroup = "any"
    addresses: tuple[Network, ...] = ()
    persistent: bool = False
    expects_answer: bool = True
    expects_private_address: bool = False
    payload: Range | None = None
    source_ports: Range | None = None
    soft: bool = False
    source: tuple[str, ...] = ()
    assumed: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Param:
    """A value that differs per customer and that the engineer may give with ``--param``."""

    kind: Literal["port"]
    low: int
    high: int
    what: str
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forbid:
    """Traffic that speaks against the identification."""

    transport: Literal["tcp", "udp"]
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """When an indicator shows something: one of ``failed`` failed, and all of ``ok`` hold."""

    failed: tuple[str, ...] = ()
    ok: tuple[str, ...] = ()

    def holds(self, states: Mapping[str, str]) -> bool:
        """Judge the stages of a device.

        Args:
            states: Stage -> state, in the words of the report. A stage that is missing is unknown, one
                that is not applicable stands in nobody's way.
        """
        if self.failed and not any(states.get(s) == State.FAILED for s in self.failed):
            return False
        return all(states.get(s) in HOLDING or states.get(s) == State.NOT_APPLICABLE for s in self.ok)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One line of the product's LED table or event log.

    ``when`` is None for a line that no stage decides. ``shows`` is the LED's state or the log's words.
    """

    kind: IndicatorKind
    shows: str
    when: Condition | None = None
    means: str | None = None
    remedy: str | None = None
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, in the vendor's terms."""

    text: str
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A capture that the signature is held against, and the rules that must fire as a cause there."""

    capture: str
    finds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """What one product needs and how it is recognised.

    Attributes:
        id: ``vendor/product``, from the folder and the name of the file.
        incomplete: What the paper leaves out, when that limits the verdicts.
        stages: Only those that differ from a hard stage: stage -> ``not_applicable``, ``soft`` or ``hard``.
        remedies: By rule id or by stage; the rule's own precedes.
        thresholds: Replacements for the rules' defaults, by name.
        walks_servers: It tries one server after the other from a list of its own whose names nobody knows.
        assumed: What no paper states, with the decision behind it.
        cited: Fact ids that the file cites outside the parts above.
        sha256: Of the file's bytes, hexadecimal.
    """

    id: str
    vendor: str
    vendor_title: str
    product: str
    title: str
    paper: Paper
    incomplete: str | None = None
    identify: Identify = Identify()
    address: AddressUse = AddressUse()
    resolvers: Resolvers = Resolvers()
    stages: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    params: Mapping[str, Param] = field(default_factory=dict)
    forbids: tuple[Forbid, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    walks_servers: bool = False
    assumed: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    sha256: str = ""

    def used_facts(self) -> frozenset[str]:
        """Ids of all facts and decisions that the signature rests on."""
        identify = self.identify
        parts: Iterable[Iterable[_Sourced]] = (
            (*identify.strong, *identify.weak, *identify.never),
            (self.address, self.resolvers),
            self.needs,
            self.params.values(),
            self.forbids,
            self.indicators,
            self.remedies.values(),
        )
        used = {fact for part in parts for thing in part for fact in thing.source}
        return frozenset(used | {need.id for need in self.needs} | set(self.cited))

    def host_patterns(self) -> Iterator[HostPattern]:
        """Every host pattern of the signature: of its signs and of its needs."""
        for sign in (*self.identify.strong, *self.identify.weak):
            yield from sign.names
        for need in self.needs:
            yield from need.hosts


_Sourced: TypeAlias = Sign | AddressUse | Resolvers | Need | Param | Forbid | Indicator | Remedy
