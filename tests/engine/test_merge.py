from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.engine.merge import merge_reports, read_unread
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit, make_request
from pcapaudit.model.errors import CaptureError
from pcapaudit.model.report import UnreadSource
from pcapaudit.report.document import to_json

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = ("site-sensorist-tek-broken", "sensorist-no-dhcp", "tek-8844-dropped")


@pytest.mark.parametrize(
    "options",
    [AuditOptions(separate=True, led="blinking red"), AuditOptions(separate=True, device="02:00:00:00:00:01")],
    ids=["devices", "none"],
)
def test_merged_reports_are_the_report_over_all_of_them(options: AuditOptions) -> None:
    files = [str(SAMPLES / f"{name}.pcapng") for name in NAMES]
    whole = audit(files, options)
    parts = [audit([file], options) for file in files]
    assert bool(whole.devices) is (options.device is None)
    assert to_json(merge_reports(parts, make_request(options), [], is_partial=False)) == to_json(whole)


def test_no_report_at_all_is_one_that_says_so() -> None:
    merged = merge_reports([], make_request(AuditOptions()), [UnreadSource("x", "why")], is_partial=True)
    assert (merged.captures, merged.partial, merged.unread) == ((), True, (UnreadSource("x", "why"),))


@pytest.mark.parametrize("offset", [None, 0, 24])
def test_the_sentence_of_an_error_becomes_its_parts_again(offset: int | None) -> None:
    error = CaptureError("no capture: it is empty", path="a (1).pcap", offset=offset)
    assert read_unread(["a (1).pcap"], str(error)) == UnreadSource("a (1).pcap", "no capture: it is empty", offset)


def test_any_other_sentence_stands_as_it_is() -> None:
    assert read_unread(["x.pcap"], "it was killed") == UnreadSource("x.pcap", "it was killed", None)
