"""Audit damaged captures until something other than an error of ours comes out.

    python tests/fuzz/fuzz_audit.py --cases 2000 --seed 1

The samples are damaged, and the captures below ``../shared/captures`` where they are. Every case is a number: the same
seed gives the same cases. Exit status 1 if a case raised, or took longer than it may; the files are kept.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT)]

from pcapaudit.catalog import load_signatures  # noqa: E402 - the checkout must be found first
from pcapaudit.cli.output import choose_look  # noqa: E402
from pcapaudit.engine.options import AuditOptions  # noqa: E402
from pcapaudit.engine.run import audit  # noqa: E402
from pcapaudit.model.errors import PcapAuditError  # noqa: E402
from pcapaudit.report.registry import formats, render  # noqa: E402
from tests.fuzz.damage import damage  # noqa: E402

LARGEST = 400_000
"""Bytes of a file that is still worth damaging."""
PATIENCE_S = 5.0
PRODUCTS = tuple(signature.id for signature in load_signatures())


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that went wrong: its number, the file it came from, the damaged bytes, and what happened."""

    case: int
    source: str
    data: bytes
    what: str


def find_seeds(folders: Sequence[Path]) -> list[Path]:
    """Capture files below the folders that are not too large, in a stated order."""
    files = (p for folder in folders if folder.is_dir() for p in sorted(folder.rglob("*")) if p.is_file())
    return [p for p in files if p.suffix not in (".md", ".yaml", ".json", ".txt") and 0 < p.stat().st_size <= LARGEST]


def make_case(seeds: Sequence[Path], seed: int, case: int) -> tuple[Path, bytes]:
    """The damaged bytes of one case."""
    dice = random.Random(f"{seed}/{case}")
    path = dice.choice(seeds)
    return path, damage(path.read_bytes(), dice)


def audit_and_render(path: Path) -> None:
    """Do all that the command does with a file, also as if an engineer named the product; our errors are answers."""
    product = PRODUCTS[path.stat().st_size % len(PRODUCTS)]
    for options in (AuditOptions(all_devices=True), AuditOptions(signature=product)):
        try:
            report = audit([str(path)], options)
        except PcapAuditError:
            return
        for form in formats():
            render(report, form, choose_look("file", "never"))


def try_case(path: Path, audit_file: Callable[[Path], None]) -> str | None:
    """What went wrong with a file; None when nothing did."""
    began = time.monotonic()
    try:
        audit_file(path)
    except Exception:  # noqa: BLE001 - whatever escapes is what a fuzzer looks for
        return traceback.format_exc()
    took = time.monotonic() - began
    return f"took {took:.1f} s" if took > PATIENCE_S else None


def run_cases(
    seeds: Sequence[Path], seed: int, cases: Sequence[int], audit_file: Callable[[Path], None] = audit_and_render
) -> Iterator[Failure]:
    """Audit the damaged files of these cases; gives those that failed."""
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            source, data = make_case(seeds, seed, case)
            path = Path(folder) / "case.pcap"
            path.write_bytes(data)
            what = try_case(path, audit_file)
            if what is not None:
                yield Failure(case, source.name, data, what)


def main() -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=2000, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1, help="other seed, other cases (default %(default)s)")
    parser.add_argument("--keep", type=Path, default=CHECKOUT / "build" / "fuzz", help="folder for what failed")
    wish = parser.parse_args()
    seeds = find_seeds([CHECKOUT / "samples", CHECKOUT.parent / "shared" / "captures"])
    failed = 0
    for failure in run_cases(seeds, wish.seed, range(wish.first, wish.first + wish.cases)):
        failed += 1
        wish.keep.mkdir(parents=True, exist_ok=True)
        kept = wish.keep / f"{wish.seed}-{failure.case}.pcap"
        kept.write_bytes(failure.data)
        print(f"case {failure.case} of {failure.source}, kept as {kept}:\n{failure.what}", flush=True)
    print(f"{wish.cases} cases on {len(seeds)} files, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
