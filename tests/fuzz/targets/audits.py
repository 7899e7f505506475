"""Whole audits of damaged captures, with every form of report."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pcapaudit.catalog import load_signatures
from pcapaudit.cli.output import choose_look
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.errors import PcapAuditError
from pcapaudit.report.registry import formats, render
from tests.fuzz import seeds as real
from tests.fuzz.damage import damage
from tests.lab.scoring import audit

LARGEST = 60_000
"""Bytes of a capture that is worth damaging whole."""


@cache
def _place() -> Path:
    return Path(tempfile.mkdtemp(prefix="pcapaudit-fuzz-")) / "case.pcap"


@cache
def _products() -> tuple[str, ...]:
    return tuple(signature.id for signature in load_signatures())


def seeds() -> Iterator[bytes]:
    """Captures of the samples and the lab that are not too large."""
    found = (real.plain_bytes(path) for path in real.capture_files())
    return (data for data in found if len(data) <= LARGEST)


def try_one(data: bytes) -> None:
    """Do what the command does with a file, also as if an engineer named the product; our errors are answers."""
    path = _place()
    path.write_bytes(data)
    product = _products()[len(data) % len(_products())]
    asked = AuditOptions(signature=product, why=True) if len(data) % 3 else AuditOptions(all_devices=True)
    try:
        report = audit([str(path)], asked)
    except PcapAuditError:
        return
    for form in formats():
        render(report, form, choose_look("file", "never"))


def change(data: bytes, dice: random.Random) -> bytes:
    """Damage a file as disks, networks, editors and enemies do."""
    return damage(data, dice)
