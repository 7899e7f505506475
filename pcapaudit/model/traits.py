"""What one host did, in the few words by which a product can be recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from pcapaudit.model.records import dataclass

Service = tuple[str, int]
"""``tcp`` or ``udp``, and the service's port."""
Ports = tuple[tuple[int, int], ...]
"""Ranges of ports, both ends included."""


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
        services: The contacts of each service, in order of the first frame. Those of a busy server are many and few
            of them are looked at, so what is in the mapping may be made when it is.
        addresses: The addresses of their far sides.
    """

    __slots__ = ("_chosen", "addresses", "services")

    def __init__(self, services: Mapping[Service, Sequence[Contact]], addresses: frozenset[bytes]) -> None:
        self.services = services
        self.addresses = addresses
        self._chosen: dict[tuple[str | None, Ports], list[Service]] = {}

    @classmethod
    def of(cls, contacts: Iterable[Contact]) -> Contacts:
        """Some contacts, in any order."""
        table: dict[Service, list[Contact]] = {}
        for contact in sorted(contacts, key=_WHEN):
            table.setdefault((contact.transport, contact.port), []).append(contact)
        return cls(table, frozenset(c.address for found in table.values() for c in found))

    def on(self, transport: str | None, ports: Ports) -> Iterator[Contact]:
        """Contacts by one transport, on some ports, in order of the first frame; None and () stand for any."""
        chosen = self._chosen.get((transport, ports))
        if chosen is None:
            chosen = self._chosen[transport, ports] = [s for s in self.services if is_on(s, transport, ports)]
        if len(chosen) == 1:
            return iter(self.services[chosen[0]])
        return merge(*(self.services[service] for service in chosen), key=_WHEN)

    def __iter__(self) -> Iterator[Contact]:
        return self.on(None, ())


_WHEN = attrgetter("first_frame", "port")


def is_on(service: Service, transport: str | None, ports: Ports) -> bool:
    """Whether a service goes by the transport and stands on one of the ports; None and () stand for any."""
    over, port = service
    return transport in (None, over) and (not ports or any(low <= port <= high for low, high in ports))


NOBODY = Contacts({}, frozenset())


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
