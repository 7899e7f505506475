"""Name resolution that a capture cannot read: DNS over TLS or HTTPS.

Source: RFC 7858, RFC 8484; catalogue, DNS-NO-QUERY.
"""

from __future__ import annotations

from pcapaudit.diagnose.facts import Facts
from pcapaudit.flows.flow import TCP
from pcapaudit.model.events import TlsClientHello

DNS_OVER_TLS = 853
"""Port of DNS over TLS and over QUIC (RFC 7858, RFC 9250)."""
RESOLVER_NAMES = (
    "dns.google", "cloudflare-dns.com", "one.one.one.one", "quad9.net", "doh.opendns.com", "dns.nextdns.io",
    "doh.dns.apple.com", "dns.apple.com", "adguard-dns.com", "doh.cleanbrowsing.org", "dns0.eu",
)  # fmt: skip
"""Names under which the common public resolvers serve DNS over HTTPS, subdomains included."""
MAX_FLOWS = 500


def uses_encrypted_dns(facts: Facts) -> bool:
    """Whether the device resolves names where nobody can read along: port 853, or HTTPS to a known resolver."""
    outward = facts.outward_flows[:MAX_FLOWS]
    if any(f.resp[1] == DNS_OVER_TLS for f in outward):
        return True
    return any(_names_resolver(facts, f.index) for f in outward if f.proto == TCP and f.resp[1] == 443)


def _names_resolver(facts: Facts, index: int) -> bool:
    hellos = (e.sni for e in facts.traffic.conversation(index) if isinstance(e, TlsClientHello) and e.sni)
    return any(name == known or name.endswith("." + known) for name in hellos for known in RESOLVER_NAMES)
