"""Who lives where on the lab's internet: the addresses of the vendors' papers, and some neighbours.

Where a paper names a host without an address, or an address without a host, the other half is
made up; nothing here is looked up anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

SENSORIST = ("54.229.203.190", "54.229.68.147")
TEK = ("136.243.42.73", "136.243.42.74", "144.76.220.233", "64.85.169.160")
KEY2ACT_APPLICATION = "34.226.68.99"
KEY2ACT_DATABASES = ("52.44.120.17", "52.44.120.18")
ALSOENERGY = "146.20.187.118"
ALSOENERGY_STREAMER = "74.205.11.149"
ALSOENERGY_FTP = "146.20.122.22"
ALSOENERGY_KIOSK = "172.245.215.165"
SKALA_CLOUD = "52.18.77.40"
SKALA_SOCKETS = "52.18.77.41"
SKALA_IOT = "99.80.34.218"
SKALA_IO = "52.18.77.44"
PUBLIC_RESOLVERS = ("8.8.8.8", "1.1.1.1")
PING_TARGET = "4.2.2.2"
TIME_SERVERS = ("193.11.166.8", "193.182.111.12", "129.6.15.28", "20.101.57.9", "17.253.52.125")
OFFICE_SITES = ("151.101.65.50", "23.43.85.142", "91.198.174.192", "185.60.112.157", "104.18.32.68")

SENSORIST_MOVED = "54.229.118.7"
"""A later address of the cloud: more may come (SEN-07)."""
SITES6 = ("2a04:4e42:600::347", "2a02:26f0:dc::17")
"""Two of the office sites, by IPv6."""
LINE6, LAN6 = "2a0a:5180:10:ffff", "2a0a:5180:10:36"

NEXUS_NAME = "b27f04.skalanexus.com"

NAMES: dict[str, tuple[str, ...]] = {
    "gk.sensorist.com": SENSORIST,
    "gk.sensorist.net": SENSORIST,
    "my.oscartemplog.se": SENSORIST[1:],
    **{f"c{number}.ezecontrol.com": (TEK[(number - 1) % 4],) for number in range(1, 9)},
    "appservice-01.connect.key2act.io": (KEY2ACT_APPLICATION,),
    "db-01.connect.key2act.io": KEY2ACT_DATABASES[:1],
    "db-02.connect.key2act.io": KEY2ACT_DATABASES[1:],
    "pool.ntp.org": TIME_SERVERS[:2],
    "0.debian.pool.ntp.org": TIME_SERVERS[:2],
    "time.nist.gov": TIME_SERVERS[2:3],
    "time.windows.com": TIME_SERVERS[3:4],
    "time.apple.com": TIME_SERVERS[4:],
    "maki.alsoenergy.com": (ALSOENERGY,),
    "servlet.alsoenergy.com": (ALSOENERGY,),
    "streamer.alsoenergy.com": (ALSOENERGY_STREAMER,),
    "www.alsoenergy.com": (ALSOENERGY_KIOSK,),
    "smaftpdm.alsoenergy.com": (ALSOENERGY_FTP,),
    "ptsmaftp.alsoenergy.com": (ALSOENERGY_FTP,),
    "skalacontrol.com": (SKALA_CLOUD,),
    "websockets.skalacontrol.com": (SKALA_SOCKETS,),
    "websocket.skalacontrol.com": (SKALA_SOCKETS,),
    "iot-prod.skalacontrol.com": (SKALA_IOT,),
    "skalacontrol.io": (SKALA_IO,),
    "www.city-weather.example": OFFICE_SITES[:1],
    "mail.office-suite.example": OFFICE_SITES[1:2],
    "www.encyclopedia.example": OFFICE_SITES[2:3],
    "news.morning-paper.example": OFFICE_SITES[3:4],
    "cdn.print-driver.example": OFFICE_SITES[4:],
}

ZONES = tuple(sorted({".".join(name.split(".")[-2:]) for name in NAMES} | {"skalanexus.com"}))
"""Registered domains: a name below one of them that is not in ``NAMES`` does not exist."""


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of server on one port of some addresses; ``kind`` is a key of the servers' table."""

    kind: str
    port: int
    addresses: tuple[str, ...]


_WEB = (ALSOENERGY, ALSOENERGY_STREAMER, ALSOENERGY_KIOSK, SKALA_CLOUD, SKALA_SOCKETS, SKALA_IO, *OFFICE_SITES)

SERVICES = (
    Service("sensorist", 443, (*SENSORIST, SENSORIST_MOVED)),
    Service("sensorist", 4321, (*SENSORIST, SENSORIST_MOVED)),
    Service("licence", 57000, (KEY2ACT_APPLICATION,)),
    Service("licence", 57001, (KEY2ACT_APPLICATION,)),
    Service("licence", 57123, (KEY2ACT_APPLICATION,)),
    Service("postgres", 5432, KEY2ACT_DATABASES),
    Service("ftp", 21, (ALSOENERGY_FTP,)),
    Service("https", 443, _WEB),
    Service("http", 80, _WEB),
    Service("broker", 443, (SKALA_IOT,)),
)

ALL_ADDRESSES = (
    *SENSORIST,
    SENSORIST_MOVED,
    *TEK,
    KEY2ACT_APPLICATION,
    *KEY2ACT_DATABASES,
    ALSOENERGY_FTP,
    *_WEB,
    SKALA_IOT,
    *PUBLIC_RESOLVERS,
    PING_TARGET,
    *TIME_SERVERS,
)


def hops_away(address: str) -> int:
    """How many routers seem to stand before a server; fixed per address."""
    return 6 + sum(map(int, address.split("."))) % 9


def delay_s(address: bytes) -> float:
    """One-way travel time to a server in seconds, 5 to 36 ms; fixed per address."""
    return 0.005 + sum(address) % 32 / 1000
