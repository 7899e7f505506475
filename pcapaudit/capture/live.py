"""Frames as they come: from an interface by a program that captures, or from whatever writes into a pipe.

The capturing program is a process of its own with the privilege; this one has none. The wire's clock is that of the
frames: in silence it goes on by the time that has passed here since the newest frame came, less an allowance for what
may be on its way.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from pcapaudit.capture.capturer import HOW_TO_INSTALL, Capturer, explain_end, find_capturer
from pcapaudit.capture.columns import Columns
from pcapaudit.capture.interfaces import read_state
from pcapaudit.capture.pcapng import MOST_DROP_FRAMES
from pcapaudit.capture.reader import BATCH_BYTES, STDIN, Keep, open_capture
from pcapaudit.capture.stream import QuietError, widen_pipe
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.frames import Blind, CaptureNotes, FrameBatch, Item, Tick
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import NS, go_on

ALLOWANCE_NS = 3 * NS // 2
"""How long a frame may be on its way from the wire to here before silence would be claimed wrongly: for a tcpdump the
kernel keeps the frames of a quiet wire for up to a second."""
TICK_NS = NS
_DOWN = frozenset({"down", "lowerlayerdown", "notpresent"})
_PULSE_MS = 250
_PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
"""Between two tries to capture again."""
_GRACE_S = 5.0
"""Seconds that the capturing program has to end by itself."""
_LAG_TURN_NS = 300 * NS
"""How long the shortest way of a frame is remembered, at least."""
_GATHER_S = 0.005
_FEW_BYTES = 1 << 18
"""To be woken for each frame costs what captures, and us, more than the frame: where there are few, we wait."""
_ASK_S = 1.0
"""Between two questions for the frames that the kernel dropped."""
_SAID_BYTES = 1 << 14
_SAYS_DROPPED = re.compile(rb"(\d+) packets? dropped by kernel\n")
_CHATTER = re.compile(rb"(tcpdump: listening on .*|(tcpdump: )?\d+ packets? (captured|received|dropped).*)\n")
"""What tcpdump says when all is well."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to capture. ``interface`` is None for standard input; then only ``duration_s`` has a meaning."""

    interface: str | None
    capture_filter: str = ""
    """In the language of pcap-filter(7)."""
    snaplen: int = 0
    """Bytes of each frame, 0 for all."""
    duration_s: float | None = None
    buffer_mb: int = 128
    """What the kernel keeps while nobody reads."""


def ask_version(program: str) -> str | None:
    """First line that ``PROGRAM --version`` prints; None when it cannot be run or says nothing."""
    told = _run(program, "--version")
    lines = told.stdout.decode("utf-8", "replace").strip().splitlines() if told else []
    return lines[0].strip() if lines else None


def ask_interfaces(program: Capturer) -> str:
    """What ``dumpcap -D -M`` or ``tcpdump -D`` prints; empty when it cannot be run."""
    told = _run(str(program.path), "-D", *(("-M",) if program.name == "dumpcap" else ()))
    return told.stdout.decode("utf-8", "replace") if told else ""


def _run(*words: str) -> subprocess.CompletedProcess[bytes] | None:
    try:
        return subprocess.run(words, capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None


def capture_words(program: Capturer, wish: Wish) -> list[str]:
    """The command line that writes what is wished for to standard output."""
    chosen = [wish.capture_filter] if wish.capture_filter else []
    words = [str(program.path), "-i", wish.interface or "", "-s", str(wish.snaplen), "-B"]
    if program.name == "dumpcap":
        return [*words, str(wish.buffer_mb), "-q", *(f"-f{text}" for text in chosen), "-w", "-"]
    # Without -U tcpdump would keep the frames of a quiet wire to itself until a block is full.
    words += [str(1024 * wish.buffer_mb), "-U", "-n", "--time-stamp-precision=nano", "-w", "-"]
    return [*words, *(["--", *chosen] if chosen else [])]


class LiveSource:
    """Frames of one interface, or of standard input, and ticks while nothing comes.

    A capture that has begun is begun again when it ends by itself, however long that takes.

    Args:
        wish: What to capture.
        notes: Filled while reading, as by ``open_capture``; each capture that was begun is a file.
        is_over: Asked some times a second; True ends the capture in an orderly way.
        tell: Told when the wire goes out of sight and comes back.
        keep: Given all records as they came.

    Raises:
        UsageError: There is no program that captures, or this user may not run it; says what mends that.
    """

    def __init__(
        self,
        wish: Wish,
        notes: CaptureNotes,
        *,
        is_over: Callable[[], bool],
        tell: Callable[[str], None],
        keep: Keep | None = None,
    ) -> None:
        self._wish = wish
        self._notes = notes
        self._keep = keep
        self._is_over = is_over
        self._sight = _Sight(self.name, tell)
        self._program = None if wish.interface is None else _choose_program(wish)
        if wish.capture_filter and self._program is not None and self._program.name == "tcpdump":
            # Its stream does not say so.
            notes.filters.append(wish.capture_filter)
        self._child: _Child | None = None
        self._noted = 0
        self._end_s: float | None = None
        self.fault: str | None = None
        """Why the capture ended by itself; None while it goes on, if it was ended, or a pipe was closed behind it."""

    @property
    def name(self) -> str:
        """What the report calls the source."""
        return self._wish.interface or STDIN

    @property
    def blind_why(self) -> str | None:
        """Why nothing can be seen now: the interface is down or away, or what captures has ended; None if it can."""
        return self._sight.lost_why

    @property
    def newest_ns(self) -> int | None:
        """Time of the newest frame; None before the first."""
        return self._sight.clock.newest_ns

    @property
    def lag_s(self) -> float:
        """Seconds from the moment a frame was on the wire until it is read, beyond the shortest such time of late."""
        return self._sight.clock.lag_s

    def items(self) -> Generator[Item, None, None]:
        """Begin the capture and give what comes.

        Yields:
            Batches as they come, some times a second one without frames in silence, a tick a second then, what was
            not watched before the first that comes after it, and one tick at the newest frame's time at the end.

        Raises:
            CaptureError: The capture did not begin, or the pipe holds none; says why.
            UsageError: The program that captures does not start.
        """
        self._end_s = None if self._wish.duration_s is None else time.monotonic() + self._wish.duration_s
        yield from self._capture()
        pause_s = _FIRST_PAUSE_S
        while self.fault is not None:
            self._sight.lose(self.fault)
            yield from self._rest(pause_s)
            if self._wants_end():
                break
            begun = self._notes.files[-1]
            with contextlib.suppress(CaptureError, UsageError):
                yield from self._capture()
            has_begun = self._notes.files[-1] is not begun
            pause_s = _FIRST_PAUSE_S if has_begun else min(2 * pause_s, _LONGEST_PAUSE_S)
        if self.newest_ns is not None:
            yield Tick(self.newest_ns)

    def _capture(self) -> Iterator[Item]:
        """One capture, from its begin to its end."""
        self._child = None if self._program is None else _Child(self._program, self._wish)
        self._noted = 0
        source = cast("BinaryIO", _Inflow(self._child.out if self._child else _open_pipe(), self._wants_end))
        first = self._notes.files[-1].next_frame if self._notes.files else 1
        frames = open_capture(
            source, name=self.name, notes=self._notes, first_frame=first, keep=self._keep, pauses=True
        )
        try:
            for batch in frames:
                self.fault = None
                cast("_Inflow", source).is_begun = True
                yield from self._sight.look(self._wish.interface, batch)
                self._note_dropped(self._child)
                yield batch
                if not len(batch):
                    yield from self._sight.tick()
                # A child ends its stream when it is told to; whoever writes into a pipe need not.
                if self._child is None and self._wants_end():
                    break
        except CaptureError as error:
            self._finish()
            if self.fault is None:
                raise
            raise CaptureError(self.fault, path=self.name) from error
        finally:
            self._finish()

    def _rest(self, pause_s: float) -> Iterator[FrameBatch]:
        """Wait before the next try."""
        again_s = time.monotonic() + pause_s
        while time.monotonic() < again_s and not self._wants_end():
            time.sleep(_PULSE_MS / 1000)
            yield Columns(first_frame=self._notes.files[-1].next_frame).give_batch(b"")

    def _wants_end(self) -> bool:
        is_late = self._end_s is not None and time.monotonic() >= self._end_s
        if not (is_late or self._is_over()):
            return False
        if self._child is not None:
            self._child.stop()
        return True

    def _finish(self) -> None:
        """End the child, and note what it says of itself; safe to be called twice."""
        child, self._child = self._child, None
        if child is None:
            return
        self.fault = child.finish()
        self._note_dropped(child)

    def _note_dropped(self, child: _Child | None) -> None:
        """Note what the child says that the kernel dropped since it was last asked."""
        dropped = 0 if child is None else child.count_dropped()
        # dumpcap's stream holds the number itself; that of tcpdump has no place for it.
        if dropped > self._noted and self._notes.files and self._notes.files[-1].format == "pcap":
            self._notes.dropped += dropped - self._noted
            self._noted = dropped
            if len(self._notes.drop_frames) < MOST_DROP_FRAMES:
                self._notes.drop_frames.append(self._notes.files[-1].next_frame - 1)


def _choose_program(wish: Wish) -> Capturer:
    # Of what is kept tcpdump's files do not say by which filter it was captured.
    program = find_capturer("dumpcap" if wish.capture_filter else "tcpdump")
    if program is None:
        raise UsageError(f"nothing here can capture: {HOW_TO_INSTALL}")
    if program.lack is not None and not os.access(program.path, os.X_OK):
        raise UsageError(program.lack)
    # What seems to be lacking may be there after all, in a container for one: the program itself will say.
    return program


def _open_pipe() -> int:
    """Standard input, wide enough for a batch."""
    widen_pipe(cast("BinaryIO", os.fdopen(0, "rb", buffering=0, closefd=False)), BATCH_BYTES)
    return 0


class _WireClock:
    """What time it is on the wire, by its newest frame and the time since."""

    def __init__(self) -> None:
        self.newest_ns: int | None = None
        self.lag_s = 0.0
        self._came_ns = 0
        self._next_ns = 0
        self._shortest = deque((math.inf, math.inf), maxlen=2)
        self._turn_ns = 0

    def note(self, batch: FrameBatch) -> None:
        """Some frames came."""
        latest_ns = int(np.frombuffer(batch.time_ns, np.int64).max())
        self.newest_ns = latest_ns if self.newest_ns is None else go_on(self.newest_ns, latest_ns)
        self._came_ns = time.monotonic_ns()
        self._next_ns = self._came_ns + ALLOWANCE_NS + TICK_NS
        self._note_lag((time.time_ns() - latest_ns) / NS)

    def tick(self) -> Iterator[Tick]:
        """The time, once a second of silence; nothing in between, and before the first frame."""
        now_ns = time.monotonic_ns()
        if self.newest_ns is not None and now_ns >= self._next_ns:
            self.lag_s = 0.0
            self._next_ns = now_ns + TICK_NS
            yield Tick(self.newest_ns + now_ns - self._came_ns - ALLOWANCE_NS)

    def now_ns(self) -> int:
        """The time."""
        return (self.newest_ns or 0) + time.monotonic_ns() - self._came_ns

    def _note_lag(self, way_s: float) -> None:
        # The clock of a pipe's frames is another one than ours: what counts is how much longer than at best it takes.
        if self._came_ns >= self._turn_ns:
            self._turn_ns = self._came_ns + _LAG_TURN_NS
            self._shortest.append(way_s)
        self._shortest[-1] = min(self._shortest[-1], way_s)
        self.lag_s = way_s - min(self._shortest)


class _Sight:
    """Whether the wire can be seen, and since when it could not."""

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self.clock = _WireClock()
        self.lost_why: str | None = None
        self._name = name
        self._tell = tell
        self._lost_ns: int | None = None
        self._is_down = False

    def lose(self, why: str) -> None:
        """From the newest frame on nothing was seen; told once until it comes back."""
        if self.lost_why is None:
            self.lost_why, self._lost_ns = why, self.clock.newest_ns
            self._tell(f"{self._name}: {why}; nothing can be seen")

    def look(self, interface: str | None, batch: FrameBatch) -> Iterator[Blind]:
        """Take what came and, in silence and after it, how the interface is; what was not seen, when that is over."""
        if interface is not None and (self._is_down or not len(batch)):
            self._is_down = read_state(interface) in _DOWN
        if self._is_down:
            self.lose("the interface is down")
        elif self.lost_why is not None:
            why, self.lost_why = self.lost_why, None
            self._tell(f"{self._name} is seen again")
            if self._lost_ns is not None:
                yield Blind(self._lost_ns, max(self._lost_ns, self.clock.now_ns()), why)
        if len(batch):
            self.clock.note(batch)

    def tick(self) -> Iterator[Tick]:
        """Let the time pass, but not over what nobody saw."""
        if self.lost_why is None:
            yield from self.clock.tick()


class _Inflow:
    """The reading end of a pipe that tells of silence."""

    def __init__(self, descriptor: int, wants_end: Callable[[], bool]) -> None:
        self.is_begun = False
        """A capture's header has come."""
        self._descriptor = descriptor
        self._wants_end = wants_end
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._is_full = False

    def readinto(self, room: memoryview) -> int:
        """Read what is there; 0 at the end. Raises QuietError some times a second while nothing comes."""
        is_ending = self._wants_end()
        if self._poll.poll(_PULSE_MS):
            if not self._is_full:
                time.sleep(_GATHER_S)
            size = os.readv(self._descriptor, [room])
            self._is_full = size >= _FEW_BYTES
            return size
        if is_ending and not self.is_begun:
            return 0
        raise QuietError


class _Child:
    """A running program that captures."""

    def __init__(self, program: Capturer, wish: Wish) -> None:
        self._program = program
        self._interface = wish.interface or ""
        self._said = b""
        self._stopped_s: float | None = None
        self._ask_at_s = 0.0
        self._dropped = 0
        try:
            # A session of its own: Ctrl-C is for us, who then end it when all that it has is written.
            self._process = subprocess.Popen(
                capture_words(program, wish),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise UsageError(f"{program.path} does not start ({error.strerror})") from error
        widen_pipe(cast("BinaryIO", self._process.stdout), BATCH_BYTES)
        os.set_blocking(cast("BinaryIO", self._process.stderr).fileno(), False)

    @property
    def out(self) -> int:
        """Where its capture comes out."""
        return cast("BinaryIO", self._process.stdout).fileno()

    def stop(self) -> None:
        """Have it write what it has and end; one that does not is killed after a while."""
        if self._stopped_s is None:
            self._stopped_s = time.monotonic()
            self._process.send_signal(signal.SIGINT)
        elif time.monotonic() - self._stopped_s > _GRACE_S:
            self._process.kill()

    def finish(self) -> str | None:
        """Wait for its end; why it ended by itself, None if it was told to."""
        was_told = self._stopped_s is not None
        if self._process.poll() is None and not was_told and not self._has_ended():
            self.stop()
            was_told = True
        cast("BinaryIO", self._process.stdout).close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listen()
        cast("BinaryIO", self._process.stderr).close()
        text = self._said.decode("utf-8", "replace")
        return None if was_told else explain_end(text, self._program, self._interface, self._process.returncode)

    def count_dropped(self) -> int:
        """Frames that the kernel lost, as far as the program says so in words; it is asked once a second."""
        if self._process.returncode is None and time.monotonic() >= self._ask_at_s:
            self._ask_at_s = time.monotonic() + _ASK_S
            self._listen()
            self._ask()
        return self._dropped

    def _ask(self) -> None:
        """Have tcpdump tell its counts; not while it may wait for room in the pipe, a signal would cost it frames."""
        waiting = struct.unpack("i", fcntl.ioctl(self.out, termios.FIONREAD, bytes(4)))[0]
        if self._program.name == "tcpdump" and waiting < _FEW_BYTES and _catches(self._process.pid, signal.SIGUSR1):
            with contextlib.suppress(PermissionError):
                self._process.send_signal(signal.SIGUSR1)

    def _listen(self) -> None:
        """Take what it has said meanwhile; counts are taken out of it."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(cast("BinaryIO", self._process.stderr).fileno(), _SAID_BYTES):
                self._said += piece
        counts = _SAYS_DROPPED.findall(self._said)
        self._dropped = max(self._dropped, *map(int, counts)) if counts else self._dropped
        self._said = _CHATTER.sub(b"", self._said)[:_SAID_BYTES]

    def _has_ended(self) -> bool:
        """Whether its stream is at its end, so that it is about to leave."""
        poll = select.poll()
        poll.register(self.out, select.POLLIN)
        return any(event & select.POLLHUP and not event & select.POLLIN for _, event in poll.poll(0))


def _catches(process: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal, which would end it otherwise (proc(5), SigCgt)."""
    with contextlib.suppress(OSError):
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", Path(f"/proc/{process}/status").read_text("ascii"), re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)
    return False
