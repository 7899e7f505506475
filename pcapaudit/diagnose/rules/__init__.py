"""The rules, one file a theme; importing this package registers them."""

from __future__ import annotations

from pcapaudit.diagnose.rules import (
    answers,
    connect,
    dhcp,
    dns,
    ftp,
    gateway,
    http,
    icmp,
    link,
    loss,
    mtu,
    persist,
    postgres,
    proxy,
    returning,
    time,
    tls,
    udp,
    websocket,
)

__all__ = [
    "answers",
    "connect",
    "dhcp",
    "dns",
    "ftp",
    "gateway",
    "http",
    "icmp",
    "link",
    "loss",
    "mtu",
    "persist",
    "postgres",
    "proxy",
    "returning",
    "time",
    "tls",
    "udp",
    "websocket",
]
