"""A clean capture of the lab with what is known of it: the ground that artefacts are derived from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.lab.artefacts.tape import Mac, Tape, read_tape
from tests.lab.truth import DeviceTruth, Truth

ROUTERS = (bytes.fromhex("021f77000001"), bytes.fromhex("021f77000002"))
"""The firewall's hardware address on each LAN."""

ROUTER = ROUTERS[0]

CHANGE_MARGIN_NS = 5 * 10**9
"""How far a cut stays away from a change of the truth: what a box does about it takes a moment."""


WHOLE_WINDOW = frozenset(
    {"DEV-REBOOT-LOOP", "LINK-FLAP", "PATH-LOSS", "PATH-SWITCH", "ARP-DUP-IP", "CONN-FLAP", "WS-DROP"}
)
"""Rules that speak of what happens now and then (catalogue 14.2, step 9a): a stretch may hold none of it."""


def comes_and_goes(device: DeviceTruth) -> bool:
    """Say whether a device works in between, so that less of the capture may show nothing of its fault."""
    return device.stage == "persist" or device.rule in WHOLE_WINDOW


@dataclass(frozen=True, slots=True)
class Original:
    """One run of a scenario."""

    truth: Truth
    inside: Tape
    """What the mirror of the LAN's switch saw."""
    outside: Tape | None
    """What passed on the firewall's line to the internet, as Ethernet frames; None where it was not kept."""

    @property
    def judged(self) -> frozenset[Mac]:
        """The hardware addresses of the judged boxes."""
        return frozenset(bytes.fromhex(device.mac.replace(":", "")) for device in self.truth.devices)

    @property
    def start_ns(self) -> int:
        """Time of the first frame."""
        return self.inside.frames[0].time_ns

    @property
    def end_ns(self) -> int:
        """Time of the last frame."""
        return self.inside.frames[-1].time_ns

    def is_cut_outside_change(self, first_ns: int, last_ns: int) -> bool:
        """Say whether a stretch of the capture has the whole capture's truth: it holds the change entirely."""
        if any(map(comes_and_goes, self.truth.devices)):
            return first_ns <= self.start_ns and last_ns >= self.end_ns
        if self.truth.changes_s is None:
            return True
        begins_ns, ends_ns = (self.start_ns + round(moment * 1e9) for moment in self.truth.changes_s)
        return first_ns <= begins_ns - CHANGE_MARGIN_NS and last_ns >= ends_ns + CHANGE_MARGIN_NS


def load_original(truth: Truth) -> Original:
    """Read the captures that stand beside a truth."""
    outside = outside_of(truth.capture)
    return Original(truth, read_tape(truth.capture), read_tape(outside) if outside.exists() else None)


def outside_of(capture: Path) -> Path:
    """Where the view from outside of the firewall lies, if it was kept."""
    return capture.parent / "outside" / capture.name
