"""Frames as they come: from an interface by a program that captures, or from whatever writes into a pipe.

The capturing program is a process of its own with the privilege; this one has none. The wire's clock is that of the
frames: in silence it goes on by the time that has passed here since the newest frame came, less an allowance for what
may be on its way.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, cast

import numpy as np

from pcapaudit.capture.capturer import HOW_TO_INSTALL, Capturer, find_capturer
from pcapaudit.capture.interfaces import read_state
from pcapaudit.capture.reader import BATCH_BYTES, STDIN, Keep, open_capture
from pcapaudit.capture.stream import QuietError, widen_pipe
from pcapaudit.model.errors import CaptureError, UsageError
from pcapaudit.model.frames import CaptureNotes, FrameBatch, Tick
from pcapaudit.model.records import dataclass

NS = 1_000_000_000
ALLOWANCE_NS = NS
"""How long a frame may be on its way from the wire to here before silence would be claimed wrongly."""
TICK_NS = NS
_DOWN = frozenset({"down", "lowerlayerdown", "notpresent"})
_PULSE_MS = 250
_PATIENCE_S = 10.0
_GRACE_S = 5.0
"""Seconds that the capturing program has to end by itself."""
_SAID_BYTES = 1 << 14
_SAYS_DROPPED = re.compile(r"(\d+) packets? dropped by kernel")


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
    return [*words, str(1024 * wish.buffer_mb), "-U", "-n", "-w", "-", *(["--", *chosen] if chosen else [])]


class LiveSource:
    """Frames of one interface, or of standard input, and ticks while nothing comes.

    Args:
        wish: What to capture.
        notes: Filled while reading, as by ``open_capture``.
        is_over: Asked some times a second; True ends the capture in an orderly way.
        tell: Told when the interface goes down and comes up.
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
        self._tell = tell
        self._is_down = False
        self._program = None if wish.interface is None else _choose_program()
        self._child: _Child | None = None
        self._end_s: float | None = None
        self.fault: str | None = None
        """Why the capture ended by itself; None if it was ended, or a pipe was closed at its other end."""

    @property
    def name(self) -> str:
        """What the report calls the source."""
        return self._wish.interface or STDIN

    def items(self) -> Generator[FrameBatch | Tick, None, None]:
        """Begin the capture and give what comes.

        Yields:
            Batches as they come, some times a second one without frames in silence, a tick a second then, and one
            tick at the newest frame's time at the end.

        Raises:
            CaptureError: The capture did not begin, or the pipe holds none; says why.
            UsageError: The program that captures does not start.
        """
        clock = _WireClock()
        self._end_s = None if self._wish.duration_s is None else time.monotonic() + self._wish.duration_s
        self._child = None if self._program is None else _Child(self._program, self._wish)
        source = _Inflow(self._child.out if self._child else _open_pipe(), self._wants_end)
        frames = open_capture(cast("BinaryIO", source), name=self.name, notes=self._notes, keep=self._keep, pauses=True)
        try:
            for batch in frames:
                source.is_begun = True
                yield batch
                if len(batch):
                    clock.note(batch)
                elif self._can_see():
                    yield from clock.tick()
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
        if clock.newest_ns is not None:
            yield Tick(clock.newest_ns)

    def _wants_end(self) -> bool:
        is_late = self._end_s is not None and time.monotonic() >= self._end_s
        if not (is_late or self._is_over()):
            return False
        if self._child is not None:
            self._child.stop()
        return True

    def _can_see(self) -> bool:
        """Whether something could come: the silence of an interface that is down says nothing of the wire."""
        is_down = self._wish.interface is not None and read_state(self._wish.interface) in _DOWN
        if is_down is not self._is_down:
            self._is_down = is_down
            self._tell(f"{self.name} is down: nothing can be seen" if is_down else f"{self.name} is up again")
        return not is_down

    def _finish(self) -> None:
        """End the child, and note what it says of itself; safe to be called twice."""
        child, self._child = self._child, None
        if child is None:
            return
        self.fault = child.finish()
        if child.dropped is not None and not self._notes.dropped:
            # tcpdump's stream has no place for the number.
            self._notes.dropped = child.dropped
            self._notes.drop_frames.append(sum(file.frames for file in self._notes.files))


def _choose_program() -> Capturer:
    program = find_capturer()
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
        self._came_ns = 0
        self._next_ns = 0

    def note(self, batch: FrameBatch) -> None:
        latest = int(np.frombuffer(batch.time_ns, np.int64).max())
        self.newest_ns = latest if self.newest_ns is None else max(self.newest_ns, latest)
        self._came_ns = time.monotonic_ns()
        self._next_ns = self._came_ns + ALLOWANCE_NS + TICK_NS

    def tick(self) -> Iterator[Tick]:
        """The time, once a second of silence; nothing in between, and before the first frame."""
        now_ns = time.monotonic_ns()
        if self.newest_ns is not None and now_ns >= self._next_ns:
            self._next_ns = now_ns + TICK_NS
            yield Tick(self.newest_ns + now_ns - self._came_ns - ALLOWANCE_NS)


class _Inflow:
    """The reading end of a pipe that tells of silence."""

    def __init__(self, descriptor: int, wants_end: Callable[[], bool]) -> None:
        self.is_begun = False
        """A capture's header has come."""
        self._descriptor = descriptor
        self._wants_end = wants_end
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def readinto(self, room: memoryview) -> int:
        """Read what is there; 0 at the end. Raises QuietError some times a second while nothing comes."""
        is_ending = self._wants_end()
        if self._poll.poll(_PULSE_MS):
            return os.readv(self._descriptor, [room])
        if is_ending and not self.is_begun:
            return 0
        raise QuietError


class _Child:
    """A running program that captures."""

    def __init__(self, program: Capturer, wish: Wish) -> None:
        self._program = program
        self._interface = wish.interface or ""
        # A file: the child never waits for somebody to read what it says.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by finish
        self._stopped_s: float | None = None
        self.dropped: int | None = None
        """Frames that the kernel lost, where the program says so in words."""
        try:
            # A session of its own: Ctrl-C is for us, who then end it when all that it has is written.
            self._process = subprocess.Popen(
                capture_words(program, wish),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise UsageError(f"{program.path} does not start ({error.strerror})") from error
        widen_pipe(cast("BinaryIO", self._process.stdout), BATCH_BYTES)

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
        with self._said as said:
            said.seek(0)
            text = said.read(_SAID_BYTES).decode("utf-8", "replace")
        dropped = _SAYS_DROPPED.search(text)
        self.dropped = int(dropped[1]) if dropped else None
        return None if was_told else explain_end(text, self._program, self._interface, self._process.returncode)

    def _has_ended(self) -> bool:
        """Whether its stream is at its end, so that it is about to leave."""
        poll = select.poll()
        poll.register(self.out, select.POLLIN)
        return any(event & select.POLLHUP and not event & select.POLLIN for _, event in poll.poll(0))


def explain_end(said: str, program: Capturer, interface: str, status: int) -> str:
    """Why a program that captures ended, in one line with what mends it.

    Args:
        said: Its standard error.
        program: Which one it is.
        interface: What it was to capture.
        status: Its exit status, negative for a signal.
    """
    small = said.lower()
    if "permission" in small or "not permitted" in small:
        lack = program.lack or f"sudo setcap cap_net_raw,cap_net_admin+ep {program.path}"
        return f"this user may not capture there: {lack}"
    if "no such device" in small or "no device named" in small:
        return "there is no such interface; see: pcapaudit interfaces"
    if "filter" in small or "syntax error" in small:
        return f"the filter is not understood: {_last_words(said)}"
    if any(word in small for word in ("no longer", "went down", "disappeared", "not up", "down")):
        return f"the interface {interface} went down or away"
    ended = f"signal {-status}" if status < 0 else f"status {status}"
    return f"{program.name} ended by itself ({ended}): {_last_words(said) or 'it does not say why'}"


def _last_words(said: str) -> str:
    """What it complains of: from the first line that bears a program's name, at most three lines."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = next((at for at, line in enumerate(lines) if re.match(r"(dumpcap|tcpdump): ", line)), 0)
    return " ".join(lines[first : first + 3])[:500]
