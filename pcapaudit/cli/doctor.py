"""``pcapaudit doctor``: is this installation whole, and what could it do beside the audit?"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

from pcapaudit import __version__
from pcapaudit.capture.capturer import find_lack
from pcapaudit.capture.live import ask_version
from pcapaudit.cli import options as shared
from pcapaudit.cli.output import choose_look, write_result
from pcapaudit.cli.products import load_products
from pcapaudit.cli.status import FINE, UNUSABLE
from pcapaudit.model.errors import SignatureError
from pcapaudit.model.records import dataclass
from pcapaudit.report.escape import make_ascii, make_visible
from pcapaudit.report.layout import hang

_LIBRARIES = ("dpkt", "numpy", "cryptography", "click", "pydantic", "PyYAML", "zstandard", "lz4", "publicsuffixlist")
"""What an audit imports; the version is that of the installed distribution."""
_OPTIONAL = ("pyshark", "pandas", "matplotlib", "rich", "Jinja2", "starlette", "uvicorn")
"""What other doors import."""


_EPILOG = """\b
Examples:
  pcapaudit doctor
  pcapaudit doctor --signatures ./signatures
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: ``mark`` is ``ok``, ``note`` (works, but less well) or ``bad`` (cannot audit)."""

    mark: str
    what: str
    detail: str


@click.command("doctor", epilog=_EPILOG)
@shared.signatures_dir
def command(signatures_dir: Path | None) -> int:
    """Check the scan, the libraries, the signatures, tshark, and dumpcap with its privilege.

    Exit status 0 when a capture can be audited, else 2.
    """
    checks = list(_run_checks(signatures_dir))
    is_usable = all(check.mark != "bad" for check in checks)
    spell = make_visible if choose_look(None, "never").is_unicode else make_ascii
    lines = [line for c in checks for line in hang(f"{c.mark:<6}{c.what}", spell(c.detail), indent=18, width=80)]
    lines += ["", "ready to audit" if is_usable else "not ready: mend what is marked bad"]
    write_result((f"{line}\n" for line in lines), None)
    return FINE if is_usable else UNUSABLE


def _run_checks(signatures_dir: Path | None) -> Iterator[Check]:
    yield Check("ok", "pcapaudit", f"{__version__} in {Path(__file__).resolve().parents[1]}")
    yield Check(
        "ok", "Python", f"{platform.python_version()} ({platform.python_implementation()}, {platform.system()})"
    )
    yield check_scan()
    yield check_libraries(_LIBRARIES, missing="bad")
    yield check_libraries(_OPTIONAL, missing="note")
    yield _check_signatures(signatures_dir)
    yield check_tool("tshark", use="dissected frames, by pcapaudit dissect and in the browser")
    yield check_tool("dumpcap", use="live capture")
    dumpcap = shutil.which("dumpcap")
    if dumpcap:
        yield check_privilege(Path(dumpcap))


def check_scan() -> Check:
    """Whether the scan is compiled; asked of its file, so that a broken one does not end the check."""
    spec = find_spec("pcapaudit.scan.core")
    if spec is None or spec.origin is None:
        return Check("bad", "scan", "missing: install pcapaudit again")
    if spec.origin.endswith(tuple(EXTENSION_SUFFIXES)):
        return Check("ok", "scan", "compiled")
    return Check("note", "scan", "interpreted: results are equal, slower; install a C compiler, then pcapaudit again")


def check_libraries(names: tuple[str, ...], *, missing: str) -> Check:
    """Versions of libraries; ``missing`` is the mark when one is not there."""
    found = {name: _find_version(name) for name in names}
    lacking = [name for name, number in found.items() if number is None]
    told = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    lack = f"missing: {', '.join(lacking)}; " if lacking else ""
    return Check(missing if lacking else "ok", "libraries", lack + told)


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_signatures(signatures_dir: Path | None) -> Check:
    try:
        found = load_products(signatures_dir)
    except SignatureError as error:
        return Check("bad", "signatures", str(error))
    vendors = len({product.id.partition("/")[0] for product in found})
    detail = f"{len(found)} products of {vendors} vendors"
    return Check("ok" if found else "bad", "signatures", detail if found else "none found")


def check_tool(name: str, *, use: str) -> Check:
    """A program of the machine: its version, or what is not possible without it."""
    path = shutil.which(name)
    if path is None:
        return Check("note", name, f"not installed; only needed for {use}")
    return Check("ok", name, ask_version(path) or f"{path} does not start")


def check_privilege(path: Path) -> Check:
    """Whether this user may capture with dumpcap, or what he must do first."""
    lack = find_lack(path)
    return Check("note", "privilege", lack) if lack else Check("ok", "privilege", f"this user may capture with {path}")
