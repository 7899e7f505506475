"""Conversations that a box on the way forgets while they are idle: how long, and what shows it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import ns
from pcapaudit.model.events import Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Stage

RECONNECT_S = 120.0
"""How soon a new connection must work to show that the path is fine and only the state was lost."""
LIKE = 0.2
"""Idle times and lifetimes that differ by no more than this share are alike."""
MIN_EVENTS, MIN_UNANSWERED = 2, 3
"""Datagrams get lost singly: so often must they stay unanswered after a pause, and so many in all."""


@dataclass(slots=True)
class IdleLoss:
    """One conversation that was lost after an idle time: how long, the packets that show it, and what came anew."""

    attempt: Attempt
    gap_ns: int
    packets: list[Packet]
    renewed: Attempt | None

    @property
    def shown(self) -> list[Packet]:
        """The packets that show it, and how the new one begins."""
        return [*self.packets, *(self.renewed.flow.packets[:1] if self.renewed is not None else ())]

    @property
    def decisive(self) -> list[int]:
        """The frames of the first packet that stays without an answer, and of the new one's first."""
        return [self.packets[0].frame, *([self.renewed.flow.first_frame] if self.renewed is not None else ())]


def still_lost(facts: Facts, need: Need, last: Attempt, dead: list[Packet], known: list[IdleLoss]) -> list[IdleLoss]:
    """The loss that a capture ends in: what killed a connection before did so once more.

    Args:
        facts: The device.
        need: The need whose connections are looked at.
        last: The last of them that was established.
        dead: The packets that show it dead; empty while it lives.
        known: Losses after which a new connection worked.
    """
    if not dead or dead[0].frame == last.flow.first_frame or facts.has_waited(dead[-1].time_ns, RECONNECT_S):
        return []
    if any(a.began_ns > dead[0].time_ns for a in facts.attempts_of(need)):
        return []
    gap_ns = last.flow.pause_before(dead[0])
    is_like = any(abs(gap_ns - x.gap_ns) <= LIKE * max(gap_ns, x.gap_ns) for x in known)
    return [IdleLoss(last, gap_ns, dead, None)] if is_like else []


def forgotten_datagrams(facts: Facts, need: Need) -> list[IdleLoss]:
    """UDP conversations that died in a pause longer than any that was survived; [] when it happened once only.

    After the pause what the device sends from its old port stays without a reply, and the next port that it
    takes is answered (RFC 4787, section 4.3: a translator may forget UDP after two minutes at the earliest).

    Args:
        facts: The device.
        need: The need whose datagrams are looked at.
    """
    if need.direction != "out" or not need.expects_answer or not facts.sees_inbound:
        return []
    attempts = [a for a in facts.attempts_of(need) if a.transport == "udp" and a.flow.sent]
    survived = max((_survived_ns(a) for a in attempts), default=0)
    losses = [x for old, new in pairwise(attempts) for x in (_loss(old, new),) if x is not None]
    losses = [x for x in losses if x.gap_ns > survived and x.gap_ns >= ns(facts.params.idle_gap)]
    is_enough = len(losses) >= MIN_EVENTS and sum(len(x.packets) for x in losses) >= MIN_UNANSWERED
    return losses if is_enough else []


def _survived_ns(attempt: Attempt) -> int:
    """The longest pause of one port after which a reply came again."""
    last_reply = attempt.flow.received[-1].frame if attempt.flow.received else 0
    pauses = zip(attempt.flow.packets, attempt.flow.pauses, strict=True)
    return max((pause for p, pause in pauses if p.frame <= last_reply), default=0)


def _loss(old: Attempt, new: Attempt) -> IdleLoss | None:
    """How one port died, if it had been answered before and the next one is answered as well."""
    if not old.has(Stage.RETURN) or not new.has(Stage.RETURN) or old.flow.orig == new.flow.orig:
        return None
    unanswered: Sequence[Packet] = old.flow.unheard
    if not unanswered or new.began_ns - unanswered[-1].time_ns > ns(RECONNECT_S):
        return None
    return IdleLoss(old, old.flow.pause_before(unanswered[0]), list(unanswered), new)
