"""What is given away: the wheel runs compiled where nothing else of us is, the sdist installs without a compiler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SAMPLE = "sensorist-blinking-red.pcapng"
LEFT_BEHIND = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.so", "*.egg-info")
PROGRAMS = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    # Without PYTHONPATH and from another folder, so that nothing of this checkout can be imported by chance.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=inherited | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Distributions:
    sdist: Path
    wheel: Path

    def list_sdist(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}

    def list_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Both, from a copy of the checkout; the wheel from the sdist, as a stranger builds it."""
    place = tmp_path_factory.mktemp("built")
    shutil.copytree(checkout, place / "checkout", ignore=LEFT_BEHIND)
    # Not optimised: it is about what is inside, and takes a fifth of the time.
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", place, place / "checkout")
    run(*build, cwd=place, PCAPAUDIT_MUST_COMPILE="1", CFLAGS="-O0 -g0")
    (sdist,), (wheel,) = place.glob("*.tar.gz"), place.glob("*.whl")
    return Distributions(sdist, wheel)


def make_environment(place: Path) -> Path:
    """An environment with the libraries that are here, but without the pcapaudit that is here; gives its programs."""
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=place)
    (packages,) = place.glob("lib/python*/site-packages")
    # Further .pth files in a folder that is named like this are not read: that of an editable installation neither.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return place / "bin"


def install(programs: Path, distribution: Path, **environment: str) -> None:
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", programs / "python")
    force = ("install", "--ignore-installed", "--no-deps", "--no-index", "--no-build-isolation")
    run(*pip, *force, distribution, cwd=programs, **environment)


def scan_of(doctor: str) -> str:
    return next(line for line in doctor.splitlines() if line.split()[1:2] == ["scan"])


def test_the_wheel_holds_the_package_and_its_machine_code_alone(built: Distributions, checkout: Path) -> None:
    names = built.list_wheel()
    assert {name.partition("/")[0] for name in names} == {"pcapaudit", "pcapaudit-0.1.0.dist-info"}
    assert not [name for name in names if name.endswith((".c", ".pyc"))]
    meant = {p for p in (checkout / "pcapaudit").rglob("*.py") if p.read_text(encoding="utf-8").startswith("# cython:")}
    compiled = {name.partition(".")[0] for name in names if name.endswith(".so")}
    assert compiled == {path.relative_to(checkout).with_suffix("").as_posix() for path in meant}


@pytest.mark.parametrize("suffix", ["py", "html", "css", "js", "svg", "typed"])
def test_the_wheel_holds_every_file_that_is_read_at_run_time(built: Distributions, checkout: Path, suffix: str) -> None:
    wanted = {path.relative_to(checkout).as_posix() for path in (checkout / "pcapaudit").rglob(f"*.{suffix}")}
    assert wanted
    assert wanted <= built.list_wheel()


def test_the_sdist_holds_what_a_build_needs_and_no_tests(built: Distributions, checkout: Path) -> None:
    names = built.list_sdist()
    wanted = {path.relative_to(checkout).as_posix() for path in (checkout / "pcapaudit").rglob("*.pxd")}
    wanted |= {path.relative_to(checkout).as_posix() for path in (checkout / "signatures").rglob("*.yaml")}
    assert wanted | {"pyproject.toml", "setup.py", "setup.cfg", "LICENSE", "README.md"} <= names
    assert not [name for name in names if name.startswith(("tests", "bench", "build")) or name.endswith((".c", ".so"))]


def test_the_wheel_runs_compiled_and_finds_its_signatures_inside(
    built: Distributions, checkout: Path, tmp_path: Path
) -> None:
    programs = make_environment(tmp_path)
    install(programs, built.wheel)
    doctor = run(programs / "pcapaudit", "doctor", cwd=tmp_path)
    assert str(tmp_path) in doctor.replace("\n", "").replace(" ", "")
    assert "compiled" in scan_of(doctor)
    assert_it_audits(programs, checkout, tmp_path)


def test_the_sdist_installs_without_a_compiler_runs_interpreted_and_says_so(
    built: Distributions, checkout: Path, tmp_path: Path
) -> None:
    programs = make_environment(tmp_path)
    (tmp_path / "empty").mkdir()
    install(programs, built.sdist, CC="/bin/false", CXX="/bin/false", PATH=str(tmp_path / "empty"))
    assert not list(tmp_path.rglob("pcapaudit/**/*.so"))
    assert "interpreted" in scan_of(run(programs / "pcapaudit", "doctor", cwd=tmp_path))
    assert_it_audits(programs, checkout, tmp_path)


def assert_it_audits(programs: Path, checkout: Path, place: Path) -> None:
    words = ("audit", "--fail-on", "never", "--format", "json", checkout / "samples" / SAMPLE)
    report = json.loads(run(programs / "pcapaudit", *words, cwd=place))
    assert [device["signature"] for device in report["devices"]] == ["sensorist/gateway"]
    code = "from pcapaudit.catalog.location import signatures_dir; print(signatures_dir())"
    assert Path(run(programs / "python", "-c", code, cwd=place).strip()).is_relative_to(place)


@pytest.mark.skipif(sys.platform != "linux", reason="manylinux wheels are made on Linux")
def test_the_wheel_can_be_made_a_manylinux_one(built: Distributions, tmp_path: Path) -> None:
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", tmp_path, built.wheel, cwd=tmp_path, PATH=path)
    (repaired,) = tmp_path.glob("*.whl")
    assert "manylinux" in repaired.name


def test_who_gives_wheels_away_hears_of_a_missing_compiler(built: Distributions, tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", built.sdist)
    environment = os.environ | {"CC": "/bin/false", "PCAPAUDIT_MUST_COMPILE": "1"}
    assert subprocess.run(pip, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode != 0
    assert not list(tmp_path.glob("*.whl"))
