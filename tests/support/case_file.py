"""Reads the YAML of case files: every scalar as text, duplicate keys refused, and the line where each script begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.support.faults import ScriptError, Where

Value = str | list["Value"] | dict[str, "Value"]
"""What a case file is made of."""

_INHERITED = frozenset(
    {
        *("hosts", "lan", "gateway", "start", "packets", "judge", "signature", "device", "params", "thresholds"),
        *("add", "until", "from", "without", "drop", "one_way", "duplicate", "routed_copy", "snaplen", "vlan", "order"),
        *("offload", "sampled", "translated", "clock_step"),
    }
)
_OWN = frozenset(
    {
        *("why", "like", "led", "log", "all_devices", "expect", "verdict", "root", "stages", "needs", "led_shows"),
        *("may", "absent", "health", "no_health", "no_device", "quiet_for", "trap_for"),
    }
)
KEYS = _INHERITED | _OWN
"""Every key a case may have."""
_DEFAULTS = "defaults"


@dataclass(frozen=True, slots=True)
class RawCase:
    """One case as written, with what it inherits filled in.

    ``scripts`` are the texts to play one after the other, each with the place of its first line.
    """

    name: str
    where: Where
    fields: Mapping[str, Value]
    scripts: tuple[tuple[str, Where], ...] = field(default=())


def read_cases(path: Path) -> list[RawCase]:
    """Give the cases of a file in its order.

    Raises:
        ScriptError: The file is no table of cases, has a key twice, or a key that no case may have.
    """
    file = f"{path.parent.name}/{path.name}"
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ScriptError(f"{file}: {error}") from None
    if not isinstance(tree, yaml.MappingNode):
        raise ScriptError(f"{file}: a case file is a table of cases")
    nodes = _pairs(tree, Where(file, "-", 1))
    defaults = _plain(nodes.pop(_DEFAULTS), Where(file, _DEFAULTS, 1)) if _DEFAULTS in nodes else {}
    if not isinstance(defaults, dict):
        raise ScriptError(f"{file}: {_DEFAULTS} is no table")
    return _inherit({name: _own(name, node, file) for name, node in nodes.items()}, defaults)


def _own(name: str, node: yaml.Node, file: str) -> RawCase:
    where = Where(file, name, node.start_mark.line)
    if not isinstance(node, yaml.MappingNode):
        raise where.error("a case is a table")
    pairs = _pairs(node, where)
    unknown = set(pairs) - KEYS
    if unknown:
        raise where.error(f"unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(KEYS))}")
    fields = {key: _plain(value, where) for key, value in pairs.items()}
    scripts = tuple(_script(pairs[key], Where(file, name, 0)) for key in ("packets", "add") if key in pairs)
    return RawCase(name, where, fields, scripts)


def _script(node: yaml.Node, where: Where) -> tuple[str, Where]:
    if not isinstance(node, yaml.ScalarNode):
        raise where.error("packets and add are blocks of text; begin them with '|'")
    first = node.start_mark.line + (2 if node.style == "|" else 1)
    return node.value, Where(where.file, where.case, first)


def _inherit(own: Mapping[str, RawCase], defaults: Mapping[str, Value]) -> list[RawCase]:
    done: dict[str, RawCase] = {}
    for name, case in own.items():
        base = case.fields.get("like")
        if base is None:
            done[name] = RawCase(name, case.where, _merged(defaults, case.fields), case.scripts)
        elif not isinstance(base, str) or base not in done:
            raise case.where.error(f"like: {base!r} names no case that stands above")
        else:
            done[name] = _derived(case, done[base])
    return list(done.values())


def _derived(case: RawCase, base: RawCase) -> RawCase:
    inherited = {key: value for key, value in base.fields.items() if key in _INHERITED}
    scripts = case.scripts if "packets" in case.fields else (*base.scripts, *case.scripts)
    return RawCase(case.name, case.where, _merged(inherited, case.fields), scripts)


def _merged(base: Mapping[str, Value], own: Mapping[str, Value]) -> dict[str, Value]:
    """Own keys win; the tables of hosts, parameters and thresholds are joined."""
    merged = dict(base)
    for key, value in own.items():
        old = merged.get(key)
        merged[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _pairs(node: yaml.MappingNode, where: Where) -> dict[str, yaml.Node]:
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.value in found:
            raise Where(where.file, where.case, key.start_mark.line + 1).error(f"{key.value} stands here twice")
        found[key.value] = value
    return found


def _plain(node: yaml.Node, where: Where) -> Value:
    if isinstance(node, yaml.MappingNode):
        return {key: _plain(value, where) for key, value in _pairs(node, where).items()}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, where) for value in node.value]
    return str(node.value)
