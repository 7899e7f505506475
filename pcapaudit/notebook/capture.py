"""A capture in the hands of an analyst: its tables, its report, its devices."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from pcapaudit.deep.dissect import dissect
from pcapaudit.engine.opened import Opened, open_captures
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.packets import Keep, read_packets
from pcapaudit.engine.progress import Progress, ignore
from pcapaudit.engine.tables.catalogue import TABLES
from pcapaudit.engine.tables.declare import Row, Table
from pcapaudit.engine.tables.judged import REPORT_TABLES, name_device, read_report
from pcapaudit.model.errors import UsageError
from pcapaudit.model.report import DeviceReport, Report
from pcapaudit.model.words import Addressee
from pcapaudit.notebook.attempts import find_attempts
from pcapaudit.notebook.bar import bar_of_session, clear_bar
from pcapaudit.notebook.card import draw_card, draw_cards
from pcapaudit.notebook.dissected import Dissected
from pcapaudit.notebook.evidence import Evidence, find_evidence
from pcapaudit.notebook.frames import CAPTURE, frame_of
from pcapaudit.notebook.packets import MAX_PACKETS, all_of, of_device, of_flow, packet_frame
from pcapaudit.notebook.plots.kinds import draw
from pcapaudit.notebook.sources import Source, Sources
from pcapaudit.notebook.where import read_condition
from pcapaudit.report.document import to_json
from pcapaudit.report.registry import Look, render
from pcapaudit.report.requests import find_requests, say_nothing, write_mails


def read(  # noqa: PLR0913 - options of an audit, each by its name
    source: Source | Iterable[Source],
    *,
    device: str | None = None,
    signature: str | None = None,
    signatures: str | os.PathLike[str] | None = None,
    led: str | None = None,
    log: str | None = None,
    params: Mapping[str, object] | None = None,
    thresholds: Mapping[str, float] | None = None,
    all_devices: bool = False,
    separate: bool = False,
    progress: bool | None = None,
) -> Capture:
    """Read a capture.

    Args:
        source: A path, a folder, a pattern (``captures/*.pcapng``), a binary file object, an address that fsspec knows
            (``s3://…``), or several of them. Files that continue one another are one capture.
        device: MAC or IP address of the one device to judge.
        signature: What it is, as ``vendor/product``.
        signatures: Folder of signatures instead of the shipped one.
        led: What its LED showed.
        log: What its log said.
        params: Values for the parameters of signatures, e.g. ``{"app_port": 57123}``.
        thresholds: Waits (seconds) and counts that differ from those of the rules.
        all_devices: Also list devices that no signature knows.
        separate: Every file is a capture of its own.
        progress: Whether to show a bar; None shows one in a notebook.

    Raises:
        CaptureError: Nothing could be read.
        SignatureError: A signature file is broken.
        UsageError: A source or an option is none.

    >>> cap = read("samples/sensorist-blinking-red.pcapng")
    >>> cap.devices[["device", "verdict", "stage", "rule"]].to_string(index=False, header=False)
    '02:54:10:2b:30:01 failed connect TCP-ALL-PORTS-FAIL'
    """
    options = AuditOptions(
        device=device,
        signature=signature,
        signatures_dir=None if signatures is None else Path(signatures),
        led=led,
        log=log,
        params={name: str(value) for name, value in (params or {}).items()},
        thresholds=dict(thresholds or {}),
        all_devices=all_devices,
        separate=separate,
        why=True,
    )
    found = Sources(source)
    tell = ignore if progress is False else bar_of_session()
    return Capture(open_captures(found.paths, options, tell), found, tell)


class Capture:
    """One capture, or several side by side. Tables are made when they are first asked for.

    The columns of every table stand in the data dictionary; times are in UTC, units stand in the names. Text is as it
    was on the wire.

    Args:
        opened: The captures.
        sources: Where they came from; kept alive, as fetched files go with it.
        tell: Told how far the judging is.
    """

    def __init__(self, opened: Opened, sources: Sources | None = None, tell: Progress = ignore) -> None:
        self._opened = opened
        self._sources = sources
        self._tell = tell
        self._frames: dict[str, pd.DataFrame] = {}

    # --- the wire -------------------------------------------------------------------------------------

    @property
    def flows(self) -> pd.DataFrame:
        """A row for each conversation, as Zeek's conn.log has it."""
        return self.table("flows")

    @property
    def dns(self) -> pd.DataFrame:
        """A row for each question to one resolver, answered or not."""
        return self.table("dns")

    @property
    def dhcp(self) -> pd.DataFrame:
        """DHCP, as the table ``dhcp`` of the data dictionary says."""
        return self.table("dhcp")

    @property
    def tls(self) -> pd.DataFrame:
        """A row for each TLS handshake."""
        return self.table("tls")

    @property
    def http(self) -> pd.DataFrame:
        """A row for each HTTP request."""
        return self.table("http")

    @property
    def icmp(self) -> pd.DataFrame:
        """ICMP, with the flow that an error quotes."""
        return self.table("icmp")

    @property
    def arp(self) -> pd.DataFrame:
        """A row for each ARP question."""
        return self.table("arp")

    @property
    def ntp(self) -> pd.DataFrame:
        """A row for each NTP exchange."""
        return self.table("ntp")

    # --- the diagnosis -----------------------------------------------------------------------------------

    @property
    def devices(self) -> pd.DataFrame:
        """A row for each device that was judged: verdict, first broken step, root cause."""
        return self.table("devices")

    @property
    def needs(self) -> pd.DataFrame:
        """A row for each need of each device."""
        return self.table("needs")

    @property
    def stages(self) -> pd.DataFrame:
        """A row for each step of each device's ladder."""
        return self.table("stages")

    @property
    def endpoints(self) -> pd.DataFrame:
        """A row for each far side of each need."""
        return self.table("endpoints")

    @property
    def findings(self) -> pd.DataFrame:
        """A row for each rule that fired."""
        return self.table("findings")

    @property
    def health(self) -> pd.DataFrame:
        """What the capture can and cannot show."""
        return self.table("health")

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """A row for each try of a device to use a service that it needs."""
        return find_attempts(self.flows, self.endpoints, self.devices)

    # --- all of them ------------------------------------------------------------------------------------

    def table(self, name: str) -> pd.DataFrame:
        """A table by its name. Raises UsageError for one that does not exist."""
        if name not in self._frames:
            self._frames[name] = self._make(name)
        return self._frames[name]

    def report(self) -> dict[str, Any]:
        """The report document, as ``pcapaudit audit --format json`` prints it."""
        document: dict[str, Any] = json.loads(to_json(self._report))
        return document

    def render(self, form: str = "text") -> str:
        """The report in one of its forms: text, markdown, html, csv, json."""
        return render(self._report, form)

    def device(self, name: str) -> Device:
        """One device by its MAC or an IP address.

        Raises:
            UsageError: The capture has no such device; names those it has.
        """
        wanted = name.strip().lower().replace("-", ":")
        for found in self._report.devices:
            if wanted in (found.mac, *found.addresses):
                return Device(self, found)
        known = ", ".join(name_device(d) for d in self._report.devices[:10])
        hosts = ", ".join((*h.addresses[:1], h.mac or "")[0] for h in self._report.hosts)
        there = f"there are: {known}" if known else f"the busiest hosts are: {hosts or 'none'}"
        raise UsageError(f"there is no judged device {name}; {there}")

    # --- frames ----------------------------------------------------------------------------------------------

    def packets(
        self,
        *,
        where: str | None = None,
        device: str | None = None,
        flow: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = MAX_PACKETS,
    ) -> pd.DataFrame:
        """A row for each packet; the files are read again for them.

        Args:
            where: A condition, e.g. ``tcp.syn and not tcp.ack``; see ``pcapaudit.notebook.where``.
            device: MAC or address: only packets from it or to it.
            flow: ``uid`` of a flow: only its packets.
            columns: Which columns; None gives all.
            limit: At most so many, the first ones of each capture; None has no limit.

        Raises:
            UsageError: The condition, a column, the device or the flow does not exist.
        """
        keep = all_of(*([read_condition(where)] if where else []), *self._packet_filters(device, flow))
        parts = [packet_frame(read_packets(ring.files, keep, limit), columns) for ring in self._opened.rings]
        if len(parts) == 1:
            return parts[0]
        named = (part.assign(capture=ring.files[0]) for part, ring in zip(parts, self._opened.rings, strict=True))
        joined = pd.concat(named, ignore_index=True)
        return joined[["capture", *parts[0].columns]]

    def evidence(self, finding: str | pd.Series[Any] | None = None, *, device: str | None = None) -> Evidence:
        """The frames that prove what was found.

        Args:
            finding: A row of ``findings``, or the id of a rule; None gives the frames of all findings.
            device: MAC or address of the device; None takes all.

        Raises:
            UsageError: Nothing is proven, or the frames lie in several captures.
        """
        rule, frames = (finding, None) if not isinstance(finding, pd.Series) else (finding["rule"], finding["frames"])
        if isinstance(finding, pd.Series):
            device = device or str(finding["device"])
        devices = self._report.devices if device is None else (self.device(device).judged,)
        return find_evidence(self._opened, devices, rule, frames)

    def dissect(self, what: str | pd.Series[Any] | Iterable[int] | int, *, capture: int = 0) -> Dissected:
        """Frames as Wireshark shows them, by tshark in a process of its own.

        Args:
            what: A row of ``findings``, the id of a rule, or frame numbers; at most 200 frames.
            capture: Index of the capture in which frame numbers count.

        Raises:
            DissectionError: tshark is not there; says what to install.
            UsageError: A frame is not in the capture, or nothing is proven.
        """
        if isinstance(what, str | pd.Series):
            return self.evidence(what).dissect()
        numbers = [what] if isinstance(what, int) else list(what)
        return Dissected(dissect(self._opened.rings[capture].files, numbers))

    def requests(self, to: str | None = None) -> str:
        """The change requests as mails, ready to send.

        Args:
            to: To whom: firewall, inspection, lan, dns, vendor, site, capture; None gives all.

        Raises:
            UsageError: There is no such addressee.
        """
        known = [str(word) for word in Addressee]
        if to is not None and to not in known:
            raise UsageError(f"there is no addressee {to!r}; known are: {', '.join(known)}")
        found = [r for r in find_requests(self._report) if to is None or r.to == to]
        return write_mails(found, Look()) if found else say_nothing(self._report)

    def _packet_filters(self, device: str | None, flow: str | None) -> Iterator[Keep]:
        if device is not None:
            judged = self.device(device).judged
            yield of_device(judged.mac, judged.addresses)
        if flow is not None:
            rows = self.flows.loc[self.flows["uid"] == flow]
            if rows.empty:
                raise UsageError(f"there is no flow {flow} in this capture")
            yield of_flow(rows.iloc[0])

    def plot(
        self, kind: str = "needs", ax: Axes | None = None, *, device: str | None = None, flow: str | None = None
    ) -> Axes:
        """Draw a picture.

        Args:
            kind: One of ``pcapaudit.notebook.plots.kinds.KINDS``: timeline, needs, verdicts, dns, traffic, sequence,
                retries, hops.
            ax: Where to draw; None makes a figure.
            device: MAC or address of the device to draw; for those of one device the worst when None.
            flow: ``uid`` of the flow to draw; the first failed attempt of the device when None.

        Raises:
            UsageError: There is no such kind, device or flow.
        """
        return draw(self, kind, ax, device=device, flow=flow)

    @property
    def opened(self) -> Opened:
        """The captures as the engine holds them."""
        return self._opened

    @property
    def judged(self) -> Report:
        """The report as the dataclasses of ``pcapaudit.model.report``."""
        return self._report

    def __repr__(self) -> str:
        known = {} if self._sources is None else self._sources.names
        names = [known.get(name, name) for ring in self._opened.rings for name in ring.files]
        return f"<Capture {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}>"

    def _repr_html_(self) -> str:
        return draw_cards(self._report, self._report.devices)

    @cached_property
    def _report(self) -> Report:
        report = self._opened.report
        clear_bar(self._tell)
        return report

    def _make(self, name: str) -> pd.DataFrame:
        if name in REPORT_TABLES:
            table = REPORT_TABLES[name]
            return self._frame(table, read_report(self._report, table))
        if name not in TABLES:
            raise UsageError(f"there is no table {name!r}; known are: {', '.join((*TABLES, *REPORT_TABLES))}")
        return self._frame(TABLES[name], self._opened.rows(TABLES[name]))

    def _frame(self, table: Table, batches: Iterable[tuple[int, Sequence[Row]]]) -> pd.DataFrame:
        if len(self._opened.rings) == 1:
            return frame_of(table, (row for _, rows in batches for row in rows))
        names = [ring.files[0] for ring in self._opened.rings]
        wider = Table(table.name, table.title, table.row, (CAPTURE, *table.columns))
        return frame_of(wider, ((names[at], *row) for at, rows in batches for row in rows))


class Device:
    """One device of a capture: its rows of the same tables.

    Args:
        capture: Where it was seen.
        judged: What the report says of it.
    """

    def __init__(self, capture: Capture, judged: DeviceReport) -> None:
        self._capture = capture
        self._judged = judged
        self.name = name_device(judged)
        self.verdict = str(judged.verdict)
        self.summary = judged.summary

    def table(self, name: str) -> pd.DataFrame:
        """The rows of a table that speak of this device: as its own, or with it at one end."""
        frame = self._capture.attempts if name == "attempts" else self._capture.table(name)
        if "device" in frame:
            return frame[frame["device"] == self.name].reset_index(drop=True)
        ends = [c for c in ("orig_mac", "resp_mac", "mac", "orig_h", "resp_h") if c in frame]
        known = [self._judged.mac, *self._judged.addresses]
        return frame[frame[ends].isin(known).any(axis=1)].reset_index(drop=True)

    @property
    def judged(self) -> DeviceReport:
        """What the report says of it, as a dataclass of ``pcapaudit.model.report``."""
        return self._judged

    def plot(self, kind: str = "timeline", ax: Axes | None = None, *, flow: str | None = None) -> Axes:
        """Draw a picture of this device; see ``Capture.plot``."""
        return self._capture.plot(kind, ax, device=self.name, flow=flow)

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name in TABLES or name in REPORT_TABLES or name == "attempts":
            return self.table(name)
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *TABLES, *REPORT_TABLES, "attempts"]

    def __repr__(self) -> str:
        return f"<Device {self.name}: {self.verdict}>"

    def _repr_html_(self) -> str:
        return draw_card(self._judged)
