"""Whether one sign holds for one host, and what in the packets shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice

from pcapaudit.catalog.schema import HostPattern, Range, Sign
from pcapaudit.model.addresses import ip_text, is_private
from pcapaudit.model.traits import Contact, Traits
from pcapaudit.model.words import Identification

MAX_NAMES = 2000
"""Names of one host that are held against patterns; a host with more is no device of this kind."""


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


def find_evidence(sign: Sign, traits: Traits, known: Iterable[HostPattern] = ()) -> Evidence | None:
    """Look for a sign in what a host did.

    Args:
        sign: The sign.
        traits: The host.
        known: Patterns of the product's names. Where the far side of a contact has names and none of them
            fits these, an address says nothing: the host went there for somebody else.

    Returns:
        The earliest evidence, or None when the sign does not hold.
    """
    if sign.hosts:
        return _find_visit(sign, traits)
    said = (
        (sign.dns_query, traits.queried, "dns"),
        (sign.after_lease, _after_lease(traits), "dns after lease"),
        (sign.sni, traits.sni, "sni"),
        (sign.http_host, traits.http_hosts, "http host"),
    )
    for patterns, names, word in said:
        if patterns:
            return _find_name(patterns, names, word)
    return _find_contact(sign, traits, tuple(known))


def matches_any(patterns: Iterable[HostPattern], name: str) -> bool:
    """Whether a name belongs to one of the patterns."""
    return any(pattern.matches(name) for pattern in patterns)


def first_names(names: Iterable[str]) -> list[str]:
    """Names that are looked at: the first ``MAX_NAMES``, so that a host that asks for millions costs no more."""
    return list(islice(names, MAX_NAMES))


def _after_lease(traits: Traits) -> Mapping[str, int]:
    return {name: traits.queried.get(name, 0) for name in traits.asked_after_lease}


def _find_name(patterns: tuple[HostPattern, ...], names: Mapping[str, int], word: str) -> Evidence | None:
    found = [(names[name], name) for name in first_names(names) if matches_any(patterns, name)]
    if not found:
        return None
    frame, name = min(found)
    return Evidence(Identification.NAME, {frame: f"{word} {name}{_at(frame)}"}, name=name, is_said=True)


def _find_visit(sign: Sign, traits: Traits) -> Evidence | None:
    """It asked for the name itself, or said it, and then went to a fitting port of that name's address."""
    for contact in _contacts(sign, traits):
        for name in contact.names:
            if matches_any(sign.hosts, name) and _used_name(name, traits):
                went = contact.first_frame
                by = {went: f"{contact.transport} {contact.port} to {name}{_at(went)}"}
                if name in traits.queried:
                    asked = traits.queried[name]
                    by = {asked: f"dns {name}{_at(asked)}", **by}
                return Evidence(Identification.NAME, by, name=name)
    return None


def _used_name(name: str, traits: Traits) -> bool:
    """Other hosts' lookups name addresses, too; only the host's own words count."""
    wanted = name.lower()
    return any(
        wanted in names or any(wanted == n.lower() for n in names)
        for names in (traits.queried, traits.sni, traits.http_hosts)
    )


def _find_contact(sign: Sign, traits: Traits, known: tuple[HostPattern, ...]) -> Evidence | None:
    has_shape = sign.payload is not None or sign.source_ports is not None
    for contact in _contacts(sign, traits):
        if not (has_shape or sign.is_inbound) and _is_foreign(contact, known):
            continue
        if sign.addresses and not _is_hinted(sign, contact):
            continue
        kind = Identification.SHAPE if has_shape else Identification.ADDRESS
        is_complete = bool(sign.addresses and sign.ports)
        return Evidence(kind, {contact.first_frame: _describe(sign, contact)}, is_complete)
    return None


def _contacts(sign: Sign, traits: Traits) -> Iterator[Contact]:
    """Contacts whose port, sizes and own ports fit, in order of the first frame."""
    contacts = traits.inbound if sign.is_inbound else traits.contacts
    for contact in sorted(contacts, key=lambda c: (c.first_frame, c.port)):
        if _fits(sign, contact):
            yield contact


def _fits(sign: Sign, contact: Contact) -> bool:
    if sign.transport is not None and contact.transport != sign.transport:
        return False
    if sign.ports and not any(ports.low <= contact.port <= ports.high for ports in sign.ports):
        return False
    if sign.payload is not None and not sign.payload.covers(contact.payload_low, contact.payload_high):
        return False
    if sign.source_ports is not None and not sign.source_ports.covers(contact.source_low, contact.source_high):
        return False
    return not sign.is_private or is_private(contact.address)


def _is_foreign(contact: Contact, known: tuple[HostPattern, ...]) -> bool:
    """Whether the far side has names and none of them is the product's: the host went there for somebody else."""
    return bool(known and contact.names) and not any(matches_any(known, name) for name in contact.names)


def _is_hinted(sign: Sign, contact: Contact) -> bool:
    address = _parsed(contact.address)
    return any(address in network for network in sign.addresses)


_parsed = lru_cache(maxsize=4096)(ip_address)


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
