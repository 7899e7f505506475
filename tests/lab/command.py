"""``make lab``: run scenarios side by side, check each capture, write it with its truth."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.lab.artefacts.original import outside_of
from tests.lab.mirror import repeated_frames
from tests.lab.network import ROOT, LabError, remove_orphans
from tests.lab.pcapng import Frame, write_pcapng
from tests.lab.scenario import Scenario, truth_text
from tests.lab.scenarios.table import SCENARIOS
from tests.lab.servers.programs import missing_for
from tests.lab.site import OUTSIDE_FILE, live_through
from tests.lab.verify import missing_symptoms

TOOLS = {"ip": "iproute2", "nft": "nftables", "dnsmasq": "dnsmasq-base", "udhcpc": "udhcpc", "tshark": "tshark"}
_PREFIX = "lab"
_MAX_BYTES = 1_000_000
"""More is a storm that some emulator makes, not a story."""


def missing_prerequisites() -> list[str]:
    """Name what this machine lacks to run the lab; empty when all is there."""
    missing = [f"{tool} (package {package})" for tool, package in TOOLS.items() if not shutil.which(tool)]
    if not Path("/dev/net/tun").exists():
        missing.append("/dev/net/tun (kernel module tun)")
    if os.geteuid():
        missing.insert(0, "root, to make network namespaces")
    return missing


def run_scenario(name: str, out: Path) -> str:
    """Run one scenario, and keep capture and truth if the capture holds what it promises.

    Returns:
        One line for the terminal.

    Raises:
        LabError: The run failed or its capture lacks the symptom; nothing is kept but the logs.
    """
    scenario = SCENARIOS[name]
    missing = missing_for(scenario)
    if missing:
        raise LabError(f"{name}: needs {', '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix=f"lab-{name}-"))
    frames = live_through(scenario, f"{_PREFIX}{os.getpid()}", folder)
    draft = folder / f"{name}.pcapng"
    write_pcapng(draft, frames)
    faults = _faults(scenario, frames, draft)
    if faults:
        raise LabError(f"{name}: {'; '.join(faults)} (kept in {folder})")
    shutil.copyfile(draft, out / draft.name)
    shutil.copyfile(folder / OUTSIDE_FILE, outside_of(out / draft.name))
    (out / f"{name}.yaml").write_text(truth_text(scenario), encoding="utf-8")
    size = draft.stat().st_size
    shutil.rmtree(folder)
    return f"{name}: {len(frames)} frames, {size} bytes, {len(scenario.checks)} symptoms found"


def _faults(scenario: Scenario, frames: list[Frame], capture: Path) -> list[str]:
    faults = missing_symptoms(capture, scenario)
    if repeated_frames(frames):
        faults.append(f"{repeated_frames(frames)} frames are there twice")
    if capture.stat().st_size > _MAX_BYTES:
        faults.append(f"{capture.stat().st_size} bytes are too many")
    return faults


def readme_text(scenarios: Sequence[Scenario]) -> str:
    """Give the README of a folder of samples: one line for each."""
    rows = "\n".join(f"| `{known.name}.pcapng` | {known.title} | {_finding(known)} |" for known in scenarios)
    return f"""# Samples

Captures of the project's own lab (`make lab`, see `tests/lab/`): real network stacks, emulated devices,
made-up hardware addresses. Beside each capture stands its truth, `<name>.yaml`, written from the scenario and
never from what pcapaudit found. Written by the lab; do not edit by hand.

| Capture | What happens | What an audit must find |
|---|---|---|
{rows}
"""


def _finding(scenario: Scenario) -> str:
    main = scenario.expected[0]
    cause = f", {main.stage}: {main.rule}" if main.rule else ""
    return f"{main.signature} {main.verdict}{cause}"


def main(words: Sequence[str] | None = None) -> int:
    """Run the lab; 0 when every scenario gave its capture, 1 when one did not, 2 when it cannot run."""
    options = _parser().parse_args(words)
    unknown = sorted(set(options.names) - set(SCENARIOS))
    missing = [f"scenario {name}" for name in unknown] or missing_prerequisites()
    if missing:
        print(f"lab: missing {', '.join(missing)}", file=sys.stderr)
        return 2
    remove_orphans(_PREFIX)
    outside_of(options.out / "any").parent.mkdir(parents=True, exist_ok=True)
    failures = _run_all(options.names or sorted(SCENARIOS), options.out, options.jobs)
    present = [known for known in SCENARIOS.values() if (options.out / f"{known.name}.pcapng").exists()]
    (options.out / "README.md").write_text(readme_text(present), encoding="utf-8")
    return int(failures > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/lab/run.py", description="Make captures with real network stacks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios to run (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lab", help="folder for captures and truths")
    parser.add_argument("--jobs", type=int, default=32, help="scenarios at the same time (default: 32)")
    return parser


def _run_all(names: Sequence[str], out: Path, jobs: int) -> int:
    failures = 0
    # A process per scenario: it lives in threads that change their network namespace.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(run_scenario, name, out) for name in names]):
            try:
                print(done.result(), flush=True)
            except (LabError, OSError) as error:
                failures += 1
                print(f"FAILED {error}", file=sys.stderr, flush=True)
    return failures
