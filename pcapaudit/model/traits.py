"""What one host did, in the few words by which a product can be recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from operator import attrgetter
from typing import NamedTuple

from pcapaudit.model.records import dataclass

Service = tuple[str, int]
"""``tcp`` or ``udp``, and the service's port."""


class Contact(NamedTuple):
    """All flows between a host and one service of one far side.

    ``payload_low`` and ``payload_high`` bound the payload sizes that the opener sent (bytes, 0 without any),
    ``source_low`` and ``source_high`` the opener's ports. ``tries`` counts packets that asked for an answer.
    """

    transport: str
    """``tcp`` or ``udp``."""
    address: bytes
    port: int
    """Port of the service, never that of the opener."""
    names: tuple[str, ...] = ()
    """Names known for the address: said in SNI or Host, or given for it by DNS."""
    first_frame: int = 0
    tries: int = 0
    payload_low: int = 0
    payload_high: int = 0
    source_low: int = 0
    source_high: int = 0
    answered: bool = False


class Contacts:
    """Contacts by their service.

    Args:
        services: The contacts of each service. Those of a busy server are many, so the mapping may make them when
            they are asked for.
    """

    __slots__ = ("_chosen", "services")

    def __init__(self, services: Mapping[Service, Sequence[Contact]]) -> None:
        self.services = services
        self._chosen: dict[tuple[str | None, tuple[tuple[int, int], ...]], list[Contact]] = {}

    @classmethod
    def of(cls, contacts: Iterable[Contact]) -> Contacts:
        """Some contacts, in any order."""
        table: dict[Service, list[Contact]] = {}
        for contact in contacts:
            table.setdefault((contact.transport, contact.port), []).append(contact)
        return cls(table)

    def on(self, transport: str | None, ports: tuple[tuple[int, int], ...]) -> list[Contact]:
        """Contacts of one transport and within some ranges of ports, None and () for any; in order of the first frame.

        Many signs look at the same few ports, so the answers are kept.
        """
        known = self._chosen.get((transport, ports))
        if known is None:
            known = self._chosen[transport, ports] = self._choose(transport, ports)
        return known

    def _choose(self, transport: str | None, ports: tuple[tuple[int, int], ...]) -> list[Contact]:
        wanted = [
            (over, port)
            for over, port in self.services
            if transport in (None, over) and (not ports or any(low <= port <= high for low, high in ports))
        ]
        return sorted((c for service in wanted for c in self.services[service]), key=attrgetter("first_frame", "port"))

    def __iter__(self) -> Iterator[Contact]:
        return iter(self.on(None, ()))


NOBODY = Contacts({})


@dataclass(frozen=True, slots=True)
class Traits:
    """One host as a signature looks at it. Mappings lead from a name to the frame that said it first."""

    host: str
    mac: bytes | None = None
    addresses: tuple[bytes, ...] = ()
    queried: Mapping[str, int] = field(default_factory=dict)
    """Names the host asked DNS for, whatever the record type."""
    sni: Mapping[str, int] = field(default_factory=dict)
    http_hosts: Mapping[str, int] = field(default_factory=dict)
    contacts: Contacts = NOBODY
    """Services that the host opened conversations to."""
    inbound: Contacts = NOBODY
    """Conversations that others opened to it: ``address`` is the other side, ``port`` the host's."""
    registered_domains: int = 0
    """Distinct registered domains among ``queried``."""
    user_agents: tuple[str, ...] = ()
    answers_dns: bool = False
    """It answered DNS queries of others."""
    is_proxy: bool = False
    """Others asked it to go somewhere for them, by CONNECT or by a whole URL."""
    is_router: bool = False
    sent_tcp: bool = False
    """It opened a TCP connection, or tried to."""
    asked_after_lease: tuple[str, ...] = ()
    """Names it asked for within 60 s after its DHCP ACK."""
    query_counts: Mapping[str, int] = field(default_factory=dict)
    """How often it asked for each name; empty when nobody counted."""
    is_shared: bool = False
    """Several boxes stand behind this address: the outside of an address translation."""
