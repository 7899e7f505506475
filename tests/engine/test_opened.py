from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapaudit.engine.opened import open_captures
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.progress import Phase, Step
from pcapaudit.engine.run import audit
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.model.errors import CaptureError
from pcapaudit.report.document import to_json

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BLINKING = str(SAMPLES / "sensorist-blinking-red.pcapng")
HEALTHY = str(SAMPLES / "tek-healthy.pcapng")


@pytest.mark.parametrize("sources", [[BLINKING], [BLINKING, HEALTHY]])
def test_the_report_is_that_of_an_audit(sources: list[str]) -> None:
    options = AuditOptions(separate=True)
    assert to_json(open_captures(sources, options).report) == to_json(audit(sources, options))


def test_rows_come_with_the_index_of_their_capture() -> None:
    opened = open_captures([BLINKING, HEALTHY], AuditOptions(separate=True))
    rows = [(at, len(part)) for at, part in opened.rows(TABLES["flows"])]
    assert {at for at, _ in rows} == {0, 1}
    conversations = [c.counters.tcp_conversations + c.counters.udp_conversations for c in opened.report.captures]
    # A conversation whose port is used again is several flows, never fewer.
    assert all(sum(n for at, n in rows if at == k) >= conversations[k] for k in (0, 1))


def test_what_cannot_be_read_is_named_beside_the_rest(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(b"no capture at all")
    broken = str(tmp_path / "x.pcap")
    opened = open_captures([broken, HEALTHY], AuditOptions(separate=True))
    assert [u.source for u in opened.report.unread] == [broken]
    assert len(opened.rings) == 1
    with pytest.raises(CaptureError, match=r"x\.pcap"):
        open_captures([broken], AuditOptions())


def test_reading_and_judging_are_told() -> None:
    told: list[Step] = []
    opened = open_captures(
        [BLINKING], AuditOptions(), lambda news: told.append(news) if isinstance(news, Step) else None
    )
    size = Path(BLINKING).stat().st_size
    assert (told[-1].phase, told[-1].done, told[-1].total) == (Phase.READING, size, size)
    assert json.loads(to_json(opened.report))["schema"] == "pcapaudit/report/1"
    assert told[-1].phase is Phase.JUDGING
