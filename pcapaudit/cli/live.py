"""``pcapaudit live``: watch a mirror port and say which device goes dark, when, and why."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from pcapaudit.capture.live import LiveSource, Wish
from pcapaudit.capture.reader import STDIN
from pcapaudit.capture.ring import Ring
from pcapaudit.cli import options as shared
from pcapaudit.cli.live_desk import Desk
from pcapaudit.cli.live_shows import Silence, choose_show
from pcapaudit.cli.live_station import announce, station_options, take_wish
from pcapaudit.cli.output import write_note, write_result
from pcapaudit.cli.status import UNUSABLE, choose_status
from pcapaudit.cli.values import read_size, read_span
from pcapaudit.engine.interrupt import Interrupt
from pcapaudit.engine.live import Count, LiveAudit
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.sliding import WINDOW_S
from pcapaudit.model.errors import UsageError
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.model.report import Report
from pcapaudit.report.registry import render_pieces
from pcapaudit.station.alerts import Alerts
from pcapaudit.station.memory import Memory
from pcapaudit.watch.state import Watch

_SMALLEST_FILE = 1 << 20

_EPILOG = """\b
Examples:
  pcapaudit live -i eth1
  pcapaudit live -i eth1 --keep-ring /var/lib/ring --ring-size 10G
  pcapaudit live -i eth1 --duration 10m --format json > report.json
  ssh router tcpdump -U -s 0 -w - -i br0 not port 22 | pcapaudit live -r -
\b
Exit status:
  0  no device at or beyond --fail-on     1  at least one
  2  could not run, or the capture ended by itself
  3  no device recognised
"""


def _take_pipe(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Standard input alone goes on; who gives a file is told what to do with it."""
    if value not in (None, STDIN):
        raise click.BadParameter(f"a file does not go on: pcapaudit audit {value}", param=param)
    return value


@click.command("live", epilog=_EPILOG)
@click.option("-i", "--interface", metavar="NAME", help="Where the mirror port arrives.")
@click.option("-r", "--read", "pipe", metavar="-", callback=_take_pipe, help="Read standard input instead.")
@click.option("--filter", "capture_filter", metavar="BPF", default="", help="What to capture, see pcap-filter(7).")
@click.option("--snaplen", metavar="N", type=click.IntRange(min=0), default=0, help="Bytes of each frame; 0: all.")
@click.option("--duration", "duration_s", metavar="SPAN", callback=read_span, help="End after 90s, 10m, 12h.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json", "jsonl")),
    default="text",
    show_default=True,
    help="A view or lines; one report at the end; an event a line.",
)
@click.option("--status", "has_status", is_flag=True, help="With jsonl: each second a line on how all stands.")
@click.option("--window", "window_s", metavar="SPAN", callback=read_span, help="Judge the newest 6h, or so much.")
@click.option("--keep-ring", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Keep the frames there.")
@click.option("--ring-size", metavar="SIZE", default="10G", show_default=True, callback=read_size, help="Of all files.")
@click.option("--ring-files", metavar="N", type=click.IntRange(2, 10_000), default=20, show_default=True, help="Files.")
@click.option("--state", metavar="FILE", type=click.Path(path_type=Path), help="Remember it there over a restart.")
@station_options
@shared.signature
@click.option("--device", metavar="MAC|IP", help="Judge this device alone.")
@click.option("--all-devices", is_flag=True, help="List devices without a signature as well.")
@shared.params
@shared.thresholds
@click.option("--mirror-point", metavar="TEXT", help="Where the mirror port is; requests name it.")
@shared.signatures_dir
@shared.max_flows
@shared.fail_on
def command(interface: str | None, pipe: str | None, form: str, fail_on: str, **given: Any) -> int:
    """Watch an interface, or what a pipe brings, and say which devices come, go dark and recover.

    The frames are captured by dumpcap or tcpdump; pcapaudit itself needs no privilege.
    Ctrl-C, SIGTERM, or the end of --duration ends it in an orderly way.
    """
    wish = _read_wish(interface, pipe, given)
    has_status = given.pop("has_status")
    if has_status and form != "jsonl":
        raise click.UsageError("--status belongs to --format jsonl")
    with ExitStack() as stack:
        desk, interrupt = _prepare(wish, given, stack)
        desk.show = stack.enter_context(choose_show(desk.source.name, form, has_status=has_status))
        report = desk.run(interrupt)
    _write_end(form, desk.audit.count(), report)
    if form == "json":
        write_result(render_pieces(report, "json"), None)
    if desk.source.fault is not None:
        write_note(f"pcapaudit: {desk.source.name}: {desk.source.fault}")
    return UNUSABLE if desk.source.fault else choose_status(report, fail_on)


def _read_wish(interface: str | None, pipe: str | None, given: dict[str, Any]) -> Wish:
    """What to capture, out of the options."""
    if (interface is None) == (pipe is None):
        raise click.UsageError("give either -i NAME or -r - (pcapaudit interfaces lists the names)")
    wish = Wish(interface, given.pop("capture_filter"), given.pop("snaplen"), given.pop("duration_s"))
    if interface is None and (wish.capture_filter or wish.snaplen):
        raise click.UsageError("--filter and --snaplen belong to -i; a pipe brings what its writer captures")
    if interface is None and sys.stdin.isatty():
        raise click.UsageError("standard input is the keyboard; put a program in front: dumpcap -i eth1 -w - | ...")
    return wish


def _prepare(wish: Wish, given: dict[str, Any], stack: ExitStack) -> tuple[Desk, Interrupt]:
    """All that a watch needs but for what shows it; the stack closes it, the capture first."""
    told, state, window_s = take_wish(given), given.pop("state"), given.pop("window_s") or WINDOW_S
    ring = _open_ring(given.pop("folder"), given.pop("ring_size"), given.pop("ring_files"))
    keep = stack.enter_context(closing(ring)).keep if ring else None
    memory = stack.enter_context(closing(Memory(state, tell=write_note))) if state else None
    watch = Watch(record=memory.read() if memory else None)
    interrupt = stack.enter_context(Interrupt())
    stack.enter_context(_ended_by_sigterm(interrupt))
    notes = CaptureNotes()
    source = LiveSource(wish, notes, is_over=lambda: interrupt.is_noted, tell=write_note, keep=keep)
    audit = LiveAudit(source.items(), AuditOptions(**given), notes, window_s=window_s)
    alerts = stack.enter_context(Alerts(told, source=source.name, say=write_note))
    announce(told, alerts)
    return Desk(source, audit, watch, Silence(), alerts, memory, ring), interrupt


@contextmanager
def _ended_by_sigterm(interrupt: Interrupt) -> Iterator[None]:
    """Take the signal by which a service is ended like a first Ctrl-C."""

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupt.is_noted = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _open_ring(folder: Path | None, size: int, files: int) -> Ring | None:
    if folder is None:
        return None
    if size // files < _SMALLEST_FILE:
        raise UsageError(f"--ring-size must leave 1M for each of {files} files")
    return Ring(folder, file_bytes=size // files, files=files, tell=write_note)


def _write_end(form: str, count: Count, report: Report) -> None:
    """The last line: how much it was, and how the devices stand."""
    verdicts = Counter(device.verdict.value for device in report.devices)
    if form == "jsonl":
        end = {
            "event": "end",
            "frames": count.frames,
            "dropped": count.dropped,
            "devices": dict(sorted(verdicts.items())),
        }
        write_result([json.dumps(end) + "\n"], None)
    elif form == "text":
        stand = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items())) or "none recognised"
        write_note(f"{count.frames:,} frames, {count.dropped:,} lost while capturing; devices: {stand}")
