"""What a rule says when it fires, before the verdict model has weighed it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, TypedDict

from pcapaudit.catalog.schema import Need
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Outcome, Stage

if TYPE_CHECKING:
    from pcapaudit.diagnose.attempts import Attempt

MAX_FRAMES = 10


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause with its weight (catalogue, sections 7.2 and 7.3) and what speaks for it.

    ``kind`` groups causes for the remedy: filter, device_filter, address_list, policy, server,
    uplink, loss, middlebox, dhcp, dns, device, capture, registration. ``is_contrast`` says that
    ``because`` tells of something that works beside what fails.
    """

    text: str
    weight: int
    because: str
    kind: str = "other"
    is_contrast: bool = False


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


class Details(TypedDict, total=False):
    """What a rule may add to a finding; attributes of ``Fired``.

    ``attempts`` also give target, need, times and counts. ``decisive`` frames are among the
    ten cited. ``packets`` alone give times and counts where nothing else is said.
    """

    outcome: Outcome
    decisive: Sequence[int]
    attempts: Sequence[Attempt]
    target: Target | None
    lookups: Sequence[str]
    began_ns: int
    tries: int
    independent: int
    causes: Sequence[Cause]
    has_contrast: bool
    is_agreed: bool
    is_optional: bool
    need: Need | None
    facts: Mapping[str, object]
    adjust: int
    detail: str | None


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


def display_filter(address: bytes | None, mac: bytes | None, target: Target, ports: Collection[int]) -> str:
    """Display filter for a device and the far side: addresses and ports, never a stream index.

    Args:
        address: The device's.
        mac: The device's, for one without address.
        target: The far side.
        ports: Ports of the attempts that a finding explains; without any that of the target counts.
    """
    parts = []
    if address is not None:
        parts.append(_by_address(address))
    elif mac is not None:
        parts.append(f"eth.addr == {mac_text(mac)}")
    if target.address is not None:
        parts.append(_by_address(target.address))
    wanted = sorted(ports or {target.port or 0} - {0})
    if wanted and target.transport in ("tcp", "udp"):
        among = f"== {wanted[0]}" if len(wanted) == 1 else f"in {{{', '.join(map(str, wanted))}}}"
        parts.append(f"{target.transport}.port {among}")
    return " && ".join(parts)


def _by_address(address: bytes) -> str:
    return f"{'ip' if len(address) == 4 else 'ipv6'}.addr == {ip_text(address)}"
