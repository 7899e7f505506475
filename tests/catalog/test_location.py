"""The signatures are found from a checkout and from a wheel, with and without a compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pcapaudit.catalog import location
from pcapaudit.model.errors import SignatureError

SOURCES = ("pcapaudit", "signatures", "setup.cfg", "setup.py", "pyproject.toml", "LICENSE", "README.md")
PRINT_FOLDER = "from pcapaudit.catalog.location import signatures_dir; print(signatures_dir())"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    # Without PYTHONPATH and from another folder, so that nothing of this checkout can be imported by chance.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=inherited | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def names_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}


@pytest.fixture(scope="module")
def source_copy(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with one more signature, so that a wheel is built outside the checkout."""
    copy = tmp_path_factory.mktemp("sources")
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    for name in SOURCES:
        if (checkout / name).is_dir():
            shutil.copytree(checkout / name, copy / name, ignore=ignore)
        elif (checkout / name).is_file():
            shutil.copy(checkout / name, copy / name)
    deep_file = copy / "signatures" / "acme" / "boxes" / "small.yaml"
    deep_file.parent.mkdir(parents=True)
    deep_file.write_text("product: small box\n", encoding="utf-8")
    return copy


@pytest.fixture(scope="module")
def python_with_wheel(source_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has our wheel and nothing else; no compiler was there to build it."""
    place = tmp_path_factory.mktemp("elsewhere")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    build = (*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", place, source_copy)
    run(*build, cwd=place, CC="false", CXX="false")
    (wheel,) = place.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", place / "env", cwd=place)
    python = place / "env" / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=place)
    return python


def test_a_checkout_uses_its_own_folder(checkout: Path) -> None:
    assert location.signatures_dir() == checkout / "signatures"


@pytest.mark.slow
def test_a_wheel_brings_every_signature_along(python_with_wheel: Path, source_copy: Path, tmp_path: Path) -> None:
    found = Path(run(python_with_wheel, "-c", PRINT_FOLDER, cwd=tmp_path))
    assert found.is_relative_to(python_with_wheel.parents[1])
    assert names_below(found) == names_below(source_copy / "signatures")


@pytest.mark.slow
def test_a_wheel_built_without_a_compiler_brings_every_module_as_python(
    python_with_wheel: Path, source_copy: Path
) -> None:
    (installed,) = python_with_wheel.parents[1].glob("lib/python*/site-packages/pcapaudit")
    sources = {path.relative_to(source_copy / "pcapaudit") for path in (source_copy / "pcapaudit").rglob("*.py")}
    assert sources <= {path.relative_to(installed) for path in installed.rglob("*.py")}
    assert not list(installed.rglob("*.so"))
    assert (installed / "py.typed").is_file()


def test_a_missing_folder_is_an_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location, "_PACKAGE", tmp_path / "pcapaudit")
    with pytest.raises(SignatureError, match=r"signature files is missing \(install pcapaudit again"):
        location.signatures_dir()
