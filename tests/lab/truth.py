"""The truth that stands beside a capture of the lab, read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SUFFIXES = (".pcapng", ".pcapng.xz")


@dataclass(frozen=True, slots=True)
class DeviceTruth:
    """What an audit must say of one box."""

    mac: str
    signature: str
    is_recognisable: bool
    verdict: str
    stage: str | None
    rule: str | None
    led: str | None
    endpoints: tuple[str, ...]

    @property
    def vendor(self) -> str:
        """The first half of the signature."""
        return self.signature.split("/")[0]


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth of one capture."""

    name: str
    capture: Path
    devices: tuple[DeviceTruth, ...]
    innocents: frozenset[str]
    """MACs of which nothing bad may be said."""
    also_hurt: frozenset[str]
    """MACs of unjudged boxes that the fault takes from the network, too."""
    changes_s: tuple[float, float] | None
    """Between which seconds of the capture the truth changes; None if it never does."""

    def of(self, mac: str | None) -> DeviceTruth | None:
        """Give the judged device with this MAC."""
        return next((device for device in self.devices if device.mac == mac), None)


def read_truth(path: Path) -> Truth:
    """Read a truth file; its capture lies beside it, compressed or not.

    Raises:
        FileNotFoundError: There is no capture.
    """
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    changes = raw["changes_s"]
    return Truth(
        name=path.stem,
        capture=_capture_beside(path),
        devices=tuple(_device(fields) for fields in raw["devices"]),
        innocents=frozenset(raw["must_not_accuse"]),
        also_hurt=frozenset(raw.get("also_hurt", ())),
        changes_s=(float(changes[0]), float(changes[1])) if changes else None,
    )


def _capture_beside(path: Path) -> Path:
    candidates = [path.with_suffix(suffix) for suffix in SUFFIXES]
    found = next((candidate for candidate in candidates if candidate.exists()), None)
    if found is None:
        raise FileNotFoundError(f"{path}: no capture beside it")
    return found


def _device(fields: dict[str, Any]) -> DeviceTruth:
    return DeviceTruth(
        mac=fields["mac"],
        signature=fields["signature"],
        is_recognisable=fields["recognisable"],
        verdict=fields["verdict"],
        stage=fields["first_failed_stage"],
        rule=fields["rule"],
        led=fields["led"],
        endpoints=tuple(fields["endpoints"]),
    )


def read_folder(folder: Path) -> list[Truth]:
    """Read all truths of a folder, in the order of their names."""
    return [read_truth(path) for path in sorted(folder.glob("*.yaml"))]
