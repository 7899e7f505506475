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


def put_in_place(monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> ModuleType:
    """Pretend that the layers are loaded from these files; gives the stand-in for core."""
    for name, file in files.items():
        stand_in = ModuleType(name)
        stand_in.__file__ = file
        monkeypatch.setitem(sys.modules, name, stand_in)
    return sys.modules[loading.LAYERS[-1]]


@pytest.mark.parametrize("suffix", [".py", ".cpython-311-x86_64-linux-gnu.so"])
def test_a_scan_that_is_all_plain_or_all_compiled_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    core = put_in_place(monkeypatch, {name: name + suffix for name in loading.LAYERS})
    assert loading.choose() is core


@pytest.mark.parametrize("plain", loading.LAYERS)
def test_a_scan_of_which_only_a_part_is_compiled_runs_interpreted(monkeypatch: pytest.MonkeyPatch, plain: str) -> None:
    core = put_in_place(monkeypatch, {name: name + (".py" if name == plain else ".so") for name in loading.LAYERS})
    chosen = loading.choose()
    assert chosen is not core
    assert not chosen.is_compiled()


def test_a_compiled_scan_that_does_not_import_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> ModuleType:
        raise ValueError(f"{name} changed size")

    monkeypatch.setattr("pcapaudit.scan.loading.importlib.import_module", fail)
    assert not loading.choose().is_compiled()
