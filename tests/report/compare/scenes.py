"""Captures of one device at two times, played from packet scripts, and their reports."""

from __future__ import annotations

from collections.abc import Mapping

from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.model.report import Report
from pcapaudit.report.compare.document import DeviceChange, NeedChange
from tests.support.player import Frame
from tests.support.scene import CLOUD, Change, play_script, shifted
from tests.support.transforms import keep_direction

MAC = "02:00:0a:00:00:05"
ADDRESS = "10.0.0.5"
SECOND = 1_000_000_000
HOUR = 3600.0
BOOT = "0.0 dev > gw BOOT\n1.0 dev > gw LOOKUP gk.sensorist.com A 54.229.203.190\n"
RED = f"""{BOOT}
1.1   dev:50001 > cloud:4321 SYN as=first
2.1   dev:50001 > cloud:4321 SYN
11.1  dev:50002 > cloud:443 SYN
12.1  dev:50002 > cloud:443 SYN
21.1  dev:50003 > cloud:4321 SYN
22.1  dev:50003 > cloud:4321 SYN
31.1  dev:50004 > cloud:443 SYN
32.1  dev:50004 > cloud:443 SYN
60.0  switch > * WATCH
"""
"""Both ports of the Sensorist gateway are dropped."""


def green(port: int = 4321, first: float = 1.1) -> str:
    """The same gateway when one port answers from a moment on, told in seconds; SEN-05 needs one of two."""
    data = "".join(f"{first + t:.1f} dev > cloud:{port} EXCHANGE 120 60\n" for t in (1, 30, 60))
    return f"{BOOT}{first:.1f} dev:50011 > cloud:{port} CONNECT\n{data}{first + 90:.1f} switch > * WATCH\n"


def report_of(
    script: str,
    later_s: float = 0.0,
    change: Change | None = None,
    *,
    hosts: Mapping[str, object] = CLOUD,
    device: str | None = None,
) -> Report:
    """The report of a script that is played some seconds later than others."""
    frames = shifted(play_script(script, hosts), round(later_s * SECOND))
    seen = change(frames) if change else frames
    return audit_frames(((f.time_ns, f.data, f.wire_len) for f in seen), AuditOptions(device=device))


def inward(frames: list[Frame]) -> list[Frame]:
    """What a mirror shows that copies the frames to the device alone."""
    return keep_direction(frames, bytes.fromhex(MAC.replace(":", "")), "in")


def need_of(device: DeviceChange, name: str = "SEN-05") -> NeedChange:
    """One need of a compared device."""
    return next(need for need in device.needs if need.id == name)
