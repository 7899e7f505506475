"""One capture, one report: however its bytes arrive, and whether or not a compiler was at hand."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import lz4.frame
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapaudit.capture import read_ring
from pcapaudit.engine import auditor, pair, reading
from pcapaudit.engine.options import AuditOptions
from pcapaudit.model.errors import CaptureError
from pcapaudit.report.document import to_json
from tests.fuzz.damage import damage
from tests.fuzz.seeds import capture_files, plain_bytes
from tests.lab.scoring import audit
from tests.support.interpreted import Interpreted, interpreted

LARGEST = 100_000
"""Bytes of a capture that is audited again and again."""
CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
}
CAPTURES = tuple(path for path in capture_files() if len(plain_bytes(path)) <= LARGEST)
NAME = "capture"
"""Every form of a capture bears the same name, which the report's sentences quote."""
SIZES = st.sampled_from((1, 7, 64, 1000, 4096, 65_536)) | st.integers(1, 5000)
ASKED = AuditOptions(all_devices=True)
SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@st.composite
def captures(draw: st.DrawFn) -> bytes:
    """Bytes of a capture file, every second one damaged."""
    data = plain_bytes(draw(st.sampled_from(CAPTURES)))
    seed = draw(st.none() | st.integers(0, 1 << 32))
    return data if seed is None else damage(data, random.Random(seed))


def without_origin(report: str) -> str:
    """The report without the three keys that may differ: source, format and generator."""
    document = json.loads(report)
    del document["generator"]
    for capture in document["captures"]:
        del capture["source"], capture["format"]
        for file in capture["files"]:
            del file["source"]
    return json.dumps(document, indent=1)


def report_of(path: Path) -> str | None:
    """The report of one source; None if it could not be read."""
    try:
        return without_origin(to_json(audit([str(path)], ASKED)))
    except CaptureError:
        return None


def report_of_file(data: bytes, folder: Path) -> str | None:
    path = folder / NAME
    path.write_bytes(data)
    return report_of(path)


def report_of_pipe(data: bytes, folder: Path, piece: int) -> str | None:
    """Write the bytes into a pipe, so many at a time, while they are audited."""
    pipe = folder / "pipe" / NAME
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)
    writer = threading.Thread(target=_write, args=(pipe, data, piece))
    writer.start()
    try:
        return report_of(pipe)
    finally:
        writer.join()
        pipe.unlink()


def _write(pipe: Path, data: bytes, piece: int) -> None:
    # The reader leaves at the first damage; what is left then finds nobody.
    try:
        with pipe.open("wb", buffering=0) as target:
            for start in range(0, len(data), piece):
                target.write(data[start : start + piece])
    except BrokenPipeError:
        return


@SLOW
@given(data=captures(), size=SIZES)
def test_the_size_of_a_batch_never_shows_in_the_report(data: bytes, size: int, tmp_path: Path) -> None:
    expected = report_of_file(data, tmp_path)

    with patch.object(reading, "read_ring", partial(read_ring, batch_bytes=size)):
        assert report_of_file(data, tmp_path) == expected


@SLOW
@given(data=captures(), piece=SIZES)
def test_a_pipe_gives_the_report_of_the_file(data: bytes, piece: int, tmp_path: Path) -> None:
    assert report_of_pipe(data, tmp_path, max(piece, 64)) == report_of_file(data, tmp_path)


@settings(SLOW, max_examples=25)
@given(data=captures())
def test_two_processes_give_the_report_of_one(data: bytes, tmp_path: Path) -> None:
    expected = report_of_file(data, tmp_path)

    with patch.object(auditor, "MANY", 0), patch.object(pair, "may_copy", lambda: True):
        assert report_of_file(data, tmp_path) == expected


@pytest.mark.parametrize("codec", CODECS)
@settings(SLOW, max_examples=20)
@given(data=captures())
def test_a_compressed_capture_gives_the_report_of_the_plain_one(codec: str, data: bytes, tmp_path: Path) -> None:
    expected = report_of_file(data, tmp_path)

    assert report_of_file(CODECS[codec](data), tmp_path) == expected


@pytest.fixture(scope="module")
def without_compiler() -> Iterator[Interpreted]:
    with interpreted() as process:
        yield process


@SLOW
@given(data=captures())
def test_interpreted_and_compiled_give_the_same_report(
    without_compiler: Interpreted, data: bytes, tmp_path: Path
) -> None:
    expected = report_of_file(data, tmp_path)

    answer = without_compiler.audit(tmp_path / NAME)
    assert answer is None or json.loads(answer)["generator"]["scan"] == "interpreted"
    assert (answer and without_origin(answer)) == expected
