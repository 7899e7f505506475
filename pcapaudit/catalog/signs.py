"""Whether one sign holds for one host, and what in the packets shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from itertools import islice

from pcapaudit.catalog.schema import HostPattern, Range, Sign
from pcapaudit.model.addresses import ip_text, is_private
from pcapaudit.model.records import dataclass
from pcapaudit.model.traits import Contact, Contacts, Service, Traits, is_on
from pcapaudit.model.words import Identification

MAX_NAMES = 2000
"""Names of one host that are held against patterns; a host with more is no device of this kind."""
MAX_KNOWN = 20_000
"""Names whose answer one test remembers."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sign that holds.

    Attributes:
        kind: How much it says: a name, the shape of the traffic, or only an address and a port.
        by: For people: what shows it, by the frame that does.
        is_complete: An address together with a port; it may identify a device alone, as a guess.
        name: The name that was asked or said; None without one.
        is_said: The host's own words alone, in DNS, SNI or Host; it need not have got anywhere.
    """

    kind: Identification
    by: Mapping[int, str]
    is_complete: bool = False
    name: str | None = None
    is_said: bool = False


class NameTest:
    """Whether names belong to one of some patterns; each name is judged once, however many hosts use it."""

    def __init__(self, patterns: Iterable[HostPattern]) -> None:
        self._patterns = tuple(patterns)
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def fits(self, name: str) -> bool:
        """Whether a name belongs to one of the patterns."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[name] = any(pattern.matches(name) for pattern in self._patterns)
        return known


class Subject:
    """A host that signs are looked for in, with what many of them ask worked out once.

    Of names the first ``MAX_NAMES`` are looked at, so that a host that asks for millions costs no more.
    """

    def __init__(self, traits: Traits) -> None:
        self.traits = traits

    @cached_property
    def queried(self) -> Mapping[str, int]:
        """Names that it asked DNS for."""
        return _first(self.traits.queried)

    @cached_property
    def asked_after_lease(self) -> Mapping[str, int]:
        """Those of them that it asked for soon after its lease."""
        return _first({name: self.traits.queried.get(name, 0) for name in self.traits.asked_after_lease})

    @cached_property
    def sni(self) -> Mapping[str, int]:
        """Names that it said in TLS."""
        return _first(self.traits.sni)

    @cached_property
    def http_hosts(self) -> Mapping[str, int]:
        """Names that it said in HTTP."""
        return _first(self.traits.http_hosts)

    @cached_property
    def said(self) -> list[str]:
        """Names that it said in TLS or HTTP."""
        return list(_first({**self.traits.sni, **self.traits.http_hosts}))

    @cached_property
    def used(self) -> frozenset[str]:
        """All names that are its own words, in lower case; other hosts' lookups name addresses, too."""
        traits = self.traits
        return frozenset(n.lower() for names in (traits.queried, traits.sni, traits.http_hosts) for n in names)


def _first(names: Mapping[str, int]) -> Mapping[str, int]:
    return names if len(names) <= MAX_NAMES else dict(islice(names.items(), MAX_NAMES))


class Probe:
    """One sign, ready to be looked for in many hosts."""

    def __init__(self, sign: Sign) -> None:
        self.sign = sign
        self._hosts = NameTest(sign.hosts)
        self._names = NameTest((*sign.dns_query, *sign.after_lease, *sign.sni, *sign.http_host))
        self.ports = tuple((ports.low, ports.high) for ports in sign.ports)
        self._networks = [(len(n.netmask.packed), int(n.netmask), int(n.network_address)) for n in sign.addresses]
        self._has_shape = sign.payload is not None or sign.source_ports is not None

    def find(self, subject: Subject, known: NameTest) -> Evidence | None:
        """Look for the sign in what a host did.

        Args:
            subject: The host.
            known: The product's names. Where the far side of a contact has names and none of them is among
                these, an address says nothing: the host went there for somebody else.

        Returns:
            The earliest evidence, or None when the sign does not hold.
        """
        sign = self.sign
        if sign.hosts:
            return self._find_visit(subject)
        if sign.dns_query:
            return self._find_name(subject.queried, "dns")
        if sign.after_lease:
            return self._find_name(subject.asked_after_lease, "dns after lease")
        if sign.sni:
            return self._find_name(subject.sni, "sni")
        if sign.http_host:
            return self._find_name(subject.http_hosts, "http host")
        return self._find_contact(subject, known)

    def is_hinted(self, address: bytes) -> bool:
        """Whether the address lies in the sign's networks."""
        number = int.from_bytes(address, "big")
        return any(number & mask == prefix for size, mask, prefix in self._networks if size == len(address))

    def _find_name(self, names: Mapping[str, int], word: str) -> Evidence | None:
        found = [(frame, name) for name, frame in names.items() if self._names.fits(name)]
        if not found:
            return None
        frame, name = min(found)
        return Evidence(Identification.NAME, {frame: f"{word} {name}{_at(frame)}"}, name=name, is_said=True)

    def _find_visit(self, subject: Subject) -> Evidence | None:
        """It asked for the name itself, or said it, and then went to a fitting port of that name's address."""
        queried = subject.traits.queried
        for contact in self._contacts(subject):
            for name in contact.names:
                if self._hosts.fits(name) and name.lower() in subject.used:
                    went = contact.first_frame
                    by = {went: f"{contact.transport} {contact.port} to {name}{_at(went)}"}
                    if name in queried:
                        by = {queried[name]: f"dns {name}{_at(queried[name])}", **by}
                    return Evidence(Identification.NAME, by, name=name)
        return None

    def _find_contact(self, subject: Subject, known: NameTest) -> Evidence | None:
        sign = self.sign
        for contact in self._contacts(subject):
            if sign.addresses and not self.is_hinted(contact.address):
                continue
            if not (self._has_shape or sign.is_inbound) and _is_foreign(contact, known):
                continue
            kind = Identification.SHAPE if self._has_shape else Identification.ADDRESS
            is_complete = bool(sign.addresses and sign.ports)
            return Evidence(kind, {contact.first_frame: _describe(sign, contact)}, is_complete)
        return None

    def _contacts(self, subject: Subject) -> Iterator[Contact]:
        """Contacts whose port, sizes and own ports fit, in order of the first frame."""
        contacts = subject.traits.inbound if self.sign.is_inbound else subject.traits.contacts
        return (c for c in contacts.on(self.sign.transport, self.ports) if _fits(self.sign, c))


class Sieve:
    """Which signs may hold for a host: each name, service and address is held against all of them once.

    Most hosts show nothing of most products, and most of what they do speaks of none.

    Args:
        probes: The signs.
    """

    def __init__(self, probes: Iterable[Probe]) -> None:
        every = list(probes)
        self._naming = frozenset(probe for probe in every if probe.sign.names)
        self._by_name = lru_cache(MAX_KNOWN)(partial(_named, self._naming))
        met = [probe for probe in every if not probe.sign.names]
        self._outward = _Places([probe for probe in met if not probe.sign.is_inbound])
        self._inbound = _Places([probe for probe in met if probe.sign.is_inbound])

    def sift(self, subject: Subject) -> frozenset[Probe]:
        """The signs of which the host shows a name, a service or an address; the others do not hold."""
        traits = subject.traits
        names = subject.used.union(map(str.lower, traits.asked_after_lease))
        named = (self._naming,) if len(names) > MAX_NAMES else map(self._by_name, names)
        return frozenset().union(*named, self._outward.sift(traits.contacts), self._inbound.sift(traits.inbound))


class _Places:
    """Signs that tell where a host goes, or who comes to it."""

    def __init__(self, probes: Iterable[Probe]) -> None:
        every = list(probes)
        self._by_service = lru_cache(MAX_KNOWN)(partial(_served, [p for p in every if not p.sign.addresses]))
        self._by_address = lru_cache(MAX_KNOWN)(partial(_hinted, [p for p in every if p.sign.addresses]))

    def sift(self, met: Contacts) -> frozenset[Probe]:
        """Those that one of the services fits, or one of the addresses."""
        return frozenset().union(*map(self._by_service, met.services), *map(self._by_address, met.addresses))


def _named(probes: Iterable[Probe], name: str) -> frozenset[Probe]:
    return frozenset(p for p in probes if any(pattern.matches(name) for pattern in p.sign.names))


def _served(probes: Iterable[Probe], service: Service) -> frozenset[Probe]:
    return frozenset(p for p in probes if is_on(service, p.sign.transport, p.ports))


def _hinted(probes: Iterable[Probe], address: bytes) -> frozenset[Probe]:
    return frozenset(p for p in probes if p.is_hinted(address))


def _fits(sign: Sign, contact: Contact) -> bool:
    """Whether sizes, own ports and address fit."""
    if sign.payload is not None and not sign.payload.covers(contact.payload_low, contact.payload_high):
        return False
    if sign.source_ports is not None and not sign.source_ports.covers(contact.source_low, contact.source_high):
        return False
    return not sign.is_private or is_private(contact.address)


def _is_foreign(contact: Contact, known: NameTest) -> bool:
    """Whether the far side has names and none of them is the product's: the host went there for somebody else."""
    return bool(known and contact.names) and not any(map(known.fits, contact.names))


def _describe(sign: Sign, contact: Contact) -> str:
    end = _at(contact.first_frame)
    if sign.is_inbound:
        return f"{contact.transport} {contact.port} opened by {ip_text(contact.address)}{end}"
    parts = [f"{contact.transport} {contact.port}"]
    if sign.source_ports is not None:
        parts.append(f"from ports {Range(contact.source_low, contact.source_high)}")
    if sign.payload is not None:
        parts.append(f"with {Range(contact.payload_low, contact.payload_high)} bytes")
    if sign.addresses or sign.is_private:
        parts.append(f"to {ip_text(contact.address)}")
    return " ".join(parts) + end


def _at(frame: int) -> str:
    return f" (frame {frame})" if frame else ""
