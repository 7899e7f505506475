"""The compiled modules built with the address and undefined-behaviour sanitizers of gcc, and a way to run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
COPIED = ("pcapaudit", "signatures", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")

# shift-base is left out: gcc defines what C leaves open there, and the scan packs its words by such shifts.
FLAGS = (
    "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=shift-base"
    " -fno-sanitize-recover=undefined"
)
FENCED = CHECKOUT / "tests" / "fuzz" / "fenced.py"
OUTSIDE = "AddressSanitizer: heap-buffer-overflow"


class BuildError(Exception):
    """The compiler is missing, or did not build every module."""


def build(folder: Path) -> Path:
    """Copy the package into a folder and compile it there; what was built before and is unchanged stays.

    Raises:
        BuildError: Says what the compiler said.
    """
    for name in COPIED:
        source, target = CHECKOUT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    made = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace", f"-j{os.cpu_count() or 1}"],
        cwd=folder,
        env={**os.environ, "CFLAGS": FLAGS},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise BuildError(made.stdout + made.stderr)
    return folder


def environment(folder: Path) -> Mapping[str, str]:
    """What a process needs so that the sanitizers watch it, and Python's own small objects lie on the heap as well."""
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return {
        **os.environ,
        "LD_PRELOAD": found.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(folder),
    }


def run_fenced(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run hostile frames through the build in a process of its own."""
    command = [sys.executable, str(FENCED), "--at", str(folder / "case"), *words]
    return subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False)


def is_fence_up(folder: Path) -> bool:
    """Tell whether a read outside a frame is caught: the one that is done on purpose."""
    done = run_fenced(folder, ["--outside"])
    return done.returncode != 0 and OUTSIDE in done.stderr
