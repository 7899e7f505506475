"""What packets say: one named tuple per message that a dissector understands.

Every event begins with ``at``, the packet that holds it (for a message over several segments:
the packet that completed it). Addresses are packed bytes, times are int nanoseconds UTC,
unknown is None. Malformed input is data as well: ``Malformed``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias


class Packet(NamedTuple):
    """One decoded packet without its payload.

    A tuple like everything here, because captures hold millions: it is made several times faster than a data class.
    """

    frame: int
    time_ns: int
    src: bytes
    sport: int
    dst: bytes
    dport: int
    proto: int
    """IP protocol number (6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6); 0 for ARP and link-layer frames."""
    smac: bytes | None = None
    dmac: bytes | None = None
    vlan: int | None = None
    ttl: int = 0
    ip_id: int = 0
    ip_len: int = 0
    payload_len: int = 0
    """Bytes above TCP or UDP, from the IP length, never from the captured length."""
    flags: int = 0
    """TCP flags, low byte: FIN 1, SYN 2, RST 4, PSH 8, ACK 16."""
    seq: int = 0
    ack: int = 0
    window: int = 0
    dup_of: int = 0
    """Frame number of the first copy when this is a marked duplicate, else 0."""
    dont_fragment: bool = False


class Malformed(NamedTuple):
    """A message that does not keep its protocol's form; counted, never raised."""

    at: Packet
    protocol: str
    reason: str


class DnsRecord(NamedTuple):
    """One answer record. ``data`` is a packed address for A/AAAA, a lower-case name for
    CNAME/NS/PTR, else None. ``kind`` is the record type number.
    """

    name: str
    kind: int
    ttl: int
    data: bytes | str | None


class DnsMessage(NamedTuple):
    r"""One DNS message (RFC 1035) over UDP or TCP.

    Names are lower-case without the trailing dot, bytes outside printable ASCII escaped as
    ``\DDD``. ``question`` is None when it could not be read; ``is_complete`` is False when
    the message was cut or could not be parsed past that point.
    """

    at: Packet
    transport: Literal["udp", "tcp"]
    id: int
    is_response: bool
    rcode: int
    question: str | None
    kind: int
    """Type asked: 1 A, 28 AAAA, ...; 0 unknown."""
    answers: tuple[DnsRecord, ...] = ()
    answer_count: int = 0
    authority_count: int = 0
    has_soa: bool = False
    is_truncated: bool = False
    is_authoritative: bool = False
    recursion_available: bool = False
    has_edns: bool = False
    edns_size: int = 0
    extended_error: int | None = None
    """RFC 8914 info code of the first EDE option."""
    is_complete: bool = True
    opcode: int = 0
    """0 QUERY; 4 NOTIFY and 5 UPDATE use the sections for other things."""


class DhcpMessage(NamedTuple):
    """One DHCPv4 message (RFC 2131, 2132). ``kind``: 1 DISCOVER 2 OFFER 3 REQUEST 4 DECLINE
    5 ACK 6 NAK 7 RELEASE 8 INFORM, 0 when option 53 is missing (BOOTP).
    """

    at: Packet
    op: int
    kind: int
    xid: int
    secs: int
    hops: int
    broadcast: bool
    ciaddr: bytes
    yiaddr: bytes
    siaddr: bytes
    giaddr: bytes
    chaddr: bytes
    server_id: bytes | None = None
    requested: bytes | None = None
    mask: bytes | None = None
    routers: tuple[bytes, ...] = ()
    dns_servers: tuple[bytes, ...] = ()
    ntp_servers: tuple[bytes, ...] = ()
    lease_s: int | None = None
    domain: str | None = None
    host_name: str | None = None
    vendor_class: str | None = None
    client_id: bytes | None = None
    asked_options: tuple[int, ...] = ()
    """Option 55, parameter request list."""
    has_classless_routes: bool = False
    """Option 121 (RFC 3442)."""
    portal_uri: str | None = None
    """Option 114 (RFC 8910)."""
    ipv6_only_s: int | None = None
    """Option 108 (RFC 8925)."""
    wpad: str | None = None
    """Option 252."""
    is_complete: bool = True
    """False when the snap length cut the options."""


class Dhcp6Message(NamedTuple):
    """One DHCPv6 message (RFC 8415). ``kind``: 1 SOLICIT 2 ADVERTISE 3 REQUEST 7 REPLY ..."""

    at: Packet
    kind: int
    xid: int
    client_duid: bytes | None = None
    server_duid: bytes | None = None
    addresses: tuple[bytes, ...] = ()
    dns_servers: tuple[bytes, ...] = ()
    status: int | None = None


class ArpMessage(NamedTuple):
    """One ARP packet (RFC 826). ``op``: 1 request, 2 reply. ``at.src``/``at.dst`` repeat the
    protocol addresses, ``at.smac``/``at.dmac`` are those of the Ethernet header.
    """

    at: Packet
    op: int
    sender_mac: bytes
    sender_ip: bytes
    target_mac: bytes
    target_ip: bytes


class QuotedPacket(NamedTuple):
    """The packet that an ICMP error quotes, as far as it is there."""

    src: bytes
    dst: bytes
    proto: int
    sport: int | None
    dport: int | None
    ip_id: int
    ttl: int
    tcp_seq: int | None = None


class AdvertisedPrefix(NamedTuple):
    """A prefix that a router advertises (RFC 4861, 4.6.2); ``is_autonomous``: hosts may make addresses from it."""

    prefix: bytes
    length: int
    is_on_link: bool
    is_autonomous: bool


class IcmpMessage(NamedTuple):
    """One ICMP or ICMPv6 message (RFC 792, RFC 4443, RFC 4861)."""

    at: Packet
    family: Literal[4, 6]
    type: int
    code: int
    id: int | None = None
    """Echo identifier."""
    sequence: int | None = None
    quoted: QuotedPacket | None = None
    mtu: int | None = None
    gateway: bytes | None = None
    """Redirect: the better gateway."""
    target: bytes | None = None
    """Neighbour solicitation/advertisement: target address."""
    link_address: bytes | None = None
    """Source/target link-layer address option."""
    router_lifetime_s: int | None = None
    dns_servers: tuple[bytes, ...] = ()
    """RDNSS option of a router advertisement (RFC 8106)."""
    has_pref64: bool = False
    prefixes: tuple[AdvertisedPrefix, ...] = ()
    is_managed: bool = False
    """M flag of a router advertisement: addresses come by DHCPv6 (RFC 4861, 4.2)."""
    has_other: bool = False
    """O flag: name servers and the like come by DHCPv6."""


class NtpMessage(NamedTuple):
    """One NTP message (RFC 5905). ``mode`` 3 client, 4 server. Time stamps are ns since 1970,
    None when zero on the wire; the raw 64-bit values serve for matching.
    """

    at: Packet
    version: int
    mode: int
    leap: int
    stratum: int
    reference_id: bytes
    origin_raw: int
    transmit_raw: int
    origin_ns: int | None
    receive_ns: int | None
    transmit_ns: int | None


class TlsClientHello(NamedTuple):
    """RFC 8446, 4.1.2. ``versions`` from supported_versions, else the legacy version alone."""

    at: Packet
    first: Packet
    """Packet that holds the first byte; differs from ``at`` for a hello over several segments."""
    sni: str | None
    alpn: tuple[str, ...]
    versions: tuple[int, ...]
    size: int
    """Bytes of the handshake message with its 4-byte header, as it says itself."""
    is_complete: bool = True
    """False when a gap or the snap length cut it: SNI, ALPN and versions may then be missing."""


class TlsServerHello(NamedTuple):
    """``version`` is the negotiated one (supported_versions if present), e.g. 0x0303, 0x0304."""

    at: Packet
    version: int
    cipher: int
    is_retry_request: bool = False


class CertificateFacts(NamedTuple):
    """Fields of one X.509 certificate; times are ns UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """DNS names of the subject alternative name, lower-case; the common name when there is none."""
    not_before_ns: int
    not_after_ns: int
    key_sha256: str
    """Hex SHA-256 of the SubjectPublicKeyInfo."""
    is_self_issued: bool


class TlsCertificates(NamedTuple):
    """Certificate message of TLS <= 1.2, leaf first. From the server unless ``from_client``."""

    at: Packet
    chain: tuple[CertificateFacts, ...]
    from_client: bool = False


class TlsCertificateRequest(NamedTuple):
    """The server asks for a client certificate (TLS <= 1.2, visible)."""

    at: Packet


class TlsAlert(NamedTuple):
    """A plaintext alert record: RFC 8446, 6. ``level`` 1 warning, 2 fatal."""

    at: Packet
    from_client: bool
    level: int
    code: int


class TlsRecords(NamedTuple):
    """What the record layer of one direction shows beyond the handshake: how many records of
    which type came, and where application data (type 23) began and ended.
    """

    at: Packet
    from_client: bool
    handshake: int
    change_cipher: int
    application: int
    encrypted_alerts: int
    first_application_frame: int | None
    last_application: Packet | None
    last_application_size: int
    has_key_exchange: bool = False
    """A ClientKeyExchange came in the clear, so this is TLS 1.2 or older (RFC 5246, 7.4.7)."""


class TlsNotTls(NamedTuple):
    """After a ClientHello the server answered bytes that are no TLS; ``text`` is their first
    line, printable characters only, at most 80.
    """

    at: Packet
    text: str


class HttpRequest(NamedTuple):
    """Head of an HTTP/1.x request (RFC 9112). Header values are kept only for the names that
    rules read; credentials and cookies never are. ``has_credentials`` says that
    Authorization or Proxy-Authorization was there.
    """

    at: Packet
    method: str
    target: str
    version: str
    host: str | None
    upgrade: str | None = None
    websocket_key: str | None = None
    has_credentials: bool = False
    user_agent: str | None = None
    body_size: int | None = None


class HttpResponse(NamedTuple):
    """Head of an HTTP/1.x response. ``server`` and ``via`` name who made it."""

    at: Packet
    status: int
    reason: str
    version: str
    location: str | None = None
    server: str | None = None
    via: str | None = None
    upgrade: str | None = None
    websocket_accept: str | None = None
    websocket_versions: str | None = None
    content_type: str | None = None
    retry_after: str | None = None
    content_length: int | None = None
    body_prefix: bytes = b""
    """At most 256 bytes of the body that came with the head."""
    misses_upgrade: bool = False
    """Whether the body says that the request had no Upgrade or Connection header, as websocket servers put it."""


class WebsocketFrame(NamedTuple):
    """One frame after the upgrade (RFC 6455, 5.2)."""

    at: Packet
    from_client: bool
    opcode: int
    is_masked: bool
    size: int
    close_code: int | None = None


class FtpCommand(NamedTuple):
    """One control command (RFC 959). ``argument`` is None for USER, PASS and ACCT: names and
    passwords are never kept. ``data_endpoint`` for PORT and EPRT.
    """

    at: Packet
    verb: str
    argument: str | None
    data_endpoint: tuple[bytes, int] | None = None


class FtpReply(NamedTuple):
    """One (possibly multi-line) reply. ``data_endpoint`` for 227 and 229; the address of a 229
    is the control server's.
    """

    at: Packet
    code: int
    text: str
    data_endpoint: tuple[bytes, int] | None = None


PostgresKind: TypeAlias = Literal[
    "ssl_request",
    "gss_request",
    "startup",
    "ssl_accepted",
    "ssl_refused",
    "error",
    "auth_request",
    "auth_ok",
    "ready",
    "other",
]


class PostgresMessage(NamedTuple):
    """PostgreSQL start-up exchange. ``sqlstate`` for errors. User and database are never kept;
    ``startup`` says that they were readable on the wire.
    """

    at: Packet
    from_client: bool
    kind: PostgresKind
    sqlstate: str | None = None


class EapolFrame(NamedTuple):
    """802.1X (IEEE 802.1X-2020, 11). ``packet_type`` 0 EAP, 1 Start, 2 Logoff, 3 Key;
    ``eap_code`` 1 request 2 response 3 success 4 failure; ``eap_type`` 1 identity.
    """

    at: Packet
    packet_type: int
    eap_code: int | None
    eap_type: int | None


class Neighbour(NamedTuple):
    """LLDP (IEEE 802.1AB) or CDP announcement of a box on the wire, usually the switch."""

    at: Packet
    protocol: Literal["lldp", "cdp"]
    system: str | None
    port: str | None
    vlan: int | None
    """The port's untagged VLAN."""
    port_text: str | None = None
    """What the administrator calls the port, where it is told beside its id."""
    description: str | None = None
    """Make or platform."""
    voice_vlan: int | None = None
    management: bytes | None = None
    """Packed address at which the box is managed."""
    is_switch: bool | None = None
    """Whether it says that it forwards for others; None when it does not tell."""


class SpanningTree(NamedTuple):
    """A BPDU (IEEE 802.1D). ``is_topology_change`` for a TCN or the TC flag."""

    at: Packet
    is_topology_change: bool


Event: TypeAlias = (
    DnsMessage | DhcpMessage | Dhcp6Message | ArpMessage | IcmpMessage | NtpMessage | TlsClientHello |
    TlsServerHello | TlsCertificates | TlsCertificateRequest | TlsAlert | TlsRecords | TlsNotTls | HttpRequest |
    HttpResponse | WebsocketFrame | FtpCommand | FtpReply | PostgresMessage | EapolFrame | Neighbour | SpanningTree
)  # fmt: skip
