"""Whom an unattended watch tells, and of what, as somebody wished it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from pcapaudit.model.errors import UsageError
from pcapaudit.model.records import dataclass
from pcapaudit.watch.events import Kind

WEBHOOK = "PCAPAUDIT_WEBHOOK"
SECRET = "PCAPAUDIT_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
KINDS = tuple(kind.value for kind in Kind)
ALERTS = tuple(kind for kind in KINDS if kind != Kind.SEEN)
"""The kinds of events that are told when nothing else is wished."""
LOCAL_LOG = "/dev/log"
SYSLOG_PORT = 514
_ALL = "all"
_URL = re.compile(r"[\x21-\x7e]{8,4096}")
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]{2,64})\]|(?P<host>[A-Za-z0-9._-]{1,253}))?:?(?P<port>\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events are posted. It is a secret: whoever knows the path may post there, so nothing prints it."""

    url: str
    """http or https, without user and password."""
    user: str | None = None
    """``user:password`` for basic authentication."""
    secret: str | None = None
    """The key by which bodies are signed."""

    @property
    def origin(self) -> str:
        """What may be shown: scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def __repr__(self) -> str:
        return f"Webhook({self.origin})"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A program that takes syslog."""

    kind: str
    """``local`` (a socket in the file system), ``udp`` or ``tcp``."""
    host: str
    """A name or an address; of ``local`` the path."""
    port: int = 0

    def __str__(self) -> str:
        return self.host if self.kind == "local" else f"{self.kind}://{join_address(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class Wish:
    """All that is wished; nothing by default."""

    alert_on: tuple[str, ...] = ALERTS
    webhook: Webhook | None = None
    syslog: Receiver | None = None
    metrics: tuple[str, int] | None = None
    """Where numbers can be fetched: address and port; port 0 takes a free one."""

    @property
    def has_alerts(self) -> bool:
        """Events go somewhere."""
        return self.webhook is not None or self.syslog is not None

    @property
    def is_empty(self) -> bool:
        """Nothing is wished."""
        return not self.has_alerts and self.metrics is None

    def as_dict(self) -> dict[str, Any]:
        """For a pipe to the process that tells, secrets and all; not for a screen."""
        hook, log = self.webhook, self.syslog
        return {
            "webhook": {"url": hook.url, "user": hook.user, "secret": hook.secret} if hook else None,
            "syslog": {"kind": log.kind, "host": log.host, "port": log.port} if log else None,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """What ``as_dict`` gave, as far as the process that tells needs it."""
        hook, log = told["webhook"], told["syslog"]
        return cls(webhook=Webhook(**hook) if hook else None, syslog=Receiver(**log) if log else None)


def read_webhook(environment: Mapping[str, str]) -> Webhook | None:
    """The webhook that the environment names; None without one.

    Raises:
        UsageError: The address is none; the error does not repeat it.
    """
    url = environment.get(WEBHOOK, "").strip()
    if not url:
        return None
    problem = f"{WEBHOOK} is no address to post to: expected https://HOST/PATH, other characters percent-encoded"
    if not _URL.fullmatch(url):
        raise UsageError(problem)
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        # Without its cause: that one quotes the address.
        raise UsageError(problem) from None
    user, _, place = parts.netloc.rpartition("@")
    return Webhook(
        parts._replace(netloc=place, fragment="").geturl(), unquote(user) or None, environment.get(SECRET) or None
    )


def read_kinds(text: str) -> tuple[str, ...]:
    """``lost,recovered`` as kinds of events; ``all`` for every kind.

    Raises:
        UsageError: There is no such kind; names those that there are.
    """
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    if kinds == (_ALL,):
        return KINDS
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong or not kinds:
        raise UsageError(f"--alert-on {text}: expected {_ALL}, or some of {', '.join(KINDS)}")
    return kinds


def read_syslog(text: str) -> Receiver:
    """``/dev/log``, ``HOST``, ``HOST:PORT``, ``udp://HOST:PORT`` or ``tcp://HOST:PORT``.

    Raises:
        UsageError: It is none of these.
    """
    if text.startswith("/"):
        return Receiver("local", text)
    scheme, mark, rest = text.rpartition("://")
    kind = scheme if mark else "udp"
    try:
        host, port = split_address(rest)
    except ValueError:
        host, port = None, None
    # There is no usual port for TCP: RFC 6587 tells of 514, which is another service's, and of 601.
    if host is None or kind not in {"udp", "tcp"} or (port is None and kind == "tcp") or port == 0:
        raise UsageError(f"--syslog {text}: expected {LOCAL_LOG}, HOST, HOST:PORT or tcp://HOST:PORT")
    return Receiver(kind, host, port or SYSLOG_PORT)


def read_metrics(text: str) -> tuple[str, int]:
    """``9100``, ``0.0.0.0:9100`` or ``[::]:9100``; without an address the own machine alone.

    Raises:
        UsageError: It is none of these.
    """
    try:
        host, port = (None, int(text)) if text.isascii() and text.isdigit() else split_address(text)
    except ValueError:
        host, port = None, None
    if port is None or port > 65535:
        raise UsageError(f"--metrics {text}: expected PORT or ADDRESS:PORT")
    return host or "127.0.0.1", port


def split_address(text: str) -> tuple[str | None, int | None]:
    """``HOST:PORT``, each of both optional; IPv6 in brackets. Raises ValueError for anything else."""
    found = _ADDRESS.fullmatch(text)
    if found is None or (found["port"] and ":" not in text) or (text.endswith(":")):
        raise ValueError(text)
    port = int(found["port"]) if found["port"] else None
    if port is not None and port > 65535:
        raise ValueError(text)
    return found["six"] or found["host"], port


def join_address(host: str, port: int) -> str:
    """``host:port``; IPv6 gets its brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
