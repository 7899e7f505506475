"""What is asked of whom, rule by rule: the forms of the catalogue, section 14.5a.

A form's sentence names no device, so that one request may speak of several; ``remedies.py`` puts
device, far side, evidence and times around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from pcapaudit.diagnose.facts import Facts
from pcapaudit.diagnose.fields import Situation, contrast, offered_certificate, proven_network
from pcapaudit.diagnose.fired import Fired
from pcapaudit.model.addresses import ip_text, is_private, is_public
from pcapaudit.model.far_side import say_list
from pcapaudit.model.records import dataclass
from pcapaudit.model.words import Action, Addressee, Stage

LIKELY = 30
PROXY_LOGIN = 407
VENDOR_FIRST_KINDS = frozenset({"server", "registration"})

Words: TypeAlias = str | Callable[[Facts, Fired], str]
Remarks: TypeAlias = Callable[[Facts, Fired, Situation], list[str]]


@dataclass(frozen=True, slots=True)
class Form:
    """One request to one addressee.

    Attributes:
        what: The sentence that asks, without a full stop; names no device.
        has_flows: It speaks of traffic, so that far side, transport and ports belong to it.
        is_by_proxy: That traffic goes to a proxy, whose address and port are not those of the far side.
        log: The log to search at the times of the attempts; None where none would tell more.
        hint: What else may be behind it.
        remarks: What else the capture shows that this addressee wants to know.
    """

    to: Addressee
    what: Words
    action: Action = Action.CHECK
    has_flows: bool = False
    is_by_proxy: bool = False
    log: str | None = None
    hint: Words | None = None
    remarks: Remarks = contrast

    def sentence(self, facts: Facts, fired: Fired) -> str:
        """What is asked, for this finding."""
        return self.what if isinstance(self.what, str) else self.what(facts, fired)

    def advice(self, facts: Facts, fired: Fired) -> str | None:
        """The hint, for this finding."""
        return self.hint(facts, fired) if callable(self.hint) else self.hint


Forms: TypeAlias = Sequence[Form]


def forms_for(fired: Fired) -> Forms:
    """The forms that fit a finding, the likelier addressee first."""
    if fired.rule == "HTTP-ERROR" and fired.facts.get("status") == PROXY_LOGIN:
        return _PROXY
    if fired.rule == "DNS-NO-REPLY" and _is_beyond_the_firewall(fired.target.address):
        # No DNS team runs such a resolver.
        return (_ALLOW, *BY_RULE[fired.rule])
    if fired.rule == "TLS-ALERT-CLIENT":
        return _for_refused_certificate(fired)
    forms = BY_RULE.get(fired.rule)
    if forms is None:
        forms = _by_cause(fired, BY_STAGE.get(fired.stage, ()))
    return _inside_the_site(forms) if _is_inside_the_site(fired) else forms


def _by_cause(fired: Fired, forms: Forms) -> Forms:
    """The forms of a stage, turned to what most likely causes it; where one cause stands out, only who can act."""
    if not fired.causes:
        return forms
    first = max(fired.causes, key=lambda c: c.weight)
    likely = BY_KIND.get((fired.rule, first.kind)) or BY_KIND.get((fired.stage, first.kind))
    if likely is not None:
        return likely if first.weight >= LIKELY else (*likely, *forms)
    if fired.stage is not Stage.CONNECT:
        return forms
    if first.kind in VENDOR_FIRST_KINDS:
        return tuple(reversed(forms))
    return forms[:1] if first.weight >= LIKELY else forms


def _for_refused_certificate(fired: Fired) -> Forms:
    """Inspection where something speaks for it; a device that trusts too little is its vendor's business."""
    ranked = sorted((c for c in fired.causes if c.weight), key=lambda c: -c.weight)
    forms = [_FIRMWARE_FORM if c.kind == "device" else _PINNED_FORM for c in ranked]
    return tuple(dict.fromkeys(forms)) or (_PINNED_FORM,)


def _is_beyond_the_firewall(address: bytes | None) -> bool:
    """Of an IPv6 address that cannot be said: a site's own are public as well."""
    return address is not None and len(address) == 4 and is_public(address)


def _is_inside_the_site(fired: Fired) -> bool:
    addresses = {a.address for a in fired.attempts} or ({fired.target.address} - {None})
    return bool(addresses) and all(address is not None and is_private(address) for address in addresses)


def _inside_the_site(forms: Forms) -> Forms:
    """For a far side that stands on the site itself: nothing goes out, and no vendor runs it."""
    own = {_ALLOW: _ALLOW_INSIDE, _ALLOW_REFUSED: _ALLOW_REFUSED_INSIDE, _VENDOR_FORM: _FAR_SIDE_FORM}
    return tuple(own.get(form, form) for form in forms)


# --- sentences that take something from the finding ------------------------------------------------------


def _gateway(facts: Facts, _fired: Fired) -> str:
    gateway = f" {ip_text(facts.gateway)}" if facts.gateway else " address"
    return f"Please check gateway{gateway}, net mask, VLAN and the routing of this subnet"


def _relay(_facts: Facts, fired: Fired) -> str:
    relay, server = fired.facts.get("giaddr") or "the relay", _target(fired) or "the server"
    return (
        f"Please check the scope for {relay}, the server's route back to it, and UDP 67 between {relay} and {server} "
        f"in both directions"
    )


def _name_form(request: str) -> Callable[[Facts, Fired], str]:
    """A sentence to the DNS team: ``{names}`` and ``{resolver}`` are filled in."""

    def write(_facts: Facts, fired: Fired) -> str:
        names = say_list(fired.lookups) or fired.target.host or "the vendor's names"
        filled = request.replace("{names}", names).replace("{resolver}", _target(fired) or "the resolver")
        return f"{filled}, and test it with a query from the device's subnet, not from a server"

    return write


def _target(fired: Fired) -> str | None:
    return ip_text(fired.target.address) if fired.target.address is not None else None


def _passive_ports(facts: Facts, fired: Fired, situation: Situation) -> list[str]:
    """The ports that the server named for its second connections."""
    ports = fired.facts.get("ports")
    named = [str(p) for p in ports] if isinstance(ports, list | tuple) else []
    told = [f"The ports that the server named: {say_list(named)}."] if named else []
    return told + contrast(facts, fired, situation)


# --- the forms ---------------------------------------------------------------------------------------------

FIREWALL_LOG = "the firewall's log"
_REFUSED_OPENLY = "Start at the box that sent these ICMP errors: it says itself that it refuses the traffic."


def _other_filters(_facts: Facts, fired: Fired) -> str:
    """What drops in silence beside a port rule; inside a datagram there is no TLS to inspect."""
    is_udp = {a.transport for a in fired.attempts} == {"udp"} or fired.target.transport == "udp"
    kinds = "application control" + (" or" if is_udp else ",") + " a country or reputation filter"
    return f"The drop may be made by {kinds}{'' if is_udp else ', or TLS inspection'} instead of a port rule."


def _lan(what: Words) -> Forms:
    return (Form(Addressee.LAN, what),)


def _dns(request: str) -> Forms:
    return (Form(Addressee.DNS, _name_form(request)),)


def _inspection(what: Words, hint: str | None = None) -> Form:
    return Form(
        Addressee.INSPECTION,
        what,
        Action.EXEMPT,
        has_flows=True,
        log=FIREWALL_LOG,
        hint=hint,
        remarks=offered_certificate,
    )


def _firewall(what: Words, action: Action = Action.ALLOW, hint: Words | None = None) -> Form:
    return Form(Addressee.FIREWALL, what, action, has_flows=True, log=FIREWALL_LOG, hint=hint)


_ALLOW = _firewall(
    "Please allow this traffic outbound, with the replies to it (stateful; no inbound rule is needed)",
    hint=_other_filters,
)
_ALLOW_REFUSED = replace(_ALLOW, hint=_REFUSED_OPENLY)
_ALLOW_INSIDE = _firewall(
    "Please allow this traffic between the site's networks, with the replies to it (stateful; no rule for the other "
    "direction is needed)",
    hint="An access list between VLANs may drop it, or a radio network that keeps its clients apart.",
)
_ALLOW_REFUSED_INSIDE = replace(_ALLOW_INSIDE, hint=_REFUSED_OPENLY)
_VENDOR_FORM = Form(
    Addressee.VENDOR,
    "Please look at your side of this traffic: is the device registered, and was there maintenance?",
    has_flows=True,
    remarks=proven_network,
)
_NO_CALL: Forms = (
    Form(
        Addressee.VENDOR,
        "Please say why the device does not call: is it set up and registered?",
        remarks=proven_network,
    ),
)
_FAR_SIDE_FORM = Form(
    Addressee.SITE,
    "Please check that the far side is switched on, has this address and runs its service",
    has_flows=True,
)
_NO_INSPECTION = "Please exempt this traffic from TLS inspection and application control"
_INSPECTION_FORM = _inspection(_NO_INSPECTION)
_PINNED_FORM = _inspection(_NO_INSPECTION, "The device accepts only its vendor's certificates.")
_FIRMWARE_FORM = Form(
    Addressee.VENDOR,
    "Please say which firmware accepts this certificate, and whether the device's clock may be wrong",
    has_flows=True,
    remarks=offered_certificate,
)
_FTP_FORM = _firewall(
    "Please let the firewall's FTP inspection pass this dialogue, or exempt it: the server's greeting does not come",
    Action.EXEMPT,
)
_IDLE_FORM = _firewall(
    "Please keep these connections longer while they are idle: raise the idle time-out of firewall, translator and "
    "proxy for them",
    Action.KEEP,
)
_LAN_FORM = _lan(
    "Please check for this port and MAC: access VLAN, 802.1X and MAC authentication, port security, DHCP snooping "
    "trust, free leases, MAC filter, helper address"
)
_LINE = _lan("Please check cable, duplex, radio and load of the line")
_UPLINK = _lan("Please check the gateway, its uplink and the routes beyond it")
_PROXY: Forms = (
    Form(
        Addressee.FIREWALL,
        "Please let the proxy pass this traffic without a login, or let it out directly",
        Action.EXEMPT,
        has_flows=True,
        is_by_proxy=True,
        log="the proxy's log",
    ),
)
_FIREWALL: Forms = (_ALLOW,)
_VENDOR: Forms = (_VENDOR_FORM,)
_FIREWALL_THEN_VENDOR: Forms = (_ALLOW, _VENDOR_FORM)
_GATEWAY = _lan(_gateway)
_NEAR_END = _lan("Please look between the mirror point and the device: cable, VLAN, port security")
_IPV4 = _lan(
    "Please move the port to a VLAN with IPv4, or let this VLAN translate (DNS64 and NAT64) if the device speaks IPv6"
)
_IPV6 = _lan(
    "Please check for this VLAN: router advertisements (default lifetime, prefix, DNS server), DHCPv6 server and "
    "relay, RA guard and MLD snooping of the switch"
)
_LARGE_ANSWERS: Forms = (
    _firewall(
        "Please let DNS answers of every size pass: UDP 53 above 512 bytes, with the EDNS extension and with "
        "fragments, and TCP 53 beside it (RFC 7766)"
    ),
)

BY_STAGE: dict[Stage, Forms] = {
    Stage.LINK: _LAN_FORM,
    Stage.DHCP: _LAN_FORM,
    Stage.GATEWAY: _GATEWAY,
    Stage.DNS: _dns("Please make {names} resolve at {resolver}"),
    Stage.TIME: _FIREWALL,
    Stage.CONNECT: _FIREWALL_THEN_VENDOR,
    Stage.TLS: (_INSPECTION_FORM,),
    Stage.APP: _VENDOR,
    Stage.RETURN: _FIREWALL_THEN_VENDOR,
    Stage.PERSIST: (
        _firewall(
            "Please look for what ends these connections: session table, intrusion prevention, idle time-out",
            Action.CHECK,
        ),
    ),
}
BY_RULE: dict[str, Forms] = {
    "DEV-REBOOT-LOOP": _lan("Please check PoE budget and log of this port, and the power supply of the device"),
    "LINK-8021X": _lan("Please enter the device's MAC for authentication bypass, or exempt the port from 802.1X"),
    "LINK-WRONG-VLAN": _lan("Please check the access VLAN of this port, and the device's reservation or fixed address"),
    "LINK-FLAP": _lan("Please check the error and link counters of this port, and try another cable"),
    "LINK-LOOP": _lan("Please find the loop between two ports, and switch on spanning tree and loop guard"),
    "DHCP-RELAY-NO-REPLY": _lan(_relay),
    "DHCP-OFFER-IGNORED": _lan(
        "Please check port and VLAN towards the device, and add the options that the scope lacks"
    ),
    "DHCP-RENEW-FAIL": _lan(
        "Please let UDP 67 and 68 pass between the device's subnet and the DHCP server, and check that server"
    ),
    "DHCP-NO-DNS": _lan("Please add DNS servers to the scope"),
    "DHCP-NO-ROUTER": _lan("Please add the default gateway to the scope"),
    "DHCP-ROGUE": _lan("Please find and remove the second DHCP server"),
    "DHCP-NAK": _lan("Please remove the stale reservation, and look for a second DHCP server"),
    "DHCP-IPV6-ONLY": _IPV4,
    "DHCP6-NO-ADVERTISE": _IPV6,
    "DHCP6-NO-ADDRS": _IPV6,
    "RA-NO-REPLY": _IPV6,
    "RA-NO-ROUTER": _lan("Please check the router's uplink, and the default lifetime that it advertises"),
    "RA-NO-DNS": _lan("Please add DNS servers to the router advertisements (RDNSS), or name them by DHCPv6"),
    "ND-GW-NO-REPLY": _IPV6,
    "ND-DUP-IP": _lan("Please find the second box with this address by its MAC"),
    "ARP-DUP-IP": _lan("Please find the second box with this address, and give the device a reservation"),
    "ARP-GW-CONFLICT": _lan("Please find the second box with the gateway's address, and give it another one"),
    "ARP-PEER-NO-REPLY": _lan(
        "Please let the two stations talk to each other (client isolation, VLAN), or find the one that is asked for"
    ),
    "GW-BLACKHOLE": _lan("Please let the device out through the gateway, or repair the uplink"),
    "DNS-TRUNCATED": _LARGE_ANSWERS,
    "DNS-EDNS-DROP": _LARGE_ANSWERS,
    "DNS-ANSWER-UNUSED": _NEAR_END,
    "DNS-NO-AAAA": _IPV4,
    "DNS-NO-QUERY": _NO_CALL,
    "DNS-NO-REPLY": _dns("Please let the device's subnet ask {resolver} by UDP and TCP 53, or name another resolver"),
    "DNS-NXDOMAIN": _dns("Please unblock {names} in the DNS filter of {resolver}"),
    "DNS-NODATA": _dns("Please unblock {names} in the DNS filter of {resolver}"),
    "DNS-SINKHOLE": _dns("Please take {names} off the block list of {resolver}"),
    "DNS-REBIND-FILTERED": _dns("Please exempt {names} from the protection against rebinding of {resolver}"),
    "DNS-STALE-ANSWER": _dns("Please make {resolver} give the current address of {names}"),
    "DNS-DOUBLE-ANSWER": _dns(
        "Please find the box that answers for {names} in the place of {resolver}, and let the questions through"
    ),
    "DNS-REFUSED": _dns("Please let the device's subnet ask {resolver}"),
    "DNS-SERVFAIL": _dns(
        "Please repair {resolver}: its way to the internet, its DNSSEC settings, its clock; it must resolve {names}"
    ),
    "NTP-KOD": _lan("Please give the device another time server (DHCP option 42), or run one of your own"),
    "NTP-UNSYNC": _lan("Please repair the time server, usually its own way out to UDP 123"),
    "NTP-OFFSET-LARGE": (Form(Addressee.SITE, "Please set the clock of the device"),),
    "ICMP-ADMIN": (_ALLOW_REFUSED,),
    "ICMP-PORT-UNREACH-NEAR": (_ALLOW_REFUSED,),
    "ICMP-PORT-UNREACH-FAR": _VENDOR,
    "ICMP-TTL-LOOP": _lan("Please check the routes of the routers that sent the errors"),
    "TCP-RST-INJECTED": _FIREWALL,
    "TCP-HALF-OPEN": _NEAR_END,
    "PROXY-ONLY-NET": (
        _firewall(
            "Please allow this traffic outbound directly, without the proxy, with the replies to it (stateful; no "
            "inbound rule is needed)"
        ),
    ),
    "SVC-NO-ATTEMPT": _NO_CALL,
    "TLS-ALERT-SERVER": _VENDOR,
    "TLS-INTERCEPT": (_PINNED_FORM,),
    "TLS-CERT-INVALID": (_PINNED_FORM, _VENDOR_FORM),
    "TLS-NO-TLS": (
        _inspection(
            "Please find out what answers in the server's place (portal, proxy, wrong forwarding), and exempt this"
        ),
    ),
    "TLS-RST-AFTER-SNI": (_inspection("Please allow these names in web filter and application control"),),
    "FTP-DATA-BLOCKED": (
        Form(
            Addressee.FIREWALL,
            "Please let the firewall follow FTP (its control connection works, the data connections that it opens to "
            "the same host beside it get no answer), or open the server's passive ports outbound",
            Action.ALLOW,
            has_flows=True,
            log=FIREWALL_LOG,
            remarks=_passive_ports,
        ),
    ),
    "FTP-PASV-PRIVATE": _VENDOR,
    "FTP-ACTIVE-NAT": (
        _firewall(
            "Please switch on the FTP helper (application gateway) of the router, or let the device use passive mode: "
            "the address that it tells the server inside FTP is not translated",
            Action.CHECK,
        ),
    ),
    "WS-UPGRADE-REJECTED": (_inspection("Please let websockets pass the proxy or firewall to this host"), _VENDOR_FORM),
    "WS-UPGRADE-STRIPPED": (
        _inspection("Please let the proxy hand the headers Upgrade and Connection on, or exempt this traffic from it"),
    ),
    "HTTP-BLOCK-PAGE": (_inspection("Please allow these hosts, or their category, in the web filter"),),
    "CAPTIVE-PORTAL": (Form(Addressee.LAN, "Please exempt the device's MAC address from the portal", Action.EXEMPT),),
    "PROXY-CONNECT-REJECTED": _PROXY,
    "PG-NO-REPLY": _FIREWALL_THEN_VENDOR,
    "TCP-DATA-BLACKHOLE": (_inspection("Please exempt this traffic from application control and content inspection"),),
    "MTU-BLACKHOLE": (
        _firewall(
            'Please let ICMP "fragmentation needed" (IPv6: "packet too big") pass to the device, or clamp the MSS '
            "where the way becomes narrow (RFC 8899)"
        ),
    ),
    "PATH-LOSS": _LINE,
    "RETURN-ACK-ONLY": _VENDOR,
    "RETURN-NOT-DELIVERED": (
        _firewall(
            "Please let the replies to this traffic through to the device (stateful; no inbound rule is needed): they "
            "reach the mirror point and not the device"
        ),
    ),
    "TCP-ZERO-WINDOW": (
        Form(
            Addressee.SITE,
            "Please restart the device, which takes no more data; if that does not last, tell its vendor",
        ),
    ),
    "UDP-WRONG-SOURCE": (
        _firewall(
            "Please correct the translation of these replies: they must come from the address and port that was asked",
            Action.CHECK,
        ),
        _VENDOR_FORM,
    ),
    "NAT-IDLE-TIMEOUT": (_IDLE_FORM,),
    "WS-DROP": (_IDLE_FORM, _VENDOR_FORM),
    "PATH-SWITCH": _lan(
        "Please let both routers share their connection tables, or accept that connections break; and give the spare "
        "line the same firewall rules"
    ),
}
BY_KIND: dict[tuple[str, str], Forms] = {
    ("ICMP-UNREACH", "uplink"): _UPLINK,
    (Stage.CONNECT, "uplink"): (*_UPLINK, _ALLOW),
    (Stage.CONNECT, "loss"): _LINE,
    (Stage.APP, "middlebox"): (_INSPECTION_FORM,),
    (Stage.APP, "filter"): (_FTP_FORM,),
}
"""Rule or stage, and kind of the likeliest cause -> the forms that fit better than those of the stage alone."""
