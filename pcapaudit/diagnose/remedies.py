"""What to ask of whom: the forms of the catalogue, section 14.5a, filled from the capture.

Unknown fields are left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fired import Fired
from pcapaudit.diagnose.switchport import port_of, switch_ports
from pcapaudit.model.addresses import ip_text, mac_text
from pcapaudit.model.records import dataclass
from pcapaudit.model.report import Remedy
from pcapaudit.model.times import readable
from pcapaudit.model.words import Addressee, Stage

LOOK_UP_TIMES = 3
LIKELY = 30
PROXY_LOGIN = 407
VENDOR_FIRST_KINDS = frozenset({"server", "registration"})


@dataclass(frozen=True, slots=True)
class Advice:
    """Remedies of one finding, likelier addressee first, and the vendor facts they cite."""

    remedies: tuple[Remedy, ...] = ()
    cites: tuple[str, ...] = ()


Form = Callable[[Facts, Fired], str]


def advise(facts: Facts, fired: Fired) -> Advice:
    """Fill the forms that fit a finding.

    The vendor's own remedy (from the signature) leads; the form for the team that can act follows.
    """
    own, cites = _vendor_words(facts, fired)
    filled = [Remedy(to, form(facts, fired)) for to, form in _forms(fired)]
    lead = [Remedy(_addressee(fired), own)] if own else []
    return Advice((*lead, *filled), cites)


def _vendor_words(facts: Facts, fired: Fired) -> tuple[str, tuple[str, ...]]:
    """The signature's remedy for the rule, else for the stage."""
    if facts.signature is None:
        return "", ()
    remedy = facts.signature.remedies.get(fired.rule) or facts.signature.remedies.get(str(fired.stage))
    if remedy is None:
        return "", ()
    return remedy.text.strip(), tuple(remedy.source)


def _addressee(fired: Fired) -> Addressee:
    forms = _forms(fired)
    return forms[0][0] if forms else Addressee.SITE


def _forms(fired: Fired) -> Sequence[tuple[Addressee, Form]]:
    if fired.rule == "HTTP-ERROR" and fired.facts.get("status") == PROXY_LOGIN:
        return _PROXY
    explicit = BY_RULE.get(fired.rule)
    if explicit is not None:
        return explicit
    forms = BY_STAGE.get(fired.stage, ())
    if fired.stage is not Stage.CONNECT or not fired.causes:
        return forms
    first = max(fired.causes, key=lambda c: c.weight)
    if first.kind in VENDOR_FIRST_KINDS:
        return tuple(reversed(forms))
    # One cause stands out: only who can act on it is asked (catalogue 14.5a).
    return forms[:1] if first.weight >= LIKELY else forms


# --- the forms ----------------------------------------------------------------------------------


def firewall_form(facts: Facts, fired: Fired) -> str:
    """Allow the connection out, with its replies."""
    seen = f"Seen: {fired.independent} attempts from {_window(fired)} (frames {_frames(fired)})."
    log = f"Please search the firewall's log for {_source(facts)}{_port_words(fired)} at {_moments(fired)}."
    return (
        f"Please allow, from {_device(facts)} to {_destination(fired)}, outbound, with the replies to it "
        f"(stateful; no inbound rule is needed). {seen} {log} The drop may be made by application control, a country "
        f"or reputation filter, or TLS inspection instead of a port rule."
    )


def ftp_data_form(facts: Facts, fired: Fired) -> str:
    """Let FTP's second connection pass: the first one works already."""
    server = fired.target.host or ", ".join(_target_address(fired)) or "its server"
    return (
        f"{_device(facts)} reaches {server} by FTP on TCP 21, but the data connections that FTP "
        f"opens to the same host beside it get no answer. Please let the firewall follow FTP, or open the server's "
        f"passive ports outbound to that host. Seen from {_window(fired)} (frames {_frames(fired)}); please search "
        f"the firewall's log for {_source(facts)} at {_moments(fired)}."
    )


def ftp_active_form(facts: Facts, fired: Fired) -> str:
    """Translate the address inside FTP as well."""
    return (
        f"{_device(facts)} uses FTP in active mode, and the address that it tells the server is not translated: "
        f"{fired.summary}, from {_window(fired)} (frames {_frames(fired)}). Please switch on the FTP helper "
        f"(application gateway) of the router, or let the device use passive mode."
    )


def proxy_form(facts: Facts, fired: Fired) -> str:
    """Let the device through the proxy, or past it, without a login."""
    return (
        f"{_device(facts)} cannot log in at a proxy. {_sentence(fired)}, from "
        f"{_window(fired)} (frames {_frames(fired)}). Please let the proxy pass {_destination(fired)} for this device "
        f"without a login, or let the device out directly."
    )


def portal_form(facts: Facts, fired: Fired) -> str:
    """Let the device out without anybody logging in."""
    return (
        f"{_device(facts)} cannot log in at a portal. {_sentence(fired)}, from "
        f"{_window(fired)} (frames {_frames(fired)}). Please exempt the device's MAC address from the portal."
    )


def upgrade_form(facts: Facts, fired: Fired) -> str:
    """Hand the websocket's request on as it is."""
    return (
        f"{_sentence(fired)}, from {_window(fired)} (frames {_frames(fired)}). Please let "
        f"the proxy hand the headers Upgrade and Connection on for {_device(facts)} to {_destination(fired)}, or "
        f"exempt this connection from it."
    )


def inspection_form(facts: Facts, fired: Fired) -> str:
    """Exempt the device's hosts from inspection."""
    return (
        f"Please exempt {_host_words(fired)} from TLS inspection and application control for {_device(facts)}: "
        f"the device accepts only its vendor's certificates. At {readable(fired.began_ns)}: {fired.summary} "
        f"(frames {_frames(fired)})."
    )


def lan_form(facts: Facts, fired: Fired) -> str:
    """Check the port, the VLAN and the address server."""
    return (
        f"For {_device(facts)}{_switch_words(facts)}: {fired.summary}, from {_window(fired)} "
        f"(frames {_frames(fired)}). Please check for this port and MAC: access VLAN, 802.1X and MAC "
        f"authentication, port security, DHCP snooping trust, free leases, MAC filter, helper address."
    )


def relay_form(facts: Facts, fired: Fired) -> str:
    """Make the DHCP server answer the relay."""
    relay, server = fired.facts.get("giaddr"), ", ".join(_target_address(fired)) or "the server"
    return (
        f"The relay passes the requests of {_device(facts)}{_switch_words(facts)} on, and the DHCP server does not "
        f"answer: {fired.summary}, from {_window(fired)} (frames {_frames(fired)}). Please check the scope for "
        f"{relay}, the server's route back to it, and UDP 67 between {relay} and {server} in both directions."
    )


def ipv4_form(facts: Facts, fired: Fired) -> str:
    """Give the device a network that speaks IPv4."""
    return (
        f"For {_device(facts)}{_switch_words(facts)}: {fired.summary} (frames {_frames(fired)}). Please move its port "
        f"to a VLAN with IPv4, or let this VLAN translate (DNS64 and NAT64) if the device speaks IPv6."
    )


def ipv6_form(facts: Facts, fired: Fired) -> str:
    """Make the VLAN give IPv6 addresses and a way out."""
    return (
        f"For {_device(facts)}{_switch_words(facts)}: {fired.summary}, from {_window(fired)} "
        f"(frames {_frames(fired)}). Please check for this VLAN: router advertisements (default lifetime, prefix, DNS "
        f"server), DHCPv6 server and relay, RA guard and MLD snooping of the switch."
    )


def gateway_form(facts: Facts, fired: Fired) -> str:
    """Check the way to the gateway and beyond."""
    gateway = f" (gateway {ip_text(facts.gateway)})" if facts.gateway else ""
    return (
        f"For {_device(facts)}{_switch_words(facts)}{gateway}: {fired.summary}, from {readable(fired.first_ns)} "
        f"(frames {_frames(fired)}). "
        f"Please check gateway address, net mask, VLAN and the routing of this subnet."
    )


def dns_form(facts: Facts, fired: Fired) -> str:
    """Make the name resolve."""
    names = ", ".join(fired.lookups) or (fired.target.host or "the vendor's names")
    resolver = f"Resolver {ip_text(fired.target.address)}: " if fired.target.address else ""
    return (
        f"{resolver}{fired.summary} at {readable(fired.began_ns)} (frames {_frames(fired)}). Please make {names} "
        f"resolve for {_device(facts)}, and test it with a query from the device's subnet, not from a server."
    )


def large_answers_form(facts: Facts, fired: Fired) -> str:
    """Let large DNS answers pass, over UDP and over TCP."""
    resolver = ", ".join(_target_address(fired)) or "its resolver"
    return (
        f"Please let DNS answers of every size pass between {_device(facts)} and {resolver}: UDP 53 above 512 bytes, "
        f"with the EDNS extension and with fragments, and TCP 53 beside it (RFC 7766). At "
        f"{readable(fired.began_ns)}: {fired.summary} (frames {_frames(fired)})."
    )


def idle_form(facts: Facts, fired: Fired) -> str:
    """Keep connections that are idle."""
    return (
        f"Please keep connections from {_device(facts)} to {_destination(fired)} longer while they are idle: raise the "
        f"idle time-out of firewall, translator and proxy for them. Seen from {_window(fired)}: {fired.summary} "
        f"(frames {_frames(fired)})."
    )


def spare_way_form(facts: Facts, fired: Fired) -> str:
    """Make both ways out alike."""
    return (
        f"For {_device(facts)}: {fired.summary} (frames {_frames(fired)}). Please let both routers share their "
        f"connection tables, or accept that connections break; and give the spare line the same firewall rules."
    )


def vendor_form(facts: Facts, fired: Fired) -> str:
    """Ask the vendor about its side."""
    return (
        f"{_device(facts)}, {_window(fired)}: the network is good up to the stage before {fired.stage}; "
        f"{_destination(fired)}: {fired.summary} (frames {_frames(fired)}). Is the device registered, "
        f"and was there maintenance?"
    )


# --- the fields ---------------------------------------------------------------------------------


def _sentence(fired: Fired) -> str:
    """The evidence as the begin of a sentence."""
    return f"{fired.summary[:1].upper()}{fired.summary[1:]}"


def _device(facts: Facts) -> str:
    """The device for a sentence: ``10.0.0.5 (MAC aa:…, VLAN 10)``, or by its MAC while it has no address."""
    mac = f"MAC {mac_text(facts.mac)}" if facts.mac is not None else ""
    vlan = f"VLAN {number}" if (number := _vlan(facts)) is not None else ""
    if facts.address is None:
        return ", ".join(part for part in (f"the device with {mac}" if mac else "the device", vlan) if part)
    known = ", ".join(part for part in (mac, vlan) if part)
    return f"{ip_text(facts.address)} ({known})" if known else ip_text(facts.address)


def _source(facts: Facts) -> str:
    return ip_text(facts.address) if facts.address is not None else (mac_text(facts.mac) if facts.mac else "the device")


def _vlan(facts: Facts) -> int | None:
    """The VLAN that the device's frames name, else the one that its switch port announces."""
    port = port_of(facts)
    return facts.host.vlan if facts.host.vlan is not None or port is None else port.vlan


def _switch_words(facts: Facts) -> str:
    """The device's switch port, or at least where the capture was taken."""
    own, ports = port_of(facts), switch_ports(facts.traffic)
    if own is not None and own.port:
        return f" on {own.name or 'the switch'}, port {own.port}"
    if len(ports) == 1 and ports[0].port:
        return f" (captured at {ports[0].name or 'the switch'}, port {ports[0].port})"
    return ""


def _frames(fired: Fired) -> str:
    return ", ".join(str(f) for f in fired.frames)


def _window(fired: Fired) -> str:
    return f"{readable(fired.first_ns)} to {readable(fired.last_ns)}"


def _port_words(fired: Fired) -> str:
    ports = _ports(fired)
    return f", port {' or '.join(ports)}," if ports else ""


def _ports(fired: Fired) -> list[str]:
    ports = sorted({a.port for a in fired.attempts}) or ([fired.target.port] if fired.target.port else [])
    return [str(p) for p in ports]


def _moments(fired: Fired) -> str:
    times = [a.began_ns for a in fired.attempts] or [fired.first_ns, fired.last_ns]
    picked = dict.fromkeys((times[0], times[len(times) // 2], times[-1]))
    return ", ".join(readable(t) for t in list(picked)[:LOOK_UP_TIMES])


def _host_words(fired: Fired) -> str:
    names = dict.fromkeys(
        [a.host for a in fired.attempts if a.host] or ([fired.target.host] if fired.target.host else [])
    )
    addresses = dict.fromkeys([ip_text(a.address) for a in fired.attempts] or _target_address(fired))
    if not names:
        return ", ".join(addresses) or "the vendor's servers"
    resolved = f" (resolved to {', '.join(addresses)}; these change, so better by name or port)" if addresses else ""
    return ", ".join(str(n) for n in names) + resolved


def _target_address(fired: Fired) -> list[str]:
    return [ip_text(fired.target.address)] if fired.target.address is not None else []


def _destination(fired: Fired) -> str:
    transport = (fired.attempts[0].transport if fired.attempts else fired.target.transport) or ""
    ports = _ports(fired)
    where = _host_words(fired)
    return f"{where}, {transport.upper()} {' and '.join(ports)}" if ports and transport else where


_FIREWALL_THEN_VENDOR: Sequence[tuple[Addressee, Form]] = (
    (Addressee.FIREWALL, firewall_form),
    (Addressee.VENDOR, vendor_form),
)
_VENDOR: Sequence[tuple[Addressee, Form]] = ((Addressee.VENDOR, vendor_form),)
_FIREWALL: Sequence[tuple[Addressee, Form]] = ((Addressee.FIREWALL, firewall_form),)
_INSPECTION: Sequence[tuple[Addressee, Form]] = ((Addressee.INSPECTION, inspection_form),)

BY_STAGE: dict[Stage, Sequence[tuple[Addressee, Form]]] = {
    Stage.LINK: ((Addressee.LAN, lan_form),),
    Stage.DHCP: ((Addressee.LAN, lan_form),),
    Stage.GATEWAY: ((Addressee.LAN, gateway_form),),
    Stage.DNS: ((Addressee.DNS, dns_form),),
    Stage.TIME: _FIREWALL,
    Stage.CONNECT: _FIREWALL_THEN_VENDOR,
    Stage.TLS: _INSPECTION,
    Stage.APP: _VENDOR,
    Stage.RETURN: _FIREWALL_THEN_VENDOR,
    Stage.PERSIST: _FIREWALL,
}
_IPV4: Sequence[tuple[Addressee, Form]] = ((Addressee.LAN, ipv4_form),)
_IPV6: Sequence[tuple[Addressee, Form]] = ((Addressee.LAN, ipv6_form),)
_PROXY: Sequence[tuple[Addressee, Form]] = ((Addressee.FIREWALL, proxy_form),)
BY_RULE: dict[str, Sequence[tuple[Addressee, Form]]] = {
    "DHCP-RELAY-NO-REPLY": ((Addressee.LAN, relay_form),),
    "DHCP-IPV6-ONLY": _IPV4,
    "DNS-NO-AAAA": _IPV4,
    "DHCP6-NO-ADVERTISE": _IPV6,
    "DHCP6-NO-ADDRS": _IPV6,
    "RA-NO-REPLY": _IPV6,
    "RA-NO-ROUTER": _IPV6,
    "RA-NO-DNS": _IPV6,
    "ND-GW-NO-REPLY": _IPV6,
    "ND-DUP-IP": _IPV6,
    "ICMP-ADMIN": _FIREWALL,
    "ICMP-PORT-UNREACH-NEAR": _FIREWALL,
    "ICMP-PORT-UNREACH-FAR": _VENDOR,
    "TCP-RST-INJECTED": _FIREWALL,
    "TCP-HALF-OPEN": ((Addressee.LAN, gateway_form),),
    "ARP-PEER-NO-REPLY": ((Addressee.LAN, gateway_form),),
    "TLS-ALERT-SERVER": _VENDOR,
    "TLS-CERT-INVALID": ((Addressee.INSPECTION, inspection_form), (Addressee.VENDOR, vendor_form)),
    "FTP-DATA-BLOCKED": ((Addressee.FIREWALL, ftp_data_form),),
    "FTP-PASV-PRIVATE": _VENDOR,
    "FTP-ACTIVE-NAT": ((Addressee.FIREWALL, ftp_active_form),),
    "WS-UPGRADE-REJECTED": ((Addressee.INSPECTION, inspection_form), (Addressee.VENDOR, vendor_form)),
    "WS-UPGRADE-STRIPPED": ((Addressee.INSPECTION, upgrade_form),),
    "HTTP-BLOCK-PAGE": _INSPECTION,
    "CAPTIVE-PORTAL": ((Addressee.LAN, portal_form),),
    "PROXY-ONLY-NET": _FIREWALL,
    "PROXY-CONNECT-REJECTED": _PROXY,
    "PG-NO-REPLY": _FIREWALL_THEN_VENDOR,
    "TCP-DATA-BLACKHOLE": _INSPECTION,
    "MTU-BLACKHOLE": _FIREWALL,
    "DNS-TRUNCATED": ((Addressee.FIREWALL, large_answers_form),),
    "DNS-EDNS-DROP": ((Addressee.FIREWALL, large_answers_form),),
    "DNS-ANSWER-UNUSED": ((Addressee.LAN, gateway_form),),
    "DNS-NO-QUERY": _VENDOR,
    "SVC-NO-ATTEMPT": _VENDOR,
    "NAT-IDLE-TIMEOUT": ((Addressee.FIREWALL, idle_form),),
    "WS-DROP": ((Addressee.FIREWALL, idle_form), (Addressee.VENDOR, vendor_form)),
    "PATH-SWITCH": ((Addressee.LAN, spare_way_form),),
}
