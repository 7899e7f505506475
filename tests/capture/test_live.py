from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from pcapaudit.capture import live
from pcapaudit.capture.capturer import Capturer
from pcapaudit.capture.live import LiveSource, Wish, ask_interfaces, ask_version, capture_words
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.frames import Blind, CaptureNotes, FrameBatch, Item, Tick
from tests.capture.material import pcap_header, record
from tests.support.mirror_port import INSIDE, MirrorPort, mirror_port

DUMPCAP = Capturer("dumpcap", Path("/usr/bin/dumpcap"))
FRAME = bytes.fromhex("0200000000020200000000010800") + bytes(286)
"""300 bytes of Ethernet; what they mean does not matter."""


def test_a_program_tells_its_version() -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    assert ask_version(sys.executable) == f"Python {version}"


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 0\n", "no program at all"])
def test_a_program_that_says_nothing_has_no_version(tmp_path: Path, text: str) -> None:
    program = tmp_path / "tool"
    program.write_text(text)
    program.chmod(0o755)
    assert ask_version(str(program)) is None


def test_a_missing_program_has_no_version(tmp_path: Path) -> None:
    assert ask_version(str(tmp_path / "none")) is None


def test_a_program_that_is_not_there_lists_no_interface(tmp_path: Path) -> None:
    assert ask_interfaces(Capturer("dumpcap", tmp_path / "none")) == ""


def test_a_filter_is_one_word_and_never_an_option() -> None:
    wish = Wish("eth1", "-w /etc/passwd")
    assert "-f-w /etc/passwd" in capture_words(DUMPCAP, wish)
    words = capture_words(Capturer("tcpdump", Path("/usr/bin/tcpdump")), wish)
    assert words[-2:] == ["--", "-w /etc/passwd"]


def test_without_a_program_that_captures_there_is_a_line_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "find_capturer", lambda _first: None)
    with pytest.raises(UsageError, match="apt install wireshark-common"):
        LiveSource(Wish("eth1"), CaptureNotes(), is_over=bool, tell=print)


class Pipe:
    """Both ends of a pipe whose reading end is standard input for the source."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reading, self.writing = os.pipe()
        monkeypatch.setattr(live, "_open_pipe", lambda: self.reading)
        self.is_over = False
        self.notes = CaptureNotes()
        self.source = LiveSource(Wish(None), self.notes, is_over=lambda: self.is_over, tell=print)

    def write(self, data: bytes) -> None:
        os.write(self.writing, data)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    made = Pipe(monkeypatch)
    yield made
    os.close(made.reading)


def next_frames(items: Iterator[Item]) -> FrameBatch:
    return next(item for item in items if isinstance(item, FrameBatch) and len(item))


def test_what_comes_later_than_at_best_lags_behind(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    here_ns = itertools.count(1_000 * 10**9, 10**9)
    monkeypatch.setattr(time, "time_ns", lambda: next(here_ns))
    items = pipe.source.items()
    # The pipe's clock is years behind ours. Each frame is read a second after the one before; the third took longer.
    lags = []
    for second in (100, 101, 101.75):
        pipe.write((pcap_header() if second == 100 else b"") + record("<", int(second), int(second % 1 * 1e6), FRAME))
        next_frames(items)
        lags.append(pipe.source.lag_s)
    assert lags == [0, 0, 0.25]
    assert next_tick(items).now_ns > 101 * 10**9
    assert pipe.source.lag_s == 0
    os.close(pipe.writing)


def next_tick(items: Iterator[Item]) -> Tick:
    return next(item for item in items if isinstance(item, Tick))


def test_a_frame_in_a_pipe_is_given_before_another_one_comes_and_silence_ticks(pipe: Pipe) -> None:
    items = pipe.source.items()
    pipe.write(pcap_header() + record("<", 100, 0, FRAME) + record("<", 101, 500, FRAME)[:40])

    assert list(next_frames(items).time_ns) == [100 * 10**9]
    assert next_tick(items).now_ns > 100 * 10**9
    pipe.write(record("<", 101, 500, FRAME)[40:])
    assert list(next_frames(items).time_ns) == [101 * 10**9 + 500_000]
    os.close(pipe.writing)
    # The last tick takes back what silence was claimed: a file with these frames ends with the newest one.
    assert list(items)[-1] == Tick(101 * 10**9 + 500_000)
    assert pipe.notes.files[0].truncated_at is None


def test_ctrl_c_ends_a_pipe_that_stays_open(pipe: Pipe) -> None:
    items = pipe.source.items()
    pipe.write(pcap_header() + record("<", 100, 0, FRAME) + b"the next one has beg")
    next_frames(items)

    pipe.is_over = True
    assert [item for item in items if isinstance(item, Tick)][-1] == Tick(100 * 10**9)
    assert pipe.notes.files[0].truncated_at is None
    os.close(pipe.writing)


def test_ctrl_c_ends_a_pipe_in_which_nothing_has_come(pipe: Pipe) -> None:
    pipe.is_over = True
    with pytest.raises(CaptureError, match="no capture"):
        list(pipe.source.items())
    os.close(pipe.writing)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[MirrorPort]:
    with mirror_port(tmp_path) as made:
        yield made


class Listening:
    """A capture at the mirror port that can be ended."""

    def __init__(self, port: MirrorPort, wish: Wish) -> None:
        self.is_over = False
        self._port = port
        self.notes = CaptureNotes()
        self.told: list[str] = []
        self.source = LiveSource(wish, self.notes, is_over=lambda: self.is_over, tell=self.told.append)
        self.items = self.source.items()
        with port.namespace.entered():
            # The first item comes when the program captures.
            next(self.items)

    def read(self, wanted: int) -> int:
        """Read until so many frames have come; how many did."""
        found = 0
        while found < wanted:
            found += len(next_frames(self.items))
        return found

    def read_until(self, is_it: Callable[[Item], bool]) -> Item:
        """Read on to the item for which this is so."""
        with self._port.namespace.entered():
            return next(item for item in self.items if is_it(item))

    def end(self) -> int:
        """End it; the frames that came from now on."""
        self.is_over = True
        return sum(len(item) for item in self.items if isinstance(item, FrameBatch))


@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_all_frames_of_an_interface_come_and_the_end_is_orderly(port: MirrorPort) -> None:
    listening = Listening(port, Wish(INSIDE))
    sent = port.send([FRAME] * 500)

    assert listening.read(sent) == sent
    assert listening.end() == 0
    assert listening.source.fault is None
    assert listening.notes.files[0].truncated_at is None
    assert listening.notes.dropped == 0


@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_what_nobody_reads_in_time_is_counted_to_the_frame(port: MirrorPort) -> None:
    listening = Listening(port, Wish(INSIDE, buffer_mb=1))
    # Nobody reads: the pipe, the program and the kernel together hold a few megabytes of these.
    port.send([FRAME] * 60_000)
    read = 0
    for item in listening.items:
        read += len(item) if isinstance(item, FrameBatch) else 0
        if isinstance(item, Tick):
            break

    read += listening.end()
    assert listening.notes.dropped > 0
    # What the cable itself let fall under load never reached the interface.
    assert read + listening.notes.dropped == port.received()


@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_an_interface_that_goes_away_is_watched_again_when_it_is_back(port: MirrorPort) -> None:
    listening = Listening(port, Wish(INSIDE))
    listening.read(port.send([FRAME] * 10))
    newest_ns = listening.source.newest_ns
    port.unplug()
    listening.read_until(lambda _item: listening.source.blind_why is not None)
    port.plug()
    blind = listening.read_until(lambda item: isinstance(item, Blind))

    assert listening.source.blind_why is None
    sent = port.send([FRAME] * 10)
    frames = listening.read_until(lambda item: isinstance(item, FrameBatch) and len(item) > 0)
    assert isinstance(blind, Blind)
    assert isinstance(frames, FrameBatch)
    assert blind.from_ns == newest_ns
    assert blind.from_ns < blind.to_ns < frames.time_ns[0]
    # Numbers of frames go on, as in the files of a ring.
    assert frames.first_frame == 11
    assert len(frames) + listening.read(sent - len(frames)) == sent
    assert listening.end() == 0
    assert [file.first_frame for file in listening.notes.files] == [1, 11]
    assert listening.source.fault is None
    assert listening.told == [
        f"{INSIDE}: the interface {INSIDE} went down or away; nothing can be seen",
        f"{INSIDE} is seen again",
    ]


@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_a_program_that_is_killed_is_started_again(port: MirrorPort) -> None:
    listening = Listening(port, Wish(INSIDE))
    listening.read(port.send([FRAME]))
    child = listening.source._child
    assert child is not None
    child._process.kill()
    listening.read_until(lambda item: isinstance(item, Blind))

    assert listening.read(port.send([FRAME])) == 1
    listening.end()
    assert listening.source.fault is None
    assert "ended by itself (signal 9)" in listening.told[0]


@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_who_ends_it_while_nothing_can_be_seen_is_told_why(port: MirrorPort) -> None:
    listening = Listening(port, Wish(INSIDE))
    listening.read(port.send([FRAME]))
    port.unplug()
    listening.read_until(lambda _item: listening.source.blind_why is not None)

    assert listening.end() == 0
    assert listening.source.fault == f"the interface {INSIDE} went down or away"


@pytest.mark.needs_root
@pytest.mark.needs_tshark
def test_the_silence_of_an_interface_that_is_down_is_not_counted(
    port: MirrorPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = Listening(port, Wish(INSIDE))
    listening.read(port.send([FRAME]))
    monkeypatch.setattr(live, "read_state", lambda _name: "lowerlayerdown")
    # Some twelve times a quarter of a second.
    assert not [item for item in islice(listening.items, 12) if isinstance(item, Tick)]
    assert listening.source.blind_why == "the interface is down"
    monkeypatch.setattr(live, "read_state", lambda _name: "up")
    assert isinstance(listening.read_until(lambda item: not isinstance(item, FrameBatch)), Blind)
    next_tick(listening.items)
    assert listening.told == [f"{INSIDE}: the interface is down; nothing can be seen", f"{INSIDE} is seen again"]
    listening.end()


@pytest.mark.needs_root
@pytest.mark.needs_tshark
@pytest.mark.parametrize(
    ("wish", "told"),
    [(Wish("none0"), "there is no such interface"), (Wish("lo", "no such filter"), "the filter is not understood")],
)
def test_what_cannot_be_captured_is_said(wish: Wish, told: str) -> None:
    with pytest.raises(CaptureError, match=told):
        list(LiveSource(wish, CaptureNotes(), is_over=bool, tell=print).items())


@pytest.mark.needs_root
def test_tcpdump_stands_in_for_dumpcap(
    port: MirrorPort, monkeypatch: pytest.MonkeyPatch, require_tool: Callable[[str], str]
) -> None:
    tcpdump = Path(require_tool("tcpdump"))
    monkeypatch.setattr(live, "find_capturer", lambda _first: Capturer("tcpdump", tcpdump))
    listening = Listening(port, Wish(INSIDE, "ether src 02:00:00:00:00:01"))
    sent = port.send([FRAME] * 50)
    port.send([bytes(60)] * 50)

    assert listening.read(sent) == sent
    assert listening.end() == 0
    assert listening.notes.files[0].format == "pcap"
    assert listening.notes.filters == ["ether src 02:00:00:00:00:01"]
    assert listening.source.fault is None


@pytest.mark.needs_root
def test_what_the_kernel_drops_is_known_while_tcpdump_runs(
    port: MirrorPort, monkeypatch: pytest.MonkeyPatch, require_tool: Callable[[str], str]
) -> None:
    tcpdump = Path(require_tool("tcpdump"))
    monkeypatch.setattr(live, "find_capturer", lambda _first: Capturer("tcpdump", tcpdump))
    listening = Listening(port, Wish(INSIDE, buffer_mb=1))
    port.send([FRAME] * 60_000)
    seen = 0
    for item in islice(listening.items, 2_000):
        seen += len(item) if isinstance(item, FrameBatch) else 0
        if listening.notes.dropped and seen + listening.notes.dropped >= port.received():
            break

    assert seen + listening.notes.dropped == port.received()
    assert listening.notes.drop_frames
    dropped = listening.notes.dropped
    assert listening.end() == 0
    assert listening.notes.dropped == dropped
