"""Who made an answer: the server at the far end, or a box near the device that speaks in its name?"""

from __future__ import annotations

from pcapaudit.diagnose.facts import Facts
from pcapaudit.flows.flow import Flow
from pcapaudit.model.addresses import is_public
from pcapaudit.model.events import HttpResponse, Packet

INITIAL_TTLS = (64, 128, 255)
NEAR_HOPS = 2
"""A public server is never so close to a site's own switch port."""

PROXIES = (
    "squid", "bluecoat", "blue coat", "proxysg", "zscaler", "fortigate", "fortiproxy", "fortiguard", "webwasher",
    "ironport", "sophos", "barracuda", "watchguard", "sonicwall", "forcepoint", "websense", "netskope", "iboss",
    "smoothwall", "untangle", "privoxy", "dansguardian", "webfilter", "web filter", "proxy", "web gateway",
)  # fmt: skip
"""Words by which proxies and web filters name themselves in ``Server`` or ``Via``, lower case."""


def hops_of(packet: Packet) -> int:
    """Routers that a packet has passed, if its sender began with 64, 128 or 255 as all common stacks do."""
    return hops_behind(packet.ttl)


def hops_behind(ttl: int) -> int:
    """Routers that a packet with this TTL or hop limit has passed (see ``hops_of``)."""
    return min((initial - ttl for initial in INITIAL_TTLS if initial >= ttl), default=255)


def is_near(facts: Facts, flow: Flow, answer: Packet) -> str | None:
    """Why an answer comes from nearer than its address says; None when it does not.

    Signs: a TTL unlike that of the same connection's SYN-ACK, or one so high that a public
    address would have to be within two hops (catalogue, section 7.3).
    """
    opening = flow.syn_acks[-1:]
    if opening and abs(opening[0].ttl - answer.ttl) >= facts.params.ttl_delta:
        return f"its TTL is {answer.ttl}, the SYN-ACK of the same connection has {opening[0].ttl}"
    hops = hops_of(answer)
    if is_public(answer.src) and hops <= NEAR_HOPS:
        return f"its TTL {answer.ttl} says {hops} hops, the address is public"
    return None


def named_proxy(response: HttpResponse) -> str | None:
    """What the headers say of a proxy; None when they name none. Text of the wire: bounded by the dissector."""
    server = (response.server or "").lower()
    if any(word in server for word in PROXIES):
        return f"Server: {response.server}"
    return f"Via: {response.via}" if response.via else None
