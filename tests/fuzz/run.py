"""All searches for bytes that break something.

    python tests/fuzz/run.py                          a fixed number of cases, the same each time
    python tests/fuzz/run.py --minutes 60             other cases each time, for about so long
    python tests/fuzz/run.py --minutes 5 frames       one search alone

Five are led by what they cover (atheris); the sixth sends frames, each in a buffer of exactly its size, through a build
of the compiled modules that ends at the first read outside. What was found lies in ``build/fuzz``. Exit status 1 if
anything was.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT)]

from tests.fuzz import sanitizer  # noqa: E402 - the checkout must be found first

CASES = {
    "frames": 500,
    "audits": 200,
    "signatures": 1200,
    "conversations": 5000,
    "captures": 3000,
    "messages": 40000,
}
"""Cases of each search when no time is given: about ten seconds' worth, the longest first."""
FRAMES = "frames"
KEEP = CHECKOUT / "build" / "fuzz"

_COUNTED = re.compile(r"number_of_executed_units:\s*(\d+)|frames: (\d+) cases")
_LAST_LINES = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one search ended."""

    name: str
    is_clean: bool
    cases: int
    seconds: float
    said: str


def search(name: str, wish: argparse.Namespace, corpora: Path) -> Outcome:
    """Run one search to its end."""
    began = time.monotonic()
    seconds = round(wish.minutes * 60 * wish.jobs / len(wish.searches))
    limit = ["--seconds", str(seconds)] if seconds else []
    done = _search_frames(wish, limit) if name == FRAMES else _search_bytes(name, wish.seed, limit, corpora / name)
    said = done.stdout + done.stderr
    counted = [int(one or other) for one, other in _COUNTED.findall(said)]
    return Outcome(name, done.returncode == 0, sum(counted), time.monotonic() - began, said)


def _search_bytes(name: str, seed: int, limit: list[str], corpus: Path) -> subprocess.CompletedProcess[str]:
    words = ["--seed", str(seed), "--corpus", str(corpus), "--keep", str(KEEP)]
    command = [sys.executable, str(CHECKOUT / "tests" / "fuzz" / "worker.py"), name, *words]
    return _run([*command, *(limit or ["--runs", str(CASES[name])])])


def _search_frames(wish: argparse.Namespace, limit: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        folder = sanitizer.build(KEEP / "sanitizer")
    except sanitizer.BuildError as error:
        return subprocess.CompletedProcess([], 1, "", str(error))
    if not sanitizer.is_fence_up(folder):
        return subprocess.CompletedProcess([], 1, "", "a read outside a frame was not caught")
    words = ["--seed", str(wish.seed), "--first", str(wish.first)]
    done = sanitizer.run_fenced(folder, [*words, *(limit or ["--cases", str(CASES[FRAMES])])])
    if done.returncode:
        done.stderr += f"\nin case {(folder / 'case').read_text(encoding='ascii').strip()} of seed {wish.seed}\n"
    return done


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def tell(outcome: Outcome) -> None:
    """Print one line, and the end of what was said if something was found."""
    verdict = "nothing found" if outcome.is_clean else "FOUND"
    print(f"{outcome.name}: {outcome.cases} cases in {outcome.seconds:.0f} s, {verdict}", flush=True)
    if not outcome.is_clean:
        print("\n".join(outcome.said.splitlines()[-_LAST_LINES:]), flush=True)


def read_wish() -> argparse.Namespace:
    """The command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("searches", nargs="*", metavar="SEARCH", help=f"which (default: all): {', '.join(CASES)}")
    parser.add_argument("--minutes", type=float, default=0.0, help="about how long; without it a fixed number of cases")
    parser.add_argument("--seed", type=int, help="other seed, other cases")
    parser.add_argument("--first", type=int, default=0, help="case of frames to begin with, to see one again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="searches at one time")
    wish = parser.parse_args()
    if unknown := sorted(set(wish.searches) - set(CASES)):
        parser.error(f"there is no search {unknown[0]!r}")
    wish.searches = wish.searches or list(CASES)
    wish.jobs = min(wish.jobs, len(wish.searches))
    if wish.seed is None:
        wish.seed = int(time.time()) if wish.minutes else 1
    return wish


def main() -> int:
    """Run as a command."""
    wish = read_wish()
    with tempfile.TemporaryDirectory() as fresh, ThreadPoolExecutor(wish.jobs) as pool:
        # Fixed cases begin at the seeds each time; a long search goes on from what earlier ones found out.
        corpora = KEEP / "corpus" if wish.minutes else Path(fresh)
        waiting = [pool.submit(search, name, wish, corpora) for name in wish.searches]
        outcomes = [future.result() for future in waiting]
    for outcome in outcomes:
        tell(outcome)
    print(f"seed {wish.seed}")
    return 0 if all(outcome.is_clean for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
