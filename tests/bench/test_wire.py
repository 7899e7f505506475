from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.generate import write_capture
from bench.stories import SITE
from bench.wire import (
    READERS,
    Count,
    Reader,
    WireError,
    count_listeners,
    count_of_dumpcap,
    count_of_events,
    count_of_nfstream,
    count_of_tcpdump,
    watch,
)
from tests.support.mirror_port import mirror_port

READER_OF = {reader.name: reader for reader in READERS}


def test_each_tool_is_understood_when_it_tells_its_count() -> None:
    # As dumpcap 4.0, tcpdump 4.99 and tshark 4.0 write it.
    dumpcap = "Packets received/dropped on interface 'eth1': 12/3 (pcap:3/dumpcap:0/flushed:0/ps_ifdrop:0) (80.0%)\n"
    tcpdump = "12 packets captured\n15 packets received by filter\n3 packets dropped by kernel\n"
    assert count_of_dumpcap("", dumpcap) == Count(12, 3)
    assert count_of_tcpdump("", tcpdump) == Count(12, 3)
    assert count_of_tcpdump("", "12 packets captured\n") == Count(12, 0)
    assert count_of_tcpdump("", "1 packet captured\n3 packets dropped from eth1\n") == Count(1, 3)


def test_the_newest_word_of_what_tells_again_and_again_counts() -> None:
    events = [{"event": "seen"}, {"event": "end", "frames": 12, "dropped": 3}]
    assert count_of_events("".join(json.dumps(event) + "\n" for event in events), "") == Count(12, 3)
    report = {"packets_processed": 10, "packets_ignored": 2, "packets_dropped_filtered_by_kernel": 3}
    assert count_of_nfstream(json.dumps({"packets_processed": 1}) + "\n" + json.dumps(report), "") == Count(12, 3)


@pytest.mark.parametrize("count", [count_of_dumpcap, count_of_tcpdump])
def test_a_tool_that_tells_no_count_has_failed(count: Callable[[str, str], Count]) -> None:
    with pytest.raises(WireError, match="no such device"):
        count("", "no such device")


def test_a_tool_that_is_not_installed_is_left_out() -> None:
    assert not Reader("none", "nothing", ("no-such-program",), count_of_events).is_here
    assert not Reader("none", "nothing", (sys.executable,), count_of_events, module="no_such_module").is_here
    assert Reader("python", "nothing", (sys.executable,), count_of_events).is_here


@pytest.fixture
def capture(tmp_path: Path) -> tuple[Path, int]:
    path = tmp_path / "site.pcap"
    return path, write_capture(path, SITE, 20, 1_000, seed=1)


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.parametrize("name", ["tcpdump", "pcapaudit live"])
def test_what_is_sent_at_an_easy_rate_is_seen_to_the_frame(
    capture: tuple[Path, int], name: str, require_tool: Callable[[str], str]
) -> None:
    for tool in ("tcpreplay", "tcpdump"):
        require_tool(tool)
    path, frames = capture
    run = watch(READER_OF[name], path, 5_000)
    assert run.sent == frames
    assert run.count == Count(frames, 0)
    assert run.cpu_s > 0
    assert run.peak_bytes > 0


@pytest.mark.slow
@pytest.mark.needs_root
def test_a_reader_that_never_listens_is_said(capture: tuple[Path, int]) -> None:
    silent = Reader("silent", "ends at once", (sys.executable, "-c", "raise SystemExit('not today')"), count_of_events)
    with pytest.raises(WireError, match="does not listen: not today"):
        watch(silent, capture[0], 5_000)


@pytest.mark.needs_root
def test_a_port_that_nobody_reads_has_no_listener(tmp_path: Path) -> None:
    with mirror_port(tmp_path) as port:
        assert count_listeners(port) == 0
