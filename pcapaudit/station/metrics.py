"""The numbers of a watch in the form that Prometheus fetches; made from its status alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from pcapaudit import __version__
from pcapaudit.model.records import dataclass
from pcapaudit.report.escape import make_visible
from pcapaudit.station.outlet import Counts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/"""
MOST_DEVICES = 1_000
"""Devices that have series of their own: the worst, as the status has them first."""
_LABEL_CHARS = 200
_DEVICE = ("device", "mac", "address")
_UP = {"healthy": 1.0, "degraded": 1.0, "failed": 0.0}
_PREFIX = "pcapaudit_live"

Numbers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """How the process that tells others does."""

    age_s: float | None
    """Of the newest status, seconds; None when none came."""
    outlets: Mapping[str, Counts]
    """webhook, syslog -> how the events fared there."""
    restarts: int
    """How often this process was started anew."""


def make_exposition(source: str, status: Numbers | None, telling: Telling, *, process: int | None = None) -> bytes:
    """All numbers in Prometheus' text format.

    Args:
        source: What is watched.
        status: The newest status of the watch; None before the first.
        telling: How telling it does.
        process: The process that watches, for its ``process_`` numbers; None: without them.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(_tell(source, status, telling)))
    if process is not None and os.path.exists(f"/proc/{process}"):  # noqa: PTH110 - no object per fetch
        ProcessCollector(pid=lambda: process, registry=registry)
    return generate_latest(registry)


class _Given(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: Iterator[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics


def _tell(source: str, status: Numbers | None, telling: Telling) -> Iterator[Metric]:
    yield InfoMetricFamily(_PREFIX, "What is watched.", {"source": _label(source), "version": __version__})
    yield from _tell_telling(telling)
    if status is not None:
        yield from _tell_capture(status)
        yield from _tell_verdicts(status)
        yield from _tell_devices(status["devices"][:MOST_DEVICES])


def _tell_telling(telling: Telling) -> Iterator[Metric]:
    if telling.age_s is not None:
        yield _gauge("status_age_seconds", "Time since the watch last said how it does.", telling.age_s)
    sent = _counter("alerts_sent", "Events that a receiver took.", ["outlet"])
    failed = _counter("alerts_failed", "Events that were given up.", ["outlet"])
    waiting = _gauge("alerts_waiting", "Events that wait for a receiver.", labels=["outlet"])
    for name, counts in telling.outlets.items():
        sent.add_metric([name], counts.sent)
        failed.add_metric([name], counts.failed)
        waiting.add_metric([name], counts.waiting)
    yield from (sent, failed, waiting)
    restarts = _counter("teller_restarts", "How often the process that tells others was started anew.", [])
    restarts.add_metric([], telling.restarts)
    yield restarts


def _seconds(at: str | None) -> float | None:
    return None if at is None else datetime.fromisoformat(at).timestamp()


_COUNTERS = (
    ("frames", "frames", "Frames that came."),
    ("octets", "bytes", "Bytes of these frames on the wire."),
    ("dropped", "dropped_frames", "Frames that the capturing side lost."),
)
_GAUGES: tuple[tuple[str, str, str, Callable[[Any], float | None]], ...] = (
    ("frames_per_s", "frames_per_second", "Frames a second.", float),
    ("bits_per_s", "bytes_per_second", "Bytes a second.", lambda bits: bits / 8),
    ("lag_s", "lag_seconds", "How far reading is behind the wire.", float),
    ("look_s", "look_seconds", "Time that the newest look took.", float),
    ("is_blind", "blind", "1: the interface is down or gone, nothing can be seen.", float),
    ("at", "wire_clock_timestamp_seconds", "The wire's clock.", _seconds),
    ("since", "judged_since_timestamp_seconds", "When begins what is judged.", _seconds),
)


def _tell_capture(status: Numbers) -> Iterator[Metric]:
    for key, name, words in _COUNTERS:
        counter = _counter(name, words, [])
        counter.add_metric([], status[key])
        yield counter
    for key, name, words, read in _GAUGES:
        value = None if status[key] is None else read(status[key])
        if value is not None:
            yield _gauge(name, words, value)
    yield _by_label("table_rows", "Rows in the tables of the watch.", "table", status["tables"])
    faults = {fault["id"]: 1 for fault in status["health"]}
    yield _by_label("capture_fault", "1: the capture has this fault (CAP-...).", "id", faults)
    if status["ring"] is not None:
        yield from _tell_ring(status["ring"])


def _tell_ring(ring: Numbers) -> Iterator[Metric]:
    yield _gauge("ring_bytes", "Bytes in the ring.", ring["octets"])
    yield _gauge("ring_files", "Files in the ring.", ring["files"])
    yield _gauge("ring_broken", "1: the ring keeps nothing any more.", float(ring["fault"] is not None))
    oldest = _seconds(ring["from"])
    if oldest is not None:
        yield _gauge("ring_oldest_timestamp_seconds", "When the ring's oldest frame was captured.", oldest)


def _tell_verdicts(status: Numbers) -> Iterator[Metric]:
    yield _by_label("devices", "Devices by verdict.", "verdict", status["verdicts"])
    yield _by_label("failed_devices", "Devices that are offline, by the step that fails.", "stage", status["stages"])


def _tell_devices(devices: Sequence[Numbers]) -> Iterator[Metric]:
    up = _gauge("device_up", "1: works, 0: offline; absent while undecided.", labels=_DEVICE)
    silent = _gauge("device_silent", "1: nothing was heard of it for long.", labels=_DEVICE)
    flapping = _gauge("device_flapping", "1: it is lost again and again.", labels=_DEVICE)
    answered = _gauge("device_last_answer_timestamp_seconds", "When its cloud last answered.", labels=_DEVICE)
    known: set[tuple[str, ...]] = set()
    for device in devices:
        labels = [_label(device[name]) for name in _DEVICE]
        # One that is listed twice under the same names would make the whole answer invalid.
        if tuple(labels) in known:
            continue
        known.add(tuple(labels))
        values = (_UP.get(device["verdict"] or ""), device["is_silent"], device["is_flapping"])
        for family, value in zip(
            (up, silent, flapping, answered), (*values, _seconds(device["answered"])), strict=True
        ):
            if value is not None:
                family.add_metric(labels, float(value))
    yield from (up, silent, flapping, answered)


def _gauge(name: str, words: str, value: float | None = None, labels: Sequence[str] | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", words, value=value, labels=labels)


def _counter(name: str, words: str, labels: Sequence[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"{_PREFIX}_{name}", words, labels=labels)


def _by_label(name: str, words: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = _gauge(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([_label(key)], value)
    return family


def _label(value: str | None) -> str:
    """A label's value: strangers chose it, so nothing in it steers a screen and it does not grow."""
    return make_visible(value or "")[:_LABEL_CHARS]
