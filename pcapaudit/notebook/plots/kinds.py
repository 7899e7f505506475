"""Every kind of picture by its name, drawn from a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes

from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.model.times import NS
from pcapaudit.model.words import VERDICTS
from pcapaudit.notebook.plots.dns import draw_dns
from pcapaudit.notebook.plots.hops import draw_hops
from pcapaudit.notebook.plots.matrix import draw_matrix
from pcapaudit.notebook.plots.retries import draw_retries
from pcapaudit.notebook.plots.sequence import draw_sequence
from pcapaudit.notebook.plots.timeline import draw_timeline
from pcapaudit.notebook.plots.traffic import draw_traffic
from pcapaudit.notebook.plots.verdicts import draw_verdicts

if TYPE_CHECKING:
    from pcapaudit.notebook.capture import Capture, Device

_FAILED = ("S0", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR")
"""Outcomes of a connection that did not work, in Zeek's letters."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is drawn: a capture, one device of it or all, one flow."""

    capture: Capture
    device: str | None
    flow: str | None

    def table(self, name: str) -> pd.DataFrame:
        """A table, of the device alone if one is named."""
        whole = self.capture.attempts if name == "attempts" else self.capture.table(name)
        return whole if self.device is None else self.capture.device(self.device).table(name)

    def worst(self) -> Device:
        """The device that is named, or the one with the worst verdict. Raises UsageError when there is none."""
        devices = self.capture.judged.devices
        if self.device is None and not devices:
            raise UsageError("no device was recognised in this capture")
        name = self.device or str(self.capture.devices["device"].iloc[self._worst_row()])
        return self.capture.device(name)

    def _worst_row(self) -> int:
        verdicts = [VERDICTS.index(d.verdict) for d in self.capture.judged.devices]
        return verdicts.index(max(verdicts))

    def rows(self) -> Iterator[int]:
        """Rows of the table ``flows`` that belong to the attempts of the device, the failed ones first."""
        attempts = self.worst().attempts
        is_failed = attempts["conn_state"].astype(str).isin(_FAILED)
        ordered = pd.concat([attempts[is_failed], attempts[~is_failed]])
        places = pd.Series(range(len(self.capture.flows)), index=self.capture.flows["uid"])
        yield from (int(place) for place in places[~places.index.duplicated()].reindex(ordered["uid"]).dropna())

    def one_flow(self) -> tuple[int, Flow]:
        """The flow that is named, or the first failed attempt, and the index of its capture. Raises UsageError."""
        return self.capture.opened.flow(self.flow_row())

    def flow_row(self) -> int:
        """Its row of the table ``flows``. Raises UsageError."""
        if self.flow is None:
            row = next(self.rows(), None)
        else:
            found = self.capture.flows.index[self.capture.flows["uid"] == self.flow]
            row = int(found[0]) if len(found) else None
        if row is None:
            raise UsageError(f"there is no flow {self.flow or 'of an attempt'} in this capture")
        return row


def _timeline(choice: Choice, ax: Axes | None) -> Axes:
    judged = choice.worst().judged
    return draw_timeline(judged, choice.capture.judged.captures[judged.capture], ax)


def _needs(choice: Choice, ax: Axes | None) -> Axes:
    return draw_matrix(choice.table("needs"), choice.table("devices"), ax)


def _sequence(choice: Choice, ax: Axes | None) -> Axes:
    at, flow = choice.one_flow()
    return draw_sequence(flow, choice.capture.opened.rings[at].traffic.end_ns, ax)


def _retries(choice: Choice, ax: Axes | None) -> Axes:
    flows = (choice.capture.opened.flow(row)[1] for row in choice.rows())
    attempts = [(f"frame {flow.first_frame}", [(p.time_ns - flow.syns[0].time_ns) / NS for p in flow.syns])
                for flow in flows if flow.proto == TCP and flow.syns]  # fmt: skip
    return draw_retries(attempts, ax)


def _hops(choice: Choice, ax: Axes | None) -> Axes:
    rows = list(choice.rows()) if choice.flow is None else [choice.flow_row()]
    flows = choice.capture.flows
    far, own = set(flows["resp_h"].iloc[rows]), set(flows["orig_h"].iloc[rows])
    beside = flows["resp_h"].isin(far) & ~flows["orig_h"].isin(own)
    others = (choice.capture.opened.flow(int(row))[1] for row in beside.to_numpy().nonzero()[0])
    return draw_hops((choice.capture.opened.flow(row)[1] for row in rows), others, ax)


KINDS: Mapping[str, tuple[str, Callable[[Choice, Axes | None], Axes]]] = {
    "timeline": ("whom a device asked when, and what came back; its ladder above", _timeline),
    "needs": ("devices and their needs: who reaches what", _needs),
    "verdicts": ("verdicts, a bar for each capture", lambda c, ax: draw_verdicts(c.table("devices"), ax)),
    "dns": ("how long DNS answers take, and which codes they bring", lambda c, ax: draw_dns(c.table("dns"), ax)),
    "traffic": ("payload over time, by need", lambda c, ax: draw_traffic(c.table("attempts"), ax)),
    "sequence": ("who sent what when in one flow, with the silence", _sequence),
    "retries": ("when a device repeats its SYN, beside known network stacks", _retries),
    "hops": ("answers by delay and TTL: shows a reset that was made on the way", _hops),
}
"""Name -> what it shows, and the function that draws it."""


def draw(
    capture: Capture, kind: str, ax: Axes | None = None, *, device: str | None = None, flow: str | None = None
) -> Axes:
    """Draw one kind of picture.

    Args:
        capture: From what.
        kind: A name of ``KINDS``.
        ax: Where to draw; None makes a figure.
        device: MAC or address of the device; None takes the worst, or all.
        flow: ``uid`` of a flow; None takes the first failed attempt of the device.

    Raises:
        UsageError: There is no such kind, device or flow.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no picture {kind!r}; known are: {', '.join(KINDS)}")
    return KINDS[kind][1](Choice(capture, device, flow), ax)
