"""Hold pcapaudit against the lab: is each report what the lab made happen, also in captures that are worse?

``python tests/lab/score.py FOLDER`` prints what is wrong; exit status 1 when something is.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab.accuracy import listed_faults, page
from tests.lab.artefacts.table import ARTEFACTS
from tests.lab.scoring import score_all
from tests.lab.truth import read_folder


def main(words: Sequence[str] | None = None) -> int:
    """Score folders of captures, print what is wrong, and write the page of results if asked."""
    options = _parser().parse_args(words)
    truths = [truth for folder in options.folders for truth in read_folder(folder)]
    names = [name for name in ARTEFACTS if not options.artefacts or name in options.artefacts]
    rows = score_all(truths, names, options.jobs)
    if options.page:
        options.page.write_text(page(rows), encoding="utf-8")
    faults = listed_faults(rows)
    print("\n".join(faults) or "nothing is wrong")
    print(f"{len(rows)} captures audited, {len(faults)} faults")
    return int(bool(faults) or not rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/lab/score.py", description="Score the audit of the lab's captures.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="captures with their truth beside them")
    parser.add_argument(
        "--artefacts", nargs="*", choices=list(ARTEFACTS), metavar="NAME", help="only these (clean: none)"
    )
    parser.add_argument("--page", type=Path, help="write the page of results here")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="audits at the same time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
