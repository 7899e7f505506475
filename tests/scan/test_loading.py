from __future__ import annotations

import sys
from types import ModuleType

import pytest

from pcapaudit.scan import loading


def test_the_interpreted_scan_is_plain_python_from_top_to_bottom() -> None:
    core = loading.load_interpreted()
    assert str(core.__file__).endswith("core.py")
    assert not core.is_compiled()
    files = [sys.modules.get(layer.__module__) for layer in core.Scanner.__mro__[:-1]]
    assert len(files) == len(loading.LAYERS)
    assert core.Scanner().result().counters["frames"] == 0


def test_loading_it_leaves_the_modules_in_use_alone() -> None:
    before = {name: sys.modules.get(name) for name in loading.LAYERS}
    assert loading.load_interpreted() is not before[loading.LAYERS[-1]]
    assert {name: sys.modules.get(name) for name in loading.LAYERS} == before


def test_the_scan_as_imported_is_chosen_where_it_is_whole() -> None:
    core = loading.choose_core()
    assert core is sys.modules[loading.LAYERS[-1]]


def test_a_scan_of_which_only_a_part_is_compiled_runs_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    loading.choose_core()
    for name in loading.LAYERS:
        stand_in = ModuleType(name)
        stand_in.__file__ = "core.py" if name == loading.LAYERS[-1] else "layer.so"
        monkeypatch.setitem(sys.modules, name, stand_in)
    assert not loading.choose_core().is_compiled()


def test_a_compiled_scan_that_does_not_import_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> ModuleType:
        raise ValueError(f"{name} changed size")

    monkeypatch.setattr(loading.importlib, "import_module", fail)
    assert not loading.choose_core().is_compiled()
