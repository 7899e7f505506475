"""The same faults of the network for the products that have no stories of their own below the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.lab.address_book import NEXUS_NAME
from tests.lab.scenario import Box, Check, Expected, Scenario
from tests.lab.scenarios.addresses import message
from tests.lab.scenarios.cast import (
    AGENT,
    IPAD,
    KIOSK,
    LOGGER,
    NEXUS,
    OFFICE,
    STATION_PC,
    UPLOADER,
    error_to,
    from_port,
    lease,
    to_port,
)

_WAITING = "Waiting for network connection..."
"""What the MiniAgent logs while its ping gets no answer (WSC-21)."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product: its box, what it cannot do without, and who stands beside it."""

    word: str
    """Begins the names of its scenarios."""
    signature: str
    box: Box
    domains: tuple[str, ...]
    """Registered domains that a filter of names would block."""
    ports: tuple[str, ...]
    """Endpoints of which one must be blamed when its connections fail."""
    beside: tuple[Box, ...] = (OFFICE,)
    names: tuple[str, ...] = ()
    """Names of which one must be blamed when they do not resolve; none: any name below its domains."""
    silent_log: str | None = None
    """What its log says while nothing of the internet answers."""
    nameless_log: str | None = None
    """What its log says while its names do not resolve."""

    def fails(self, stage: str, rule: str, *endpoints: str, log: str | None = None) -> tuple[Expected, ...]:
        """Give the verdict on the product's box."""
        return (Expected(self.box, self.signature, "failed", stage, rule, log, endpoints=endpoints),)


_BRISK_AGENT = replace(AGENT, settings={**AGENT.settings, "dns_wait": "2"})

PRODUCTS = (
    Product(
        *("alsoenergy-logger", "alsoenergy/logger", LOGGER, ("alsoenergy.com",), (":443",)),
        names=("streamer.alsoenergy.com", "maki.alsoenergy.com", "servlet.alsoenergy.com"),
    ),
    Product(
        *("alsoenergy-smaftp", "alsoenergy/smaftp", UPLOADER, ("alsoenergy.com",), (":21",)),
        names=("smaftpdm.alsoenergy.com",),
    ),
    Product(
        *("alsoenergy-kiosk", "alsoenergy/kiosk", KIOSK, ("alsoenergy.com",), (":80", ":443")),
        names=("www.alsoenergy.com",),
    ),
    Product(
        *("wennsoft", "wennsoft/miniagent", _BRISK_AGENT, ("key2act.io",)),
        ports=(":57000", ":57001", ":57123", ":5432"),
        names=("appservice-01.connect.key2act.io", "db-01.connect.key2act.io", "db-02.connect.key2act.io"),
        silent_log=_WAITING,
        nameless_log="Could not resolve host 'appservice-01.connect.key2act.io'",
    ),
    Product(
        *("skala-nexus", "skala/nexus", NEXUS, ("skalacontrol.com",), (":443",)),
        names=("skalacontrol.com", "websockets.skalacontrol.com", "iot-prod.skalacontrol.com"),
    ),
    Product(
        *("skala-ipad", "skala/ipad", IPAD, ("skalacontrol.com",), (":443",)),
        beside=(NEXUS,),
        names=("skalacontrol.com",),
    ),
    Product(
        *("skala-pc", "skala/pc", STATION_PC, ("skalacontrol.io",), (":443",)),
        names=("skalacontrol.io",),
    ),
)


def _scenario(product: Product, fault: str, title: str, story: str, firewall: str) -> Scenario:
    """Give a scenario of the product without its fault, its verdict and its checks."""
    local = {NEXUS_NAME: NEXUS.ip} if NEXUS in (product.box, *product.beside) else {}
    boxes = (*product.beside, product.box)
    return Scenario(f"{product.word}-{fault}", title, story, firewall, boxes, (), (), names=local)


def _syns(box: Box) -> str:
    return f"tcp.flags == 0x02 && ip.src == {box.ip} && !(ip.dst == 10.20.36.0/24)"


def _tcp_dropped(product: Product) -> Scenario:
    box = product.box
    blank = _scenario(
        *(product, "tcp-dropped", "the firewall drops all TCP of the box"),
        "The box has its lease and its names; no connection to the outside is answered, by nobody.",
        "drops all TCP of the box to the outside without a word",
    )
    return replace(
        blank,
        expected=product.fails("connect", _SILENT.get(product.word, "TCP-SYN-TIMEOUT"), *product.ports),
        checks=(
            lease(box),
            Check(_syns(box), at_least=4),
            Check(f"tcp && ip.dst == {box.ip} && !(ip.src == 10.20.36.0/24)", at_most=0),
        ),
        drops=(f"ip saddr {box.ip} meta l4proto tcp drop",),
        seconds=90,
    )


_SILENT = {"alsoenergy-kiosk": "TCP-ALL-PORTS-FAIL"}
"""Products that try several ports of which one would do."""


def _reset(product: Product) -> Scenario:
    box = product.box
    blank = _scenario(
        *(product, "tcp-reset", "the firewall resets all connections of the box"),
        "Each SYN to the outside is answered at once by a reset that the firewall makes in the server's name.",
        "rejects all TCP of the box to the outside with a reset",
    )
    return replace(
        blank,
        expected=product.fails("connect", "TCP-RST-INJECTED", *product.ports),
        checks=(lease(box), Check(f"tcp.flags.reset == 1 && ip.ttl == 64 && ip.dst == {box.ip}", at_least=3)),
        drops=(f"ip saddr {box.ip} meta l4proto tcp reject with tcp reset",),
    )


def _prohibited(product: Product) -> Scenario:
    box = product.box
    blank = _scenario(
        *(product, "tcp-prohibited", "the firewall rejects all connections of the box with ICMP"),
        "Each SYN to the outside is answered by an ICMP error of the firewall, code 13.",
        "rejects all TCP of the box to the outside with ICMP code 13",
    )
    return replace(
        blank,
        expected=product.fails("connect", "ICMP-ADMIN", *product.ports),
        checks=(lease(box), Check(error_to(box, 3, 13), at_least=3)),
        drops=(f"ip saddr {box.ip} meta l4proto tcp reject with icmp type admin-prohibited",),
    )


def _names_hidden(product: Product) -> Scenario:
    box = product.box
    blank = _scenario(
        *(product, "dns-nxdomain", "a filter says that the vendor's names do not exist"),
        "Every name of the vendor is answered with NXDOMAIN; everything else resolves.",
        f"its resolver, which takes all DNS, answers NXDOMAIN for {' and '.join(product.domains)}",
    )
    # A NEXUS beside looks for the same names.
    neighbours = tuple(
        Expected(other, "skala/nexus", "failed", "dns", "DNS-NXDOMAIN", endpoints=product.names)
        for other in product.beside
        if other == NEXUS
    )
    return replace(
        blank,
        expected=product.fails("dns", "DNS-NXDOMAIN", *product.names, "10.20.36.1", log=product.nameless_log)
        + neighbours,
        checks=(
            lease(box),
            Check(f"dns.flags.response == 1 && dns.flags.rcode == 3 && ip.dst == {box.ip}", at_least=2),
        ),
        drops=("ip daddr 8.8.8.8 udp dport 53 drop",),
        resolver_options=tuple(f"--address=/{domain}/" for domain in product.domains),
    )


def _dns_silent(product: Product) -> Scenario:
    box = product.box
    blank = _scenario(
        *(product, "dns-dropped", "the box gets no answer to any name"),
        "The site's resolver ignores the box, and DNS to the outside is closed to it.",
        "drops all DNS of the box, to itself and to the outside",
    )
    return replace(
        blank,
        expected=product.fails(
            *("dns", "DNS-NO-REPLY", *product.names, "10.20.36.1", "8.8.8.8"), log=product.nameless_log
        ),
        checks=(lease(box), Check(to_port(box, 53), at_least=3), Check(from_port(box, 53), at_most=0)),
        drops=(f"ip saddr {box.ip} udp dport 53 drop",),
        gate_drops=(f"ip saddr {box.ip} udp dport 53 drop",),
        seconds=90,
    )


def _unserved(product: Product) -> Scenario:
    box = replace(product.box, is_served=False)
    blank = _scenario(
        *(replace(product, box=box), "no-dhcp", "the box asks for an address and gets none"),
        "The DHCP server ignores this box's hardware address. Another box gets its lease.",
        "its DHCP server ignores the box; lets everything out",
    )
    (verdict,) = product.fails("dhcp", "DHCP-NO-OFFER", log=product.silent_log)
    late = tuple(replace(other, starts_s=10.0) for other in product.beside)
    return replace(
        blank,
        boxes=(*late, box),
        expected=(replace(verdict, box=box, is_recognisable=False),),
        checks=(*map(lease, late), Check(message(box, 1), at_least=3), Check(message(box, 2), at_most=0)),
    )


def _no_router(product: Product) -> Scenario:
    box = product.box
    blank = _scenario(
        *(product, "dhcp-no-router", "the lease has no default gateway"),
        "The box resolves names at the resolver on its LAN and cannot send anything out.",
        "its DHCP server names no router",
    )
    return replace(
        blank,
        boxes=(box,),
        expected=product.fails("dhcp", "DHCP-NO-ROUTER", log=product.silent_log),
        checks=(
            lease(box),
            Check("dhcp.option.dhcp == 5 && dhcp.option.router", at_most=0),
            Check(f"tcp && ip.src == {box.ip}", at_most=0),
        ),
        resolver_options=("--dhcp-option=3",),
    )


def _gateway_silent(product: Product) -> Scenario:
    box = product.box
    blank = _scenario(
        *(product, "gateway-silent", "the default gateway of the lease is not there"),
        "The DHCP server names a router that does not exist. Names resolve on the LAN.",
        "its DHCP server names a router that does not exist",
    )
    return replace(
        blank,
        boxes=(box,),
        expected=product.fails("gateway", "ARP-GW-NO-REPLY", log=product.silent_log),
        checks=(
            lease(box),
            Check(f"arp.opcode == 1 && arp.dst.proto_ipv4 == 10.20.36.254 && eth.src == {box.mac}", at_least=3),
            Check(f"tcp && ip.src == {box.ip}", at_most=0),
        ),
        resolver_options=("--dhcp-option=3,10.20.36.254",),
        # The MiniAgent waits a minute for its ping before it asks for the first name (WSC-14).
        seconds=100 if product.silent_log else 75,
    )


FAULTS: tuple[Callable[[Product], Scenario], ...] = (
    _tcp_dropped,
    _reset,
    _prohibited,
    _names_hidden,
    _dns_silent,
    _unserved,
    _no_router,
    _gateway_silent,
)

ALL = tuple(fault(product) for product in PRODUCTS for fault in FAULTS)
