"""What a rule says when it fires, before the verdict model has weighed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pcapaudit.catalog.schema import Need
from pcapaudit.model.events import Packet
from pcapaudit.model.words import Outcome, Stage

if TYPE_CHECKING:
    from pcapaudit.diagnose.attempts import Attempt

MAX_FRAMES = 10


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause with its weight (catalogue, sections 7.2 and 7.3) and what speaks for it.

    ``kind`` groups causes for the remedy: filter, device_filter, address_list, policy, server,
    uplink, loss, middlebox, dhcp, dns, device, capture, registration.
    """

    text: str
    weight: int
    because: str
    kind: str = "other"


@dataclass(frozen=True, slots=True)
class Target:
    """What a finding is about on the far side; every part may be unknown."""

    host: str | None = None
    address: bytes | None = None
    transport: str | None = None
    port: int | None = None


@dataclass(slots=True)
class Fired:
    """A rule that fired for one device.

    Attributes:
        outcome: As far as the rule itself can say; FAILED is weighed against later successes.
        began_ns: When the last failing attempt began (catalogue 14.2, step 5).
        first_ns, last_ns: Time window of the evidence.
        attempts: The attempts this finding explains; they count as failed at ``stage``.
        lookups: Names whose lookup failed (stage DNS).
        tries: Packets that went unanswered or were refused; ``independent`` counts attempts.
        has_contrast: Another host, port or name works in the same file (+10).
        is_agreed: A second, different sign of the same stage says the same (+10).
        is_optional: Concerns something that the need does not depend on: at most a note.
    """

    rule: str
    stage: Stage
    outcome: Outcome
    summary: str
    frames: list[int]
    first_ns: int
    last_ns: int
    began_ns: int
    attempts: tuple[Attempt, ...] = ()
    need: Need | None = None
    target: Target = Target()
    lookups: tuple[str, ...] = ()
    tries: int = 0
    independent: int = 1
    has_contrast: bool = False
    is_agreed: bool = False
    is_optional: bool = False
    causes: list[Cause] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    detail: str | None = None
    """More than the summary says, for the line that proves it: spacing of the tries, time left after the last."""
    filter: str = ""
    adjust: int = 0
    """Change of the confidence that the rule's own row of the catalogue states."""


def choose_frames(packets: Iterable[Packet | int], *, decisive: Sequence[int] = ()) -> list[int]:
    """At most ten frame numbers: the first, the last, the decisive ones, then those between."""
    frames = sorted({p if isinstance(p, int) else p.frame for p in packets} | set(decisive))
    if len(frames) <= MAX_FRAMES:
        return frames
    must = sorted({frames[0], frames[-1], *sorted(decisive)[: MAX_FRAMES - 2]})
    rest = [f for f in frames if f not in must]
    room = MAX_FRAMES - len(must)
    step = len(rest) / room if room > 0 else 1
    return sorted({*must, *(rest[int(i * step)] for i in range(room))})
