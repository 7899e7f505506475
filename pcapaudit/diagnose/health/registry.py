"""The list of capture-health checks (CAP-*): what the capture can and cannot show.

They run before any rule; what they say caps what findings may claim.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from pcapaudit.diagnose.confidence import CEILING, HealthCaps
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.params import Params
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import mac_text
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import HealthItem
from pcapaudit.model.words import HealthState


@dataclass(frozen=True, slots=True)
class View:
    """What a health check looks at: the capture, and the listed devices in it.

    ``left_out``: so many more hosts may be devices, and were not looked at.
    ``named`` is what the engineer asked for alone, in words (``the device``); None when all devices were asked for.
    """

    traffic: Traffic
    devices: Sequence[Facts]
    params: Params
    left_out: int = 0
    named: str | None = None


Check = Callable[[View], Iterator[HealthItem]]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check. ``doc`` has three paragraphs: Seen, Effect, Ask for.

    ``by_device``: what it says of a device follows from that device and the capture alone.
    """

    id: str
    title: str
    doc: str
    check: Check
    by_device: bool = False


_CHECKS: dict[str, HealthCheck] = {}

ABSENCE_CAPS = {"CAP-ONEWAY": 50, "CAP-PARTIAL-DIR": 50, "CAP-LOSS": 60, "CAP-IFACE-DROPS": 60, "CAP-TOO-SHORT": 60}
"""Cap of findings of class absence (catalogue, section 14.3)."""
REFUSING = frozenset({"CAP-SAMPLED"})


def health_check(check_id: str, *, by_device: bool = False) -> Callable[[Check], Check]:
    """Register a check; the first line of its docstring is its title. See ``HealthCheck.by_device``."""

    def register(check: Check) -> Check:
        doc = inspect.getdoc(check) or ""
        title = doc.splitlines()[0].rstrip(".") if doc else check_id
        _CHECKS[check_id] = HealthCheck(check_id, title, doc, check, by_device)
        return check

    return register


def all_checks() -> tuple[HealthCheck, ...]:
    """Every check, theme by theme, in each as it stands in the file; whoever was imported first."""
    from pcapaudit.diagnose.health import checks  # noqa: PLC0415 - registration happens on import

    return _in_order_of(tuple(checks.__all__))


@cache
def _in_order_of(themes: tuple[str, ...]) -> tuple[HealthCheck, ...]:
    places = {f"{__package__}.{theme}": at for at, theme in enumerate(themes)}
    return tuple(sorted(_CHECKS.values(), key=lambda c: (places[c.check.__module__], _line_of(c.check))))


def _line_of(check: Check) -> int:
    """Line on which a check's function begins."""
    line: int = check.__code__.co_firstlineno
    return line


def examine(view: View) -> list[HealthItem]:
    """Run every check on a capture."""
    return [item for c in all_checks() for item in c.check(view)]


def examine_capture(view: View) -> list[HealthItem]:
    """Run the checks that look at the capture as a whole, or at all of its devices together.

    The others are run without a device, for what they say of the capture even where it holds none.
    """
    nobody = replace(view, devices=())
    return [item for c in all_checks() for item in c.check(nobody if c.by_device else view)]


def examine_device(view: View, facts: Facts) -> list[HealthItem]:
    """Run the checks that look at one device at a time on this one; what they say of the capture comes along."""
    own = replace(view, devices=(facts,))
    return [item for c in all_checks() if c.by_device for item in c.check(own)]


def in_order(items: Iterable[HealthItem]) -> list[HealthItem]:
    """Items as ``examine`` gives them: by check, each once."""
    place = {c.id: at for at, c in enumerate(all_checks())}
    return sorted(dict.fromkeys(items), key=lambda item: place[item.rule])


def caps_for(facts: Facts, items: Sequence[HealthItem]) -> HealthCaps:
    """What the health of the capture lets the findings of one device claim."""
    own = mac_text(facts.mac) if facts.mac is not None else None
    mine = [i for i in items if i.device is None or i.device == own]
    absence = min((ABSENCE_CAPS[i.rule] for i in mine if i.rule in ABSENCE_CAPS), default=CEILING)
    refused = any(i.rule in REFUSING and i.state is HealthState.PROVEN for i in mine)
    return HealthCaps(absence=absence, is_refused=refused or facts.is_kept_in_part)
