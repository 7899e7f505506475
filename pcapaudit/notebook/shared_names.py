"""Names that devices of any make ask for: a need perhaps, but nothing that tells one product from another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pcapaudit.catalog.schema import HostPattern

NETWORK_TIME = "network time"

_NAMES: Mapping[str, tuple[str, ...]] = {
    NETWORK_TIME: (
        "pool.ntp.org", "*.pool.ntp.org", "time.windows.com", "time.nist.gov", "*.time.nist.gov", "time.apple.com",
        "*.time.apple.com", "time.google.com", "time.android.com", "time.cloudflare.com", "ntp.ubuntu.com",
        "ntp.org", "*.ntp.org",
    ),
    "check for a captive portal": (
        "captive.apple.com", "connectivitycheck.gstatic.com", "connectivitycheck.android.com", "clients3.google.com",
        "www.msftconnecttest.com", "ipv6.msftconnecttest.com", "www.msftncsi.com", "dns.msftncsi.com",
        "detectportal.firefox.com", "connectivity-check.ubuntu.com", "nmcheck.gnome.org", "network-test.debian.org",
        "ping.archlinux.org", "fedoraproject.org",
    ),
    "updates of the operating system": (
        "*.windowsupdate.com", "*.update.microsoft.com", "*.delivery.mp.microsoft.com", "deb.debian.org",
        "security.debian.org", "*.debian.org", "archive.ubuntu.com", "*.archive.ubuntu.com", "security.ubuntu.com",
        "ports.ubuntu.com", "*.raspberrypi.org", "*.raspbian.org", "downloads.openwrt.org", "dl-cdn.alpinelinux.org",
        "mesu.apple.com", "swscan.apple.com", "swcdn.apple.com", "gdmf.apple.com",
    ),
    "check of certificates": (
        "*.lencr.org", "ocsp.digicert.com", "*.ocsp.digicert.com", "crl3.digicert.com", "crl4.digicert.com",
        "ocsp.sectigo.com", "ocsp.usertrust.com", "ocsp.pki.goog", "crl.pki.goog", "c.pki.goog", "o.pki.goog",
        "ocsp.globalsign.com", "crl.globalsign.com", "ocsp2.globalsign.com", "ocsp.entrust.net", "crl.entrust.net",
        "*.amazontrust.com",
    ),
    "service of everybody": (
        "www.google.com", "google.com", "dns.google", "one.one.one.one", "cloudflare-dns.com", "fonts.googleapis.com",
        "fonts.gstatic.com", "code.jquery.com", "pypi.org", "files.pythonhosted.org", "registry.npmjs.org",
    ),
}  # fmt: skip
"""What for -> names. Source: the defaults of the systems that ask for them, as their makers document them."""

_PATTERNS = tuple((what, HostPattern(name)) for what, names in _NAMES.items() for name in names)


@lru_cache(maxsize=8192)
def find_purpose(name: str) -> str | None:
    """What everybody asks for a name for; None where it is nobody's in particular, as far as is known here.

    >>> find_purpose("2.debian.pool.ntp.org"), find_purpose("gk.sensorist.com")
    ('network time', None)
    """
    return next((what for what, pattern in _PATTERNS if pattern.matches(name)), None)
