"""Check that every module of pcapaudit has its test file at the mirrored place.

``pcapaudit/capture/pcapng.py`` is tested in ``tests/capture/test_pcapng.py``. Run as a script it prints one line per
fault and exits with 1 if there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

UNMIRRORED_NAMES = frozenset({"__init__.py", "__main__.py"})

EXCEPTIONS: Mapping[str, str] = {
    "engine/options.py": "declarations alone: nothing in it can be called",
    "model/events.py": "declarations alone: each event is tested where its dissector is",
    "report/compare/document.py": "declarations alone: each is tested where it is filled",
}
"""Module path below ``pcapaudit`` -> why it has no test file of its own."""


def find_faults(root: Path, exceptions: Mapping[str, str] = EXCEPTIONS) -> Iterator[str]:
    """Yield one sentence per module without a test file and per exception that is no longer one."""
    modules = {path.relative_to(root / "pcapaudit") for path in _list_modules(root)}
    for module in sorted(modules):
        has_test = (root / _test_of(module)).is_file()
        if not has_test and module.as_posix() not in exceptions:
            yield f"pcapaudit/{module.as_posix()}: no {_test_of(module).as_posix()}"
        if has_test and module.as_posix() in exceptions:
            yield f"pcapaudit/{module.as_posix()}: has a test file, so it is no exception"
    for listed in sorted(exceptions):
        if Path(listed) not in modules:
            yield f"pcapaudit/{listed}: listed as an exception, but there is no such module"


def _list_modules(root: Path) -> Iterator[Path]:
    return (path for path in (root / "pcapaudit").rglob("*.py") if path.name not in UNMIRRORED_NAMES)


def _test_of(module: Path) -> Path:
    return Path("tests") / module.parent / f"test_{module.name}"


def main() -> int:
    """Check this checkout; the exit status."""
    faults = list(find_faults(Path(__file__).resolve().parents[2]))
    print("\n".join(faults) if faults else "mirror: every module has its test file")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
