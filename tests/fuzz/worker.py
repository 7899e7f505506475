"""One search for bytes that break one target, led by what it covers; a process of its own, because atheris ends it.

    python tests/fuzz/worker.py messages --runs 20000 --seed 1

Exit status 0 when nothing was found. The input that broke the target is kept in a file whose name is printed.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import atheris

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT)]

TARGETS = ("messages", "conversations", "captures", "signatures", "audits")

LED_BY = ("pcapaudit.dissect", "pcapaudit.capture", "pcapaudit.catalog", "pcapaudit.flows", "pcapaudit.diagnose")
"""What leads the search: the rooms that read foreign bytes."""

PATIENCE_S = 20
"""An input that takes longer counts as a hang; the longest legitimate one takes a hundredth of it."""
MEMORY_MB = 2000


def load_target(name: str) -> ModuleType:
    """Import a target so that what it covers can be watched."""
    with atheris.instrument_imports(include=list(LED_BY), enable_loader_override=False):
        return importlib.import_module(f"tests.fuzz.targets.{name}")


def make_mutator(change: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, int, int], bytes]:
    """Change inputs by turns as the target knows to and as libFuzzer does."""

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        dice = random.Random(seed)
        if dice.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        return change(bytes(data), dice)[:most]

    return mutate


def libfuzzer_options(wish: argparse.Namespace) -> list[str]:
    """The search in libFuzzer's words."""
    wish.keep.mkdir(parents=True, exist_ok=True)
    return [
        f"-runs={wish.runs}",
        f"-max_total_time={wish.seconds}",
        f"-seed={wish.seed}",
        f"-timeout={PATIENCE_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={wish.keep / wish.target}-",
        "-print_final_stats=1",
        "-verbosity=0",
        str(wish.corpus),
    ]


def main() -> None:
    """Run as a command; ends the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=-1, help="cases to try (default: until the time is up)")
    parser.add_argument("--seconds", type=int, default=0, help="time to try for (default: until the cases are done)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of inputs to begin with; grows")
    parser.add_argument("--keep", type=Path, default=CHECKOUT / "build" / "fuzz", help="folder for what failed")
    wish = parser.parse_args()
    target = load_target(wish.target)
    seeds = importlib.import_module("tests.fuzz.seeds")
    seeds.write_seeds(wish.corpus, target.seeds())
    change = getattr(target, "change", None)
    led = {"custom_mutator": make_mutator(change)} if change else {}
    atheris.Setup([sys.argv[0], *libfuzzer_options(wish)], target.try_one, **led)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
