"""Build instructions that setup.cfg cannot express: the optional compiled files and the signatures folder."""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import Extension, find_packages, setup

try:
    from Cython.Build import cythonize
except ImportError:
    cythonize = None

SCAN = ("link", "packet", "ledger", "connections", "handing", "journal", "core")
COMPILED = (
    *(f"pcapaudit/scan/{name}.py" for name in SCAN),
    "pcapaudit/capture/walk.py",
    "pcapaudit/flows/logged.py",
    "pcapaudit/flows/digest.py",
)
"""Pure Python modules that Cython makes fast; each also runs as it is."""


def list_extensions() -> list[Extension]:
    """Give the extensions to compile, each optional; empty when Cython is missing."""
    sources = [path for path in COMPILED if Path(path).is_file()]
    if cythonize is None or not sources:
        return []
    extensions: list[Extension] = cythonize(sources, build_dir="build/cython", language_level=3, quiet=True)
    for extension in extensions:
        # cythonize copies an Extension without this attribute, so it is set on the results:
        # a machine without a compiler keeps the Python file and the installation goes on.
        # A wheel that is given away must not come out slow without a word: who builds one sets the variable.
        extension.optional = not os.environ.get("PCAPAUDIT_MUST_COMPILE")
    return extensions


setup(
    packages=[*find_packages(include=["pcapaudit", "pcapaudit.*"]), "pcapaudit._signatures"],
    package_dir={"pcapaudit._signatures": "signatures"},
    package_data={
        "": ["py.typed", "**/*.j2", "**/*.html", "**/*.css", "**/*.js", "**/*.svg", "**/*.json", "**/*.pxd"],
        "pcapaudit._signatures": ["**/*.yaml", "**/*.md"],
    },
    ext_modules=list_extensions(),
)
