"""The scan's modules as plain Python, also where compiled ones lie beside them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

LAYERS: Final = tuple(f"pcapaudit.scan.{name}" for name in ("link", "packet", "ledger", "connections", "core"))
"""What is compiled, each after those that it needs."""


def load_interpreted() -> ModuleType:
    """Load every layer from its source and give the last, ``core``; what was imported before stays in place."""
    before = {name: sys.modules.pop(name) for name in LAYERS if name in sys.modules}
    try:
        for name in LAYERS:
            _load(name)
        return sys.modules[LAYERS[-1]]
    finally:
        for name in LAYERS:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def choose_core() -> ModuleType:
    """Give ``core`` as it is imported, unless only some of its layers are compiled: then interpreted.

    Each layer is an optional extension. Where some were built and others not, the built ones
    miss the C types of the rest, and plain ones cannot see the fields of built ones.
    """
    try:
        core = importlib.import_module(LAYERS[-1])
    except (ImportError, ValueError, TypeError, AttributeError):
        return load_interpreted()
    plain = [str(sys.modules[name].__file__).endswith(".py") for name in LAYERS]
    return core if all(plain) or not any(plain) else load_interpreted()


def _load(name: str) -> None:
    source = Path(__file__).with_name(f"{name.rpartition('.')[2]}.py")
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:
        raise ImportError(f"no source of {name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
