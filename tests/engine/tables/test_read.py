from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Step
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.read import check_single, rows_of_all
from pcapaudit.model.errors import CaptureError, UsageError

DNS = [TABLES["dns"]]


@pytest.fixture
def samples(checkout: Path) -> Path:
    return checkout / "samples"


def test_captures_follow_each_other_and_a_broken_one_is_raised_at_the_end(samples: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"no")
    good = str(samples / "tek-healthy.pcapng")
    (_, alone), *_ = rows_of_all([good], AuditOptions(), DNS)
    found: list[object] = []

    with pytest.raises(CaptureError):
        found.extend(row for _, rows in rows_of_all([str(broken), good], AuditOptions(), DNS) for row in rows)
    assert found == alone


def test_frames_outside_the_window_are_left_out(samples: Path) -> None:
    path = str(samples / "tek-healthy.pcapng")
    (_, rows), *_ = rows_of_all([path], AuditOptions(), DNS)
    last_ns = rows[-1][0]
    assert isinstance(last_ns, int)

    (_, late), *_ = rows_of_all([path], AuditOptions(since_ns=last_ns), DNS)
    assert late == rows[-1:]


def test_the_bytes_that_are_read_are_told(samples: Path) -> None:
    told: list[Step] = []
    path = samples / "tek-healthy.pcapng"
    list(rows_of_all([str(path)], AuditOptions(), DNS, told.append))  # type: ignore[arg-type]
    assert (told[-1].done, told[-1].total) == (path.stat().st_size, path.stat().st_size)


def test_several_captures_are_refused_where_frames_must_be_unique(samples: Path) -> None:
    paths = [str(samples / name) for name in ("tek-healthy.pcapng", "skala-nexus-healthy.pcapng")]
    with pytest.raises(UsageError, match="these are 2 captures"):
        check_single(paths, AuditOptions(separate=True))
    check_single(paths[:1], AuditOptions())
    check_single(["-"], AuditOptions())
