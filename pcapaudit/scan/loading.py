"""Modules that are compiled in layers, as plain Python, also where compiled ones lie beside them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

LAYERS: Final = tuple(
    f"pcapaudit.scan.{name}" for name in ("link", "packet", "ledger", "connections", "handing", "journal", "core")
)
"""What is compiled of the scan, each after those that it needs."""


def load_interpreted(layers: Sequence[str] = LAYERS) -> ModuleType:
    """Load every layer from its source and give the last; what was imported before stays in place."""
    before = {name: sys.modules.pop(name) for name in layers if name in sys.modules}
    try:
        for name in layers:
            _load(name)
        return sys.modules[layers[-1]]
    finally:
        for name in layers:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def choose(layers: Sequence[str] = LAYERS) -> ModuleType:
    """Give the last layer as it is imported, unless only some of the layers are compiled: then interpreted.

    Each layer is an optional extension. Where some were built and others not, the built ones
    miss the C types of the rest, and plain ones cannot see the fields of built ones.
    """
    try:
        last = importlib.import_module(layers[-1])
    except (ImportError, ValueError, TypeError, AttributeError):
        return load_interpreted(layers)
    # One that was not imported is missing from a compiled file of an earlier version.
    plain = [name not in sys.modules or str(sys.modules[name].__file__).endswith(".py") for name in layers]
    return last if all(plain) or not any(plain) else load_interpreted(layers)


def _load(name: str) -> None:
    _, room, module = name.split(".")
    source = Path(__file__).parents[1] / room / f"{module}.py"
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:
        raise ImportError(f"no source of {name}")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
