"""Proxies that refuse to connect the device to its service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.http import as_address
from pcapaudit.diagnose.silence import end_by, first_answer_after
from pcapaudit.flows.flow import TCP, Flow
from pcapaudit.model.addresses import ip_text, is_inside
from pcapaudit.model.events import HttpRequest, HttpResponse, Packet
from pcapaudit.model.words import Stage

TUNNEL_REFUSALS = frozenset({403, 407, 502, 503, 504})
MAX_FLOWS = 2000
"""Connections of other hosts that are read for contrast."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One CONNECT request to a proxy and what came of it; ``response`` None: closed without an answer."""

    flow: Flow
    request: HttpRequest
    response: HttpResponse | None
    closed: Packet | None

    @property
    def is_open(self) -> bool:
        """Whether the proxy connected."""
        return self.response is not None and 200 <= self.response.status < 300

    @property
    def is_refused(self) -> bool:
        """Whether the proxy said no, or hung up."""
        if self.response is None:
            return self.closed is not None
        return self.response.status in TUNNEL_REFUSALS

    @property
    def began_ns(self) -> int:
        """When the device asked."""
        return self.request.at.time_ns


@rule("PROXY-CONNECT-REJECTED", stage=Stage.APP, outcomes="F", evidence=Evidence.EXPLICIT)
def proxy_rejects(facts: Facts) -> Iterator[Fired]:
    """The proxy refuses to connect the device to its service.

    **Seen**: the device's ``CONNECT host:port`` is answered by 403, 407, 502, 503 or 504, or the proxy closes
    without an answer, and no later one succeeds.

    **Means**: the proxy's access list does not hold the host or the port (most allow 443 only), it wants a
    login (407), or its own name resolution or uplink fails (502, 504).

    **Not this rule**: one 407 that a request with credentials follows.

    **Ask the network team**: allow this host and port for the device on the proxy, without a login.
    """
    if not facts.needs:
        return
    tunnels = [t for f in facts.outward_flows if f.proto == TCP for t in _tunnels(facts, f)]
    for target in dict.fromkeys(t.request.target for t in tunnels):
        asked = [t for t in tunnels if t.request.target == target]
        last_open = max((t.began_ns for t in asked if t.is_open), default=0)
        refused = [t for t in asked if t.is_refused and t.began_ns > last_open and not _asks_again(t, asked)]
        need = _need_of(facts, target)
        if refused and need is not None:
            yield _rejected(facts, target, need, refused)


def _tunnels(facts: Facts, flow: Flow) -> list[Tunnel]:
    events = facts.traffic.conversation(flow.index)
    requests = [e for e in events if isinstance(e, HttpRequest)]
    finals: list[HttpResponse | None] = [e for e in events if isinstance(e, HttpResponse) and e.status >= 200]
    padded = [*finals, *([None] * len(requests))]
    pairs = zip(requests, padded, strict=False)
    return [Tunnel(flow, q, r, _hung_up(flow, q.at)) for q, r in pairs if q.method == "CONNECT"]


def _hung_up(flow: Flow, since: Packet) -> Packet | None:
    """The proxy's FIN or RST before any answer and before the device closed."""
    closed, given_up = end_by(flow, since, device=False), end_by(flow, since, device=True)
    if closed is None or first_answer_after(flow, since) is not None:
        return None
    return closed if given_up is None or closed.frame < given_up.frame else None


def _asks_again(tunnel: Tunnel, asked: Sequence[Tunnel]) -> bool:
    """A 407 to a request without credentials is the usual first step when one with credentials follows."""
    if tunnel.response is None or tunnel.response.status != 407 or tunnel.request.has_credentials:
        return False
    return any(t.request.has_credentials and t.began_ns > tunnel.began_ns for t in asked)


def _need_of(facts: Facts, target: str) -> Need | None:
    """The need whose host and port a CONNECT names."""
    host, _, port = target.rpartition(":")
    name = host.strip("[]").lower()
    address = as_address(name)
    number = int(port) if port.isdecimal() else 0
    for need in facts.needs:
        named = any(p.matches(name) for p in need.hosts)
        known = address is not None and any(is_inside(address, net) for net in need.addresses)
        fits = any(r.low <= number <= r.high for e in need.endpoints for r in e.ports)
        if (named or known) and fits:
            return need
    return None


def _rejected(facts: Facts, target: str, need: Need, refused: Sequence[Tunnel]) -> Fired:
    last = refused[-1]
    proxy = last.flow.resp
    how = f"HTTP {last.response.status}" if last.response is not None else "closing without an answer"
    other = _works_for_others(facts, target)
    indices = {t.flow.index for t in refused}
    host, _, port = target.rpartition(":")
    return facts.finding(
        "PROXY-CONNECT-REJECTED",
        Stage.APP,
        f"proxy {ip_text(proxy[0])}:{proxy[1]} refuses to connect the device to {target}: {how}",
        [p for t in refused for p in (t.request.at, t.response.at if t.response else t.closed or t.request.at)],
        attempts=[a for a in facts.attempts if a.flow.index in indices],
        need=need,
        target=Target(host or None, proxy[0], "tcp", proxy[1]),
        began_ns=last.began_ns,
        tries=len(refused),
        independent=len(refused),
        has_contrast=other is not None,
        decisive=[last.request.at.frame, *([other.frame] if other else [])],
        causes=_proxy_causes(last, int(port) if port.isdecimal() else 0, other),
    )


def _works_for_others(facts: Facts, target: str) -> Packet | None:
    """Another host's CONNECT to the same target that succeeded."""
    for host in facts.others:
        for address in host.addresses:
            for index in facts.traffic.flows_by_address.get(address, [])[:MAX_FLOWS]:
                flow = facts.traffic.flow(index)
                if flow.proto != TCP or flow.orig[0] != address:
                    continue
                for tunnel in _tunnels(facts, flow):
                    if tunnel.request.target == target and tunnel.is_open and tunnel.response is not None:
                        return tunnel.response.at
    return None


def _proxy_causes(last: Tunnel, port: int, other: Packet | None) -> list[Cause]:
    status = last.response.status if last.response is not None else 0
    if other is not None:
        text = f"another host is connected to the same place (frame {other.frame})"
        return [Cause("the proxy's access list does not hold this device", 35, text, "device_filter")]
    if status == 407:
        return [Cause("the proxy wants a login", 30, "status 407", "policy")]
    if status in (502, 503, 504):
        return [
            Cause("the proxy cannot reach the server: its name resolution or uplink", 25, f"status {status}", "server")
        ]
    why = "most proxies allow 443 only" if port != 443 else "the proxy says so"
    return [Cause("the proxy's access list does not hold this host or port", 30, why, "policy")]
