"""Report documents for tests: the stored ones, and any that hypothesis can think of."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pcapaudit.model.report import SCHEMA, DeviceReport, Report, RuleAccount
from pcapaudit.model.words import RuleState, Stage
from pcapaudit.report.document import from_json

FOLDER = Path(__file__).resolve().parents[1] / "report" / "documents"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load_text(name: str) -> str:
    """A stored document as it was written down."""
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def load_report(name: str) -> Report:
    """A stored document as a report."""
    return from_json(load_text(name))


def with_accounts(report: Report) -> Report:
    """The report with an account of four rules for its first device."""
    why = (
        _account("TCP-ALL-PORTS-FAIL", "No port connects", RuleState.FIRED, "cause: no answer", "syn_wait = 3"),
        _account("LINK-SILENT", "It says nothing", RuleState.CANNOT_TELL, "the capture ends too early", "no lease"),
        _account("ARP-DUP-IP", "Two boxes use it", RuleState.QUIET, "not seen", "1 DHCP exchange"),
        _account("DHCP-NAK", "It is refused", RuleState.QUIET, "not seen", "1 DHCP exchange"),
    )
    first, *others = report.devices
    return replace(report, devices=(replace(first, why=why), *others))


def _account(rule: str, title: str, state: RuleState, because: str, fact: str) -> RuleAccount:
    return RuleAccount(rule, title, Stage.LINK, state, because, (fact,))


def any_report() -> st.SearchStrategy[Report]:
    """Reports of every shape; pointers to captures are made to point at one."""
    return _strategy(Report).map(_point_at_captures).filter(lambda report: bool(report.captures or not report.devices))


def _point_at_captures(report: Report) -> Report:
    count = max(1, len(report.captures))
    devices = tuple(_point_device(device, count) for device in report.devices)
    return replace(report, schema=SCHEMA, devices=devices)


def _point_device(device: DeviceReport, count: int) -> DeviceReport:
    findings = tuple(
        replace(finding, evidence=replace(finding.evidence, capture=finding.evidence.capture % count))
        for finding in device.findings
    )
    return replace(device, capture=device.capture % count, findings=findings)


def _strategy(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an annotated type, lists of at most three."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(st.none(), *(_strategy(arg) for arg in typing.get_args(kind) if arg is not types.NoneType))
    if origin is tuple:
        return st.lists(_strategy(typing.get_args(kind)[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(st.text(max_size=8), _strategy(typing.get_args(kind)[1]), max_size=2)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: _strategy(hints[field.name]) for field in fields(kind)})
    return _scalar(kind)


def _scalar(kind: Any) -> st.SearchStrategy[Any]:
    if kind is object:
        return st.one_of(
            st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.integers(), max_size=2)
        )
    if issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    return {str: st.text(max_size=100), bool: st.booleans(), int: st.integers()}[kind]
