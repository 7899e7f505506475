"""The scripts of the gate find what they look for, and this checkout passes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gate import mirror, sizes


@pytest.fixture
def small_checkout(tmp_path: Path) -> Path:
    for name in ("pcapaudit/__init__.py", "pcapaudit/capture/__init__.py", "pcapaudit/capture/pcapng.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    return tmp_path


def write(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def function_of(lines: int) -> str:
    return "def read() -> None:\n" + "    pass\n" * (lines - 1)


def test_this_checkout_mirrors_every_module(checkout: Path) -> None:
    assert list(mirror.find_faults(checkout)) == []


def test_a_module_without_a_test_file_is_named(small_checkout: Path) -> None:
    assert list(mirror.find_faults(small_checkout, {})) == [
        "pcapaudit/capture/pcapng.py: no tests/capture/test_pcapng.py"
    ]


def test_a_test_file_in_another_folder_does_not_count(small_checkout: Path) -> None:
    write(small_checkout, "tests/test_pcapng.py")
    assert len(list(mirror.find_faults(small_checkout, {}))) == 1


def test_a_mirrored_module_is_no_fault(small_checkout: Path) -> None:
    write(small_checkout, "tests/capture/test_pcapng.py")
    assert list(mirror.find_faults(small_checkout, {})) == []


def test_an_exception_is_accepted_while_it_is_needed(small_checkout: Path) -> None:
    assert list(mirror.find_faults(small_checkout, {"capture/pcapng.py": "declarations alone"})) == []


def test_an_exception_that_has_a_test_file_is_stale(small_checkout: Path) -> None:
    write(small_checkout, "tests/capture/test_pcapng.py")
    (fault,) = mirror.find_faults(small_checkout, {"capture/pcapng.py": "declarations alone"})
    assert "no exception" in fault


def test_an_exception_for_a_missing_module_is_stale(small_checkout: Path) -> None:
    write(small_checkout, "tests/capture/test_pcapng.py")
    (fault,) = mirror.find_faults(small_checkout, {"capture/gone.py": "declarations alone"})
    assert "no such module" in fault


def test_this_checkout_keeps_the_sizes(checkout: Path) -> None:
    assert list(sizes.find_faults(checkout)) == []


@pytest.mark.parametrize(("lines", "faults"), [(500, 0), (501, 1)])
def test_a_module_may_have_500_lines(small_checkout: Path, lines: int, faults: int) -> None:
    write(small_checkout, "pcapaudit/capture/pcapng.py", "\n" * lines)
    assert len(list(sizes.find_faults(small_checkout))) == faults


@pytest.mark.parametrize(("lines", "faults"), [(60, 0), (61, 1)])
@pytest.mark.parametrize("keyword", ["", "async "])
def test_a_function_may_have_60_lines(small_checkout: Path, keyword: str, lines: int, faults: int) -> None:
    write(small_checkout, "pcapaudit/capture/pcapng.py", keyword + function_of(lines))
    assert len(list(sizes.find_faults(small_checkout))) == faults


def test_a_compiled_module_may_have_a_longer_loop(small_checkout: Path) -> None:
    write(small_checkout, "pcapaudit/scan/core.py", function_of(200))
    assert list(sizes.find_faults(small_checkout)) == []
