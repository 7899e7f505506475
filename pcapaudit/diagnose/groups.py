"""Which attempts at a service stand for each other: members of one name, or of an any-of need."""

from __future__ import annotations

from collections.abc import Sequence

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt
from pcapaudit.diagnose.facts import Facts


def groups_of(need: Need, attempts: Sequence[Attempt], facts: Facts) -> list[list[Attempt]]:
    """Attempts that stand for each other form one group; groups stand side by side.

    Args:
        need: What they are attempts at.
        attempts: All of them.
        facts: The device.
    """
    if need.hosts_group in ("tried", "all"):
        # An attempt that shows no name (its lookup is not in the capture) is at the host that others name there.
        named = {a.address: a.host for a in reversed(attempts) if a.host}
        only = _only_name(need, facts)
        table: dict[str | bytes, list[Attempt]] = {}
        for a in attempts:
            table.setdefault(a.host or named.get(a.address) or only or a.address, []).append(a)
        return list(table.values())
    if need.group == "all" and len(need.endpoints) > 1:
        return [[a for a in attempts if a.member == m] for m in range(len(need.endpoints))]
    return [list(attempts)] if attempts else []


def _only_name(need: Need, facts: Facts) -> str | None:
    """The one name of the need that the device asks for, where the answers with its addresses are not to be seen."""
    lookups = [k for k in facts.needed_lookups if any(p.matches(k.name) for p in need.hosts)]
    asked = {k.name for k in lookups}
    is_hidden = not facts.sees_inbound and not any(k.answers for k in lookups)
    return asked.pop() if is_hidden and len(asked) == 1 else None
