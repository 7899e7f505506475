"""Which product a host is: one strong sign or two weak ones, and nothing that speaks against it.

A healthy and a broken device must both be recognised. The first is known by where it goes, the second, whose DNS or
gateway fails, often only by the names that it keeps asking for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from pcapaudit.catalog.schema import Signature
from pcapaudit.catalog.signs import Evidence, NameTest, Probe, Sieve, Subject
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import NearMiss
from pcapaudit.model.traits import Traits
from pcapaudit.model.words import Identification

BROWSER_DOMAINS = 5
"""Other registered domains that make a host a browser. Source: report contract, ``identification``."""
FEW_DOMAINS = 2
"""A host that asks for the vendor's name and for no more others than this does little else: a device."""
REPEATED = 3
"""Queries for one name that a person with a browser does not make."""
STRONG, WEAK = 2, 1
ENOUGH = 2

_RANK = {Identification.NAME: 3, Identification.SHAPE: 2, Identification.ADDRESS: 1}


@dataclass(frozen=True, slots=True)
class Identified:
    """What a host was recognised as.

    Attributes:
        signature: Id of the one product that fits best; None without any, or with several equal ones.
        kind: By what: a name, the shape of the traffic, or only an address and port.
        by: The signs, with frame numbers, those of the product or of the first candidate.
        candidates: Ids of products that fit equally well; empty when one alone fits.
        nearest: Products of which some sign was there, but not enough, nearest first.
    """

    signature: str | None = None
    kind: Identification | None = None
    by: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    nearest: tuple[NearMiss, ...] = ()


@dataclass(frozen=True, slots=True)
class _Match:
    """One product held against a host; ``objection`` says why it is none after all."""

    signature: Signature
    evidence: tuple[Evidence, ...]
    points: int
    objection: str | None

    @property
    def kind(self) -> Identification:
        """The best of its signs."""
        return max((e.kind for e in self.evidence), key=lambda kind: _RANK[kind])

    @property
    def by(self) -> tuple[str, ...]:
        """What shows it, in order of the frames; of several signs in one frame the first alone."""
        said: dict[int, str] = {}
        for found in self.evidence:
            said = {**found.by, **said}
        return tuple(said[frame] for frame in sorted(said))

    @property
    def rank(self) -> tuple[int, int, int]:
        """What makes one match better than another."""
        return (_RANK[self.kind], min(self.points, STRONG + WEAK), len({e.name for e in self.evidence if e.name}))


class Identifier:
    """Says which product a host is; what can be worked out of the signatures alone is worked out once.

    Args:
        signatures: All products that are known.
    """

    def __init__(self, signatures: Sequence[Signature]) -> None:
        self._products = [_Product(signature) for signature in signatures]
        self._sieve = Sieve(probe for product in self._products for probe in product.probes)

    def identify(self, traits: Traits) -> Identified:
        """Say which product a host is.

        Args:
            traits: What the host did.

        Returns:
            One product, several equal candidates, or none; never an error. Routers, proxies and hosts that answer
            DNS for others are no devices.
        """
        if traits.answers_dns or traits.is_proxy or (traits.is_router and not traits.is_shared):
            return Identified()
        subject = Subject(traits)
        likely = self._sieve.sift(subject)
        return _choose([match for product in self._products if (match := product.match(subject, likely)) is not None])


def _choose(matches: Sequence[_Match]) -> Identified:
    good = [match for match in matches if match.objection is None]
    missed = tuple(_near_misses([match for match in matches if match.objection is not None]))
    if not good:
        return Identified(nearest=missed)
    best_rank = max(match.rank for match in good)
    best = sorted((m for m in good if m.rank == best_rank), key=lambda m: m.signature.id)
    ids = tuple(match.signature.id for match in best)
    if len(ids) > 1:
        return Identified(None, best[0].kind, best[0].by, ids, missed)
    return Identified(ids[0], best[0].kind, best[0].by, (), missed)


class _Product:
    """One signature, ready to be held against many hosts."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._known = NameTest(signature.host_patterns())
        self._strong = [Probe(sign) for sign in signature.identify.strong]
        self._weak = [Probe(sign) for sign in signature.identify.weak]
        self._never = [Probe(sign) for sign in signature.identify.never]

    @property
    def probes(self) -> Sequence[Probe]:
        """All its signs."""
        return [*self._strong, *self._weak, *self._never]

    def match(self, subject: Subject, likely: Collection[Probe]) -> _Match | None:
        """None when not a single sign of the product is there; those that are not among the likely ones are not."""
        strong = self._evidence([probe for probe in self._strong if probe in likely], subject)
        weak = self._evidence([probe for probe in self._weak if probe in likely], subject)
        evidence = (*strong, *weak)
        if not evidence:
            return None
        points = _count_points(strong, weak)
        objection = self._object(subject, likely) or self._find_gap(subject, evidence, points)
        return _Match(self._signature, evidence, points, objection)

    def _evidence(self, probes: Sequence[Probe], subject: Subject) -> list[Evidence]:
        return [found for probe in probes if (found := probe.find(subject, self._known)) is not None]

    def _object(self, subject: Subject, likely: Collection[Probe]) -> str | None:
        """What speaks against the product; nothing does where several boxes share an address."""
        if subject.traits.is_shared:
            return None
        for forbid in self._signature.forbids:
            if _opens(subject.traits, forbid.transport):
                return f"it opens {forbid.transport.upper()} conversations, which this product never does"
        for probe in self._never:
            found = probe.find(subject, _NO_NAMES) if probe in likely else None
            if found is not None:
                return f"{', '.join(found.by.values())} speaks against it"
        others = count_other_domains(subject, self._known)
        if others >= BROWSER_DOMAINS and not self._signature.identify.among_others:
            return f"it asks for {others} unrelated domains as well, as a browser does"
        return None

    def _find_gap(self, subject: Subject, evidence: Sequence[Evidence], points: int) -> str | None:
        """What is missing for a recognition; None when the signs are enough."""
        if points >= ENOUGH:
            return None
        if any(e.is_complete or (e.is_said and self._is_devoted(subject, e)) for e in evidence):
            return None
        return "one sign more"

    def _is_devoted(self, subject: Subject, evidence: Evidence) -> bool:
        """Whether the host does little else than using this name of the vendor, or insists on it."""
        others = count_other_domains(subject, self._known)
        if others <= FEW_DOMAINS:
            return True
        may_insist = others < BROWSER_DOMAINS or self._signature.identify.among_others
        return may_insist and subject.traits.query_counts.get(evidence.name or "", 0) >= REPEATED


_NO_NAMES = NameTest(())


def _count_points(strong: Sequence[Evidence], weak: Sequence[Evidence]) -> int:
    """Points of all signs. Asking for a name and going there is one act, so weak signs of one name count once."""
    named = {evidence.name for evidence in (*strong, *weak) if evidence.name is not None}
    named -= {evidence.name for evidence in strong}
    nameless = sum(1 for evidence in weak if evidence.name is None)
    return STRONG * len(strong) + WEAK * (len(named) + nameless)


def _opens(traits: Traits, transport: str) -> bool:
    if transport == "tcp" and traits.sent_tcp:
        return True
    return any(over == transport for over, _ in traits.contacts.services)


def count_other_domains(subject: Subject, known: NameTest) -> int:
    """Registered domains that a host asked for, or named in SNI or Host, beside those of a product.

    The product's own are told apart by the last two labels, so a vendor below a suffix like ``co.uk``
    counts as one domain more; that errs on the side of calling a host a browser.
    """
    own = {_last_labels(name) for name in subject.queried if known.fits(name)}
    by_query = max(0, subject.traits.registered_domains - len(own))
    said = {_last_labels(name) for name in subject.said if not known.fits(name)}
    return max(by_query, len(said))


@lru_cache(maxsize=20_000)
def _last_labels(name: str) -> str:
    return ".".join(name.lower().rstrip(".").split(".")[-2:])


def _near_misses(matches: Sequence[_Match]) -> Iterator[NearMiss]:
    for match in sorted(matches, key=lambda m: (tuple(-r for r in m.rank), m.signature.id)):
        yield NearMiss(match.signature.id, match.by, match.objection)
