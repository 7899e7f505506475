"""The rules, one file a stage; importing this package registers them in ladder order."""

from __future__ import annotations

from pcapaudit.diagnose.rules import (
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
