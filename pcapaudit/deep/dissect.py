"""Frames of a capture as Wireshark shows them: cut out, dissected in another process, numbered as in the capture."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pcapaudit
from pcapaudit.deep.child import Request
from pcapaudit.deep.tree import Dissection, DissectionError, Frame, read_layers, read_parts
from pcapaudit.engine.cut import Cut, add_context, take_frames, write_frames
from pcapaudit.engine.glance import RawFrame, glance
from pcapaudit.model.linktypes import name_of
from pcapaudit.model.records import dataclass

TSHARK = "tshark"
_ON_A_MAC = "/Applications/Wireshark.app/Contents/MacOS"
"""Where Wireshark's own package puts it, which no search path names."""
MISSING = "tshark is not installed, so there is no dissection (Debian: apt install tshark; it comes with Wireshark)"
PARTIAL_CONTEXT = (
    "the connection began so long before that only a part of it was read along: relative sequence numbers, and what"
    " Wireshark says of lost or repeated segments, may differ"
)


@dataclass(frozen=True, slots=True)
class DissectionLimits:
    """What the process that dissects may use: seconds until it is ended, bytes of address space."""

    seconds: int = 60
    memory_bytes: int = 2 << 30


def dissect(
    sources: Sequence[str],
    numbers: Iterable[int],
    *,
    limits: DissectionLimits | None = None,
    separate: bool = False,
) -> Dissection:
    """Frames of one capture, dissected by tshark through pyshark.

    Works inside a running event loop, as a notebook has one. What must be known of earlier frames is read along; names
    are not looked up.

    Args:
        sources: One capture: a file, the files of one ring, or a folder with them.
        numbers: Frame numbers, from 1.
        limits: What the other process may use.
        separate: Every file is a capture of its own, never part of a ring.

    Raises:
        CaptureError: The capture cannot be read.
        UsageError: Several captures, standard input, or a frame that is not in it.
        DissectionError: tshark is missing or did not answer; ``show_frames`` tells at least what the frames are.
    """
    tshark = find_tshark()
    cut = add_context(sources, take_frames(sources, numbers, separate=separate), separate=separate)
    with tempfile.TemporaryDirectory(prefix="pcapaudit-") as folder:
        answer = _ask(_make_request(cut, tshark, Path(folder), limits or DissectionLimits()), Path(folder))
    trees = {tree["number"]: tree for tree in answer["trees"]}
    if not trees:
        raise DissectionError(f"tshark gave no dissection ({answer['complaint'] or 'it does not read these frames'})")
    frames = tuple(_frame(raw, trees.get(raw.number)) for raw in cut.frames if raw.number in cut.wanted)
    note = answer["complaint"] or (None if cut.is_whole else PARTIAL_CONTEXT)
    return Dissection(frames, answer["dissector"], note)


def show_frames(sources: Sequence[str], numbers: Iterable[int], *, why: str, separate: bool = False) -> Dissection:
    """The same frames without tshark: their bytes, and one line about each.

    Args:
        sources: As for ``dissect``.
        numbers: As there.
        why: Why there is no dissection.
        separate: As there.

    Raises:
        CaptureError, UsageError: As ``dissect``.
    """
    frames = tuple(_frame(raw, None) for raw in take_frames(sources, numbers, separate=separate))
    return Dissection(frames, None, why)


def find_tshark() -> str:
    """Path of tshark. Raises DissectionError, with what to install, when there is none."""
    path = shutil.which(TSHARK) or shutil.which(TSHARK, path=_ON_A_MAC)
    if path is None:
        raise DissectionError(MISSING)
    return path


def _make_request(cut: Cut, tshark: str, folder: Path, limits: DissectionLimits) -> Request:
    capture = folder / "frames.pcapng"
    write_frames(capture, cut.frames, has_comments=False)
    places = {str(place): frame for place, frame in enumerate(cut.frames, start=1)}
    wanted = {place: frame for place, frame in places.items() if frame.number in cut.wanted}
    return Request(
        tshark=tshark,
        capture=str(capture),
        wanted={place: frame.number for place, frame in wanted.items()},
        numbers={place: frame.number for place, frame in places.items()},
        data={place: frame.data.hex() for place, frame in wanted.items()},
        seconds=limits.seconds,
        memory_bytes=limits.memory_bytes,
    )


def _ask(request: Request, folder: Path) -> dict[str, Any]:
    """The answer of the process that dissects. Raises DissectionError when it has none."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pcapaudit.deep.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=_environment(folder),
        start_new_session=True,
    )
    try:
        told, said = child.communicate(json.dumps(asdict(request)).encode(), timeout=request.seconds)
    except subprocess.TimeoutExpired:
        raise DissectionError(f"tshark was not done after {request.seconds} s: stopped") from None
    finally:
        _end(child)
    if child.returncode:
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise DissectionError(f"the dissection ended with status {child.returncode}: {' '.join(last) or 'killed'}")
    answer: dict[str, Any] = json.loads(told)
    return answer


def _environment(folder: Path) -> dict[str, str]:
    """The environment without any setting of the user's Wireshark, for the same answer everywhere; times in UTC."""
    package = str(Path(pcapaudit.__file__).resolve().parents[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WIRESHARK")}
    path = os.pathsep.join(filter(None, (package, kept.get("PYTHONPATH"))))
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "WIRESHARK_CONFIG_DIR": str(folder)}
    return {**kept, **own, "PYTHONPATH": path, "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the process and those that it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def _frame(raw: RawFrame, tree: dict[str, Any] | None) -> Frame:
    """A frame with its tree; without one, with what the scan says of it."""
    row = tree["row"] if tree else None
    line = row or asdict(glance(raw))
    return Frame(
        number=raw.number,
        time_ns=raw.time_ns,
        length=raw.wire,
        link=name_of(raw.link),
        source=line["source"],
        target=line["target"],
        protocol=line["protocol"],
        info=line["info"],
        data=raw.data,
        layers=read_layers(tree["layers"]) if tree else (),
        left_out=tree["left_out"] if tree else 0,
        parts=read_parts(tree["parts"]) if tree else (),
    )
