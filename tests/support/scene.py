"""From a packet script to what the diagnosis looks at: the capture, its hosts as devices, its health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pcapaudit.capture import read_ring
from pcapaudit.catalog.schema import Signature
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.health.registry import View, examine
from pcapaudit.diagnose.params import Params
from pcapaudit.engine.run import batch_of
from pcapaudit.flows.hosts import find_hosts
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import parse_ip
from pcapaudit.model.frames import CaptureNotes, FileNote
from pcapaudit.model.report import HealthItem
from pcapaudit.scan import Bounds, Scanner
from tests.support.faults import Where
from tests.support.player import Frame, Player
from tests.support.script import play
from tests.support.transforms import sort_by_time
from tests.support.world import World

CLOUD: Mapping[str, object] = {"cloud": "54.229.203.190"}
DEV = "10.0.0.5"
PLACE = Where("scene", "scene", 1)
Change = Callable[[list[Frame]], list[Frame]]


def play_script(text: str, hosts: Mapping[str, object] = CLOUD, *, seed: str = "") -> list[Frame]:
    """The frames of a script (``tests/cases/README.md``) in the order of their times."""
    player = Player(World(hosts), seed=seed)
    play(player, text, PLACE)
    return sort_by_time(player.frames)


def scan_frames(
    frames: Sequence[Frame], *, notes: CaptureNotes | None = None, link: int = 1, bounds: Bounds | None = None
) -> Traffic:
    """The capture that holds these frames, in this order."""
    told = notes or CaptureNotes()
    if not told.files:
        told.files.append(FileNote("scene.pcap", "pcap", 1, frames=len(frames)))
    if not told.link_types:
        told.link_types.append(link)
    scanner = Scanner(bounds=bounds)
    if frames:
        scanner.feed(batch_of(((f.time_ns, f.data, f.wire_len) for f in frames), link))
    return Traffic(scanner.result(), told)


def traffic_of(text: str, change: Change | None = None, *, hosts: Mapping[str, object] = CLOUD) -> Traffic:
    """The capture of a script, changed by a function of its frames where one is given."""
    frames = play_script(text, hosts)
    return scan_frames(change(frames) if change else frames)


def read_capture(path: Path) -> Traffic:
    """The capture in a file."""
    notes, scanner = CaptureNotes(), Scanner()
    for batch in read_ring([str(path)], notes):
        scanner.feed(batch)
    return Traffic(scanner.result(), notes)


def devices_of(traffic: Traffic, signature: Signature | None = None, judge: str = DEV) -> list[Facts]:
    """Every host of the capture as a device; the one with the address ``judge`` is the signature's product."""
    hosts = find_hosts(traffic)
    known = {h.key: signature for h in hosts if parse_ip(judge) in h.addresses}
    return [Facts(traffic, host, hosts, known.get(host.key), None, Params(), {}) for host in hosts]


def view_of(traffic: Traffic, signature: Signature | None = None, judge: str = DEV) -> View:
    """What the health checks look at."""
    return View(traffic, devices_of(traffic, signature, judge), Params())


def health_of(traffic: Traffic, signature: Signature | None = None, judge: str = DEV) -> dict[str, list[HealthItem]]:
    """Rule -> its remarks, over all checks."""
    found: dict[str, list[HealthItem]] = {}
    for item in examine(view_of(traffic.on_steady_clock(), signature, judge)):
        found.setdefault(item.rule, []).append(item)
    return found


def shifted(frames: Iterable[Frame], by_ns: int) -> list[Frame]:
    """The frames at another time."""
    return [replace(frame, time_ns=frame.time_ns + by_ns) for frame in frames]
