"""Proxies that refuse to connect the device to its service, and networks that let nothing but their proxy out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pcapaudit.catalog.schema import Need
from pcapaudit.diagnose.attempts import Attempt, asks_proxy
from pcapaudit.diagnose.causes import WEB_PORTS
from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Cause, Fired, Target
from pcapaudit.diagnose.registry import Evidence, rule
from pcapaudit.diagnose.rules.connect import where
from pcapaudit.diagnose.rules.http import as_address
from pcapaudit.diagnose.silence import end_by, first_answer_after
from pcapaudit.flows import layout
from pcapaudit.flows.flow import ACK, FIN, TCP, Endpoint, Flow
from pcapaudit.flows.numbering import numbering_of, roles_of
from pcapaudit.flows.streams import distance
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.addresses import ip_text, is_inside, is_public
from pcapaudit.model.events import HttpRequest, HttpResponse, Packet
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Stage

REFUSED_FROM = 400
"""Every error refuses the tunnel (RFC 9110, section 9.3.6); mostly 403, 407, 502, 503 or 504, of some proxies 500."""
MAX_FLOWS = 2000
"""Connections of other hosts that are read for contrast."""
MIN_ADDRESSES, MIN_HOSTS = 2, 2
"""Public addresses that must be out of reach, and other hosts that must go through the proxy alone."""


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
        return self.response.status >= REFUSED_FROM

    @property
    def began_ns(self) -> int:
        """When the device asked."""
        return self.request.at.time_ns


@rule("PROXY-CONNECT-REJECTED", stage=Stage.APP, outcomes="F", evidence=Evidence.EXPLICIT)
def proxy_rejects(facts: Facts) -> Iterator[Fired]:
    """The proxy refuses to connect the device to its service.

    **Seen**: the device's ``CONNECT host:port`` is answered by an error (403, 407, 500, 502, 503, 504), or the
    proxy closes without an answer, and no later one succeeds.

    **Means**: the proxy's access list does not hold the host or the port (most allow 443 only), it wants a
    login (407), or its own name resolution or uplink fails (502, 504).

    **Not this rule**: one 407 that a request with credentials follows.

    **Ask the network team**: allow this host and port for the device on the proxy, without a login.
    """
    if not facts.needs:
        return
    outward = facts.outward_flows
    tunnels = [t for f in outward.where(facts.traffic.spoken.http[outward.places]) for t in _tunnels(facts, f)]
    for target in dict.fromkeys(t.request.target for t in tunnels):
        asked = [t for t in tunnels if t.request.target == target]
        last_open = max((t.began_ns for t in asked if t.is_open), default=0)
        refused = [t for t in asked if t.is_refused and t.began_ns > last_open and not _asks_again(t, tunnels)]
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
    return closed if given_up is None or closed.frame < given_up.frame or _has_seen_end(given_up, closed) else None


def _has_seen_end(given_up: Packet, closed: Packet) -> bool:
    """Whether the device's close acknowledges the other's FIN: that came first, however they were captured."""
    end = (closed.seq + closed.payload_len + 1) % (1 << 32)
    return bool(closed.flags & FIN and given_up.flags & ACK) and distance(given_up.ack, end) >= 0


def _asks_again(tunnel: Tunnel, asked: Sequence[Tunnel]) -> bool:
    """A 407 to a request without credentials is the usual first step when one with credentials follows.

    So it is for a device whose login has opened tunnels, whatever the target: what followed may not be captured.
    """
    if tunnel.response is None or tunnel.response.status != 407 or tunnel.request.has_credentials:
        return False
    return any(t.request.has_credentials and (t.is_open or t.began_ns > tunnel.began_ns) for t in asked)


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
                if not facts.traffic.spoken.http[index]:
                    continue
                flow = facts.traffic.flow(index)
                if flow.orig[0] != address:
                    continue
                for tunnel in _tunnels(facts, flow):
                    if tunnel.request.target == target and tunnel.is_open and tunnel.response is not None:
                        return tunnel.response.at
    return None


def _proxy_causes(last: Tunnel, port: int, other: Packet | None) -> list[Cause]:
    status = last.response.status if last.response is not None else 0
    if other is not None:
        text = f"another host is connected to the same place (frame {other.frame})"
        why = "the proxy's access list does not hold this device"
        return [Cause(why, 35, text, "device_filter", is_contrast=True)]
    if status == 407:
        return [Cause("the proxy wants a login", 30, "status 407", "policy")]
    if status >= 500:
        return [
            Cause("the proxy cannot reach the server: its name resolution or uplink", 25, f"status {status}", "server")
        ]
    why = "most proxies allow 443 only" if port != 443 else "the proxy says so"
    return [Cause("the proxy's access list does not hold this host or port", 30, why, "policy")]


# --- networks that let only their proxy out ----------------------------------------------------------


@rule("PROXY-ONLY-NET", stage=Stage.CONNECT, outcomes="F", evidence=Evidence.ABSENCE)
def proxy_only_net(facts: Facts) -> Iterator[Fired]:
    """This network lets only its proxy out, and the device does not use it.

    **Seen**: the device's direct connections to two or more public addresses on TCP 80 or 443 get no answer or
    are refused, and it never speaks to a proxy; two or more other hosts reach the outside through one local
    proxy and none of them directly on these ports, or the network names a proxy (DHCP option 252, ``wpad``).

    **Means**: only the proxy may go out; the device cannot use one, or was not told of it.

    **Not this rule**: some host has a direct connection to the outside on these ports: then ports or addresses
    are filtered (TCP-SYN-TIMEOUT); the device uses the proxy and is refused (PROXY-CONNECT-REJECTED).

    **Ask the network team**: allow the device's hosts and ports directly, for its address alone.
    """
    stopped = _stopped_directly(facts)
    if not stopped or len(_out_of_reach(facts)) < MIN_ADDRESSES or _uses_proxy(facts):
        return
    use = _proxy_use(facts.traffic)
    witness = _witness(facts, use)
    if witness is None or use.direct:
        return
    text, frames, proxy = witness
    for need in dict.fromkeys(a.need for a in stopped):
        own = [a for a in stopped if a.need is need]
        tries = [p for a in own for p in a.tries]
        yield facts.finding(
            "PROXY-ONLY-NET",
            Stage.CONNECT,
            f"{len(tries)} direct SYN to {where(own[0])} lead nowhere; {text}",
            tries,
            attempts=own,
            target=Target(own[0].host, None, "tcp", own[0].port),
            has_contrast=bool(proxy),
            decisive=[*(a.frames[0] for a in own[:2]), *frames],
            tries=len(tries),
            causes=[Cause("only the proxy is let out of this network", 40, text, "policy")],
            facts={"proxy": proxy},
        )


def _out_of_reach(facts: Facts) -> set[bytes]:
    """Public addresses that the device called on a web port in vain, its vendor's or not."""
    web = (f for f in facts.outward_flows if f.proto == TCP and f.resp[1] in WEB_PORTS and is_public(f.resp[0]))
    return {f.resp[0] for f in web if f.syns and not f.is_established and not f.syn_acks}


def _stopped_directly(facts: Facts) -> list[Attempt]:
    """Direct attempts at public web ports that came to nothing: unanswered ones that count, and refused ones."""
    tried = [
        a
        for a in facts.attempts
        if a.transport == "tcp"
        and a.port in WEB_PORTS
        and is_public(a.address)
        and a.flow.syns
        and not a.has(Stage.CONNECT)
    ]
    newest = max((a.last_try_ns for a in facts.attempts), default=0)
    silent = [a for a in tried if a.is_unanswered and not facts.errors_about(a)]
    counted = facts.counted([p for a in silent for p in a.tries], facts.params.syn_wait, last_activity_ns=newest)
    frames = {p.frame for p in counted} if len(counted) >= facts.params.syn_min_tries else set()
    return [a for a in tried if a.flow.refusal is not None or facts.errors_about(a) or frames & set(a.frames)]


def _uses_proxy(facts: Facts) -> bool:
    """Whether the device itself asks a proxy for anything."""
    may_ask = facts.traffic.spoken.http
    own = (f for f in facts.outward_flows if may_ask[f.index] and not is_public(f.resp[0]))
    return any(asks_proxy(facts.traffic.conversation(f.index)) for f in own)


@dataclass(frozen=True, slots=True)
class _ProxyUse:
    """How the hosts of a capture reach the web.

    ``through`` holds, for each local proxy, the hosts that it served with the frame that shows it; ``direct`` the
    hosts that were answered by a public address on a web port without one.
    """

    through: Mapping[Endpoint, Mapping[bytes, int]]
    direct: frozenset[bytes]


def _proxy_use(traffic: Traffic) -> _ProxyUse:
    """Who uses which proxy; read once per capture."""
    known: _ProxyUse | None = traffic.memo.get("proxy_use")
    if known is None:
        known = traffic.memo["proxy_use"] = _read_proxy_use(traffic)
    return known


def _read_proxy_use(traffic: Traffic) -> _ProxyUse:
    flows, digests, ends = traffic.result.flows, traffic.digests.table, numbering_of(traffic)
    orig, resp, port = roles_of(traffic)
    is_far = ends.is_far
    is_answered = (flows["proto"] == TCP) & (digests[:, layout.SIDE + layout.PACKETS] > 0) & ~is_far[orig]
    to_web = np.isin(port, list(WEB_PORTS))
    is_established = (digests[:, layout.STATE] & layout.ESTABLISHED) > 0
    direct = np.unique(orig[is_answered & is_far[resp] & to_web & is_established]).tolist()
    through = _read_through(
        traffic, np.flatnonzero(is_answered & ~is_far[resp] & traffic.spoken.http)[:MAX_FLOWS].tolist()
    )
    # A proxy's own way out is no host's direct one.
    proxies = {address for address, _ in through}
    return _ProxyUse(through, frozenset(ends.addresses[number] for number in direct) - proxies)


def _read_through(traffic: Traffic, flows: Iterable[int]) -> dict[Endpoint, dict[bytes, int]]:
    """Proxy -> hosts that ask it on these flows, each with the frame that shows it."""
    through: dict[Endpoint, dict[bytes, int]] = {}
    for outline in map(traffic.outline, flows):
        frame = asks_proxy(traffic.conversation(outline.index))
        if frame:
            through.setdefault(outline.resp, {}).setdefault(outline.orig[0], frame)
    return through


def _witness(facts: Facts, use: _ProxyUse) -> tuple[str, list[int], str | None] | None:
    """What shows that this network has a proxy: words, frames, and its endpoint where hosts use it."""
    for proxy, hosts in use.through.items():
        others = {a: frame for a, frame in hosts.items() if a not in facts.addresses}
        if len(others) >= MIN_HOSTS:
            name = f"{ip_text(proxy[0])}:{proxy[1]}"
            return f"{len(others)} other hosts go out through the proxy {name} alone", list(others.values())[:3], name
    named = next((c.ack for c in facts.dhcp if c.ack is not None and c.ack.wpad), None)
    if named is not None:
        return f"the lease names a proxy configuration ({named.wpad})", [named.at.frame], None
    answer = next(
        iter(facts.traffic.dns.saying(lambda m: m.answers and (m.question or "").split(".")[0] == "wpad")), None
    )
    if answer is not None:
        return f"the name {answer.question} leads to a proxy configuration", [answer.at.frame], None
    return None
