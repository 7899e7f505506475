"""Who is a device of the five vendors and who only looks like one: broken devices, browsers, servers, strangers."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pcapaudit.catalog import load_signatures
from pcapaudit.model.traits import Contact, Contacts, Traits
from tests.catalog.material import identify

SIGNATURES = load_signatures(Path(__file__).resolve().parents[2] / "signatures")
GK = "gk.sensorist.com"
PORTAL = "my.oscartemplog.se"
APP = "appservice-01.connect.key2act.io"
CLOUD = "skalacontrol.com"
IOT = "iot-prod.skalacontrol.com"
NEXUS = "b27f04.skalanexus.com"
FTP = "smaftpdm.alsoenergy.com"
SITE = "www.alsoenergy.com"


def tcp(address: str, port: int, *names: str) -> Contact:
    return Contact("tcp", ip_address(address).packed, port, names, first_frame=20, source_low=40000, source_high=40001)


def udp(address: str, port: int, sizes: tuple[int, int], own_ports: tuple[int, int]) -> Contact:
    packed = ip_address(address).packed
    return Contact("udp", packed, port, (), 20, 3, *sizes, *own_ports)


def host(*contacts: Contact, asked: tuple[str, ...] = (), others: int = 0, **more: Any) -> Traits:
    """A host: where it went, which of the vendors' names it asked, how many unrelated domains beside them."""
    own = {".".join(name.split(".")[-2:]) for name in asked}
    return Traits(
        host="02:00:00:00:00:01",
        mac=bytes.fromhex("020000000001"),
        queried={name: frame for frame, name in enumerate(asked, start=7)},
        contacts=Contacts.of(contacts),
        registered_domains=len(own) + others,
        sent_tcp=any(contact.transport == "tcp" for contact in contacts),
        **more,
    )


BROKEN = {
    "a gateway without DNS": (host(asked=(GK, "gk.sensorist.net")), "sensorist/gateway"),
    "a busier gateway that insists": (host(asked=(GK,), others=4, query_counts={GK: 3}), "sensorist/gateway"),
    "an agent without DNS": (host(asked=(APP, "pool.ntp.org")), "wennsoft/miniagent"),
    "a logger without DNS": (host(asked=("maki.alsoenergy.com", "time.nist.gov")), "alsoenergy/logger"),
    "an uploader without DNS": (host(asked=(FTP,)), "alsoenergy/smaftp"),
    "a kiosk without DNS": (host(asked=("www.AlsoEnergy.com",), others=1), "alsoenergy/kiosk"),
    "a NEXUS without DNS": (host(asked=(CLOUD, IOT), others=1), "skala/nexus"),
    "an iPad behind a rebinding filter": (
        host(tcp("52.18.77.40", 443, CLOUD), asked=(NEXUS, CLOUD), others=9),
        "skala/ipad",
    ),
    "an iPad that gets no name at all": (host(asked=(NEXUS,), others=9, query_counts={NEXUS: 12}), "skala/ipad"),
    "a controller without DNS": (
        host(asked=("c5.ezecontrol.com",), asked_after_lease=("c5.ezecontrol.com",)),
        "tek/pool-ems",
    ),
}
"""Devices whose DNS or gateway fails show little but their questions."""


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_broken_device_is_recognised_by_what_it_asks(case: str) -> None:
    traits, product = BROKEN[case]
    found = identify(traits, SIGNATURES)
    assert (found.signature, found.kind, found.candidates) == (product, "name", ())


GUESSES = {
    "cloud of 2018 on 4321": (host(tcp("54.229.203.190", 4321)), "sensorist/gateway"),
    "cloud of 2018 on 443": (host(tcp("54.229.68.147", 443)), "sensorist/gateway"),
    "licence server": (host(tcp("34.226.68.99", 57000)), "wennsoft/miniagent"),
    "shared address of four names": (host(tcp("146.20.187.118", 443)), "alsoenergy/logger"),
    "FTP server": (host(tcp("146.20.122.22", 21)), "alsoenergy/smaftp"),
    "range of the kiosk": (host(tcp("172.245.215.191", 80)), "alsoenergy/kiosk"),
}


@pytest.mark.parametrize("case", sorted(GUESSES))
def test_an_address_and_a_port_of_the_paper_are_a_guess(case: str) -> None:
    traits, product = GUESSES[case]
    found = identify(traits, SIGNATURES)
    assert (found.signature, found.kind) == (product, "address")


@pytest.mark.parametrize(
    ("sizes", "own_ports", "product"),
    [
        ((24, 1024), (28672, 32767), "tek/pool-ems"),
        ((16, 1016), (28672, 28672), "tek/pool-ems"),
        ((24, 1400), (28672, 32767), None),
        ((24, 312), (28671, 32767), None),
        ((24, 312), (50000, 50001), None),
    ],
)
def test_datagrams_of_the_right_shape_show_a_tek_controller(
    sizes: tuple[int, int], own_ports: tuple[int, int], product: str | None
) -> None:
    found = identify(host(udp("203.0.113.9", 8844, sizes, own_ports)), SIGNATURES)
    assert (found.signature, found.kind) == (product, "shape" if product else None)


SHAPE = udp("136.243.42.73", 8844, (24, 312), (29000, 31000))

STRANGERS = {
    "office PC that looked the name up once": host(tcp("54.229.203.190", 443, GK), asked=(GK,), others=6),
    "browser on the portal, which shares an address": host(
        tcp("54.229.68.147", 443, PORTAL), asked=(PORTAL,), others=2
    ),
    "browser on the portal with cached DNS": host(tcp("54.229.68.147", 443, PORTAL), sni={PORTAL: 9}),
    "4321 somewhere": host(tcp("203.0.113.9", 4321), others=1),
    "the name asked once, 4321 to somebody else": host(tcp("203.0.113.9", 4321, "game.example"), asked=(GK,), others=4),
    "DNS forwarder": host(tcp("54.229.203.190", 4321, GK), asked=(GK,), answers_dns=True),
    "router": host(tcp("54.229.203.190", 4321, GK), asked=(GK,), is_router=True),
    "TEK's shape, but TCP as well": host(SHAPE, tcp("203.0.113.9", 80)),
    "PC on TEK's status page": host(
        tcp("203.0.113.9", 443, "www.ezecontrol.com"),
        asked=("www.ezecontrol.com",),
        asked_after_lease=("www.ezecontrol.com",),
    ),
    "9001 in the internet": host(tcp("203.0.113.9", 9001)),
    "9001 on the LAN without a name": host(tcp("10.0.0.9", 9001)),
    "browser on SKALA Control": host(
        tcp("52.18.77.40", 443, CLOUD), asked=(CLOUD, "websockets.skalacontrol.com"), others=4
    ),
    "PostgreSQL client": host(tcp("203.0.113.9", 5432, "db.example")),
    "client whose server listens in 57XXX": host(tcp("203.0.113.9", 57000), tcp("203.0.113.8", 5432)),
    "browser on the company's site": host(tcp("204.232.231.197", 443, SITE), asked=(SITE,), others=4),
    "browser that shows a power display": host(
        tcp("204.232.231.197", 443, SITE), asked=(SITE, "pubdisplay.alsoenergy.com", "code.jquery.com")
    ),
    "FTP client elsewhere": host(tcp("203.0.113.9", 21)),
    "pinging and asking the time": host(asked=("pool.ntp.org", "time.nist.gov", "time.windows.com")),
}


@pytest.mark.parametrize("case", sorted(STRANGERS))
def test_a_stranger_is_taken_for_no_device(case: str) -> None:
    found = identify(STRANGERS[case], SIGNATURES)
    assert (found.signature, found.candidates) == (None, ())


SIBLINGS = {
    "a logger that also asks for the kiosk's name": (
        host(
            tcp("204.232.231.197", 80, SITE),
            tcp("146.20.187.118", 80, "maki.alsoenergy.com"),
            asked=(SITE, "maki.alsoenergy.com"),
        ),
        "alsoenergy/logger",
    ),
    "an uploader beside the web site": (
        host(tcp("146.20.122.22", 21, FTP), asked=(SITE, FTP)),
        "alsoenergy/smaftp",
    ),
    "an AcquiSuite with one host": (
        host(tcp("67.51.237.194", 443, "buildingmanageronline.com"), asked=("buildingmanageronline.com",)),
        "alsoenergy/logger",
    ),
    "an iPad that uses the IoT host": (
        host(tcp("99.80.34.218", 443, IOT), tcp("10.0.0.9", 9001, NEXUS), asked=(IOT, NEXUS), others=3),
        "skala/ipad",
    ),
    "a NEXUS whose iPad comes": (
        host(tcp("99.80.34.218", 443, IOT), asked=(CLOUD, IOT), inbound=Contacts.of([tcp("10.0.0.7", 9001)])),
        "skala/nexus",
    ),
    "a station PC that also opens SKALA Control": (
        host(
            tcp("52.18.77.44", 443, "skalacontrol.io"), tcp("52.18.77.40", 443, CLOUD), asked=("skalacontrol.io", CLOUD)
        ),
        "skala/pc",
    ),
}


@pytest.mark.parametrize("case", sorted(SIBLINGS))
def test_products_of_one_vendor_are_told_apart(case: str) -> None:
    traits, product = SIBLINGS[case]
    found = identify(traits, SIGNATURES)
    assert (found.signature, found.candidates) == (product, ())


def test_a_box_that_is_two_products_equally_has_candidates() -> None:
    contacts = (tcp("146.20.187.118", 80, "maki.alsoenergy.com"), tcp("146.20.122.22", 21, FTP))
    found = identify(host(*contacts, asked=("maki.alsoenergy.com", FTP)), SIGNATURES)
    assert (found.signature, found.candidates) == (None, ("alsoenergy/logger", "alsoenergy/smaftp"))


def test_what_nearly_matched_is_told_with_the_reason() -> None:
    found = identify(STRANGERS["office PC that looked the name up once"], SIGNATURES)
    assert [near.signature for near in found.nearest] == ["sensorist/gateway"]
    assert "6 unrelated domains" in str(found.nearest[0].missing)


def test_signs_are_told_with_the_frames_that_show_them() -> None:
    found = identify(host(tcp("54.229.203.190", 4321, GK), asked=(GK,)), SIGNATURES)
    assert any(GK in words and "(frame 7)" in words for words in found.by)
