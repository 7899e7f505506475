"""The cases of ``tests/cases``: a packet script, what the engineer said, and what the report must say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from tests.support import transforms
from tests.support.case_file import RawCase, Value, read_cases
from tests.support.expect import Expectation, parse_expectation
from tests.support.faults import FormError, ScriptError, Where
from tests.support.player import Frame, Player
from tests.support.script import play
from tests.support.world import START_NS, World, parse_duration

FOLDER = Path(__file__).resolve().parents[1] / "cases"
_FOREVER_NS = 10**12 * 10**9


@dataclass(frozen=True, slots=True)
class Said:
    """What the engineer gives on the command line."""

    signature: str | None
    device: str | None
    led: str | None
    log: str | None
    params: Mapping[str, str]
    thresholds: Mapping[str, float]
    all_devices: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ready to run. ``mac`` and ``address`` are those of the host that is judged, as text."""

    id: str
    why: str
    where: Where
    frames: tuple[Frame, ...]
    said: Said
    expectation: Expectation
    mac: str
    address: str | None
    quiet_for: tuple[str, ...]
    trap_for: tuple[str, ...]

    def listing(self) -> str:
        """Give the script with frame numbers, to read beside a failure."""
        start = self.frames[0].time_ns if self.frames else 0
        rows = [f"{self.where.file}:{self.where.line} {self.id}: {self.why}"]
        for number, frame in enumerate(self.frames, start=1):
            label = f"  [{frame.label}]" if frame.label else ""
            rows.append(f"{number:5} {(frame.time_ns - start) / 1e9:10.4f}  {frame.text}{label}")
        return "\n".join(rows)

    def pcap_frames(self) -> Iterator[tuple[int, bytes, int]]:
        """Give (time ns, bytes, length on the wire) of each frame."""
        return ((frame.time_ns, frame.data, frame.wire_len) for frame in self.frames)


@cache
def load_all(folder: Path = FOLDER) -> tuple[Case, ...]:
    """Give every case of a folder, made once; files whose name begins with ``_`` hold no cases.

    Raises:
        ScriptError: A file, a script or an expectation that cannot be used.
    """
    files = sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("_"))
    return tuple(case for path in files for case in load_file(path))


def load_file(path: Path) -> list[Case]:
    """Give the cases of one file. Raises ScriptError as ``load_all``."""
    return [_build(raw, path.stem) for raw in read_cases(path)]


def _build(raw: RawCase, stem: str) -> Case:
    try:
        return _built(raw, stem)
    except ValueError as error:
        raise raw.where.error(str(error)) from None


def _built(raw: RawCase, stem: str) -> Case:
    fields = raw.fields
    if "why" not in fields or not raw.scripts:
        raise FormError("a case needs why, and packets or like")
    world = World(
        _table(fields, "hosts"), lan=_words(fields, "lan") or ("10.0.0.0/24",), gateway=_text(fields, "gateway", "gw")
    )
    start_ns = _start(fields)
    player = Player(world, start_ns=start_ns, seed=raw.name)
    for text, where in raw.scripts:
        play(player, text, where)
    judged = world.find(_text(fields, "judge", "dev"))
    frames = _transformed(fields, player, judged.mac)
    return Case(
        id=f"{stem}::{raw.name}",
        why=_text(fields, "why", ""),
        where=raw.where,
        frames=tuple(frames),
        said=_said(fields, world),
        expectation=parse_expectation(fields, frames),
        mac=judged.mac.hex(":"),
        address=None if judged.ip is None else str(ip_address(judged.ip)),
        quiet_for=_words(fields, "quiet_for"),
        trap_for=_words(fields, "trap_for"),
    )


def _start(fields: Mapping[str, Value]) -> int:
    text = _text(fields, "start", "")
    return round(datetime.fromisoformat(text).timestamp()) * 10**9 if text else START_NS


def _transformed(fields: Mapping[str, Value], player: Player, mac: bytes) -> list[Frame]:
    """Apply the case's transforms, always in this order: direction, selection, window, copies, sampling, clock, cut."""
    frames, start_ns, world = player.frames, player.start_ns, player.world
    if _text(fields, "order", "time") == "time":
        frames = transforms.sort_by_time(frames)
    if "one_way" in fields:
        frames = transforms.keep_direction(frames, mac, _text(fields, "one_way", ""))
    frames = transforms.leave_out(frames, _words(fields, "without"))
    frames = transforms.drop_matching(frames, _words(fields, "drop"))
    first = start_ns + _duration(fields, "from", 0)
    frames = transforms.keep_window(frames, first, start_ns + _duration(fields, "until", _FOREVER_NS))
    return _seen(fields, frames, world, start_ns)


def _seen(fields: Mapping[str, Value], frames: list[Frame], world: World, start_ns: int) -> list[Frame]:
    """Copies, sampling, clock and cuts: how a capture shows the frames that were selected."""
    if "duplicate" in fields:
        frames = transforms.copy_each(frames, _duration(fields, "duplicate", 0))
    if "routed_copy" in fields:
        frames = transforms.copy_routed(frames, _duration(fields, "routed_copy", 0), world)
    if "translated" in fields:
        frames = transforms.copy_translated(frames, world, world.find(_text(fields, "translated", "")))
    for host in _words(fields, "offload"):
        frames = transforms.leave_sums(frames, world.find(host).mac)
    if "sampled" in fields:
        frames = frames[:: int(_text(fields, "sampled", "1"))]
    if "clock_step" in fields:
        frames = transforms.step_clock(frames, _words(fields, "clock_step"), start_ns)
    if "vlan" in fields:
        frames = transforms.tag_each(frames, int(_text(fields, "vlan", "0")))
    if "snaplen" in fields:
        frames = transforms.cut_each(frames, int(_text(fields, "snaplen", "0")))
    return frames


def _said(fields: Mapping[str, Value], world: World) -> Said:
    device = _text(fields, "device", "")
    if device in world.names:
        device = world.find(device).mac.hex(":")
    return Said(
        signature=_text(fields, "signature", "") or None,
        device=device or None,
        led=_text(fields, "led", "") or None,
        log=_text(fields, "log", "") or None,
        params={key: str(value) for key, value in _table(fields, "params").items()},
        thresholds={key: float(str(value)) for key, value in _table(fields, "thresholds").items()},
        all_devices=_text(fields, "all_devices", "no") == "yes",
    )


def _text(fields: Mapping[str, Value], key: str, default: str) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str):
        raise FormError(f"{key} is one word or one line of text")
    return value.strip()


def _duration(fields: Mapping[str, Value], key: str, default: int) -> int:
    return parse_duration(_text(fields, key, "")) if key in fields else default


def _words(fields: Mapping[str, Value], key: str) -> tuple[str, ...]:
    """Give a list of words; one word alone stands for a list of one."""
    value = fields.get(key, [])
    if isinstance(value, str):
        return (value,)
    return tuple(str(word) for word in value)


def _table(fields: Mapping[str, Value], key: str) -> Mapping[str, Value]:
    value = fields.get(key, {})
    if not isinstance(value, dict):
        raise FormError(f"{key} is a table")
    return value


__all__ = ["Case", "Said", "ScriptError", "load_all", "load_file"]
