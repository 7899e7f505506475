"""The options of ``pcapaudit live`` that say whom an unattended watch tells."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

import click

from pcapaudit.cli.output import write_note
from pcapaudit.model.errors import UsageError
from pcapaudit.station.alerts import Alerts
from pcapaudit.station.wish import ALERTS, LOCAL_LOG, WEBHOOK, Wish, read_kinds, read_metrics, read_syslog, read_webhook

_OWN_MACHINE = ("127.", "[::1]")
_Command = TypeVar("_Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--alert-on",
        metavar="KINDS",
        help=f"Events that are told: lost,recovered,... or all. They go to --syslog and to the webhook of {WEBHOOK}.",
    ),
    click.option(
        "--syslog",
        metavar="[HOST[:PORT]]",
        is_flag=False,
        flag_value=LOCAL_LOG,
        help="Write events to this machine's log, to a host by UDP, or to tcp://HOST:PORT.",
    ),
    click.option("--metrics", metavar="[HOST:]PORT", help="Answer Prometheus there; without HOST this machine alone."),
)


def station_options(command: _Command) -> _Command:
    """Give a command these options; ``take_wish`` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take_wish(given: dict[str, Any]) -> Wish:
    """Take the options, and the webhook that the environment names, out of what a command was given.

    Raises:
        UsageError: One of them means nothing, or a library that it needs is missing.
    """
    kinds, syslog, metrics = given.pop("alert_on"), given.pop("syslog"), given.pop("metrics")
    wish = Wish(
        alert_on=ALERTS if kinds is None else read_kinds(kinds),
        webhook=read_webhook(os.environ),
        syslog=None if syslog is None else read_syslog(syslog),
        metrics=None if metrics is None else read_metrics(metrics),
    )
    if kinds is not None and not wish.has_alerts:
        raise UsageError(f"--alert-on: nobody is told anything; give --syslog, or a webhook in {WEBHOOK}")
    if wish.metrics is not None and find_spec("prometheus_client") is None:
        raise UsageError("--metrics needs a library that is not installed: pip install 'pcapaudit[live]'")
    return wish


def announce(wish: Wish, alerts: Alerts) -> None:
    """Say on standard error who is told, without what is secret."""
    if wish.has_alerts:
        receivers = [f"webhook {wish.webhook.origin}"] if wish.webhook else []
        receivers += [f"syslog {wish.syslog}"] if wish.syslog else []
        write_note(f"told to {' and '.join(receivers)}: {', '.join(wish.alert_on)}")
    if alerts.metrics_address is not None:
        write_note(f"numbers: http://{alerts.metrics_address}/metrics")
        if not alerts.metrics_address.startswith(_OWN_MACHINE):
            write_note("warning: whoever reaches this port reads names and addresses of devices")
