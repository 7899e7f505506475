"""Stand-in products for tests of single rules: one service over TCP, one that walks along UDP servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network
from textwrap import dedent

from pcapaudit.catalog.schema import Endpoint, HostPattern, Need, Paper, Range, Signature
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.model.addresses import parse_ip
from tests.support.scene import CLOUD, DEV, devices_of, traffic_of
from tests.support.world import mac_of

CLOUD_NEED = Need(
    id="SEN-05",
    what="cloud connection",
    endpoints=(Endpoint("tcp", (Range(443, 443),)), Endpoint("tcp", (Range(4321, 4321),))),
    hosts=(HostPattern("gk.sensorist.com"),),
    addresses=(ip_network("54.229.203.190/32"),),
    persistent=True,
)
TIME_NEED = Need(id="WSC-05", what="time", endpoints=(Endpoint("udp", (Range(123, 123),), app="ntp"),))
WALK_NEED = Need(
    id="TEK-03",
    what="server",
    endpoints=(Endpoint("udp", (Range(8844, 8844),)),),
    payload=Range(24, 1024),
    source_ports=Range(28672, 32767),
)


def product(*needs: Need, walks_servers: bool = False) -> Signature:
    """A product with these needs."""
    return Signature(
        id="maker/thing",
        vendor="maker",
        vendor_title="Maker",
        product="thing",
        title="Thing",
        paper=Paper("paper", "not stated"),
        needs=needs,
        walks_servers=walks_servers,
    )


CLOUD_PRODUCT = product(CLOUD_NEED)
WALKER = product(WALK_NEED, walks_servers=True)
CLOCK = product(CLOUD_NEED, TIME_NEED)
ONE_SHOT = product(replace(CLOUD_NEED, persistent=False))


def facts_of(
    script: str, signature: Signature | None = CLOUD_PRODUCT, hosts: Mapping[str, object] = CLOUD, judge: str = DEV
) -> Facts:
    """The device of a packet script with the address ``judge``, taken for the product."""
    found = devices_of(traffic_of(dedent(script), hosts=hosts), signature, judge)
    address = parse_ip(judge)
    return next(f for f in found if address in f.addresses or f.mac == mac_of(address))


def outcomes(check: Callable[[Facts], Iterator[Fired]], facts: Facts) -> list[tuple[str, str, str]]:
    """Rule, stage and outcome of everything that a check says."""
    return [(f.rule, f.stage.value, f.outcome.value) for f in check(facts)]
