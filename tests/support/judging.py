"""A product that exists in tests alone, devices that are taken for it, and findings made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcapaudit.catalog.schema import Endpoint, HostPattern, Need, Paper, Range, Signature
from pcapaudit.diagnose.confidence import HealthCaps
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.params import Params
from pcapaudit.diagnose.verdict import Diagnosis, diagnose_device
from pcapaudit.flows.hosts import find_hosts
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import parse_ip
from pcapaudit.model.words import Group, Identification, Outcome, Stage
from tests.support.player import Frame
from tests.support.scene import CLOUD, Change, traffic_of
from tests.support.transforms import keep_direction
from tests.support.world import START_NS

DEV_MAC = bytes.fromhex("02000a000005")
SECOND = 1_000_000_000


def tcp(*ports: int, **details: Any) -> Endpoint:
    """An entry of a need: these TCP ports."""
    return Endpoint("tcp", tuple(Range(p, p) for p in ports), **details)


def udp(*ports: int, **details: Any) -> Endpoint:
    """An entry of a need: these UDP ports."""
    return Endpoint("udp", tuple(Range(p, p) for p in ports), **details)


def need(*endpoints: Endpoint, hosts: Sequence[str] = (), **details: Any) -> Need:
    """A need; ``tcp(4321)`` when no entry is given."""
    named = tuple(HostPattern(h) for h in hosts)
    words = {"id": "ACM-01", "what": "cloud", "group": Group.ANY, **details}
    return Need(endpoints=endpoints or (tcp(4321),), hosts=named, **words)


def product(*needs: Need, **details: Any) -> Signature:
    """A signature with these needs, else with one of TCP 4321."""
    words = {"vendor_title": "Acme", "product": "box", "title": "Acme box", "paper": Paper("How to", "2026"), **details}
    return Signature("acme/box", "acme", needs=needs or (need(),), **words)


def outward(frames: list[Frame]) -> list[Frame]:
    """What a mirror shows that copies the device's own frames alone."""
    return keep_direction(frames, DEV_MAC, "out")


def facts_in(
    traffic: Traffic,
    signature: Signature | None = None,
    *,
    address: str = "10.0.0.5",
    kind: Identification | None = Identification.NAME,
    params: Params | None = None,
    values: Mapping[str, int] | None = None,
) -> Facts:
    """The host with this address as a device."""
    hosts = find_hosts(traffic)
    host = next(h for h in hosts if parse_ip(address) in h.addresses)
    return Facts(traffic, host, hosts, signature, kind if signature else None, params or Params(), values or {})


def facts_of(
    script: str,
    signature: Signature | None = None,
    change: Change | None = None,
    *,
    hosts: Mapping[str, object] = CLOUD,
    **details: Any,
) -> Facts:
    """The device ``dev`` of a script (or the one at ``address``), taken for the signature's product."""
    return facts_in(traffic_of(script, change, hosts=hosts), signature, **details)


def diagnosis_of(
    script: str, signature: Signature | None = None, change: Change | None = None, **details: Any
) -> Diagnosis:
    """Every rule run over the device of a script."""
    return diagnose_device(facts_of(script, signature, change, **details), HealthCaps())


def finding(rule: str = "TCP-SYN-TIMEOUT", *, began: float = 0.0, last: float | None = None, **details: Any) -> Fired:
    """A finding as a rule would make it; times in seconds from the start of a script."""
    began_ns = START_NS + round(began * SECOND)
    words: dict[str, Any] = {
        "stage": Stage.CONNECT,
        "outcome": Outcome.FAILED,
        "summary": "it was so",
        "frames": [1],
        "first_ns": began_ns,
        "last_ns": began_ns if last is None else START_NS + round(last * SECOND),
        "began_ns": began_ns,
        **details,
    }
    return Fired(rule, **words)
